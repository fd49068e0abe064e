//! People and programs that ask without an end: each one thing after another.

use super::asking;
use super::door::{Door, Wish};
use crate::world::time::Time;
use metadata::settings::REPLACE;
use metadata::{BrokerState, Intent, KeyUse, Principal};
use std::time::Duration;
use tokio::time::sleep;

/// One of them.
pub struct Person {
    pub number: u64,
    pub door: Door,
    pub time: Time,
    /// From then on (ms of the run) nobody asks for anything new.
    pub until: u64,
}

impl Person {
    pub async fn run(self) {
        for turn in 0_u64.. {
            sleep(Duration::from_millis(self.door.lot.between(20..=400))).await;
            if self.time.now() >= self.until {
                return;
            }
            if self.door.lot.one_in(3) {
                self.door.read().await;
                continue;
            }
            let Some(state) = self.door.any().map(|node| node.state()) else { continue };
            let tag = format!("{}-{turn}", self.number);
            let Some((intent, unique)) = asking::something(&self.door.lot, &state, &tag) else { continue };
            let principal = Principal(format!("user:{}", self.number));
            let key = self.door.lot.one_in(2).then(|| key(self.number, turn));
            self.door.write(Wish { intent, principal, key, unique }).await;
        }
    }
}

fn key(number: u64, turn: u64) -> KeyUse {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    hash[8..16].copy_from_slice(&turn.to_be_bytes());
    KeyUse { hash, fingerprint: [7; 16] }
}

/// Takes back at the end what operators did that keeps brokers from serving.
pub async fn tidy(door: Door) {
    loop {
        sleep(Duration::from_millis(500)).await;
        let Some(state) = door.any().map(|node| node.state()) else { continue };
        let held = state.brokers().filter(|broker| broker.held && broker.state != BrokerState::Fencing);
        let unfence = held.map(|broker| Intent::UnfenceBroker { id: broker.id, expected: None });
        let drained = state.brokers().filter(|broker| state.draining(broker.id));
        let stop = drained.map(|broker| Intent::StopDrain { id: broker.id, expected: None });
        let replaced = state.settings().yes(&REPLACE).then(asking::no_replacement);
        for intent in replaced.into_iter().chain(unfence).chain(stop).chain(asking::give_up(&state)) {
            door.write(Wish { intent, principal: Principal("user:tidy".to_owned()), key: None, unique: false }).await;
        }
    }
}
