//! `quorate export`: the topics of a cluster as files that `quorate apply` reads.

use super::read::{plain_is_text, selects};
use super::{cluster, selector};
use crate::verbs::Output;
use crate::verbs::call::{Failed, Server, print_line};
use clap::{Args, ValueEnum};
use metadata::configs::LABELS;
use metadata::labels::{self, Labels};
use metadata::model::Configs;
use metadata::views::TopicRow;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// name, partitions, replication_factor, configs, labels.
    #[default]
    Plain,
    /// The custom resource KafkaTopic.
    Strimzi,
}

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Export {
    /// These topics; all when none is named.
    pub names: Vec<String>,
    /// Only topics with all of these labels.
    #[arg(short = 'l', long, value_name = "KEY=VALUE,…", value_parser = selector)]
    pub selector: Option<Labels>,
    /// Only topics whose names begin so.
    #[arg(long, value_name = "TEXT")]
    pub prefix: Option<String>,
    /// Internal topics too.
    #[arg(long)]
    pub internal: bool,
    /// What each topic is written as.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Writes topics: YAML, or with `--output json` a list.
///
/// # Errors
/// [`Failed`] where the node does not answer, or a named topic is not there.
pub async fn export(server: &Server, wanted: &Export) -> anyhow::Result<()> {
    let (_, topics) = cluster(server).await?;
    let there: BTreeSet<&str> = topics.iter().map(|topic| &*topic.name).collect();
    if let Some(name) = wanted.names.iter().find(|name| !there.contains(name.as_str())) {
        let name = crate::verbs::table::plain(name);
        return Err(Failed::Rejected(format!("UNKNOWN_TOPIC_OR_PARTITION: There is no topic {name}")).into());
    }
    let none = Configs::new();
    let chosen = topics.iter().filter(|topic| {
        let named = wanted.names.iter().any(|name| **name == *topic.name);
        (named || wanted.names.is_empty() && (wanted.internal || !topic.internal))
            && wanted.prefix.as_ref().is_none_or(|prefix| topic.name.starts_with(prefix.as_str()))
            && wanted.selector.as_ref().is_none_or(|selector| selects(selector, topic.configs.as_ref().unwrap_or(&none)))
    });
    let documents: Vec<Item> = chosen.map(|topic| document(topic, wanted.format)).collect();
    match server.output() {
        Output::Json => print_line(&serde_json::to_string_pretty(&documents.iter().map(Item::json).collect::<Vec<_>>())?)?,
        Output::Table if documents.is_empty() => {}
        Output::Table => print_line(&documents.iter().map(Item::yaml).collect::<Vec<_>>().join("\n---\n"))?,
    }
    Ok(())
}

/// What is written, in the order in which people expect it.
enum Item {
    Text(String),
    Number(u32),
    Map(Vec<(String, Item)>),
}

impl Item {
    fn texts<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Item::Map(pairs.into_iter().map(|(key, value)| (key.to_owned(), Item::Text(value.to_owned()))).collect())
    }

    /// Of these fields those that hold something.
    fn of<const N: usize>(fields: [(&str, Item); N]) -> Self {
        let said = |item: &Item| !matches!(item, Item::Map(fields) if fields.is_empty());
        Item::Map(fields.into_iter().filter(|(_, item)| said(item)).map(|(name, item)| (name.to_owned(), item)).collect())
    }

    fn json(&self) -> Value {
        match self {
            Item::Text(text) => json!(text),
            Item::Number(number) => json!(number),
            Item::Map(fields) => Value::Object(fields.iter().map(|(key, item)| (key.clone(), item.json())).collect::<Map<_, _>>()),
        }
    }

    fn yaml(&self) -> String {
        self.lines().join("\n")
    }

    fn lines(&self) -> Vec<String> {
        match self {
            Item::Text(text) => vec![quoted(text)],
            Item::Number(number) => vec![number.to_string()],
            Item::Map(fields) => fields
                .iter()
                .flat_map(|(key, item)| {
                    let (key, lines) = (quoted(key), item.lines());
                    match item {
                        Item::Map(_) => std::iter::once(format!("{key}:")).chain(lines.iter().map(|line| format!("  {line}"))).collect(),
                        _ => vec![format!("{key}: {}", lines.concat())],
                    }
                })
                .collect(),
        }
    }
}

/// A text that every reader of YAML takes for that text; what JSON writes in quotes is YAML too.
fn quoted(text: &str) -> String {
    if plain_is_text(text) { text.to_owned() } else { json!(text).to_string() }
}

/// A topic in the form that was asked for.
fn document(topic: &TopicRow, format: Format) -> Item {
    let mut configs: BTreeMap<&str, &str> = topic.configs.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let labels = configs.get(LABELS).and_then(|text| labels::parse(text));
    if labels.is_some() {
        configs.remove(LABELS);
    }
    let labels = labels.unwrap_or_default();
    let labels = Item::texts(labels.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let (name, configs) = (topic.name.to_string(), Item::texts(configs));
    let (partitions, factor) = (Item::Number(topic.partitions), Item::Number(topic.replication_factor));
    match format {
        Format::Plain => Item::of([
            ("name", Item::Text(name)),
            ("partitions", partitions),
            ("replication_factor", factor),
            ("labels", labels),
            ("configs", configs),
        ]),
        Format::Strimzi => {
            let resource = resource_name(&name);
            let renamed = if resource == name { Item::Map(Vec::new()) } else { Item::Text(name) };
            Item::of([
                ("apiVersion", Item::Text("kafka.strimzi.io/v1beta2".to_owned())),
                ("kind", Item::Text("KafkaTopic".to_owned())),
                ("metadata", Item::of([("name", Item::Text(resource)), ("labels", labels)])),
                ("spec", Item::of([("topicName", renamed), ("partitions", partitions), ("replicas", factor), ("config", configs)])),
            ])
        }
    }
}

/// What Kubernetes may call it: the topic's name where that is a DNS name, else one that belongs to no other topic.
fn resource_name(topic: &str) -> String {
    const LONGEST: usize = 253;
    let is_part = |part: &str| {
        let ends = part.starts_with(|c: char| c != '-') && !part.ends_with('-');
        ends && part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
    };
    if topic.len() <= LONGEST && topic.split('.').all(is_part) {
        return topic.to_owned();
    }
    let near: String = topic.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).take(200).collect();
    let hash: String = Sha256::digest(topic).iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{hash}", near.trim_matches('-')).trim_start_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::read::tests::text;
    use super::*;
    use metadata::TopicId;
    use metadata::views::TopicHealth;
    use proptest::prelude::*;

    #[test]
    fn a_resource_is_named_as_its_topic_where_kubernetes_allows_it() {
        for same in ["orders", "orders.v1", "a-b.c-9", "9"] {
            assert_eq!(resource_name(same), same);
        }
        let names =
            ["Orders", "orders_v1", "orders-v1_", "__consumer_offsets", "-", "...", "a..b", "a.-b", &"x".repeat(249), &"X".repeat(249)];
        let made: BTreeSet<String> = names.iter().map(|name| resource_name(name)).collect();
        assert_eq!(made.len(), names.len(), "{made:?}");
        for name in made {
            assert!(name.len() <= 253 && resource_name(&name) == name, "{name}");
        }
    }

    fn rows() -> impl Strategy<Value = TopicRow> {
        let name = prop_oneof![
            "[a-zA-Z0-9._-]{1,12}",
            prop::sample::select(vec!["no", "1e3", "null", "-", "0x1", "~", "1:30", "true"]).prop_map(str::to_owned)
        ];
        let value = prop_oneof![
            "\\PC{0,12}",
            prop::sample::select(vec!["", "no", "-1", "1e3", "a: b", "# c", " x ", "'", "\"", "\t\n", "\u{1}", "\u{85}\u{2028}"])
                .prop_map(str::to_owned)
        ];
        let keys =
            prop::sample::select(vec!["retention.ms", "cleanup.policy", "segment.ms", "deletion.protection"]).prop_map(str::to_owned);
        let labels = proptest::option::of(prop::sample::select(vec!["app=orders", "a=,b=no", "x.io/y=1e3,z=true", ""]));
        (name, 1u32..20, 1u32..4, prop::collection::btree_map(keys, value, 0..4), labels).prop_map(
            |(name, partitions, replication_factor, configs, labels)| {
                let mut configs: Configs = configs.into_iter().collect();
                configs.extend(labels.filter(|labels| !labels.is_empty()).map(|labels| (LABELS.to_owned(), labels.to_owned())));
                TopicRow {
                    id: TopicId(uuid::Uuid::from_u128(1)),
                    name: name.as_str().into(),
                    partitions,
                    replication_factor,
                    internal: false,
                    health: TopicHealth::Healthy,
                    created_index: 1,
                    changed_index: 1,
                    configs: Some(configs),
                }
            },
        )
    }

    proptest! {
        #![proptest_config(damage::cases(1_000))]

        #[test]
        fn what_is_written_is_read_as_it_was(topic in rows(), strimzi in any::<bool>(), as_json in any::<bool>()) {
            prop_assume!(metadata::plan::check_name(&topic.name).is_ok());
            let document = document(&topic, if strimzi { Format::Strimzi } else { Format::Plain });
            let written = if as_json { document.json().to_string() } else { document.yaml() };
            let read = text(&written).map_err(|faults| TestCaseError::fail(format!("{written}\n{faults}")))?;
            let wanted = read.topics.get(&*topic.name).ok_or_else(|| TestCaseError::fail(written.clone()))?;
            prop_assert_eq!(Some(&wanted.configs), topic.configs.as_ref(), "{}", written);
            prop_assert_eq!((wanted.partitions, wanted.replication_factor), (Some(topic.partitions.into()), Some(topic.replication_factor.into())));
        }
    }
}
