//! A slice: a state that holds only what one page shows, with the counts of the whole. The first paint renders from it,
//! on the server and again when the page comes alive, so both render the same; then the replica takes its place.

use crate::change::Change;
use crate::ids::{BrokerId, Index, TopicId};
use crate::load::{Load, Tally};
use crate::model::{Broker, ControllerNode, Identity, Partition, Standing, Topic};
use crate::proof::digest::Digest;
use crate::reassignment::{Progress, Reassignment};
use crate::settings::Settings;
use crate::state::{FIRST_FORMAT, State};
use crate::travel::envelope::{self, EnvelopeError, Kind};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Serialize, Deserialize)]
struct Image {
    revision: Index,
    at_ms: u64,
    digest: Digest,
    identity: Option<Identity>,
    controllers: Vec<ControllerNode>,
    brokers: Vec<(Arc<Broker>, Load)>,
    topics: Vec<(Arc<Topic>, Tally)>,
    partitions: Vec<(TopicId, Arc<Partition>)>,
    topic_count: u64,
    total: Tally,
}

/// What format 2 knows beside it; reassignments come without their moves.
#[derive(Serialize, Deserialize)]
struct More {
    format: u32,
    settings: Arc<Settings>,
    standings: Vec<(BrokerId, Standing)>,
    reassignments: Vec<(Arc<Reassignment>, Progress)>,
}

/// A slice with every broker and controller, these topics as rows, and the partitions of those in `whole`.
///
/// # Errors
/// As [`envelope::seal`].
pub fn encode(state: &State, rows: &[TopicId], whole: &[TopicId]) -> Result<Vec<u8>, EnvelopeError> {
    let held = || rows.iter().chain(whole.iter().filter(|id| !rows.contains(id))).filter_map(|id| state.topic(*id));
    let mut partitions = Vec::new();
    for topic in held() {
        let most = if whole.contains(&topic.id) { usize::MAX } else { 1 };
        partitions.extend(state.partitions_of(topic.id).take(most).map(|partition| (topic.id, partition.clone())));
    }
    let image = Image {
        revision: state.revision,
        at_ms: state.at_ms,
        digest: state.digest,
        identity: state.identity.clone(),
        controllers: state.controllers().map(|node| ControllerNode::clone(node)).collect(),
        brokers: state.brokers().map(|broker| (broker.clone(), state.load(broker.id))).collect(),
        topics: held().map(|topic| (topic.clone(), state.tally(topic.id))).collect(),
        partitions,
        topic_count: state.topic_count() as u64,
        total: state.total,
    };
    if state.format() == FIRST_FORMAT {
        return envelope::seal(Kind::Slice, &image);
    }
    let more = More {
        format: state.format,
        settings: state.settings.clone(),
        standings: state.standings.iter().map(|(id, standing)| (id, *standing)).collect(),
        reassignments: state.reassignments().map(|each| (each.clone(), state.progress(each.id))).collect(),
    };
    envelope::seal(Kind::SecondSlice, &(image, more))
}

/// Reads [`encode`]'s form: a state whose counts and digest are those of the whole.
///
/// # Errors
/// As [`envelope::open`].
pub fn decode(bytes: &[u8]) -> Result<State, EnvelopeError> {
    let (image, more): (Image, Option<More>) = if envelope::holds(Kind::Slice, bytes) {
        (envelope::open(Kind::Slice, bytes)?, None)
    } else {
        let (image, more) = envelope::open(Kind::SecondSlice, bytes)?;
        (image, Some(more))
    };
    let mut state = State::default();
    if let Some(more) = more {
        state.format = more.format;
        state.settings = more.settings;
        for (id, standing) in more.standings {
            state.standings.insert(id, standing);
        }
        for (each, progress) in more.reassignments {
            state.progress.insert(each.id, progress);
            state.reassignments.insert(each.id, each);
        }
    }
    if let Some(identity) = image.identity {
        state.absorb(image.revision, image.at_ms, &Change::ClusterBootstrapped { identity });
    }
    state.absorb(image.revision, image.at_ms, &Change::ControllersChanged { controllers: image.controllers });
    image.brokers.iter().for_each(|(broker, _)| state.put_broker(broker));
    image.topics.iter().for_each(|(topic, _)| state.put_topic(Topic::clone(topic)));
    for (topic, partition) in image.partitions {
        state.partitions.insert((topic, partition.partition), partition);
    }
    state.loads = image.brokers.iter().map(|(broker, load)| (broker.id, *load)).collect::<imbl::OrdMap<BrokerId, Load>>();
    state.tallies = image.topics.iter().map(|(topic, tally)| (topic.id, *tally)).collect();
    state.total = image.total;
    state.hidden_topics = (image.topic_count as usize).saturating_sub(state.topics.len());
    state.revision = image.revision;
    state.at_ms = image.at_ms;
    state.digest = image.digest;
    Ok(state)
}
