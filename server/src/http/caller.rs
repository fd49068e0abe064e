//! Who asks, as far as the connection proves it.

use super::problem::Refused;
use acceptor::Caller;
use http::request::Parts;
use metadata::{BrokerId, Code, Rejection};
use tls::Identity;

/// Whether whoever sent this request may speak for a broker. Over TLS its certificate says so; elsewhere what the broker's session
/// is bound to is all that there is.
///
/// # Errors
/// UNAUTHENTICATED without a certificate, FORBIDDEN with another's.
pub fn speaks_for(parts: &Parts, id: BrokerId) -> Result<(), Refused> {
    let Some(caller) = parts.extensions.get::<Caller>() else {
        return Err(Refused::new(Code::Unauthenticated, "Nothing is known of this connection"));
    };
    match caller.identity {
        _ if !caller.secure => Ok(()),
        Some(Identity::Broker(own)) if own == id => Ok(()),
        None => Err(Refused::new(Code::Unauthenticated, format!("Broker {id} shows its certificate here"))),
        Some(other) => {
            let no = Rejection::new(Code::Forbidden, format!("{other} does not speak for broker {id}"));
            Err(no.at("id", id, format!("the certificate of {}", Identity::Broker(id))).into())
        }
    }
}
