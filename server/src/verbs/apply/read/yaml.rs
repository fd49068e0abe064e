//! YAML into trees, document by document: the parser's events, put together within bounds.

use super::tree::{Key, MOST_DEPTH, MOST_NODES, Map, Node, Value, Wrong};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use std::collections::BTreeMap;

/// What holds the value that is being read.
enum Holder {
    List {
        line: usize,
        items: Vec<Node>,
    },
    Map {
        line: usize,
        map: Map,
        /// Read, and its value is not yet; and whether it is `<<`.
        key: Option<(Key, bool)>,
        /// Maps under `<<`, whose entries fill in what this one lacks.
        merged: Vec<Node>,
    },
}

/// A document that is being read.
#[derive(Default)]
struct Composer {
    holders: Vec<(Holder, usize)>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    whole: Option<Node>,
}

/// Reads a text and hands each document on with its number, from 1.
///
/// # Errors
/// [`Wrong`] of the document with this number; those before it were handed on.
pub fn documents(text: &str, mut each: impl FnMut(usize, Node)) -> Result<(), (usize, Wrong)> {
    let mut parser = Parser::new_from_str(text);
    let mut composer = Composer::default();
    let mut number = 0;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let line = Some(error.marker().line());
            (number.max(1), Wrong::new(line, format!("this is no YAML: {}", error.info())))
        })?;
        match event {
            Event::DocumentStart(_) => {
                number += 1;
                composer = Composer::default();
            }
            Event::DocumentEnd => {
                if let Some(node) = composer.whole.take() {
                    each(number, node);
                }
            }
            event => composer.take(event, span.start.line()).map_err(|wrong| (number.max(1), wrong))?,
        }
    }
    Ok(())
}

/// Whether a tag makes a text of whatever is tagged; tags that say what is seen anyway say nothing new.
fn is_text(tag: Option<&Tag>, line: usize) -> Result<bool, Wrong> {
    let Some(tag) = tag else { return Ok(false) };
    let known = ["str", "int", "float", "bool", "null", "map", "seq"];
    if tag.is_yaml_core_schema() && known.contains(&tag.suffix.as_str()) {
        return Ok(tag.suffix == "str");
    }
    // A lone ! means: as it is written.
    if tag.handle.is_empty() && tag.suffix == "!" || tag.handle == "!" && tag.suffix.is_empty() {
        return Ok(true);
    }
    Err(Wrong::new(Some(line), format!("a topic has no use for the tag {tag}")))
}

/// How many values a tree has, and how deep it is. It never is deeper than [`MOST_DEPTH`].
fn measure(node: &Node) -> (usize, usize) {
    let of_all = |nodes: &mut dyn Iterator<Item = &Node>| {
        let (count, depth) = nodes.map(measure).fold((0, 0), |(count, depth), (more, deep)| (count + more, depth.max(deep)));
        (count + 1, depth + 1)
    };
    match &node.value {
        Value::List(items) => of_all(&mut items.iter()),
        Value::Map(map) => of_all(&mut map.entries.iter().map(|(_, node)| node)),
        _ => (1, 0),
    }
}

fn too_deep(line: Option<usize>) -> Wrong {
    Wrong::new(line, format!("lists and maps are more than {MOST_DEPTH} deep in each other"))
}

/// A key is a text that everybody reads alike.
fn key_of(node: &Node) -> Result<Key, Wrong> {
    match &node.value {
        Value::Text(text) => Ok(Key { line: node.line, text: text.clone() }),
        Value::List(_) | Value::Map(_) => Err(Wrong::new(node.line, "a key has to be a text")),
        other => Err(Wrong::new(node.line, format!("the key {} has to be a text: put it in quotes", other.shown()))),
    }
}

/// Fills in what a map lacks from the map, or the maps, under `<<`.
fn merge(map: &mut Map, node: &Node) -> Result<(), Wrong> {
    match &node.value {
        Value::Map(other) => map.merge(other),
        Value::List(items) if items.iter().all(|item| matches!(item.value, Value::Map(_))) => {
            items.iter().try_for_each(|item| merge(map, item))?;
        }
        _ => return Err(Wrong::new(node.line, "<< takes a map, or a list of maps")),
    }
    Ok(())
}

impl Composer {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Wrong> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = !is_text(tag.as_deref(), line)? && style == ScalarStyle::Plain;
                let value = if plain { Value::plain(&text) } else { Value::Text(text.into_owned()) };
                self.count(1, Some(line))?;
                self.put(Node { line: Some(line), value }, anchor, plain)
            }
            Event::SequenceStart(anchor, tag) => {
                is_text(tag.as_deref(), line)?;
                self.open(Holder::List { line, items: Vec::new() }, anchor, line)
            }
            Event::MappingStart(anchor, tag) => {
                is_text(tag.as_deref(), line)?;
                self.open(Holder::Map { line, map: Map::default(), key: None, merged: Vec::new() }, anchor, line)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => {
                let unknown = || Wrong::new(Some(line), "the alias has no anchor before it in this document");
                let node = self.anchors.get(&anchor).ok_or_else(unknown)?;
                let (count, depth) = measure(node);
                if self.holders.len() + depth > MOST_DEPTH {
                    return Err(too_deep(Some(line)));
                }
                self.count(count, Some(line))?;
                // Counted before it is copied.
                let copy = self.anchors.get(&anchor).cloned().ok_or_else(unknown)?;
                self.put(copy, 0, false)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => Ok(()),
        }
    }

    fn count(&mut self, more: usize, line: Option<usize>) -> Result<(), Wrong> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > MOST_NODES {
            return Err(Wrong::new(line, format!("the document has more than {MOST_NODES} values: split it")));
        }
        Ok(())
    }

    fn open(&mut self, holder: Holder, anchor: usize, line: usize) -> Result<(), Wrong> {
        if self.holders.len() >= MOST_DEPTH {
            return Err(too_deep(Some(line)));
        }
        self.count(1, Some(line))?;
        self.holders.push((holder, anchor));
        Ok(())
    }

    fn close(&mut self) -> Result<(), Wrong> {
        let Some((holder, anchor)) = self.holders.pop() else { return Ok(()) };
        let node = match holder {
            Holder::List { line, items } => Node { line: Some(line), value: Value::List(items) },
            Holder::Map { line, mut map, merged, .. } => {
                merged.iter().try_for_each(|node| merge(&mut map, node))?;
                Node { line: Some(line), value: Value::Map(map) }
            }
        };
        self.put(node, anchor, false)
    }

    /// Puts a whole value where it belongs.
    fn put(&mut self, node: Node, anchor: usize, plain: bool) -> Result<(), Wrong> {
        if anchor > 0 {
            self.count(measure(&node).0, node.line)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.holders.last_mut() {
            None => self.whole = Some(node),
            Some((Holder::List { items, .. }, _)) => items.push(node),
            Some((Holder::Map { map, key, merged, .. }, _)) => match key.take() {
                None => {
                    let new = key_of(&node)?;
                    map.claim(&new)?;
                    let fills_in = plain && new.text == "<<";
                    *key = Some((new, fills_in));
                }
                Some((_, true)) => merged.push(node),
                Some((key, false)) => map.entries.push((key, node)),
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Node>, (usize, Wrong)> {
        let mut all = Vec::new();
        documents(text, |_, node| all.push(node)).map(|()| all)
    }

    fn at(node: &Node, path: &[&str]) -> Option<Value> {
        path.iter()
            .try_fold(node, |node, key| match &node.value {
                Value::Map(map) => map.get(key),
                Value::List(items) => items.get(key.parse::<usize>().ok()?),
                _ => None,
            })
            .map(|node| node.value.clone())
    }

    #[test]
    fn documents_come_one_by_one_with_the_lines_of_what_is_in_them() {
        let all = read("a: 1\n---\n# nothing\n---\n- b:\n    c: 'no'\n...\n").map_err(|wrong| wrong.1.detail).unwrap_or_default();
        assert_eq!(at(&all[0], &["a"]), Some(Value::Number("1".into())));
        assert_eq!(all[1].value, Value::Null);
        let last = all.last().unwrap_or(&all[0]);
        assert_eq!((last.line, at(last, &["0", "b", "c"])), (Some(5), Some(Value::Text("no".into()))));
    }

    #[test]
    fn aliases_and_merged_maps_are_what_they_stand_for() {
        let text = "base: &base {a: 1, b: 2}\none:\n  <<: *base\n  b: 3\ntwo: *base\nthree: {<<: [{a: 8}, *base], c: 4}\n'<<': kept\n";
        let all = read(text).map_err(|wrong| wrong.1.detail).unwrap_or_default();
        let number = |text: &str| Some(Value::Number(text.into()));
        for (path, expected) in [
            (["one", "a"], number("1")),
            (["one", "b"], number("3")),
            (["two", "b"], number("2")),
            (["three", "a"], number("8")),
            (["three", "b"], number("2")),
            (["three", "c"], number("4")),
            (["one", "<<"], None),
        ] {
            assert_eq!(at(&all[0], &path), expected, "{path:?}");
        }
        assert_eq!(at(&all[0], &["<<"]), Some(Value::Text("kept".into())));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_line() {
        let deep = "[".repeat(MOST_DEPTH + 1);
        let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for (one, next) in ('a'..='i').zip('b'..) {
            bomb += &format!("{next}: &{next} [{}]\n", vec![format!("*{one}"); 10].join(","));
        }
        // Each anchor holds the one before it, and is deep itself: as deep as nobody wrote it.
        let nested = "[".repeat(40) + "x" + &"]".repeat(40);
        let chain = format!("a: &a {nested}\nb: {}\n", nested.replace('x', "*a"));
        for (text, number, line, part) in [
            ("a: b\na: c\n", 1, Some(2), "stands twice in one map, first in line 1"),
            ("x: 1\n---\na: {b: 1, b: 2}\n", 2, Some(3), "stands twice"),
            ("a: [\n", 1, None, "no YAML"),
            ("a: \"b\n", 1, None, "no YAML"),
            ("a: *b\n", 1, Some(1), "no YAML"),
            ("a: &b 1\n---\na: *b\n", 2, Some(3), "no anchor"),
            ("a: !secret x\n", 1, Some(1), "the tag"),
            ("? [a]\n: b\n", 1, Some(1), "a key has to be a text"),
            ("no: b\n", 1, Some(1), "put it in quotes"),
            ("1: b\n", 1, Some(1), "put it in quotes"),
            ("<<: 1\n", 1, Some(1), "<< takes a map"),
            (&deep, 1, Some(1), "deep in each other"),
            (&chain, 1, Some(2), "deep in each other"),
            (&bomb, 1, None, "more than 4000000 values"),
        ] {
            let (document, wrong) = read(text).err().unwrap_or_else(|| panic!("{text} was read"));
            assert!(wrong.detail.contains(part), "{text}: {}", wrong.detail);
            assert_eq!(document, number, "{text}: {}", wrong.detail);
            assert!(line.is_none() || wrong.line == line, "{text}: {:?}", wrong.line);
        }
    }

    #[test]
    fn a_tag_that_says_text_makes_one() {
        let all = read("a: !!str no\nb: ! 1\nc: !!int 1\n").map_err(|wrong| wrong.1.detail);
        let all = all.unwrap_or_else(|detail| panic!("{detail}"));
        assert_eq!(at(&all[0], &["a"]), Some(Value::Text("no".into())));
        assert_eq!(at(&all[0], &["b"]), Some(Value::Text("1".into())));
        assert_eq!(at(&all[0], &["c"]), Some(Value::Number("1".into())));
    }
}
