//! Files into topics that are wanted: Strimzi's `KafkaTopic`, or the same without its wrapper, in YAML or JSON.
//!
//! `files` finds the texts, `yaml` and `json` make trees of them, `topic` knows the forms.

mod files;
mod json;
mod topic;
mod tree;
mod yaml;

pub use topic::{plain_is_text, selects};

use crate::verbs::table::plain;
use files::{Files, Source};
use metadata::model::Configs;
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tree::{Node, Wrong};

/// Faults that are shown of one run: whoever mends these sees the rest.
const MOST_SHOWN: usize = 20;
/// Topics in all files of one run.
const MOST_TOPICS: usize = 200_000;

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    pub file: Arc<str>,
    /// From 1.
    pub document: usize,
    /// From 1; none in JSON.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, document {}", self.file, self.document)?;
        self.line.map_or(Ok(()), |line| write!(f, ", line {line}"))
    }
}

/// A topic as a file wants it. What is none is as it is, or the default at its creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub name: String,
    pub partitions: Option<i64>,
    pub replication_factor: Option<i64>,
    /// The labels among them.
    pub configs: Configs,
    pub place: Place,
}

/// Something in a file that is not applied, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    pub what: String,
    pub why: String,
    #[serde(flatten)]
    pub place: Place,
    /// The topic that it is nevertheless about: nothing deletes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}

/// What a document comes to.
enum Item {
    Topic(Wanted),
    PassedOver(PassedOver),
}

/// Everything that the files say.
#[derive(Debug, Default)]
pub struct Input {
    pub topics: BTreeMap<String, Wanted>,
    pub passed_over: Vec<PassedOver>,
    faults: Vec<String>,
    /// Faults beyond those that are shown.
    more: usize,
}

/// Reads all of these.
///
/// # Errors
/// What is wrong with them, a line each.
pub fn read(paths: &[PathBuf]) -> Result<Input, String> {
    let mut input = Input::default();
    let mut files = Files::default();
    for path in paths {
        if let Err(fault) = files.each(path, &mut |source| input.source(&source)) {
            input.fault(fault);
        }
    }
    if input.faults.is_empty() {
        return Ok(input);
    }
    if input.more > 0 {
        input.faults.push(format!("and {} more", input.more));
    }
    Err(input.faults.join("\n"))
}

impl Input {
    fn fault(&mut self, fault: String) {
        if self.faults.len() < MOST_SHOWN {
            // What a file holds does nothing to the terminal.
            self.faults.push(plain(&fault));
        } else {
            self.more += 1;
        }
    }

    fn source(&mut self, source: &Source) {
        let place = |document: usize, line| Place { file: source.name.clone(), document, line };
        let looks_json = source.text.trim_start().starts_with(['{', '[']);
        let mut all = Vec::new();
        let mut ended =
            if source.json || looks_json { json::documents(&source.text, |number, node| all.push((number, node))) } else { Ok(()) };
        if !source.json && (!looks_json || ended.is_err()) {
            // What begins like JSON may be a flow map of YAML.
            all.clear();
            ended = yaml::documents(&source.text, |number, node| self.document(place(number, node.line), &node));
        }
        all.iter().for_each(|(number, node)| self.document(place(*number, node.line), node));
        if let Err((number, Wrong { line, detail })) = ended {
            self.fault(format!("{}: {detail}", place(number, line)));
        }
    }

    fn document(&mut self, place: Place, node: &Node) {
        for item in topic::items(&place, node) {
            match item {
                Ok(Item::Topic(topic)) => self.topic(topic),
                Ok(Item::PassedOver(passed)) => self.passed_over.push(passed),
                Err(Wrong { line, detail }) => self.fault(format!("{}: {detail}", Place { line: line.or(place.line), ..place.clone() })),
            }
        }
    }

    fn topic(&mut self, topic: Wanted) {
        if self.topics.len() >= MOST_TOPICS && !self.topics.contains_key(&topic.name) {
            return self.fault(format!("{}: the files name more than {MOST_TOPICS} topics", topic.place));
        }
        match self.topics.entry(topic.name.clone()) {
            Entry::Vacant(free) => {
                free.insert(topic);
            }
            Entry::Occupied(first) => {
                let fault = format!("{}: the topic {} is in {} already", topic.place, topic.name, first.get().place);
                self.fault(fault);
            }
        }
    }
}

#[cfg(test)]
pub mod tests;
