//! The identity of a data directory: an instance id that is drawn once and never changes.

use crate::disk::Disk;
use crate::environment::Environment;
use crate::raft::mark;
use metadata::NodeId;
use serde::{Deserialize, Serialize};
use std::io;
use uuid::{Builder, Uuid};

/// The file's name.
pub(crate) const FILE: &str = "instance.json";

/// Whose data this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Instance {
    pub node_id: NodeId,
    #[serde(rename = "instance_id")]
    pub id: Uuid,
}

impl Instance {
    /// Reads the identity of this disk, or draws one.
    ///
    /// # Errors
    /// When the file is damaged, belongs to another node id, cannot be written, or is missing beside a log.
    pub(crate) fn open(disk: &dyn Disk, node_id: NodeId, environment: &dyn Environment) -> io::Result<Self> {
        let path = disk.path(FILE);
        let refuse = |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("{path}: {what}"));
        if let Some(bytes) = disk.read(FILE)? {
            let known: Instance = serde_json::from_slice(&bytes).map_err(|error| refuse(format!("it is damaged: {error}")))?;
            if known.node_id != node_id {
                return Err(refuse(format!("this data belongs to node {}, and this is node {node_id}", known.node_id)));
            }
            return Ok(known);
        }
        if disk.read(mark::FILE)?.is_some() {
            return Err(refuse(format!("it is missing beside {}: whose data this is cannot be known", disk.path(mark::FILE))));
        }
        let drawn = Instance { node_id, id: Builder::from_random_bytes(environment.seed().to_be_bytes()).into_uuid() };
        disk.replace(FILE, &[&serde_json::to_vec(&drawn).map_err(io::Error::other)?])?;
        Ok(drawn)
    }
}
