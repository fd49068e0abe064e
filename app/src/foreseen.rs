//! What an action of the page Operations would do: computed by the server from the whole state, shown before anything is done.

use serde::{Deserialize, Serialize};

/// An action that was asked about, and what would come of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreseen {
    /// As the form sends it.
    pub action: String,
    pub target: String,
    pub value: String,
    pub more: String,
    /// A sentence: what is asked.
    pub title: String,
    /// Sentences: what would come of it.
    pub lines: Vec<String>,
    /// Records may be lost, or it cannot be taken back.
    pub grave: bool,
    /// Exactly what was shown is committed with it, or nothing.
    pub preview: String,
}
