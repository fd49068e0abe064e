//! Who asks, by name.

use crate::ids::BrokerId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who asks: `user:…`, `broker:101`, `controller:1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Principal(pub String);

impl Principal {
    /// A person who did not sign in.
    pub fn anonymous() -> Self {
        Principal("user:anonymous".to_owned())
    }

    /// Whether a person asks, or a program of one.
    pub fn is_person(&self) -> bool {
        self.0.starts_with("user:")
    }

    /// A storage service.
    pub fn broker(id: BrokerId) -> Self {
        Principal(format!("broker:{id}"))
    }

    /// A person who has signed in.
    pub fn user(name: &str) -> Self {
        Principal(format!("user:{name}"))
    }

    /// A script or another program, by its account.
    pub fn service(name: &str) -> Self {
        Principal(format!("service:{name}"))
    }

    /// Whether a controller asks by itself.
    pub fn is_controller(&self) -> bool {
        self.0.starts_with("controller:")
    }

    /// The controllers together: a membership is committed by a majority, on behalf of no one node.
    pub fn quorum() -> Self {
        Principal("controller:quorum".to_owned())
    }

    /// A controller, for what the leader does by itself.
    pub fn controller(id: u64) -> Self {
        Principal(format!("controller:{id}"))
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
