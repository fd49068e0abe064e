//! The port of a process, controller or storage service: who gets a place, for how long one may say nothing, and by which names
//! the process goes.
//!
//! * [`connections`]: accepts and speaks HTTP on what it accepted. [`place`]: how many there are. [`security`]: plain or over TLS, and who
//!   calls; [`stream`]: what comes of it. [`names`]: the Host of a request.

pub mod connections;
pub mod names;
pub mod place;
pub mod security;
pub mod stream;

pub use connections::serve;
pub use names::Names;
pub use place::{Limits, Place, Places};
pub use security::{Caller, Peers, Security};
pub use stream::Stream;
