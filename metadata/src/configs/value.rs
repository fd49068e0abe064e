//! How the text of a value is read: as Kafka's ConfigDef does, with blanks around it, `TRUE`, `+5`, `5e-1`, `compact , delete`;
//! and the one form in which it is kept. Decided on text: no float takes part in what every replica must decide alike.

use super::Kind;
use crate::labels;

/// Digits of a decimal that are read; more say nothing about a ratio.
const MOST_DIGITS: usize = 40;

impl Kind {
    /// What it may hold, in words.
    pub fn allowed(self) -> String {
        match self {
            Kind::Integer { min, max: i64::MAX } => format!("a whole number, {min} or more"),
            Kind::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Kind::IntegerOr { other, min, max } => format!("{other}, or a whole number from {min} to {max}"),
            Kind::Ratio => "a decimal from 0 to 1".to_owned(),
            Kind::Boolean => "true, false".to_owned(),
            Kind::OneOf(options) => options.join(", "),
            Kind::ListOf(options) => format!("one or more of {}, separated by commas", options.join(", ")),
            Kind::Replicas => "*, or PARTITION:BROKER separated by commas, or nothing".to_owned(),
            Kind::Labels => labels::ALLOWED.to_owned(),
            Kind::Text { longest } => format!("one line of at most {longest} characters"),
        }
    }

    /// Whether a value is a list, which can be appended to and subtracted from.
    pub fn is_list(self) -> bool {
        matches!(self, Kind::ListOf(_) | Kind::Replicas)
    }

    /// The value in its one form; none where it is not allowed.
    pub(super) fn canonical(self, value: &str) -> Option<String> {
        let text = trimmed(value);
        match self {
            Kind::Integer { min, max } => integer(text).filter(|number| (min..=max).contains(number)).map(|number| number.to_string()),
            Kind::IntegerOr { other, min, max } => {
                integer(text).filter(|number| *number == other || (min..=max).contains(number)).map(|number| number.to_string())
            }
            Kind::Ratio => ratio(text),
            Kind::Boolean => ["true", "false"].into_iter().find(|word| text.eq_ignore_ascii_case(word)).map(str::to_owned),
            Kind::OneOf(options) => options.contains(&text).then(|| text.to_owned()),
            Kind::ListOf(options) => {
                let items = items(text);
                let known = |(at, item): (usize, &&str)| options.contains(item) && !items[..at].contains(item);
                (!items.is_empty() && items.iter().enumerate().all(known)).then(|| items.join(","))
            }
            Kind::Replicas => {
                let items: Vec<&str> = items(text).into_iter().filter(|item| !item.is_empty()).collect();
                if items == ["*"] { Some("*".to_owned()) } else { replicas(&items) }
            }
            Kind::Text { longest } => (text.chars().count() <= longest && !text.chars().any(char::is_control)).then(|| text.to_owned()),
            Kind::Labels => labels::parse(&items(text).join(",")).map(|labels| labels::text(&labels)),
        }
    }
}

/// The items of a list, without the blanks around them.
pub(crate) fn items(text: &str) -> Vec<&str> {
    let text = trimmed(text);
    if text.is_empty() { Vec::new() } else { text.split(',').map(trimmed).collect() }
}

/// Without the blanks around it, which for Java are the control characters and the space, and no other of Unicode's.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// As Java's `parseLong` reads it: a sign, also a plus, and digits.
fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// PARTITION:BROKER, each once and without leading zeros, in the order given.
fn replicas(items: &[&str]) -> Option<String> {
    let (mut kept, mut seen) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        let (partition, broker) = item.split_once(':')?;
        let number = |text: &str| text.parse::<i32>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        let (partition, broker) = (number(partition)?, number(broker)?);
        if let Err(at) = seen.binary_search(&(partition, broker)) {
            seen.insert(at, (partition, broker));
            kept.push(format!("{partition}:{broker}"));
        }
    }
    Some(kept.join(","))
}

/// A decimal from 0 to 1 as Java's `parseDouble` reads it (`.5`, `1.`, `5e-1`, `0.5d`), without zeros that say nothing.
fn ratio(text: &str) -> Option<String> {
    let text = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || digits.len() > MOST_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let exponent: i64 = exponent.parse().ok()?;
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    if negative {
        return None;
    }
    // How many of the significant digits stand before the point; it may be less than none.
    let point = significant.len() as i64 - fraction.len() as i64;
    let point = point.checked_add(exponent)?;
    let significant = significant.trim_end_matches('0');
    match point {
        1 if significant == "1" => Some("1".to_owned()),
        // A decimal that is smaller than any that anybody writes has more zeros than a value may have bytes.
        -300..=0 => Some(format!("0.{}{significant}", "0".repeat(point.unsigned_abs() as usize))),
        _ => None,
    }
}
