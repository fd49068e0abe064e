//! The whole state, and the whole machine, as one value to store or send. What is derived is rebuilt, and the digest checked.

use crate::access::Access;
use crate::access::table::AccessImage;
use crate::beside::bindings::Binding;
use crate::beside::keys::{KeyTable, Remembered};
use crate::ids::{BrokerId, Index, NodeId, TopicId};
use crate::machine::Machine;
use crate::model::{Broker, ControllerNode, Identity, Partition, Standing, Topic};
use crate::proof::digest::Digest;
use crate::reassignment::{Move, Reassignment};
use crate::settings::Settings;
use crate::state::{FIRST_FORMAT, NEWEST_FORMAT, State};
use crate::travel::envelope::{self, EnvelopeError, Kind};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// Every entity of a state.
#[derive(Serialize, Deserialize)]
struct StateImage {
    format: u32,
    revision: Index,
    at_ms: u64,
    identity: Option<Identity>,
    controllers: Vec<Arc<ControllerNode>>,
    brokers: Vec<Arc<Broker>>,
    topics: Vec<Arc<Topic>>,
    partitions: Vec<(TopicId, Arc<Partition>)>,
    digest: Digest,
}

#[derive(Serialize, Deserialize)]
struct MachineImage {
    state: StateImage,
    keys: Vec<([u8; 32], Arc<Remembered>)>,
    keys_digest: Digest,
}

/// What format 2 knows beside it.
#[derive(Serialize, Deserialize)]
struct SecondImage {
    format: u32,
    settings: Arc<Settings>,
    standings: Vec<(BrokerId, Standing)>,
    reassignments: Vec<Arc<Reassignment>>,
    moves: Vec<(Index, u32, Arc<Move>)>,
}

#[derive(Serialize, Deserialize)]
struct AdmittedImage {
    image: MachineImage,
    instances: Vec<(NodeId, Uuid)>,
}

impl StateImage {
    fn of(state: &State) -> Self {
        StateImage {
            format: FIRST_FORMAT,
            revision: state.revision,
            at_ms: state.at_ms,
            identity: state.identity.clone(),
            controllers: state.controllers().cloned().collect(),
            brokers: state.brokers.values().cloned().collect(),
            topics: state.topics.values().cloned().collect(),
            partitions: state.partitions.iter().map(|((topic, _), partition)| (*topic, partition.clone())).collect(),
            digest: state.digest,
        }
    }

    fn restore(self, more: Option<SecondImage>) -> Result<State, EnvelopeError> {
        let format = more.as_ref().map_or(self.format, |more| more.format);
        if format > NEWEST_FORMAT {
            return Err(EnvelopeError::Damaged(format!("format {format} is newer than this build's {NEWEST_FORMAT}")));
        }
        let mut state = State { at_ms: self.at_ms, ..State::default() };
        if let Some(identity) = self.identity {
            state.absorb(self.revision, self.at_ms, &crate::change::Change::ClusterBootstrapped { identity });
        }
        if !self.controllers.is_empty() {
            let controllers = self.controllers.iter().map(|node| ControllerNode::clone(node)).collect();
            state.absorb(self.revision, self.at_ms, &crate::change::Change::ControllersChanged { controllers });
        }
        self.brokers.iter().for_each(|broker| state.put_broker(broker));
        // Before the topics, whose partitions are counted by them.
        let (moves, reassignments) = more.map_or_else(Default::default, |more| more.into_state(&mut state));
        for topic in &self.topics {
            state.put_topic(Topic::clone(topic));
        }
        for (topic, partition) in &self.partitions {
            let Some(changed_index) = state.topic(*topic).map(|topic| topic.changed_index) else {
                return Err(EnvelopeError::Damaged(format!("a partition of the unknown topic {topic}")));
            };
            state.put_partition(changed_index, *topic, partition);
        }
        reassignments.iter().for_each(|reassignment| state.put_reassignment(reassignment));
        for (id, number, movement) in &moves {
            let changed_index = state.topic(movement.topic_id).map_or(self.revision, |topic| topic.changed_index);
            state.put_move(changed_index, *id, *number, movement);
        }
        state.revision = self.revision;
        if state.digest != self.digest {
            return Err(EnvelopeError::Damaged(format!("the digest is {}, and {} was written", state.digest, self.digest)));
        }
        Ok(state)
    }
}

type Moves = (Vec<(Index, u32, Arc<Move>)>, Vec<Arc<Reassignment>>);

impl SecondImage {
    /// None of a state that has nothing of it.
    fn of(state: &State) -> Option<Self> {
        (state.format() > FIRST_FORMAT).then(|| SecondImage {
            format: state.format,
            settings: state.settings.clone(),
            standings: state.standings.iter().map(|(id, standing)| (id, *standing)).collect(),
            reassignments: state.reassignments().cloned().collect(),
            moves: state.moves.iter().map(|((id, number), movement)| (*id, *number, movement.clone())).collect(),
        })
    }

    /// Puts in what stands before topics; what stands after them is given back.
    fn into_state(self, state: &mut State) -> Moves {
        state.put_format(self.format);
        if self.settings.changed_index > 0 {
            state.put_settings(&self.settings);
        }
        self.standings.iter().for_each(|(id, standing)| state.put_standing(*id, *standing));
        (self.moves, self.reassignments)
    }
}

/// The compact binary form of `GET /state`.
///
/// # Errors
/// As [`envelope::seal`].
pub fn encode_state(state: &State) -> Result<Vec<u8>, EnvelopeError> {
    let image = StateImage::of(state);
    match SecondImage::of(state) {
        Some(more) => envelope::seal(Kind::SecondState, &(image, more)),
        None => envelope::seal(Kind::State, &image),
    }
}

/// Reads [`encode_state`]'s form and checks its digest.
///
/// # Errors
/// As [`envelope::open`], and when the digest does not match.
pub fn decode_state(bytes: &[u8]) -> Result<State, EnvelopeError> {
    if envelope::holds(Kind::SecondState, bytes) {
        let (image, more) = envelope::open::<(StateImage, SecondImage)>(Kind::SecondState, bytes)?;
        return image.restore(Some(more));
    }
    envelope::open::<StateImage>(Kind::State, bytes)?.restore(None)
}

/// The content of a Raft snapshot.
///
/// # Errors
/// As [`envelope::seal`].
pub fn encode_machine(machine: &Machine) -> Result<Vec<u8>, EnvelopeError> {
    let image = MachineImage {
        state: StateImage::of(&machine.state),
        keys: machine.keys.iter().map(|(hash, outcome)| (*hash, outcome.clone())).collect(),
        keys_digest: machine.keys.digest(),
    };
    let instances = machine.instances.iter().collect();
    match SecondImage::of(&machine.state) {
        Some(more) if machine.access.changed_index() > 0 => {
            let bindings: Vec<(BrokerId, Binding)> = machine.bindings.iter().collect();
            let image = (AdmittedImage { image, instances }, more, bindings, AccessImage::of(&machine.access));
            envelope::seal(Kind::GuardedMachine, &image)
        }
        Some(more) if !machine.bindings.is_empty() => {
            let bindings: Vec<(BrokerId, Binding)> = machine.bindings.iter().collect();
            envelope::seal(Kind::BoundMachine, &(AdmittedImage { image, instances }, more, bindings))
        }
        Some(more) => envelope::seal(Kind::SecondMachine, &(AdmittedImage { image, instances }, more)),
        None if machine.instances.is_empty() => envelope::seal(Kind::Machine, &image),
        None => envelope::seal(Kind::AdmittedMachine, &AdmittedImage { image, instances }),
    }
}

/// Reads [`encode_machine`]'s form and checks both digests.
///
/// # Errors
/// As [`envelope::open`], and when a digest does not match.
pub fn decode_machine(bytes: &[u8]) -> Result<Machine, EnvelopeError> {
    let (mut bindings, mut access) = (Vec::new(), Access::default());
    let (AdmittedImage { image, instances }, more) = if envelope::holds(Kind::Machine, bytes) {
        (AdmittedImage { image: envelope::open(Kind::Machine, bytes)?, instances: Vec::new() }, None)
    } else if envelope::holds(Kind::BoundMachine, bytes) {
        let (image, more, bound) = envelope::open::<(_, _, Vec<(BrokerId, Binding)>)>(Kind::BoundMachine, bytes)?;
        bindings = bound;
        (image, Some(more))
    } else if envelope::holds(Kind::GuardedMachine, bytes) {
        let (image, more, bound, guarded) = envelope::open::<(_, _, Vec<(BrokerId, Binding)>, AccessImage)>(Kind::GuardedMachine, bytes)?;
        (bindings, access) = (bound, guarded.restore());
        (image, Some(more))
    } else if envelope::holds(Kind::SecondMachine, bytes) {
        let (image, more) = envelope::open(Kind::SecondMachine, bytes)?;
        (image, Some(more))
    } else {
        (envelope::open(Kind::AdmittedMachine, bytes)?, None)
    };
    let keys = KeyTable::from_pairs(image.keys);
    if keys.digest() != image.keys_digest {
        return Err(EnvelopeError::Damaged("the digest of the idempotency keys does not match".to_owned()));
    }
    let (instances, bindings) = (instances.into_iter().collect(), bindings.into_iter().collect());
    Ok(Machine { state: image.state.restore(more)?, keys, instances, bindings, access })
}
