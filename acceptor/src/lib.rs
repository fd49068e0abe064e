//! The port of a process, controller or storage service: who gets a place, for how long one may say nothing, and by which names
//! the process goes.
//!
//! * [`connections`]: accepts and speaks HTTP on what it accepted. [`names`]: the Host of a request.

pub mod connections;
pub mod names;

pub use connections::{Limits, Place, Places, serve};
pub use names::Names;
