//! A change read from its flat form, field by field as they come.

use crate::change::Change;
use crate::ids::{Index, TopicId};
use crate::model::{Broker, Partition};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, MapDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;

/// A change as a push carries it: one push may hold the changes of many commits, and a topic remembers index and time of
/// the commit that created it. [`super::stamped`] writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// Of the commit.
    pub index: Index,
    /// Of the commit, milliseconds since the Unix epoch.
    pub at_ms: u64,
    pub change: Change,
}

impl<'de> Deserialize<'de> for Stamped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = deserializer.deserialize_map(Form { kind: None })?;
        let index = found.index.ok_or_else(|| D::Error::missing_field("index"))?;
        let at_ms = found.at_ms.ok_or_else(|| D::Error::missing_field("at_ms"))?;
        Ok(Stamped { index, at_ms, change: found.change })
    }
}

/// The change of its JSON form; fields that it does not have are passed over.
///
/// # Errors
/// When it is not one.
pub fn parse_change<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Change, D::Error> {
    deserializer.deserialize_map(Form { kind: None }).map(|found| found.change)
}

struct Found {
    index: Option<Index>,
    at_ms: Option<u64>,
    change: Change,
}

/// Reads the fields of a change, and its kind too unless that is known.
struct Form {
    kind: Option<String>,
}

impl<'de> Visitor<'de> for Form {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a change")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        if let Some(kind) = self.kind {
            return fields(&kind, map);
        }
        match map.next_key::<String>()? {
            Some(first) if first == "kind" => {
                let kind: String = map.next_value()?;
                fields(&kind, map)
            }
            Some(first) => kind_later(first, map),
            None => Err(A::Error::missing_field("kind")),
        }
    }
}

/// Nothing can be read before the kind is known, so the other fields wait.
fn kind_later<'de, A: MapAccess<'de>>(first: String, mut map: A) -> Result<Found, A::Error> {
    let mut waiting = Map::new();
    waiting.insert(first, map.next_value()?);
    while let Some((key, value)) = map.next_entry()? {
        waiting.insert(key, value);
    }
    let kind = match waiting.remove("kind") {
        Some(Value::String(kind)) => kind,
        Some(_) => return Err(A::Error::custom("kind is not a string")),
        None => return Err(A::Error::missing_field("kind")),
    };
    Value::Object(waiting).deserialize_map(Form { kind: Some(kind) }).map_err(A::Error::custom)
}

fn fields<'de, A: MapAccess<'de>>(kind: &str, map: A) -> Result<Found, A::Error> {
    let mut rest = Rest { map, index: None, at_ms: None, topic_id: None, of_partition: kind == "partition_changed" };
    let change = match kind {
        "partition_changed" => {
            let partition = Partition::deserialize(MapAccessDeserializer::new(&mut rest))?;
            let topic_id = rest.topic_id.ok_or_else(|| A::Error::missing_field("topic_id"))?;
            Change::PartitionChanged { topic_id, partition: Arc::new(partition) }
        }
        "broker_registered" => Change::BrokerRegistered { broker: Arc::new(Broker::deserialize(MapAccessDeserializer::new(&mut rest))?) },
        "broker_changed" => Change::BrokerChanged { broker: Arc::new(Broker::deserialize(MapAccessDeserializer::new(&mut rest))?) },
        _ => {
            let outer = std::iter::once((kind, MapAccessDeserializer::new(&mut rest)));
            Change::deserialize(MapAccessDeserializer::new(MapDeserializer::new(outer)))?
        }
    };
    Ok(Found { index: rest.index, at_ms: rest.at_ms, change })
}

/// The fields that are the entity's own; those of the change and of its commit are laid aside.
struct Rest<A> {
    map: A,
    index: Option<Index>,
    at_ms: Option<u64>,
    topic_id: Option<TopicId>,
    /// A partition does not have its topic's id among its own fields.
    of_partition: bool,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for &mut Rest<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let mut seed = Some(seed);
        loop {
            let key = Key { own: &mut seed, of_partition: self.of_partition };
            match self.map.next_key_seed(key)? {
                Some(Which::Own(key)) => return Ok(Some(key)),
                Some(Which::Index) => self.index = Some(self.map.next_value()?),
                Some(Which::AtMs) => self.at_ms = Some(self.map.next_value()?),
                Some(Which::TopicId) => self.topic_id = Some(self.map.next_value()?),
                None => return Ok(None),
            }
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

enum Which<K> {
    Own(K),
    Index,
    AtMs,
    TopicId,
}

/// Tells keys apart without keeping any.
struct Key<'s, K> {
    own: &'s mut Option<K>,
    of_partition: bool,
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<'_, K> {
    type Value = Which<K::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de, K: DeserializeSeed<'de>> Visitor<'de> for Key<'_, K> {
    type Value = Which<K::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(match key {
            "index" => Which::Index,
            "at_ms" => Which::AtMs,
            "topic_id" if self.of_partition => Which::TopicId,
            _ => {
                let own = self.own.take().ok_or_else(|| E::custom("a second key before the first one's value"))?;
                Which::Own(own.deserialize(StrDeserializer::new(key))?)
            }
        })
    }
}
