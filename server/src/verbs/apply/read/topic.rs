//! The forms in which a file says what topic is wanted. A field that is unknown is refused by name: a typo is never ignored.

use super::tree::{Key, Map, Node, Value, Wrong};
use super::{Item, PassedOver, Place, Wanted};
use metadata::configs::LABELS;
use metadata::labels::{self, Labels};
use metadata::model::Configs;
use metadata::plan::check_name;

const VERSIONS: [&str; 2] = ["kafka.strimzi.io/v1", "kafka.strimzi.io/v1beta2"];
/// Strimzi's kinds that are no topics, which stand in the same files.
const OTHER_KINDS: [&str; 10] = [
    "Kafka",
    "KafkaBridge",
    "KafkaConnect",
    "KafkaConnector",
    "KafkaMirrorMaker",
    "KafkaMirrorMaker2",
    "KafkaNodePool",
    "KafkaRebalance",
    "KafkaUser",
    "StrimziPodSet",
];
/// What Kubernetes itself keeps beside a name: of no matter to a topic, and in every file that was read from a cluster.
const METADATA: [&str; 14] = [
    "name",
    "namespace",
    "labels",
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];
/// Strimzi's own way to say that it leaves a topic alone, and the value that says so.
const LEFT_ALONE: [(&str, &str, &str); 2] = [
    ("strimzi.io/managed", "false", "it is not managed: strimzi.io/managed is false"),
    ("strimzi.io/pause-reconciliation", "true", "it is paused: strimzi.io/pause-reconciliation is true"),
];

type Read<T> = Result<T, Wrong>;

/// A map with the path that leads to it.
struct Fields<'a> {
    path: String,
    line: Option<usize>,
    map: &'a Map,
}

/// Everything in a document: one topic, or a list of them.
pub(super) fn items(place: &Place, node: &Node) -> Vec<Read<Item>> {
    let mut items = Vec::new();
    gather(place, node, "", &mut items);
    items
}

fn gather(place: &Place, node: &Node, path: &str, items: &mut Vec<Read<Item>>) {
    match &node.value {
        // A document of comments alone.
        Value::Null if path.is_empty() => {}
        Value::List(list) => {
            for (at, item) in list.iter().enumerate() {
                gather(place, item, &format!("{path}[{at}]"), items);
            }
        }
        Value::Map(map) => {
            let fields = Fields { path: path.to_owned(), line: node.line, map };
            match fields.of_list() {
                Some(list) => gather(place, list, &fields.at("items"), items),
                None => items.push(fields.item(place)),
            }
        }
        other => {
            let what = if path.is_empty() { "the document" } else { path };
            items.push(Err(Wrong::new(node.line, format!("{what} is {}, and no topic", other.shown()))));
        }
    }
}

impl<'a> Fields<'a> {
    fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn get(&self, name: &str) -> Option<&'a Node> {
        self.map.get(name).filter(|node| node.value != Value::Null)
    }

    fn no<T>(&self, name: &str, node: &Node, allowed: &str) -> Read<T> {
        Err(Wrong::new(node.line, format!("{} is {}; allowed: {allowed}", self.at(name), node.value.shown())))
    }

    /// Refuses every field but these.
    fn only(&self, allowed: &[&str]) -> Read<()> {
        match self.map.entries.iter().find(|(key, _)| !allowed.contains(&key.text.as_str())) {
            None => Ok(()),
            Some((Key { line, text }, _)) => {
                Err(Wrong::new(*line, format!("there is no field {}; allowed: {}", self.at(text), allowed.join(", "))))
            }
        }
    }

    fn map(&self, name: &str) -> Read<Option<Fields<'a>>> {
        match self.get(name) {
            None => Ok(None),
            Some(Node { line, value: Value::Map(map) }) => Ok(Some(Fields { path: self.at(name), line: *line, map })),
            Some(node) => self.no(name, node, "a map"),
        }
    }

    fn text(&self, name: &str) -> Read<Option<&'a str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Node { value: Value::Text(text), .. }) => Ok(Some(text)),
            Some(node @ Node { value: Value::List(_) | Value::Map(_), .. }) => self.no(name, node, "a text"),
            Some(node) => self.no(name, node, "a text: put it in quotes"),
        }
    }

    /// A count; -1 says no more than its absence (F4).
    fn count(&self, name: &str) -> Read<Option<i64>> {
        let Some(node) = self.get(name) else { return Ok(None) };
        let number = match &node.value {
            Value::Number(text) => text.parse::<i64>().ok(),
            _ => None,
        };
        match number {
            Some(-1) => Ok(None),
            Some(count) if count > 0 => Ok(Some(count)),
            _ => self.no(name, node, "1 or more, or -1 for what is there already"),
        }
    }

    /// One of two names for the same.
    fn either<T>(&self, names: [&str; 2], read: impl Fn(&Self, &str) -> Read<Option<T>>) -> Read<Option<T>> {
        if let (Some(_), Some(second)) = (self.get(names[0]), self.get(names[1])) {
            return Err(Wrong::new(second.line, format!("{} says what {} says already", self.at(names[1]), self.at(names[0]))));
        }
        Ok(read(self, names[0])?.or(read(self, names[1])?))
    }

    /// The items of a list as `kubectl get -o yaml` writes it.
    fn of_list(&self) -> Option<&'a Node> {
        let kind = self.text("kind").ok()??;
        let api = self.text("apiVersion").ok()??;
        let list = (kind == "List" && api == "v1") || (kind == "KafkaTopicList" && VERSIONS.contains(&api));
        self.get("items").filter(|_| list)
    }

    fn item(&self, place: &Place) -> Read<Item> {
        let place = Place { line: self.line, ..place.clone() };
        if self.get("kind").is_none() && self.get("apiVersion").is_none() {
            return self.plain(place).map(Item::Topic);
        }
        let Some(kind) = self.text("kind")? else {
            return Err(Wrong::new(self.line, format!("{} is absent beside apiVersion; allowed: KafkaTopic", self.at("kind"))));
        };
        if kind == "KafkaTopic" {
            return self.wrapped(place);
        }
        let strimzi = self.text("apiVersion")?.is_some_and(|version| version.starts_with("kafka.strimzi.io/"));
        // A typo must not make a topic one that no file names, which --prune deletes.
        if (strimzi && !OTHER_KINDS.contains(&kind)) || kind.starts_with("KafkaTopic") {
            let allowed = format!("KafkaTopic, KafkaTopicList, {}", OTHER_KINDS.join(", "));
            return Err(Wrong::new(self.line, format!("{} {kind:?} is unknown; allowed: {allowed}", self.at("kind"))));
        }
        Ok(self.other_kind(kind, place))
    }

    /// `KafkaUser`, `ConfigMap` and whatever else stands in the same files.
    fn other_kind(&self, kind: &str, place: Place) -> Item {
        let name = self.map("metadata").ok().flatten().and_then(|metadata| metadata.text("name").ok().flatten());
        let what = name.map_or_else(|| kind.to_owned(), |name| format!("{kind} {name}"));
        Item::PassedOver(PassedOver { what, why: "it is no topic".to_owned(), place, topic: None })
    }

    fn wrapped(&self, place: Place) -> Read<Item> {
        match self.get("apiVersion") {
            Some(Node { value: Value::Text(version), .. }) if VERSIONS.contains(&version.as_str()) => {}
            Some(node) => return self.no("apiVersion", node, &VERSIONS.join(", ")),
            None => return Err(Wrong::new(self.line, format!("{} is absent; allowed: {}", self.at("apiVersion"), VERSIONS.join(", ")))),
        }
        self.only(&["apiVersion", "kind", "metadata", "spec", "status"])?;
        let Some(metadata) = self.map("metadata")? else {
            return Err(Wrong::new(self.line, format!("{} is absent: it has the topic's name", self.at("metadata"))));
        };
        metadata.only(&METADATA)?;
        let empty = Map::default();
        let spec = self.map("spec")?.unwrap_or(Fields { path: self.at("spec"), line: self.line, map: &empty });
        spec.only(&["topicName", "partitions", "replicas", "config"])?;
        let name = match spec.text("topicName")? {
            Some(_) => spec.name("topicName")?,
            None => metadata.name("name")?,
        };
        if let Some(why) = metadata.left_alone()? {
            return Ok(Item::PassedOver(PassedOver { what: format!("KafkaTopic {name}"), why, place, topic: Some(name) }));
        }
        let configs = spec.configs("config", metadata.labels()?)?;
        let (partitions, replication_factor) = (spec.count("partitions")?, spec.count("replicas")?);
        Ok(Item::Topic(Wanted { name, partitions, replication_factor, configs, place }))
    }

    fn left_alone(&self) -> Read<Option<String>> {
        let Some(annotations) = self.map("annotations")? else { return Ok(None) };
        let says = |(key, word, _): &&(&str, &str, &str)| match annotations.get(key).map(|node| &node.value) {
            Some(Value::Text(text)) => text == word,
            Some(Value::Boolean(value)) => value.to_string() == *word,
            _ => false,
        };
        Ok(LEFT_ALONE.iter().find(says).map(|(.., why)| (*why).to_owned()))
    }

    fn plain(&self, place: Place) -> Read<Wanted> {
        self.only(&["name", "partitions", "replication_factor", "replicas", "configs", "config", "labels"])?;
        let name = self.name("name")?;
        let partitions = self.count("partitions")?;
        let replication_factor = self.either(["replication_factor", "replicas"], Fields::count)?;
        let labels = self.labels()?;
        let configs =
            self.either(["configs", "config"], |fields, name| fields.get(name).map(|_| fields.configs(name, labels.clone())).transpose())?;
        let configs = configs.map_or_else(|| self.configs("configs", labels.clone()), Ok)?;
        Ok(Wanted { name, partitions, replication_factor, configs, place })
    }

    fn name(&self, field: &str) -> Read<String> {
        let Some(name) = self.text(field)? else {
            return Err(Wrong::new(self.line, format!("{} is absent: it is the topic's name", self.at(field))));
        };
        let line = self.get(field).and_then(|node| node.line);
        check_name(name).map_err(|no| {
            let allowed = no.allowed.map(|allowed| format!("; allowed: {allowed}")).unwrap_or_default();
            Wrong::new(line, format!("{} is {name:?}: {}{allowed}", self.at(field), no.detail))
        })?;
        Ok(name.to_owned())
    }

    fn labels(&self) -> Read<Option<Labels>> {
        let Some(fields) = self.map("labels")? else { return Ok(None) };
        let mut labels = Labels::new();
        for (Key { line, text: key }, _) in &fields.map.entries {
            if !labels::is_key(key) {
                return Err(Wrong::new(*line, format!("{} cannot be a label's key; allowed: {}", fields.at(key), labels::ALLOWED)));
            }
            // Absent and empty are the same to Kubernetes.
            let value = fields.text(key)?.unwrap_or_default();
            if !labels::is_value(value) {
                return Err(Wrong::new(*line, format!("{} cannot be {value:?}; allowed: {}", fields.at(key), labels::ALLOWED)));
            }
            labels.insert(key.clone(), value.to_owned());
        }
        Ok(Some(labels))
    }

    /// The configuration, with the labels as one more key.
    fn configs(&self, name: &str, labels: Option<Labels>) -> Read<Configs> {
        let mut configs = Configs::new();
        if let Some(fields) = self.map(name)? {
            for (key, node) in &fields.map.entries {
                configs.insert(key.text.clone(), fields.config_value(&key.text, node)?);
            }
        }
        let labels = labels.filter(|labels| !labels.is_empty());
        if let Some(labels) = labels
            && configs.insert(LABELS.to_owned(), labels::text(&labels)).is_some()
        {
            return Err(Wrong::new(self.line, format!("{}.{LABELS} says what the labels beside it say already", self.at(name))));
        }
        Ok(configs)
    }

    /// As Strimzi reads it: any scalar, and a list for a key that takes one.
    fn config_value(&self, key: &str, node: &Node) -> Read<String> {
        match &node.value {
            Value::Text(text) | Value::Number(text) => Ok(text.clone()),
            Value::Boolean(value) => Ok(value.to_string()),
            Value::List(items) => {
                let one = |item: &Node| match &item.value {
                    Value::List(_) => self.no(key, item, "a text, a number, true, false, or a list of these"),
                    _ => self.config_value(key, item),
                };
                Ok(items.iter().map(one).collect::<Read<Vec<_>>>()?.join(","))
            }
            Value::Unclear(text, what) => Err(Wrong::new(
                node.line,
                format!(
                    "{} is {text}, which some take for {what} and some for a text: write what is meant, or put it in quotes",
                    self.at(key)
                ),
            )),
            Value::Null => self.no(key, node, "a value; a key that is left out has its default"),
            Value::Map(_) => self.no(key, node, "a text, a number, true, false, or a list of these"),
        }
    }
}

/// Whether a text needs no quotes for everybody to read it as that text.
pub fn plain_is_text(text: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(fine)
        && matches!(Value::plain(text), Value::Text(_))
}

/// Whether a configuration has all of these labels.
pub fn selects(selector: &Labels, configs: &Configs) -> bool {
    let held = configs.get(LABELS).and_then(|text| labels::parse(text)).unwrap_or_default();
    selector.iter().all(|(key, value)| held.get(key) == Some(value))
}
