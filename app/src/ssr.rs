//! The dashboard's routes for the server: pages, and server functions below `/_fn`.

pub mod door;
mod looking_back;
mod paint;
mod past;
mod people;
mod sampler;

use crate::api::Looks;
use crate::base::{AsOf, Base};
use crate::looker::Reach;
use crate::looking_back::Tape;
use crate::shape;
use crate::shell::document::Document;
use crate::{App, Assets};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, Uri, header, request::Parts};
use axum::middleware::{from_fn_with_state, map_request, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use controller::Controller;
use leptos::config::LeptosOptions;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos::server_fn::error::SERVER_FN_ERROR_HEADER;
use leptos_axum::{LeptosRoutes, ResponseOptions, generate_route_list, handle_server_fns_with_context, render_app_to_stream_with_context};
pub use paint::Node;
pub use people::Trail;
use sampler::Sampler;
use std::sync::Arc;

/// Every page, a 404 page for every other path, and `POST /_fn/…`. Must be called within the runtime.
///
/// The server adds what concerns all its routes: the check of Host and Origin, limits, and the files below `/pkg`.
pub fn routes(controller: Controller, assets: Assets, base: &str, reach: Reach, trail: Trail) -> Router {
    let base = Base(base.into());
    let sampler = Sampler::start(&controller);
    let looks = Looks { controller: controller.clone(), tape: Tape::default() };
    let functions = {
        let (looks, base) = (looks.clone(), base.clone());
        move |request: Request<Body>| {
            let (looks, base) = (looks.clone(), base.clone());
            let context = move || {
                provide_context(looks.controller.clone());
                provide_context(looks.clone());
                provide_context(base.clone());
            };
            async move { handle_server_fns_with_context(context, request).await.into_response() }
        }
    };
    let of_node = controller.clone();
    let node = move || {
        let controller = &of_node;
        provide_context(controller.clone());
        Node::of(controller, &sampler, reach, trail.clone())
    };
    let past = past::LookingBack::new(controller, door::Door { assets: assets.clone(), base: base.clone() });
    // Before the base path is put back.
    let pages = pages(node, assets, base).layer(from_fn_with_state(looks, looking_back::before));
    pages.layer(from_fn_with_state(past, past::look_back)).route("/_fn/{name}", post(functions))
}

/// The answer to a call of a page that is alive, when whoever asks is not known any more.
pub fn refused_call(no: &metadata::Rejection) -> Response {
    let answer: crate::api::Answer = Err(no.clone());
    ([(header::CONTENT_TYPE, crate::api::ANSWER_TYPE)], postcard::to_allocvec(&answer).unwrap_or_default()).into_response()
}

/// A form that cannot be read at all, as no page of ours sends it, is answered with what is wrong, and not with another page.
async fn unreadable(mut response: Response) -> Response {
    if response.status() == StatusCode::FOUND && response.headers().contains_key(SERVER_FN_ERROR_HEADER) {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.headers_mut().remove(header::LOCATION);
    }
    response
}

/// The pages alone, painted from what `node` says.
pub fn pages(node: impl Fn() -> Node + Clone + Send + Sync + 'static, assets: Assets, base: Base) -> Router {
    let below = base.clone();
    let contexts = move || {
        // Without a request the routes are being listed, as they are without a base.
        if use_context::<Parts>().is_some() {
            provide_context(base.clone());
            provide_page(&node);
        }
    };
    let page = move || view! { <Document assets=assets.clone()/> };
    let nowhere = render_app_to_stream_with_context(contexts.clone(), page.clone());
    let options = LeptosOptions::builder().output_name("quorate").build();
    Router::new()
        .leptos_routes_with_context(&options, generate_route_list(App), contexts, page)
        .fallback(move |request: Request<Body>| nowhere(request))
        .layer(map_response(unreadable))
        .layer(map_response(stamped))
        .layer(map_request(move |request| with_base(request, below.clone())))
        .with_state(options)
}

/// A page's request as the browser knows it: whatever came before has taken the base path off. Functions are found without it.
async fn with_base(mut request: Request<Body>, base: Base) -> Request<Body> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let page = !base.0.is_empty() && !path.starts_with("/_fn/");
    if let Some(uri) = Uri::try_from([&*base.0, path].concat()).ok().filter(|_| page) {
        *request.uri_mut() = uri;
    }
    request
}

/// A page with the shape of its own markup in it: what it has to look like still when it comes alive.
async fn stamped(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    if !parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
        return Response::from_parts(parts, body);
    }
    // It is in memory already, whole.
    let page = axum::body::to_bytes(body, usize::MAX).await.map(Vec::from).map(String::from_utf8);
    let Ok(Ok(page)) = page else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(shape::stamp(page)))
}

/// What a page finds in its context: the first paint of its address; and its headers.
fn provide_page(node: impl Fn() -> Node) {
    let Some(parts) = use_context::<Parts>() else { return };
    if let Some(then) = parts.extensions.get::<Arc<past::Then>>() {
        provide_context(AsOf(then.index));
    }
    provide_context(Arc::new(paint::boot(node(), &parts)));
    let Some(response) = use_context::<ResponseOptions>() else { return };
    response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // The nonce covers the loader alone; the values of bars and strips are style attributes.
    let policy = use_nonce().map(|nonce| {
        format!(
            "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; style-src-attr 'unsafe-inline'; \
             img-src 'self' data:; font-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
        )
    });
    if let Some(policy) = policy.and_then(|policy| HeaderValue::from_str(&policy).ok()) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}
