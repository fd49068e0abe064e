//! The data directory that each controller was first seen with. Node ids are never used again, so none is dropped.

use crate::ids::NodeId;
use crate::rejection::{Code, Rejection};
use imbl::OrdMap;
use uuid::Uuid;

/// By node id. Cloning shares all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instances(OrdMap<NodeId, Uuid>);

impl Instances {
    /// Remembers the first instance of a node id.
    ///
    /// # Errors
    /// INVALID_REGISTRATION for any other one: an erased voter must not vote again.
    pub fn admit(&mut self, node_id: NodeId, instance_id: Uuid) -> Result<(), Rejection> {
        let first = *self.0.entry(node_id).or_insert(instance_id);
        if first == instance_id {
            return Ok(());
        }
        let detail = format!("Controller {node_id} is another data directory: {first}");
        Err(Rejection::new(Code::InvalidRegistration, detail).at("instance_id", instance_id, first.to_string()))
    }

    /// Whether a controller of this id was ever seen.
    pub fn knows(&self, node_id: NodeId) -> bool {
        self.0.contains_key(&node_id)
    }

    /// The instance of this controller.
    pub fn get(&self, node_id: &NodeId) -> Option<&Uuid> {
        self.0.get(node_id)
    }

    /// Whether none was seen yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, by node id.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, Uuid)> {
        self.0.iter().map(|(node, instance)| (*node, *instance))
    }
}

impl FromIterator<(NodeId, Uuid)> for Instances {
    fn from_iter<I: IntoIterator<Item = (NodeId, Uuid)>>(pairs: I) -> Self {
        Instances(pairs.into_iter().collect())
    }
}
