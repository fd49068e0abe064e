//! The two steps of a sign-in: the browser goes to the provider, and comes back.

use crate::asking::{Failure, Why};
use crate::error::OidcError;
use crate::provider::{Found, Provider};
use crate::rules;
use crate::token::{Claims, Unproven};
use metadata::access::{Role, check_name};
use openidconnect::core::{CoreAuthenticationFlow, CoreErrorResponseType};
use openidconnect::{AuthorizationCode, CsrfToken, Nonce, PkceCodeChallenge, PkceCodeVerifier, RequestTokenError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use subtle::ConstantTimeEq;
use url::Url;

/// Bytes of a subject (OpenID Connect Core 1.0 section 2).
const LONGEST_SUBJECT: usize = 255;

/// A sign-in that was begun. It is kept where only the browser that began it can have it taken up again, and is used once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Comes back with the browser (RFC 6749 section 10.12).
    pub state: String,
    /// Comes back in the token (OpenID Connect Core 1.0 section 15.5.2).
    pub nonce: String,
    /// Proves that who brings the code asked for it (RFC 7636 section 4.1).
    pub verifier: String,
    pub begun_at_ms: u64,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pending(begun at {} ms)", self.begun_at_ms)
    }
}

/// What the browser brings back, in the query of the redirect address: a code or an error (RFC 6749 sections 4.1.2 and 4.1.2.1).
#[derive(Clone, Default, Deserialize)]
pub struct Callback {
    #[serde(default)]
    pub state: String,
    pub code: Option<String>,
    pub error: Option<String>,
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Callback(code: {}, error: {})", self.code.is_some(), self.error.is_some())
    }
}

/// Who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// A name that an account can have.
    pub name: String,
    /// By what the provider knows them; it stays when the name changes.
    pub subject: String,
    pub role: Role,
}

impl Provider {
    /// Begins a sign-in: where the browser goes, and what is kept meanwhile. `now_ms` is milliseconds since 1970, in both steps.
    ///
    /// # Errors
    /// [`OidcError::ProviderDown`].
    pub async fn begin(&self, now_ms: u64) -> Result<(Url, Pending), OidcError> {
        let found = self.found(now_ms).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let request = found.client.authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random);
        let (url, state, nonce) = request.add_scopes(self.settings.scopes.iter().cloned()).set_pkce_challenge(challenge).url();
        let pending =
            Pending { state: state.into_secret(), nonce: nonce.secret().clone(), verifier: verifier.into_secret(), begun_at_ms: now_ms };
        Ok((url, pending))
    }

    /// Ends it. The provider is asked once for the token, and at most once for other keys.
    ///
    /// # Errors
    /// Any [`OidcError`]. Whatever it is, this sign-in is over.
    pub async fn finish(&self, pending: Pending, callback: &Callback, now_ms: u64) -> Result<Person, OidcError> {
        if !bool::from(pending.state.as_bytes().ct_eq(callback.state.as_bytes())) {
            return Err(OidcError::OtherState);
        }
        if now_ms >= pending.begun_at_ms.saturating_add(self.limits.pending_holds_ms) {
            return Err(OidcError::Expired);
        }
        if let Some(error) = &callback.error {
            return Err(self.denied(error));
        }
        let code = callback.code.clone().ok_or(OidcError::OtherState)?;
        let found = self.found(now_ms).await?;
        let claims = self.exchanged(&found, code, pending, now_ms).await?;
        self.person(&claims)
    }

    fn denied(&self, error: &str) -> OidcError {
        match error {
            "access_denied" | "login_required" | "consent_required" | "interaction_required" | "account_selection_required" => {
                OidcError::Denied
            }
            "server_error" | "temporarily_unavailable" => {
                OidcError::ProviderDown(Failure::at(self.settings.issuer(), Why::Document("it says that it is out of order")))
            }
            _ => OidcError::ClientRefused,
        }
    }

    /// The claims of the token that the provider gives for this code (OpenID Connect Core 1.0 section 3.1.3).
    async fn exchanged(&self, found: &Arc<Found>, code: String, pending: Pending, now_ms: u64) -> Result<Claims, OidcError> {
        let nonce = Nonce::new(pending.nonce);
        let no_endpoint = |_| OidcError::ProviderDown(Failure::at(self.settings.issuer(), Why::Document("it names no token endpoint")));
        let request = found.client.exchange_code(AuthorizationCode::new(code)).map_err(no_endpoint)?;
        let request = request.set_pkce_verifier(PkceCodeVerifier::new(pending.verifier));
        let answer = request.request_async(&self.asker).await.map_err(|error| match error {
            RequestTokenError::Request(failure) => OidcError::ProviderDown(failure),
            RequestTokenError::ServerResponse(no) if *no.error() == CoreErrorResponseType::InvalidGrant => OidcError::CodeRefused,
            RequestTokenError::ServerResponse(_) => OidcError::ClientRefused,
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => OidcError::BadToken("it cannot be read"),
        })?;
        let token = answer.extra_fields().id_token().ok_or(OidcError::BadToken("there is none"))?;
        let mut proven = Claims::proven(token, &self.settings, &found.keys, &nonce, now_ms);
        if let Err(Unproven::UnknownKey) = proven
            && let Some(found) = self.with_other_keys(found, now_ms).await?
        {
            proven = Claims::proven(token, &self.settings, &found.keys, &nonce, now_ms);
        }
        proven.map_err(|why| match why {
            Unproven::UnknownKey => OidcError::BadToken("it is signed with a key that is not the provider's"),
            Unproven::Bad(why) => OidcError::BadToken(why),
        })
    }

    /// Nothing of a name is replaced or cut, and no other claim takes its place: two people must not become one account.
    fn person(&self, claims: &Claims) -> Result<Person, OidcError> {
        let settings = &self.settings;
        let role = rules::role(&settings.rules, &claims.list(&settings.groups_claim)).ok_or(OidcError::NoRole)?;
        let bad = |why: String| OidcError::BadName { claim: settings.name_claim.clone(), why };
        let name = claims.text(&settings.name_claim).ok_or_else(|| bad("the token does not have it, or it is no text".to_owned()))?;
        check_name(name).map_err(|no| bad(format!("expected {}", no.allowed.unwrap_or(no.detail))))?;
        let fits = |subject: &&str| (1..=LONGEST_SUBJECT).contains(&subject.len()) && !subject.chars().any(char::is_control);
        let subject = claims.text("sub").filter(fits).ok_or(OidcError::BadToken("it names nobody"))?;
        Ok(Person { name: name.to_owned(), subject: subject.to_owned(), role: role.clone() })
    }
}
