//! The command palette: pages, actions, topics and brokers by name.

use crate::base;
use crate::components::dialog::Dialog;
use crate::icons::{self, Glyph, Icon};
use crate::live::use_live;
use crate::shell::theme;
use crate::signals::{Memo, changing};
use crate::words::{count, num};
use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use metadata::State;

/// How many entries it lists.
const LISTED: usize = 12;

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Deed {
    Go(String),
    /// Goes to another document.
    Leave(String),
    Theme,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    group: &'static str,
    glyph: Glyph,
    name: String,
    /// A few words at its end: keys, size, rack.
    end: String,
    deed: Deed,
}

/// What is found for these words: pages and actions first, then brokers and topics in order.
fn found(state: &State, words: &str) -> Vec<Entry> {
    let needle = words.trim().to_ascii_lowercase();
    let entry = |group, glyph, name: &str, end: &str, deed| Entry { group, glyph, name: name.to_owned(), end: end.to_owned(), deed };
    let page = |glyph, name, end, path: &str| entry("Go to", glyph, name, end, Deed::Go(path.to_owned()));
    let fixed = [
        page(icons::GAUGE, "Overview", "G O", "/"),
        page(icons::TOPICS, "Topics", "G T", "/topics"),
        page(icons::BROKERS, "Brokers", "G B", "/brokers"),
        page(icons::QUORUM, "Quorum", "G Q", "/quorum"),
        page(icons::HISTORY, "History", "G H", "/history"),
        page(icons::SLIDERS, "Operations", "G P", "/operations"),
        entry("Actions", icons::PLUS, "Create topic", "C", Deed::Go("/create-topic".to_owned())),
        entry("Actions", icons::MOON, "Switch theme", "", Deed::Theme),
    ];
    // An index leads to that point in time.
    let index = needle.trim_start_matches('#').parse::<u64>().ok().filter(|index| (1..=state.revision()).contains(index));
    let then = index.map(|index| {
        let words = format!("View cluster as of #{}", num(index));
        entry("History", icons::CLOCK, &words, "", Deed::Leave(format!("/?{}={index}", base::AS_OF)))
    });
    let brokers = state.brokers().map(|broker| {
        let rack = broker.rack.as_ref().map(|rack| format!("rack {rack}")).unwrap_or_default();
        entry("Brokers", icons::BROKERS, &format!("Broker {}", broker.id), &rack, Deed::Go(format!("/brokers/{}", broker.id)))
    });
    // Topics are many and searched without a copy of each; internal ones answer to their name alone.
    let topics = state
        .topics_after(None)
        .filter(|topic| if needle.is_empty() { !topic.internal() } else { topic.name.to_ascii_lowercase().contains(&needle) })
        .map(|topic| {
            let size = count(state.tally(topic.id).partitions, "partition", "partitions");
            entry("Topics", icons::TOPICS, &topic.name, &size, Deed::Go(format!("/topics/{}", topic.name)))
        });
    let most_brokers = if needle.is_empty() { 3 } else { LISTED };
    let named = fixed.into_iter().chain(brokers.filter(|entry| entry.name.to_ascii_lowercase().contains(&needle)).take(most_brokers));
    let named = named.filter(|entry| entry.name.to_ascii_lowercase().contains(&needle));
    then.into_iter().chain(named).chain(topics).take(LISTED).collect()
}

/// The palette, open while `open` is true.
#[component]
pub fn Palette(open: RwSignal<bool>) -> impl IntoView {
    view! {
        <Dialog open=open label="Command palette" class="palette">
            {changing(move || open.get().then(|| view! { <Search open=open/> }))}
        </Dialog>
    }
}

#[component]
fn Search(open: RwSignal<bool>) -> impl IntoView {
    let live = use_live();
    let navigate = use_navigate();
    let (words, at) = (RwSignal::new(String::new()), RwSignal::new(0usize));
    let list = Memo::new(move |_| live.state.with(|state| words.with(|words| found(state, words))));
    let choose = StoredValue::new(move |deed: Deed| {
        open.set(false);
        match deed {
            Deed::Go(path) => navigate(&base::carried(&path), Default::default()),
            Deed::Leave(to) => {
                let _same_origin = window().location().set_href(&base::at(&to));
            }
            Deed::Theme => theme::toggle(),
        }
    });
    let key = move |event: KeyboardEvent| {
        let size = list.with(Vec::len).max(1);
        match event.key().as_str() {
            "ArrowDown" => at.update(|at| *at = (*at + 1) % size),
            "ArrowUp" => at.update(|at| *at = (*at + size - 1) % size),
            "Enter" => {
                if let Some(entry) = list.with(|list| list.get(at.get()).cloned()) {
                    choose.with_value(|choose| choose(entry.deed));
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    let input = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(input) = input.get() {
            let _gone_already = input.focus();
        }
    });
    view! {
        <div class="in">
            <Icon of=icons::SEARCH/>
            <input
                node_ref=input
                type="text"
                role="combobox"
                aria-label="Search"
                aria-expanded="true"
                aria-controls="palette-list"
                aria-autocomplete="list"
                aria-activedescendant=move || format!("palette-{}", at.get())
                placeholder="Search topics, brokers, actions"
                autocomplete="off"
                spellcheck="false"
                on:input=move |event| {
                    at.set(0);
                    words.set(event_target_value(&event));
                }
                on:keydown=key
            />
            <kbd>"Esc"</kbd>
        </div>
        <ul role="listbox" id="palette-list" aria-label="Results">
            {changing(move || rows(list.get(), at, move |deed| choose.with_value(|choose| choose(deed))))}
        </ul>
        <div class="foot">
            <span><kbd>"↑"</kbd>" "<kbd>"↓"</kbd>" choose"</span>
            <span><kbd>"Enter"</kbd>" open"</span>
        </div>
    }
}

/// The entries under the names of their groups.
fn rows(list: Vec<Entry>, at: RwSignal<usize>, choose: impl Fn(Deed) + Copy + 'static) -> Vec<AnyView> {
    if list.is_empty() {
        return vec![view! { <li role="presentation" class="pal-h">"Nothing matches"</li> }.into_any()];
    }
    let mut rows = Vec::new();
    let mut group = "";
    for (number, entry) in list.into_iter().enumerate() {
        if entry.group != group {
            group = entry.group;
            rows.push(view! { <li role="presentation" class="pal-h">{group}</li> }.into_any());
        }
        let Entry { glyph, name, end, deed, .. } = entry;
        rows.push(
            view! {
                <li
                    role="option"
                    id=format!("palette-{number}")
                    aria-selected=move || if at.get() == number { "true" } else { "false" }
                    on:click=move |_| choose(deed.clone())
                    on:pointermove=move |_| at.set(number)
                >
                    <Icon of=glyph/>
                    <span class="tr">{name}</span>
                    <span class="end num nw">{end}</span>
                </li>
            }
            .into_any(),
        );
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::{Deed, found};
    use metadata::{Change, State, TopicId};
    use uuid::Uuid;

    fn state() -> State {
        let mut state = State::default();
        for (number, name) in ["__offsets", "orders.placed", "orders.cancelled"].into_iter().enumerate() {
            let topic_id = TopicId(Uuid::from_u128(number as u128));
            state.absorb(1, 0, &Change::TopicCreated { topic_id, name: name.into(), configs: Default::default() });
        }
        state
    }

    #[test]
    fn topics_are_found_by_a_part_of_their_name() {
        let names: Vec<_> = found(&state(), "ORDERS").into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["orders.cancelled", "orders.placed"]);
        assert_eq!(found(&state(), "create")[0].deed, Deed::Go("/create-topic".to_owned()));
    }

    #[test]
    fn an_index_leads_to_what_was_then() {
        assert_eq!(found(&state(), "#1")[0].deed, Deed::Leave("/?as_of=1".to_owned()));
        assert!(found(&state(), "2").iter().all(|entry| entry.group != "History"), "what is still to come is nowhere");
    }

    #[test]
    fn internal_topics_answer_to_their_name_alone() {
        assert!(!found(&state(), "").iter().any(|entry| entry.name == "__offsets"));
        assert!(found(&state(), "offs").iter().any(|entry| entry.name == "__offsets"));
    }
}
