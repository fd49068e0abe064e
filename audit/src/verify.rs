//! Whether lines are what nodes wrote, one after the other.

use crate::chain::{Chain, Fault, Link};
use crate::hash::Hash;
use std::collections::BTreeMap;

/// Breaks that are told one by one.
pub const MOST_BREAKS: usize = 100;
/// Nodes whose lines may be together.
pub const MOST_NODES: usize = 64;

/// A line that is not what should be there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct Break {
    /// From 1 on.
    pub line: u64,
    /// The number that the line gives itself, if it has one.
    pub seq: Option<u64>,
    pub fault: Fault,
}

/// The lines of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub node: u64,
    pub records: u64,
    pub first_seq: u64,
    pub last_seq: u64,
    /// Kept elsewhere, it shows later whether these lines are still the same.
    pub last_hash: Hash,
}

/// What lines came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Lines that are as they were written, of all nodes.
    pub records: u64,
    /// By node.
    pub spans: Vec<Span>,
    /// The first [`MOST_BREAKS`].
    pub breaks: Vec<Break>,
    /// How many more there are.
    pub more_breaks: u64,
}

/// Takes lines one by one. Those of several nodes may follow each other or be mixed.
#[derive(Default)]
pub struct Verifying {
    lines: u64,
    chains: BTreeMap<u64, (Chain, Option<Span>)>,
    /// Whose line was the last.
    last: Option<u64>,
    verified: Verified,
}

impl Verifying {
    /// The next line, with its end or without.
    pub fn line(&mut self, line: &[u8]) {
        self.lines += 1;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let link = match Link::read(line) {
            Ok(link) => link,
            Err(fault) => return self.broke(None, fault),
        };
        let seq = Some(link.seq);
        // A line that is not what was written may name a node that there is not.
        let node = if link.intact || self.chains.contains_key(&link.node) { Some(link.node) } else { self.last };
        let Some(node) = node else {
            return self.broke(seq, Fault::Altered);
        };
        if self.chains.len() >= MOST_NODES && !self.chains.contains_key(&node) {
            return self.broke(seq, Fault::Nodes { most: MOST_NODES });
        }
        self.last = Some(node);
        let (chain, span) = self.chains.entry(node).or_default();
        let followed = chain.follow(&link);
        if link.intact {
            self.verified.records += 1;
            let new = Span { node, records: 0, first_seq: link.seq, last_seq: link.seq, last_hash: link.hash };
            let span = span.get_or_insert(new);
            (span.records, span.last_seq, span.last_hash) = (span.records + 1, link.seq, link.hash);
        }
        if let Err(fault) = followed {
            self.broke(seq, fault);
        }
    }

    /// What all of them came to.
    pub fn finish(self) -> Verified {
        let spans = self.chains.into_values().filter_map(|(_, span)| span).collect();
        Verified { spans, ..self.verified }
    }

    fn broke(&mut self, seq: Option<u64>, fault: Fault) {
        if self.verified.breaks.len() < MOST_BREAKS {
            self.verified.breaks.push(Break { line: self.lines, seq, fault });
        } else {
            self.verified.more_breaks += 1;
        }
    }
}

/// Verifies all of these lines, with their ends or without.
pub fn verify<L: AsRef<[u8]>>(lines: impl IntoIterator<Item = L>) -> Verified {
    let mut verifying = Verifying::default();
    lines.into_iter().for_each(|line| verifying.line(line.as_ref()));
    verifying.finish()
}
