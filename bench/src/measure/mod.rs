//! The measurements. Each has a cluster of its own, so that none depends on what was measured before it.

mod creations;
mod deciding;
mod failover;
mod feeds;
mod fencing;
mod filling;
mod first_answer;
mod group;
mod heartbeats;
mod history;
mod in_process;
mod judging;
mod reads;
mod sizes;

pub use group::Group;

/// In the order in which they are made.
pub const GROUPS: &[Group] = &[
    deciding::GROUP,
    judging::GROUP,
    creations::GROUP,
    in_process::GROUP,
    feeds::GROUP,
    failover::GROUP,
    first_answer::GROUP,
    sizes::GROUP,
    reads::GROUP,
    history::GROUP,
    heartbeats::GROUP,
    fencing::GROUP,
];
