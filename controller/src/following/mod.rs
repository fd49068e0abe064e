//! Following: what a node hears of the others ([`board`], [`pulse`]), and what it does when the leader's process is gone ([`succession`]).

pub(crate) mod board;
pub(crate) mod pulse;
pub(crate) mod succession;
