//! What pages that look back show: each commit already reduced by the server to what is shown of it.

mod query;

pub use query::{By, PastQuery};

use crate::icons::{self, Glyph};
use crate::recent::Recent;
use crate::words::read_only_as_of;
use metadata::{Commit, Index};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Rows of one answer.
pub const PAGE: usize = 50;
/// Before-and-afters of one row.
pub const MOST_CELLS: usize = 24;
/// Ticks of the scrubber.
pub const MOST_MARKS: usize = 400;
/// Differences that a comparison lists.
pub const MOST_DIFFERENCES: usize = 500;

/// What one address shows of the past.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Why nothing can be looked back at, or not all.
    pub trouble: Option<String>,
    /// Up to where it was looked.
    pub upto: Index,
    pub kept: Option<Kept>,
    /// Oldest first.
    pub marks: Vec<Mark>,
    /// How many entries the marks stand for.
    pub marked: u32,
    /// Who committed any of those entries.
    pub whos: Vec<String>,
    /// Newest first.
    pub rows: Vec<Row>,
    /// What is not kept between the rows: behind the first index, up to and with the second. Newest first.
    pub gaps: Vec<(Index, Index)>,
    /// Below which index older rows go on.
    pub next: Option<Index>,
    pub comparison: Option<Comparison>,
    pub question: Option<Question>,
}

/// Another point of the past, for a page that shows one already: what its own replica cannot know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The newest commit at or before that point: it is what the cluster became by then.
    pub commit: Arc<Commit>,
    /// The banner's markup.
    pub banner: String,
    /// The last changes by then, newest first.
    pub recent: Vec<Recent>,
}

/// What this node keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub first: Index,
    pub first_ms: u64,
    pub last: Index,
    /// Stretches in between that are not kept.
    pub gaps: u32,
}

/// Who or what brought an entry about; what matters more is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    #[default]
    Automatic,
    /// By a person or a tool.
    Asked,
    /// A broker was fenced.
    Fence,
}

/// A tick of the scrubber: an entry, or some in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The last entry that it stands for.
    pub index: Index,
    pub at_ms: u64,
    pub kind: Kind,
    /// Of 64: the partitions that were touched, on a logarithmic scale.
    pub height: u8,
}

/// One commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub index: Index,
    pub at_ms: u64,
    /// A place in [`GLYPHS`].
    pub glyph: u8,
    /// What it is about, with the address of its page, or an empty one.
    pub about: Option<(String, String)>,
    pub text: String,
    pub warn: bool,
    pub cells: Vec<Cell>,
    /// How many more before-and-afters there are.
    pub more: u32,
    pub by: String,
    pub partitions: u32,
    pub undo: Undo,
}

/// What was, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    pub key: String,
    pub before: String,
    pub after: String,
}

/// Whether a commit can be undone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Undo {
    #[default]
    None,
    Offered,
    /// Not by who looks, or not here, and why.
    NotTheirs(String),
}

impl Undo {
    /// The same on a page of the past, where nothing can be done.
    #[must_use]
    pub fn in_the_past(&self, as_of: Index) -> Undo {
        match self {
            Undo::Offered => Undo::NotTheirs(read_only_as_of(as_of)),
            other => other.clone(),
        }
    }
}

/// What differs between two states.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    pub from: Index,
    pub to: Index,
    pub total: u64,
    /// The first of them.
    pub rows: Vec<Difference>,
    /// Why it cannot be told.
    pub trouble: Option<String>,
}

/// One thing that differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub name: String,
    /// The address of its page, or an empty one.
    pub path: String,
    pub cells: Vec<Cell>,
}

/// The question before an undo.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub of: Index,
    /// What the commit did, as a sentence.
    pub did: String,
    /// What would be committed.
    pub lines: Vec<String>,
    pub grave: bool,
    /// Exactly what was shown is committed with it, or nothing.
    pub preview: String,
    /// Why it cannot be undone, or not any more.
    pub refused: Option<String>,
}

/// Every glyph of a row.
pub const GLYPHS: [Glyph; 11] = [
    icons::QUORUM,
    icons::BROKERS,
    icons::TRASH,
    icons::FENCE,
    icons::UNLOCK,
    icons::PLUS,
    icons::SLIDERS,
    icons::MOVE,
    icons::ISR_GREW,
    icons::ISR_SHRANK,
    icons::LEAD,
];

impl Row {
    /// Its picture.
    pub fn picture(&self) -> Glyph {
        GLYPHS.get(self.glyph as usize).copied().unwrap_or(icons::QUORUM)
    }
}

/// Who it was, for a person: a picture and a name.
pub fn who(principal: &str) -> (Glyph, String) {
    let (kind, name) = principal.split_once(':').unwrap_or(("", principal));
    match kind {
        "user" => (icons::USER, name.to_owned()),
        "service" => (icons::CLI, name.to_owned()),
        "broker" => (icons::BROKERS, ["broker ", name].concat()),
        "controller" if name == "quorum" => (icons::QUORUM, "controllers".to_owned()),
        "controller" => (icons::QUORUM, ["controller ", name].concat()),
        _ => (icons::CLI, principal.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{icons, who};

    #[test]
    fn who_it_was_is_said_without_the_prefix() {
        for (principal, glyph, name) in [
            ("user:jonas.lind", icons::USER, "jonas.lind"),
            ("service:ci", icons::CLI, "ci"),
            ("broker:101", icons::BROKERS, "broker 101"),
            ("controller:2", icons::QUORUM, "controller 2"),
            ("controller:quorum", icons::QUORUM, "controllers"),
            ("odd", icons::CLI, "odd"),
        ] {
            assert_eq!(who(principal), (glyph, name.to_owned()));
        }
    }
}
