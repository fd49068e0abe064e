//! One topic: what it is in a line of facts, and its partitions, placement, configuration and settings behind tabs.

mod configuration;
mod delete;
pub(crate) mod delete_dialog;
mod history;
mod partitions;
mod placement;
mod settings;

use super::first_paint;
use crate::api::{Asking, asking};
use crate::base;
use crate::components::empty::Empty;
use crate::components::facts::{Fact, Facts};
use crate::components::status::{Health, Tag};
use crate::config_values;
use crate::icons;
use crate::live::{Live, use_live};
use crate::pages::topics::affected;
use crate::place::Place;
use crate::shown::Shown;
use crate::signals::{Memo, changing};
use crate::time;
use crate::words::num;
use configuration::Configuration;
use history::History;
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};
use leptos_router::params::ParamsMap;
use metadata::configs::{self, Key};
use metadata::views::TopicHealth;
use metadata::{Change, Index, State, Topic, TopicId};
use partitions::Partitions;
use placement::Placement;
use settings::Settings;
use std::sync::Arc;

/// What the first paint of this page needs: the topic whole.
pub fn shown(state: &State, name: &str, _query: &ParamsMap) -> Shown {
    Shown { rows: Vec::new(), whole: state.topic_by_name(name).map(|topic| topic.id).into_iter().collect() }
}

/// Where the topic of this page stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    There(TopicId),
    /// It was there while this page was open.
    Deleted {
        id: TopicId,
        at: Option<Index>,
    },
    Unknown,
    /// The first state of this browser does not hold it; the whole state is on its way.
    NotHeard,
}

/// The page.
#[component]
pub fn TopicPage() -> impl IntoView {
    let location = use_location();
    let name = Memo::new(move |before: Option<&String>| match Place::of(&location.pathname.get()) {
        Place::Topic(name) => name,
        _ => before.cloned().unwrap_or_default(),
    });
    let standing = standing(name);
    // Held here: the deletion takes away what is below, often before its own answer arrives.
    let action = asking();
    delete::leave_when_done(action, name);
    // What was refused for one topic says nothing about the next.
    Effect::new(move |_| {
        name.track();
        action.clear();
    });
    let body = move || match standing.get() {
        Standing::There(id) => view! { <Present id=id action=action/> }.into_any(),
        Standing::Deleted { at, .. } => view! { <Deleted name=name.get() at=at/> }.into_any(),
        Standing::Unknown => view! { <Unknown name=name.get()/> }.into_any(),
        Standing::NotHeard => view! { <header class="page-head"><h1>{name.get()}</h1></header> }.into_any(),
    };
    view! { <div class="page">{changing(body)}</div> }
}

fn standing(name: Memo<String>) -> Memo<Standing> {
    let live = use_live();
    let complete = first_paint::complete();
    let there = Memo::new(move |_| live.state.with(|state| name.with(|name| state.topic_by_name(name).map(|topic| topic.id))));
    let asked = StoredValue::new(name.get_untracked());
    Memo::new(move |before: Option<&Standing>| {
        let same = asked.with_value(|asked| *asked == name.get());
        asked.set_value(name.get());
        match (there.get(), before) {
            (Some(id), _) => Standing::There(id),
            (None, Some(Standing::There(id))) if same => Standing::Deleted { id: *id, at: deleted_at(live, *id) },
            // The commit reaches the change list a moment after the state.
            (None, Some(Standing::Deleted { id, at })) if same => Standing::Deleted { id: *id, at: at.or_else(|| deleted_at(live, *id)) },
            (None, _) if complete.get() => Standing::Unknown,
            (None, _) => Standing::NotHeard,
        }
    })
}

/// The index of the commit that deleted a topic, as long as it is among the last ones.
fn deleted_at(live: Live, id: TopicId) -> Option<Index> {
    live.recent.with(|recent| {
        let deletes = |change: &Change| matches!(change, Change::TopicDeleted { topic_id, .. } if *topic_id == id);
        recent.iter().find(|recent| recent.commit.changes.iter().any(deletes)).map(|recent| recent.commit.index)
    })
}

#[component]
fn Unknown(name: String) -> impl IntoView {
    first_paint::answer_not_found();
    let at = use_live().state.with_untracked(|state| state.revision());
    view! {
        <section class="card">
            <Empty heading=1 glyph=icons::TOPICS title="No such topic" text=format!("There is no topic named {name} at index {}.", num(at))>
                <a class="btn" href=base::to("/topics")><span>"All topics"</span></a>
            </Empty>
        </section>
    }
    .into_any()
}

#[component]
fn Deleted(name: String, at: Option<Index>) -> impl IntoView {
    let at = at.map_or_else(String::new, |index| format!(" at #{}", num(index)));
    view! {
        <section class="card" role="alert">
            <Empty heading=1 glyph=icons::TRASH title=format!("{name} is deleted") text=format!("Deleted{at}, while this page was open. Its brokers remove the data.")>
                <a class="btn" href=base::to("/topics")><span>"All topics"</span></a>
            </Empty>
        </section>
    }
    .into_any()
}

/// A tab: its word in the address and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Partitions,
    Placement,
    Configuration,
    History,
    Settings,
}

impl Tab {
    const ALL: [Tab; 5] = [Tab::Partitions, Tab::Placement, Tab::Configuration, Tab::History, Tab::Settings];

    fn name(self) -> &'static str {
        match self {
            Tab::Partitions => "Partitions",
            Tab::Placement => "Placement",
            Tab::Configuration => "Configuration",
            Tab::History => "History",
            Tab::Settings => "Settings",
        }
    }

    fn of(query: &ParamsMap) -> Tab {
        let word = query.get("tab").unwrap_or_default();
        Tab::ALL.into_iter().find(|tab| tab.name().eq_ignore_ascii_case(&word)).unwrap_or(Tab::Partitions)
    }

    fn href(self, topic: &str) -> String {
        match self {
            Tab::Partitions => format!("/topics/{topic}"),
            other => format!("/topics/{topic}?tab={}", other.name().to_lowercase()),
        }
    }
}

#[component]
fn Present(id: TopicId, action: Asking) -> impl IntoView {
    let live = use_live();
    let map = use_query_map();
    let tab = Memo::new(move |_| map.with(Tab::of));
    let first = live.state.with_untracked(|state| state.topic(id).cloned())?;
    let topic = Memo::new(move |before: Option<&Arc<Topic>>| {
        // A deletion unmounts this; until then what was known last stays.
        live.state.with(|state| state.topic(id).cloned()).or_else(|| before.cloned()).unwrap_or_else(|| first.clone())
    });
    let body = move || match tab.get() {
        Tab::Partitions => view! { <Partitions id=id/> }.into_any(),
        Tab::Placement => view! { <Placement id=id/> }.into_any(),
        Tab::Configuration => view! { <Configuration topic=topic/> }.into_any(),
        Tab::History => view! { <History name=topic.with_untracked(|topic| topic.name.to_string())/> }.into_any(),
        Tab::Settings => view! { <Settings topic=topic action=action/> }.into_any(),
    };
    Some(view! {
        <Head topic=topic.get_untracked()/>
        {changing(move || view! { <TopicFacts topic=topic.get()/> })}
        {changing(move || view! { <Tabs name=topic.with(|topic| topic.name.to_string()) current=tab.get() id=id/> })}
        {changing(body)}
    })
}

#[component]
fn Head(topic: Arc<Topic>) -> impl IntoView {
    let live = use_live();
    let id = topic.id;
    let tally = Memo::new(move |_| live.state.with(|state| state.tally(id)));
    let health = move || tally.with(|tally| view! { <Health health=TopicHealth::of(tally) affected=affected(tally)/> });
    view! {
        <header class="page-head">
            <div>
                <div class="title">
                    <h1>{topic.name.to_string()}</h1>
                    {changing(health)}
                    {topic.internal().then(|| view! { <Tag word="internal"/> })}
                </div>
            </div>
        </header>
    }
    .into_any()
}

/// What a key of the topic's configuration comes to, for a person.
fn config_shown(topic: &Topic, key: &Key) -> String {
    topic.configs.get(key.name).map_or_else(|| config_values::default_shown(key), |value| config_values::shown(key, value))
}

#[component]
fn TopicFacts(topic: Arc<Topic>) -> impl IntoView {
    let live = use_live();
    let id = topic.id;
    let partitions = move || live.state.with(|state| num(state.tally(id).partitions));
    let factor = move || live.state.with(|state| state.partition(id, 0).map_or(0, |first| first.replicas.len()));
    let value = |name: &str| configs::find(name).map(|key| config_shown(&topic, key)).unwrap_or_default();
    let (min_isr, cleanup, retention) = (value(configs::MIN_INSYNC_REPLICAS), value("cleanup.policy"), value("retention.ms"));
    let created = format!("#{}, {}", num(topic.created_index), time::moment(topic.created_at_ms, live.now_ms.get_untracked()));
    view! {
        <Facts>
            <Fact label="Partitions">{changing(partitions)}</Fact>
            <Fact label="Replication factor">{changing(factor)}</Fact>
            <Fact label="min.insync.replicas">{min_isr}</Fact>
            <Fact label="Cleanup">{cleanup}</Fact>
            <Fact label="Retention">{retention}</Fact>
            <Fact label="Created">{created}</Fact>
            <Fact label="Topic id" wide=true><code>{id.to_string()}</code></Fact>
        </Facts>
    }
    .into_any()
}

#[component]
fn Tabs(name: String, current: Tab, id: TopicId) -> impl IntoView {
    let live = use_live();
    let links = Tab::ALL.map(|tab| {
        let count = (tab == Tab::Partitions)
            .then(|| view! { <span class="num">{changing(move || live.state.with(|state| num(state.tally(id).partitions)))}</span> });
        view! { <a href=base::to(&tab.href(&name)) aria-current=(tab == current).then_some("page")>{tab.name()}{count}</a> }
    });
    view! { <nav class="tabs" aria-label="Sections">{links.into_iter().collect_view()}</nav> }
}

#[cfg(test)]
mod tests {
    use super::Tab;
    use crate::place::query_of;

    #[test]
    fn tabs_are_in_the_address() {
        assert_eq!(Tab::of(&query_of("")), Tab::Partitions);
        assert_eq!(Tab::of(&query_of("tab=Settings")), Tab::Settings);
        assert_eq!(Tab::of(&query_of("tab=history")), Tab::History);
        assert_eq!(Tab::of(&query_of("tab=future")), Tab::Partitions);
        assert_eq!(Tab::Placement.href("orders"), "/topics/orders?tab=placement");
    }
}
