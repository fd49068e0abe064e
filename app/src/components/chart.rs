//! Small charts: a sparkline and a progress bar.

use crate::live::use_live;
use crate::signals::{Memo, changing};
use crate::words::decimal;
use leptos::prelude::*;
use std::fmt::Write;

const WIDTH: u16 = 132;
const HEIGHT: u16 = 34;

/// Commits per second over the last five minutes, as far as they are known.
#[component]
pub fn CommitRate() -> impl IntoView {
    let live = use_live();
    let line = Memo::new(move |_| live.heard.with(|heard| spark(&heard.rates)));
    let rate = move || {
        let tenths = live.pulse.with(|pulse| pulse.as_ref().map_or(0, |pulse| pulse.commits_10s));
        format!("{}.{} commits/s", tenths / 10, tenths % 10)
    };
    view! {
        <div class="rate">
            <svg class="spark" width="132" height="34" viewBox="0 0 132 34" role="img" aria-label="Commits per second, last 5 minutes">
                <path class="a" d=move || line.with(|line| line.area.clone())></path>
                <path class="l" d=move || line.with(|line| line.path.clone())></path>
                <circle cx="128" cy=move || line.with(|line| line.end.clone()) r="2.5"></circle>
            </svg>
            <p class="mute num">{changing(rate)}</p>
        </div>
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Spark {
    path: String,
    area: String,
    end: String,
}

fn spark(values: &[u32]) -> Spark {
    let (width, height) = (f64::from(WIDTH - 4), f64::from(HEIGHT));
    let most = f64::from(values.iter().copied().max().unwrap_or_default().max(1)) * 1.1;
    let y = |value: u32| decimal(height - 2.0 - f64::from(value) / most * (height - 5.0), 1);
    // A short history keeps its scale and stands at the right.
    let step = width / (crate::heard::RATES - 1) as f64;
    let first = width - step * (values.len().saturating_sub(1)) as f64;
    let mut path = String::new();
    for (at, value) in values.iter().enumerate() {
        let _ = write!(path, "{}{} {}", if at == 0 { 'M' } else { 'L' }, decimal(first + step * at as f64, 1), y(*value));
    }
    let area = if values.len() > 1 { format!("{path}L{} {HEIGHT}L{} {HEIGHT}Z", WIDTH - 4, decimal(first, 1)) } else { String::new() };
    Spark { path, area, end: y(values.last().copied().unwrap_or_default()) }
}

/// A part of a whole; `tone` is "" or "warn".
#[component]
pub fn Progress(part: u32, whole: u32, #[prop(optional)] class: &'static str) -> impl IntoView {
    let percent = f64::from(part) / f64::from(whole.max(1)) * 100.0;
    view! { <span class=format!("progress {class}")><i style=format!("--v:{}%", decimal(percent, 0))></i></span> }
}
