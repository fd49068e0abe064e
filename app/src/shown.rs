//! What the first paint carries of topics: those that its page shows, and nothing more.

use metadata::TopicId;

/// What the slice of a page holds beside every broker and every controller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Topics as rows: with their counts and their first partition.
    pub rows: Vec<TopicId>,
    /// Topics with all their partitions.
    pub whole: Vec<TopicId>,
}
