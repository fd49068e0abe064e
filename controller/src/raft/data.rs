//! What Raft carries: entries encoded once by the leader's planner, decoded once by each node's state machine.

use metadata::Index;
use metadata::digest::Digest;
use metadata::envelope::{self, EnvelopeError, Kind};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A recent revision of the leader's and its digest there: every node compares it with its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    pub index: Index,
    pub digest: Digest,
}

/// One metadata entry in its encoded form; the log, the network and the batching only move its bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogData {
    bytes: bytes_field::Shared,
}

impl LogData {
    /// Encodes an entry with what its leader had applied.
    ///
    /// # Errors
    /// As [`envelope::seal`].
    pub fn encode(entry: &metadata::Entry, checked: Checked) -> Result<Self, EnvelopeError> {
        Ok(LogData { bytes: bytes_field::Shared(envelope::seal(Kind::CheckedEntry, &(checked, entry))?.into()) })
    }

    /// Decodes it. Logs from before entries were checked have none.
    ///
    /// # Errors
    /// As [`envelope::open`].
    pub fn decode(&self) -> Result<(Option<Checked>, metadata::Entry), EnvelopeError> {
        if envelope::holds(Kind::Entry, &self.bytes.0) {
            return Ok((None, envelope::open(Kind::Entry, &self.bytes.0)?));
        }
        let (checked, entry) = envelope::open(Kind::CheckedEntry, &self.bytes.0)?;
        Ok((Some(checked), entry))
    }

    /// Its encoded size in bytes.
    pub fn len(&self) -> usize {
        self.bytes.0.len()
    }
}

impl fmt::Debug for LogData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogData({} bytes)", self.len())
    }
}

impl fmt::Display for LogData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

mod bytes_field {
    //! Shared bytes that serde writes as a byte string, not as a sequence of numbers.
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
    use std::sync::Arc;

    #[derive(Clone, PartialEq, Eq)]
    pub struct Shared(pub Arc<[u8]>);

    impl Serialize for Shared {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&self.0)
        }
    }

    impl<'de> Deserialize<'de> for Shared {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Bytes;
            impl de::Visitor<'_> for Bytes {
                type Value = Shared;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("bytes")
                }
                fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Shared, E> {
                    Ok(Shared(bytes.into()))
                }
            }
            deserializer.deserialize_bytes(Bytes)
        }
    }
}

/// The answer of apply: none for blank and membership entries.
pub type Reply = Option<Arc<metadata::Response>>;

openraft::declare_raft_types!(
    /// Standard Raft: one leader per term.
    pub TypeConfig:
        D = LogData,
        R = Reply,
        NodeId = u64,
        Node = openraft::BasicNode,
        LeaderId = openraft::impls::leader_id_std::LeaderId<Self::Term, Self::NodeId>,
        AsyncRuntime = super::chance::Runtime,
);
