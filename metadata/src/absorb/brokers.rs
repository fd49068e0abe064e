//! Brokers.

use crate::ids::BrokerId;
use crate::model::{Broker, Standing};
use crate::proof::digest::Kind;
use crate::state::{FIRST_FORMAT, State};
use std::sync::Arc;

impl State {
    pub(crate) fn put_broker(&mut self, broker: &Arc<Broker>) {
        self.digest.add(Kind::Broker, broker);
        if let Some(old) = self.brokers.insert(broker.id, broker.clone()) {
            self.digest.sub(Kind::Broker, &old);
        }
    }

    /// J4, J10: when a broker comes online, or stops being it; from the second format on.
    pub(super) fn note_turn(&mut self, at_ms: u64, next: &Broker) {
        let was = self.broker(next.id).is_some_and(|old| old.active());
        if was != next.active() && self.format() > FIRST_FORMAT {
            self.put_standing(next.id, Standing { since_ms: at_ms, ..self.standing(next.id) });
        }
    }

    pub(crate) fn put_standing(&mut self, id: BrokerId, standing: Standing) {
        if let Some(old) = self.standings.remove(id) {
            self.digest.sub(Kind::Standing, &(id, old));
        }
        // What says nothing is no entity.
        if standing != Standing::default() {
            self.digest.add(Kind::Standing, &(id, standing));
            self.standings.insert(id, standing);
        }
    }

    pub(super) fn drop_broker(&mut self, id: BrokerId) {
        if let Some(old) = self.brokers.remove(&id) {
            self.digest.sub(Kind::Broker, &old);
        }
        if let Some(old) = self.standings.remove(id) {
            self.digest.sub(Kind::Standing, &(id, old));
        }
    }
}
