//! The refusal of an option.

use thiserror::Error;

/// An option that cannot work.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{name} cannot be {value:?}: {reason}")]
pub struct InvalidOption {
    pub name: &'static str,
    pub value: String,
    pub reason: String,
}
