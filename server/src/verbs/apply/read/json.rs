//! JSON into the same trees: documents one after another, a key once in a map.

use super::tree::{Key, MOST_NODES, Map, Node, Value, Wrong};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;

/// Reads a text and hands each document on with its number, from 1.
///
/// # Errors
/// [`Wrong`] of the document with this number; those before it were handed on.
pub fn documents(text: &str, mut each: impl FnMut(usize, Node)) -> Result<(), (usize, Wrong)> {
    for (number, read) in (1..).zip(serde_json::Deserializer::from_str(text).into_iter::<Tree>()) {
        match read {
            Ok(Tree(node)) => each(number, node),
            Err(error) => {
                let full = error.to_string();
                let detail = full.split(" at line ").next().unwrap_or(&full);
                let syntax = if error.is_data() { "" } else { "this is no JSON: " };
                return Err((number, Wrong::new(Some(error.line()), format!("{syntax}{detail}"))));
            }
        }
    }
    Ok(())
}

/// A whole document.
struct Tree(Node);

impl<'de> serde::Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Seed(&Cell::new(0)).deserialize(deserializer).map(Tree)
    }
}

/// Reads one value, and counts it.
#[derive(Clone, Copy)]
struct Seed<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        self.0.set(self.0.get() + 1);
        if self.0.get() > MOST_NODES {
            return Err(D::Error::custom(format!("the document has more than {MOST_NODES} values: split it")));
        }
        deserializer.deserialize_any(self).map(|value| Node { line: None, value })
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = items.next_element_seed(self)? {
            list.push(node);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::default();
        while let Some(text) = entries.next_key::<String>()? {
            let key = Key { line: None, text };
            map.claim(&key).map_err(|wrong| A::Error::custom(wrong.detail))?;
            let node = entries.next_value_seed(self)?;
            map.entries.push((key, node));
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Node>, (usize, Wrong)> {
        let mut all = Vec::new();
        documents(text, |_, node| all.push(node)).map(|()| all)
    }

    #[test]
    fn documents_stand_one_after_another() {
        let all = read("\n{\"a\": [1, -0.5, true, null, \"\\ud83d\\ude00\"]}\n[]\n\"x\"").map_err(|wrong| wrong.1.detail);
        let all = all.unwrap_or_else(|detail| panic!("{detail}"));
        let Value::Map(first) = &all[0].value else { panic!("{all:?}") };
        let Some(Value::List(items)) = first.get("a").map(|node| &node.value) else { panic!("{first:?}") };
        let values: Vec<String> = items.iter().map(|item| item.value.shown()).collect();
        assert_eq!(values, ["1", "-0.5", "true", "nothing", "\"\u{1f600}\""]);
        assert_eq!((&all[1].value, &all[2].value), (&Value::List(Vec::new()), &Value::Text("x".into())));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_line() {
        let deep = "[".repeat(1_000);
        for (text, number, line, part) in [
            ("{\"a\": 1}\n\n{\"a\": 1,\n\"a\": 2}", 2, 4, "the key \"a\" stands twice"),
            ("{\"a\": ", 1, 1, "no JSON: EOF"),
            ("[1] x", 2, 1, "no JSON"),
            (&deep, 1, 1, "recursion"),
            ("{a: 1}", 1, 1, "no JSON"),
        ] {
            let (document, wrong) = read(text).err().unwrap_or_else(|| panic!("{text} was read"));
            assert!(wrong.detail.contains(part), "{text}: {}", wrong.detail);
            assert_eq!((document, wrong.line), (number, Some(line)), "{text}: {}", wrong.detail);
        }
    }
}
