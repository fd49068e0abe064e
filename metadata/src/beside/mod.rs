//! What is replicated beside the state and never leaves through the feed: idempotency [`keys`], and the [`instances`] of controllers.

pub mod instances;
pub mod keys;
