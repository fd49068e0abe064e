//! Which topics the list shows and in which order: what the address says, and the rows that it comes to.

use crate::order::sorted;
use leptos_router::location::Url;
use leptos_router::params::ParamsMap;
use metadata::load::Tally;
use metadata::views::TopicHealth;
use metadata::{State, Topic, TopicId};
use std::cmp::Ordering;
use std::sync::Arc;

/// How many rows a page shows before it is asked for more.
pub const PAGE: usize = 100;

/// What the rows are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// Worst first.
    #[default]
    Health,
    Name,
    /// Most first.
    Partitions,
}

impl Column {
    fn word(self) -> &'static str {
        match self {
            Column::Health => "health",
            Column::Name => "name",
            Column::Partitions => "partitions",
        }
    }
}

/// What the address asks for: `?search=&health=&sort=&after=`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicsQuery {
    /// Only names that contain this, whatever the case.
    pub search: String,
    /// Only topics with a partition in this condition; healthy ones have none in any other.
    pub health: Option<TopicHealth>,
    pub column: Column,
    /// Against the column's natural order.
    pub reversed: bool,
    /// Only what comes after the topic of this name: the next page without JavaScript.
    pub after: Option<String>,
}

impl TopicsQuery {
    /// Reads a query; what it does not know counts as not said.
    pub fn of(query: &ParamsMap) -> Self {
        let sort = query.get("sort").unwrap_or_default();
        let (word, reversed) = sort.strip_prefix('-').map_or((sort.as_str(), false), |word| (word, true));
        let column = [Column::Health, Column::Name, Column::Partitions].into_iter().find(|column| column.word() == word);
        TopicsQuery {
            search: query.get("search").unwrap_or_default().trim().to_owned(),
            health: query.get("health").as_deref().and_then(TopicHealth::from_name),
            column: column.unwrap_or_default(),
            reversed: column.is_some() && reversed,
            after: query.get("after").filter(|name| !name.is_empty()),
        }
    }

    /// The value of `sort`.
    pub fn sort(&self) -> String {
        format!("{}{}", if self.reversed { "-" } else { "" }, self.column.word())
    }

    /// The address of this list.
    pub fn href(&self) -> String {
        let mut pairs = Vec::new();
        if !self.search.is_empty() {
            pairs.push(format!("search={}", Url::escape(&self.search)));
        }
        pairs.extend(self.health.map(|health| format!("health={}", health.name())));
        if self.column != Column::default() || self.reversed {
            pairs.push(format!("sort={}", self.sort()));
        }
        pairs.extend(self.after.as_ref().map(|name| format!("after={}", Url::escape(name))));
        if pairs.is_empty() { "/topics".to_owned() } else { format!("/topics?{}", pairs.join("&")) }
    }

    /// The same ordered by a column: the other way round when it already is.
    #[must_use]
    pub fn by(&self, column: Column) -> Self {
        TopicsQuery { column, reversed: self.column == column && !self.reversed, after: None, ..self.clone() }
    }

    /// What `aria-sort` says of a column: worst and most first descend.
    pub fn aria_sort(&self, column: Column) -> Option<&'static str> {
        (self.column == column).then(|| if (column == Column::Name) == self.reversed { "descending" } else { "ascending" })
    }

    /// Whether it leaves anything out.
    pub fn filters(&self) -> bool {
        !self.search.is_empty() || self.health.is_some()
    }

    fn admits(&self, topic: &Topic, tally: &Tally, needle: &str) -> bool {
        (needle.is_empty() || topic.name.to_ascii_lowercase().contains(needle)) && self.health.is_none_or(|health| meets(tally, health))
    }
}

/// Whether a topic with this tally counts under a condition: as in the figures of the overview, under every one that it meets.
pub fn meets(tally: &Tally, health: TopicHealth) -> bool {
    match health {
        TopicHealth::Offline => tally.offline > 0,
        TopicHealth::BelowMinIsr => tally.below_min_isr > 0,
        TopicHealth::AtMinIsr => tally.at_min_isr > 0,
        TopicHealth::UnderReplicated => tally.under_replicated > 0,
        TopicHealth::Healthy => TopicHealth::of(tally) == TopicHealth::Healthy,
    }
}

/// Every topic that the query admits, in its order. The server puts the first of them, and one more that says that there
/// is more, into the first paint.
pub fn rows_for(state: &State, query: &TopicsQuery) -> Vec<TopicId> {
    let needle = query.search.to_ascii_lowercase();
    let mut hits: Vec<(Tally, &Arc<Topic>)> = state
        .topics_after(None)
        .map(|topic| (state.tally(topic.id), topic))
        .filter(|(tally, topic)| query.admits(topic, tally, &needle))
        .collect();
    // By name they come from the state already, and the sorts are stable.
    match query.column {
        Column::Name => {}
        Column::Health => hits = sorted(hits, |(one, _), (other, _)| worse(one, other)),
        Column::Partitions => hits = sorted(hits, |(one, _), (other, _)| other.partitions.cmp(&one.partitions)),
    }
    if query.reversed {
        hits.reverse();
    }
    // A slice does not hold the row before its own first one: there every row is after it.
    let from = query.after.as_ref().and_then(|name| hits.iter().position(|(_, topic)| *topic.name == **name)).map_or(0, |at| at + 1);
    hits.drain(from..).map(|(_, topic)| topic.id).collect()
}

fn worse(one: &Tally, other: &Tally) -> Ordering {
    let affected = |tally: &Tally| (tally.offline, tally.below_min_isr, tally.at_min_isr, tally.under_replicated);
    TopicHealth::of(one).cmp(&TopicHealth::of(other)).then_with(|| affected(other).cmp(&affected(one)))
}

/// How many topics meet each condition, with all of them first; only a whole state can say.
pub fn counts(state: &State) -> Vec<(Option<TopicHealth>, usize)> {
    let mut counts: Vec<(Option<TopicHealth>, usize)> =
        std::iter::once(None).chain(TopicHealth::ALL.into_iter().map(Some)).map(|health| (health, 0)).collect();
    for topic in state.topics_after(None) {
        let tally = state.tally(topic.id);
        for (health, count) in &mut counts {
            *count += usize::from(health.is_none_or(|health| meets(&tally, health)));
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::{Column, TopicsQuery, rows_for};
    use crate::pages::sample;
    use crate::place::query_of;
    use metadata::views::TopicHealth;

    fn names(query: &str) -> Vec<String> {
        let state = sample::state();
        let rows = rows_for(&state, &TopicsQuery::of(&query_of(query)));
        rows.into_iter().filter_map(|id| state.topic(id)).map(|topic| topic.name.to_string()).collect()
    }

    #[test]
    fn the_worst_come_first_and_then_names() {
        assert_eq!(names(""), ["orders", "audit", "metrics"]);
        assert_eq!(names("sort=-health"), ["metrics", "audit", "orders"]);
        assert_eq!(names("sort=name"), ["audit", "metrics", "orders"]);
        assert_eq!(names("sort=-name"), ["orders", "metrics", "audit"]);
        assert_eq!(names("sort=partitions"), ["metrics", "orders", "audit"]);
    }

    #[test]
    fn filters_and_pages() {
        assert_eq!(names("search=RI"), ["metrics"]);
        assert_eq!(names("health=under_replicated"), ["orders"]);
        assert_eq!(names("health=healthy"), ["audit", "metrics"]);
        assert_eq!(names("health=nonsense&after=orders"), ["audit", "metrics"]);
        assert_eq!(names("sort=name&after=audit"), ["metrics", "orders"]);
    }

    #[test]
    fn an_address_reads_back_as_itself() {
        for address in ["", "search=a%20b%26c", "health=offline", "sort=-name", "sort=partitions&after=orders"] {
            let query = TopicsQuery::of(&query_of(address));
            let href = query.href();
            let again = TopicsQuery::of(&query_of(href.split_once('?').map_or("", |(_, query)| query)));
            assert_eq!(again, query);
        }
        assert_eq!(TopicsQuery::default().href(), "/topics");
    }

    #[test]
    fn a_second_click_turns_the_order_round() {
        let query = TopicsQuery::default();
        assert_eq!((query.aria_sort(Column::Health), query.aria_sort(Column::Name)), (Some("descending"), None));
        assert_eq!(query.by(Column::Name).aria_sort(Column::Name), Some("ascending"));
        assert_eq!(query.by(Column::Name).by(Column::Name).sort(), "-name");
        assert_eq!(query.by(Column::Health).aria_sort(Column::Health), Some("ascending"));
        assert_eq!(TopicsQuery { health: Some(TopicHealth::Offline), ..query }.href(), "/topics?health=offline");
    }
}
