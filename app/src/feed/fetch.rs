//! The whole state in its compact binary form.

use crate::base;
use futures::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::Uint8Array;
use leptos::prelude::window;
use metadata::envelope::EnvelopeError;
use metadata::snapshot::decode_state;
use metadata::{Index, State};
use std::pin::pin;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, RequestCache, RequestInit, Response};

/// The longest that a node may take to send it.
const LIMIT_MS: u32 = 60_000;

/// Why there is no state.
#[derive(Debug)]
pub enum NoState {
    /// The node did not answer, or not with a state.
    Unreachable,
    /// The node does not know who asks any more.
    SignedOut,
    /// What it sent is newer than this page.
    TooNew,
    Damaged(EnvelopeError),
}

/// Takes the state from the node that served the page, as it is or as of an index.
pub async fn state(index: Option<Index>) -> Result<State, NoState> {
    let bytes = match select(pin!(bytes(index)), pin!(TimeoutFuture::new(LIMIT_MS))).await {
        Either::Left((Ok(bytes), _)) => bytes,
        Either::Left((Err(status), _)) if status.as_f64() == Some(401.0) => return Err(NoState::SignedOut),
        _ => return Err(NoState::Unreachable),
    };
    decode_state(&bytes).map_err(|error| match error {
        EnvelopeError::TooNew { .. } => NoState::TooNew,
        other => NoState::Damaged(other),
    })
}

async fn bytes(index: Option<Index>) -> Result<Vec<u8>, JsValue> {
    let headers = Headers::new()?;
    headers.set("Accept", "application/octet-stream")?;
    let init = RequestInit::new();
    init.set_headers(&headers);
    init.set_cache(RequestCache::NoStore);
    let path = index.map_or_else(|| "/api/v1/state".to_owned(), |index| format!("/api/v1/state?index={index}"));
    let response: Response = JsFuture::from(window().fetch_with_str_and_init(&base::to(&path), &init)).await?.dyn_into()?;
    if !response.ok() {
        return Err(JsValue::from(response.status()));
    }
    Ok(Uint8Array::new(&JsFuture::from(response.array_buffer()?).await?).to_vec())
}
