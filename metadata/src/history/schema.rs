//! What a kept commit looks like over HTTP, for the description of the API.

use super::Record;
use crate::change::Change;
use crate::ids::{Index, Term, TopicId};
use crate::intent::Intent;
use crate::model::{Configs, Partition};
use crate::principal::Principal;
use crate::proof::digest::Digest;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A commit as it is kept.
#[derive(JsonSchema)]
#[schemars(rename = "Record")]
#[expect(dead_code, reason = "it is only described")]
struct Shown {
    index: Index,
    /// The index of the commit before this one; 0 for the first.
    prev_index: Index,
    term: Term,
    at_ms: u64,
    principal: Principal,
    /// Null for a change of membership, which no intent asked for.
    intent: Option<Intent>,
    /// The state's digest after it.
    digest: Digest,
    changes: Vec<Replacing>,
    /// The topics that its changes speak of, as they were called.
    topics: BTreeMap<TopicId, String>,
}

/// A change, and what it replaced.
#[derive(JsonSchema)]
#[schemars(rename = "Replacing")]
#[expect(dead_code, reason = "it is only described")]
struct Replacing {
    #[schemars(flatten)]
    change: Change,
    /// The change that would bring the old value back; null where there was none, absent where it was not asked for.
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    before: Option<Before>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "it is only described")]
enum Before {
    Value(Change),
    /// A deleted topic with its partitions; its kind is `topic_created`.
    Topic {
        kind: String,
        topic_id: TopicId,
        name: String,
        configs: Configs,
        created_index: Index,
        created_at_ms: u64,
        partitions: Vec<Partition>,
    },
}

impl JsonSchema for Record {
    fn schema_name() -> Cow<'static, str> {
        Shown::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Shown::json_schema(generator)
    }
}
