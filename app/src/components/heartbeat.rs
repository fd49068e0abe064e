//! The heartbeat strip: one tick per interval, as high as the delay; a missed interval is a flat dash.

use crate::heard::{MISSED, STRIP};
use crate::live::use_live;
use crate::signals::Memo;
use crate::words::decimal;
use leptos::prelude::*;
use metadata::BrokerId;
use std::fmt::Write;

const HEIGHT: u16 = 20;
const STEP: usize = 4;
/// How wide a tick is.
const TICK: &str = "2.4";

/// The strip of one broker, newest at the right; `down` draws every interval as missed, as long as nothing else is known.
#[component]
pub fn Heartbeat(id: BrokerId, #[prop(into)] down: Signal<bool>) -> impl IntoView {
    let live = use_live();
    let strip = Memo::new(move |_| live.heard.with(|heard| heard.strip(id).to_vec()));
    let paths = Memo::new(move |_| strip.with(|strip| paths(strip, down.get())));
    let label = move || {
        let missed = strip.with(|strip| strip.iter().filter(|age| **age == MISSED).count());
        let seconds = strip.with(|strip| strip.len()).max(1) * 2;
        match missed {
            _ if down.get() => format!("Heartbeats of broker {id}: none received"),
            _ if strip.with(|strip| strip.is_empty()) => format!("Heartbeats of broker {id}: none heard yet"),
            0 => format!("Heartbeats of broker {id}, last {seconds} s: all received"),
            missed => format!("Heartbeats of broker {id}, last {seconds} s: {missed} missed"),
        }
    };
    let view_box = format!("0 0 {}.4 {HEIGHT}", STRIP * STEP - STEP + 2);
    view! {
        <svg class="hb" viewBox=view_box preserveAspectRatio="none" height="20" role="img" aria-label=label>
            <path class="ok" d=move || paths.with(|paths| paths.0.clone())></path>
            <path class="miss" d=move || paths.with(|paths| paths.1.clone())></path>
        </svg>
    }
}

/// The outlines of what was received and of what was missed.
fn paths(strip: &[u16], down: bool) -> (String, String) {
    let (mut received, mut missed) = (String::new(), String::new());
    let first = STRIP.saturating_sub(strip.len());
    for slot in 0..STRIP {
        let x = slot * STEP;
        let age = if slot < first { None } else { strip.get(slot - first).copied() };
        match age {
            Some(age) if age != MISSED && !(down && slot + 1 == STRIP) => {
                let height = 8.0 + f64::from(age.min(4_000)) / 4_000.0 * 12.0;
                let (top, height) = (decimal(f64::from(HEIGHT) - height, 1), decimal(height, 1));
                let _ = write!(received, "M{x} {top}h{TICK}v{height}h-{TICK}z");
            }
            None if !down => {}
            _ => {
                let _ = write!(missed, "M{x} {}h{TICK}v2h-{TICK}z", HEIGHT - 2);
            }
        }
    }
    (received, missed)
}

#[cfg(test)]
mod tests {
    use super::{MISSED, paths};

    #[test]
    fn what_is_not_known_is_not_drawn() {
        let (received, missed) = paths(&[1_000, MISSED], false);
        assert_eq!((received.matches('M').count(), missed.matches('M').count()), (1, 1));
        let (received, missed) = paths(&[], true);
        assert_eq!((received.len(), missed.matches('M').count()), (0, 30));
    }
}
