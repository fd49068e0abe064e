//! The whole state, and the whole machine, as one value to store or send. What is derived is rebuilt, and the digest checked.

use crate::beside::keys::{KeyTable, Remembered};
use crate::ids::{Index, NodeId, TopicId};
use crate::machine::Machine;
use crate::model::{Broker, ControllerNode, Identity, Partition, Topic};
use crate::proof::digest::Digest;
use crate::state::{FORMAT, State};
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

#[derive(Serialize, Deserialize)]
struct AdmittedImage {
    image: MachineImage,
    instances: Vec<(NodeId, Uuid)>,
}

impl StateImage {
    fn of(state: &State) -> Self {
        StateImage {
            format: FORMAT,
            revision: state.revision,
            at_ms: state.at_ms,
            identity: state.identity.clone(),
            controllers: state.controllers.values().cloned().collect(),
            brokers: state.brokers.values().cloned().collect(),
            topics: state.topics.values().cloned().collect(),
            partitions: state.partitions.iter().map(|((topic, _), partition)| (*topic, partition.clone())).collect(),
            digest: state.digest,
        }
    }

    fn restore(self) -> Result<State, EnvelopeError> {
        if self.format > FORMAT {
            return Err(EnvelopeError::Damaged(format!("format level {} is newer than this build's {FORMAT}", self.format)));
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
        for topic in &self.topics {
            state.put_topic(Topic::clone(topic));
        }
        for (topic, partition) in &self.partitions {
            let Some(changed_index) = state.topic(*topic).map(|topic| topic.changed_index) else {
                return Err(EnvelopeError::Damaged(format!("a partition of the unknown topic {topic}")));
            };
            state.put_partition(changed_index, *topic, partition);
        }
        state.revision = self.revision;
        if state.digest != self.digest {
            return Err(EnvelopeError::Damaged(format!("the digest is {}, and {} was written", state.digest, self.digest)));
        }
        Ok(state)
    }
}

/// The compact binary form of `GET /state`.
///
/// # Errors
/// As [`envelope::seal`].
pub fn encode_state(state: &State) -> Result<Vec<u8>, EnvelopeError> {
    envelope::seal(Kind::State, &StateImage::of(state))
}

/// Reads [`encode_state`]'s form and checks its digest.
///
/// # Errors
/// As [`envelope::open`], and when the digest does not match.
pub fn decode_state(bytes: &[u8]) -> Result<State, EnvelopeError> {
    envelope::open::<StateImage>(Kind::State, bytes)?.restore()
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
    if machine.instances.is_empty() {
        return envelope::seal(Kind::Machine, &image);
    }
    let instances = machine.instances.iter().collect();
    envelope::seal(Kind::AdmittedMachine, &AdmittedImage { image, instances })
}

/// Reads [`encode_machine`]'s form and checks both digests.
///
/// # Errors
/// As [`envelope::open`], and when a digest does not match.
pub fn decode_machine(bytes: &[u8]) -> Result<Machine, EnvelopeError> {
    let (image, instances) = if envelope::holds(Kind::Machine, bytes) {
        (envelope::open(Kind::Machine, bytes)?, Vec::new())
    } else {
        let AdmittedImage { image, instances } = envelope::open(Kind::AdmittedMachine, bytes)?;
        (image, instances)
    };
    let keys = KeyTable::from_pairs(image.keys);
    if keys.digest() != image.keys_digest {
        return Err(EnvelopeError::Damaged("the digest of the idempotency keys does not match".to_owned()));
    }
    Ok(Machine { state: image.state.restore()?, keys, instances: instances.into_iter().collect() })
}
