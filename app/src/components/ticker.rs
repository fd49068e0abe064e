//! The change list: what was committed lately, in one sentence each.

use crate::base;
use crate::icons::{self, Glyph, Icon};
use crate::live::use_live;
use crate::recent::Recent;
use crate::signals::changing;
use crate::time;
use crate::words::{count, list, num};
use leptos::prelude::*;
use metadata::intent::{ConfigOpKind, Election, NewTopic};
use metadata::{BrokerState, Change, Commit, Intent, Partition};

/// One line of the change list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub glyph: Glyph,
    /// What it is about, with the address of its page.
    pub about: Option<(String, String)>,
    pub text: String,
    pub warn: bool,
}

/// A commit in one sentence; a leader that may lack records is never passed over in silence.
pub fn line(recent: &Recent) -> Line {
    let said = asked(recent);
    match &recent.commit.intent {
        Some(Intent::Elect { election: Election::Unclean, .. } | Intent::ElectUnclean) => said,
        _ if recent.unclean == 0 => said,
        _ => {
            // First, as what comes later may have no room.
            let lossy = count(u64::from(recent.unclean), "unclean election", "unclean elections");
            let may = if said.about.is_some() { "may have cost records" } else { "Records may be lost" };
            Line { warn: true, text: format!("{may}, {lossy}: {}", said.text), ..said }
        }
    }
}

fn asked(recent: &Recent) -> Line {
    match &recent.commit.intent {
        Some(Intent::Undo { of, intent }) => {
            let line = asked_for(recent, Some(intent));
            Line { text: format!("{}, which undoes #{}", line.text, num(*of)), ..line }
        }
        intent => asked_for(recent, intent.as_ref()),
    }
}

fn asked_for(recent: &Recent, intent: Option<&Intent>) -> Line {
    let commit = &*recent.commit;
    let plain = |glyph, text: String| Line { glyph, about: None, text, warn: false };
    let broker = |glyph, id: metadata::BrokerId, text: String| Line {
        glyph,
        about: Some((format!("Broker {id}"), format!("/brokers/{id}"))),
        text,
        warn: false,
    };
    match intent {
        // An undo is none of another one.
        None | Some(Intent::Undo { .. } | Intent::AdmitInstance { .. } | Intent::ChangeAccess { .. }) => {
            plain(icons::QUORUM, membership(commit))
        }
        Some(Intent::BootstrapCluster { .. }) => plain(icons::QUORUM, "Cluster formed".to_owned()),
        Some(Intent::RegisterBroker { registration }) => {
            let rack = registration.rack.as_ref().map(|rack| format!(" in rack {rack}")).unwrap_or_default();
            broker(icons::BROKERS, registration.id, format!("registered{rack}"))
        }
        Some(Intent::UnregisterBroker { id, .. }) => broker(icons::TRASH, *id, "unregistered".to_owned()),
        Some(Intent::BrokerHeartbeat { heartbeat }) => {
            let (glyph, text) = transition(commit);
            broker(glyph, heartbeat.id, format!("{text}{}", affected(recent)))
        }
        Some(Intent::SessionExpired { id, .. }) => {
            Line { warn: true, ..broker(icons::FENCE, *id, format!("fenced: no heartbeat{}", affected(recent))) }
        }
        Some(Intent::ContinueFencing { id, .. }) => {
            Line { warn: true, ..broker(icons::FENCE, *id, format!("fencing goes on{}", affected(recent))) }
        }
        Some(Intent::FenceBroker { id, .. }) => {
            Line { warn: true, ..broker(icons::FENCE, *id, format!("fenced by an operator{}", affected(recent))) }
        }
        Some(Intent::UnfenceBroker { id, .. }) => broker(icons::UNLOCK, *id, format!("unfenced by an operator{}", affected(recent))),
        Some(Intent::ChangeIsr { .. }) => isr(recent),
        Some(Intent::CreateTopics { topics }) => created(recent, topics),
        Some(Intent::GrowTopic { name, count: partitions, .. }) => {
            let added = count(recent.partitions, "partition", "partitions");
            let text = format!("grew by {added} to {}", num(u64::try_from(*partitions).unwrap_or_default()));
            Line { glyph: icons::PLUS, about: Some((name.clone(), topic_path(name))), text, warn: false }
        }
        Some(Intent::RaiseFormat { .. }) => plain(icons::QUORUM, "Every controller knows the newest format".to_owned()),
        Some(Intent::ChangeSettings { ops, .. }) => {
            plain(icons::SLIDERS, format!("Settings: {}", ops.iter().map(|op| op.key.as_str()).collect::<Vec<_>>().join(", ")))
        }
        Some(Intent::ContinueSettings) => plain(icons::SLIDERS, format!("Settings take effect{}", affected(recent))),
        Some(Intent::Elect { election: Election::Unclean, .. } | Intent::ElectUnclean) => {
            Line { warn: true, ..plain(icons::MOVE, format!("Unclean election, records may be lost{}", affected(recent))) }
        }
        Some(Intent::Lead { .. }) => plain(icons::MOVE, format!("Leaders go to the replicas that were named{}", affected(recent))),
        Some(Intent::Elect { .. } | Intent::BalanceLeaders) => {
            plain(icons::MOVE, format!("Leaders return to their first replicas{}", affected(recent)))
        }
        Some(Intent::Reassign { .. } | Intent::Rebalance { .. } | Intent::ChangeFactor { .. } | Intent::ContinueReassignments) => {
            plain(icons::MOVE, moves(commit))
        }
        Some(Intent::CancelReassignment { id }) => plain(icons::MOVE, format!("Reassignment {} called off", num(*id))),
        Some(Intent::LimitReassignment { id, .. }) => plain(icons::MOVE, format!("Reassignment {} has another limit", num(*id))),
        Some(Intent::DrainBroker { id, .. }) => broker(icons::MOVE, *id, "is drained".to_owned()),
        Some(Intent::StopDrain { id, .. }) => broker(icons::MOVE, *id, "is not drained any more".to_owned()),
        Some(Intent::ReplaceBroker { id, .. }) => {
            Line { warn: true, ..broker(icons::MOVE, *id, "down for too long: its replicas are placed elsewhere".to_owned()) }
        }
        Some(Intent::DeleteTopic { name, .. }) => {
            Line { glyph: icons::TRASH, about: Some((name.clone(), String::new())), text: "deleted".to_owned(), warn: false }
        }
        Some(Intent::ChangeConfigs { name, ops, .. }) => {
            let text = match ops.as_slice() {
                [one] => match (&one.op, &one.value) {
                    (ConfigOpKind::Set, Some(value)) => format!("{} set to {value}", one.key),
                    (ConfigOpKind::Delete, _) => format!("{} back to its default", one.key),
                    (_, value) => format!("{} changed by {}", one.key, value.as_deref().unwrap_or_default()),
                },
                many => count(many.len() as u64, "configuration key changed", "configuration keys changed"),
            };
            Line { glyph: icons::SLIDERS, about: Some((name.clone(), topic_path(name))), text, warn: false }
        }
    }
}

/// Moves that were written down, and those that took a step.
fn moves(commit: &Commit) -> String {
    let started = commit.changes.iter().find_map(|change| match change {
        Change::ReassignmentChanged { reassignment } if reassignment.id == commit.index => Some(reassignment),
        _ => None,
    });
    if let Some(reassignment) = started {
        return format!("Reassignment begun: {}", count(u64::from(reassignment.total), "move", "moves"));
    }
    let steps = commit.changes.iter().filter(|change| matches!(change, Change::MoveChanged { .. })).count();
    format!("Reassignment: {} went on", count(steps as u64, "move", "moves"))
}

fn topic_path(name: &str) -> String {
    format!("/topics/{name}")
}

fn affected(recent: &Recent) -> String {
    match recent.partitions {
        0 => String::new(),
        some => format!(", {}", count(some, "partition changed", "partitions changed")),
    }
}

fn membership(commit: &Commit) -> String {
    commit
        .changes
        .iter()
        .find_map(|change| match change {
            Change::ControllersChanged { controllers } => {
                let voters: Vec<_> = controllers.iter().filter(|node| node.voter).map(|node| node.id).collect();
                Some(format!("Controllers: voters {}", list(voters)))
            }
            _ => None,
        })
        .unwrap_or_else(|| "Controllers changed".to_owned())
}

fn transition(commit: &Commit) -> (Glyph, String) {
    let state = commit.changes.iter().find_map(|change| match change {
        Change::BrokerChanged { broker } => Some(broker.state),
        _ => None,
    });
    match state {
        Some(BrokerState::Online) => (icons::UNLOCK, "online".to_owned()),
        Some(BrokerState::ShuttingDown) => (icons::MOVE, "shuts down in order".to_owned()),
        Some(BrokerState::Fenced | BrokerState::Fencing) => (icons::FENCE, "fenced at its own request".to_owned()),
        None => (icons::BROKERS, "changed".to_owned()),
    }
}

fn isr(recent: &Recent) -> Line {
    let first = recent.commit.changes.iter().find_map(|change| match change {
        Change::PartitionChanged { partition, .. } => Some(partition),
        _ => None,
    });
    let full = |partition: &Partition| partition.isr.len() == partition.replicas.len();
    let glyph = if first.is_some_and(|partition| full(partition)) { icons::ISR_GREW } else { icons::ISR_SHRANK };
    let text = match first {
        Some(partition) if recent.partitions == 1 => {
            format!(
                "Partition {}: ISR is {}, {} of {}",
                num(partition.partition),
                list(&partition.isr),
                partition.isr.len(),
                partition.replicas.len()
            )
        }
        _ => format!("ISR changed on {}", count(recent.partitions, "partition", "partitions")),
    };
    Line { glyph, about: None, text, warn: false }
}

fn created(recent: &Recent, topics: &[NewTopic]) -> Line {
    let made = recent.commit.changes.iter().filter_map(|change| match change {
        Change::TopicCreated { name, .. } => Some(name.to_string()),
        _ => None,
    });
    match (topics, made.collect::<Vec<_>>().as_slice()) {
        ([_], [name]) => Line {
            glyph: icons::PLUS,
            about: Some((name.clone(), topic_path(name))),
            text: format!("created, {}", count(recent.partitions, "partition", "partitions")),
            warn: false,
        },
        _ => Line {
            glyph: icons::PLUS,
            about: None,
            text: format!("Topics created, {} in all", count(recent.partitions, "partition", "partitions")),
            warn: false,
        },
    }
}

/// The newest `most` changes.
#[component]
pub fn Ticker(#[prop(into)] most: usize) -> impl IntoView {
    let live = use_live();
    // What was there at first does not slide in.
    let first = StoredValue::new(live.recent.with_untracked(|recent| recent.first().map_or(0, |recent| recent.commit.index)));
    let rows = move || live.recent.with(|recent| recent.iter().take(most).cloned().collect::<Vec<_>>());
    view! {
        <ol class="ticker">
            <For each=rows key=|recent| recent.commit.index let:recent>
                <TickerRow fresh={recent.commit.index > first.get_value()} recent=recent/>
            </For>
        </ol>
    }
}

#[component]
fn TickerRow(recent: Recent, fresh: bool) -> impl IntoView {
    let live = use_live();
    let Line { glyph, about, text, warn } = line(&recent);
    let class = match (warn, fresh) {
        (true, true) => "is-warn in",
        (true, false) => "is-warn",
        (false, true) => "in",
        (false, false) => "",
    };
    let at_ms = recent.commit.at_ms;
    let about = about.map(|(name, path)| {
        if path.is_empty() {
            view! { <span class="med">{name}</span>" " }.into_any()
        } else {
            view! { <a class="med" href=base::to(&path)>{name}</a>" " }.into_any()
        }
    });
    view! {
        <li class=class>
            <span class="tk-i"><Icon of=glyph/></span>
            <div>
                <p class="tr">{about}<span class="soft">{text}</span></p>
                <p class="mute num">
                    <span>"#"{num(recent.commit.index)}</span>
                    <span>{recent.commit.principal.to_string()}</span>
                    <time>{changing(move || ago(at_ms, live.now_ms.get()))}</time>
                </p>
            </div>
        </li>
    }
}

/// How long ago; the membership that a cluster begins with comes before the first time that the log knows.
fn ago(at_ms: u64, now_ms: u64) -> String {
    if at_ms == 0 { "at the start".to_owned() } else { format!("{} ago", time::age(now_ms.saturating_sub(at_ms))) }
}

#[cfg(test)]
mod tests {
    use super::{Line, ago, icons, line};
    use crate::recent::Recent;
    use metadata::{Commit, Intent, Principal};
    use std::sync::Arc;

    fn said(intent: Intent, partitions: u32, unclean: u32) -> Line {
        let commit = Commit {
            index: 9,
            prev_index: 8,
            term: 1,
            at_ms: 1,
            principal: Principal::anonymous(),
            intent: Some(intent),
            digest: metadata::State::default().digest(),
            changes: Vec::new(),
        };
        line(&Recent { commit: Arc::new(commit), partitions, unclean })
    }

    #[test]
    fn what_comes_before_any_time_is_no_age() {
        assert_eq!((ago(0, 1_000_000_000_000), ago(1_000, 3_000)), ("at the start".to_owned(), "2 s ago".to_owned()));
    }

    #[test]
    fn an_unclean_election_is_said_of_whatever_brought_it() {
        let of = |intent, unclean| said(intent, 2, unclean);
        let expired = || Intent::SessionExpired { id: metadata::BrokerId(7), broker_epoch: 1 };
        let unfenced = || Intent::UnfenceBroker { id: metadata::BrokerId(7), expected: None };
        assert!(!of(expired(), 0).text.contains("unclean") && !of(unfenced(), 0).warn);
        assert!(of(expired(), 2).text.starts_with("may have cost records, 2 unclean elections: fenced"), "{:?}", of(expired(), 2));
        assert!(of(unfenced(), 1).warn && of(unfenced(), 1).text.contains("1 unclean election:"));
        assert_eq!(of(Intent::ElectUnclean, 2).text.matches("may be lost").count(), 1);
    }

    #[test]
    fn a_growth_says_by_how_much_and_to_what() {
        for (partitions, count, text) in [(1, 4, "grew by 1 partition to 4"), (3, 12, "grew by 3 partitions to 12")] {
            let intent = Intent::GrowTopic { name: "orders".to_owned(), count, assignments: None, expected: None };
            let about = Some(("orders".to_owned(), "/topics/orders".to_owned()));
            let expected = Line { glyph: icons::PLUS, about, text: text.to_owned(), warn: false };
            assert_eq!(said(intent, partitions, 0), expected);
        }
    }
}
