//! The verdict as every place shows it: the overview, the sidebar, the phone's top bar, the title and the icon of the tab.

use super::status::{level_glyph, level_name};
use crate::freshness::Silence;
use crate::icons::{self, Glyph};
use crate::live::{Connection, use_live};
use crate::signals::Memo;
use crate::words::grouped;
use leptos::prelude::*;
use metadata::State;
use metadata::views::{self, Known, Level, Quorum, Reason, Verdict};

/// What is so, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// None before there is anything to judge: no cluster, no broker.
    pub level: Option<Level>,
    /// The worst of what is wrong.
    pub reason: Option<Reason>,
    /// Nothing comes from the node any more: this is what it said last.
    pub old: bool,
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

/// The verdict on what this page knows: the state, and what it was told beside it.
pub fn judge(state: &State, known: &Known<'_>, silence: Option<Silence>) -> Judged {
    let verdict = views::verdict(state, known);
    let reason = verdict.worst();
    let nothing_yet = state.broker_count() == 0 && reason.is_none();
    let verdict = match nothing_yet {
        true => Verdict {
            short: "No brokers yet".to_owned(),
            headline: "No brokers have registered yet".to_owned(),
            explanation: "The quorum is ready. Start a broker with the command below, and it appears here within a second.".to_owned(),
            ..verdict
        },
        false => verdict,
    };
    let old = matches!(silence, Some(Silence::Node { .. }));
    let verdict = if old { verdict.last_known(known.node_id) } else { verdict };
    Judged {
        level: Some(verdict.level).filter(|_| old || !nothing_yet),
        reason,
        old,
        short: verdict.short,
        headline: grouped(&verdict.headline),
        explanation: grouped(&verdict.explanation),
    }
}

/// The verdict on the state that this page shows.
pub fn use_verdict() -> Memo<Judged> {
    use_context::<Memo<Judged>>().unwrap_or_else(|| {
        let live = use_live();
        Memo::new(move |_| {
            let (silence, fault) = (live.silence.get(), live.fault.get());
            // Its exact age would be another one each second, and says nothing more here.
            let quorum_age_ms = if silence.is_some_and(Silence::without_quorum) { u64::MAX } else { 0 };
            live.pulse.with(|pulse| {
                let known = Known { node_id: live.node_id.get(), pulse: pulse.as_deref(), quorum_age_ms, fault: fault.as_deref() };
                live.state.with(|state| judge(state, &known, silence))
            })
        })
    })
}

/// How many controllers there are, and how many answer, as far as this page was told.
pub fn use_quorum() -> Memo<Quorum> {
    let live = use_live();
    Memo::new(move |_| {
        let available = live.silence.get().is_none() && live.fault.with(|fault| fault.is_none());
        live.pulse.with(|pulse| Quorum::of(pulse.as_deref(), 0, available))
    })
}

/// Since when that is so, ms since the Unix epoch, where it is known.
pub fn use_since() -> Memo<Option<u64>> {
    let (live, verdict) = (use_live(), use_verdict());
    Memo::new(move |_| {
        let (level, reason, old) = verdict.with(|verdict| (verdict.level, verdict.reason, verdict.old));
        let last_live = || match live.connection.get() {
            Connection::Stale { since_ms } => Some(since_ms),
            _ => None,
        };
        match reason {
            _ if old => last_live(),
            Some(Reason::NodeFault | Reason::NoQuorum | Reason::NoLeader) => last_live(),
            Some(reason) if !reason.of_state() => None,
            _ => live.pulse.with(|pulse| pulse.as_ref()?.since.filter(|since| Some(since.level) == level).map(|since| since.at_ms)),
        }
    })
}
