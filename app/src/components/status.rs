//! A state in words, with its icon; and the tag, a word in a tinted box.

use crate::icons::{self, Glyph, Icon};
use leptos::prelude::*;
use metadata::views::{Level, TopicHealth};

/// The tone of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Well and of no interest: no colour but its icon's.
    Quiet,
    Ok,
    Warn,
    Crit,
    Move,
    Mute,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Tone::Quiet => "st st-ok quiet",
            Tone::Ok => "st st-ok",
            Tone::Warn => "st st-warn",
            Tone::Crit => "st st-crit",
            Tone::Move => "st st-move",
            Tone::Mute => "st st-mute",
        }
    }

    /// The tone of a level.
    pub fn of(level: Level) -> Tone {
        match level {
            Level::Healthy => Tone::Quiet,
            Level::Warning => Tone::Warn,
            Level::Critical => Tone::Crit,
        }
    }
}

/// The icon of a level.
pub fn level_glyph(level: Level) -> Glyph {
    match level {
        Level::Healthy => icons::OK,
        Level::Warning => icons::WARN,
        Level::Critical => icons::CRIT,
    }
}

/// The value of `data-level`.
pub fn level_name(level: Level) -> &'static str {
    match level {
        Level::Healthy => "ok",
        Level::Warning => "warn",
        Level::Critical => "crit",
    }
}

/// An icon and words.
#[component]
pub fn Status(tone: Tone, glyph: Glyph, #[prop(into)] words: String) -> impl IntoView {
    view! { <span class=tone.class()><Icon of=glyph/><span>{words}</span></span> }
}

/// A topic's health: with the number of affected partitions when it is not healthy.
#[component]
pub fn Health(health: TopicHealth, affected: u32) -> impl IntoView {
    let words = match health {
        TopicHealth::Healthy => "In sync".to_owned(),
        other => format!("{} {}", crate::words::num(affected), other.words().to_ascii_lowercase()),
    };
    view! { <Status tone=Tone::of(health.level()) glyph=level_glyph(health.level()) words=words/> }
}

/// A word in a tinted box; `tone` is one of "", "accent", "warn", "crit".
#[component]
pub fn Tag(#[prop(into)] word: String, #[prop(optional)] tone: &'static str) -> impl IntoView {
    view! { <span class=format!("tag {tone}")>{word}</span> }
}
