//! The first paint of one address.

use super::looking_back::Looked;
use super::past::Then;
use super::people::{self, Trail};
use super::sampler::Sampler;
use crate::api::refused;
use crate::api::steered::Steering;
use crate::attention::attention;
use crate::boot::Boot;
use crate::foreseen::Foreseen;
use crate::heard::Heard;
use crate::looker::{Looker, Reach};
use crate::looking_back::RECENT;
use crate::pages::{previewed, shown};
use crate::place::{Place, query_of};
use crate::recent::Recent;
use axum::http::{Uri, request::Parts};
use controller::{Asker, Controller};
use leptos_router::params::ParamsMap;
use metadata::frame::Pulse;
use metadata::{Code, Commit, NodeId, Rejection, State, slice};
use serde::Serialize;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

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
    pub reach: Reach,
    /// What was written down last.
    pub trail: Trail,
    pub controller: Controller,
}

impl Node {
    pub(super) fn of(controller: &Controller, sampler: &Sampler, reach: Reach, trail: Trail) -> Self {
        Node {
            id: controller.node_id(),
            state: controller.state(),
            pulse: controller.pulse(),
            quorum_age_ms: controller.quorum_age_ms(),
            fault: controller.fault().map(|fault| fault.to_string()),
            recent: controller.recent(RECENT),
            heard: sampler.heard(),
            reach,
            trail,
            controller: controller.clone(),
        }
    }
}

/// Everything that the page at this address needs to be painted.
pub fn boot(node: Node, parts: &Parts) -> Boot {
    let (uri, asker) = (&parts.uri, parts.extensions.get::<Asker>());
    if let Some(then) = parts.extensions.get::<Arc<Then>>() {
        let past = bytes(parts.extensions.get::<Looked>().map(|looked| &*looked.0));
        return Boot { past, ..boot_then(&node, then, uri, asker) };
    }
    let state = node.state;
    let (place, query) = (Place::of(uri.path()), query_of(uri.query().unwrap_or_default()));
    let shown = shown(&state, &place, &query);
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let looker = people::looker(asker, node.reach);
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
        foreseen: bytes(foreseen(&state, &place, &query, &looker, now_ms)),
        refusal: refusal(&state, &place, &query, &looker, now_ms),
        previewed: previewed(&state, &place, &query),
        people: bytes(people::shown(&node.controller, &node.trail, &place, asker)),
        past: bytes(parts.extensions.get::<Looked>().map(|looked| &*looked.0)),
        looker,
        as_of: None,
    }
}

/// The same as of an index: of what was heard then nothing is kept, and nothing of now is shown for it.
fn boot_then(node: &Node, then: &Then, uri: &Uri, asker: Option<&Asker>) -> Boot {
    let (place, query) = (Place::of(uri.path()), query_of(uri.query().unwrap_or_default()));
    let shown = shown(&then.state, &place, &query);
    let recent: Vec<Recent> = then.recent.iter().map(|commit| Recent::of(commit.clone()).shortened()).collect();
    Boot {
        url: uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        slice: slice::encode(&then.state, &shown.rows, &shown.whole).unwrap_or_default(),
        node_id: node.id,
        // Ages are those of then.
        now_ms: then.state.at_ms(),
        recent: postcard::to_allocvec(&recent).unwrap_or_default(),
        attention: attention(&then.state).count,
        previewed: previewed(&then.state, &place, &query),
        looker: people::looker(asker, node.reach),
        as_of: Some(then.banner.clone()),
        ..Boot::default()
    }
}

/// What only some pages read, for them to read; empty where there is none.
fn bytes(shown: Option<impl Serialize>) -> Vec<u8> {
    shown.and_then(|shown| postcard::to_allocvec(&shown).ok()).unwrap_or_default()
}

/// What the action that the page Operations was asked about would do.
fn foreseen(state: &State, place: &Place, query: &ParamsMap, looker: &Looker, now_ms: u64) -> Option<Foreseen> {
    asked(place, query).then(|| foresee(state, query, looker, now_ms).ok()).flatten()
}

fn asked(place: &Place, query: &ParamsMap) -> bool {
    *place == Place::Operations && query.get_str("action").is_some() && query.get_str("refused").is_none()
}

/// What is not theirs to do is not theirs to try.
fn foresee(state: &State, query: &ParamsMap, looker: &Looker, now_ms: u64) -> Result<Foreseen, Rejection> {
    let steering = Steering::of_query(query);
    if let Some(why) = looker.may_not(&steering.demand()?) {
        return Err(Rejection::new(Code::Forbidden, why));
    }
    steering.foresee(state, now_ms)
}

/// Why the form that led here was refused, or why what it asks about would be.
fn refusal(state: &State, place: &Place, query: &ParamsMap, looker: &Looker, now_ms: u64) -> Option<Rejection> {
    if asked(place, query) {
        return foresee(state, query, looker, now_ms).err();
    }
    if matches!(place, Place::Accounts | Place::Account) {
        return people::reworded(query);
    }
    refused::reworded(state, place, query, now_ms)
}
