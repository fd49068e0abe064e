//! Why a commit cannot be undone, or not any more.

use crate::ids::Index;
use crate::rejection::{Code, Rejection};
use std::fmt;

/// Why a commit cannot be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoInverse {
    /// Nothing of its kind can, and what there is instead.
    Never(&'static str),
    /// It changed nothing that could go back.
    Nothing,
    /// What it made is not as it made it.
    Changed { what: String, since: Index, now: String },
    /// What it made is gone, or what would have to be there again.
    Gone { what: String },
    /// Not in the cluster as it is: why.
    NotNow(String),
}

impl NoInverse {
    /// What an object says that has been changed at another index since.
    pub(super) fn changed_at(what: String, since: Index, now: Index) -> Self {
        NoInverse::Changed { what, since, now: format!("at index {now}") }
    }
}

impl fmt::Display for NoInverse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoInverse::Never(why) => f.write_str(why),
            NoInverse::Nothing => f.write_str("It changed nothing that could go back"),
            NoInverse::Changed { what, since, now } => write!(f, "{what} changed since index {since}; it is now {now}"),
            NoInverse::Gone { what } => write!(f, "{what} is not there any more"),
            NoInverse::NotNow(why) => f.write_str(why),
        }
    }
}

impl From<NoInverse> for Rejection {
    fn from(no: NoInverse) -> Self {
        let detail = no.to_string();
        match no {
            NoInverse::Never(_) | NoInverse::Nothing => Rejection::new(Code::InvalidRequest, detail),
            NoInverse::Changed { since, now, .. } => Rejection::new(Code::RevisionConflict, detail).at("of", since, now),
            NoInverse::Gone { .. } => Rejection::new(Code::RevisionConflict, detail),
            NoInverse::NotNow(_) => Rejection::new(Code::PolicyViolation, detail),
        }
    }
}
