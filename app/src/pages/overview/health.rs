//! The partitions by condition: a bar in proportion, and four figures that lead to the topics concerned.

use crate::base;
use crate::components::card::Card;
use crate::components::status::{Status, Tone};
use crate::icons::{self, Glyph};
use crate::live::use_live;
use crate::signals::{Memo, changing};
use crate::words::{count, num};
use leptos::prelude::*;
use metadata::State;

/// Every partition in exactly one group, by its worst condition as far as the totals tell them apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Groups {
    in_sync: u32,
    /// Under-replicated, with at least min.insync.replicas in sync.
    under: u32,
    /// Fewer in sync than min.insync.replicas, though led.
    below: u32,
    offline: u32,
}

fn groups(state: &State) -> Groups {
    let total = state.total();
    // An offline partition has nobody in sync, or nobody in sync who may lead; it is counted under the other two as well.
    let below = total.below_min_isr.saturating_sub(total.offline);
    let under = total.under_replicated.saturating_sub(total.below_min_isr.max(total.offline));
    let in_sync = total.partitions.saturating_sub(under + below + total.offline);
    Groups { in_sync, under, below, offline: total.offline }
}

/// The card.
#[component]
pub fn Partitions() -> impl IntoView {
    let live = use_live();
    let shares = Memo::new(move |_| live.state.with(|state| groups(state)));
    let sub = move || {
        live.state.with(|state| format!("{} in {}", num(state.total().partitions), count(state.topic_count() as u64, "topic", "topics")))
    };
    let bar = move || {
        let Groups { in_sync, under, below, offline } = shares.get();
        let parts = [
            ("ok", in_sync, "in sync"),
            ("under", under, "under-replicated"),
            ("under", below, "below minimum"),
            ("offline", offline, "offline"),
        ];
        let label = parts.iter().map(|(_, number, words)| format!("{} {words}", num(*number))).collect::<Vec<_>>().join(", ");
        let segments = parts
            .into_iter()
            .filter(|(_, number, _)| *number > 0)
            .map(|(class, number, words)| view! { <i class=class style=format!("--n:{number}") title=format!("{} {words}", num(number))></i> })
            .collect_view();
        view! { <div class="hbar" role="img" aria-label=label>{segments}</div> }
    };
    let at_minimum = Memo::new(move |_| live.state.with(|state| state.total().at_min_isr));
    view! {
        <Card title="Partitions" sub=sub end=move || view! { <a class="link" href=base::to("/topics")>"All topics"</a> }>
            <div class="card-b">
                {changing(bar)}
                <div class="figs">
                    <Figure health="healthy" words="In sync" tone=Tone::Quiet glyph=icons::OK number=move || shares.get().in_sync/>
                    {changing(move || match at_minimum.get() == shares.get().under && at_minimum.get() > 0 {
                        true => view! { <Figure health="at_min_isr" words="At minimum" tone=Tone::Warn glyph=icons::WARN number=move || shares.get().under/> }.into_any(),
                        false => view! { <Figure health="under_replicated" words="Under-replicated" tone=Tone::Warn glyph=icons::WARN number=move || shares.get().under/> }.into_any(),
                    })}
                    <Figure health="below_min_isr" words="Below minimum" tone=Tone::Crit glyph=icons::ISR_SHRANK number=move || shares.get().below/>
                    <Figure health="offline" words="Offline" tone=Tone::Crit glyph=icons::CRIT number=move || shares.get().offline/>
                </div>
            </div>
        </Card>
    }
}

#[component]
fn Figure(
    health: &'static str,
    words: &'static str,
    tone: Tone,
    glyph: Glyph,
    number: impl Fn() -> u32 + Send + Sync + 'static,
) -> impl IntoView {
    let number = Memo::new(move |_| number());
    view! {
        <a href=base::to(&format!("/topics?health={health}")) class=move || if number.get() == 0 { "zero" } else { "" }>
            <span class="v">{changing(move || num(number.get()))}</span>
            <Status tone=tone glyph=glyph words=words/>
        </a>
    }
}
