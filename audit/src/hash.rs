//! SHA-256, as lines carry it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;

/// 32 bytes, written as 64 small hex digits.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Hash([u8; 32]);

/// Hex digits of one.
pub(crate) const DIGITS: usize = 64;

impl Hash {
    /// Of the parts, one after the other, behind another hash.
    pub(crate) fn behind(prev: Hash, parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(prev.0);
        parts.iter().for_each(|part| hasher.update(part));
        Hash(hasher.finalize().into())
    }

    /// Reads the one form in which it is written.
    pub(crate) fn read(hex: &[u8]) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        if hex.len() != DIGITS {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Hash(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Hash::read(text.as_bytes()).ok_or_else(|| de::Error::custom("a hash has 64 small hex digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_in_the_form_in_which_it_is_written_and_in_no_other() {
        let hash = Hash::behind(Hash::default(), &[b"a", b"b"]);
        assert_eq!(hash, Hash::behind(Hash::default(), &[b"ab"]));
        let text = hash.to_string();
        assert_eq!(Hash::read(text.as_bytes()), Some(hash));
        for bad in [text.to_uppercase(), text[1..].to_owned(), format!("{text}0"), format!("{}g", &text[1..]), String::new()] {
            assert_eq!(Hash::read(bad.as_bytes()), None, "{bad}");
        }
    }
}
