//! The storage-service side of the contract: a client library, and the reference storage service of demo and tests.
//!
//! **No messages are stored.** The service does everything else that a broker owes its controllers: it registers,
//! sends heartbeats, follows the metadata, keeps a directory per replica that it is assigned, watches the followers of
//! the partitions that it leads, and shuts down in the controlled way.
//!
//! Layout:
//! * [`client`]: the calls to the controllers, over a list of them; `answers`: what they say; `secret`: what both sides prove themselves by.
//! * [`push`] and [`replica`]: what a push says, and the copy of the state that it moves on. `pull` is its safety net.
//! * `session`: registration, heartbeats, controlled shutdown.
//! * [`disk`]: the directories of the assigned replicas. `files`: small files that are whole after a crash.
//! * [`followers`] decides who is in sync, from the [`peers`] that were asked; `isr` asks and reports.
//! * `http`: what the service answers. [`broker`] starts all of it from [`options`] and stops it again.
//!
//! Flow: `session` registers, so that the leader knows the push URL → pushes come in through `http`, parsed by `push`
//! and judged by `replica` → each new image wakes `disk` and `isr` → `session` acknowledges its index with the next
//! heartbeat; where that stays behind the controllers' revision, `pull` fetches what no push brought.
//!
//! Every task ends with its cancellation token, every wait has a limit, and nothing queues without a bound.

mod answers;
pub mod broker;
pub mod client;
pub mod disk;
mod files;
pub mod followers;
mod http;
mod invalid_option;
mod isr;
mod lead;
mod limit;
pub mod options;
pub mod peers;
mod pull;
pub mod push;
pub mod replica;
mod secret;
mod session;
mod shared;

pub use broker::{Handle, StartError, run};
pub use client::{Client, ClientError};
pub use invalid_option::InvalidOption;
pub use lead::Lead;
pub use options::Options;
pub use shared::Fatal;
