//! The first paint of one address.

use super::sampler::Sampler;
use crate::api::refused;
use crate::attention::attention;
use crate::boot::Boot;
use crate::place::{Place, query_of};
use crate::recent::Recent;
use crate::shown::shown;
use axum::http::Uri;
use controller::Controller;
use metadata::slice;
use std::time::{SystemTime, UNIX_EPOCH};

/// How many commits it carries: as many as the overview lists.
const RECENT: usize = 12;

/// Everything that the page at this address needs to be painted.
pub fn boot(controller: &Controller, sampler: &Sampler, uri: &Uri) -> Boot {
    let state = controller.state();
    let (place, query) = (Place::of(uri.path()), query_of(uri.query().unwrap_or_default()));
    let shown = shown(&state, &place, &query);
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    Boot {
        url: uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        slice: slice::encode(&state, &shown.rows, &shown.whole).unwrap_or_default(),
        pulse: Some(controller.pulse()),
        node_id: controller.node_id(),
        now_ms,
        quorum_age_ms: controller.quorum_age_ms(),
        recent: controller.recent(RECENT).into_iter().map(|commit| Recent::of(commit).shortened()).collect(),
        heard: sampler.heard(),
        attention: attention(&state).count,
        refusal: refused::reworded(&state, &place, &query, now_ms),
    }
}
