//! The metadata of a partitioned-log cluster, as a pure state machine.
//!
//! Layout, in the order of a change's life:
//! * [`intent`]: what a person, a broker or the leader itself asks.
//! * [`plan`]: the leader turns an intent into decided groups of commands, on a draft of the state;
//!   [`placement`] and [`election`] are its two decisions, [`draw`] and [`liveness`] all that it may know beside the state.
//! * [`command`]: what the log holds. [`apply`]: every replica re-validates each guard and says what became true; [`outcome`]: what it answers.
//! * [`change`]: what became true. [`absorb`]: how a change becomes state, in a controller and in a browser alike.
//! * [`model`], [`reassignment`], [`settings`], [`configs`]: what the state holds.
//! * [`state`], [`load`]: the state, and what is counted along with it. [`beside`]: what is replicated with it and never shown. [`proof`]: digest and scrub.
//! * [`access`]: who may do what, beside the state as well.
//! * [`history`]: commits looked back at, with what each of them replaced.
//! * [`contract`]: what the outside can ask, as one table. [`views`]: what people read from the state. [`travel`]: how all of it travels.
//!
//! Nothing here performs I/O, reads a clock, draws a random number, iterates a hash map or panics on any input.
//! The crate compiles to wasm32 and its tests run there too.

pub mod absorb;
pub mod access;
pub mod apply;
pub mod beside;
pub mod change;
pub mod command;
pub mod configs;
pub mod contract;
pub mod draw;
pub mod election;
#[cfg(feature = "faults")]
mod faults;
pub mod history;
pub mod ids;
pub mod intent;
#[cfg(feature = "faults")]
pub mod invariants;
pub mod labels;
pub mod liveness;
pub mod load;
pub mod machine;
pub mod model;
pub mod outcome;
pub mod placement;
pub mod plan;
pub mod principal;
pub mod proof;
pub mod reassignment;
pub mod rejection;
mod secret;
pub mod settings;
mod small_map;
pub mod state;
pub mod travel;
pub mod views;

pub use beside::keys;
pub use change::{Change, Commit};
pub use command::{Command, Entry, Expected, Group, KeyUse};
pub use draw::Draw;
pub use ids::{BrokerId, Index, NodeId, Term, TopicId};
pub use intent::Intent;
pub use liveness::Liveness;
pub use machine::Machine;
pub use model::{Broker, BrokerState, ControllerNode, Endpoint, Partition, RecoveryState, Topic};
pub use outcome::{GroupOutcome, Response};
pub use principal::Principal;
pub use proof::{digest, scrub};
pub use rejection::{Code, Rejection};
pub use secret::SecretHash;
pub use state::State;
#[cfg(feature = "json")]
pub use travel::json;
pub use travel::{envelope, frame, slice, snapshot};
