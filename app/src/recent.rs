//! The last commits, as the change list shows them: in the first paint a commit is cut short, and its size said beside it.

use metadata::{Change, Commit, Intent};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A commit of the change list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    /// In the first paint with at most `MOST_CHANGES` of its changes; on the feed whole.
    pub commit: Arc<Commit>,
    /// How many partitions the whole commit changed.
    pub partitions: u32,
    /// How many of them got a leader that may lack records.
    pub unclean: u32,
}

/// How many changes of a commit the first paint carries.
const MOST_CHANGES: usize = 16;
/// How many topics of a batch the first paint carries.
const MOST_TOPICS: usize = 2;
/// How many commits a browser keeps.
pub const MOST_RECENT: usize = 50;

impl Recent {
    /// A whole commit.
    pub fn of(commit: Arc<Commit>) -> Self {
        let partitions = commit.changes.iter().filter(|change| matches!(change, Change::PartitionChanged { .. })).count() as u32;
        let unclean = commit.elected_uncleanly().count() as u32;
        Recent { commit, partitions, unclean }
    }

    /// The same with a commit that is small enough for the first paint.
    #[must_use]
    pub fn shortened(self) -> Self {
        let long_batch = match self.commit.intent.as_ref().map(Intent::inner) {
            Some(Intent::CreateTopics { topics }) => {
                topics.len() > MOST_TOPICS || topics.iter().flat_map(|topic| &topic.assignments).any(|rows| rows.len() > MOST_CHANGES)
            }
            Some(Intent::ChangeIsr { changes, .. }) => changes.len() > MOST_CHANGES,
            Some(Intent::GrowTopic { assignments: Some(rows), .. }) => rows.len() > MOST_CHANGES,
            Some(Intent::Reassign { moves, .. }) => moves.len() > MOST_CHANGES,
            Some(Intent::Elect { partitions: Some(partitions), .. }) => partitions.len() > MOST_CHANGES,
            Some(Intent::Lead { leaders }) => leaders.len() > MOST_CHANGES,
            _ => false,
        };
        if self.commit.changes.len() <= MOST_CHANGES && !long_batch {
            return self;
        }
        let mut commit = Commit::clone(&self.commit);
        commit.changes.truncate(MOST_CHANGES);
        let asked = match &mut commit.intent {
            Some(Intent::Undo { intent, .. }) => Some(&mut **intent),
            asked => asked.as_mut(),
        };
        match asked {
            Some(Intent::CreateTopics { topics }) => {
                topics.truncate(MOST_TOPICS);
                topics.iter_mut().flat_map(|topic| &mut topic.assignments).for_each(|rows| rows.truncate(MOST_CHANGES));
            }
            Some(Intent::ChangeIsr { changes, .. }) => changes.truncate(MOST_CHANGES),
            Some(Intent::GrowTopic { assignments: Some(rows), .. }) => rows.truncate(MOST_CHANGES),
            Some(Intent::Reassign { moves, .. }) => moves.truncate(MOST_CHANGES),
            Some(Intent::Elect { partitions: Some(partitions), .. }) => partitions.truncate(MOST_CHANGES),
            Some(Intent::Lead { leaders }) => leaders.truncate(MOST_CHANGES),
            _ => {}
        }
        Recent { commit: Arc::new(commit), ..self }
    }
}
