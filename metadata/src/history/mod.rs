//! What the log made true, looked back at: `was` says what a change replaced, `record` is a commit with all that is kept of it (`run`: many of them at little cost),
//! `filter` which of them somebody looks for, `undo` what would take one back (`remake`: a topic; `no_inverse`: why nothing would), `diff` what
//! differs between two states.

mod diff;
mod filter;
mod no_inverse;
mod record;
mod remake;
mod run;
#[cfg(feature = "schema")]
mod schema;
mod undo;
mod was;

pub use diff::{Diff, Difference, Entity, diff};
pub use filter::{Filter, Tag};
pub use no_inverse::NoInverse;
pub use record::{Beside, Record};
pub use run::Run;
pub use undo::{inverse, offered};
pub use was::Was;
