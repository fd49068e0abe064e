//! The membership as a leader has it.

use crate::api::Refusal;
use crate::node::Inner;
use metadata::{Code, NodeId, Rejection};
use openraft::async_runtime::WatchReceiver;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn refuse(code: Code, field: &str, value: impl ToString, what: impl Into<String>, allowed: impl Into<String>) -> Refusal {
    Rejection::new(code, what).at(field, value.to_string(), allowed).into()
}

/// The membership as this leader has it.
pub(super) struct Members {
    pub urls: BTreeMap<NodeId, String>,
    pub voters: BTreeSet<NodeId>,
}

impl Members {
    pub(super) fn of(node: &Inner) -> Self {
        let metrics = node.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        Members {
            urls: metrics.membership_config.nodes().map(|(id, peer)| (*id, peer.addr.clone())).collect(),
            voters: metrics.membership_config.voter_ids().collect(),
        }
    }

    pub(super) fn known(&self, field: &str, id: NodeId) -> Result<(), Refusal> {
        if self.urls.contains_key(&id) {
            return Ok(());
        }
        let allowed = self.urls.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Err(refuse(Code::InvalidRequest, field, id, format!("Controller {id} is no member"), allowed))
    }
}
