//! A leader that stands still for longer than a broker's session lasts, and goes on in the middle of what came since: it
//! answers nothing from the past, and no broker loses its session because of it.

use crate::api::{Answer, Api};
use crate::cluster::Cluster;
use crate::feed::{Feed, Fold};
use crate::load::all_topics;
use crate::wait::{Dice, until};
use anyhow::{Context, Result, bail, ensure};
use metadata::{BrokerId, BrokerState};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep, sleep_until};

const BROKERS: [(u32, &str); 3] = [(101, "a"), (102, "b"), (103, "c")];
/// Longer than the default session of 9 s.
const PAUSE: Duration = Duration::from_secs(10);
/// Before the pause ends, requests to the paused node pile up for this long, and go on for as long after it.
const AROUND: Duration = Duration::from_secs(2);
const ELSEWHERE: usize = 4;
const HAMMERS: usize = 8;

/// What the other two nodes have acknowledged. No name is used for anything else afterwards.
#[derive(Default)]
struct Past {
    /// Ids of topics that were created, by name.
    kept: Vec<(String, String)>,
    /// Names of topics that were created and deleted.
    gone: Vec<String>,
    /// The newest index of all.
    newest: u64,
}

#[derive(Default)]
struct Shared {
    past: Mutex<Past>,
    stop: AtomicBool,
    /// Topics that the paused node itself acknowledged.
    own: Mutex<BTreeMap<String, String>>,
    names: AtomicUsize,
    /// Answers of the paused node that rest on the state, by what was asked.
    told: Mutex<BTreeMap<&'static str, usize>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn topic(name: &str) -> Value {
    json!({ "name": name, "partitions": 1, "replication_factor": 3 })
}

fn id(answer: &Answer) -> Result<String> {
    answer.body["topic"]["id"].as_str().map(str::to_owned).context("a topic without an id")
}

/// A mutation's answer; none when it is unknown, or certain that nothing happened.
fn known(answer: Answer) -> Result<Option<Answer>> {
    match (answer.status, answer.code()) {
        (503, "NO_LEADER" | "NOT_CONTROLLER" | "OVERLOADED") | (504, "OUTCOME_UNKNOWN" | "REVISION_NOT_REACHED") => Ok(None),
        (503.., _) => bail!("it was answered {} {}", answer.status, answer.body),
        _ => Ok(Some(answer)),
    }
}

/// Creates topics at the other nodes, and deletes every other one.
async fn elsewhere(shared: Arc<Shared>, apis: Vec<Api>, worker: usize) -> Result<()> {
    for turn in 0.. {
        if shared.stop.load(Ordering::SeqCst) {
            break;
        }
        let api = &apis[turn % apis.len()];
        let name = format!("elsewhere-{worker}-{turn}");
        let Some(created) = known(api.post("/topics", topic(&name)).send().await?)? else { continue };
        let (created, at) = (id(&created)?, created.ok()?.index()?);
        let deleted = turn % 2 == 1;
        let at = if deleted {
            let Some(gone) = known(api.delete(&format!("/topics/{name}")).send().await?)? else { continue };
            gone.ok()?.index()?
        } else {
            at
        };
        {
            let mut past = lock(&shared.past);
            past.newest = past.newest.max(at);
            if deleted { past.gone.push(name) } else { past.kept.push((name, created)) }
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// One request to the paused node: its answer, if it rests on the state, rests on all that was acknowledged before it began.
async fn ask(shared: &Shared, old: &Api, dice: &mut Dice) -> Result<()> {
    let (kept, gone, newest) = {
        let past = lock(&shared.past);
        (dice.pick(&past.kept).clone(), dice.pick(&past.gone).clone(), past.newest)
    };
    let path = |name: &str| format!("/topics/{name}");
    let own = format!("own-{}", shared.names.fetch_add(1, Ordering::SeqCst));
    let (what, call, status, code) = match dice.below(6) {
        0 => ("a read of what exists", old.get(&format!("{}?consistency=linearizable", path(&kept.0))), 200, ""),
        1 => ("a read of what is gone", old.get(&format!("{}?consistency=linearizable", path(&gone))), 404, "UNKNOWN_TOPIC_OR_PARTITION"),
        2 => ("a list", old.get("/topics?limit=1&consistency=linearizable"), 200, ""),
        3 => ("a creation of what exists", old.post("/topics", topic(&kept.0)), 409, "TOPIC_ALREADY_EXISTS"),
        4 => ("a deletion of what is gone", old.delete(&path(&gone)), 404, "UNKNOWN_TOPIC_OR_PARTITION"),
        _ => ("a creation", old.post("/topics", topic(&own)), 201, ""),
    };
    let answer = call.header("quorate-timeout-ms", "5000").send().await.context(what)?;
    let Some(answer) = known(answer)? else { return Ok(()) };
    let stale = || format!("{what} ({} / {gone}) begun after {newest} was answered {} {}", kept.0, answer.status, answer.body);
    ensure!((answer.status, answer.code()) == (status, code), stale());
    ensure!(answer.index()? >= newest, stale());
    match what {
        "a read of what exists" => ensure!(id(&answer)? == kept.1, stale()),
        "a creation" => drop(lock(&shared.own).insert(own, id(&answer)?)),
        _ => {}
    }
    *lock(&shared.told).entry(what).or_default() += 1;
    Ok(())
}

async fn hammer(shared: Arc<Shared>, old: Api, mut dice: Dice) -> Result<()> {
    while !shared.stop.load(Ordering::SeqCst) {
        ask(&shared, &old, &mut dice).await?;
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Hears every commit up to the target: after none of them is a broker anything but online.
async fn watch_brokers(api: Api, mut fold: Fold, target: watch::Receiver<Option<u64>>) -> Result<u64> {
    let mut feed = Feed::open(&api, &format!("from={}", fold.position)).await?;
    while target.borrow().is_none_or(|target| fold.position < target) {
        let frame = feed.next().await?.context("the feed of a live node ended")?;
        ensure!(fold.take(&frame)?, "{frame}");
        for (id, _) in BROKERS {
            let broker = fold.state.broker(BrokerId(id)).context("a broker is gone")?;
            ensure!(broker.state == BrokerState::Online, "broker {id} is {:?} after {frame}", broker.state);
        }
    }
    Ok(fold.commits)
}

async fn grows(shared: &Shared, by: usize) -> Result<()> {
    let sizes = || {
        let past = lock(&shared.past);
        (past.kept.len(), past.gone.len())
    };
    let (kept, gone) = sizes();
    until("topics are created and deleted elsewhere", async || {
        let now = sizes();
        ensure!(now.0 >= kept + by && now.1 >= gone + by, "{now:?} after {:?}", (kept, gone));
        Ok(())
    })
    .await
}

async fn epochs(cluster: &Cluster) -> Result<Vec<Value>> {
    let mut epochs = Vec::new();
    for (id, _) in BROKERS {
        epochs.push(cluster.broker_is(id, "online").await?.body["broker"]["epoch"].clone());
    }
    Ok(epochs)
}

/// Stops the leader, lets the others go on, and wakes it up in the middle of requests.
async fn pause(cluster: &mut Cluster, shared: &Arc<Shared>, dice: &mut Dice) -> Result<()> {
    let before = cluster.leadership().await?;
    let old = cluster.api(before.leader)?;
    let paused = Instant::now();
    cluster.pause(before.leader)?;
    let after = cluster.leadership().await?;
    ensure!(after.leader != before.leader && after.term > before.term, "{after:?} after {before:?}");
    grows(shared, 10).await?;
    sleep_until(paused + PAUSE - AROUND).await;
    let mut requests = JoinSet::new();
    let mut resumed = None;
    while resumed.is_none_or(|resumed: Instant| resumed.elapsed() < AROUND) {
        let (shared, old, mut dice) = (shared.clone(), old.clone(), dice.fork());
        requests.spawn(async move { ask(&shared, &old, &mut dice).await });
        if resumed.is_none() && paused.elapsed() >= PAUSE {
            cluster.resume(before.leader)?;
            resumed = Some(Instant::now());
        }
        sleep(Duration::from_millis(15)).await;
    }
    println!("paused for {:?}, {} requests around its end", resumed.context("not resumed")? - paused, requests.len());
    while let Some(ended) = requests.join_next().await {
        ended??;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_leader() -> Result<()> {
    let mut dice = Dice::new("paused_leader");
    let mut cluster = Cluster::start(3, &[]).await?;
    for (id, rack) in BROKERS {
        cluster.add_storage(id, rack).await?;
    }
    let registered = epochs(&cluster).await?;
    let leader = cluster.leader().await?;
    let others: Vec<Api> = cluster.apis().into_iter().filter(|api| api.node != leader).collect();
    let (target, targeted) = watch::channel(None);
    let mut watchers = JoinSet::new();
    for api in &others {
        watchers.spawn(watch_brokers(api.clone(), Fold::from_state(api).await?, targeted.clone()));
    }
    let shared = Arc::new(Shared::default());
    let mut clients = JoinSet::new();
    for worker in 0..ELSEWHERE {
        clients.spawn(elsewhere(shared.clone(), others.clone(), worker));
    }
    grows(&shared, 5).await?;
    for _ in 0..HAMMERS {
        clients.spawn(hammer(shared.clone(), cluster.api(leader)?, dice.fork()));
    }
    grows(&shared, 5).await?;
    pause(&mut cluster, &shared, &mut dice).await?;
    cluster.ready().await?;
    lock(&shared.told).clear();
    until("the node that was paused answers everything again", async || {
        let told = lock(&shared.told).clone();
        ensure!(told.len() == 6 && told.values().all(|count| *count > 5), "{told:?}");
        Ok(())
    })
    .await?;
    shared.stop.store(true, Ordering::SeqCst);
    while let Some(ended) = clients.join_next().await {
        ended??;
    }

    target.send_replace(Some(cluster.agree().await?));
    while let Some(ended) = watchers.join_next().await {
        println!("{} commits, and every broker online after each", ended??);
    }
    ensure!(epochs(&cluster).await? == registered, "a broker had to register anew");
    let own = lock(&shared.own).clone();
    let (kept, gone) = {
        let past = lock(&shared.past);
        (past.kept.clone(), past.gone.clone())
    };
    println!("{} topics elsewhere, {} gone, {} by the node that was paused", kept.len(), gone.len(), own.len());
    for api in cluster.apis() {
        let there = all_topics(&api).await?;
        let lost = kept.iter().map(|(name, id)| (name, id)).chain(&own).find(|(name, id)| there.get(*name) != Some(*id));
        ensure!(lost.is_none(), "node {} lost {lost:?}", api.node);
        let back = gone.iter().find(|name| there.contains_key(*name));
        ensure!(back.is_none(), "node {} has {back:?} again", api.node);
    }
    cluster.passed().await
}
