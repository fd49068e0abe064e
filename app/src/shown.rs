//! Which topics a page shows: the server puts these, and nothing more, into the first paint.

use crate::attention;
use crate::place::Place;
use leptos_router::params::ParamsMap;
use metadata::{State, TopicId};

/// What the slice of a page holds beside every broker and every controller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Topics as rows: with their counts and their first partition.
    pub rows: Vec<TopicId>,
    /// Topics with all their partitions.
    pub whole: Vec<TopicId>,
}

/// What the page at this place shows.
pub fn shown(state: &State, place: &Place, query: &ParamsMap) -> Shown {
    match place {
        Place::Overview => attention::shown(state),
        Place::Topics => crate::pages::topics::shown(state, query),
        Place::CreateTopic => crate::pages::create_topic::shown(state, query),
        Place::Topic(name) => crate::pages::topic::shown(state, name, query),
        Place::Brokers => crate::pages::brokers::shown(state, query),
        Place::Broker(id) => crate::pages::broker::shown(state, *id, query),
        Place::Quorum | Place::Operations | Place::Nowhere => Shown::default(),
    }
}
