//! The JSON form of what is looked back at: commits with what they replaced, and what differs between two states.

use super::{change, heading, tagged};
use crate::change::Change;
use crate::history::{Diff, Record, Was};
use crate::ids::{Index, TopicId};
use crate::model::{Configs, Partition};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::sync::Arc;

/// A kept commit: as [`super::commit`] writes it, with `topics` that its changes speak of by id, as they were called. With `before` each
/// change says what it replaced: null, or the change that would bring it back, of a deleted topic with its partitions.
pub fn record(record: &Record, before: bool) -> impl Serialize {
    RecordForm { record, before }
}

/// What differs: as it is, with its changes flat.
pub fn diff(diff: &Diff) -> impl Serialize {
    DiffForm(diff)
}

struct RecordForm<'a> {
    record: &'a Record,
    before: bool,
}

impl Serialize for RecordForm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Record { commit, beside } = self.record;
        let mut map = serializer.serialize_map(None)?;
        heading(&mut map, commit)?;
        if self.before {
            // A journal that is damaged may hold fewer: what is not known is nothing.
            let was = beside.was.iter().chain(std::iter::repeat(&Was::Nothing));
            let both: Vec<_> = commit.changes.iter().zip(was).map(|(change, was)| Replacing { change, was }).collect();
            map.serialize_entry("changes", &both)?;
        } else {
            map.serialize_entry("changes", &super::changes(&commit.changes))?;
        }
        map.serialize_entry("topics", &beside.names)?;
        map.end()
    }
}

/// A change with what it replaced.
struct Replacing<'a> {
    change: &'a Change,
    was: &'a Was,
}

impl Serialize for Replacing<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'a, C> {
            #[serde(flatten)]
            change: C,
            before: WasForm<'a>,
        }
        Form { change: change(self.change), before: WasForm(self.was) }.serialize(serializer)
    }
}

struct WasForm<'a>(&'a Was);

impl Serialize for WasForm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Deleted<'a> {
            kind: &'static str,
            topic_id: TopicId,
            name: &'a str,
            configs: &'a Configs,
            created_index: Index,
            created_at_ms: u64,
            partitions: &'a [Arc<Partition>],
        }
        match self.0 {
            Was::Nothing => serializer.serialize_none(),
            Was::Value(old) => change(old).serialize(serializer),
            Was::Topic { topic, partitions } => Deleted {
                kind: "topic_created",
                topic_id: topic.id,
                name: &topic.name,
                configs: &topic.configs,
                created_index: topic.created_index,
                created_at_ms: topic.created_at_ms,
                partitions,
            }
            .serialize(serializer),
        }
    }
}

struct DiffForm<'a>(&'a Diff);

impl Serialize for DiffForm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<W, C> {
            what: W,
            before: Option<C>,
            after: Option<C>,
        }
        let Diff { from, to, total, differences, topics } = self.0;
        let forms = differences.iter().map(|one| Form {
            what: tagged("kind", &one.what),
            before: one.before.as_ref().map(change),
            after: one.after.as_ref().map(change),
        });
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("from", from)?;
        map.serialize_entry("to", to)?;
        map.serialize_entry("total", total)?;
        map.serialize_entry("differences", &forms.collect::<Vec<_>>())?;
        map.serialize_entry("topics", topics)?;
        map.end()
    }
}
