//! People sign in by an OpenID Connect provider: where a browser is sent, what is made of it when it comes back, and which role it takes.
//! Nothing here knows of HTTP servers or of Raft.
//!
//! * `settings`: what an operator writes. `rules`: from groups to a role. `secure`: which addresses a secret may go to.
//! * `asking`: one question to the provider, bounded in bytes and in time. `provider`: what is known of it, for how long, and how another
//!   key becomes known.
//! * `signing_in`: the two steps. `token`: what an ID token has to prove. `error`: how it ends otherwise.
//!
//! A sign-in goes: [`Provider::begin`] gives an address for the browser and a [`Pending`] to keep; the provider sends the browser back with a
//! [`Callback`]; [`Provider::finish`] makes a [`Person`] of the two. The flow is that of OpenID Connect Core 1.0 section 3.1 (code flow) with
//! PKCE (RFC 7636).

mod asking;
mod error;
mod provider;
mod rules;
mod secure;
mod settings;
mod signing_in;
mod token;

pub use asking::{Failure, Why};
pub use error::OidcError;
pub use provider::{Limits, Provider};
pub use rules::Rule;
pub use settings::{Settings, WrongSettings};
pub use signing_in::{Callback, Pending, Person};
