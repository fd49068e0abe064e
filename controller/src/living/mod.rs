//! Living: how a node starts and comes back ([`boot`]), who it is ([`identity`]), why it takes no part ([`fault`]), and how it proves that
//! its state is right ([`proofs`], [`scrub`]).

pub(crate) mod boot;
pub(crate) mod fault;
pub(crate) mod identity;
pub(crate) mod proofs;
pub(crate) mod scrub;
