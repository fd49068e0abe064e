//! Sidebar and tab bar: where one can go, with the counts that matter.

use super::keyboard::Overlays;
use super::use_place;
use crate::components::log::role_name;
use crate::components::verdict::{use_quorum, use_since, use_verdict};
use crate::icons::{self, Glyph, Icon, Mark};
use crate::live::use_live;
use crate::signals::{Memo, changing};
use crate::time;
use crate::words::num;
use leptos::prelude::*;
use metadata::BrokerState;
use metadata::settings::CLUSTER_NAME;

#[component]
fn NavLink(
    path: &'static str,
    name: &'static str,
    glyph: Glyph,
    /// What the page shows comes with the page alone.
    #[prop(optional)]
    anew: bool,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let (live, place) = (use_live(), use_place());
    let current = move || place.with(|place| place.section().1 == path).then_some("page");
    view! { <a href=move || live.to(path) aria-current=current rel=anew.then_some("external")><Icon of=glyph/><span>{name}</span>{children.map(|children| children())}</a> }
}

/// The sidebar.
#[component]
pub fn Sidebar(overlays: Overlays) -> impl IntoView {
    let live = use_live();
    view! {
        <aside class="side">
            <a class="brand" href=move || live.to("/")><Mark/>"Quorate"</a>
            <ClusterBlock/>
            <nav class="nav" aria-label="Main">
                <NavLink path="/" name="Overview" glyph=icons::GAUGE/>
                <h3>"Cluster"</h3>
                <NavLink path="/topics" name="Topics" glyph=icons::TOPICS><TopicCount/></NavLink>
                <NavLink path="/brokers" name="Brokers" glyph=icons::BROKERS><BrokerCount/></NavLink>
                <h3>"Control plane"</h3>
                <NavLink path="/quorum" name="Quorum" glyph=icons::QUORUM><QuorumCount/></NavLink>
                <NavLink path="/history" name="History" glyph=icons::HISTORY/>
                <NavLink path="/operations" name="Operations" glyph=icons::SLIDERS/>
                <NavLink path="/accounts" name="Accounts" glyph=icons::USER anew=true/>
                <NavLink path="/audit" name="Audit" glyph=icons::EYE anew=true/>
            </nav>
            <Foot overlays=overlays/>
        </aside>
    }
}

/// The tab bar of phones.
#[component]
pub fn TabBar() -> impl IntoView {
    view! {
        <nav class="tabbar" aria-label="Main" style="grid-template-columns:repeat(6,minmax(0,1fr))">
            <NavLink path="/" name="Overview" glyph=icons::GAUGE/>
            <NavLink path="/topics" name="Topics" glyph=icons::TOPICS/>
            <NavLink path="/brokers" name="Brokers" glyph=icons::BROKERS/>
            <NavLink path="/quorum" name="Quorum" glyph=icons::QUORUM/>
            <NavLink path="/history" name="History" glyph=icons::HISTORY/>
            <NavLink path="/operations" name="Operations" glyph=icons::SLIDERS/>
        </nav>
    }
}

/// Which cluster this is, and how it is.
#[component]
fn ClusterBlock() -> impl IntoView {
    let (live, verdict, since) = (use_live(), use_verdict(), use_since());
    let name = Memo::new(move |_| {
        live.state.with(|state| match state.identity() {
            Some(_) if !state.settings().value(&CLUSTER_NAME).is_empty() => state.settings().value(&CLUSTER_NAME).to_owned(),
            Some(identity) => format!("Cluster {}", identity.cluster_id.as_simple().to_string().split_at(8).0),
            None => "No cluster yet".to_owned(),
        })
    });
    let words = move || {
        let healthy = verdict.with(|verdict| verdict.level.is_none_or(|level| level == metadata::views::Level::Healthy));
        let since = since.get().filter(|_| !healthy).map(|at| format!(" since {}", time::clock(at))).unwrap_or_default();
        verdict.with(|verdict| format!("{}{since}", verdict.short))
    };
    view! {
        <a class="cluster" data-level=move || verdict.with(|verdict| verdict.level_name()) href=move || live.to("/")>
            <b>{changing(move || name.get())}</b>
            <span></span>
            <span class=move || verdict.with(|verdict| verdict.status_class())>
                {changing(move || view! { <Icon of=verdict.with(|verdict| verdict.glyph())/> })}
                <span>{changing(words)}</span>
            </span>
        </a>
    }
}

#[component]
fn TopicCount() -> impl IntoView {
    let live = use_live();
    view! { <span class="count">{changing(move || num(live.state.with(|state| state.topic_count() as u64)))}</span> }
}

#[component]
fn BrokerCount() -> impl IntoView {
    let live = use_live();
    let counts = Memo::new(move |_| {
        live.state.with(|state| {
            let down = state.brokers().filter(|broker| matches!(broker.state, BrokerState::Fenced | BrokerState::Fencing)).count();
            (state.broker_count() as u64, down as u64)
        })
    });
    view! {
        {changing(move || match counts.get() {
            (total, 0) => view! { <span class="count">{num(total)}</span> }.into_any(),
            (_, down) => view! { <span class="count warn"><Icon of=icons::FENCE/>{num(down)}<span class="sr">" fenced"</span></span> }.into_any(),
        })}
    }
}

#[component]
fn QuorumCount() -> impl IntoView {
    let quorum = use_quorum();
    view! {
        {changing(move || quorum.with(|quorum| match quorum.voters {
            0 => ().into_any(),
            all => {
                let class = match quorum.spare() {
                    None => "count crit",
                    Some(_) if !quorum.whole() => "count warn",
                    Some(_) => "count",
                };
                view! { <span class=class>{format!("{} / {all}", quorum.reachable)}</span> }.into_any()
            }
        }))}
    }
}

#[component]
fn Foot(overlays: Overlays) -> impl IntoView {
    let live = use_live();
    let role = move || {
        let id = live.node_id.get();
        live.pulse.with(|pulse| {
            let node = pulse.as_ref().and_then(|pulse| pulse.nodes.iter().find(|node| node.id == id));
            node.map(|node| format!(", {}", role_name(node.role))).unwrap_or_default()
        })
    };
    view! {
        <div class="side-foot">
            <div class="row"><span>"Served by "<b>"node "{changing(move || live.node_id.get())}</b>{changing(role)}</span></div>
            <div class="row">
                <span class="num">{changing(move || time::clock_seconds(live.now_ms.get()))}" UTC"</span>
                <button type="button" class="link js-only" on:click=move |_| overlays.help.set(true)>"Keys "<kbd>"?"</kbd></button>
            </div>
        </div>
    }
}
