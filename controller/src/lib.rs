//! The Raft node: everything between the pure core (`metadata`) and the edges (`app`, `server`).
//!
//! Flow of a change: [`Controller::submit`] carries an intent to the leader → `planner` plans it on a draft and proposes →
//! `raft::log` makes it durable, `net` replicates it → `raft::machine` applies it → [`hub`] publishes the commit →
//! readers follow: the feed (in `server`), `lead::push`, `backup`.
//!
//! Layout: `handle` is what the edges hold, `node` what is behind it and how it starts; `lead` is what only a leader does (sessions, fencing, pulse, pushes,
//! backup); `reads` confirms leadership; `environment`, [`net::Transport`] and the data directory are parameters, so that
//! a simulation runs this very code. The only crate that knows openraft.

mod api;
mod backup;
#[cfg(test)]
mod decoders;
pub mod environment;
mod handle;
pub mod hub;
mod lead;
pub mod net;
mod node;
mod options;
mod planner;
mod pulse;
mod raft;
mod reads;
mod sessions;

pub use api::{LONGEST_DEADLINE, Outcome, Refusal, Submission, Submitted};
pub use handle::Controller;
pub use node::{StartError, start};
pub use options::{Options, PushNetworks};
