//! What proves a replica: the incremental [`digest`], and the [`scrub`] that computes it anew.

pub mod digest;
pub mod scrub;
