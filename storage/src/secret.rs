//! What this process proves itself by to the controllers, and they to it.

use crate::invalid_option::InvalidOption;
use metadata::SecretHash;
use reqwest::header::HeaderValue;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

/// A secret that leaves this process for nobody but the controllers. They keep its hash.
#[derive(Debug)]
pub(crate) struct Secret {
    value: HeaderValue,
    hash: SecretHash,
    /// Whether they do: those of an older build keep nothing.
    kept: AtomicBool,
}

impl Secret {
    /// A new one of 244 random bits: two random UUIDs.
    pub(crate) fn new() -> Result<Self, InvalidOption> {
        let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let no = |error: reqwest::header::InvalidHeaderValue| InvalidOption {
            name: "controllers",
            value: String::new(),
            reason: error.to_string(),
        };
        let mut value = HeaderValue::try_from(&secret).map_err(no)?;
        value.set_sensitive(true);
        Ok(Secret { value, hash: SecretHash::of(&secret), kept: AtomicBool::new(false) })
    }

    /// For a header of a call to the controllers.
    pub(crate) fn header(&self) -> HeaderValue {
        self.value.clone()
    }

    /// What the answer to a registration said.
    pub(crate) fn kept(&self, kept: bool) {
        self.kept.store(kept, Ordering::Relaxed);
    }

    /// Whether who gives this proof is a controller. Before they keep the secret's hash nobody can prove that.
    pub(crate) fn proven_by(&self, proof: Option<&str>) -> bool {
        !self.kept.load(Ordering::Relaxed) || proof.is_some_and(|proof| same(proof.as_bytes(), self.hash.hex().as_bytes()))
    }
}

/// Compares in a time that does not tell where two texts differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_knows_the_hash_is_a_controller() -> Result<(), InvalidOption> {
        let (secret, another) = (Secret::new()?, Secret::new()?);
        assert!(secret.proven_by(None), "nobody was told");
        secret.kept(true);
        let (own, other) = (secret.hash.hex(), another.hash.hex());
        for (proof, proven) in
            [(None, false), (Some(""), false), (Some(other.as_str()), false), (Some(&own[1..]), false), (Some(own.as_str()), true)]
        {
            assert_eq!(secret.proven_by(proof), proven, "{proof:?}");
        }
        Ok(())
    }
}
