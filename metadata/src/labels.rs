//! A topic's labels: pairs in the syntax of Kubernetes, kept as one value of the configuration, `app=orders,team=blue`.

use std::collections::BTreeMap;

/// By key.
pub type Labels = BTreeMap<String, String>;

/// What a key and a value may be, in words.
pub const ALLOWED: &str = "KEY=VALUE,… in the syntax of Kubernetes' labels, each key once";
/// The longest name and the longest value.
const LONGEST: usize = 63;
/// The longest DNS name before the / of a key.
const LONGEST_PREFIX: usize = 253;

/// Reads labels; none where a pair is malformed or a key stands twice. A text without a pair has no labels.
pub fn parse(text: &str) -> Option<Labels> {
    let mut labels = Labels::new();
    for pair in text.split(',').filter(|_| !text.is_empty()) {
        let (key, value) = pair.split_once('=')?;
        if !is_key(key) || !is_value(value) || labels.insert(key.to_owned(), value.to_owned()).is_some() {
            return None;
        }
    }
    Some(labels)
}

/// Labels as the configuration holds them, by key.
pub fn text(labels: &Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// Whether something may be called so: a name, after a DNS name and a / where it has one.
pub fn is_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let part = |part: &str| is_word(part, |c| c == b'-') && !part.bytes().any(|c| c.is_ascii_uppercase());
    is_word(name, is_inner) && prefix.is_none_or(|prefix| prefix.len() <= LONGEST_PREFIX && prefix.split('.').all(part))
}

/// Whether a label may hold this: a word, or nothing.
pub fn is_value(value: &str) -> bool {
    value.is_empty() || is_word(value, is_inner)
}

fn is_inner(c: u8) -> bool {
    matches!(c, b'-' | b'_' | b'.')
}

/// Letters and digits at both ends, and these between.
fn is_word(text: &str, inner: fn(u8) -> bool) -> bool {
    let ends = [text.bytes().next(), text.bytes().last()];
    text.len() <= LONGEST
        && ends.iter().all(|end| end.is_some_and(|c| c.is_ascii_alphanumeric()))
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || inner(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_kubernetes() {
        let word = "x".repeat(LONGEST);
        let good = ["", "a=b", "a=", "app.kubernetes.io/name=orders,team=blue", "A_b.c-9=9-z", "strimzi.io/cluster=my-cluster"];
        for text in good.map(str::to_owned).into_iter().chain([format!("{word}={word}")]) {
            let labels = parse(&text).unwrap_or_else(|| panic!("{text} was refused"));
            assert_eq!(super::text(&labels), text);
        }
        let too_long = [format!("{word}x=b"), format!("a={word}x"), format!("{}/a=b", ["x"; 128].join("."))];
        let bad = [
            ",", "a", "a=b,", "=b", "a=b,a=c", "a = b", "a=b c", "-a=b", "a-=b", "a=.b", "/a=b", "A.io/a=b", "a/b/c=d", "a=b=c", "\u{e4}=b",
        ];
        for text in bad.map(str::to_owned).into_iter().chain(too_long) {
            assert_eq!(parse(&text), None, "{text}");
        }
    }

    #[test]
    fn labels_are_kept_by_key() {
        assert_eq!(parse("b=2,a=1").map(|labels| text(&labels)), Some("a=1,b=2".to_owned()));
    }
}
