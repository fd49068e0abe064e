//! What the address of a page that looks back asks for.

use crate::base::AS_OF;
use leptos_router::location::Url;
use leptos_router::params::ParamsMap;
use metadata::Index;

/// Which kinds of entries are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    #[default]
    All,
    People,
    Automatic,
    Fences,
}

impl By {
    pub const ALL: [By; 4] = [By::All, By::People, By::Automatic, By::Fences];

    /// Its word in the address.
    pub fn word(self) -> &'static str {
        match self {
            By::All => "",
            By::People => "people",
            By::Automatic => "automatic",
            By::Fences => "fences",
        }
    }

    /// Its words on the page.
    pub fn words(self) -> &'static str {
        match self {
            By::All => "All",
            By::People => "By people",
            By::Automatic => "Automatic",
            By::Fences => "Fences",
        }
    }
}

/// `?search=&by=&who=&since=&topic=&broker=&before=&diff=&undo=&done=`; what is not known counts as not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PastQuery {
    /// A part of a topic's name or of a key, or a broker's id.
    pub search: String,
    pub by: By,
    /// A principal.
    pub who: String,
    /// As `1h` or `7d`.
    pub since: String,
    /// This topic alone.
    pub topic: String,
    /// This broker alone.
    pub broker: Option<u32>,
    /// Only what is older.
    pub before: Option<Index>,
    /// Two entries to compare.
    pub diff: Option<(Index, Index)>,
    /// The entry that somebody thinks of undoing.
    pub undo: Option<Index>,
    /// What was just committed.
    pub done: Option<Index>,
    /// Nothing that came later than this: the whole page is as of this index.
    pub as_of: Option<Index>,
}

/// An index as people write it: with `#`, and with spaces between thousands.
fn index(text: &str) -> Option<Index> {
    let digits: String = text.trim().trim_start_matches('#').chars().filter(|c| !c.is_whitespace()).collect();
    digits.parse().ok()
}

impl PastQuery {
    /// Reads a query.
    pub fn of(query: &ParamsMap) -> Self {
        let text = |key: &str| query.get_str(key).map(|text| text.trim().to_owned()).unwrap_or_default();
        let number = |key: &str| query.get_str(key).and_then(index);
        let (diff, by) = (text("diff"), text("by"));
        let diff = diff.split_once("..").and_then(|(from, to)| Some((index(from)?, index(to)?)));
        let asked = number("from").and_then(|from| Some((from, number("to")?)));
        PastQuery {
            search: text("search"),
            by: By::ALL.into_iter().find(|one| one.word() == by).unwrap_or_default(),
            who: text("who"),
            since: Some(text("since")).filter(|since| age(since).is_some()).unwrap_or_default(),
            topic: text("topic"),
            broker: query.get_str("broker").and_then(|id| id.parse().ok()),
            before: number("before"),
            diff: diff.or(asked),
            undo: number("undo"),
            done: number("done"),
            as_of: PastQuery::point(query),
        }
    }

    /// The index that a page at this query is as of.
    pub fn point(query: &ParamsMap) -> Option<Index> {
        query.get_str(AS_OF)?.parse().ok()
    }

    /// How far back the entries go, in milliseconds.
    pub fn since_ms(&self) -> Option<u64> {
        age(&self.since)
    }

    /// What filters, as the beginning of a query: `?` or `?…&`.
    pub fn filters(&self) -> String {
        let mut query = "?".to_owned();
        let broker = self.broker.map(|id| id.to_string()).unwrap_or_default();
        let pairs: [(&str, &str); 6] = [
            ("search", &self.search),
            ("by", self.by.word()),
            ("who", &self.who),
            ("since", &self.since),
            ("topic", &self.topic),
            ("broker", &broker),
        ];
        for (key, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            query.push_str(key);
            query.push('=');
            query.push_str(&Url::escape(value));
            query.push('&');
        }
        query
    }

    /// The address of this list, with more of a query behind its filters.
    pub fn href(&self, more: &str) -> String {
        let query = ["/history", &self.filters(), more].concat();
        query.trim_end_matches(['?', '&']).to_owned()
    }

    /// Whether anything is left out.
    pub fn filtered(&self) -> bool {
        self.filters().len() > 1
    }
}

/// `1h`, `7d`: in milliseconds.
fn age(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::{By, PastQuery};
    use crate::place::query_of;

    #[test]
    fn an_address_is_read_and_written() {
        let query = PastQuery::of(&query_of("?search=a+b&by=people&since=1h&before=%2318%20402&diff=3..9&undo=x&broker=101"));
        assert_eq!((query.search.as_str(), query.by, query.since_ms()), ("a b", By::People, Some(3_600_000)));
        assert_eq!((query.before, query.diff, query.undo, query.broker), (Some(18_402), Some((3, 9)), None, Some(101)));
        assert_eq!(query.href("before=7"), "/history?search=a%20b&by=people&since=1h&broker=101&before=7");
        assert_eq!(PastQuery::of(&query_of("?before=7&as_of=9")).as_of, Some(9));
        assert_eq!((PastQuery::default().href(""), PastQuery::default().filtered()), ("/history".to_owned(), false));
    }

    #[test]
    fn two_fields_compare_as_one_does() {
        assert_eq!(PastQuery::of(&query_of("?from=%2312&to=40")).diff, Some((12, 40)));
        assert_eq!(PastQuery::of(&query_of("?from=12")).diff, None);
    }

    #[test]
    fn what_is_no_age_is_not_said() {
        for (text, since) in [("1h", Some(3_600_000)), ("2d", Some(172_800_000)), ("", None), ("h", None), ("1w", None), ("é", None)] {
            assert_eq!(PastQuery::of(&query_of(&format!("?since={text}"))).since_ms(), since, "{text}");
        }
    }
}
