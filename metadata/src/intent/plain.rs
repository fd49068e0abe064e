//! Reads what an undo asks: any intent but another undo, so that no bytes make a reader go deeper and deeper.

use super::Intent;
use serde::Deserialize;
use serde::de::value::EnumAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, VariantAccess, Visitor};
use std::fmt;

/// The number of [`Intent::Undo`] in the encoding.
const UNDO: u32 = 31;

/// # Errors
/// When it is no intent, or an undo.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<Intent>, D::Error> {
    // The encoding goes by numbers, not by names.
    deserializer.deserialize_enum("Intent", &[], Plain)
}

struct Plain;

impl<'de> Visitor<'de> for Plain {
    type Value = Box<Intent>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an intent that is no undo")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Box<Intent>, A::Error> {
        let (number, fields) = data.variant::<u32>()?;
        if number == UNDO {
            return Err(A::Error::custom("an undo asks for another undo"));
        }
        Intent::deserialize(EnumAccessDeserializer::new(Known { number, fields })).map(Box::new)
    }
}

/// A variant whose number has been read.
struct Known<A> {
    number: u32,
    fields: A,
}

impl<'de, A: VariantAccess<'de>> EnumAccess<'de> for Known<A> {
    type Error = A::Error;
    type Variant = A;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, A), A::Error> {
        Ok((seed.deserialize(self.number.into_deserializer())?, self.fields))
    }
}
