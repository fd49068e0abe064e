//! The first paint of one address.

use super::sampler::Sampler;
use crate::api::refused;
use crate::api::steered::Steering;
use crate::attention::attention;
use crate::boot::Boot;
use crate::foreseen::Foreseen;
use crate::heard::Heard;
use crate::pages::shown;
use crate::place::{Place, query_of};
use crate::recent::Recent;
use axum::http::Uri;
use controller::Controller;
use leptos_router::params::ParamsMap;
use metadata::frame::Pulse;
use metadata::{Commit, NodeId, Rejection, State, slice};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// How many commits it carries: as many as the overview lists.
const RECENT: usize = 12;

/// What a first paint needs of the node.
pub struct Node {
    pub id: NodeId,
    pub state: Arc<State>,
    pub pulse: Arc<Pulse>,
    pub quorum_age_ms: u64,
    /// Why it takes no part, if it does not.
    pub fault: Option<String>,
    /// Newest first.
    pub recent: Vec<Arc<Commit>>,
    pub heard: Heard,
}

impl Node {
    pub(super) fn of(controller: &Controller, sampler: &Sampler) -> Self {
        Node {
            id: controller.node_id(),
            state: controller.state(),
            pulse: controller.pulse(),
            quorum_age_ms: controller.quorum_age_ms(),
            fault: controller.fault().map(|fault| fault.to_string()),
            recent: controller.recent(RECENT),
            heard: sampler.heard(),
        }
    }
}

/// Everything that the page at this address needs to be painted.
pub fn boot(node: Node, uri: &Uri) -> Boot {
    let state = node.state;
    let (place, query) = (Place::of(uri.path()), query_of(uri.query().unwrap_or_default()));
    let shown = shown(&state, &place, &query);
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let recent: Vec<Recent> = node.recent.into_iter().take(RECENT).map(|commit| Recent::of(commit).shortened()).collect();
    Boot {
        url: uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        slice: slice::encode(&state, &shown.rows, &shown.whole).unwrap_or_default(),
        pulse: Some(node.pulse),
        node_id: node.id,
        now_ms,
        quorum_age_ms: node.quorum_age_ms,
        fault: node.fault,
        recent: postcard::to_allocvec(&recent).unwrap_or_default(),
        heard: node.heard,
        attention: attention(&state).count,
        foreseen: foreseen(&state, &place, &query, now_ms),
        refusal: refusal(&state, &place, &query, now_ms),
    }
}

/// What the action that the page Operations was asked about would do.
fn foreseen(state: &State, place: &Place, query: &ParamsMap, now_ms: u64) -> Option<Foreseen> {
    let asked = *place == Place::Operations && query.get_str("action").is_some() && query.get_str("refused").is_none();
    asked.then(|| Steering::of_query(query).foresee(state, now_ms).ok()).flatten()
}

/// Why the form that led here was refused, or why what it asks about would be.
fn refusal(state: &State, place: &Place, query: &ParamsMap, now_ms: u64) -> Option<Rejection> {
    let asked = *place == Place::Operations && query.get_str("action").is_some() && query.get_str("refused").is_none();
    if asked {
        return Steering::of_query(query).foresee(state, now_ms).err();
    }
    refused::reworded(state, place, query, now_ms)
}
