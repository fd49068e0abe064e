//! Writing: an intent waits in the leader's [`inbox`], and the [`planner`] decides it on a draft and proposes it (steps 2 to 4), for
//! whom the [`rights`] say that it is theirs.

pub(crate) mod inbox;
pub(crate) mod planner;
mod rights;
