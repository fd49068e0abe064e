//! A broker's state in words, with the age of its last heartbeat and how far it is with the metadata.

use super::status::{Status, Tone};
use crate::icons::{self, Glyph};
use crate::live::Live;
use crate::signals::Memo;
use crate::time;
use crate::words::num;
use leptos::prelude::*;
use metadata::frame::BrokerPulse;
use metadata::{Broker, BrokerId, BrokerState, Index};

/// Tone, icon and word of a state.
pub fn in_words(state: BrokerState) -> (Tone, Glyph, &'static str) {
    match state {
        BrokerState::Online => (Tone::Quiet, icons::OK, "Online"),
        BrokerState::Fencing => (Tone::Warn, icons::FENCE, "Fencing"),
        BrokerState::Fenced => (Tone::Warn, icons::FENCE, "Fenced"),
        BrokerState::ShuttingDown => (Tone::Move, icons::MOVE, "Shutting down"),
    }
}

/// What the leader heard of a broker last.
pub fn pulse_of(live: Live, id: BrokerId) -> Memo<Option<BrokerPulse>> {
    Memo::new(move |_| {
        live.pulse.with(|pulse| {
            let pulse = pulse.as_ref()?;
            let broker = pulse.brokers.iter().find(|broker| broker.id == id)?;
            let age = broker.heartbeat_age_ms.map(|age| age.saturating_add(pulse.age_ms));
            Some(BrokerPulse { heartbeat_age_ms: age, ..*broker })
        })
    })
}

/// The line below the state: who fenced it, or how long ago it was heard, of which nothing is known on a page of what is past.
pub fn heard(broker: &Broker, pulse: Option<&BrokerPulse>, past: bool) -> String {
    let age = pulse.and_then(|pulse| pulse.heartbeat_age_ms);
    match (broker.held, broker.state, age) {
        (true, ..) => "held by an operator".to_owned(),
        _ if past => String::new(),
        (_, BrokerState::Online | BrokerState::ShuttingDown, Some(age)) => format!("{} ago", time::tenths(age)),
        (_, _, Some(age)) => format!("last heartbeat {} ago", time::age(age)),
        (_, BrokerState::Online | BrokerState::ShuttingDown, None) => "no heartbeat heard yet".to_owned(),
        (_, _, None) => "no heartbeat".to_owned(),
    }
}

/// `up to date`, `3 behind`, `not known`; and whether that is worth a look.
pub fn lag(acknowledged: Option<Index>, revision: Index) -> (String, bool) {
    match acknowledged.map(|index| revision.saturating_sub(index)) {
        None => ("not known".to_owned(), false),
        Some(0) => ("up to date".to_owned(), false),
        Some(behind) => (format!("{} behind", num(behind)), true),
    }
}

/// The state with its icon.
#[component]
pub fn StateWords(state: BrokerState) -> impl IntoView {
    let (tone, glyph, words) = in_words(state);
    view! { <Status tone=tone glyph=glyph words=words/> }
}

#[cfg(test)]
mod tests {
    use super::{heard, lag};
    use crate::pages::sample;
    use metadata::frame::BrokerPulse;
    use metadata::{Broker, BrokerId, BrokerState};

    #[test]
    fn a_broker_is_described() {
        let state = sample::state();
        let online = Broker::clone(state.broker(BrokerId(1)).expect("a broker"));
        let pulse = BrokerPulse { id: BrokerId(1), heartbeat_age_ms: Some(1_460), acknowledged_index: Some(9) };
        assert_eq!(heard(&online, Some(&pulse), false), "1.4 s ago");
        assert_eq!(heard(&Broker { state: BrokerState::Fenced, ..online.clone() }, Some(&pulse), false), "last heartbeat 1 s ago");
        assert_eq!(heard(&Broker { held: true, ..online.clone() }, None, false), "held by an operator");
        assert_eq!(heard(&online, None, false), "no heartbeat heard yet");
        assert_eq!(heard(&online, None, true), "");
        assert_eq!(lag(Some(9), 12), ("3 behind".to_owned(), true));
        assert_eq!(lag(Some(12), 9).0, "up to date");
        assert_eq!(lag(None, 9).0, "not known");
    }
}
