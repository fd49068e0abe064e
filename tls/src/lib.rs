//! Who is at the other end of a connection, and that nobody else hears it: certificates and keys, what they say, and how they change
//! while a process runs.
//!
//! * `identity`: what a certificate says of its holder. `certificate`: what else is read of one. `files`: the directory that
//!   holds them, checked as a set.
//! * `configs`: how each kind of caller is answered. `current`: the set in use, and how another takes its place.
//! * `accepting` and `dialling`: the two sides of a handshake. `secured`: the stream that comes of it.
//! * [`issue`]: a certificate authority for those who have none.

mod accepting;
mod certificate;
mod configs;
mod current;
mod dialling;
mod files;
mod identity;
pub mod issue;
mod secured;

pub use certificate::{Certificate, day};
pub use current::{Certificates, LOOK_EVERY, Revoked, Speaking, Status};
pub use dialling::{Expected, causes, speaks_no_tls, trusting};
pub use files::{CA, NODE, NODE_KEY, Unusable, WEB, WEB_KEY, private_key};
pub use identity::Identity;
pub use secured::Secured;

pub use rustls::{ClientConfig, Error as TlsError};

use rustls::crypto::{CryptoProvider, ring};
use std::sync::{Arc, LazyLock};

/// What controllers say that they speak (ALPN): a connection with it is theirs from its first byte.
pub const RAFT: &[u8] = b"quorate-raft/1";
/// What everybody else speaks.
pub const HTTP: &[u8] = b"http/1.1";

/// Given everywhere: a process-wide default would be whichever library came first.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));
