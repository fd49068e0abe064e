//! The Raft node: everything between the pure core (`metadata`) and the edges (`app`, `server`).
//!
//! Flow of a change: [`Controller::submit`] carries an intent to the leader → `planner` plans it on a draft and proposes →
//! `raft::log` makes it durable, `net` replicates it → `raft::machine` applies it → [`hub`] publishes the commit →
//! readers follow: the feed (in `server`), `lead::push`, `backup`.
//!
//! Layout: `handle` is what the edges hold, `node` what is behind it, `ground` what it stands on, `boot` how it starts and comes back; `inbox` is
//! where intents wait for the `planner`; `board` holds what was told of the others, `pulse` gathers it; `lead` is what only a leader does
//! (sessions, fencing, pulse, membership, pushes, backup); `reads` confirms leadership; `proofs` and `scrub` compare states, `fault` says why a node
//! takes no part. Clock and chance ([`environment`]), network ([`net::Transport`]), log and files ([`disk`]) are parameters, so that a
//! simulation runs this very code. The only crate that knows openraft.

mod api;
mod backup;
mod board;
mod boot;
#[cfg(test)]
mod decoders;
pub mod disk;
pub mod environment;
mod fault;
mod ground;
mod handle;
pub mod hub;
mod identity;
mod inbox;
mod lead;
pub mod net;
mod node;
mod options;
mod planner;
mod proofs;
mod pulse;
mod raft;
mod reads;
mod scrub;
mod sessions;
mod succession;

pub use api::{LONGEST_DEADLINE, Outcome, Refusal, Replacement, Submission, Submitted};
pub use backup::check_database_url;
pub use boot::start;
pub use fault::{Fault, StartError};
pub use ground::Ground;
pub use handle::Controller;
pub use options::{Options, PushNetworks};
