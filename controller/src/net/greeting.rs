//! Who may speak: every connection between controllers begins with a greeting in both directions, so that neither a node
//! of another history nor an erased voter under its old id ever gets a Raft message through.

use super::rpc::Hello;
use crate::api::Refusal;
use crate::hub::Hub;
use metadata::{Code, NodeId, Rejection};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use uuid::Uuid;

/// What a node says of itself, and whom it has met.
pub(crate) struct Greeter {
    node_id: NodeId,
    instance_id: Uuid,
    hub: Arc<Hub>,
    /// The first instance met under each id, while it is not yet replicated.
    met: Mutex<BTreeMap<NodeId, Uuid>>,
    changed: watch::Sender<u64>,
    /// What a peer said when it refused this node.
    refused: watch::Sender<Option<Unwanted>>,
}

/// Why peers will not have this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unwanted {
    /// It was a member, and is none any more.
    pub removed: bool,
    pub detail: String,
}

impl Greeter {
    pub(crate) fn new(node_id: NodeId, instance_id: Uuid, hub: Arc<Hub>) -> Self {
        let met = Mutex::new([(node_id, instance_id)].into());
        Greeter { node_id, instance_id, hub, met, changed: watch::channel(0).0, refused: watch::channel(None).0 }
    }

    /// The greeting of this node.
    pub(crate) fn hello(&self) -> Hello {
        let lineage = self.hub.view().state.identity().map(|identity| identity.lineage);
        Hello { node_id: self.node_id, instance_id: self.instance_id, lineage }
    }

    /// Judges a peer's greeting.
    ///
    /// # Errors
    /// INCONSISTENT_CLUSTER_ID for another history, INVALID_REGISTRATION for another data directory under a known id.
    pub(crate) fn meet(&self, peer: &Hello) -> Result<(), Refusal> {
        let view = self.hub.view();
        let own = view.state.identity().map(|identity| identity.lineage);
        if let (Some(own), Some(theirs)) = (own, peer.lineage)
            && own != theirs
        {
            let detail = format!("Node {} belongs to lineage {theirs}, and node {} to {own}: they never mix", peer.node_id, self.node_id);
            return Err(Rejection::new(Code::InconsistentClusterId, detail).at("lineage", theirs, own.to_string()).into());
        }
        let first = match view.machine.instances.get(&peer.node_id) {
            Some(replicated) => *replicated,
            None => {
                let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
                self.changed.send_modify(|count| *count += 1);
                *met.entry(peer.node_id).or_insert(peer.instance_id)
            }
        };
        if first != peer.instance_id {
            return Err(erased(peer, first));
        }
        if self.removed(peer.node_id) {
            let detail = format!(
                "Node {} was removed from the controllers of this cluster: what it has is old, and nobody takes its votes. Stop it and delete \
                 its data directory; to have it back, start an empty node under an id that was never used",
                peer.node_id
            );
            return Err(Refusal::new(Code::PolicyViolation, detail));
        }
        Ok(())
    }

    /// K4: whether a node was a member once and is none any more. One that is about to join was never admitted.
    pub(crate) fn removed(&self, id: NodeId) -> bool {
        let view = self.hub.view();
        view.machine.instances.knows(id) && !view.state.is_controller(id)
    }

    /// Instances that were met and are not replicated yet.
    pub(crate) fn strangers(&self) -> Vec<(NodeId, Uuid)> {
        let view = self.hub.view();
        let met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.iter().filter(|(id, _)| !view.machine.instances.knows(**id)).map(|(id, instance)| (*id, *instance)).collect()
    }

    /// Told whenever somebody was met.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// A peer refused this node for good.
    pub(crate) fn was_refused(&self, refusal: &Refusal) {
        // A node of another history says nothing about this one.
        let removed = refusal.rejection.code == Code::PolicyViolation;
        if removed || refusal.rejection.code == Code::InvalidRegistration {
            self.refused.send_replace(Some(Unwanted { removed, detail: refusal.rejection.detail.clone() }));
        }
    }

    /// Follows what peers say when they refuse this node.
    pub(crate) fn refusals(&self) -> watch::Receiver<Option<Unwanted>> {
        self.refused.subscribe()
    }
}

fn erased(peer: &Hello, first: Uuid) -> Refusal {
    let id = peer.node_id;
    let detail = format!(
        "The cluster knows node {id} with the data directory {first}, and this is {}: a node that lost its vote and log cannot \
         come back under its old id. Start an empty node under an id that was never used, `quorate serve --node-id N --join …`, \
         and put it in the place of this one: `quorate quorum replace {id} --with N=HOST:PORT`",
        peer.instance_id
    );
    Rejection::new(Code::InvalidRegistration, detail).at("instance_id", peer.instance_id, first.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(node_id: NodeId, instance: u128, lineage: Option<u128>) -> Hello {
        Hello { node_id, instance_id: Uuid::from_u128(instance), lineage: lineage.map(Uuid::from_u128) }
    }

    #[test]
    fn the_first_instance_of_an_id_is_the_only_one() {
        let greeter = Greeter::new(1, Uuid::from_u128(1), Arc::new(Hub::new(1)));
        let cases = [(2, 2, true), (2, 2, true), (2, 9, false), (3, 3, true), (1, 1, true), (1, 9, false)];
        for (node_id, instance, welcome) in cases {
            assert_eq!(greeter.meet(&hello(node_id, instance, None)).is_ok(), welcome, "{node_id} {instance}");
        }
        assert_eq!(greeter.strangers().len(), 3);
    }

    #[test]
    fn another_history_is_never_spoken_to() {
        let [ours, theirs] = [7, 8];
        let mut machine = metadata::Machine::default();
        let identity = metadata::model::Identity { cluster_id: Uuid::from_u128(1), lineage: Uuid::from_u128(ours) };
        machine.state.absorb(1, 1, &metadata::Change::ClusterBootstrapped { identity });
        let hub = Hub::new(1);
        hub.restart(machine, 1);
        let greeter = Greeter::new(1, Uuid::from_u128(1), Arc::new(hub));
        for (lineage, code) in [(None, None), (Some(ours), None), (Some(theirs), Some(Code::InconsistentClusterId))] {
            let met = greeter.meet(&hello(2, 2, lineage));
            assert_eq!(met.err().map(|refusal| refusal.rejection.code), code, "{lineage:?}");
        }
    }

    /// K4: a vote is asked for after a greeting, and a connection that was greeted before ends with the next request (`serve`).
    #[test]
    fn who_was_removed_is_never_met_again() {
        let controller = |id| metadata::ControllerNode { id, url: format!("http://node-{id}"), voter: true };
        let with = |members: &[NodeId]| {
            let instances = [1, 2].map(|id: NodeId| (id, Uuid::from_u128(id.into()))).into_iter().collect();
            let mut machine = metadata::Machine { instances, ..metadata::Machine::default() };
            let controllers = members.iter().map(|id| controller(*id)).collect();
            machine.state.absorb(3, 1, &metadata::Change::ControllersChanged { controllers });
            machine
        };
        let hub = Arc::new(Hub::new(1));
        let greeter = Greeter::new(1, Uuid::from_u128(1), hub.clone());
        for (members, refused) in [(&[1, 2][..], None), (&[1][..], Some(Code::PolicyViolation))] {
            hub.restart(with(members), 3);
            let met = greeter.meet(&hello(2, 2, None));
            assert_eq!(met.err().map(|refusal| refusal.rejection.code), refused, "{members:?}");
            assert_eq!(greeter.removed(2), refused.is_some(), "{members:?}");
        }
        // One that is about to join was never a member.
        assert!(greeter.meet(&hello(3, 3, None)).is_ok() && !greeter.removed(3));
    }
}
