//! The commits that an address asks for: what the journal's own index finds is sieved once more for what it has no index of.

use super::rows;
use crate::past::{By, Kind, PAGE, PastQuery};
use controller::{Controller, Refusal};
use metadata::history::{Filter, Record, Was};
use metadata::{BrokerId, Change, Index, Intent};
use tokio::time::Instant;

/// Commits that are read at once while they are sieved.
const AT_ONCE: usize = 500;
/// Commits that are looked at for one page; where none of so many fits, the page says how far it came.
const MOST_LOOKED: usize = 20_000;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Newest first.
    pub records: Vec<Record>,
    pub gaps: Vec<(Index, Index)>,
    pub next: Option<Index>,
}

/// Looks for a page of commits.
///
/// # Errors
/// As [`Controller::history`].
pub async fn find(
    controller: &Controller,
    query: &PastQuery,
    newer: Option<Index>,
    now_ms: u64,
    deadline: Instant,
) -> Result<Found, Refusal> {
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let filter = Filter {
        topic: text(&query.topic),
        broker: query.broker.map(BrokerId),
        principal: text(&query.who),
        from_ms: query.since_ms().map(|since| now_ms.saturating_sub(since)),
        to_index: query.as_of,
        from_index: newer.map(|index| index.saturating_add(1)),
        ..Filter::default()
    };
    let sieved = query.by != By::All || !query.search.is_empty();
    let (mut found, mut before, mut looked) = (Found::default(), query.before, 0);
    loop {
        let most = if sieved { AT_ONCE } else { PAGE - found.records.len() };
        let page = controller.history(filter.clone(), before, most, deadline).await?;
        looked += page.records.len();
        found.gaps.extend(page.gaps);
        found.next = page.next;
        for record in page.records {
            if found.records.len() == PAGE {
                // There is one more at least: the next page begins with it.
                found.next = found.records.last().map(|last| last.commit.index);
                break;
            }
            if !sieved || fits(&record, query) {
                found.records.push(record);
            }
        }
        let Some(next) = found.next else { return Ok(found) };
        if found.records.len() == PAGE || looked >= MOST_LOOKED || Instant::now() >= deadline {
            return Ok(found);
        }
        before = Some(next);
    }
}

/// Whether a commit is what an address asks for, beyond what the journal's index tells.
fn fits(record: &Record, query: &PastQuery) -> bool {
    let kind = match query.by {
        By::All => true,
        By::People => rows::asked(record),
        By::Automatic => !rows::asked(record),
        By::Fences => rows::kind(&record.commit) == Kind::Fence || matches!(inner(record), Some(Intent::UnfenceBroker { .. })),
    };
    kind && (query.search.is_empty() || speaks_of(record, &query.search.to_ascii_lowercase()))
}

fn inner(record: &Record) -> Option<&Intent> {
    record.commit.intent.as_ref().map(Intent::inner)
}

/// Whether a commit is about a topic with this in its name, a broker with this id, or a key with this in its name.
fn speaks_of(record: &Record, needle: &str) -> bool {
    let broker = needle.trim_start_matches("broker").trim();
    let id = broker.parse().ok().map(BrokerId);
    record.beside.names.values().any(|name| name.to_ascii_lowercase().contains(needle))
        || id.is_some_and(|id| record.brokers().contains(&id))
        || changed_keys(record).iter().any(|key| key.contains(needle))
}

/// The keys of configurations and settings that a commit gave another value.
fn changed_keys(record: &Record) -> Vec<&String> {
    let maps = record.commit.changes.iter().zip(&record.beside.was).filter_map(|(change, was)| match (change, was) {
        (Change::ConfigsChanged { configs: is, .. }, Was::Value(Change::ConfigsChanged { configs: was, .. })) => Some((is, was)),
        (Change::SettingsChanged { settings: is }, Was::Value(Change::SettingsChanged { settings: was })) => {
            Some((&is.values, &was.values))
        }
        _ => None,
    });
    maps.flat_map(|(is, was)| {
        let changed = is.iter().filter(|(key, value)| was.get(*key) != Some(value)).map(|(key, _)| key);
        changed.chain(was.keys().filter(|key| !is.contains_key(*key)))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::{fits, speaks_of};
    use crate::looking_back::rows::tests::{configured, fenced};
    use crate::past::{By, PastQuery};

    #[test]
    fn a_commit_is_found_by_topic_broker_and_key() {
        let (configured, fenced) = (configured(), fenced());
        for (needle, finds) in [("orders", true), ("rder", true), ("retention", true), ("min.insync", false), ("101", false)] {
            assert_eq!(speaks_of(&configured, needle), finds, "{needle}");
        }
        for (needle, finds) in [("101", true), ("broker 101", true), ("10", false), ("orders", false)] {
            assert_eq!(speaks_of(&fenced, needle), finds, "{needle}");
        }
    }

    #[test]
    fn kinds_are_told_apart() {
        let by = |by| PastQuery { by, ..PastQuery::default() };
        for (record, people, automatic, fences) in [(configured(), true, false, false), (fenced(), false, true, true)] {
            let fits = [By::All, By::People, By::Automatic, By::Fences].map(|kind| fits(&record, &by(kind)));
            assert_eq!(fits, [true, people, automatic, fences]);
        }
    }
}
