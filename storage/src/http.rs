//! What the service answers: pushes, its peers' question, and who it is.

use crate::client::Said;
use crate::peers::ReplicasAnswer;
use crate::push::Push;
use crate::replica::{Refused, Sender};
use crate::shared::Shared;
use acceptor::{Caller, Limits, Names, Places, Security};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, ORIGIN, RETRY_AFTER};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use metadata::contract::PUSH_PROOF;
use metadata::{Code, Index};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tls::Identity;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Bytes of a push that is read at most.
const LONGEST_PUSH: usize = 64 << 20;
/// Bytes of one that does not prove whom it is from.
const LONGEST_UNPROVEN: usize = 1 << 20;
/// How long a push may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// The leader, the peers of a cluster, and whoever looks: connections beyond these wait.
const LIMITS: Limits = Limits { connections: 512, head_within: Duration::from_secs(75), head_within_when_scarce: Duration::from_secs(2) };

/// Serves until it is told to stop.
pub(crate) async fn run(shared: Arc<Shared>, listener: TcpListener, halt: CancellationToken) {
    let security = match shared.options.tls.clone() {
        Some(speaking) => Security::Tls { speaking, peers: None },
        None => Security::Plain,
    };
    acceptor::serve(listener, router(shared), Places::new(LIMITS), security, halt.cancelled_owned()).await;
}

/// For this service under one of its names: another name is a page's that was led here.
async fn guard(State(names): State<Names>, request: Request, next: Next) -> Response {
    // A probe tells nothing and does nothing.
    let probe = request.uri().path() == "/healthz";
    if probe || names.asked(request.headers(), request.uri()).is_some() {
        return next.run(request).await;
    }
    refusal(Code::WrongHost, &format!("this service goes by: {}", names.all()))
}

fn router(shared: Arc<Shared>) -> Router {
    let names = Names::new(shared.options.names(shared.addr));
    Router::new()
        .route("/push", post(push).layer(DefaultBodyLimit::max(LONGEST_PUSH)))
        .route("/replicas", get(replicas))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/", get(about))
        .fallback(|| async { refusal(Code::NotFound, "see /, /healthz, /replicas and /push") })
        .method_not_allowed_fallback(|| async { refusal(Code::MethodNotAllowed, "pushes are POSTed, all else is read by GET") })
        .with_state(shared)
        .layer(axum::middleware::from_fn_with_state(names, guard))
}

async fn push(State(shared): State<Arc<Shared>>, Extension(caller): Extension<Caller>, request: Request) -> Response {
    if caller.secure && !matches!(caller.identity, Some(Identity::Controller(_))) {
        return refusal(Code::Unauthenticated, "over TLS a push shows a controller's certificate");
    }
    if request.headers().contains_key(ORIGIN) {
        return refusal(Code::ForbiddenOrigin, "a push does not come from a page");
    }
    let proof = request.headers().get(PUSH_PROOF).and_then(|proof| proof.to_str().ok());
    let proven = shared.client.is_controller(proof);
    // One at a time, before its body is read: this bounds the memory that pushes can take. Strangers do not take the leader's turn.
    let turns = if proven { &shared.pushing } else { &shared.unproven };
    let Ok(_turn) = turns.try_acquire() else {
        return ([(RETRY_AFTER, "1")], refusal(Code::Overloaded, "another push is being taken in")).into_response();
    };
    let body = match tokio::time::timeout(ARRIVAL, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) if !proven && body.len() > LONGEST_UNPROVEN => {
            return refusal(Code::PayloadTooLarge, "a push that does not prove that it is a controller's has up to 1 MiB");
        }
        Ok(Ok(body)) => body,
        Ok(Err(no)) if no.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let mut body = problem(Code::PayloadTooLarge, "a push has up to 64 MiB; what is larger will be fetched");
            // So that the sender need not begin with the same one again.
            body["acknowledged_index"] = json!(shared.replica.index());
            return answer_problem(Code::PayloadTooLarge, &body);
        }
        Ok(Err(no)) => return refusal(Code::InvalidRequest, &no.body_text()),
        Err(_) => return refusal(Code::InvalidRequest, "the body took too long to arrive"),
    };
    // A large push takes long enough to hold up a heartbeat.
    let parsed = tokio::task::spawn_blocking(move || Push::parse(&body)).await;
    let push = match parsed {
        Ok(Ok(push)) => push,
        Ok(Err(malformed)) => {
            if let Some(left_out) = shared.malformed.pass() {
                tracing::warn!(%malformed, left_out, "a push was not understood");
            }
            return refusal(Code::InvalidRequest, &malformed.to_string());
        }
        Err(_) => return refusal(Code::Overloaded, "the push was not finished"),
    };
    if !proven {
        // It is told what stands in its way, which everybody may know, and nothing of it is taken.
        return match shared.replica.refuses(&push) {
            Err(no) => refused(no),
            Ok(true) => acknowledgement(StatusCode::OK, None, shared.replica.index()),
            Ok(false) => refusal(Code::PolicyViolation, "a push carries what only the controllers know of this service's session"),
        };
    }
    if let Err(no) = confirmed(&shared, &push).await {
        return no;
    }
    let own = shared.clone();
    match tokio::task::spawn_blocking(move || own.replica.accept(push)).await {
        Ok(Ok(acknowledged)) => acknowledgement(StatusCode::OK, None, acknowledged),
        Ok(Err(no)) => refused(no),
        Err(_) => refusal(Code::Overloaded, "the push was not finished"),
    }
}

/// Whether the controllers know the sender as the leader of its term: who merely says so could end all pushes with one of the
/// greatest term there is. Each leader is asked about once.
async fn confirmed(shared: &Shared, push: &Push) -> Result<(), Response> {
    let stale = || refused(Refused::StaleTerm { acknowledged: shared.replica.index() });
    match shared.replica.sender(push) {
        Sender::Leads => Ok(()),
        Sender::LeadsNot => Err(stale()),
        Sender::Unknown => match shared.client.leads(push.controller_id, push.term).await {
            Said::Leads => {
                shared.replica.believe(push.controller_id, push.term);
                Ok(())
            }
            Said::LeadsNot => Err(stale()),
            Said::Nothing => {
                if let Some(left_out) = shared.strange.pass() {
                    tracing::warn!(
                        term = push.term,
                        controller = push.controller_id,
                        left_out,
                        "a push of a term that no controller knows of is not taken"
                    );
                }
                Err(([(RETRY_AFTER, "1")], refusal(Code::Overloaded, "no controller has confirmed this term yet")).into_response())
            }
        },
    }
}

fn refused(no: Refused) -> Response {
    acknowledgement(StatusCode::CONFLICT, Some(no.code()), no.acknowledged())
}

fn acknowledgement(status: StatusCode, code: Option<&str>, acknowledged_index: Index) -> Response {
    let mut body = json!({ "acknowledged_index": acknowledged_index });
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    (status, Json(body)).into_response()
}

async fn replicas(State(shared): State<Arc<Shared>>) -> Json<ReplicasAnswer> {
    Json(ReplicasAnswer {
        broker_id: shared.me(),
        broker_epoch: shared.epoch(),
        metadata_index: shared.replica.index(),
        replicas_online: shared.replicas_online.load(Ordering::Relaxed),
    })
}

async fn about(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({
        "service": "quorate reference storage service",
        "about": "It keeps the metadata and a directory per replica. It stores no messages.",
        "stores_messages": false,
        "broker_id": shared.me(),
        "broker_epoch": shared.epoch(),
        "metadata_index": shared.replica.index(),
    }))
}

fn refusal(code: Code, detail: &str) -> Response {
    answer_problem(code, &problem(code, detail))
}

fn problem(code: Code, detail: &str) -> Value {
    json!({
        "type": "about:blank",
        "title": code.title(),
        "status": code.status(),
        "detail": detail,
        "code": code.name(),
        "retryable": code.retryable(),
    })
}

fn answer_problem(code: Code, body: &Value) -> Response {
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
