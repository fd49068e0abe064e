//! What the log made true, looked back at: `was` says what a change replaced, `record` is a commit with all that is kept of it,
//! `filter` which of them somebody looks for.

mod filter;
mod record;
mod was;

pub use filter::{Filter, Tag};
pub use record::{Beside, Record};
pub use was::Was;
