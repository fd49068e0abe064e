//! Whether what was answered about one topic's name is linearizable: the search of Wing and Gong, with Lowe's
//! memoisation, over a register that is absent, or present with an id.

use anyhow::{Result, bail, ensure};
use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;

/// Events of one history at most: which of them have been explained is one bit each.
pub const MOST: usize = 64;

/// What a client was told of its request. A request that certainly did nothing, and a read without an answer, is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A creation, with the id of the topic.
    Created(String),
    /// A creation that was refused, because there is such a topic.
    Exists,
    Deleted,
    /// A read, with the id of the topic.
    Found(String),
    /// A deletion or a read: there is no such topic.
    Missing,
    /// A creation whose outcome is unknown: it takes place at any later time, or never.
    PerhapsCreated,
    PerhapsDeleted,
}

impl Told {
    fn known(&self) -> bool {
        !matches!(self, Told::PerhapsCreated | Told::PerhapsDeleted)
    }
}

/// One request, from before it was sent until after it was answered, in a clock that all clients share.
#[derive(Clone, Debug)]
pub struct Event {
    pub node: u64,
    pub began: u64,
    pub ended: u64,
    pub told: Told,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Topic<'a> {
    #[default]
    Absent,
    Present(&'a str),
    /// Made by a creation whose outcome is unknown, and nobody was told its id yet.
    Unnamed,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct State<'a> {
    topic: Topic<'a>,
    /// Ids of unknown creations that somebody was told: none of them comes a second time.
    named: BTreeSet<&'a str>,
}

impl<'a> State<'a> {
    /// The state after this event; none where the event cannot come now, or would change nothing that has to be explained.
    fn after(&self, told: &'a Told, acknowledged: &BTreeSet<&str>) -> Option<Self> {
        let become_ = |topic| Some(State { topic, ..self.clone() });
        match (told, self.topic) {
            (Told::Created(id), Topic::Absent) => become_(Topic::Present(id)),
            (Told::PerhapsCreated, Topic::Absent) => become_(Topic::Unnamed),
            (Told::Missing, Topic::Absent) => Some(self.clone()),
            (Told::Exists, Topic::Present(_) | Topic::Unnamed) => Some(self.clone()),
            (Told::Deleted | Told::PerhapsDeleted, Topic::Present(_) | Topic::Unnamed) => become_(Topic::Absent),
            (Told::Found(id), Topic::Present(there)) if id == there => Some(self.clone()),
            (Told::Found(id), Topic::Unnamed) if !acknowledged.contains(id.as_str()) && !self.named.contains(id.as_str()) => {
                let named = self.named.iter().copied().chain([id.as_str()]).collect();
                Some(State { topic: Topic::Present(id), named })
            }
            _ => None,
        }
    }
}

struct Search<'a> {
    events: &'a [Event],
    acknowledged: BTreeSet<&'a str>,
    /// From here nothing leads to the end.
    dead: HashSet<(u64, State<'a>)>,
    /// As much as could be explained at once.
    furthest: u64,
}

impl<'a> Search<'a> {
    fn explains_the_rest(&mut self, explained: u64, state: &State<'a>) -> bool {
        if explained.count_ones() > self.furthest.count_ones() {
            self.furthest = explained;
        }
        let events = self.events;
        let open = move || events.iter().enumerate().filter(move |(at, _)| explained & (1 << at) == 0);
        let Some(first_end) = open().filter(|(_, event)| event.told.known()).map(|(_, event)| event.ended).min() else { return true };
        if self.dead.contains(&(explained, state.clone())) {
            return false;
        }
        // Whatever ended before another began comes before it.
        for (at, event) in open().filter(|(_, event)| event.began <= first_end) {
            if let Some(next) = state.after(&event.told, &self.acknowledged)
                && self.explains_the_rest(explained | 1 << at, &next)
            {
                return true;
            }
        }
        self.dead.insert((explained, state.clone()));
        false
    }

    fn shown(&self) -> String {
        let mut order: Vec<usize> = (0..self.events.len()).collect();
        order.sort_by_key(|at| self.events[*at].began);
        let mut out = String::new();
        for at in order {
            let Event { node, began, ended, told } = &self.events[at];
            let mark = if self.furthest & (1 << at) == 0 { "?" } else { " " };
            // Writing into a String cannot fail.
            let _ = writeln!(out, "{mark} {:>12.3} to {:>12.3} ms, node {node}: {told:?}", *began as f64 / 1e6, *ended as f64 / 1e6);
        }
        out
    }
}

/// Finds an order in which all of this could have happened at single moments between its beginnings and its ends.
pub fn check(events: &[Event]) -> Result<()> {
    ensure!(events.len() <= MOST, "{} events are more than {MOST}", events.len());
    let ids = || events.iter().filter_map(|event| if let Told::Created(id) = &event.told { Some(id.as_str()) } else { None });
    let acknowledged: BTreeSet<&str> = ids().collect();
    ensure!(acknowledged.len() == ids().count(), "one id was given to two creations: {events:?}");
    let mut search = Search { events, acknowledged, dead: HashSet::new(), furthest: 0 };
    if search.explains_the_rest(0, &State::default()) {
        return Ok(());
    }
    bail!("no order explains these answers; where one was looked for, those with ? were left over:\n{}", search.shown())
}
