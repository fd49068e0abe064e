//! The log as ticks: each as tall as the partitions it touched, with a handle that picks one.

use crate::live::use_live;
use crate::past::{Kind, Mark};
use crate::signals::{Memo, changing};
use crate::time;
use crate::words::num;
use leptos::ev::{KeyboardEvent, PointerEvent};
use leptos::html;
use leptos::prelude::*;
use metadata::Index;

/// Where there are fewer entries, the newest are at the right all the same.
const FEWEST_SLOTS: usize = 120;
/// Ticks that a page key goes by.
const PAGE_KEY: usize = 20;
/// How far apart times are on the axis at least, in hundredths of a percent.
const APART: usize = 800;
/// Between which places there is room for the words of one.
const FIRST_TIME: usize = 300;
const LAST_TIME: usize = 9_700;

/// How many ticks there is room for, and which of the places the first one takes.
fn slots(marks: &[Mark]) -> (usize, usize) {
    let slots = marks.len().max(FEWEST_SLOTS);
    (slots, slots - marks.len())
}

/// The middle of a tick, in hundredths of a percent.
fn middle(marks: &[Mark], place: usize) -> usize {
    let (slots, first) = slots(marks);
    ((first + place) * 2 + 1) * 5_000 / slots
}

fn percent(hundredths: usize) -> String {
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

/// The outline of all ticks of one kind, ten units to a tick.
fn outline(marks: &[Mark], kind: Kind) -> String {
    let (slots, first) = slots(marks);
    // Where there is much room, ticks are no bars.
    let (space, wide) = if slots > FEWEST_SLOTS { (1, 8) } else { (3, 4) };
    let mut path = String::new();
    for (place, mark) in marks.iter().enumerate().filter(|(_, mark)| mark.kind == kind) {
        path.push_str(&format!("M{} 83h{wide}v-{}h-{wide}z", (first + place) * 10 + space, mark.height));
    }
    path
}

/// Times below the ticks: where an hour, a day or a minute begins, as far as there is room.
fn axis(marks: &[Mark], now_ms: u64) -> Vec<(usize, String)> {
    let (Some(oldest), Some(newest)) = (marks.iter().find(|mark| mark.at_ms > 0), marks.last()) else { return Vec::new() };
    const MINUTE: u64 = 60_000;
    let span = newest.at_ms.saturating_sub(oldest.at_ms);
    let units = [MINUTE, 10 * MINUTE, 60 * MINUTE, 24 * 60 * MINUTE];
    let unit = units.into_iter().find(|unit| span / unit <= 24).unwrap_or(24 * 60 * MINUTE);
    let mut times: Vec<(usize, String)> = Vec::new();
    let (mut before, mut least) = (oldest.at_ms / unit, FIRST_TIME);
    for (place, mark) in marks.iter().enumerate() {
        let at = middle(marks, place);
        let now = mark.at_ms / unit;
        if now > before && (least..=LAST_TIME).contains(&at) {
            let words = if unit == units[3] { time::day(now * unit, now_ms) } else { time::clock(now * unit) };
            times.push((at, words));
            least = at + APART;
        }
        before = before.max(now);
    }
    times
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Automatic => "automatic",
        Kind::Asked => "by a person or a tool",
        Kind::Fence => "a broker was fenced",
    }
}

/// The scrubber; `at` is the entry that the handle was put on. Its children are the foot of its card.
#[component]
pub fn Scrubber(
    marks: Memo<Vec<Mark>>,
    chosen: Memo<Option<(usize, Mark)>>,
    at: RwSignal<Option<Index>>,
    children: Children,
) -> impl IntoView {
    let live = use_live();
    let rail = NodeRef::<html::Div>::new();
    let go = move |place: usize| {
        let index = marks.with_untracked(|marks| marks.get(place).or(marks.last()).map(|mark| mark.index));
        // At the newest it goes along with what comes.
        let newest = marks.with_untracked(|marks| marks.last().map(|mark| mark.index));
        at.set(index.filter(|_| index != newest));
    };
    let key = move |event: KeyboardEvent| {
        let (Some((place, _)), most) = (chosen.get_untracked(), marks.with_untracked(Vec::len)) else { return };
        let to = match event.key().as_str() {
            "ArrowLeft" | "ArrowDown" => place.saturating_sub(1),
            "ArrowRight" | "ArrowUp" => place + 1,
            "PageDown" => place.saturating_sub(PAGE_KEY),
            "PageUp" => place + PAGE_KEY,
            "Home" => 0,
            "End" => most,
            _ => return,
        };
        event.prevent_default();
        go(to.min(most.saturating_sub(1)));
    };
    let held = StoredValue::new(false);
    let follow = move |event: &PointerEvent| {
        if let Some(place) = place_under(rail, event, marks) {
            go(place);
        }
    };
    let down = move |event: PointerEvent| {
        held.set_value(true);
        capture(rail, &event);
        follow(&event);
    };
    let of = move |of: fn(&Mark) -> String| chosen.get().map(|(_, mark)| of(&mark));
    let ends = move |newest: bool| marks.with(|marks| if newest { marks.last() } else { marks.first() }.map(|mark| mark.index.to_string()));
    let said = move || {
        let (_, mark) = chosen.get()?;
        Some(format!("#{}, {}, {}", num(mark.index), time::stamp(mark.at_ms, live.now_ms.get_untracked()), words(mark.kind)))
    };
    view! {
        <section class="card scrub-card">
            <div
                class="scrub"
                role="slider"
                tabindex="0"
                aria-label="Log index"
                aria-valuemin=move || ends(false)
                aria-valuemax=move || ends(true)
                aria-valuenow=move || of(|mark| mark.index.to_string())
                aria-valuetext=said
                on:keydown=key
            >
                <div
                    class="scrub-rail"
                    node_ref=rail
                    on:pointerdown=down
                    on:pointermove=move |event| if held.get_value() { follow(&event) }
                    on:pointerup=move |_| held.set_value(false)
                    on:pointercancel=move |_| held.set_value(false)
                >
                    {changing(move || marks.with(|marks| ticks(marks)))}
                    {changing(move || chosen.get().map(|(place, mark)| handle(marks.with_untracked(|marks| middle(marks, place)), mark, live.now_ms.get_untracked())))}
                </div>
            </div>
            <div class="axis" aria-hidden="true">{changing(move || marks.with(|marks| times(marks, live.now_ms.get_untracked())))}</div>
            {children()}
        </section>
    }
    .into_any()
}

fn ticks(marks: &[Mark]) -> AnyView {
    let (slots, _) = slots(marks);
    let fence = |(place, mark): (usize, &Mark)| {
        let style = format!("--x:{};--h:{}px", percent(middle(marks, place)), mark.height);
        view! { <i class="scrub-f" style=style></i> }
    };
    let fences = marks.iter().enumerate().filter(|(_, mark)| mark.kind == Kind::Fence).map(fence).collect_view();
    view! {
        <svg viewBox=format!("0 0 {} 84", slots * 10) preserveAspectRatio="none" aria-hidden="true">
            <path class="auto" d=outline(marks, Kind::Automatic)></path>
            <path class="human" d=outline(marks, Kind::Asked)></path>
            <path class="fence" d=outline(marks, Kind::Fence)></path>
        </svg>
        {fences}
    }
    .into_any()
}

/// The handle, and what dims the later entries.
fn handle(at: usize, mark: Mark, now_ms: u64) -> AnyView {
    let class = match at {
        0..=800 => "scrub-h at-start",
        9_200.. => "scrub-h at-end",
        _ => "scrub-h",
    };
    let x = format!("--x:{}", percent(at));
    view! {
        <i class="scrub-later" style=x.clone()></i>
        <div class=class style=x><b>"#"{num(mark.index)}<span>{time::stamp(mark.at_ms, now_ms)}</span></b></div>
    }
    .into_any()
}

fn times(marks: &[Mark], now_ms: u64) -> AnyView {
    let time = |(at, words): (usize, String)| view! { <span style=format!("--x:{}", percent(at))>{words}</span> };
    axis(marks, now_ms).into_iter().map(time).collect_view().into_any()
}

/// The tick under the pointer.
#[cfg(feature = "hydrate")]
fn place_under(rail: NodeRef<html::Div>, event: &PointerEvent, marks: Memo<Vec<Mark>>) -> Option<usize> {
    let width = rail.get_untracked()?.client_width().max(1);
    let x = event.offset_x().clamp(0, width - 1);
    marks.with_untracked(|marks| {
        let (slots, first) = slots(marks);
        let slot = slots * x as usize / width as usize;
        Some(slot.saturating_sub(first).min(marks.len().checked_sub(1)?))
    })
}

#[cfg(feature = "hydrate")]
fn capture(rail: NodeRef<html::Div>, event: &PointerEvent) {
    if let Some(rail) = rail.get_untracked() {
        let _gone_already = rail.set_pointer_capture(event.pointer_id());
    }
}

#[cfg(not(feature = "hydrate"))]
fn place_under(_rail: NodeRef<html::Div>, _event: &PointerEvent, _marks: Memo<Vec<Mark>>) -> Option<usize> {
    None
}

#[cfg(not(feature = "hydrate"))]
fn capture(_rail: NodeRef<html::Div>, _event: &PointerEvent) {}

#[cfg(test)]
mod tests {
    use super::{axis, middle, outline, percent, slots};
    use crate::past::{Kind, Mark};

    fn marks(count: u64, apart_ms: u64) -> Vec<Mark> {
        (1..=count).map(|index| Mark { index, at_ms: 86_400_000 + index * apart_ms, height: 5, ..Mark::default() }).collect()
    }

    #[test]
    fn few_ticks_are_narrow_and_at_the_right() {
        assert_eq!((slots(&marks(20, 1)), slots(&marks(400, 1))), ((120, 100), (400, 0)));
        assert_eq!((middle(&marks(120, 1), 0), middle(&marks(120, 1), 119)), (41, 9_958));
        assert_eq!(percent(41), "0.41%");
        assert_eq!(outline(&marks(1, 1), Kind::Automatic), "M1193 83h4v-5h-4z");
        assert_eq!(outline(&marks(1, 1), Kind::Fence), "");
    }

    #[test]
    fn times_are_of_the_unit_that_fits_and_do_not_run_into_one_another() {
        let now = 10 * 86_400_000;
        assert!(axis(&[], now).is_empty() && axis(&marks(50, 10), now).is_empty());
        for (apart, first) in [(1_000, "00:01"), (30_000, "00:10"), (180_000, "01:00"), (3_600_000, "3 January")] {
            let axis = axis(&marks(400, apart), now);
            assert_eq!(axis.first().map(|(_, words)| words.as_str()), Some(first), "{apart}");
            assert!(axis.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 800), "{apart}");
        }
    }
}
