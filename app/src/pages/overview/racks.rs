//! The brokers by rack, each a tile with its heartbeats.

use crate::base;
use crate::components::broker_state::{StateWords, pulse_of};
use crate::components::card::Card;
use crate::components::heartbeat::Heartbeat;
use crate::components::status::{Status, Tone};
use crate::icons;
use crate::live::use_live;
use crate::order::sorted;
use crate::signals::{Memo, changing};
use crate::time;
use crate::words::num;
use leptos::prelude::*;
use metadata::load::Load;
use metadata::{BrokerId, BrokerState, State};

/// A rack: its name, and its brokers with their state.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rack {
    name: Option<String>,
    brokers: Vec<(BrokerId, BrokerState)>,
}

/// Racks by name; brokers without one come last.
fn racks(state: &State) -> Vec<Rack> {
    let mut racks: Vec<Rack> = Vec::new();
    for broker in state.brokers() {
        let entry = (broker.id, broker.state);
        match racks.iter_mut().find(|rack| rack.name == broker.rack) {
            Some(rack) => rack.brokers.push(entry),
            None => racks.push(Rack { name: broker.rack.clone(), brokers: vec![entry] }),
        }
    }
    sorted(racks, |one, other| (one.name.is_none(), &one.name).cmp(&(other.name.is_none(), &other.name)))
}

fn online(brokers: &[(BrokerId, BrokerState)]) -> usize {
    brokers.iter().filter(|(_, state)| *state == BrokerState::Online).count()
}

/// The card.
#[component]
pub fn Racks() -> impl IntoView {
    let live = use_live();
    let racks = Memo::new(move |_| live.state.with(|state| racks(state)));
    let sub = move || {
        racks.with(|racks| {
            let (there, all) = racks.iter().fold((0, 0), |(there, all), rack| (there + online(&rack.brokers), all + rack.brokers.len()));
            let heard = if live.past() { "" } else { ", heartbeats of the last 60 s" };
            format!("{} of {} online{heard}", num(there as u64), num(all as u64))
        })
    };
    // A browser that paints before the last rack has come has its room all the same.
    let columns = move || format!("--racks: {}", racks.with(|racks| racks.len()).max(1));
    view! {
        <Card title="Brokers" sub=sub end=move || view! { <a class="link" href=base::to("/brokers")>"All brokers"</a> }>
            <div class="racks" style=columns>
                {changing(move || racks.get().into_iter().map(|rack| view! { <RackColumn rack=rack/> }).collect_view())}
            </div>
        </Card>
    }
}

#[component]
fn RackColumn(rack: Rack) -> impl IntoView {
    let there = format!("{} of {} online", online(&rack.brokers), rack.brokers.len());
    let name = rack.name.map_or_else(|| "No rack".to_owned(), |name| format!("Rack {name}"));
    view! {
        <div class="rack">
            <h3><span class="tr">{name}</span><span class="nw">{there}</span></h3>
            {rack.brokers.into_iter().map(|(id, state)| view! { <BrokerTile id=id state=state/> }).collect_view()}
        </div>
    }
}

#[component]
fn BrokerTile(id: BrokerId, state: BrokerState) -> impl IntoView {
    let live = use_live();
    let load = Memo::new(move |_| live.state.with(|state| state.load(id)));
    let pulse = pulse_of(live, id);
    let age = move || pulse.with(|pulse| pulse.and_then(|pulse| pulse.heartbeat_age_ms));
    let down = matches!(state, BrokerState::Fenced | BrokerState::Fencing);
    let words = match state {
        BrokerState::Online if live.past() => view! { <StateWords state=state/> }.into_any(),
        BrokerState::Online => {
            view! { <span class="fig num">{changing(move || age().map_or_else(|| "not heard yet".to_owned(), |age| format!("{} ago", time::tenths(age))))}</span> }.into_any()
        }
        BrokerState::Fencing => view! { <Status tone=Tone::Warn glyph=icons::FENCE words="Being fenced"/> }.into_any(),
        BrokerState::Fenced => view! { <Status tone=Tone::Warn glyph=icons::FENCE words="Fenced"/> }.into_any(),
        BrokerState::ShuttingDown => view! { <Status tone=Tone::Move glyph=icons::MOVE words="Shutting down"/> }.into_any(),
    };
    view! {
        <a class=if down { "tile fen" } else { "tile" } href=base::to(&format!("/brokers/{id}"))>
            <span class="row"><b>{format!("Broker {id}")}</b>{words}</span>
            {(!live.past()).then(|| view! { <Heartbeat id=id/> })}
            <span class="fig num">
                {changing(move || {
                    let Load { leaders, replicas, .. } = load.get();
                    view! { <span><b>{num(leaders)}</b>" leaders"</span><span><b>{num(replicas)}</b>" replicas"</span> }
                })}
            </span>
        </a>
    }
}
