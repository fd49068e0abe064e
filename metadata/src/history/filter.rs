//! Which commits somebody looks for.

use super::Record;
use crate::ids::{BrokerId, Index};
use xxhash_rust::xxh3::xxh3_64;

/// All of it has to hold; what is none holds for every commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// A topic by the name that it had then.
    pub topic: Option<String>,
    pub broker: Option<BrokerId>,
    pub principal: Option<String>,
    /// The kind of what was asked.
    pub kind: Option<String>,
    pub from_index: Option<Index>,
    pub to_index: Option<Index>,
    /// ms since the Unix epoch, both ends included.
    pub from_ms: Option<u64>,
    pub to_ms: Option<u64>,
}

/// What a commit is about, as a number to look it up by. Two things may share one: what is found is held against the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u64);

impl Tag {
    fn of(what: &str, name: &str) -> Tag {
        Tag::in_room(&mut String::new(), what, name)
    }

    /// The same with room for its text that was there before.
    fn in_room(room: &mut String, what: &str, name: &str) -> Tag {
        room.clear();
        room.extend([what, ":", name]);
        Tag(xxh3_64(room.as_bytes()))
    }

    /// All that a commit can be looked up by, each once.
    pub fn all(record: &Record) -> Vec<Tag> {
        let mut room = String::with_capacity(64);
        let mut tags = Vec::with_capacity(2 + record.beside.names.len());
        tags.extend(record.beside.names.values().map(|name| Tag::in_room(&mut room, "topic", name)));
        tags.extend(record.brokers().into_iter().map(|id| Tag::in_room(&mut room, "broker", &id.to_string())));
        tags.push(Tag::in_room(&mut room, "principal", &record.commit.principal.0));
        tags.push(Tag::in_room(&mut room, "kind", record.commit.kind()));
        tags.sort_unstable();
        tags.dedup();
        tags
    }
}

impl Filter {
    /// What every commit that it finds can be looked up by; empty where only index and time count.
    pub fn tags(&self) -> Vec<Tag> {
        let named = [("topic", &self.topic), ("principal", &self.principal), ("kind", &self.kind)];
        let named = named.into_iter().filter_map(|(what, name)| name.as_deref().map(|name| Tag::of(what, name)));
        named.chain(self.broker.map(|id| Tag::of("broker", &id.to_string()))).collect()
    }

    /// Whether a commit at this index and time can be among them.
    pub fn spans(&self, index: Index, at_ms: u64) -> bool {
        self.from_index.is_none_or(|from| index >= from)
            && self.to_index.is_none_or(|to| index <= to)
            && self.from_ms.is_none_or(|from| at_ms >= from)
            && self.to_ms.is_none_or(|to| at_ms <= to)
    }

    /// Whether this is one of them.
    pub fn finds(&self, record: &Record) -> bool {
        let commit = &record.commit;
        self.spans(commit.index, commit.at_ms)
            && self.topic.as_deref().is_none_or(|topic| record.beside.names.values().any(|name| &**name == topic))
            && self.broker.is_none_or(|id| record.brokers().contains(&id))
            && self.principal.as_deref().is_none_or(|principal| commit.principal.0 == principal)
            && self.kind.as_deref().is_none_or(|kind| commit.kind() == kind)
    }
}
