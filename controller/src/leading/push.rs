//! Step 7, storage services: one task per broker posts what is committed and learns what is acknowledged.

use crate::hub::{Next, Published};
use crate::node::Inner;
use bytes::Bytes;
use metadata::contract::PUSH_PROOF;
use metadata::{Broker, BrokerId, Index, SecretHash, Term, views};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tls::{Certificates, Expected, causes};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Commits in one push at most.
const MOST_COMMITS: usize = 4_096;
/// Bytes of changes in one push, unless a single commit is larger.
const MOST_BYTES: usize = 4 << 20;
/// Bytes of an answer that are read at most.
const LONGEST_ANSWER: usize = 64 << 10;
const TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(5);
/// From one push to a service to the next: the first of many commits goes at once, and those behind it share the next.
const PACE: Duration = Duration::from_millis(10);
/// Between two looks at who is registered.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Whom a task pushes to; another epoch or address is another task.
#[derive(Clone, PartialEq, Eq)]
struct Target {
    epoch: Index,
    url: String,
    /// How many certificates counted no more: after another one each connection is made anew.
    revoked: usize,
}

/// A push of this term: services that are equally far get the same bytes.
struct Pushed {
    from: Index,
    to: Index,
    body: Bytes,
}

/// The last one that was made.
type Latest = Mutex<Option<Pushed>>;

/// Keeps one task per registered broker that has a push URL.
pub(crate) async fn run(node: Arc<Inner>, term: Term) {
    let pushed = Arc::<Latest>::default();
    let mut tasks: BTreeMap<BrokerId, (Target, Aborting)> = BTreeMap::new();
    let mut applied = node.hub.watch_applied();
    loop {
        let view = node.hub.view();
        let (state, revoked) = (view.state.clone(), view.machine.access.revocations().count());
        let target = |broker: &Broker| Some(Target { epoch: broker.epoch, url: broker.push_url.clone()?, revoked });
        let wanted: BTreeMap<BrokerId, Target> = state.brokers().filter_map(|broker| Some((broker.id, target(broker)?))).collect();
        tasks.retain(|id, (target, _)| wanted.get(id) == Some(target));
        for (id, target) in wanted {
            if !tasks.contains_key(&id) && node.options.push_networks.check(&target.url, node.options.speaks).is_ok() {
                let client = match client(node.certificates.as_ref(), id) {
                    Ok(client) => client,
                    Err(error) => return tracing::error!(%error, "no storage service can be pushed to"),
                };
                let task = tokio::spawn(follow(node.clone(), client, pushed.clone(), id, target.clone(), term));
                tasks.insert(id, (target, Aborting(task)));
            }
        }
        // Brokers come and go seldom, and commits by the thousand: they are not looked through after each.
        tokio::time::sleep(LOOK_AGAIN).await;
        applied.mark_unchanged();
        if state.revision() == node.hub.view().state.revision() && applied.changed().await.is_err() {
            return;
        }
    }
}

/// One that only this broker answers, where that can be told.
fn client(certificates: Option<&Certificates>, id: BrokerId) -> Result<reqwest::Client, PushError> {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT).no_proxy();
    let builder = match certificates {
        Some(certificates) => builder.use_preconfigured_tls(certificates.client(Expected::Broker(id))?),
        None => builder,
    };
    Ok(builder.build()?)
}

/// A task that ends with its handle.
struct Aborting(JoinHandle<()>);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Deserialize)]
struct Answer {
    acknowledged_index: Index,
    #[serde(default)]
    code: Option<String>,
}

/// What a broker has, as far as is known here.
#[derive(Clone, Copy)]
enum Has {
    UpTo(Index),
    /// Nothing that can be continued: it needs a snapshot.
    Nothing,
}

async fn follow(node: Arc<Inner>, client: reqwest::Client, pushed: Arc<Latest>, id: BrokerId, target: Target, term: Term) {
    // An empty push at the newest index finds out where the broker is.
    let mut has = Has::UpTo(node.hub.view().state.revision());
    let (mut settled, mut warned) = (false, false);
    let mut back_off = FIRST_BACK_OFF;
    let mut applied = node.hub.watch_applied();
    let mut next = Instant::now();
    loop {
        tokio::time::sleep_until(next).await;
        applied.mark_unchanged();
        let Some((body, to)) = body(&node, &pushed, has, settled, term) else {
            if applied.changed().await.is_err() {
                return;
            }
            continue;
        };
        next = Instant::now() + PACE;
        let view = node.hub.view();
        // Another registration has another task, and perhaps another address.
        let Some(broker) = view.state.broker(id).filter(|broker| broker.epoch == target.epoch) else { return };
        let proof = view.machine.bindings.of(broker);
        match post(&client, &target.url, proof, body).await {
            Ok(answer) if answer.code.is_none() => {
                node.sessions.acknowledge(id, target.epoch, answer.acknowledged_index);
                has = Has::UpTo(answer.acknowledged_index.max(to));
                settled = true;
                back_off = FIRST_BACK_OFF;
                continue;
            }
            Ok(answer) => {
                has = match answer.code.as_deref() {
                    Some("GAP") if answer.acknowledged_index > 0 && !matches!(has, Has::Nothing) => Has::UpTo(answer.acknowledged_index),
                    _ => Has::Nothing,
                };
                settled = false;
                tracing::debug!(broker = %id, code = answer.code, acknowledged = answer.acknowledged_index, "a push was refused");
            }
            // Once for a registration: a broker that is down is said so by its session.
            Err(error) if !warned => {
                warned = true;
                tracing::warn!(broker = %id, url = target.url, %error, "pushes to a storage service fail");
            }
            Err(error) => tracing::debug!(broker = %id, %error, "a push failed"),
        }
        tokio::time::sleep(back_off).await;
        back_off = (back_off * 2).min(LONGEST_BACK_OFF);
    }
}

/// Why a push came to nothing.
#[derive(Debug, Error)]
enum PushError {
    #[error("{}", causes(.0))]
    Http(#[from] reqwest::Error),
    #[error("{0}")]
    Tls(#[from] tls::TlsError),
    #[error("what it answered is no answer to a push: {0}")]
    NotUnderstood(String),
}

async fn post(client: &reqwest::Client, url: &str, proof: Option<SecretHash>, body: Bytes) -> Result<Answer, PushError> {
    let mut request = client.post(url).header(http::header::CONTENT_TYPE, "application/json").body(body);
    if let Some(proof) = proof {
        request = request.header(PUSH_PROOF, proof.hex());
    }
    let response = request.send().await?;
    if response.status() != reqwest::StatusCode::CONFLICT {
        return answer(response.error_for_status()?).await;
    }
    answer(response).await
}

/// Reads an answer, and no more of it than one can have: the service chose the address, and may send for ever.
async fn answer(mut response: reqwest::Response) -> Result<Answer, PushError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > LONGEST_ANSWER {
            return Err(PushError::NotUnderstood(format!("it is longer than {LONGEST_ANSWER} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    understood(&bytes)
}

fn understood(bytes: &[u8]) -> Result<Answer, PushError> {
    serde_json::from_slice(bytes).map_err(|error| PushError::NotUnderstood(error.to_string()))
}

/// The next push and the index that it goes up to; none while there is nothing to send.
fn body(node: &Inner, pushed: &Latest, has: Has, settled: bool, term: Term) -> Option<(Bytes, Index)> {
    let view = node.hub.view();
    let from = match has {
        Has::UpTo(index) => index,
        Has::Nothing => return snapshot(node, term),
    };
    match node.hub.after(from, MOST_COMMITS) {
        Next::Gone { .. } => snapshot(node, term),
        Next::Commits { commits, .. } if commits.is_empty() && settled => None,
        Next::Commits { commits, .. } => {
            let commits = one_push(&commits);
            let (to, digest) = commits.last().map_or((from, view.state.digest()), |last| (last.commit.index, last.commit.digest));
            let mut pushed = pushed.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(same) = pushed.as_ref().filter(|pushed| (pushed.from, pushed.to) == (from, to)) {
                return Some((same.body.clone(), to));
            }
            let mut head = head(node, term, from, to);
            head["digest"] = json!(digest);
            let body = Bytes::from(with_changes(&head, commits));
            *pushed = Some(Pushed { from, to, body: body.clone() });
            Some((body, to))
        }
    }
}

/// The first commits, as many as fit into one push.
fn one_push(commits: &[Arc<Published>]) -> &[Arc<Published>] {
    let mut bytes = 0;
    let fits = commits.iter().take_while(|published| {
        let first = bytes == 0;
        bytes += published.pushed().len() + 1;
        first || bytes <= MOST_BYTES
    });
    &commits[..fits.count()]
}

/// An object with one more field: the changes of these commits, which are encoded once for all services.
fn with_changes(head: &Value, commits: &[Arc<Published>]) -> Vec<u8> {
    const FIELD: &[u8] = b",\"changes\":[";
    let head = head.to_string();
    let changes: usize = commits.iter().map(|published| published.pushed().len() + 1).sum();
    let mut body = Vec::with_capacity(head.len() + FIELD.len() + changes + 2);
    body.extend_from_slice(head.strip_suffix('}').unwrap_or(&head).as_bytes());
    body.extend_from_slice(FIELD);
    for (at, published) in commits.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&published.pushed());
    }
    body.extend_from_slice(b"]}");
    body
}

fn head(node: &Inner, term: Term, from: Index, to: Index) -> Value {
    let state = node.hub.view().state.clone();
    let identity = state.identity();
    json!({
        "cluster_id": identity.map(|identity| identity.cluster_id),
        "lineage": identity.map(|identity| identity.lineage),
        "controller_id": node.options.node_id,
        "term": term,
        "from": from,
        "to": to,
    })
}

fn snapshot(node: &Inner, term: Term) -> Option<(Bytes, Index)> {
    let state = node.hub.view().state.clone();
    let to = state.revision();
    let mut body = head(node, term, 0, to);
    body["digest"] = json!(state.digest());
    body["snapshot"] = serde_json::to_value(views::full(&state)).ok()?;
    Some((serde_json::to_vec(&body).ok()?.into(), to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Answers one request with this head and then with this body again and again, until nobody listens; what it could send.
    fn service(head: &'static str, body: &'static [u8], most: usize) -> anyhow::Result<(String, Arc<AtomicUsize>)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (url, sent) = (format!("http://{}/push", listener.local_addr()?), Arc::new(AtomicUsize::new(0)));
        let counted = sent.clone();
        std::thread::spawn(move || -> std::io::Result<()> {
            let (mut stream, _) = listener.accept()?;
            let read = stream.read(&mut [0; 4_096])?;
            if read > 0 {
                stream.write_all(head.as_bytes())?;
            }
            while counted.load(Ordering::SeqCst) < most {
                counted.fetch_add(stream.write(body)?, Ordering::SeqCst);
            }
            Ok(())
        });
        Ok((url, sent))
    }

    proptest! {
        #![proptest_config(damage::cases(1_000))]

        #[test]
        fn damaged_answers_are_understood_or_not(stretch in damage::stretch(damage::JSON)) {
            let mut bytes = br#"{"acknowledged_index":7,"code":"GAP"}"#.to_vec();
            prop_assert!(understood(&bytes).is_ok_and(|answer| answer.acknowledged_index == 7));
            stretch.apply(&mut bytes);
            if let Err(error) = understood(&bytes) {
                prop_assert!(error.to_string().len() < 300, "{}", error);
            }
        }
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_not_read_to_its_end() -> anyhow::Result<()> {
        let endless = 1 << 30;
        let (url, sent) = service("HTTP/1.1 200 OK\r\n\r\n", &[b' '; 16 << 10], endless)?;
        let refused = post(&reqwest::Client::builder().no_proxy().build()?, &url, None, Bytes::from_static(b"{}")).await;
        anyhow::ensure!(matches!(refused, Err(PushError::NotUnderstood(_))), "it was taken, or read until the time was over");
        // What the sockets hold was sent as well.
        anyhow::ensure!(sent.load(Ordering::SeqCst) < 64 << 20, "{} bytes were taken", sent.load(Ordering::SeqCst));
        Ok(())
    }

    #[tokio::test]
    async fn an_answer_is_read_or_refused() -> anyhow::Result<()> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let cases: [(&str, &[u8], Option<Index>); 5] = [
            ("200 OK", b"{\"acknowledged_index\":7}", Some(7)),
            ("409 Conflict", b"{\"acknowledged_index\":3,\"code\":\"GAP\"}", Some(3)),
            ("500 Oh", b"{\"acknowledged_index\":7}", None),
            ("200 OK", b"{\"acknowledged_index\":-1}", None),
            ("200 OK", b"\xff", None),
        ];
        for (status, body, expected) in cases {
            let head: &'static str = Box::leak(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len()).into());
            let body: &'static [u8] = Box::leak(body.into());
            let (url, _) = service(head, body, body.len())?;
            let answer = post(&client, &url, None, Bytes::from_static(b"{}")).await;
            anyhow::ensure!(answer.as_ref().ok().map(|answer| answer.acknowledged_index) == expected, "{status} {body:?}");
        }
        Ok(())
    }
}
