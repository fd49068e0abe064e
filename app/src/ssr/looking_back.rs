//! Before the pages that look back are drawn, which takes no time of its own: asks the journal, and leaves the answer with the request.

use crate::api::Looks;
use crate::looking_back::{look, wanted};
use crate::past::Past;
use crate::place::{Place, query_of};
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Request};
use axum::middleware::Next;
use axum::response::Response;
use controller::Asker;
use std::sync::Arc;

/// What was found, with the request of the page that shows it.
#[derive(Clone)]
pub struct Looked(pub Arc<Past>);

/// Looks back for the page that is asked for, where it shows anything of it.
pub async fn before(State(looks): State<Looks>, mut request: Request<Body>, next: Next) -> Response {
    let (place, query) = (Place::of(request.uri().path()), query_of(request.uri().query().unwrap_or_default()));
    if let Some(query) = wanted(&place, &query).filter(|_| *request.method() == Method::GET) {
        let asker = request.extensions().get::<Asker>().cloned();
        let past = look(&looks.controller, &looks.tape, &place, &query, asker.as_ref(), None).await;
        request.extensions_mut().insert(Looked(Arc::new(past)));
    }
    next.run(request).await
}
