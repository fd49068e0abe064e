//! How a sign-in ends when it does not end well, in sentences for the person who tried. None holds a token, a code, or text that the
//! provider sent.

use crate::asking::Failure;

/// Why nobody is signed in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// The provider could not be asked, or what it answered is no answer.
    #[error("the sign-in provider cannot be reached: {0}")]
    ProviderDown(Failure),
    /// The provider, or the person at its page, said no (RFC 6749 section 4.1.2.1).
    #[error("the sign-in provider did not let you in")]
    Denied,
    /// Between the two steps went more time than is allowed.
    #[error("this sign-in took too long: begin again")]
    Expired,
    /// The answer is to no question of ours: another sign-in, or somebody else's.
    #[error("this answer belongs to no sign-in that was begun here: begin again")]
    OtherState,
    /// The provider does not take the code: it was used, it is too old, or the verifier is not its own (RFC 6749 section 5.2, `invalid_grant`).
    #[error("the sign-in provider does not take this answer any more: begin again")]
    CodeRefused,
    /// The provider does not take this cluster as a client, or not for what it asks.
    #[error("the sign-in provider refuses this cluster: its client id, secret, redirect address or scopes are not what was agreed")]
    ClientRefused,
    /// The ID token does not prove what it has to.
    #[error("the sign-in provider's token is refused: {0}")]
    BadToken(&'static str),
    /// No rule names one of the person's groups.
    #[error("no group of yours has a role here")]
    NoRole,
    /// What should be the account's name cannot be one.
    #[error("the claim {claim:?} makes no account name: {why}")]
    BadName { claim: String, why: String },
}

impl OidcError {
    /// Whether the very same may go well a little later.
    pub fn retryable(&self) -> bool {
        matches!(self, OidcError::ProviderDown(_))
    }
}
