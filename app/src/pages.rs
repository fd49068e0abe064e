//! One module per page. Each renders from `Live` alone: on the server from the slice of the first paint, in the browser from the replica.

pub mod account;
pub mod accounts;
pub mod audit;
pub mod broker;
pub mod brokers;
pub mod create_topic;
pub mod first_paint;
pub mod history;
pub mod not_found;
pub mod operations;
pub mod overview;
#[cfg(all(test, feature = "ssr"))]
mod painted;
pub mod quorum;
#[cfg(test)]
pub mod sample;
pub mod topic;
pub mod topics;

use crate::attention;
use crate::place::Place;
use crate::shown::Shown;
use leptos_router::params::ParamsMap;
use metadata::State;

/// Which topics the page at this place shows: the server puts these, and nothing more, into the first paint.
pub fn shown(state: &State, place: &Place, query: &ParamsMap) -> Shown {
    match place {
        Place::Overview => attention::shown(state),
        Place::Topics => topics::shown(state, query),
        Place::CreateTopic => create_topic::shown(state, query),
        Place::Topic(name) => topic::shown(state, name, query),
        Place::Brokers => brokers::shown(state, query),
        Place::Broker(id) => broker::shown(state, *id, query),
        Place::Quorum | Place::Operations | Place::History | Place::Account | Place::Accounts | Place::Audit | Place::Nowhere => {
            Shown::default()
        }
    }
}

/// What the page at this place previews at first.
#[cfg(feature = "ssr")]
pub fn previewed(state: &State, place: &Place, query: &ParamsMap) -> Vec<u8> {
    if *place == Place::CreateTopic { create_topic::painted(state, query) } else { Vec::new() }
}
