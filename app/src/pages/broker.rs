//! One broker: its last minute, its load, its replicas by topic, its registration, and the operator's fence.

mod fence;
pub(crate) mod fence_dialogs;
mod replicas;

use super::brokers::rack_name;
use super::first_paint;
use crate::base;
use crate::components::broker_state::{StateWords, heard, lag, pulse_of};
use crate::components::card::Card;
use crate::components::empty::Empty;
use crate::components::facts::{Fact, Facts};
use crate::components::field::{FormNote, refusal_before};
use crate::components::heartbeat::Heartbeat;
use crate::components::past::PastCard;
use crate::components::share_bar::{FairShare, ShareBar};
use crate::icons;
use crate::live::use_live;
use crate::past::PastQuery;
use crate::place::Place;
use crate::shown::Shown;
use crate::signals::{Memo, changing};
use crate::words::num;
use fence::FenceAction;
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use leptos_router::params::ParamsMap;
use metadata::{Broker, BrokerId, State};
use replicas::ReplicasByTopic;
use std::sync::Arc;

/// What the first paint of this page needs: the topics with most of its replicas, as far as they are small.
pub fn shown(state: &State, id: BrokerId, _query: &ParamsMap) -> Shown {
    Shown { rows: Vec::new(), whole: replicas::for_first_paint(state, id) }
}

/// The page.
#[component]
pub fn BrokerPage() -> impl IntoView {
    let live = use_live();
    let location = use_location();
    let id = Memo::new(move |before: Option<&Option<BrokerId>>| match Place::of(&location.pathname.get()) {
        Place::Broker(id) => Some(id),
        _ => before.copied().flatten(),
    });
    let there = Memo::new(move |_| id.get().filter(|id| live.state.with(|state| state.broker(*id).is_some())));
    let body = move || match there.get() {
        Some(id) => view! { <Present id=id/> }.into_any(),
        None => view! { <Unknown id=id.get()/> }.into_any(),
    };
    view! { <div class="page">{changing(body)}</div> }
}

#[component]
fn Unknown(id: Option<BrokerId>) -> impl IntoView {
    first_paint::answer_not_found();
    let text = match id {
        Some(id) => format!("No broker with the id {id} is registered."),
        None => "A broker's id is a whole number.".to_owned(),
    };
    view! {
        <section class="card">
            <Empty heading=1 glyph=icons::BROKERS title="No such broker" text=text>
                <a class="btn" href=base::to("/brokers")><span>"All brokers"</span></a>
            </Empty>
        </section>
    }
    .into_any()
}

#[component]
fn Present(id: BrokerId) -> impl IntoView {
    let live = use_live();
    let broker = Memo::new(move |before: Option<&Option<Arc<Broker>>>| {
        // Being unregistered unmounts this; until then what was known last stays.
        live.state.with(|state| state.broker(id).cloned()).or_else(|| before.cloned().flatten())
    });
    // Posted without JavaScript, the fence answers here; from a page that is alive, in its dialog.
    let refused = refusal_before();
    let before = Signal::derive(move || refused.get_value());
    view! {
        <Head id=id broker=broker/>
        <FormNote fields=&[] refusal=before/>
        <div class="split">
            <div class="stack">
                {(!live.past()).then(|| view! { <Heartbeats id=id broker=broker/> })}
                <LoadCard id=id broker=broker/>
                <ReplicasByTopic id=id/>
            </div>
            <div class="stack">
                {changing(move || broker.get().map(|broker| view! { <Registration broker=broker.clone()/><Endpoints broker=broker/> }))}
            </div>
        </div>
        <PastCard title="History" query=PastQuery { broker: Some(id.0), ..PastQuery::default() }/>
    }
    .into_any()
}

#[component]
fn Head(id: BrokerId, broker: Memo<Option<Arc<Broker>>>) -> impl IntoView {
    let held = Memo::new(move |_| broker.with(|broker| broker.as_ref().is_some_and(|broker| broker.held)));
    let state = move || broker.with(|broker| broker.as_ref().map(|broker| view! { <StateWords state=broker.state/> }));
    let place = move || {
        broker.with(|broker| {
            let broker = broker.as_ref()?;
            let host = broker.endpoints.first().map(|endpoint| format!(", {}", endpoint.host)).unwrap_or_default();
            Some(format!("{}{host}", rack_name(broker.rack.as_deref())))
        })
    };
    view! {
        <header class="page-head">
            <div>
                <div class="title"><h1>{format!("Broker {id}")}</h1>{changing(state)}</div>
                <p>{changing(place)}</p>
            </div>
            <div class="actions"><FenceAction id=id held=held/></div>
        </header>
    }
    .into_any()
}

#[component]
fn Heartbeats(id: BrokerId, broker: Memo<Option<Arc<Broker>>>) -> impl IntoView {
    let live = use_live();
    let pulse = pulse_of(live, id);
    let last = move || broker.with(|broker| broker.as_ref().map(|broker| pulse.with(|pulse| heard(broker, pulse.as_ref(), live.past()))));
    view! {
        <Card title="Heartbeats" sub=|| "last 60 s" end=move || view! { <span class="num">{changing(last)}</span> }>
            <div class="card-b">
                <Heartbeat id=id/>
                <div class="hb-axis"><span>"60 s ago"</span><span>"now"</span></div>
            </div>
        </Card>
    }
    .into_any()
}

#[component]
fn LoadCard(id: BrokerId, broker: Memo<Option<Arc<Broker>>>) -> impl IntoView {
    let live = use_live();
    let load = Memo::new(move |_| live.state.with(|state| state.load(id)));
    let fair = Memo::new(move |_| live.state.with(|state| FairShare::of(state)));
    let down = Memo::new(move |_| broker.with(|broker| broker.as_ref().is_some_and(|broker| !broker.active())));
    view! {
        <Card title="Load">
            <div class="card-b cols-2 loose">
                {changing(move || load_field("Leaders", load.get().leaders, fair.get().leaders, down.get()))}
                {changing(move || load_field("Replicas", load.get().replicas, fair.get().replicas, down.get()))}
            </div>
        </Card>
    }
    .into_any()
}

fn load_field(label: &'static str, value: u32, fair: u32, down: bool) -> impl IntoView {
    let percent = (f64::from(value) / f64::from(fair.max(1)) - 1.0) * 100.0;
    let apart = match percent.round() as i64 {
        _ if fair == 0 => String::new(),
        0 => ", as many".to_owned(),
        more if more > 0 => format!(", +{more} %"),
        less => format!(", −{} %", -less),
    };
    view! {
        <div class="field">
            <div class="row between">
                <span class="soft">{label}</span>
                <span class="num"><b>{num(value)}</b>" "<span class="mute">{format!("fair share {}{apart}", num(fair))}</span></span>
            </div>
            <ShareBar value=value fair=fair most=value.max(fair) down=down/>
        </div>
    }
    .into_any()
}

#[component]
fn Registration(broker: Arc<Broker>) -> impl IntoView {
    let live = use_live();
    let pulse = pulse_of(live, broker.id);
    let acknowledged = move || {
        let index = pulse.with(|pulse| pulse.and_then(|pulse| pulse.acknowledged_index));
        let (lag, _) = lag(index, live.state.with(|state| state.revision()));
        index.map_or(lag.clone(), |index| format!("#{}, {lag}", num(index)))
    };
    let (epoch, changed) = (num(broker.epoch), format!("#{}", num(broker.changed_index)));
    let held = if broker.held { "held" } else { "none" };
    let incarnation = broker.incarnation_id.to_string();
    let push = broker.push_url.clone().unwrap_or_else(|| "none: it pulls".to_owned());
    view! {
        <Card title="Registration">
            <div class="card-b">
                <Facts>
                    <Fact label="Broker epoch">{epoch}</Fact>
                    <Fact label="Changed">{changed}</Fact>
                    <Fact label="Acknowledged">{changing(acknowledged)}</Fact>
                    <Fact label="Operator's fence">{held}</Fact>
                    <Fact label="Incarnation" wide=true><code>{incarnation}</code></Fact>
                    <Fact label="Pushes go to" wide=true><code>{push}</code></Fact>
                </Facts>
            </div>
        </Card>
    }
    .into_any()
}

#[component]
fn Endpoints(broker: Arc<Broker>) -> impl IntoView {
    let rows = broker.endpoints.iter().map(|endpoint| {
        let address = format!("{}:{}", endpoint.host, endpoint.port);
        view! { <tr><th scope="row" class="mute col-listener">{endpoint.name.clone()}</th><td class="r wrap-text"><code>{address}</code></td></tr> }
    });
    let rows = rows.collect_view();
    view! {
        <Card title="Endpoints">
            <table class="dt dt--flush"><caption class="sr">"Endpoints"</caption><tbody>{rows}</tbody></table>
        </Card>
    }
    .into_any()
}
