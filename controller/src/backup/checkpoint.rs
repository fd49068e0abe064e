//! A whole state as rows of text: its encoding deflated, in base64, and cut into parts that a statement carries easily.

use super::rebuild::Flaw;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use metadata::{Index, State, snapshot};
use std::io::{self, Read, Write};

/// Bytes of a part, before base64 makes a third more of them.
const PART: usize = 192 << 10;
/// Bytes of a state at most: ten million partitions are below it.
const MOST_STATE: u64 = 4 << 30;

/// A state that can be written.
pub(crate) struct Packed {
    pub index: Index,
    pub at_ms: u64,
    pub digest: String,
    pub parts: Vec<String>,
}

/// Packs a state. Of a large one this takes long.
pub(super) fn pack(state: &State) -> io::Result<Packed> {
    let content = snapshot::encode_state(state).map_err(io::Error::other)?;
    let mut deflating = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflating.write_all(&content)?;
    let deflated = deflating.finish()?;
    let parts = deflated.chunks(PART).map(|part| STANDARD.encode(part)).collect();
    Ok(Packed { index: state.revision(), at_ms: state.at_ms(), digest: state.digest().to_string(), parts })
}

/// The state of its parts, whose digest was checked.
pub(super) fn unpack(index: Index, parts: &[String]) -> Result<State, Flaw> {
    let no = |why: String| Flaw::Checkpoint { index, why };
    let mut deflated = Vec::new();
    for part in parts {
        STANDARD.decode_vec(part, &mut deflated).map_err(|error| no(format!("a part of it is no base64: {error}")))?;
    }
    let mut content = Vec::new();
    let inflated = ZlibDecoder::new(deflated.as_slice()).take(MOST_STATE).read_to_end(&mut content);
    inflated.map_err(|error| no(format!("it cannot be inflated: {error}")))?;
    let state = snapshot::decode_state(&content).map_err(|error| no(error.to_string()))?;
    if state.revision() != index {
        return Err(no(format!("it holds the state at index {}", state.revision())));
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_as_it_was_and_a_damaged_one_is_refused() -> anyhow::Result<()> {
        let mut state = State::default();
        let identity = metadata::model::Identity { cluster_id: uuid::Uuid::from_u128(1), lineage: uuid::Uuid::from_u128(2) };
        state.absorb(3, 7, &metadata::Change::ClusterBootstrapped { identity });
        let packed = pack(&state)?;
        assert_eq!((packed.index, packed.at_ms, packed.parts.len()), (3, 7, 1));
        assert_eq!(unpack(3, &packed.parts)?.digest(), state.digest());
        assert!(unpack(4, &packed.parts).is_err());
        let whole = &packed.parts[0];
        for cut in 0..whole.len() {
            assert!(unpack(3, &[whole[..cut].to_owned()]).is_err(), "cut at {cut}");
        }
        Ok(())
    }
}
