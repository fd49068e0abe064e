//! One broker's row.

use crate::base;
use crate::components::broker_state::{StateWords, heard, lag, pulse_of};
use crate::components::heartbeat::Heartbeat;
use crate::components::share_bar::{FairShare, ShareBar};
use crate::live::use_live;
use crate::signals::{Memo, changing};
use crate::words::num;
use leptos::prelude::*;
use metadata::{Broker, BrokerId, BrokerState};
use std::sync::Arc;

/// Where clients reach it first.
fn endpoint(broker: &Broker) -> String {
    broker.endpoints.first().map(|endpoint| format!("{}:{}", endpoint.host, endpoint.port)).unwrap_or_default()
}

/// The row; it flashes once when the broker's state changed.
#[component]
pub fn BrokerRow(id: BrokerId, fair: Memo<FairShare>) -> impl IntoView {
    let live = use_live();
    let broker = Memo::new(move |_| live.state.with(|state| state.broker(id).cloned()));
    let load = Memo::new(move |_| live.state.with(|state| state.load(id)));
    let pulse = pulse_of(live, id);
    let down = Memo::new(move |_| {
        broker.with(|broker| broker.as_ref().is_none_or(|broker| matches!(broker.state, BrokerState::Fenced | BrokerState::Fencing)))
    });
    let flash = RwSignal::new(None::<&'static str>);
    Effect::new(move |before: Option<Option<Arc<Broker>>>| {
        let now = broker.get();
        if before.is_some_and(|before| before != now) {
            // Two names for one animation: alternating starts it again.
            flash.update(|name| *name = Some(if *name == Some("a") { "b" } else { "a" }));
        }
        now
    });
    let address = move || broker.with(|broker| broker.as_deref().map(endpoint));
    let state = move || broker.with(|broker| broker.as_ref().map(|broker| view! { <StateWords state=broker.state/> }));
    let last = move || broker.with(|broker| broker.as_ref().map(|broker| pulse.with(|pulse| heard(broker, pulse.as_ref(), live.past()))));
    view! {
        <tr class="tall" data-flash=move || flash.get()>
            <th scope="row" class="name"><a href=base::to(&format!("/brokers/{id}"))>{format!("Broker {id}")}</a><span class="sub2 mute">{changing(address)}</span></th>
            <td>{changing(state)}<span class="sub2 mute num">{changing(last)}</span></td>
            {(!live.past()).then(|| view! { <td class="lo"><Heartbeat id=id/></td> })}
            <td class="lo">{changing(move || share(load.get().leaders, fair.get(), down.get(), true))}</td>
            <td class="lo">{changing(move || share(load.get().replicas, fair.get(), down.get(), false))}</td>
            {(!live.past()).then(|| view! { <td class="r num"><Metadata id=id/></td> })}
        </tr>
    }
    .into_any()
}

fn share(value: u32, fair: FairShare, down: bool, leaders: bool) -> impl IntoView {
    let (share, most) = if leaders { (fair.leaders, fair.most_leaders) } else { (fair.replicas, fair.most_replicas) };
    view! {
        <span class="row"><span class="num figure">{num(value)}</span><span class="grow"><ShareBar value=value fair=share most=most down=down/></span></span>
    }
    .into_any()
}

/// How far a broker is with what was committed.
#[component]
fn Metadata(id: BrokerId) -> impl IntoView {
    let live = use_live();
    let pulse = pulse_of(live, id);
    let acknowledged = Memo::new(move |_| pulse.with(|pulse| pulse.and_then(|pulse| pulse.acknowledged_index)));
    let lag = Memo::new(move |_| lag(acknowledged.get(), live.state.with(|state| state.revision())));
    let acked = move || acknowledged.get().map(|index| format!("acked #{}", num(index)));
    view! {
        <span class=move || if lag.with(|(_, behind)| *behind) { "" } else { "mute" }>{changing(move || lag.with(|(words, _)| words.clone()))}</span>
        <span class="sub2 mute">{changing(acked)}</span>
    }
    .into_any()
}
