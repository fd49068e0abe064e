//! What a file says before anybody knows what it is about: texts, lists and maps, each with its line, within bounds.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Lists and maps within each other.
pub const MOST_DEPTH: usize = 64;
/// Values in one document, those that an alias repeats counted each time: a file of a kilobyte can ask for billions.
pub const MOST_NODES: usize = 4_000_000;

/// Why a text cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub line: Option<usize>,
    pub detail: String,
}

impl Wrong {
    pub fn new(line: Option<usize>, detail: impl Into<String>) -> Self {
        Wrong { line, detail: detail.into() }
    }
}

/// A value and where it begins; JSON is read without lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub line: Option<usize>,
    pub value: Value,
}

/// What a value is. A number stays as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Null,
    Boolean(bool),
    Number(String),
    Text(String),
    /// Written plainly, and read in more than one way by the versions of YAML; with what it may be taken for.
    Unclear(String, &'static str),
    List(Vec<Node>),
    Map(Map),
}

/// A map in the order in which it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map {
    pub entries: Vec<(Key, Node)>,
    seen: BTreeMap<String, Option<usize>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub line: Option<usize>,
    pub text: String,
}

impl Map {
    /// Takes a key that is not there yet.
    ///
    /// # Errors
    /// [`Wrong`] with both places.
    pub fn claim(&mut self, key: &Key) -> Result<(), Wrong> {
        match self.seen.entry(key.text.clone()) {
            Entry::Vacant(free) => {
                free.insert(key.line);
                Ok(())
            }
            Entry::Occupied(first) => {
                let before = first.get().map(|line| format!(", first in line {line}")).unwrap_or_default();
                Err(Wrong::new(key.line, format!("the key {:?} stands twice in one map{before}", key.text)))
            }
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|(known, _)| known.text == key).map(|(_, node)| node)
    }

    /// Takes over what another map has under keys that this one lacks.
    pub fn merge(&mut self, other: &Map) {
        for (key, node) in &other.entries {
            if self.claim(key).is_ok() {
                self.entries.push((key.clone(), node.clone()));
            }
        }
    }
}

impl Value {
    /// What it is, for a message.
    pub fn shown(&self) -> String {
        match self {
            Value::Null => "nothing".to_owned(),
            Value::Boolean(value) => value.to_string(),
            Value::Number(text) | Value::Unclear(text, _) => text.clone(),
            Value::Text(text) => format!("{text:?}"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
        }
    }

    /// What a plain scalar is: by YAML 1.2, where 1.1 does not read it as something else.
    pub fn plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Value::Null,
            "true" | "True" | "TRUE" => Value::Boolean(true),
            "false" | "False" | "FALSE" => Value::Boolean(false),
            _ if is_old_boolean(text) => Value::Unclear(text.to_owned(), "true or false"),
            _ if is_decimal(text) => Value::Number(text.to_owned()),
            _ if looks_numeric(text) => Value::Unclear(text.to_owned(), "a number"),
            _ => Value::Text(text.to_owned()),
        }
    }
}

/// What YAML 1.1 takes for a boolean and 1.2 for a text.
fn is_old_boolean(text: &str) -> bool {
    const WORDS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];
    let lower = text.to_ascii_lowercase();
    let cased = text == lower || text == text.to_ascii_uppercase() || text.get(1..).is_some_and(|rest| Some(rest) == lower.get(1..));
    cased && WORDS.contains(&lower.as_str())
}

/// A decimal that everybody reads alike: no sign but a minus, no leading zero, no exponent.
fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    digits(whole) && (whole == "0" || !whole.starts_with('0')) && fraction.is_none_or(digits)
}

/// What some version of YAML takes for a number: octal, hexadecimal, with an exponent, underscores or colons.
fn looks_numeric(text: &str) -> bool {
    let bare = text.trim_start_matches(['+', '-']);
    let lower = bare.to_ascii_lowercase();
    if matches!(lower.as_str(), ".inf" | ".nan") {
        return true;
    }
    let based = |prefix: &str, digit: fn(char) -> bool| {
        lower.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| digit(c) || c == '_'))
    };
    if based("0x", |c| c.is_ascii_hexdigit()) || based("0o", |c| c.is_digit(8)) || based("0b", |c| c.is_digit(2)) {
        return true;
    }
    let clean = lower.replace('_', "");
    let begins = bare.starts_with(|c: char| c.is_ascii_digit() || c == '.') && clean.contains(|c: char| c.is_ascii_digit());
    // Base sixty: 1:30 is ninety to YAML 1.1.
    let sixty = clean.split(':').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit() || c == '.'));
    begins && (clean.parse::<f64>().is_ok() || sixty && clean.matches('.').count() <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_versions_of_yaml_read_differently_is_unclear() {
        for text in ["y", "N", "yes", "Yes", "NO", "on", "Off"] {
            assert_eq!(Value::plain(text), Value::Unclear(text.into(), "true or false"));
        }
        let numbers = [
            "017",
            "0x1F",
            "0o17",
            "0b1",
            "1_000",
            "1e3",
            "6.048e+08",
            "+5",
            ".5",
            "1.",
            "1:30",
            "190:20:30.15",
            ".inf",
            "-.INF",
            ".nan",
            "-00",
        ];
        for text in numbers {
            assert_eq!(Value::plain(text), Value::Unclear(text.into(), "a number"));
        }
    }

    #[test]
    fn what_all_read_alike_is_what_it_is() {
        for text in ["0", "-1", "604800000", "0.5", "-0.25", "99999999999999999999"] {
            assert_eq!(Value::plain(text), Value::Number(text.into()));
        }
        for text in
            ["nO", "yEs", "orders", "1.2.3", "2026-01-01", "10.0.0.1", "a:b", "-", "--", "0xg", "1a", "_1", "e3", "compact,delete", "-x"]
        {
            assert_eq!(Value::plain(text), Value::Text(text.into()));
        }
        assert_eq!(Value::plain("~"), Value::Null);
        assert_eq!(Value::plain("TRUE"), Value::Boolean(true));
    }

    #[test]
    fn a_key_stands_once_and_what_is_merged_gives_way() {
        let node = |text: &str| Node { line: None, value: Value::Text(text.into()) };
        let key = |text: &str, line| Key { line: Some(line), text: text.into() };
        let mut map = Map::default();
        for (name, line, fine) in [("a", 1, true), ("b", 2, true), ("a", 3, false)] {
            let key = key(name, line);
            assert_eq!(map.claim(&key).is_ok(), fine, "{name}");
            if fine {
                map.entries.push((key, node("mine")));
            }
        }
        let twice = map.claim(&key("a", 3)).map_err(|wrong| (wrong.line, wrong.detail));
        assert_eq!(twice, Err((Some(3), "the key \"a\" stands twice in one map, first in line 1".to_owned())));
        let mut other = Map::default();
        for name in ["a", "c"] {
            other.claim(&key(name, 9)).unwrap_or_default();
            other.entries.push((key(name, 9), node("theirs")));
        }
        map.merge(&other);
        assert_eq!((map.get("a"), map.get("c"), map.entries.len()), (Some(&node("mine")), Some(&node("theirs")), 3));
    }
}
