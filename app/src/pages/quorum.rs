//! Quorum: the control plane itself. Where each node's log begins and ends, and the proof that all hold the same state.

mod nodes;

use crate::components::card::Card;
use crate::components::facts::{Fact, Facts};
use crate::components::log::{NodeLog, Tail, glyph_class, role_name};
use crate::components::verdict::use_quorum;
use crate::live::use_live;
use crate::signals::{Memo, changing};
use crate::words::{count, decimal, num};
use leptos::prelude::*;
use metadata::Index;
use metadata::frame::{Backup, Role};
use metadata::views::Quorum;

/// How many entries a tail shows.
const ENTRIES: u64 = 24;

/// The page.
#[component]
pub fn QuorumPage() -> impl IntoView {
    let live = use_live();
    if live.past() {
        return view! { <Members/> }.into_any();
    }
    let logs = Memo::new(move |_| {
        live.pulse.with(|pulse| {
            let nodes = pulse.as_ref().map(|pulse| pulse.nodes.as_slice()).unwrap_or_default();
            let newest = nodes.iter().map(|node| node.last_log_index).max().unwrap_or_default();
            nodes.iter().map(|node| NodeLog::of(node, newest)).collect::<Vec<_>>()
        })
    });
    let quorum = use_quorum();
    let sentence = move || {
        let (term, leader) = live.pulse.with(|pulse| pulse.as_ref().map_or((0, None), |pulse| (pulse.term, pulse.leader_id)));
        let leads = match leader {
            Some(leader) => format!("Node {leader} leads term {}.", num(term)),
            None => format!("No leader in term {}: nothing can be committed.", num(term)),
        };
        quorum.with(|quorum| format!("{leads} {}", tolerance(quorum)))
    };
    view! {
        <div class="page">
            <header class="page-head">
                <div>
                    <h1>"Quorum"</h1>
                    <p class="num">{changing(sentence)}</p>
                </div>
            </header>
            <section class="card"><div class="card-b"><QuorumFacts logs=logs/></div></section>
            <ReplicatedLog logs=logs/>
            <nodes::Nodes logs=logs/>
        </div>
    }
    .into_any()
}

/// Who belonged to it then: what they said of themselves, their logs and who led is not kept.
#[component]
fn Members() -> impl IntoView {
    let live = use_live();
    let members = Memo::new(move |_| {
        live.state.with(|state| state.controllers().map(|node| (node.id, node.voter, node.url.clone())).collect::<Vec<_>>())
    });
    let sentence = move || {
        let voters = members.with(|members| members.iter().filter(|(_, voter, _)| *voter).count() as u64);
        format!("{}. Who led then, and how far each log was, is not kept.", count(voters, "voter", "voters"))
    };
    let row = |(id, voter, url): (u64, bool, String)| {
        let class = glyph_class(Role::Follower, voter);
        view! {
            <tr>
                <th scope="row" class="name"><span class="row"><span class=class></span>{format!("Node {id}")}</span></th>
                <td>{if voter { "voter" } else { "learner" }}</td>
                <td><code>{url}</code></td>
            </tr>
        }
    };
    view! {
        <div class="page">
            <header class="page-head"><div><h1>"Quorum"</h1><p class="num">{changing(sentence)}</p></div></header>
            <section class="card">
                <div class="dt-wrap" tabindex="0" role="region" aria-label="Controllers">
                    <table class="dt dt--flush">
                        <thead><tr><th scope="col">"Node"</th><th scope="col">"Role"</th><th scope="col">"Address"</th></tr></thead>
                        <tbody>{changing(move || members.get().into_iter().map(row).collect_view())}</tbody>
                    </table>
                </div>
            </section>
        </div>
    }
    .into_any()
}

/// How many more nodes may fail, in words.
fn tolerance(quorum: &Quorum) -> String {
    let words = match quorum.spare() {
        _ if quorum.voters == 0 => return "Nothing is known of the voters.".to_owned(),
        None => "the majority is lost".to_owned(),
        Some(0) => "no further failure is tolerated".to_owned(),
        Some(1) => "one more failure is tolerated".to_owned(),
        Some(more) => format!("{more} more failures are tolerated"),
    };
    format!("{} of {}, majority {}: {words}.", quorum.reachable, count(quorum.voters, "voter", "voters"), quorum.needed)
}

#[component]
fn QuorumFacts(logs: Memo<Vec<NodeLog>>) -> impl IntoView {
    let live = use_live();
    let applied = move || {
        let id = live.node_id.get();
        logs.with(|logs| logs.iter().find(|log| log.id == id).map_or("unknown".to_owned(), |log| num(log.applied)))
    };
    let of_pulse = move |words: fn(&metadata::frame::Pulse) -> String| {
        live.pulse.with(|pulse| pulse.as_ref().map_or("unknown".to_owned(), |pulse| words(pulse)))
    };
    let snapshot = move || {
        logs.with(|logs| logs.iter().filter_map(|log| log.snapshot).max().map_or("none yet".to_owned(), |index| format!("#{}", num(index))))
    };
    view! {
        <Facts>
            <Fact label="Commit index">{changing(move || num(live.reached.get()))}</Fact>
            <Fact label="Applied on this node">{changing(applied)}</Fact>
            <Fact label="Term">{changing(move || of_pulse(|pulse| num(pulse.term)))}</Fact>
            <Fact label="Leader">{changing(move || of_pulse(|pulse| pulse.leader_id.map_or("none".to_owned(), |id| format!("node {id}"))))}</Fact>
            <Fact label="Newest snapshot">{changing(snapshot)}</Fact>
            <Fact label="SQL backup" wide=true>{changing(move || of_pulse(backup_words))}</Fact>
            <Fact label="Last change">"#"{changing(move || num(live.state.with(|state| state.revision())))}</Fact>
        </Facts>
    }
}

fn backup_words(pulse: &metadata::frame::Pulse) -> String {
    let newest = pulse.nodes.iter().map(|node| node.applied_index).max().unwrap_or_default();
    match &pulse.backup {
        Backup::Off => "off".to_owned(),
        Backup::Following { watermark } if *watermark >= newest => format!("up to date at #{}", num(*watermark)),
        Backup::Following { watermark } => format!("#{}, {} behind", num(*watermark), num(newest - watermark)),
        Backup::Failing { watermark, error } => format!("failing at #{}: {error}", num(*watermark)),
    }
}

/// One rail and one tail per node.
#[component]
fn ReplicatedLog(logs: Memo<Vec<NodeLog>>) -> impl IntoView {
    let newest = Memo::new(move |_| logs.with(|logs| logs.iter().map(|log| log.last).max().unwrap_or_default()));
    let oldest = Memo::new(move |_| logs.with(|logs| logs.iter().map(|log| log.snapshot.unwrap_or_default()).min().unwrap_or_default()));
    let legend = move || {
        view! {
            <ul class="legend only-l">
                <li><i class="c snp"></i>"Snapshot"</li>
                <li><i class="c lead"></i>"Entry held"</li>
                <li><i class="c fol"></i>"Not yet acknowledged"</li>
            </ul>
        }
    };
    view! {
        <Card title="Replicated log" sub=|| "where each node's log begins and ends" end=legend>
            <div class="rails">
                <div class="rail-row hd num">
                    <span>"Node"</span>
                    <span>"From snapshot to the newest entry"</span>
                    <span class="ends">
                        <span>"#"{changing(move || num((newest.get() + 1).saturating_sub(ENTRIES).max(1)))}</span>
                        <span>"#"{changing(move || num(newest.get()))}</span>
                    </span>
                    <span class="lag">"Lag"</span>
                </div>
                {changing(move || {
                    let (oldest, newest) = (oldest.get(), newest.get());
                    logs.get().into_iter().map(|log| view! { <RailRow log=log oldest=oldest newest=newest/> }).collect_view()
                })}
            </div>
        </Card>
    }
}

#[component]
fn RailRow(log: NodeLog, oldest: Index, newest: Index) -> impl IntoView {
    let live = use_live();
    let id = log.id;
    let serves = move || if live.node_id.get() == id { ", this node" } else { "" };
    // A twentieth of the rail lies before the oldest snapshot, so that its mark has room.
    let span = (newest.saturating_sub(oldest)).max(1) as f64;
    let x = move |index: Index| 5.0 + index.saturating_sub(oldest) as f64 / span * 95.0;
    let from = decimal(log.snapshot.map_or(x(1.max(oldest)), x), 2);
    let to = decimal(100.0 - x(log.last), 2);
    let class = if log.lags() { "num lag" } else { "num lag mute" };
    view! {
        <div class="rail-row">
            <div class="who">
                <span class=glyph_class(log.role, log.voter)></span>
                <div><b>{format!("Node {id}")}</b><span class="mute">{role_name(log.role)}{changing(serves)}</span></div>
            </div>
            <div class="rail">
                <i class="seg-log" style=format!("--from:{from}%;--to:{to}%")></i>
                {log.snapshot.map(|index| view! {
                    <i class="snap" style=format!("--x:{from}%") title=format!("Snapshot at #{}", num(index))></i>
                    <span style=format!("--x:{from}%")>"#"{num(index)}</span>
                })}
                <span class="last">"#"{num(log.last)}</span>
            </div>
            <Tail log=log.clone() entries=ENTRIES class="lg"/>
            <div class=class>{log.lag()}</div>
        </div>
    }
}
