//! The refusal of a command line.

use thiserror::Error;

/// The command line cannot be used.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Usage(pub String);
