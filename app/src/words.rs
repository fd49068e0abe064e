//! Numbers in words: thousands grouped with U+202F, one or many.

/// The separator of thousands: a narrow space that never breaks.
pub const THIN: char = '\u{202f}';

/// `18 402`.
pub fn num(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3 * THIN.len_utf8());
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(THIN);
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 partition`, `38 partitions`.
pub fn count(number: impl Into<u64>, one: &str, many: &str) -> String {
    let number = number.into();
    format!("{} {}", num(number), if number == 1 { one } else { many })
}

/// Groups the thousands of the counts in a sentence; ids and names keep their digits.
pub fn grouped(sentence: &str) -> String {
    const COUNTED: [&str; 4] = [" partition", " offline", " below", " under"];
    let mut out = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = rest[start..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - start);
        let (before, number) = (&rest[..start], &rest[start..start + digits]);
        rest = &rest[start + digits..];
        out.push_str(before);
        match number.parse::<u64>() {
            Ok(value) if COUNTED.iter().any(|word| rest.starts_with(word)) => out.push_str(&num(value)),
            _ => out.push_str(number),
        }
    }
    out + rest
}

/// A list: `2, 5, 4`.
pub fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// A number with this many digits after its point. The standard library's way brings 25 kB along, to be exact where we draw.
pub fn decimal(number: f64, digits: u32) -> String {
    let scale = 10_u64.pow(digits);
    let scaled = (number.abs() * scale as f64).round() as u64;
    let sign = if number < 0.0 && scaled > 0 { "-" } else { "" };
    let (whole, part) = (scaled / scale, scaled % scale);
    if digits == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part:0width$}", width = digits as usize) }
}

/// Why nothing can be done on a page of the past.
pub fn read_only_as_of(index: u64) -> String {
    ["This is the cluster as of #", &num(index), "."].concat()
}

#[cfg(test)]
mod tests {
    use super::{count, decimal, grouped, num};

    #[test]
    fn decimals_are_rounded() {
        assert_eq!(decimal(12.34, 1), "12.3");
        assert_eq!(decimal(0.06, 1), "0.1");
        assert_eq!(decimal(-0.04, 1), "0.0");
        assert_eq!(decimal(-1.5, 2), "-1.50");
        assert_eq!(decimal(99.6, 0), "100");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(num(999u32), "999");
        assert_eq!(num(18_402u32), "18\u{202f}402");
        assert_eq!(num(1_000_000u32), "1\u{202f}000\u{202f}000");
        assert_eq!(count(1u32, "topic", "topics"), "1 topic");
        assert_eq!(grouped("Broker 1001: 10000 partitions"), "Broker 1001: 10\u{202f}000 partitions");
    }
}
