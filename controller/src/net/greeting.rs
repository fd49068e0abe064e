//! Who may speak: every connection between controllers begins with a greeting in both directions, so that neither a node
//! of another history nor an erased voter under its old id ever gets a Raft message through.

use super::Certified;
use super::rpc::Hello;
use crate::api::Refusal;
use crate::hub::Hub;
use metadata::{Code, NodeId, Rejection};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

/// Nodes that were met and that nobody knows: whoever reaches the port can say any id.
const MOST_UNKNOWN: usize = 64;

/// What a node says of itself, and whom it has met.
pub(crate) struct Greeter {
    node_id: NodeId,
    instance_id: Uuid,
    /// Whom the command line names: before there is a state nobody else is known.
    expected: BTreeSet<NodeId>,
    hub: Arc<Hub>,
    met: Mutex<Met>,
    /// Of large frames from peers that are not known.
    turns: Semaphore,
    changed: watch::Sender<u64>,
    /// What a peer said when it refused this node.
    refused: watch::Sender<Option<Unwanted>>,
}

/// The instances met under ids of which none is replicated yet.
#[derive(Default)]
struct Met {
    instances: BTreeMap<NodeId, Uuid>,
    /// Those that nobody knows, the longest met first.
    unknown: VecDeque<NodeId>,
    /// Those that this node met at the address that it was given for them.
    visited: BTreeSet<NodeId>,
}

impl Met {
    /// The instance that holds this id from now on. Of a known node it is the first; an id that nobody knows is nobody's, or
    /// whoever says it first could keep it from the node that is to join.
    fn note(&mut self, peer: &Hello, known: bool) -> Uuid {
        if known || self.visited.contains(&peer.node_id) {
            self.unknown.retain(|id| *id != peer.node_id);
            return *self.instances.entry(peer.node_id).or_insert(peer.instance_id);
        }
        if self.instances.insert(peer.node_id, peer.instance_id).is_none() {
            self.unknown.push_back(peer.node_id);
        }
        while self.unknown.len() > MOST_UNKNOWN {
            if let Some(longest) = self.unknown.pop_front() {
                self.instances.remove(&longest);
            }
        }
        peer.instance_id
    }
}

/// Why peers will not have this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unwanted {
    /// It was a member, and is none any more.
    pub removed: bool,
    pub detail: String,
}

impl Greeter {
    pub(crate) fn new(node_id: NodeId, instance_id: Uuid, expected: BTreeSet<NodeId>, hub: Arc<Hub>) -> Self {
        let met = Mutex::new(Met { instances: [(node_id, instance_id)].into(), ..Met::default() });
        Greeter {
            node_id,
            instance_id,
            expected,
            hub,
            met,
            turns: Semaphore::new(1),
            changed: watch::channel(0).0,
            refused: watch::channel(None).0,
        }
    }

    fn met(&self) -> MutexGuard<'_, Met> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a node belongs to the cluster, as far as this one knows; before it knows anything everybody may.
    pub(crate) fn member(&self, id: NodeId) -> bool {
        let view = self.hub.view();
        view.state.identity().is_none() || view.state.is_controller(id)
    }

    /// The answer to a greeting. The instance id is what a member proves itself by, so only these are told: who has shown its own,
    /// a member whose own is not replicated yet, and everybody while there is nothing to protect.
    pub(crate) fn answer(&self, peer: &Hello) -> Hello {
        let view = self.hub.view();
        let told = match view.machine.instances.get(&peer.node_id) {
            Some(replicated) => *replicated == peer.instance_id,
            None => view.state.identity().is_none() || view.state.is_controller(peer.node_id),
        };
        let hello = self.hello();
        if told { hello } else { Hello { instance_id: Uuid::nil(), ..hello } }
    }

    /// The greeting of this node.
    pub(crate) fn hello(&self) -> Hello {
        let lineage = self.hub.view().state.identity().map(|identity| identity.lineage);
        Hello { node_id: self.node_id, instance_id: self.instance_id, lineage }
    }

    /// Judges who was found at a node's address. It may not tell its instance, to whom it does not know.
    ///
    /// # Errors
    /// As [`Greeter::meet`].
    pub(crate) fn visit(&self, peer: &Hello) -> Result<(), Refusal> {
        self.check_lineage(peer)?;
        if peer.instance_id.is_nil() {
            return Ok(());
        }
        let view = self.hub.view();
        if !view.machine.instances.knows(peer.node_id) && !view.state.is_controller(peer.node_id) {
            // Whoever said this id before, at this address is the node that is to have it.
            let mut met = self.met();
            met.unknown.retain(|id| *id != peer.node_id);
            met.instances.insert(peer.node_id, peer.instance_id);
            met.visited.insert(peer.node_id);
        }
        self.meet(peer)
    }

    /// Judges a peer's greeting.
    ///
    /// # Errors
    /// INCONSISTENT_CLUSTER_ID for another history, INVALID_REGISTRATION for another data directory under a known id, or for none.
    pub(crate) fn meet(&self, peer: &Hello) -> Result<(), Refusal> {
        self.check_lineage(peer)?;
        if peer.instance_id.is_nil() {
            let detail = format!("Node {} does not say which data directory it has", peer.node_id);
            return Err(Rejection::new(Code::InvalidRegistration, detail).at("instance_id", peer.instance_id, "its own").into());
        }
        let view = self.hub.view();
        let first = match view.machine.instances.get(&peer.node_id) {
            Some(replicated) => *replicated,
            None => {
                let known = view.state.is_controller(peer.node_id) || self.expected.contains(&peer.node_id);
                let first = self.met().note(peer, known);
                self.changed.send_modify(|count| *count += 1);
                first
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

    fn check_lineage(&self, peer: &Hello) -> Result<(), Refusal> {
        let view = self.hub.view();
        let own = view.state.identity().map(|identity| identity.lineage);
        if let (Some(own), Some(theirs)) = (own, peer.lineage)
            && own != theirs
        {
            let detail = format!("Node {} belongs to lineage {theirs}, and node {} to {own}: they never mix", peer.node_id, self.node_id);
            return Err(Rejection::new(Code::InconsistentClusterId, detail).at("lineage", theirs, own.to_string()).into());
        }
        Ok(())
    }

    /// K4: whether a node was a member once and is none any more. One that is about to join was never admitted.
    pub(crate) fn removed(&self, id: NodeId) -> bool {
        let view = self.hub.view();
        view.machine.instances.knows(id) && !view.state.is_controller(id)
    }

    /// Turns to send what is large, for peers that are not known.
    pub(crate) fn turns(&self) -> &Semaphore {
        &self.turns
    }

    /// Instances that were met and are not replicated yet.
    pub(crate) fn strangers(&self) -> Vec<(NodeId, Uuid)> {
        let view = self.hub.view();
        self.met().instances.iter().filter(|(id, _)| !view.machine.instances.knows(**id)).map(|(id, instance)| (*id, *instance)).collect()
    }

    /// Whether a peer is who its certificate says, where it has shown one that counts.
    ///
    /// # Errors
    /// INVALID_REGISTRATION when it is not, UNAUTHENTICATED when the certificate is revoked.
    pub(crate) fn is_proven(&self, peer: &Hello, proven: Option<Certified>) -> Result<(), Refusal> {
        match proven {
            Some(proven) if proven.id != peer.node_id => Err(another(peer, proven.id)),
            proven if self.revoked(proven) => Err(Refusal::new(Code::Unauthenticated, "This certificate is revoked")),
            _ => Ok(()),
        }
    }

    /// Whether what a peer has shown counts no more.
    pub(crate) fn revoked(&self, proven: Option<Certified>) -> bool {
        proven.is_some_and(|proven| self.hub.view().machine.access.revoked(&proven.fingerprint))
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

fn another(peer: &Hello, proven: NodeId) -> Refusal {
    let detail = format!("The certificate is that of controller {proven}, and node {} is said", peer.node_id);
    Rejection::new(Code::InvalidRegistration, detail).at("node_id", peer.node_id, proven.to_string()).into()
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
        let greeter = Greeter::new(1, Uuid::from_u128(1), [1, 2, 3].into(), Arc::new(Hub::new(1)));
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
        let greeter = Greeter::new(1, Uuid::from_u128(1), BTreeSet::new(), Arc::new(hub));
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
        let greeter = Greeter::new(1, Uuid::from_u128(1), BTreeSet::new(), hub.clone());
        for (members, refused) in [(&[1, 2][..], None), (&[1][..], Some(Code::PolicyViolation))] {
            hub.restart(with(members), 3);
            let met = greeter.meet(&hello(2, 2, None));
            assert_eq!(met.err().map(|refusal| refusal.rejection.code), refused, "{members:?}");
            assert_eq!(greeter.removed(2), refused.is_some(), "{members:?}");
        }
        // One that is about to join was never a member.
        assert!(greeter.meet(&hello(3, 3, None)).is_ok() && !greeter.removed(3));
    }

    #[test]
    fn who_did_not_prove_anything_is_told_nothing_and_takes_nobodys_place() {
        let mut machine =
            metadata::Machine { instances: [(1, Uuid::from_u128(1)), (2, Uuid::from_u128(2))].into_iter().collect(), ..Default::default() };
        let identity = metadata::model::Identity { cluster_id: Uuid::from_u128(7), lineage: Uuid::from_u128(7) };
        machine.state.absorb(1, 1, &metadata::Change::ClusterBootstrapped { identity });
        let controllers =
            [1, 2, 3].map(|id| metadata::ControllerNode { id, url: format!("http://node-{id}"), voter: true }).into_iter().collect();
        machine.state.absorb(2, 1, &metadata::Change::ControllersChanged { controllers });
        let hub = Arc::new(Hub::new(1));
        let fresh = Greeter::new(1, Uuid::from_u128(1), BTreeSet::new(), hub.clone());
        assert_eq!(fresh.answer(&hello(9, 9, None)).instance_id, Uuid::from_u128(1), "there is nothing to protect yet");
        hub.restart(machine, 2);
        // A member that proved itself, one whose instance is not replicated yet, a liar and a stranger.
        for (peer, told) in [(hello(2, 2, None), true), (hello(3, 3, None), true), (hello(2, 8, None), false), (hello(9, 9, None), false)] {
            assert_eq!(fresh.answer(&peer).instance_id == Uuid::from_u128(1), told, "{peer:?}");
        }
        assert!(fresh.member(2) && fresh.member(3) && !fresh.member(9));
        // Whatever strangers say first, who is to join comes under its id; and they are no more than so many.
        for id in 10..1_010 {
            assert!(fresh.meet(&hello(id, 66, None)).is_ok());
        }
        assert!(fresh.strangers().len() <= MOST_UNKNOWN, "{}", fresh.strangers().len());
        assert!(fresh.meet(&hello(1_009, 5, None)).is_ok(), "its id was taken by a stranger");
        // Of a member the first one counts, whoever else was met since.
        assert!(fresh.meet(&hello(3, 3, None)).is_ok() && fresh.meet(&hello(3, 8, None)).is_err());
        // Who tells nothing is nobody, but where this node went itself.
        let silent = Hello { instance_id: Uuid::nil(), ..hello(2, 0, None) };
        assert!(fresh.meet(&silent).is_err() && fresh.visit(&silent).is_ok());
        // What was found at the address of a node that is to join is that node, whoever says its id afterwards.
        assert!(fresh.meet(&hello(40, 66, None)).is_ok() && fresh.visit(&hello(40, 40, None)).is_ok());
        assert!(fresh.meet(&hello(40, 66, None)).is_err() && fresh.meet(&hello(40, 40, None)).is_ok());
        assert!(fresh.visit(&hello(2, 8, None)).is_err(), "a member's place is taken by nobody, wherever it is found");
    }
}
