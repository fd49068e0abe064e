//! The Raft node: everything between the pure core (`metadata`) and the edges (`app`, `server`).
//!
//! Flow of a change: [`Controller::submit`] carries an intent to the leader → `writing` plans it on a draft and proposes →
//! `raft::log` makes it durable, `net` replicates it → `raft::machine` applies it → [`hub`] publishes the commit →
//! readers follow: the feed (in `server`), `leading::push`, `backup`.
//!
//! Rooms: `writing` (inbox, planner), `reading` (leadership confirmed, batched), `following` (what is heard of the others, succession), `leading`
//! (sessions, fencing, pulse, membership, pushes), `living` (boot, identity, faults, proofs), `history` (the journal: written, filled from the others, read). Ground floor: [`hub`], `ground`, `node` (what a node is made
//! of), `handle`, `signing_in` and `looking_back` (what the edges hold). Clock and chance ([`environment`]), network ([`net::Transport`]), log and files ([`disk`]) are parameters, so that a
//! simulation runs this very code. The only crate that knows openraft.

mod api;
pub mod backup;
#[cfg(test)]
mod decoders;
pub mod disk;
pub mod environment;
mod exporting;
mod following;
mod ground;
mod handle;
mod history;
pub mod hub;
mod leading;
mod living;
mod looking_back;
pub mod net;
mod node;
mod options;
mod raft;
mod reading;
mod restoring;
mod signing_in;
mod writing;

pub use api::{Asker, LONGEST_DEADLINE, MemberChange, Outcome, Proven, Refusal, Replacement, Submission, Submitted};
pub use backup::check_database_url;
pub use exporting::Export;
pub use following::board::Proof;
pub use ground::Ground;
pub use handle::Controller;
pub use history::{HistoryPage, HistoryStatus};
pub use living::boot::start;
pub use living::fault::{Fault, StartError};
pub use options::{Networks, Options, PushNetworks, Speaks};
pub use raft::chance::draw_from;
pub use restoring::{Restored, Wanted, restore};
