//! JSON in which no object has a key twice. Fields of our types see to that themselves; a map would take the last of the two
//! in silence.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;

/// Any JSON, read for nothing but its keys.
pub struct Once;

struct Anything;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

macro_rules! pass_over {
    ($($visit:ident: $type:ty),*) => { $(fn $visit<E: Error>(self, _: $type) -> Result<Once, E> { Ok(Once) })* };
}

impl<'de> Visitor<'de> for Anything {
    type Value = Once;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("JSON")
    }

    pass_over!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: Error>(self) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Once, A::Error> {
        while let Some(Once) = items.next_element()? {}
        Ok(Once)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Once, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = pairs.next_key::<String>()? {
            if seen.contains(&key) {
                // In the words of serde's own for a field, so that both are told alike.
                return Err(Error::custom(format_args!("duplicate field `{key}`")));
            }
            seen.insert(key);
            let Once = pairs.next_value()?;
        }
        Ok(Once)
    }
}

#[cfg(test)]
mod tests {
    use super::Once;

    #[test]
    fn a_key_stands_once_in_an_object_at_any_depth() {
        let good = [r#"{"a":{"b":1,"c":[null,true,-1,1.5,"x"]},"b":{"b":{}}}"#, r#"[{"a":1},{"a":2}]"#, "5", "\"\\u0061\""];
        for text in good {
            assert!(serde_json::from_str::<Once>(text).is_ok(), "{text}");
        }
        let bad = [(r#"{"a":1,"a":1}"#, "a"), (r#"[[{"x":{"b c":1,"d":2,"b c":1}}]]"#, "b c"), (r#"{"a":1,"\u0061":2}"#, "a")];
        for (text, key) in bad {
            let said = serde_json::from_str::<Once>(text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(said.starts_with(&format!("duplicate field `{key}`")), "{text}: {said}");
        }
    }
}
