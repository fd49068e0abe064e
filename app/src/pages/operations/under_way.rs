//! Reassignments: how far each is, what it waits for, and how it is called off.

use super::forms::ask_button;
use crate::components::card::Card;
use crate::live::use_live;
use crate::signals::{Memo, changing};
use crate::words::{count, num};
use leptos::prelude::*;
use metadata::contract::Need;
use metadata::plan::wait_of;
use metadata::reassignment::{MoveState, ReassignmentState, Why};
use metadata::{Index, State, views};
use std::collections::BTreeMap;

/// Reassignments that are listed, the newest first.
const MOST_LISTED: usize = 20;
/// Moves that are looked at for what is waited for.
const MOST_LOOKED_AT: usize = 200;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    id: Index,
    reason: &'static str,
    principal: String,
    state: &'static str,
    running: bool,
    done: u32,
    total: u32,
    /// What is moving and waiting, in words.
    open: String,
    waits: Vec<String>,
}

fn rows(state: &State) -> Vec<Row> {
    state.reassignments().rev().take(MOST_LISTED).map(|of| row(state, of)).collect()
}

fn row(state: &State, of: &metadata::reassignment::Reassignment) -> Row {
    let progress = state.progress(of.id);
    let running = of.ended_at_ms.is_none();
    let mut waits: BTreeMap<String, u64> = BTreeMap::new();
    let open = state.moves_of(of.id, 0).filter(|(_, one)| matches!(one.state, MoveState::Waiting | MoveState::Moving));
    for (_, one) in open.take(if running { MOST_LOOKED_AT } else { 0 }) {
        if let Some(wait) = wait_of(state, of.limits, of.state == ReassignmentState::Cancelled, one) {
            *waits.entry(views::waiting_words(wait)).or_default() += 1;
        }
    }
    Row {
        id: of.id,
        reason: match of.reason {
            Why::Moves => "moves",
            Why::Rebalance => "rebalance",
            Why::Drain => "drain",
            Why::Replacement => "replacement",
            Why::Factor => "replication factor",
        },
        principal: of.principal.to_string(),
        state: match of.state {
            ReassignmentState::Running => "running",
            ReassignmentState::Done => "done",
            ReassignmentState::Cancelled if running => "being taken back",
            ReassignmentState::Cancelled => "called off",
            ReassignmentState::Failed => "failed",
        },
        running: of.state == ReassignmentState::Running,
        done: progress.done,
        total: of.total,
        open: if running { format!("{} moving, {} waiting", num(progress.moving), num(progress.waiting)) } else { String::new() },
        waits: waits
            .into_iter()
            .take(3)
            .map(|(words, moves)| format!("{} for {words}", count(moves, "move waits", "moves wait")))
            .collect(),
    }
}

/// The card.
#[component]
pub fn UnderWay() -> impl IntoView {
    let live = use_live();
    let all = Memo::new(move |_| live.state.with(|state| rows(state)));
    let body = move || match all.get() {
        none if none.is_empty() => view! { <p class="card-b soft">"Nothing moves, and nothing has moved lately."</p> }.into_any(),
        rows => view! {
            <div class="dt-wrap" tabindex="0" role="region" aria-label="Reassignments">
                <table class="dt dt--flush wide">
                    <thead>
                        <tr>
                            <th scope="col">"Reassignment"</th>
                            <th scope="col">"State"</th>
                            <th scope="col" class="r">"Done"</th>
                            <th scope="col" class="lo">"Asked by"</th>
                            <th scope="col">"Waits for"</th>
                            <th scope="col"><span class="sr">"Actions"</span></th>
                        </tr>
                    </thead>
                    <tbody>{rows.into_iter().map(line).collect_view()}</tbody>
                </table>
            </div>
        }
        .into_any(),
    };
    view! { <Card title="Moves" sub=|| "reassignments, the newest first">{changing(body)}</Card> }.into_any()
}

fn line(row: Row) -> impl IntoView {
    let Row { id, reason, principal, state, running, done, total, open, waits } = row;
    let words = if waits.is_empty() { open.clone() } else { waits.join("; ") };
    view! {
        <tr>
            <th scope="row"><b class="num">"#"{num(id)}</b>" "<span class="mute">{reason}</span></th>
            <td>{state}</td>
            <td class="r num">{format!("{} / {}", num(done), num(total))}</td>
            <td class="lo soft">{principal}</td>
            <td class="soft">{words}</td>
            <td class="r">{running.then(|| ask_button("cancel", &id.to_string(), "Call off", &format!("Call reassignment {} off", num(id)), Need::Brokers))}</td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::rows;
    use crate::pages::sample;

    #[test]
    fn without_reassignments_there_is_no_row() {
        assert!(rows(&sample::state()).is_empty());
    }
}
