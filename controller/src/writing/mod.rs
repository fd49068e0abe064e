//! Writing: an intent waits in the leader's [`inbox`], and the [`planner`] decides it on a draft and proposes it (steps 2 to 4).

pub(crate) mod inbox;
pub(crate) mod planner;
