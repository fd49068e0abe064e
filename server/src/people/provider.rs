//! Signing in by a provider of identities: the sign-ins that were begun here, until the browser comes back.

use crate::usage::Usage;
use metadata::{Code, Rejection};
use oidc::{Callback, Limits, OidcError, Pending, Person, Settings};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use url::Url;

/// Where the browser comes back to.
pub const CALLBACK: &str = "/sign-in/provider/callback";
/// Sign-ins that are under way at once.
const MOST_PENDING: usize = 1_000;

/// A provider, and who is on the way to it.
pub struct Provider {
    provider: oidc::Provider,
    host: String,
    pending: Mutex<BTreeMap<String, (Pending, String)>>,
}

impl Provider {
    /// Reads what an operator wrote of it. `public` is how browsers reach this node.
    ///
    /// # Errors
    /// [`Usage`] with the flag at fault, and what is wrong.
    pub fn read(file: &Path, public: Option<&str>, base: &str) -> Result<Self, Usage> {
        let public = public.ok_or_else(|| Usage("--oidc goes with --public-url URL: where browsers reach this node".to_owned()))?;
        let wrong = || Usage(format!("--public-url {public:?} is no https://HOST[:PORT], nor http:// to loopback"));
        let redirect = Url::parse(public).ok().filter(|url| url.path() == "/" && url.query().is_none() && url.has_host());
        let redirect = redirect.and_then(|url| url.join(&format!("{base}{CALLBACK}")).ok()).ok_or_else(wrong)?;
        let no = |why: String| Usage(format!("--oidc {}: {why}", file.display()));
        let settings = Settings::read(file, &redirect).map_err(|error| no(error.to_string()))?;
        let host = Url::parse(settings.issuer()).ok().and_then(|issuer| issuer.host_str().map(str::to_owned)).unwrap_or_default();
        let trusting = tls::trusting(None).map_err(|error| no(error.to_string()))?;
        let client = reqwest::Client::builder().no_proxy().use_preconfigured_tls(trusting);
        let provider = oidc::Provider::new(settings, client, Limits::default()).map_err(|error| no(error.to_string()))?;
        Ok(Provider { provider, host, pending: Mutex::default() })
    }

    /// What people know it by.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where the browser goes, and what it has to come back with; `to` is where its person wanted to go here.
    ///
    /// # Errors
    /// OVERLOADED when the provider is not there, or too many are on the way.
    pub async fn begin(&self, to: &str, now_ms: u64) -> Result<(Url, String), Rejection> {
        let (url, pending) = self.provider.begin(now_ms).await.map_err(|error| refused(&error))?;
        let state = pending.state.clone();
        let mut all = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (pending, _)| now_ms < pending.begun_at_ms + Limits::default().pending_holds_ms);
        if all.len() >= MOST_PENDING {
            return Err(Rejection::new(Code::Overloaded, "Too many people are signing in at this node"));
        }
        all.insert(state.clone(), (pending, to.to_owned()));
        Ok((url, state))
    }

    /// Who has come back, and where they wanted to go. It is over, whatever comes of it.
    ///
    /// # Errors
    /// UNAUTHENTICATED, OVERLOADED when the provider is not there.
    pub async fn finish(&self, begun: &str, callback: &Callback, now_ms: u64) -> Result<(Person, String), Rejection> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(begun);
        let (pending, to) = pending.ok_or_else(|| refused(&OidcError::OtherState))?;
        let person = self.provider.finish(pending, callback, now_ms).await.map_err(|error| refused(&error))?;
        Ok((person, to))
    }
}

fn refused(error: &OidcError) -> Rejection {
    let code = if error.retryable() { Code::Overloaded } else { Code::Unauthenticated };
    let text = error.to_string();
    let mut letters = text.chars();
    let detail: String = letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default();
    Rejection::new(code, detail)
}
