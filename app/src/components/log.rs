//! The replicated log of one node: the tail of its last entries, and where it begins and ends.

use crate::icons::{self, Glyph};
use crate::words::num;
use leptos::prelude::*;
use metadata::Index;
use metadata::frame::{NodePulse, Role};

/// A node's log against the newest index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLog {
    pub id: u64,
    pub url: String,
    pub role: Role,
    pub voter: bool,
    pub last: Index,
    pub applied: Index,
    pub snapshot: Option<Index>,
    /// Entries that it has not acknowledged yet.
    pub behind: Index,
    pub last_contact_ms: Option<u64>,
}

impl NodeLog {
    /// The log of this node when the newest entry is at `newest`.
    pub fn of(node: &NodePulse, newest: Index) -> Self {
        NodeLog {
            id: node.id,
            url: node.url.clone(),
            role: node.role,
            voter: node.voter,
            last: node.last_log_index,
            applied: node.applied_index,
            snapshot: node.snapshot_index,
            behind: newest.saturating_sub(node.last_log_index),
            last_contact_ms: node.last_contact_ms,
        }
    }

    /// `up to date`, `3 behind`, `no answer`.
    pub fn lag(&self) -> String {
        match (self.role, self.behind) {
            (Role::Unreachable, _) => "no answer".to_owned(),
            (_, 0) => "up to date".to_owned(),
            (_, behind) => format!("{} behind", num(behind)),
        }
    }

    /// Whether there is something to say about its lag.
    pub fn lags(&self) -> bool {
        self.behind > 0 || self.role == Role::Unreachable
    }
}

/// `leader`, `follower`, `learner`, `unreachable`.
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Leader => "leader",
        Role::Follower => "follower",
        Role::Learner => "learner",
        Role::Unreachable => "unreachable",
    }
}

/// The icon that a role has in sentences.
pub fn role_glyph(role: Role) -> Glyph {
    match role {
        Role::Leader => icons::LEAD,
        Role::Unreachable => icons::WARN,
        _ => icons::QUORUM,
    }
}

/// The class of the round glyph of a node.
pub fn glyph_class(role: Role, voter: bool) -> &'static str {
    match (role, voter) {
        (Role::Leader, _) => "glyph lead",
        (Role::Unreachable, _) => "glyph down",
        (_, false) => "glyph learn",
        _ => "glyph",
    }
}

/// The last `entries` of the log: filled is held, hollow is not acknowledged yet, grey lies before the first entry.
#[component]
pub fn Tail(log: NodeLog, entries: u64, #[prop(optional)] class: &'static str) -> impl IntoView {
    let label = format!("Node {} holds entries up to {}, {}", log.id, num(log.last), log.lag());
    let cells = (0..entries)
        .map(|at| {
            let from_newest = entries - at;
            let kind = if from_newest > log.last + log.behind {
                "none"
            } else if from_newest <= log.behind {
                "no"
            } else {
                ""
            };
            view! { <i class=kind></i> }
        })
        .collect_view();
    view! { <span class=format!("tail {class}") role="img" aria-label=label>{cells}</span> }
}
