//! The calls of a storage service to the controllers, over a list of them: where one does not answer, the next is tried.
//!
//! Every call here may be made twice: a registration is known by its incarnation, an ISR change by the epochs that it
//! rests on, and a heartbeat says what it said before. So trying elsewhere is always safe.

pub use crate::answers::{Beat, DigestAt, IsrAnswer, IsrResult, Problem, Registered};
use crate::invalid_option::InvalidOption;
use crate::secret::Secret;
use futures::stream::{FuturesUnordered, StreamExt};
use metadata::contract::{BOUND, SESSION};
use metadata::intent::{Heartbeat, IsrChange, Registration};
use metadata::model::Identity;
use metadata::views::StateView;
use metadata::{BrokerId, Code, Index, NodeId, State, Term};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use thiserror::Error;
use tls::{Expected, Speaking};
use uuid::Uuid;

/// How long one controller may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A heartbeat that three controllers leave unanswered must still end within a session (9 s).
const HEARTBEAT_PATIENCE: Duration = Duration::from_secs(2);
/// Who asks what a push says of its sender holds the push up.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(1);
/// The whole state of a million partitions takes longer to send.
const STATE_PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of an answer that is read at most.
const LONGEST_ANSWER: usize = 16 << 20;
/// Bytes of a state that is read at most.
const LONGEST_STATE: usize = 1 << 30;
const BINARY: &str = "application/octet-stream";

/// Why a call came to nothing.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The list of controllers is empty, which [`Client::new`] refuses.
    #[error("there is no controller to ask")]
    NoController,
    /// Nobody answered in time. It may have happened nevertheless.
    #[error("{url} did not answer: {}", tls::causes(.source))]
    Unreachable { url: String, source: reqwest::Error },
    /// A controller said no, with a problem document.
    #[error("{0}")]
    Refused(Problem),
    /// What answered does not speak the contract.
    #[error("{url} answered {status} with what is no answer of a controller: {detail}")]
    NotUnderstood { url: String, status: u16, detail: String },
}

impl ClientError {
    /// Whether the same call may succeed later.
    pub fn retryable(&self) -> bool {
        match self {
            ClientError::NoController => false,
            ClientError::Unreachable { .. } => true,
            ClientError::Refused(problem) => problem.retryable || self.code().is_some_and(Code::retryable),
            ClientError::NotUnderstood { status, .. } => *status >= 500,
        }
    }

    /// The code of a refusal, where this build knows it.
    pub fn code(&self) -> Option<Code> {
        match self {
            ClientError::Refused(problem) => Code::from_name(&problem.code),
            _ => None,
        }
    }

    /// Whether another controller may answer better. One that is behind knows nothing of a token that is new.
    fn elsewhere(&self) -> bool {
        match self {
            ClientError::Refused(_) => {
                matches!(self.code(), Some(Code::NoLeader | Code::NotController | Code::Overloaded | Code::Unauthenticated))
            }
            _ => true,
        }
    }
}

#[derive(Deserialize)]
struct ClusterAnswer {
    cluster_id: Option<Uuid>,
    lineage: Option<Uuid>,
    leader_id: Option<NodeId>,
    #[serde(default)]
    term: Term,
}

/// What the controllers say of somebody who says that it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// One of them knows it as the leader of that term.
    Leads,
    /// One of them is in a later term, or knows another leader of this one.
    LeadsNot,
    /// None of them answers, or none knows of that term.
    Nothing,
}

struct Call {
    method: Method,
    /// Below the base path, with its query.
    path: String,
    body: Option<Value>,
    accept: &'static str,
    patience: Duration,
    longest: usize,
}

impl Call {
    fn get(path: String) -> Self {
        Call { method: Method::GET, path, body: None, accept: "application/json", patience: PATIENCE, longest: LONGEST_ANSWER }
    }

    fn post(path: String, body: Value) -> Self {
        Call { method: Method::POST, body: Some(body), ..Call::get(path) }
    }

    fn state(min_revision: Index, accept: &'static str) -> Self {
        Call { accept, patience: STATE_PATIENCE, longest: LONGEST_STATE, ..Call::get(format!("state?min_revision={min_revision}")) }
    }
}

struct Answer {
    url: String,
    status: StatusCode,
    body: Vec<u8>,
    /// Of a registration: the controllers keep the secret's hash.
    bound: bool,
}

impl Answer {
    fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|error| self.not_understood(error.to_string()))
    }

    fn not_understood(&self, detail: String) -> ClientError {
        ClientError::NotUnderstood { url: self.url.clone(), status: self.status.as_u16(), detail }
    }
}

/// A client of all controllers of a cluster. Calls may run side by side.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    controllers: Vec<Url>,
    /// The controller that answered last: the next call begins there.
    preferred: AtomicUsize,
    secret: Secret,
    authorization: Option<HeaderValue>,
}

impl Client {
    /// A client of the controllers at these base URLs, with what it speaks TLS with and shows.
    ///
    /// # Errors
    /// When there is none, or one of them is no URL that can be spoken to.
    pub fn new(controllers: &[String], tls: Option<&Speaking>, authorization: Option<HeaderValue>) -> Result<Self, InvalidOption> {
        Ok(Client {
            http: http_client(PATIENCE, tls, Expected::Controller)?,
            controllers: parse_controllers(controllers, tls)?,
            preferred: AtomicUsize::new(0),
            secret: Secret::new()?,
            authorization,
        })
    }

    /// Who the cluster is; none before its first leader has named it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn cluster(&self) -> Result<Option<Identity>, ClientError> {
        let answer: ClusterAnswer = self.call(Call::get("cluster".to_owned())).await?.json()?;
        Ok(answer.cluster_id.zip(answer.lineage).map(|(cluster_id, lineage)| Identity { cluster_id, lineage }))
    }

    /// What the controllers say of a leader of a term. All are asked at once: at the beginning of a term only those that voted know of it.
    pub async fn leads(&self, leader: NodeId, term: Term) -> Said {
        let call = Call { patience: CONFIRM_PATIENCE, ..Call::get("cluster".to_owned()) };
        let each = self.controllers.iter().map(|base| async {
            let answer: ClusterAnswer = self.attempt(base, &call).await.ok()?.json().ok()?;
            Some(match answer.leader_id {
                Some(id) if answer.term == term && id == leader => Said::Leads,
                // Who is cut off may be in a later term, in which nobody leads.
                Some(_) if answer.term >= term => Said::LeadsNot,
                _ => Said::Nothing,
            })
        });
        let mut said: FuturesUnordered<_> = each.collect();
        let mut denied = false;
        // Who knows it is not outvoted, and the silent are not waited for.
        while let Some(one) = said.next().await {
            match one {
                Some(Said::Leads) => return Said::Leads,
                one => denied |= one == Some(Said::LeadsNot),
            }
        }
        if denied { Said::LeadsNot } else { Said::Nothing }
    }

    /// Registers, or amends the registration of the same incarnation.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn register(&self, registration: &Registration) -> Result<Registered, ClientError> {
        let answer = self.call(Call::post("brokers".to_owned(), json!(registration))).await?;
        self.secret.kept(answer.bound);
        answer.json()
    }

    /// Whether who gives this proof is a controller, as far as that can be told.
    pub fn is_controller(&self, proof: Option<&str>) -> bool {
        self.secret.proven_by(proof)
    }

    /// Sends one heartbeat.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<Beat, ClientError> {
        let body = json!({
            "broker_epoch": heartbeat.broker_epoch,
            "metadata_index": heartbeat.metadata_index,
            "want_fence": heartbeat.want_fence,
            "want_shut_down": heartbeat.want_shut_down,
        });
        let call = Call::post(format!("brokers/{}/heartbeat", heartbeat.id), body);
        self.call(Call { patience: HEARTBEAT_PATIENCE, ..call }).await?.json()
    }

    /// Proposes ISR changes of partitions that this broker leads.
    ///
    /// # Errors
    /// See [`ClientError`]; what concerns one change alone is in the answer.
    pub async fn change_isr(&self, id: BrokerId, broker_epoch: Index, changes: &[IsrChange]) -> Result<IsrAnswer, ClientError> {
        let body = json!({ "broker_epoch": broker_epoch, "changes": changes });
        self.call(Call::post(format!("brokers/{id}/isr"), body)).await?.json()
    }

    /// The digest of a state that is not older than `min_revision`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn digest(&self, min_revision: Index) -> Result<DigestAt, ClientError> {
        self.call(Call::get(format!("state/digest?min_revision={min_revision}"))).await?.json()
    }

    /// A state that is not older than `min_revision`, in the compact form, its digest checked.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn state(&self, min_revision: Index) -> Result<State, ClientError> {
        let answer = self.call(Call::state(min_revision, BINARY)).await?;
        // A large state takes long enough to decode to hold up a heartbeat.
        let decoded = tokio::task::spawn_blocking(move || {
            metadata::snapshot::decode_state(&answer.body).map_err(|error| answer.not_understood(error.to_string()))
        });
        match decoded.await {
            Ok(state) => state,
            Err(error) => Err(ClientError::NotUnderstood { url: "state".to_owned(), status: 200, detail: error.to_string() }),
        }
    }

    /// A state that is not older than `min_revision`, as people read it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn state_view(&self, min_revision: Index) -> Result<StateView, ClientError> {
        self.call(Call::state(min_revision, "application/json")).await?.json()
    }

    async fn call(&self, call: Call) -> Result<Answer, ClientError> {
        let first = self.preferred.load(Ordering::Relaxed);
        let (mut refused, mut silent) = (None, None);
        for step in 0..self.controllers.len() {
            let at = (first + step) % self.controllers.len();
            match self.attempt(&self.controllers[at], &call).await {
                Err(error) if error.elsewhere() => match error {
                    ClientError::Refused(_) => refused = Some(error),
                    _ => silent = Some(error),
                },
                answered => {
                    self.preferred.store(at, Ordering::Relaxed);
                    return answered;
                }
            }
        }
        // What a controller said tells more than that another one was silent.
        Err(refused.or(silent).unwrap_or(ClientError::NoController))
    }

    async fn attempt(&self, base: &Url, call: &Call) -> Result<Answer, ClientError> {
        let url = format!("{}/api/v1/{}", base.as_str().trim_end_matches('/'), call.path);
        let millis = u64::try_from(call.patience.as_millis()).unwrap_or(u64::MAX);
        let mut request = self.http.request(call.method.clone(), &url).timeout(call.patience).header(ACCEPT, call.accept);
        // A state takes its time to travel, not to be found: the controller's own deadline is what it waits for a revision.
        request = request.header("Quorate-Timeout-Ms", millis.min(10_000));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(body) = &call.body {
            request = request.json(body).header(SESSION, self.secret.header());
        }
        let unreachable = |source: reqwest::Error| ClientError::Unreachable { url: url.clone(), source: source.without_url() };
        let response = request.send().await.map_err(unreachable)?;
        let (status, location) = (response.status(), response.headers().get(LOCATION).cloned());
        let bound = response.headers().get(SESSION).is_some_and(|said| said == BOUND);
        let body = read(response, call.longest).await.map_err(unreachable)?;
        let body = body.ok_or_else(|| ClientError::NotUnderstood {
            url: url.clone(),
            status: status.as_u16(),
            detail: format!("more than {} bytes", call.longest),
        })?;
        let answer = Answer { url: url.clone(), status, body, bound };
        if status.is_success() {
            return Ok(answer);
        }
        if status.is_redirection() {
            return Err(answer.not_understood(format!("a redirect to {location:?}, which is not followed")));
        }
        Err(answer.json().map_or_else(|error| error, ClientError::Refused))
    }
}

/// A client that is never led elsewhere, and over TLS is answered by nobody else.
pub(crate) fn http_client(connect: Duration, tls: Option<&Speaking>, expected: Expected) -> Result<reqwest::Client, InvalidOption> {
    let no = |reason: String| InvalidOption { name: "controllers", value: String::new(), reason };
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().connect_timeout(connect);
    let builder = match tls {
        Some(tls) => builder.use_preconfigured_tls(tls.certificates.client(expected).map_err(|error| no(error.to_string()))?),
        None => builder,
    };
    builder.build().map_err(|error| no(error.to_string()))
}

/// Reads a body of at most this many bytes; none if it is longer.
///
/// # Errors
/// When the connection breaks or is too slow.
pub async fn read(mut response: Response, longest: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > longest {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

pub(crate) fn parse_controllers(controllers: &[String], tls: Option<&Speaking>) -> Result<Vec<Url>, InvalidOption> {
    let no = |value: &str, reason: &str| InvalidOption { name: "controllers", value: value.to_owned(), reason: reason.to_owned() };
    if controllers.is_empty() {
        return Err(no("", "at least one base URL is needed"));
    }
    let parse = |text: &String| {
        let url = Url::parse(text).map_err(|error| no(text, &error.to_string()))?;
        let (speakable, like): (&[&str], _) = match tls {
            None => (&["http"], "it must be like http://host:port; https needs certificates"),
            Some(Speaking { plain_too: true, .. }) => (&["http", "https"], "it must be like https://host:port"),
            Some(_) => (&["https"], "it must be like https://host:port: nothing but TLS is to be spoken"),
        };
        if !speakable.contains(&url.scheme()) || !url.has_host() {
            return Err(no(text, like));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(no("…", "a base URL has no credentials, no query and no fragment"));
        }
        Ok(url)
    };
    controllers.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::http::StatusCode as Status;
    use axum::response::IntoResponse;
    use axum::routing::get;
    use proptest::prelude::*;

    async fn serve(router: Router) -> anyhow::Result<String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(url)
    }

    fn problem(status: Status, code: &str) -> Router {
        let body = json!({ "code": code, "detail": "because", "retryable": false, "title": "…", "revision": 7 }).to_string();
        Router::new().fallback(move || async move { (status, [("content-type", "application/problem+json")], body).into_response() })
    }

    fn identity() -> (Identity, Router) {
        let identity = Identity { cluster_id: Uuid::from_u128(1), lineage: Uuid::from_u128(2) };
        let body = json!({ "revision": 3, "cluster_id": identity.cluster_id, "lineage": identity.lineage, "topics": 0 });
        (identity, Router::new().route("/api/v1/cluster", get(|| async move { axum::Json(body) })))
    }

    #[tokio::test]
    async fn the_next_one_is_tried_and_then_preferred() -> anyhow::Result<()> {
        let nobody = "http://127.0.0.1:1".to_owned();
        let leaderless = serve(problem(Status::SERVICE_UNAVAILABLE, "NO_LEADER")).await?;
        let (identity, router) = identity();
        let client = Client::new(&[nobody.clone(), leaderless.clone(), serve(router).await?], None, None)?;
        assert_eq!(client.cluster().await?, Some(identity));
        assert_eq!(client.preferred.load(Ordering::Relaxed), 2);

        let client = Client::new(&[leaderless, nobody], None, None)?;
        let error = client.cluster().await.err();
        assert_eq!(error.as_ref().and_then(ClientError::code), Some(Code::NoLeader), "{error:?}");
        assert!(error.is_some_and(|error| error.retryable()));
        Ok(())
    }

    #[tokio::test]
    async fn a_refusal_is_final_and_typed() -> anyhow::Result<()> {
        let (_, router) = identity();
        let client = Client::new(&[serve(problem(Status::CONFLICT, "STALE_BROKER_EPOCH")).await?, serve(router).await?], None, None)?;
        match client.cluster().await {
            Err(ClientError::Refused(problem)) => assert_eq!((problem.code.as_str(), problem.revision), ("STALE_BROKER_EPOCH", Some(7))),
            other => anyhow::bail!("{other:?}"),
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(damage::cases(1_000))]

        #[test]
        fn any_answer_is_understood_or_not(which in 0usize..3, stretch in damage::stretch(damage::JSON)) {
            let good = [
                r#"{"code":"GAP","detail":"d","retryable":false,"title":"t","revision":7}"#,
                r#"{"broker_id":101,"broker_epoch":7,"metadata_index":9,"replicas_online":true}"#,
                r#"{"revision":3,"cluster_id":"00000000-0000-0000-0000-000000000001","lineage":"00000000-0000-0000-0000-000000000002"}"#,
            ];
            let mut body = good[which].as_bytes().to_vec();
            stretch.apply(&mut body);
            let answer = Answer { url: "http://h:1".to_owned(), status: Status::CONFLICT, body, bound: false };
            let problem = answer.json::<Problem>().map(drop);
            for read in [problem, answer.json::<crate::peers::ReplicasAnswer>().map(drop), answer.json::<serde_json::Value>().map(drop)] {
                if let Err(error) = read {
                    prop_assert!(error.to_string().len() < 400, "{}", error);
                }
            }
        }

        #[test]
        fn any_controllers_are_taken_or_refused(text in "[ -~]{0,40}|http://[0-9a-z.:@\\[\\]?#]{0,20}/?") {
            if let Ok(urls) = parse_controllers(std::slice::from_ref(&text), None) {
                prop_assert!(urls.iter().all(|url| url.scheme() == "http" && url.has_host()), "{:?}", urls);
            }
        }
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed_and_a_page_is_no_answer() -> anyhow::Result<()> {
        let (_, router) = identity();
        let target = format!("{}/api/v1/cluster", serve(router).await?);
        let led_astray = serve(Router::new().fallback(move || async move { axum::response::Redirect::temporary(&target) })).await?;
        let page = serve(Router::new().fallback(|| async { (Status::NOT_FOUND, "<h1>Not found</h1>") })).await?;
        for (url, status) in [(led_astray, 307), (page, 404)] {
            match Client::new(&[url], None, None)?.cluster().await {
                Err(error @ ClientError::NotUnderstood { .. }) => {
                    assert!(error.to_string().contains(&status.to_string()) && !error.retryable(), "{error}");
                }
                other => anyhow::bail!("{other:?}"),
            }
        }
        Ok(())
    }
}
