//! Overview: the verdict, the partitions, the brokers by rack, what needs attention; on the right what moves.

mod attention;
mod health;
mod racks;

use crate::base;
use crate::components::card::Card;
use crate::components::chart::CommitRate;
use crate::components::empty::Empty;
use crate::components::log::{NodeLog, Tail, glyph_class, role_name};
use crate::components::ticker::Ticker;
use crate::components::verdict::{use_quorum, use_since, use_verdict};
use crate::icons::{self, Icon};
use crate::live::{Connection, use_live};
use crate::signals::{Memo, changing};
use crate::time;
use crate::words::{count, list, num};
use leptos::prelude::*;
use metadata::BrokerState;
use metadata::frame::Role;
use metadata::views::{Level, Reason};

/// How many changes it lists.
const CHANGES: usize = 11;

/// The page.
#[component]
pub fn Overview() -> impl IntoView {
    let live = use_live();
    let stage = Memo::new(move |_| live.state.with(|state| (state.broker_count() > 0, state.topic_count() > 0)));
    let wide = move || match stage.get() {
        (false, _) => view! { <NoBrokers/> }.into_any(),
        (true, false) => view! { <NoTopics/><racks::Racks/> }.into_any(),
        (true, true) => view! { <health::Partitions/><racks::Racks/><attention::NeedsAttention/> }.into_any(),
    };
    view! {
        <div class="page">
            <VerdictPanel/>
            <div class="split">
                <div class="stack">{changing(wide)}</div>
                <div class="stack">
                    <QuorumCard/>
                    <ChangesCard/>
                </div>
            </div>
        </div>
    }
}

/// The sentence that says whether all is well.
#[component]
fn VerdictPanel() -> impl IntoView {
    let (live, verdict, since) = (use_live(), use_verdict(), use_since());
    let healthy = move || verdict.with(|verdict| verdict.level == Some(Level::Healthy));
    let since = move || {
        let (at, now) = (since.get()?, live.now_ms.get());
        // While the page is stale its clock stands still: what it says of a duration would stand still as well.
        let lasting = if healthy() || live.stale() { String::new() } else { format!(", {}", time::duration(now.saturating_sub(at))) };
        Some(view! { <span class="since num" aria-live="off">{format!("Since {}{lasting}.", time::moment(at, now))}</span>" " })
    };
    view! {
        <section class="verdict" data-level=move || verdict.with(|verdict| verdict.level_name()) aria-live="polite">
            {changing(move || view! { <Icon of=verdict.with(|verdict| verdict.glyph())/> })}
            <h1>{changing(move || verdict.with(|verdict| verdict.headline.clone()))}</h1>
            <div class="actions"><VerdictActions/></div>
            <p>{changing(since)}{changing(move || verdict.with(|verdict| verdict.explanation.clone()))}</p>
        </section>
    }
}

/// Where to look next.
#[component]
fn VerdictActions() -> impl IntoView {
    let (live, verdict) = (use_live(), use_verdict());
    let controllers = Memo::new(move |_| verdict.with(|verdict| verdict.reason.is_some_and(Reason::of_controllers)));
    // What to show: the worst health there is, and the broker that is down when it is one alone.
    let targets = Memo::new(move |_| {
        live.state.with(|state| {
            let total = state.total();
            let health = match () {
                () if total.offline > 0 => Some("offline"),
                () if total.below_min_isr > 0 => Some("below_min_isr"),
                () if total.at_min_isr > 0 => Some("at_min_isr"),
                () if total.under_replicated > 0 => Some("under_replicated"),
                () => None,
            };
            let mut down =
                state.brokers().filter(|broker| matches!(broker.state, BrokerState::Fenced | BrokerState::Fencing)).map(|broker| broker.id);
            (health, down.next().map(|first| (first, down.next().is_none())))
        })
    });
    view! {
        {changing(move || {
            let (health, down) = targets.get();
            // What the headline speaks of comes first.
            if controllers.get() {
                return view! { <a class="btn primary" href=base::to("/quorum")>"Open quorum"</a> }.into_any();
            }
            view! {
                {health.map(|health| view! { <a class="btn" href=base::to(&format!("/topics?health={health}"))>"Show partitions"</a> })}
                {down.map(|(first, alone)| match alone {
                    true => view! { <a class="btn primary" href=base::to(&format!("/brokers/{first}"))>{format!("Open broker {first}")}</a> }.into_any(),
                    false => view! { <a class="btn primary" href=base::to("/brokers")>"Open brokers"</a> }.into_any(),
                })}
            }
            .into_any()
        })}
    }
}

/// The cluster that is a minute old.
#[component]
fn NoBrokers() -> impl IntoView {
    let live = use_live();
    let command = Memo::new(move |_| {
        let urls = live.state.with(|state| state.controllers().map(|node| node.url.clone()).collect::<Vec<_>>());
        let urls = if urls.is_empty() { "http://127.0.0.1:9091".to_owned() } else { urls.join(",") };
        format!("quorate storage --id 101 --controllers {urls} --listen 127.0.0.1:9201 --data-dir ./data/storage-101")
    });
    view! {
        <section class="card">
            {changing(move || view! {
                <Empty
                    glyph=icons::BROKERS
                    title="Waiting for the first broker"
                    text="Brokers register themselves with any controller. Three or more, in different racks, let a topic survive the loss of a machine."
                    command=command.get()
                />
            })}
        </section>
    }
}

/// Brokers, but nothing stored.
#[component]
fn NoTopics() -> impl IntoView {
    view! {
        <section class="card">
            <Empty
                glyph=icons::TOPICS
                title="Create the first topic"
                text="A topic is a named log split into partitions. You see where every replica would go before anything is committed."
            >
                <a class="btn primary needs-live" href=base::to("/create-topic")><Icon of=icons::PLUS/><span>"Create topic"</span></a>
            </Empty>
        </section>
    }
}

/// The control plane: commit index, term, leader, and how far each node is.
#[component]
fn QuorumCard() -> impl IntoView {
    let live = use_live();
    let head = move || live.pulse.with(|pulse| pulse.as_ref().map(|pulse| (pulse.term, pulse.leader_id)));
    let facts = move || match head() {
        Some((term, Some(leader))) => format!("commit index, term {term}, leader {leader}"),
        Some((term, None)) => format!("commit index, term {term}, no leader"),
        None => "commit index".to_owned(),
    };
    let nodes = Memo::new(move |_| {
        live.pulse.with(|pulse| {
            let nodes = pulse.as_ref().map(|pulse| pulse.nodes.as_slice()).unwrap_or_default();
            let newest = nodes.iter().map(|node| node.last_log_index).max().unwrap_or_default();
            nodes.iter().map(|node| NodeLog::of(node, newest)).collect::<Vec<_>>()
        })
    });
    let quorum = use_quorum();
    // Who answered then is not kept; who belonged to it is.
    let voters = move || match live.past() {
        true => count(live.state.with(|state| state.controllers().filter(|node| node.voter).count() as u64), "voter", "voters"),
        false => quorum.with(|quorum| format!("{} of {} voters", quorum.reachable, quorum.voters)),
    };
    view! {
        <Card title="Quorum" end=move || view! { <a class="link" href=base::to("/quorum")>{changing(voters)}</a> }>
            <div class="qhead">
                <div>
                    <span class="big">{changing(move || num(live.reached.get()))}</span>
                    <p class="mute">{changing(facts)}</p>
                </div>
                {(!live.past()).then(|| view! { <CommitRate/> })}
            </div>
            <div class="voters">{changing(move || nodes.get().into_iter().map(|log| view! { <VoterRow log=log/> }).collect_view())}{live.past().then(|| view! { <Members/> })}</div>
        </Card>
    }
}

/// Who belonged to it, on a page of what is past.
#[component]
fn Members() -> impl IntoView {
    let live = use_live();
    let row = |(id, voter): (u64, bool)| {
        let role = if voter { "voter" } else { "learner" };
        view! { <div class="voter"><span class=glyph_class(Role::Follower, voter)></span><b class="nw">{format!("Node {id}")}</b><span class="mute">{role}</span></div> }
    };
    let members = move || live.state.with(|state| state.controllers().map(|node| row((node.id, node.voter))).collect_view());
    view! { {changing(members)} }
}

#[component]
fn VoterRow(log: NodeLog) -> impl IntoView {
    let lag_class = if log.lags() { "num soft" } else { "num mute" };
    view! {
        <div class="voter">
            <span class=glyph_class(log.role, log.voter)></span>
            <b class="nw">{format!("Node {}", log.id)}</b>
            <span class="mute">{role_name(log.role)}</span>
            <Tail log=log.clone() entries=14/>
            <span class=lag_class>{log.lag()}</span>
        </div>
    }
}

/// What was committed lately.
#[component]
fn ChangesCard() -> impl IntoView {
    let live = use_live();
    live.with_first_commits();
    let word = move || match live.connection.get() {
        Connection::Live => "Live",
        Connection::Stale { .. } => "Stopped",
        Connection::Connecting | Connection::AsOf => "",
    };
    let none = Memo::new(move |_| live.recent.with(|recent| recent.is_empty()));
    view! {
        <Card title="Changes" end=move || view! { <span class="mute live-word">{changing(word)}</span> }>
            {changing(move || none.get().then(|| view! { <p class="card-b mute">"Nothing was committed yet."</p> }))}
            <Ticker most=CHANGES/>
        </Card>
    }
}

/// The brokers that hold none of these replicas in sync, in words.
fn missing_words(ids: &[metadata::BrokerId]) -> String {
    match ids {
        [] => String::new(),
        [one] => format!("Broker {one}"),
        many => format!("Brokers {}", list(many)),
    }
}
