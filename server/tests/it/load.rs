//! Topics made while something goes wrong, and what has to be true of each of them afterwards.

use crate::api::{Answer, Api};
use crate::cluster::Cluster;
use crate::feed::{Feed, Fold};
use crate::wait::until;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// What a caller knows of a creation that it asked for once.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// With the topic's id.
    Acknowledged(String),
    /// Certainly nothing happened.
    Rejected(String),
    /// It may have happened, or may yet happen.
    Unknown(String),
    /// The node did not answer.
    Broken(u64),
}

/// A creation under a key of its own, so that it can be asked for again.
async fn create(api: &Api, name: &str) -> Result<Outcome> {
    let body = json!({ "name": name, "partitions": 2, "replication_factor": 3 });
    let answer = match api.post("/topics", body).header("idempotency-key", name).send().await {
        Ok(answer) => answer,
        Err(error) if error.is::<reqwest::Error>() => return Ok(Outcome::Broken(api.node)),
        Err(error) => return Err(error),
    };
    match answer.status {
        201 => Ok(Outcome::Acknowledged(answer.body["topic"]["id"].as_str().context("a topic without an id")?.to_owned())),
        503 => Ok(Outcome::Rejected(answer.code().to_owned())),
        504 => Ok(Outcome::Unknown(answer.code().to_owned())),
        status => bail!("the creation of {name} was answered {status} {}", answer.body),
    }
}

/// Creates a topic at this node, however often it has to be asked for: an attempt whose outcome is unknown may have been the one.
pub async fn made(api: &Api, name: &str) -> Result<Answer> {
    let body = json!({ "name": name, "replication_factor": 1 });
    until(&format!("{name} is created"), async || api.post("/topics", body.clone()).header("idempotency-key", name).ok().await).await
}

#[derive(Default)]
struct Shared {
    next: AtomicUsize,
    acknowledged: AtomicUsize,
    stop: AtomicBool,
    outcomes: Mutex<BTreeMap<String, Outcome>>,
}

/// Creations under way.
pub struct Load {
    shared: Arc<Shared>,
    workers: JoinSet<Result<()>>,
}

impl Load {
    /// Begins to create `most` topics, each asked for once, through these nodes in turn.
    pub fn begin(prefix: &str, apis: &[Api], most: usize, at_once: usize) -> Self {
        Self::paced(prefix, apis, most, at_once, Duration::ZERO)
    }

    /// The same with a pause after each, so that a node keeps all of their commits.
    pub fn paced(prefix: &str, apis: &[Api], most: usize, at_once: usize, pause: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        let mut workers = JoinSet::new();
        for _ in 0..at_once {
            let (shared, apis, prefix) = (shared.clone(), apis.to_vec(), prefix.to_owned());
            workers.spawn(async move {
                loop {
                    let turn = shared.next.fetch_add(1, Ordering::SeqCst);
                    if turn >= most || shared.stop.load(Ordering::SeqCst) {
                        return Ok(());
                    }
                    let name = format!("{prefix}-{turn:04}");
                    let outcome = create(&apis[turn % apis.len()], &name).await?;
                    if matches!(outcome, Outcome::Acknowledged(_)) {
                        shared.acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                    shared.outcomes.lock().await.insert(name, outcome);
                    tokio::time::sleep(pause).await;
                }
            });
        }
        Load { shared, workers }
    }

    /// How many are acknowledged.
    pub fn count(&self) -> usize {
        self.shared.acknowledged.load(Ordering::SeqCst)
    }

    /// Waits until so many are acknowledged.
    pub async fn acknowledged(&self, count: usize) -> Result<()> {
        until(&format!("{count} creations are acknowledged"), async || {
            let now = self.count();
            ensure!(now >= count, "{now} are");
            Ok(())
        })
        .await
    }

    /// Waits until all were asked for and answered, or gives up asking for more.
    pub async fn end(mut self, stop: bool) -> Result<BTreeMap<String, Outcome>> {
        self.shared.stop.store(stop, Ordering::SeqCst);
        while let Some(ended) = self.workers.join_next().await {
            ended??;
        }
        Ok(std::mem::take(&mut *self.shared.outcomes.lock().await))
    }
}

/// Every topic's id by its name, page by page.
pub async fn all_topics(api: &Api) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut after = String::new();
    loop {
        let page = api.get(&format!("/topics?limit=100{after}")).ok().await?.body;
        for topic in page["topics"].as_array().context("no list of topics")? {
            let text = |name: &str| topic[name].as_str().map(str::to_owned).with_context(|| format!("a topic without {name}"));
            ensure!(found.insert(text("name")?, text("id")?).is_none(), "{} is listed twice", topic["name"]);
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(found),
        }
    }
}

/// How often each name was created, in the whole history of a node.
pub async fn creations(api: &Api) -> Result<BTreeMap<String, usize>> {
    let newest = api.get("/state/digest").ok().await?.index()?;
    let mut feed = Feed::open(api, "from=0").await?;
    let mut fold = Fold::default();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    while fold.position < newest {
        let frame = feed.next().await?.context("the feed ended")?;
        ensure!(fold.take(&frame)?, "the feed does not go back to the beginning: {frame}");
        let created = frame["changes"].as_array().into_iter().flatten().filter(|change| change["kind"] == "topic_created");
        for name in created.filter_map(|change| change["name"].as_str()) {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    Ok(counts)
}

/// What was acknowledged is everywhere and once, what was rejected nowhere, what is unknown becomes known by asking again.
pub async fn settle(cluster: &Cluster, outcomes: &BTreeMap<String, Outcome>) -> Result<()> {
    let count = |of: fn(&Outcome) -> bool| outcomes.values().filter(|outcome| of(outcome)).count();
    println!(
        "{} creations: {} acknowledged, {} rejected, {} unknown, {} without an answer",
        outcomes.len(),
        count(|outcome| matches!(outcome, Outcome::Acknowledged(_))),
        count(|outcome| matches!(outcome, Outcome::Rejected(_))),
        count(|outcome| matches!(outcome, Outcome::Unknown(_))),
        count(|outcome| matches!(outcome, Outcome::Broken(_))),
    );
    let before = kept(cluster, outcomes).await?;
    for (at, (name, outcome)) in outcomes.iter().enumerate() {
        let apis = cluster.apis();
        let again = until("a creation is asked for again", async || match create(&apis[at % apis.len()], name).await? {
            Outcome::Acknowledged(id) => Ok(id),
            other => bail!("{name}: {other:?}"),
        })
        .await?;
        if let Some(first) = before.get(name) {
            ensure!(again == *first, "{name} ({outcome:?}) was {first}; asked for again under its key it is {again}");
        }
    }
    cluster.agree().await?;
    for api in cluster.apis() {
        let counts = creations(&api).await?;
        let wrong = outcomes.keys().find(|name| counts.get(*name) != Some(&1));
        ensure!(wrong.is_none(), "{wrong:?} was created {:?} times at node {}", wrong.and_then(|name| counts.get(name)), api.node);
    }
    Ok(())
}

/// What was acknowledged is everywhere, and what was rejected nowhere; every topic's id by its name.
pub async fn kept(cluster: &Cluster, outcomes: &BTreeMap<String, Outcome>) -> Result<BTreeMap<String, String>> {
    cluster.agree().await?;
    let mut before = BTreeMap::new();
    for api in cluster.apis() {
        before = all_topics(&api).await?;
        for (name, outcome) in outcomes {
            let there = before.get(name);
            match outcome {
                Outcome::Acknowledged(id) => ensure!(there == Some(id), "{name} was acknowledged as {id}; node {} has {there:?}", api.node),
                Outcome::Rejected(code) => ensure!(there.is_none(), "{name} was rejected with {code}; node {} has it", api.node),
                Outcome::Unknown(_) | Outcome::Broken(_) => {}
            }
        }
    }
    Ok(before)
}

/// The code of every outcome that is one.
pub fn codes(outcomes: &BTreeMap<String, Outcome>) -> Value {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for outcome in outcomes.values() {
        if let Outcome::Rejected(code) | Outcome::Unknown(code) = outcome {
            *counts.entry(code).or_default() += 1;
        }
    }
    json!(counts)
}
