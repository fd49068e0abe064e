//! What the browser's tab shows: title and icon follow the verdict.

use super::use_place;
use crate::base;
use crate::components::verdict::{Judged, use_verdict};
use crate::live::use_live;
use crate::place::Place;
use crate::words::num;
use leptos::prelude::*;
use metadata::views::Level;

/// The id of the icon's link element.
pub const ICON_ELEMENT: &str = "favicon";

/// `Degraded · orders.placed · Quorate`.
pub fn title(verdict: &Judged, place: &Place) -> String {
    let name = place.leaf().unwrap_or_else(|| place.section().0.to_owned());
    if let Some(index) = base::as_of() {
        return ["As of #", &num(index), " · ", &name, " · Quorate"].concat();
    }
    match verdict.level {
        Some(Level::Healthy) => format!("{name} · Quorate"),
        _ => format!("{} · {name} · Quorate", verdict.short),
    }
}

/// The icon as a data URL, so that it needs no request and follows the verdict at once.
pub fn icon(level: Option<Level>) -> String {
    let svg = match level {
        None | Some(Level::Healthy) => include_str!("../../../style/favicon.svg"),
        Some(Level::Warning) => include_str!("../../../style/favicon-warn.svg"),
        Some(Level::Critical) => include_str!("../../../style/favicon-crit.svg"),
    };
    let mut url = String::from("data:image/svg+xml,");
    for c in svg.trim().chars() {
        match c {
            '#' => url.push_str("%23"),
            '%' => url.push_str("%25"),
            '"' => url.push('\''),
            other => url.push(other),
        }
    }
    url
}

/// Keeps title and icon true in the browser.
pub fn mirror() {
    let (live, verdict, place) = (use_live(), use_verdict(), use_place());
    let titled = move || live.as_of.with(|_| verdict.with(|verdict| place.with(|place| title(verdict, place))));
    Effect::new(move |_| document().set_title(&titled()));
    Effect::new(move |_| {
        let url = verdict.with(|verdict| icon(verdict.level));
        if let Some(link) = document().get_element_by_id(ICON_ELEMENT) {
            let _always_valid = link.set_attribute("href", &url);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{icon, title};
    use crate::components::verdict::judge;
    use crate::freshness::Silence;
    use crate::pages::sample;
    use crate::place::Place;
    use metadata::State;
    use metadata::views::{Known, Level};

    #[test]
    fn the_title_begins_with_what_is_wrong() {
        let state = sample::state();
        let known = Known { node_id: 2, pulse: None, quorum_age_ms: 0, fault: None };
        let orders = Place::of("/topics/orders");
        let titled = |state: &State, known: &Known<'_>, silence| title(&judge(state, known, silence), &orders);
        assert_eq!(titled(&State::default(), &known, None), "No brokers yet · orders · Quorate");
        assert_eq!(titled(&state, &known, None), "Degraded · orders · Quorate");
        assert_eq!(titled(&state, &Known { fault: Some("the disk is full"), ..known }, None), "Takes no part · orders · Quorate");
        // What is known of a node that is not heard any more is old, whatever it was.
        for state in [state, State::default()] {
            let judged = judge(&state, &known, Some(Silence::Node { without_quorum: false }));
            assert_eq!((title(&judged, &orders).as_str(), judged.level), ("Not live · orders · Quorate", Some(Level::Warning)));
            assert!(judged.headline.starts_with("Last known: "), "{}", judged.headline);
        }
    }

    #[test]
    fn the_icon_is_one_safe_url() {
        let url = icon(None);
        assert!(!url.contains('"') && !url["data:image/svg+xml,".len()..].contains('#'));
    }
}
