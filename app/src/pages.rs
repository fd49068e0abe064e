//! One module per page. Each renders from `Live` alone: on the server from the slice of the first paint, in the browser from the replica.

pub mod broker;
pub mod brokers;
pub mod create_topic;
pub mod first_paint;
pub mod not_found;
pub mod operations;
pub mod overview;
#[cfg(all(test, feature = "ssr"))]
mod painted;
pub mod quorum;
#[cfg(test)]
pub mod sample;
pub mod topic;
pub mod topics;
