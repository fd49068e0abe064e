//! The right side of the form: the placement as a matrix, the balance before and after, what to know, the same command.

use super::draft::{self, Draft};
use super::preview::{Note, Planned, Preview, Skew, Weight};
use crate::components::code::CodeLine;
use crate::components::empty::Empty;
use crate::components::placement_matrix::{MOST_COLUMNS, Matrix, Row, placement_matrix};
use crate::icons::{self, Icon};
use crate::live::use_live;
use crate::signals::{Reading, changing};
use crate::words::{count, decimal, num};
use leptos::prelude::*;
use metadata::{BrokerId, BrokerState, Rejection, State};
use std::sync::Arc;

/// How many columns have room with full cells beside the form.
const ROOM: usize = 16;

/// The panel.
#[component]
pub fn PreviewPanel(draft: RwSignal<Draft>, planned: Reading<Option<Arc<Planned>>>) -> impl IntoView {
    let live = use_live();
    let next = move || format!("as it would be committed after #{}", num(live.state.with(|state| state.revision())));
    let body = move || {
        planned.with(|planned| match planned.as_deref() {
            Some(Ok(preview)) => live.state.with_untracked(|state| drawn(state, preview)).into_any(),
            Some(Err(no)) => refused(no).into_any(),
            // Its code comes in a moment.
            None => view! { <div class="prev-box js-only"></div> }.into_any(),
        })
    };
    view! {
        <div class="create-p">
            <div class="prev-h"><h2>"Placement preview"</h2><span class="num">{changing(next)}</span></div>
            <Without/>
            {changing(body)}
            <div class="field">
                <span class="lab">"The same from the command line"</span>
                <CodeLine code=Signal::derive(move || draft.with(draft::command))/>
            </div>
        </div>
    }
    .into_any()
}

/// Instead of a preview that could not follow what is entered.
#[component]
fn Without() -> impl IntoView {
    view! {
        <div class="prev-box nojs-only">
            <p class="mute">"The preview needs JavaScript. Without it the leader places the replicas when the topic is created, by the same rules."</p>
        </div>
    }
    .into_any()
}

fn refused(no: &Rejection) -> impl IntoView + use<> {
    let title = match no.field.as_deref() {
        Some("replication_factor") => "Not enough brokers",
        _ => "Nothing to place yet",
    };
    view! { <div class="prev-box js-only"><Empty glyph=icons::BROKERS title=title text=format!("{}.", no.detail.trim_end_matches('.'))/></div> }
}

fn drawn(state: &State, preview: &Preview) -> impl IntoView + use<> {
    let matrix = Matrix::of(state, &preview.partitions);
    let hidden = (preview.all as usize).saturating_sub(MOST_COLUMNS);
    let tight = matrix.columns.len() > ROOM * 3 / 2;
    let (deviations, range) = preview.deviations();
    let head = view! {
        <th scope="col" class="mx-t"><span class="row"><span class="mx-n pair">"Replicas"</span><span class="mx-fair">"fair share"</span></span></th>
    }
    .into_any();
    let tail = |row: &Row| load(preview, row, &deviations, range).into_any();
    let more = (hidden > 0).then(|| {
        format!(
            "The first {MOST_COLUMNS} are drawn, {} more. The figures include every partition.",
            count(hidden as u64, "partition", "partitions")
        )
    });
    view! {
        <div class="prev-box js-only">
            {placement_matrix(&matrix, ROOM, head, tail)}
            {more.map(|words| view! { <p class="mute small num">{words}</p> })}
            <ul class="legend">
                <li><i class="c lead"></i>"Leader"</li>
                <li><i class=if tight { "c dim" } else { "c fol" }></i>{if tight { "Follower" } else { "Follower, in order of preference" }}</li>
                <li class="ba"><i class="dt-from"></i>"before"<i class="dt-to"></i>"after"</li>
            </ul>
        </div>
        {balance(preview)}
        <ul class="notes js-only">{preview.notes.iter().map(note).collect_view()}</ul>
    }
    .into_any()
}

/// A broker's replicas before and more, and how far that is from the mean.
fn load(preview: &Preview, row: &Row, deviations: &[(BrokerId, f64, f64)], range: f64) -> impl IntoView + use<> {
    let load = preview.loads.iter().find(|load| load.id == row.broker).copied();
    let (now, more) = load.map_or((0, 0), |load| (load.replicas, load.more_replicas));
    let figures = view! { <span class="num mx-n pair"><span class="mute">{num(now)}</span>" "{super::fields::plus(more)}</span> };
    let end = match (row.state, deviations.iter().find(|(id, ..)| *id == row.broker)) {
        (BrokerState::Online, Some((_, before, after))) => dumbbell(*before, *after, range).into_any(),
        (BrokerState::ShuttingDown, _) => view! { <span class="mute">"shutting down"</span> }.into_any(),
        _ => view! { <span class="mute">"fenced"</span> }.into_any(),
    };
    view! { <td class="mx-t"><span class="row">{figures}{end}</span></td> }
}

/// Outlined before, filled after, around the fair share.
fn dumbbell(before: f64, after: f64, range: f64) -> impl IntoView {
    let x = |percent: f64| 50.0 + (percent / range * 50.0).clamp(-48.0, 48.0);
    let (low, high) = (x(before).min(x(after)), x(before).max(x(after)));
    let label = format!("from {} to {} of the fair share", signed(before), signed(after));
    view! {
        <span class="dumb" role="img" aria-label=label>
            <i class="mid"></i>
            <i class="bar" style=format!("--x:{}%;--w:{}%", decimal(low, 1), decimal(high - low, 1))></i>
            <i class="from" style=format!("--x:{}%", decimal(x(before), 1))></i>
            <i class="to" style=format!("--x:{}%", decimal(x(after), 1))></i>
        </span>
    }
    .into_any()
}

/// `+1.8 %`, `−0.4 %`.
fn signed(percent: f64) -> String {
    let sign = if percent < -0.05 { "−" } else { "+" };
    format!("{sign}{} %", decimal(percent.abs(), 1))
}

fn balance(preview: &Preview) -> impl IntoView + use<> {
    let skew = |label: &'static str, Skew { before, after }: Skew| {
        let words = |percent: Option<f64>| percent.map_or_else(|| "none".to_owned(), signed);
        view! {
            <div>
                <dt>{label}</dt>
                <dd><s>{words(before)}</s><Icon of=icons::ARROW/>{words(after)}</dd>
                <dd class="note">"over the mean"</dd>
            </div>
        }
    };
    let racks = preview.racks;
    view! {
        <dl class="bal js-only">
            {skew("Replicas, busiest broker", preview.replicas)}
            {skew("Leaders, busiest broker", preview.leaders)}
            <div>
                <dt>"Racks per partition"</dt>
                <dd>{format!("{} of {}", racks.fewest, racks.possible)}</dd>
                <dd class="note">{format!("{} of {} span {}", num(racks.spanning as u64), num(preview.all), racks.possible)}</dd>
            </div>
        </dl>
    }
    .into_any()
}

fn note(note: &Note) -> impl IntoView + use<> {
    let (class, glyph) = match note.weight {
        Weight::Good => ("ok", icons::OK),
        Weight::Info => ("info", icons::INFO),
        Weight::Fenced => ("warn", icons::FENCE),
        Weight::Warn => ("warn", icons::WARN),
    };
    view! { <li class=class><Icon of=glyph/><span><b>{note.point.clone()}</b>" "{note.rest.clone()}</span></li> }
}

#[cfg(test)]
mod tests {
    use super::signed;

    #[test]
    fn percentages_have_a_sign() {
        assert_eq!((signed(1.83), signed(-0.44), signed(-0.01)), ("+1.8 %".to_owned(), "−0.4 %".to_owned(), "+0.0 %".to_owned()));
    }
}
