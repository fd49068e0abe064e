//! What is replicated beside the state and never leaves through the feed: idempotency [`keys`], the [`instances`] of controllers, and
//! the [`bindings`] of brokers' sessions.

pub mod bindings;
pub mod instances;
pub mod keys;
