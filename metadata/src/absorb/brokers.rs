//! Brokers.

use crate::ids::BrokerId;
use crate::model::Broker;
use crate::proof::digest::Kind;
use crate::state::State;
use std::sync::Arc;

impl State {
    pub(crate) fn put_broker(&mut self, broker: &Arc<Broker>) {
        self.digest.add(Kind::Broker, broker);
        if let Some(old) = self.brokers.insert(broker.id, broker.clone()) {
            self.digest.sub(Kind::Broker, &old);
        }
    }

    pub(super) fn drop_broker(&mut self, id: BrokerId) {
        if let Some(old) = self.brokers.remove(&id) {
            self.digest.sub(Kind::Broker, &old);
        }
    }
}
