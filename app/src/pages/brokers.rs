//! Brokers: one table grouped by rack, each with its state, its last minute, its load against the fair share, and its lag.

mod row;

use crate::components::card::Card;
use crate::components::empty::Empty;
use crate::components::share_bar::FairShare;
use crate::icons;
use crate::live::use_live;
use crate::shown::Shown;
use crate::signals::{Memo, changing};
use crate::words::{count, num};
use leptos::prelude::*;
use leptos_router::params::ParamsMap;
use metadata::{BrokerId, State};
use row::BrokerRow;
use std::collections::BTreeMap;

/// What the first paint of this page needs: nothing beside the brokers, which every slice holds.
pub fn shown(_state: &State, _query: &ParamsMap) -> Shown {
    Shown::default()
}

/// The name of a rack, for those without one too.
pub fn rack_name(rack: Option<&str>) -> String {
    rack.map_or_else(|| "No rack".to_owned(), |rack| format!("Rack {rack}"))
}

/// Brokers by rack, both in order.
fn by_rack(state: &State) -> Vec<(Option<String>, Vec<BrokerId>)> {
    let mut racks: BTreeMap<Option<&str>, Vec<BrokerId>> = BTreeMap::new();
    for broker in state.brokers() {
        racks.entry(broker.rack.as_deref()).or_default().push(broker.id);
    }
    racks.into_iter().map(|(rack, ids)| (rack.map(str::to_owned), ids)).collect()
}

/// The page.
#[component]
pub fn BrokersPage() -> impl IntoView {
    let live = use_live();
    let racks = Memo::new(move |_| live.state.with(|state| by_rack(state)));
    let none = Memo::new(move |_| racks.with(Vec::is_empty));
    view! {
        <div class="page">
            <header class="page-head"><div><h1>"Brokers"</h1><p class="num">{changing(move || live.state.with(|state| facts(state)))}</p></div></header>
            {changing(move || if none.get() { view! { <NoBrokers/> }.into_any() } else { view! { <BrokerTable racks=racks/> }.into_any() })}
        </div>
    }
    .into_any()
}

fn facts(state: &State) -> String {
    let online = state.brokers().filter(|broker| broker.active()).count() as u64;
    let racks = by_rack(state).iter().filter(|(rack, _)| rack.is_some()).count() as u64;
    match state.broker_count() as u64 {
        0 => "None registered".to_owned(),
        all if racks == 0 => format!("{} of {} online", num(online), num(all)),
        all => format!("{} of {} online in {}", num(online), num(all), count(racks, "rack", "racks")),
    }
}

/// The command that starts a first broker against these controllers.
pub fn start_command(state: &State) -> String {
    let urls: Vec<&str> = state.controllers().map(|node| node.url.as_str()).collect();
    let controllers = if urls.is_empty() { "http://127.0.0.1:9091".to_owned() } else { urls.join(",") };
    format!("quorate storage --id 101 --controllers {controllers} --listen 127.0.0.1:9101 --data-dir ./data/storage-101 --rack a")
}

#[component]
fn NoBrokers() -> impl IntoView {
    let command = use_live().state.with_untracked(|state| start_command(state));
    view! {
        <section class="card">
            <Empty
                glyph=icons::BROKERS
                title="No brokers yet"
                text="A broker stores partition replicas. It registers itself with any controller and is listed here from then on. Three or more, in different racks, let a topic survive the loss of a machine."
                command=command
            />
        </section>
    }
    .into_any()
}

#[component]
fn BrokerTable(racks: Memo<Vec<(Option<String>, Vec<BrokerId>)>>) -> impl IntoView {
    let live = use_live();
    let fair = Memo::new(move |_| live.state.with(|state| FairShare::of(state)));
    let groups = move || {
        let racks = racks.get();
        racks
            .into_iter()
            .map(|(rack, ids)| {
                let rows = ids.into_iter().map(|id| view! { <BrokerRow id=id fair=fair/> }).collect_view();
                view! {
                    <tbody>
                        <tr class="grp"><th colspan=if live.past() { 4 } else { 6 } scope="rowgroup">{rack_name(rack.as_deref())}</th></tr>
                        {rows}
                    </tbody>
                }
            })
            .collect_view()
    };
    let key = move || {
        let FairShare { leaders, replicas, .. } = fair.get();
        format!(
            "Fair share: {} per online broker, {} per broker",
            count(leaders, "leader", "leaders"),
            count(replicas, "replica", "replicas")
        )
    };
    view! {
        <section class="card">
            <div class="dt-wrap" tabindex="0" role="region" aria-label="List of brokers">
                <table class="dt brk wide">
                    <caption class="sr">"Brokers"</caption>
                    <thead>
                        <tr>
                            <th scope="col" class="col-address">"Broker"</th>
                            <th scope="col" class="col-state">"State"</th>
                            {(!live.past()).then(|| view! { <th scope="col" class="lo">"Heartbeats, last 60 s"</th> })}
                            <th scope="col" class="lo col-share">"Leaders"</th>
                            <th scope="col" class="lo col-share">"Replicas"</th>
                            {(!live.past()).then(|| view! { <th scope="col" class="r col-lag">"Metadata"</th> })}
                        </tr>
                    </thead>
                    {changing(groups)}
                </table>
            </div>
            <div class="card-f"><span class="row num"><i class="share-key"></i>{changing(key)}</span></div>
        </section>
        <Racks racks=racks/>
    }
    .into_any()
}

/// What each rack carries.
#[component]
fn Racks(racks: Memo<Vec<(Option<String>, Vec<BrokerId>)>>) -> impl IntoView {
    let live = use_live();
    let load = move |ids: &[BrokerId]| {
        live.state.with(|state| {
            ids.iter()
                .map(|id| state.load(*id))
                .fold((0_u64, 0_u64), |(replicas, leaders), load| (replicas + u64::from(load.replicas), leaders + u64::from(load.leaders)))
        })
    };
    let facts = move || {
        racks
            .get()
            .into_iter()
            .map(|(rack, ids)| {
                let words = move || {
                    let (replicas, leaders) = load(&ids);
                    format!("{}, {}", count(replicas, "replica", "replicas"), count(leaders, "leader", "leaders"))
                };
                view! { <div class="wide"><dt>{rack_name(rack.as_deref())}</dt><dd class="num">{changing(words)}</dd></div> }
            })
            .collect_view()
    };
    view! {
        <Show when=move || racks.with(|racks| racks.len() > 1)>
            <Card title="Replicas by rack"><div class="card-b"><dl class="facts">{changing(facts)}</dl></div></Card>
        </Show>
    }
    .into_any()
}
