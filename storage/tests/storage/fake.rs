//! A controller over HTTP: the cluster of this test behind the calls of the contract, and a pusher.

use crate::cluster::Cluster;
use anyhow::{Context, Result};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use metadata::intent::{Heartbeat, IsrChange, Registration};
use metadata::plan::heartbeat_reply;
use metadata::{BrokerId, Code, Index, Intent, Rejection};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

pub struct Fake {
    pub url: String,
    shared: Arc<Shared>,
    tasks: Vec<AbortHandle>,
}

struct Shared {
    cluster: Mutex<Cluster>,
    registrations: Mutex<Vec<Registration>>,
    acknowledged: Mutex<BTreeMap<BrokerId, Index>>,
    pushing: AtomicBool,
    fetched: AtomicUsize,
    start: Instant,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Fake {
    pub async fn start(cluster: Cluster) -> Result<Self> {
        let shared = Arc::new(Shared {
            cluster: Mutex::new(cluster),
            registrations: Mutex::default(),
            acknowledged: Mutex::default(),
            pushing: AtomicBool::new(true),
            fetched: AtomicUsize::new(0),
            start: Instant::now(),
        });
        let routes = Router::new()
            .route("/cluster", get(cluster_answer))
            .route("/brokers", post(register))
            .route("/brokers/{id}/heartbeat", post(heartbeat))
            .route("/brokers/{id}/isr", post(isr))
            .route("/state", get(state))
            .route("/state/digest", get(digest));
        let router = Router::new().nest("/api/v1", routes).with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let serve = tokio::spawn(async move { axum::serve(listener, router).await });
        let push = tokio::spawn(push_for_ever(shared.clone()));
        Ok(Fake { url, shared, tasks: vec![serve.abort_handle(), push.abort_handle()] })
    }

    pub fn cluster(&self) -> MutexGuard<'_, Cluster> {
        lock(&self.shared.cluster)
    }

    pub fn registrations(&self) -> Vec<Registration> {
        lock(&self.shared.registrations).clone()
    }

    pub fn set_pushing(&self, on: bool) {
        self.shared.pushing.store(on, Ordering::Relaxed);
    }

    /// How often the whole state was fetched.
    pub fn fetched(&self) -> usize {
        self.shared.fetched.load(Ordering::Relaxed)
    }

    /// Waits until something is true of the cluster.
    pub async fn until(&self, what: &str, is: impl Fn(&Cluster) -> bool) -> Result<()> {
        until(what, || is(&self.cluster())).await
    }
}

/// How long anything may take before a test fails, on a machine that has other work on every core as well.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until something is true.
pub async fn until(what: &str, is: impl Fn() -> bool) -> Result<()> {
    let waiting = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.with_context(|| format!("never came true: {what}"))
}

type Answer = Result<Json<Value>, Response>;

fn problem(no: &Rejection) -> Value {
    json!({ "code": no.code.name(), "detail": no.detail, "status": no.code.status(), "retryable": no.code.retryable() })
}

fn refuse(no: Rejection) -> Response {
    let status = StatusCode::from_u16(no.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [("content-type", "application/problem+json")], problem(&no).to_string()).into_response()
}

/// Unknown fields are refused, as the real one does.
#[expect(clippy::result_large_err, reason = "axum answers with it")]
fn parse<T: for<'de> Deserialize<'de>>(body: &Bytes, fields: &[&str]) -> Result<T, Response> {
    let no = |detail: String| refuse(Rejection::new(Code::InvalidRequest, detail));
    let value: Value = serde_json::from_slice(body).map_err(|error| no(error.to_string()))?;
    if let Some(unknown) = value.as_object().and_then(|object| object.keys().find(|key| !fields.contains(&key.as_str()))) {
        return Err(no(format!("unknown field {unknown}")));
    }
    serde_json::from_value(value).map_err(|error| no(error.to_string()))
}

async fn cluster_answer(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let cluster = lock(&shared.cluster);
    let identity = cluster.state().identity();
    Json(json!({
        "revision": cluster.index, "node_id": 1, "health": {}, "leader_id": 1, "term": cluster.term,
        "cluster_id": identity.map(|identity| identity.cluster_id), "lineage": identity.map(|identity| identity.lineage),
    }))
}

async fn register(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<(StatusCode, Json<Value>), Response> {
    let fields = ["id", "incarnation_id", "cluster_id", "rack", "endpoints", "push_url", "previous_broker_epoch"];
    let registration: Registration = parse(&body, &fields)?;
    let mut cluster = lock(&shared.cluster);
    cluster.liveness.now_ms = shared.start.elapsed().as_millis() as u64;
    let id = registration.id;
    let revision = cluster.try_submit(Intent::RegisterBroker { registration: registration.clone() }).map_err(refuse)?;
    lock(&shared.registrations).push(registration);
    lock(&shared.acknowledged).remove(&id);
    let broker_epoch = cluster.state().broker(id).map(|broker| broker.epoch);
    Ok((StatusCode::CREATED, Json(json!({ "revision": revision, "broker_epoch": broker_epoch }))))
}

#[derive(Deserialize)]
struct HeartbeatBody {
    broker_epoch: Index,
    metadata_index: Index,
    want_fence: bool,
    want_shut_down: bool,
}

async fn heartbeat(State(shared): State<Arc<Shared>>, Path(id): Path<u32>, body: Bytes) -> Answer {
    let HeartbeatBody { broker_epoch, metadata_index, want_fence, want_shut_down } =
        parse(&body, &["broker_epoch", "metadata_index", "want_fence", "want_shut_down"])?;
    let heartbeat = Heartbeat { id: BrokerId(id), broker_epoch, metadata_index, want_fence, want_shut_down };
    let mut cluster = lock(&shared.cluster);
    cluster.liveness.now_ms = shared.start.elapsed().as_millis() as u64;
    cluster.contact(heartbeat.id, broker_epoch, metadata_index);
    let revision = cluster.try_submit(Intent::BrokerHeartbeat { heartbeat }).map_err(refuse)?;
    let reply = heartbeat_reply(cluster.state(), &heartbeat);
    if reply.should_shut_down {
        cluster.liveness.sessions.remove(&heartbeat.id);
    }
    let mut answer = json!(reply);
    answer["revision"] = json!(revision);
    Ok(Json(answer))
}

#[derive(Deserialize)]
struct IsrBody {
    broker_epoch: Index,
    changes: Vec<IsrChange>,
}

async fn isr(State(shared): State<Arc<Shared>>, Path(id): Path<u32>, body: Bytes) -> Answer {
    let IsrBody { broker_epoch, changes } = parse(&body, &["broker_epoch", "changes"])?;
    let mut cluster = lock(&shared.cluster);
    let mut results = Vec::new();
    for change in changes {
        let (topic_id, partition) = (change.topic_id, change.partition);
        let mut result = json!({ "topic_id": topic_id, "partition": partition });
        match cluster.try_submit(Intent::ChangeIsr { id: BrokerId(id), broker_epoch, changes: vec![change] }) {
            Ok(_) => result["state"] = json!(cluster.state().partition(topic_id, partition)),
            Err(no) if no.code == Code::StaleBrokerEpoch => return Err(refuse(no)),
            Err(no) => result["error"] = problem(&no),
        }
        results.push(result);
    }
    Ok(Json(json!({ "revision": cluster.index, "results": results })))
}

async fn state(State(shared): State<Arc<Shared>>, Query(query): Query<BTreeMap<String, Index>>, headers: HeaderMap) -> Response {
    shared.fetched.fetch_add(1, Ordering::Relaxed);
    let cluster = lock(&shared.cluster);
    if query.get("min_revision").is_some_and(|index| *index > cluster.index) {
        return refuse(Rejection::new(Code::RevisionNotReached, "not yet"));
    }
    if headers.get("accept").is_some_and(|accept| accept == "application/octet-stream") {
        return metadata::snapshot::encode_state(cluster.state()).unwrap_or_default().into_response();
    }
    Json(metadata::views::full(cluster.state())).into_response()
}

async fn digest(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let cluster = lock(&shared.cluster);
    Json(json!({ "revision": cluster.index, "digest": cluster.state().digest() }))
}

/// Pushes to every broker what it has not acknowledged.
async fn push_for_ever(shared: Arc<Shared>) -> Result<()> {
    let http = reqwest::Client::new();
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if !shared.pushing.load(Ordering::Relaxed) {
            continue;
        }
        let mut due = Vec::new();
        {
            let (cluster, acknowledged) = (lock(&shared.cluster), lock(&shared.acknowledged));
            for broker in cluster.state().brokers() {
                let Some(url) = broker.push_url.clone() else { continue };
                match acknowledged.get(&broker.id).copied().unwrap_or(0) {
                    0 => due.push((broker.id, url, cluster.snapshot()?)),
                    index if index < cluster.state().revision() => due.push((broker.id, url, cluster.changes(index)?)),
                    _ => {}
                }
            }
        }
        for (id, url, push) in due {
            let Ok(response) = http.post(url).json(&push).timeout(Duration::from_secs(10)).send().await else { continue };
            let answer: Value = response.json().await.unwrap_or_default();
            let index = answer["acknowledged_index"].as_u64().unwrap_or(0);
            lock(&shared.acknowledged).insert(id, index);
        }
    }
}
