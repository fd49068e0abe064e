//! What an ID token has to prove before a word of it is taken (OpenID Connect Core 1.0 section 3.1.3.7), and what is read of it then.

use crate::settings::Settings;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey, CoreJsonWebKeySet,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, ClaimsVerificationError, Client, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdToken,
    IdTokenClaims, IdTokenFields, IdTokenVerifier, Nonce, SignatureVerificationError, StandardErrorResponse, StandardTokenResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::{Duration, UNIX_EPOCH};

/// So many seconds the provider's clock and this one may differ.
const LEEWAY_S: u64 = 60;

/// The claims that the standard does not name, as they come: groups are among them.
#[derive(Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Others(Map<String, Value>);

impl AdditionalClaims for Others {}

pub(crate) type Keys = CoreJsonWebKeySet;
type Fields = IdTokenFields<Others, EmptyExtraTokenFields, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Token = IdToken<Others, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

/// A client of a provider that has said where its endpoints are.
pub(crate) type Known = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why a token proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unproven {
    /// It may with the keys that the provider has by now.
    UnknownKey,
    Bad(&'static str),
}

/// What is known of somebody once it is proven.
#[derive(Debug)]
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    /// Takes the claims of a token that was issued to this client, by this provider, for this sign-in, and holds now.
    pub(crate) fn proven(token: &Token, settings: &Settings, keys: &Keys, nonce: &Nonce, now_ms: u64) -> Result<Self, Unproven> {
        let late_s = (now_ms / 1_000).saturating_sub(LEEWAY_S);
        // As for a client without a secret: a secret is no key here, so there is nothing that HS256 could be made with.
        let verifier = IdTokenVerifier::new_public_client(settings.client_id.clone(), settings.issuer.clone(), keys.clone())
            .set_allowed_algs([CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256, CoreJwsSigningAlgorithm::EcdsaP256Sha256])
            .set_time_fn(move || (UNIX_EPOCH + Duration::from_secs(late_s)).into());
        let claims = token.claims(&verifier, nonce).map_err(|error| unproven(&error))?;
        // The library leaves these two to its users.
        if claims.authorized_party().is_some_and(|party| *party != settings.client_id) {
            return Err(Unproven::Bad("it was issued for another client"));
        }
        let early_s = i64::try_from(now_ms / 1_000 + LEEWAY_S).unwrap_or(i64::MAX);
        if claims.issue_time().timestamp() > early_s {
            return Err(Unproven::Bad("it was issued in the future: compare the clocks"));
        }
        read(claims)
    }

    /// A claim that is a text.
    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.0.get(claim).and_then(Value::as_str)
    }

    /// A claim that is a list of texts, or one text; everything else in it is nothing.
    pub(crate) fn list(&self, claim: &str) -> Vec<String> {
        let owned = |value: &Value| value.as_str().map(str::to_owned);
        match self.0.get(claim) {
            Some(Value::Array(values)) => values.iter().filter_map(owned).collect(),
            Some(value) => owned(value).into_iter().collect(),
            None => Vec::new(),
        }
    }
}

/// All claims by their names: which of them are looked at, settings say.
fn read(claims: &IdTokenClaims<Others, CoreGenderClaim>) -> Result<Claims, Unproven> {
    match serde_json::to_value(claims) {
        Ok(Value::Object(claims)) => Ok(Claims(claims)),
        _ => Err(Unproven::Bad("its claims cannot be read")),
    }
}

fn unproven(error: &ClaimsVerificationError) -> Unproven {
    use SignatureVerificationError as Signature;
    Unproven::Bad(match error {
        ClaimsVerificationError::SignatureVerification(Signature::NoMatchingKey) => return Unproven::UnknownKey,
        ClaimsVerificationError::SignatureVerification(
            Signature::DisallowedAlg(_) | Signature::NoSignature | Signature::UnsupportedAlg(_),
        ) => "it is signed neither with RS256 nor with ES256",
        ClaimsVerificationError::SignatureVerification(Signature::AmbiguousKeyId(_)) => "it does not say with which key it is signed",
        ClaimsVerificationError::SignatureVerification(_) => "its signature is wrong",
        ClaimsVerificationError::InvalidIssuer(_) => "another provider issued it",
        ClaimsVerificationError::InvalidAudience(_) => "it was issued for another client",
        ClaimsVerificationError::InvalidNonce(_) => "it was issued for another sign-in",
        ClaimsVerificationError::Expired(_) => "it holds no more: compare the clocks",
        _ => "it is no ID token that can be verified here",
    })
}
