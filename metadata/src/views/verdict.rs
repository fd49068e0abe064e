//! The verdict: all that is not as it should be, worst first, and the worst of it in words. Headline, sidebar, title and icon of
//! the pages, the API's `health` and the metrics are made from this one, so no surface says less than another.

use super::level::Level;
use super::quorum::Quorum;
use super::reasons::{Finding, Known, Reason, down, of_state};
use crate::ids::NodeId;
use crate::model::Broker;
use crate::state::State;
use std::fmt::Display;

/// The verdict in words: what, where, and how close it is to getting worse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub level: Level,
    /// All that is wrong, worst first.
    pub findings: Vec<Finding>,
    /// Two or three words, for the sidebar and the phone's top bar.
    pub short: String,
    pub headline: String,
    pub explanation: String,
}

/// What the state and the rest that is known come to.
pub fn verdict(state: &State, known: &Known<'_>) -> Verdict {
    let mut reasons: Vec<Reason> = known.reasons().chain(of_state(state)).collect();
    reasons.sort();
    let said = Said { state, known, quorum: known.quorum(), down: down(state) };
    let finding = |reason: &Reason| Finding { reason: *reason, level: reason.level(), detail: said.detail(*reason) };
    let findings: Vec<Finding> = reasons.iter().map(finding).collect();
    let worst = reasons.first().copied();
    Verdict {
        level: worst.map_or(Level::Healthy, Reason::level),
        short: worst.map_or("All in sync", Reason::short).to_owned(),
        headline: said.headline(worst),
        explanation: [said.explanation(worst), said.also(worst, &reasons)].concat(),
        findings,
    }
}

impl Verdict {
    /// What was true when the node was last heard: nobody may take it for what is true now, least of all that all is well.
    #[must_use]
    pub fn last_known(self, node_id: NodeId) -> Self {
        Verdict {
            level: self.level.max(Level::Warning),
            short: "Not live".to_owned(),
            headline: format!("Last known: {}", within(&self.headline)),
            explanation: format!("Node {node_id} is not heard any more, so this may have changed. {}", self.explanation),
            ..self
        }
    }

    /// The worst of it.
    pub fn worst(&self) -> Option<Reason> {
        self.findings.first().map(|finding| finding.reason)
    }
}

/// A sentence that goes on behind a colon.
fn within(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn plural(count: u32, one: &str, many: &str) -> String {
    if count == 1 { format!("{count} {one}") } else { format!("{count} {many}") }
}

/// `2`, `2 and 3`, `2, 3 and 5`.
fn listed<T: Display>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.to_string(),
        [first @ .., last] => format!("{} and {last}", first.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// What the sentences are made from.
struct Said<'a> {
    state: &'a State,
    known: &'a Known<'a>,
    quorum: Quorum,
    down: Vec<&'a Broker>,
}

impl Said<'_> {
    /// One reason by itself.
    fn detail(&self, reason: Reason) -> String {
        let total = self.state.total();
        match reason {
            Reason::NodeFault => format!("Node {} takes no part: {}", self.known.node_id, self.known.fault.unwrap_or_default()),
            Reason::NoQuorum | Reason::NoLeader | Reason::QuorumAtMinimum | Reason::ControllersUnreachable => self.of_controllers(reason),
            Reason::OfflinePartitions => format!("{} offline", plural(total.offline, "partition is", "partitions are")),
            Reason::BelowMinIsr => {
                let below = plural(total.below_min_isr, "partition is", "partitions are");
                format!("{below} below the minimum in sync: acks=all writes stop")
            }
            Reason::AtMinIsr => format!(
                "{} exactly min.insync.replicas in sync: losing one more would stop acks=all writes",
                plural(total.at_min_isr, "partition has", "partitions have")
            ),
            Reason::BrokersFenced => self.fenced(),
            Reason::UnderReplicated => format!("{} under-replicated", plural(total.under_replicated, "partition is", "partitions are")),
            Reason::BackupFailing => "The SQL backup is not written".to_owned(),
        }
    }

    fn of_controllers(&self, reason: Reason) -> String {
        let Quorum { voters, reachable, .. } = self.quorum;
        match reason {
            Reason::NoQuorum if voters == 0 => format!("Node {} belongs to no cluster yet", self.known.node_id),
            Reason::NoQuorum => {
                format!("Node {} reaches {reachable} of {voters} controllers: nothing can be decided", self.known.node_id)
            }
            Reason::NoLeader => "No controller leads: nothing can be decided".to_owned(),
            Reason::QuorumAtMinimum => format!("{}: one more failure stops all decisions", self.missing()),
            _ => match self.quorum.spare() {
                Some(spare) if !self.quorum.whole() => {
                    format!("{}: {} survived", self.missing(), plural(spare, "more failure is", "more failures are"))
                }
                _ => self.missing(),
            },
        }
    }

    /// `Controller 3 is unreachable`.
    fn missing(&self) -> String {
        let missing = self.known.unreachable();
        let (noun, verb) = if missing.len() == 1 { ("Controller", "is") } else { ("Controllers", "are") };
        format!("{noun} {} {verb} unreachable", listed(&missing))
    }

    fn fenced(&self) -> String {
        match self.down.as_slice() {
            [one] => format!("Broker {} is fenced", one.id),
            many if many.len() == self.state.broker_count() => format!("All {} brokers are fenced", many.len()),
            many => format!("{} brokers are fenced", many.len()),
        }
    }

    fn headline(&self, worst: Option<Reason>) -> String {
        let total = self.state.total();
        match worst {
            None if total.partitions == 0 => "All is well: nothing is stored yet".to_owned(),
            None => format!("All {} in sync", plural(total.partitions, "partition", "partitions")),
            Some(Reason::NodeFault) => format!("Node {} takes no part", self.known.node_id),
            Some(Reason::BrokersFenced | Reason::AtMinIsr) if !self.down.is_empty() && total.under_replicated == 0 => {
                format!("{}, no partition is affected", self.fenced())
            }
            Some(Reason::BrokersFenced | Reason::AtMinIsr) if !self.down.is_empty() => {
                format!("{}: {} under-replicated, none offline", self.fenced(), plural(total.under_replicated, "partition", "partitions"))
            }
            Some(Reason::UnderReplicated | Reason::AtMinIsr) => {
                format!("{} under-replicated, none offline", plural(total.under_replicated, "partition is", "partitions are"))
            }
            Some(reason) => self.detail(reason),
        }
    }

    fn explanation(&self, worst: Option<Reason>) -> String {
        let Quorum { voters, needed, reachable, .. } = self.quorum;
        match worst {
            Some(Reason::NodeFault) => {
                let fault = self.known.fault.unwrap_or_default();
                format!("Why: {}. What it shows may be old; the other controllers go on without it.", fault.trim_end_matches('.'))
            }
            Some(Reason::NoQuorum) if voters == 0 => {
                "It waits to be put in the place of a lost controller; until then nothing can be decided here.".to_owned()
            }
            Some(Reason::NoQuorum) => format!(
                "{needed} are needed; {} not answer. Topics keep serving what they have, and nothing is created, moved or elected. \
                 Where the others reach each other, they go on without node {}.",
                self.silent(),
                self.known.node_id
            ),
            Some(Reason::NoLeader) => format!(
                "{reachable} of {voters} controllers are in reach and {needed} are needed: an election should end this within seconds. \
                 Topics keep serving what they have."
            ),
            Some(Reason::QuorumAtMinimum | Reason::ControllersUnreachable) => {
                format!("{reachable} of {voters} voters are in reach, and {needed} are needed to decide anything.")
            }
            Some(Reason::BackupFailing) => {
                let error = self.known.failing_backup().unwrap_or_default().trim_end_matches('.');
                format!("What was committed since it was last written is not in it: {error}.")
            }
            Some(_) => self.of_brokers(),
            None if self.state.broker_count() == 0 => "No broker has registered yet.".to_owned(),
            None => {
                let online = self.state.brokers().filter(|broker| broker.active()).count() as u32;
                let online = plural(online, "broker is", "brokers are");
                format!("{online} online, every replica holds every acknowledged record, none offline.")
            }
        }
    }

    /// The rest of what is wrong, behind the explanation of the worst. What the state says is one sentence.
    fn also(&self, worst: Option<Reason>, reasons: &[Reason]) -> String {
        let of_state = reasons.iter().copied().find(|reason| reason.of_state());
        let of_state = of_state.filter(|_| !worst.is_some_and(Reason::of_state)).map(|reason| self.headline(Some(reason)));
        let others = reasons.iter().filter(|reason| !reason.of_state() && Some(**reason) != worst).map(|reason| self.detail(*reason));
        let rest: Vec<String> = of_state.into_iter().chain(others).map(|sentence| within(&sentence)).collect();
        if rest.is_empty() { String::new() } else { format!(" Also: {}.", rest.join("; ")) }
    }

    /// `controllers 2 and 3 do`.
    fn silent(&self) -> String {
        let silent = self.known.unreachable();
        let (noun, verb) = if silent.len() == 1 { ("controller", "does") } else { ("controllers", "do") };
        format!("{noun} {} {verb}", listed(&silent))
    }

    /// What the committed state says, all of it together.
    fn of_brokers(&self) -> String {
        let total = self.state.total();
        let fenced = match self.down.as_slice() {
            [] => String::new(),
            [one] => {
                format!("Broker {}{} is fenced. ", one.id, one.rack.as_ref().map(|rack| format!(" (rack {rack})")).unwrap_or_default())
            }
            many => format!("Brokers {} are fenced. ", listed(&many.iter().map(|broker| broker.id).collect::<Vec<_>>())),
        };
        if total.offline > 0 || total.below_min_isr > 0 {
            return format!(
                "{fenced}{} offline, {} below min.insync.replicas, {} under-replicated in all.",
                total.offline, total.below_min_isr, total.under_replicated
            );
        }
        if total.at_min_isr > 0 {
            return format!("{fenced}{}.", self.detail(Reason::AtMinIsr));
        }
        if total.under_replicated > 0 {
            return format!("{fenced}Every affected partition keeps more in sync than min.insync.replicas asks for: writes go on.");
        }
        format!("{fenced}Writes go on; a returning broker is unfenced by its heartbeat.")
    }
}
