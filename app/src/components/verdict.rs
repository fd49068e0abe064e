//! The verdict as every place shows it: the overview, the sidebar, the phone's top bar, the title and the icon of the tab.

use super::status::{level_glyph, level_name};
use crate::icons::{self, Glyph};
use crate::live::use_live;
use crate::signals::Memo;
use crate::words::grouped;
use leptos::prelude::*;
use metadata::State;
use metadata::views::{self, Level};

/// What the state says, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// None before there is anything to judge: no cluster, no broker.
    pub level: Option<Level>,
    /// Two or three words.
    pub short: String,
    pub headline: String,
    pub explanation: String,
}

impl Judged {
    /// The value of `data-level`.
    pub fn level_name(&self) -> &'static str {
        self.level.map_or("none", level_name)
    }

    /// The icon beside it.
    pub fn glyph(&self) -> Glyph {
        self.level.map_or(icons::BROKERS, level_glyph)
    }

    /// The class of its status words.
    pub fn status_class(&self) -> &'static str {
        match self.level {
            None => "st st-mute",
            Some(Level::Healthy) => "st st-ok quiet",
            Some(Level::Warning) => "st st-warn",
            Some(Level::Critical) => "st st-crit",
        }
    }
}

/// The verdict on a state.
pub fn judge(state: &State) -> Judged {
    if state.broker_count() == 0 {
        return Judged {
            level: None,
            short: "No brokers yet".to_owned(),
            headline: "No brokers have registered yet".to_owned(),
            explanation: "The quorum is ready. Start a broker with the command below, and it appears here within a second.".to_owned(),
        };
    }
    let verdict = views::verdict(state);
    Judged {
        level: Some(verdict.level),
        short: verdict.short,
        headline: grouped(&verdict.headline),
        explanation: grouped(&verdict.explanation),
    }
}

/// The verdict on the state that this page shows.
pub fn use_verdict() -> Memo<Judged> {
    use_context::<Memo<Judged>>().unwrap_or_else(|| {
        let live = use_live();
        Memo::new(move |_| live.state.with(|state| judge(state)))
    })
}

/// Since when it stands at its level, ms since the Unix epoch.
pub fn use_since() -> Memo<Option<u64>> {
    let (live, verdict) = (use_live(), use_verdict());
    Memo::new(move |_| {
        let level = verdict.with(|verdict| verdict.level)?;
        live.pulse.with(|pulse| pulse.as_ref()?.since.filter(|since| since.level == level).map(|since| since.at_ms))
    })
}
