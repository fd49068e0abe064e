//! The JSON form of entries, changes and frames: the serde form with the enum's tag moved inside, as `kind` or `type`,
//! and with partitions and brokers flat. The only place that knows it, in both directions; the attributes `schemars(tag)`
//! and `schemars(flatten)` on those types say the same for the description of the API.
//!
//! `flat` writes it, of what is looked back at with `history`, and `read` reads it, each in one pass and without a tree in between: a leader pushes thousands of
//! changes a second, and every storage service reads each of them.

mod flat;
mod history;
mod read;

use crate::change::{Change, Commit};
use crate::command::Group;
use crate::ids::Index;
use crate::intent::Intent;
use crate::travel::frame::Frame;
use flat::Tagged;
pub use history::{diff, record};
pub use read::{Stamped, parse_change};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// The fields of a change in whose place their own fields stand.
const NESTED: &[&str] = &["partition", "broker"];

/// A change as `{ kind, … }`.
pub fn change(change: &Change) -> impl Serialize {
    Tagged { tag: "kind", nested: NESTED, value: change }
}

/// A list of changes.
fn changes(changes: &[Change]) -> impl Serialize {
    changes.iter().map(change).collect::<Vec<_>>()
}

/// A change with its commit's index and time: `{ kind, …, index, at_ms }`, which [`Stamped`] reads.
pub fn stamped(index: Index, at_ms: u64, change: &Change) -> impl Serialize {
    #[derive(Serialize)]
    struct Form<C> {
        #[serde(flatten)]
        change: C,
        index: Index,
        at_ms: u64,
    }
    Form { change: self::change(change), index, at_ms }
}

/// An intent as `{ kind, … }`; what an undo asks likewise.
pub fn intent(intent: &Intent) -> impl Serialize {
    IntentForm(intent)
}

struct IntentForm<'a>(&'a Intent);

impl Serialize for IntentForm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Intent::Undo { of, intent } = self.0 else {
            return tagged("kind", self.0).serialize(serializer);
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.0.kind())?;
        map.serialize_entry("of", of)?;
        map.serialize_entry("intent", &IntentForm(intent))?;
        map.end()
    }
}

/// A group as `{ expected?, commands: [{ kind, … }] }`.
pub fn group(group: &Group) -> impl Serialize {
    #[derive(Serialize)]
    struct Form<E, C> {
        #[serde(skip_serializing_if = "Option::is_none")]
        expected: Option<E>,
        commands: Vec<C>,
    }
    Form {
        expected: group.expected.as_ref().map(|expected| tagged("kind", expected)),
        commands: group.commands.iter().map(|command| tagged("kind", command)).collect(),
    }
}

/// A commit, without a `type`.
pub fn commit(commit: &Commit) -> impl Serialize {
    CommitForm { frame_type: None, commit }
}

/// A frame as `{ type, … }`, subprotocol `quorate.v1.json`.
pub fn frame(frame: &Frame) -> impl Serialize {
    FrameForm(frame)
}

fn tagged<'a, T: Serialize>(tag: &'static str, value: &'a T) -> Tagged<'a, T> {
    Tagged { tag, nested: &[], value }
}

struct CommitForm<'a> {
    frame_type: Option<&'static str>,
    commit: &'a Commit,
}

impl Serialize for CommitForm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let commit = self.commit;
        let mut map = serializer.serialize_map(None)?;
        if let Some(frame_type) = self.frame_type {
            map.serialize_entry("type", frame_type)?;
        }
        heading(&mut map, commit)?;
        map.serialize_entry("changes", &changes(&commit.changes))?;
        map.end()
    }
}

/// A commit's fields but its changes.
fn heading<M: SerializeMap>(map: &mut M, commit: &Commit) -> Result<(), M::Error> {
    map.serialize_entry("index", &commit.index)?;
    map.serialize_entry("prev_index", &commit.prev_index)?;
    map.serialize_entry("term", &commit.term)?;
    map.serialize_entry("at_ms", &commit.at_ms)?;
    map.serialize_entry("principal", &commit.principal)?;
    map.serialize_entry("intent", &commit.intent.as_ref().map(intent))?;
    map.serialize_entry("digest", &commit.digest)
}

struct FrameForm<'a>(&'a Frame);

impl Serialize for FrameForm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Frame::Commit(commit) => CommitForm { frame_type: Some("commit"), commit }.serialize(serializer),
            other => tagged("type", other).serialize(serializer),
        }
    }
}
