//! Registrations, and the states of brokers.

use crate::change::Change;
use crate::ids::{BrokerId, Index};
use crate::intent::Registration;
use crate::model::{Broker, BrokerState, Standing};
use crate::reassignment::Why;
use crate::rejection::{Code, Rejection};
use crate::state::State;
use std::sync::Arc;

impl State {
    /// The broker of this id at this epoch (A9).
    pub(crate) fn broker_at(&self, id: BrokerId, epoch: Index) -> Result<&Arc<Broker>, Rejection> {
        let broker = self.broker(id).ok_or_else(|| unknown_broker(id))?;
        if broker.epoch != epoch {
            return Err(Rejection::new(Code::StaleBrokerEpoch, format!("Broker {id} is registered at another epoch")).at(
                "broker_epoch",
                epoch,
                broker.epoch.to_string(),
            ));
        }
        Ok(broker)
    }

    pub(super) fn registered(
        &self,
        new: &Registration,
        replaces: Option<Index>,
        amends: Option<Index>,
        index: Index,
    ) -> Result<Broker, Rejection> {
        let old = self.broker(new.id);
        let moved =
            || Rejection::new(Code::DuplicateBrokerRegistration, format!("Broker {} was registered by another process meanwhile", new.id));
        self.check_broker_number(new.id)?;
        let fresh = match (old, replaces, amends) {
            (Some(old), None, Some(epoch)) if old.epoch == epoch && old.incarnation_id == new.incarnation_id => Some(old),
            (Some(old), Some(epoch), None) if old.epoch == epoch => None,
            (None, None, None) => None,
            _ => return Err(moved()),
        };
        if fresh.is_none() {
            self.check_out_of_sync(new.id)?;
        }
        Ok(Broker {
            id: new.id,
            epoch: fresh.map_or(index, |same| same.epoch),
            changed_index: index,
            incarnation_id: new.incarnation_id,
            rack: new.rack.clone(),
            endpoints: new.endpoints.clone(),
            push_url: new.push_url.clone(),
            state: fresh.map_or(BrokerState::Fenced, |same| same.state),
            // An operator's fence outlives a restart of the broker (B4a).
            held: old.is_some_and(|old| old.held),
            shutdown_index: fresh.and_then(|same| same.shutdown_index),
        })
    }

    /// J9, for the plan and again for apply: a controller may have joined meanwhile.
    pub(crate) fn check_broker_number(&self, id: BrokerId) -> Result<(), Rejection> {
        if self.is_controller(id.0.into()) {
            let detail = "A controller has this id; controllers and brokers share one number space";
            return Err(Rejection::new(Code::InvalidRegistration, detail).at("id", id, "an id that no controller has"));
        }
        Ok(())
    }

    /// Who is fenced, replaced or removed has left every ISR before (A5, A8, B15).
    pub(super) fn check_out_of_sync(&self, id: BrokerId) -> Result<(), Rejection> {
        let load = self.load(id);
        if load.leaders > 0 || load.in_sync > 0 {
            return Err(Rejection::new(Code::InvalidUpdateVersion, format!("Broker {id} came to lead or to be in sync meanwhile")));
        }
        Ok(())
    }

    pub(super) fn drained(&self, id: BrokerId, epoch: Index, draining: bool, index: Index) -> Result<Vec<Change>, Rejection> {
        let old = self.broker_at(id, epoch)?;
        let touched = Broker { changed_index: index, ..Broker::clone(old) };
        let standing = Standing { draining: draining.then_some(index), ..self.standing(id) };
        Ok(vec![Change::BrokerChanged { broker: Arc::new(touched) }, Change::StandingChanged { id, standing }])
    }

    /// J4: a broker that was replaced and comes back may have replicas again; one that an operator drains stays so.
    pub(super) fn no_longer_replaced(&self, id: BrokerId, state: BrokerState) -> Option<Change> {
        let standing = Some(self.standing(id)).filter(|_| state == BrokerState::Online)?;
        let of = self.reassignment(standing.draining?)?;
        (of.reason == Why::Replacement).then_some(Change::StandingChanged { id, standing: Standing { draining: None, ..standing } })
    }

    pub(super) fn with_status(
        &self,
        id: BrokerId,
        epoch: Index,
        state: BrokerState,
        held: bool,
        by_operator: bool,
        index: Index,
    ) -> Result<Broker, Rejection> {
        let old = self.broker_at(id, epoch)?;
        if (held != old.held && !by_operator) || (held && state == BrokerState::Online) {
            return Err(Rejection::new(Code::PolicyViolation, format!("Broker {id} is held fenced, and only an operator changes that")));
        }
        let fits = match state {
            BrokerState::Online => old.state == BrokerState::Fenced,
            BrokerState::ShuttingDown => matches!(old.state, BrokerState::Online | BrokerState::ShuttingDown),
            BrokerState::Fencing | BrokerState::Fenced => true,
        };
        if !fits {
            return Err(Rejection::new(Code::InvalidUpdateVersion, format!("Broker {id} changed its state meanwhile")));
        }
        if state == BrokerState::Fenced {
            self.check_out_of_sync(id)?;
        }
        let shutdown_index = (state == BrokerState::ShuttingDown).then_some(index);
        let changed_index = if by_operator { index } else { old.changed_index };
        Ok(Broker { state, held, shutdown_index, changed_index, ..Broker::clone(old) })
    }
}

pub(crate) fn unknown_broker(id: BrokerId) -> Rejection {
    Rejection::new(Code::BrokerIdNotRegistered, format!("Broker {id} is not registered")).at("id", id, "the id of a registered broker")
}
