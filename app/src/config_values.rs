//! Configuration values as people write and read them: `7 d`, `36 h`, `1 MiB`, `forever`. The state holds plain numbers.

use crate::words::num;
use metadata::configs::{Key, Kind, Unit, find, same};
use metadata::model::Configs;

/// Units of time in milliseconds, largest first.
const TIMES: [(&str, i64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];
/// Units of size in bytes, largest first.
const SIZES: [(&str, i64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
/// What else people call the units; powers of ten are never meant by `MB` in this field's configuration files.
const ALIASES: [(&str, &str); 16] = [
    ("day", "d"),
    ("days", "d"),
    ("hour", "h"),
    ("hours", "h"),
    ("m", "min"),
    ("minutes", "min"),
    ("sec", "s"),
    ("seconds", "s"),
    ("t", "tib"),
    ("g", "gib"),
    ("m", "mib"),
    ("k", "kib"),
    ("tb", "tib"),
    ("gb", "gib"),
    ("mb", "mib"),
    ("kb", "kib"),
];

fn units(unit: Unit) -> &'static [(&'static str, i64)] {
    match unit {
        Unit::Milliseconds => &TIMES,
        Unit::Bytes => &SIZES,
        Unit::None => &[],
    }
}

/// The word for "without an end" and the number that means it, for a key that knows one.
fn endless(key: &Key) -> Option<(&'static str, i64)> {
    let word = if key.unit == Unit::Milliseconds { "forever" } else { "no limit" };
    match key.kind {
        Kind::Integer { min: -2 | -1, .. } => Some((word, -1)),
        _ if key.default == "9223372036854775807" => Some((word, i64::MAX)),
        _ => None,
    }
}

/// The other key whose value one takes over, and the number that says so.
fn inherits(key: &Key) -> Option<(&'static str, i64)> {
    let from = key.name.strip_prefix("local.")?;
    matches!(key.kind, Kind::Integer { min: -2, .. }).then_some((from, -2))
}

/// A value in the largest unit that divides it; what is no number stays as it is.
pub fn shown(key: &Key, value: &str) -> String {
    let Ok(number) = value.parse::<i64>() else { return value.to_owned() };
    if let Some((word, _)) = [endless(key), inherits(key)].into_iter().flatten().find(|(_, meaning)| number == *meaning) {
        return word.to_owned();
    }
    let Ok(size) = u64::try_from(number) else { return value.to_owned() };
    let fits = |(_, factor): &&(&str, i64)| size != 0 && size.is_multiple_of(factor.unsigned_abs());
    match (units(key.unit), units(key.unit).iter().find(fits)) {
        ([], _) => value.to_owned(),
        (_, Some((unit, factor))) => format!("{} {unit}", num(size / factor.unsigned_abs())),
        ([.., (smallest, _)], None) => format!("{} {smallest}", num(size)),
    }
}

/// The default of a key as a person reads it.
pub fn default_shown(key: &Key) -> String {
    if key.default.is_empty() { "none".to_owned() } else { shown(key, key.default) }
}

/// What a person wrote as the state holds it. What is not understood stays as it is, for the rules to refuse by name.
pub fn written(key: &Key, text: &str) -> String {
    let text = text.trim();
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if matches!(key.kind, Kind::ListOf(_)) {
        return squeezed;
    }
    if matches!(key.kind, Kind::Integer { .. }) {
        let lower = squeezed.to_ascii_lowercase();
        if let Some((_, meaning)) = endless(key)
            && ["forever", "nolimit", "unlimited", "never", "∞"].contains(&lower.as_str())
        {
            return meaning.to_string();
        }
        if let Some((_, meaning)) = inherits(key).filter(|(from, _)| lower == *from) {
            return meaning.to_string();
        }
        if let Some(number) = quantity(key.unit, &lower) {
            return number.to_string();
        }
    }
    text.to_owned()
}

fn quantity(unit: Unit, lower: &str) -> Option<i64> {
    let split = lower.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(lower.len());
    let (figures, name) = lower.split_at(split);
    let factor = match (name, units(unit)) {
        ("", _) => 1,
        (name, units) => units.iter().find(|(unit, _)| means(name, unit)).map(|(_, factor)| *factor)?,
    };
    scaled(figures, factor)
}

fn means(name: &str, unit: &str) -> bool {
    let unit = unit.to_ascii_lowercase();
    name == unit || ALIASES.iter().any(|(alias, of)| *alias == name && *of == unit)
}

/// `1.5` times a factor, when that is a whole number.
fn scaled(figures: &str, factor: i64) -> Option<i64> {
    let (whole, fraction) = figures.split_once('.').unwrap_or((figures, ""));
    if whole.is_empty() || fraction.len() > 6 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let mut parts = whole.checked_mul(factor)?;
    if !fraction.is_empty() {
        let tenth = 10_i64.pow(fraction.len() as u32);
        let product = fraction.parse::<i64>().ok()?.checked_mul(factor)?;
        if product % tenth != 0 || whole < 0 {
            return None;
        }
        parts = parts.checked_add(product / tenth)?;
    }
    Some(parts)
}

/// Filled-in fields as a topic's configuration: what is empty or equals its default is left out.
pub fn of_fields<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Configs {
    let mut configs = Configs::new();
    for (name, text) in fields {
        let value = find(name).map_or_else(|| text.trim().to_owned(), |key| written(key, text));
        if !value.is_empty() && find(name).is_none_or(|key| !same(name, key.default, &value)) {
            configs.insert(name.to_owned(), value);
        }
    }
    configs
}

/// What a field of this key accepts beside plain numbers, as the end of its help.
pub fn accepts(key: &Key) -> &'static str {
    match (key.unit, endless(key)) {
        (Unit::Milliseconds, Some(_)) => " Accepts 36 h, 7 d or forever.",
        (Unit::Milliseconds, None) => " Accepts 36 h or 7 d.",
        (Unit::Bytes, Some(_)) => " Accepts 512 MiB, 1 GiB or no limit.",
        (Unit::Bytes, None) => " Accepts 512 KiB or 1 MiB.",
        (Unit::None, _) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{of_fields, shown, written};
    use metadata::configs::{KEYS, Key, find};

    fn key(name: &str) -> &'static Key {
        find(name).expect("a key of the configuration")
    }

    #[test]
    fn times_are_read_in_any_unit() {
        let retention = key("retention.ms");
        for (text, value) in [
            ("7 d", "604800000"),
            ("7d", "604800000"),
            ("36 h", "129600000"),
            ("1.5 h", "5400000"),
            ("90 min", "5400000"),
            ("250 ms", "250"),
            ("604800000", "604800000"),
            ("604\u{202f}800\u{202f}000", "604800000"),
            ("forever", "-1"),
            ("-1", "-1"),
        ] {
            assert_eq!(written(retention, text), value, "{text}");
        }
    }

    #[test]
    fn sizes_are_read_in_any_unit() {
        let largest = key("max.message.bytes");
        for (text, value) in [("1 MiB", "1048576"), ("2mb", "2097152"), ("512 KiB", "524288"), ("0.5 MiB", "524288"), ("12", "12")] {
            assert_eq!(written(largest, text), value, "{text}");
        }
        assert_eq!(written(key("retention.bytes"), "no limit"), "-1");
    }

    #[test]
    fn what_is_not_understood_is_left_for_the_rules() {
        let retention = key("retention.ms");
        for text in ["soon", "7 parsecs", "1.5", "1.0001 ms", "99999999999999 d", "", "7 MiB", "--1 d", "d"] {
            assert_eq!(written(retention, text), text, "{text}");
        }
        // No unit means no word either: a count is a count.
        assert_eq!(written(key("min.insync.replicas"), "forever"), "forever");
        assert_eq!(written(key("cleanup.policy"), "compact, delete"), "compact,delete");
        assert_eq!(written(key("max.message.bytes"), "forever"), "forever");
    }

    #[test]
    fn values_are_shown_in_the_largest_exact_unit() {
        assert_eq!(shown(key("retention.ms"), "604800000"), "7 d");
        assert_eq!(shown(key("retention.ms"), "129600000"), "36 h");
        assert_eq!(shown(key("retention.ms"), "-1"), "forever");
        assert_eq!(shown(key("retention.bytes"), "-1"), "no limit");
        assert_eq!(shown(key("max.message.bytes"), "1048588"), "1\u{202f}048\u{202f}588 B");
        assert_eq!(shown(key("segment.bytes"), "1073741824"), "1 GiB");
        assert_eq!(shown(key("min.compaction.lag.ms"), "0"), "0 ms");
        assert_eq!(shown(key("max.compaction.lag.ms"), "9223372036854775807"), "forever");
        assert_eq!(shown(key("local.retention.ms"), "-1"), "forever");
        assert_eq!(shown(key("local.retention.bytes"), "-2"), "retention.bytes");
        assert_eq!(shown(key("cleanup.policy"), "compact"), "compact");
        assert_eq!(shown(key("min.cleanable.dirty.ratio"), "0.5"), "0.5");
    }

    #[test]
    fn every_default_reads_back_as_itself() {
        for key in KEYS {
            assert_eq!(written(key, &shown(key, key.default)), key.default, "{}", key.name);
        }
    }

    #[test]
    fn fields_become_only_what_differs() {
        let configs = of_fields([
            ("retention.ms", "7 d"),
            ("segment.ms", " "),
            ("min.insync.replicas", "2"),
            ("preallocate", "FALSE"),
            ("nonsense", "x"),
        ]);
        let pairs: Vec<(&str, &str)> = configs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("min.insync.replicas", "2"), ("nonsense", "x")]);
    }
}
