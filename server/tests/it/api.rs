//! A small HTTP client that holds every answer to the rules for every call: its headers, its revision, its problem document, its description.

use crate::description;
use anyhow::{Context, Result, bail, ensure};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longer than any deadline that a call can have.
const TIMEOUT: Duration = Duration::from_secs(20);

/// One node's API.
#[derive(Clone)]
pub struct Api {
    client: Client,
    /// Whether TLS is spoken; all clones speak the same.
    tls: Arc<AtomicBool>,
    /// What is shown; the same of all clones.
    token: Arc<Mutex<Option<String>>>,
    pub node: u64,
    pub host: String,
    seen: Arc<Mutex<Seen>>,
}

/// The newest revision that one process has answered: it never goes back while that process lives.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// Processes that ran under this address before: what one of them answered says nothing of the next.
    lives: u64,
    revision: u64,
}

/// A request that is not sent yet.
pub struct Call<'a> {
    api: &'a Api,
    what: String,
    method: Method,
    path: String,
    builder: RequestBuilder,
}

/// An answer, whatever it says.
#[derive(Debug)]
pub struct Answer {
    what: String,
    method: Method,
    path: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    /// Null when it is no JSON.
    pub body: Value,
}

impl Api {
    pub fn new(node: u64, host: String) -> Result<Self> {
        let client = Client::builder().timeout(TIMEOUT).no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Api { client, tls: Arc::default(), token: Arc::default(), node, host, seen: Arc::default() })
    }

    /// The same with a client that can speak TLS, and believes whom this file vouches for.
    pub fn trusting(self, ca: &Path) -> Result<Self> {
        self.with_tls(tls::trusting(Some(ca))?)
    }

    /// The same with a client that speaks TLS in this way.
    pub fn with_tls(self, config: tls::ClientConfig) -> Result<Self> {
        let builder = Client::builder().timeout(TIMEOUT).no_proxy().redirect(reqwest::redirect::Policy::none());
        Ok(Api { client: builder.use_preconfigured_tls(config).build()?, ..self })
    }

    /// The same as somebody else asks it, or nobody.
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Api { token: Arc::new(Mutex::new(token.map(str::to_owned))), ..self.clone() }
    }

    /// Shows a token from now on.
    pub fn shows(&self, token: &str) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.to_owned());
    }

    /// Speaks TLS from now on, or plain.
    pub fn speaks_tls(&self, tls: bool) {
        self.tls.store(tls, Ordering::SeqCst);
    }

    /// Learns what the node says of its calls, so that its answers are held to it.
    pub async fn learn_description(&self) -> Result<()> {
        description::learn(&self.client, &self.host).await
    }

    /// A call below the base path.
    pub fn call(&self, method: Method, path: &str) -> Call<'_> {
        self.at(method, &format!("/api/v1{path}"))
    }

    /// A call of any path.
    pub fn at(&self, method: Method, path: &str) -> Call<'_> {
        let scheme = if self.tls.load(Ordering::SeqCst) { "https" } else { "http" };
        let mut builder = self.client.request(method.clone(), format!("{scheme}://{}{path}", self.host));
        if let Some(token) = self.token.lock().unwrap_or_else(PoisonError::into_inner).as_deref() {
            builder = builder.bearer_auth(token);
        }
        let what = format!("{method} {path} at node {}", self.node);
        Call { api: self, what, method, path: path.to_owned(), builder }
    }

    pub fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    pub fn post(&self, path: &str, body: Value) -> Call<'_> {
        self.call(Method::POST, path).json(&body)
    }

    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    /// The process ends: the next one under this address has seen nothing yet.
    pub fn forget(&self) {
        let mut seen = self.seen();
        *seen = Seen { lives: seen.lives + 1, revision: 0 };
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, before: Seen, answer: &Answer) -> Result<()> {
        ensure!(answer.number("quorate-node")? == self.node, "another node answered");
        let revision = answer.revision()?;
        {
            let mut seen = self.seen();
            if seen.lives == before.lives {
                ensure!(revision >= before.revision, "the revision went back from {} to {revision}", before.revision);
                seen.revision = seen.revision.max(revision);
            }
        }
        let (content_type, length) = (answer.text("content-type"), answer.bytes.len());
        description::check_answer(&answer.method, &answer.path, answer.status, content_type, &answer.body, length)?;
        // Pages for people say what is wrong in their own way.
        if answer.status >= 400 && !content_type.starts_with("text/html") {
            return answer.check_problem();
        }
        // OpenAPI has no place for it.
        if answer.body.is_object() && answer.body.get("openapi").is_none() {
            let own = answer.body["revision"].as_u64().context("the answer has no revision")?;
            ensure!(own <= revision, "the answer is of {own} and the header says {revision}");
        }
        Ok(())
    }
}

impl Call<'_> {
    pub fn json(self, body: &Value) -> Self {
        self.text("application/json", body.to_string())
    }

    pub fn text(self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        Call { builder: self.builder.header(CONTENT_TYPE, content_type).body(body), ..self }
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        // As bytes, because a test may want what is no ASCII.
        Call { builder: self.builder.header(name, value.as_bytes()), ..self }
    }

    /// Sends it, for an event stream.
    pub async fn stream(self) -> Result<reqwest::Response> {
        Ok(self.header("accept", "text/event-stream").builder.send().await?)
    }

    /// Sends it. An error that is a `reqwest::Error` means that there was no answer.
    pub async fn send(self) -> Result<Answer> {
        let before = *self.api.seen();
        let (what, method, path) = (self.what, self.method, self.path);
        let response = self.builder.send().await.with_context(|| what.clone())?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.with_context(|| what.clone())?.to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        let answer = Answer { what, method, path, status, headers, bytes, body };
        self.api.check(before, &answer).with_context(|| answer.shown())?;
        Ok(answer)
    }

    /// Sends it and expects a 2xx.
    pub async fn ok(self) -> Result<Answer> {
        self.send().await?.ok()
    }

    /// Sends it and expects this refusal.
    pub async fn refused(self, status: u16, code: &str) -> Result<Answer> {
        self.send().await?.refused(status, code)
    }
}

impl Answer {
    fn shown(&self) -> String {
        let text: String = String::from_utf8_lossy(&self.bytes).chars().take(600).collect();
        format!("{} was answered {} {text}", self.what, self.status)
    }

    fn number(&self, header: &str) -> Result<u64> {
        let value = self.headers.get(header).with_context(|| format!("there is no header {header}"))?;
        value.to_str()?.parse().with_context(|| format!("{header} is no number"))
    }

    /// What the header says.
    pub fn revision(&self) -> Result<u64> {
        self.number("quorate-revision")
    }

    /// What the body says.
    pub fn index(&self) -> Result<u64> {
        self.body["revision"].as_u64().with_context(|| self.shown())
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub fn text(&self, header: &str) -> &str {
        self.headers.get(header).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn ok(self) -> Result<Self> {
        if (200..300).contains(&self.status) { Ok(self) } else { bail!(self.shown()) }
    }

    pub fn refused(self, status: u16, code: &str) -> Result<Self> {
        ensure!((self.status, self.code()) == (status, code), "expected {status} {code}; {}", self.shown());
        Ok(self)
    }

    fn check_problem(&self) -> Result<()> {
        ensure!(self.text("content-type") == "application/problem+json", "its content type is {:?}", self.text("content-type"));
        ensure!(self.body["status"] == self.status, "its status is {}", self.body["status"]);
        for name in ["type", "title", "detail", "code"] {
            ensure!(self.body[name].as_str().is_some_and(|text| !text.is_empty()), "{name} is {}", self.body[name]);
        }
        ensure!(self.body["retryable"].is_boolean(), "retryable is {}", self.body["retryable"]);
        ensure!(self.body["revision"].is_u64(), "revision is {}", self.body["revision"]);
        let known = ["type", "title", "status", "detail", "code", "retryable", "field", "value", "allowed", "leader", "revision"];
        let strange = self.body.as_object().and_then(|body| body.keys().find(|key| !known.contains(&key.as_str())));
        ensure!(strange.is_none(), "it has the member {strange:?}");
        ensure!(self.code() != "OVERLOADED" || self.headers.contains_key(RETRY_AFTER), "OVERLOADED says no Retry-After");
        Ok(())
    }
}
