//! What is known of the provider: where its endpoints are and what it signs with. It is asked when it is needed, by one at a time, and again
//! when it is old or a token names another key.

use crate::asking::{Asker, Failure, Why};
use crate::error::OidcError;
use crate::secure::secure;
use crate::settings::Settings;
use crate::token::{Keys, Known};
use openidconnect::core::{CoreClientAuthMethod, CoreProviderMetadata};
use openidconnect::{AuthType, DiscoveryError, JsonWebKeySetUrl};
use reqwest::ClientBuilder;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long, how much and how often. Times that end in `_ms` are milliseconds of the clock that callers give.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For one answer of the provider, from the connection to its last byte.
    pub answer_within: Duration,
    /// Bytes of one answer.
    pub answer_bytes: usize,
    /// So long nobody asks again after the provider could not be asked.
    pub failure_holds_ms: u64,
    /// So long what it says of itself, keys included, is taken as it is.
    pub found_holds_ms: u64,
    /// So long between two looks for a key that is not known.
    pub keys_every_ms: u64,
    /// So long a person has at the provider's pages.
    pub pending_holds_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            answer_within: Duration::from_secs(5),
            answer_bytes: 1 << 20,
            failure_holds_ms: 5_000,
            found_holds_ms: 3_600_000,
            keys_every_ms: 60_000,
            pending_holds_ms: 600_000,
        }
    }
}

/// A provider, and how people sign in by it. To be shared.
pub struct Provider {
    pub(crate) settings: Settings,
    pub(crate) asker: Asker,
    pub(crate) limits: Limits,
    memory: Mutex<Memory>,
    /// Who asks the provider about itself: one, and the others take what it is told.
    turns: Semaphore,
}

#[derive(Default)]
struct Memory {
    found: Option<Arc<Found>>,
    /// When the provider could not be asked.
    failed: Option<(u64, Failure)>,
    /// When a key was last looked for that was not known.
    looked_at_ms: Option<u64>,
}

/// What the provider says of itself.
pub(crate) struct Found {
    pub(crate) client: Arc<Known>,
    pub(crate) keys: Keys,
    keys_url: JsonWebKeySetUrl,
    at_ms: u64,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Provider({})", self.settings.issuer())
    }
}

impl Provider {
    /// Makes one; it is not asked anything yet. The client's own way of speaking TLS is kept, its redirects and time-outs are not.
    ///
    /// # Errors
    /// When no client can be made so.
    pub fn new(settings: Settings, client: ClientBuilder, limits: Limits) -> Result<Self, reqwest::Error> {
        let asker = Asker::new(client, limits.answer_within, limits.answer_bytes)?;
        Ok(Provider { settings, asker, limits, memory: Mutex::default(), turns: Semaphore::new(1) })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(&self, now_ms: u64) -> Option<Result<Arc<Found>, OidcError>> {
        let memory = self.memory();
        let fresh = memory.found.as_ref().filter(|found| now_ms < found.at_ms.saturating_add(self.limits.found_holds_ms));
        if let Some(found) = fresh {
            return Some(Ok(found.clone()));
        }
        let failed = memory.failed.as_ref().filter(|(at_ms, _)| now_ms < at_ms.saturating_add(self.limits.failure_holds_ms));
        failed.map(|(_, failure)| Err(OidcError::ProviderDown(failure.clone())))
    }

    /// What the provider says of itself, asked for when nothing is known or it is old.
    pub(crate) async fn found(&self, now_ms: u64) -> Result<Arc<Found>, OidcError> {
        if let Some(remembered) = self.remembered(now_ms) {
            return remembered;
        }
        let _turn = self.turns.acquire().await;
        if let Some(remembered) = self.remembered(now_ms) {
            return remembered;
        }
        let began = Instant::now();
        let discovered = self.discover(now_ms).await.map(Arc::new);
        // It is remembered from when it failed on, and whoever asked may have waited for that.
        let ended_ms = now_ms.saturating_add(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        let mut memory = self.memory();
        match &discovered {
            Ok(found) => (memory.found, memory.failed) = (Some(found.clone()), None),
            Err(failure) => memory.failed = Some((ended_ms, failure.clone())),
        }
        discovered.map_err(OidcError::ProviderDown)
    }

    /// OpenID Connect Discovery 1.0 section 4, then the keys.
    async fn discover(&self, now_ms: u64) -> Result<Found, Failure> {
        let settings = &self.settings;
        let document = CoreProviderMetadata::discover_async(settings.issuer.clone(), &self.asker).await;
        let document = document.map_err(|error| failure(settings.issuer(), error))?;
        let authorization = document.authorization_endpoint();
        if !secure(authorization.url()) {
            return Err(Failure::at(authorization.as_str(), Why::Insecure));
        }
        // Without a word about it, Basic is what a provider takes (OpenID Connect Discovery 1.0 section 3).
        let basic =
            document.token_endpoint_auth_methods_supported().is_none_or(|all| all.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let (keys, keys_url) = (document.jwks().clone(), document.jwks_uri().clone());
        let client = Known::from_provider_metadata(document, settings.client_id.clone(), settings.client_secret.clone())
            .set_redirect_uri(settings.redirect.clone())
            .set_auth_type(if basic { AuthType::BasicAuth } else { AuthType::RequestBody });
        Ok(Found { client: Arc::new(client), keys, keys_url, at_ms: now_ms })
    }

    /// The same with the keys of now, for a token with a key that these lack; none where they were looked for a short while ago.
    pub(crate) async fn with_other_keys(&self, lacking: &Arc<Found>, now_ms: u64) -> Result<Option<Arc<Found>>, OidcError> {
        let _turn = self.turns.acquire().await;
        {
            let mut memory = self.memory();
            if let Some(found) = memory.found.as_ref().filter(|found| !Arc::ptr_eq(found, lacking)) {
                return Ok(Some(found.clone()));
            }
            if memory.looked_at_ms.is_some_and(|at_ms| now_ms < at_ms.saturating_add(self.limits.keys_every_ms)) {
                return Ok(None);
            }
            memory.looked_at_ms = Some(now_ms);
        }
        let keys = Keys::fetch_async(&lacking.keys_url, &self.asker).await;
        let keys = keys.map_err(|error| OidcError::ProviderDown(failure(lacking.keys_url.as_str(), error)))?;
        let found = Arc::new(Found { client: lacking.client.clone(), keys, keys_url: lacking.keys_url.clone(), at_ms: lacking.at_ms });
        self.memory().found = Some(found.clone());
        Ok(Some(found))
    }
}

fn failure(at: &str, error: DiscoveryError<Failure>) -> Failure {
    match error {
        DiscoveryError::Request(failure) => failure,
        DiscoveryError::Response(status, ..) if !status.is_success() => Failure::at(at, Why::Status(status.as_u16())),
        DiscoveryError::Response(..) => Failure::at(at, Why::Document("what it says of itself, or its keys, is not sent as JSON")),
        DiscoveryError::Validation(_) => Failure::at(at, Why::Document("it says of itself that it is another issuer")),
        _ => Failure::at(at, Why::Document("what it says of itself, or its keys, cannot be read")),
    }
}
