//! The heartbeat strip: one tick per interval, as high as the delay; a missed interval is a flat dash, one that nothing is known of
//! is blank.

use crate::heard::{INTERVAL_MS, MISSED, STRIP, UNKNOWN};
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

/// The strip of one broker, newest at the right. Of what is not known nothing is drawn, least of all that it was missed.
#[component]
pub fn Heartbeat(id: BrokerId) -> impl IntoView {
    let live = use_live();
    let strip = Memo::new(move |_| live.heard.with(|heard| heard.strip(id).to_vec()));
    let paths = Memo::new(move |_| strip.with(|strip| paths(strip)));
    let label = move || format!("Heartbeats of broker {id}{}", strip.with(|strip| in_words(strip)));
    let view_box = format!("0 0 {}.4 {HEIGHT}", STRIP * STEP - STEP + 2);
    view! {
        <svg class="hb" viewBox=view_box preserveAspectRatio="none" height="20" role="img" aria-label=label>
            <path class="ok" d=move || paths.with(|paths| paths.0.clone())></path>
            <path class="miss" d=move || paths.with(|paths| paths.1.clone())></path>
        </svg>
    }
}

/// `, last 60 s: 4 missed`.
fn in_words(strip: &[u16]) -> String {
    let missed = strip.iter().filter(|age| **age == MISSED).count();
    let received = strip.iter().filter(|age| **age < UNKNOWN).count();
    let seconds = strip.len() as u64 * INTERVAL_MS / 1_000;
    match (received, missed) {
        (0, 0) => ": none heard yet".to_owned(),
        (0, _) => format!(", last {seconds} s: none received"),
        (_, 0) => format!(", last {seconds} s: all received"),
        (_, missed) => format!(", last {seconds} s: {missed} missed"),
    }
}

/// The outlines of what was received and of what was missed.
fn paths(strip: &[u16]) -> (String, String) {
    let (mut received, mut missed) = (String::new(), String::new());
    for (slot, age) in (STRIP.saturating_sub(strip.len())..).zip(strip) {
        let x = slot * STEP;
        match *age {
            UNKNOWN => {}
            MISSED => {
                let _ = write!(missed, "M{x} {}h{TICK}v2h-{TICK}z", HEIGHT - 2);
            }
            age => {
                let height = 8.0 + f64::from(age.min(4_000)) / 4_000.0 * 12.0;
                let (top, height) = (decimal(f64::from(HEIGHT) - height, 1), decimal(height, 1));
                let _ = write!(received, "M{x} {top}h{TICK}v{height}h-{TICK}z");
            }
        }
    }
    (received, missed)
}

#[cfg(test)]
mod tests {
    use super::{MISSED, UNKNOWN, in_words, paths};

    #[test]
    fn what_is_not_known_is_not_drawn() {
        let drawn = |strip: &[u16]| {
            let (received, missed) = paths(strip);
            (received.matches('M').count(), missed.matches('M').count())
        };
        assert_eq!(drawn(&[1_000, MISSED]), (1, 1));
        assert_eq!(drawn(&[1_000, UNKNOWN, UNKNOWN, MISSED]), (1, 1));
        assert_eq!(drawn(&[]), (0, 0));
        assert!(paths(&[MISSED]).1.starts_with("M116 "), "the newest stands at the right");
    }

    #[test]
    fn a_strip_is_told_in_words() {
        for (strip, words) in [
            (&[][..], ": none heard yet"),
            (&[UNKNOWN], ": none heard yet"),
            (&[900, 800], ", last 4 s: all received"),
            (&[900, UNKNOWN, 800], ", last 6 s: all received"),
            (&[900, MISSED, MISSED], ", last 6 s: 2 missed"),
            (&[MISSED, MISSED], ", last 4 s: none received"),
        ] {
            assert_eq!(in_words(strip), words);
        }
    }
}
