//! The whole life of storage services with a controller that follows the real rules.

use crate::cluster::Cluster;
use crate::fake::{Fake, PATIENCE, until};
use anyhow::{Context, Result, ensure};
use metadata::{BrokerId, BrokerState};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use storage::{Fatal, Handle, Options, StartError};

async fn start(fake: &Fake, id: u32, data_dir: &Path) -> Result<Handle> {
    let dead = "http://127.0.0.1:1".to_owned();
    let options = Options::new(id, vec![dead, fake.url.clone()], "127.0.0.1:0".parse()?, data_dir.to_owned());
    let (heartbeat_interval, replica_lag_timeout) = (Duration::from_millis(200), Duration::from_secs(2));
    Ok(storage::run(Options { heartbeat_interval, replica_lag_timeout, ..options }).await?)
}

/// Starts a broker anew that was dropped a moment ago, as soon as that one has let go of its directory.
async fn start_again(fake: &Fake, id: u32, data_dir: &Path) -> Result<Handle> {
    let end = Instant::now() + PATIENCE;
    loop {
        match start(fake, id, data_dir).await {
            Err(error) if Instant::now() < end && matches!(error.downcast_ref(), Some(StartError::InUse { .. })) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            outcome => return outcome,
        }
    }
}

fn state(cluster: &Cluster, id: u32) -> Option<BrokerState> {
    cluster.state().broker(BrokerId(id)).map(|broker| broker.state)
}

fn isr(cluster: &Cluster, topic: &str) -> Vec<u32> {
    let partition = cluster.state().topic_by_name(topic).and_then(|topic| cluster.state().partition(topic.id, 0));
    partition.map(|partition| partition.isr.iter().map(|id| id.0).collect()).unwrap_or_default()
}

async fn online(fake: &Fake, id: u32) -> Result<()> {
    fake.until("the broker is online", |cluster| state(cluster, id) == Some(BrokerState::Online)).await
}

#[tokio::test]
async fn register_follow_shut_down_and_come_back() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let fake = Fake::start(Cluster::new(1, 2)?).await?;
    let broker = start(&fake, 101, directory.path()).await?;
    online(&fake, 101).await?;

    let orders = fake.cluster().topic("orders", &[&[101], &[101]])?;
    let replicas = directory.path().join("replicas");
    let replica = replicas.join(format!("{orders}-1"));
    until("the replica's directory is there", || replica.exists()).await?;
    let kept = fake.cluster().topic("kept", &[&[101]])?;
    fake.cluster().delete("orders")?;
    until("the replica's directory is gone", || !replica.exists()).await?;

    let epoch = broker.broker_epoch().context("not registered")?;
    broker.stop().await?;
    assert_eq!(state(&fake.cluster(), 101), Some(BrokerState::Fenced));
    let clean = directory.path().join("clean_shutdown.json");
    let said: Value = serde_json::from_slice(&std::fs::read(&clean)?)?;
    assert_eq!(said, json!({ "epoch": epoch }));

    let broker = start(&fake, 101, directory.path()).await?;
    ensure!(!clean.exists(), "it is good for one start");
    online(&fake, 101).await?;
    drop(broker);
    let broker = start_again(&fake, 101, directory.path()).await?;
    until("it registered a third time", || fake.registrations().len() == 3).await?;
    let registrations = fake.registrations();
    let previous: Vec<_> = registrations.iter().map(|registration| registration.previous_broker_epoch).collect();
    assert_eq!(previous, [None, Some(epoch), None], "clean, then killed");
    assert_ne!(registrations[0].incarnation_id, registrations[1].incarnation_id);
    ensure!(replicas.join(format!("{kept}-0")).exists());
    broker.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_leader_takes_a_dead_follower_out_and_a_live_one_in() -> Result<()> {
    let (first, second) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let fake = Fake::start(Cluster::new(1, 2)?).await?;
    let leader = start(&fake, 101, first.path()).await?;
    let follower = start(&fake, 102, second.path()).await?;
    online(&fake, 101).await?;
    online(&fake, 102).await?;
    fake.cluster().topic("orders", &[&[101, 102]])?;
    drop(follower);
    fake.until("the dead one left the ISR", |cluster| isr(cluster, "orders") == [101]).await?;
    assert_eq!(state(&fake.cluster(), 102), Some(BrokerState::Online), "long before anybody fenced it");
    let follower = start_again(&fake, 102, second.path()).await?;
    fake.until("it joined again", |cluster| isr(cluster, "orders") == [101, 102]).await?;
    leader.stop().await?;
    fake.until("the other leads", |cluster| isr(cluster, "orders") == [102]).await?;
    follower.stop().await?;
    Ok(())
}

#[tokio::test]
async fn without_pushes_it_fetches_and_what_changed_nothing_is_not_fetched() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let fake = Fake::start(Cluster::new(1, 2)?).await?;
    fake.set_pushing(false);
    let broker = start(&fake, 101, directory.path()).await?;
    online(&fake, 101).await?;
    until("it has everything", || broker.metadata_index() == fake.cluster().index).await?;
    let fetched = fake.fetched();
    fake.cluster().blank();
    until("it knows that nothing changed", || broker.metadata_index() == fake.cluster().index).await?;
    assert_eq!(fake.fetched(), fetched);
    broker.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_new_lineage_and_a_lost_registration_are_followed() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let fake = Fake::start(Cluster::new(1, 2)?).await?;
    let broker = start(&fake, 101, directory.path()).await?;
    online(&fake, 101).await?;
    // Restored with the broker in it, so that its heartbeats alone would notice nothing.
    let epoch = broker.broker_epoch().context("not registered")?;
    let mut restored = Cluster::new(1, 3)?;
    restored.index = epoch - 1;
    let registration = fake.registrations().pop().context("no registration")?;
    restored.submit(metadata::Intent::RegisterBroker { registration })?;
    *fake.cluster() = restored;
    until("it registered with the new lineage", || fake.registrations().len() == 2).await?;
    online(&fake, 101).await?;
    assert_eq!(fake.registrations()[0].incarnation_id, fake.registrations()[1].incarnation_id);

    fake.cluster().submit(metadata::Intent::UnregisterBroker { id: BrokerId(101), expected: None })?;
    until("it registered again", || fake.registrations().len() == 3).await?;
    online(&fake, 101).await?;
    broker.stop().await?;
    Ok(())
}

#[tokio::test]
async fn another_clusters_directory_is_not_touched() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let fake = Fake::start(Cluster::new(1, 2)?).await?;
    let broker = start(&fake, 101, directory.path()).await?;
    online(&fake, 101).await?;
    let kept = fake.cluster().topic("kept", &[&[101]])?;
    let replica = directory.path().join(format!("replicas/{kept}-0"));
    until("the replica is on disk", || replica.exists()).await?;
    until("the cluster's id is on disk", || directory.path().join("cluster.json").exists()).await?;
    let second = start(&fake, 101, directory.path()).await.map(drop);
    ensure!(second.is_err_and(|error| matches!(error.downcast_ref(), Some(StartError::InUse { .. }))));
    broker.stop().await?;

    let foreign = Fake::start(Cluster::new(7, 8)?).await?;
    let ended = start(&foreign, 101, directory.path()).await?.wait().await;
    ensure!(matches!(ended, Err(Fatal::WrongCluster { .. })), "{ended:?}");
    ensure!(replica.exists() && foreign.registrations().is_empty());
    ensure!(directory.path().join("clean_shutdown.json").exists(), "the last shutdown is still the clean one");
    Ok(())
}

#[tokio::test]
async fn a_refused_registration_ends_it_with_the_reason() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let fake = Fake::start(Cluster::new(1, 2)?).await?;
    let ended = start(&fake, 1, directory.path()).await?.wait().await;
    ensure!(matches!(&ended, Err(Fatal::Refused(problem)) if problem.code == "INVALID_REGISTRATION"), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn stopping_does_not_wait_for_controllers_that_never_came() -> Result<()> {
    let directory = tempfile::tempdir()?;
    // It is asked, and does not answer.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let options = Options::new(101, vec![format!("http://{}", mute.local_addr()?)], "127.0.0.1:0".parse()?, directory.path().to_owned());
    let broker = storage::run(options).await?;
    let _asked = tokio::time::timeout(PATIENCE, mute.accept()).await??;
    // Half of what a shutdown may take that waits for controllers.
    tokio::time::timeout(Duration::from_secs(15), broker.stop()).await??;
    Ok(())
}

#[tokio::test]
async fn pushes_are_answered_as_the_contract_says() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let fake = Fake::start(Cluster::new(1, 2)?).await?;
    let broker = start(&fake, 101, directory.path()).await?;
    online(&fake, 101).await?;
    fake.set_pushing(false);
    until("it has everything", || broker.metadata_index() == fake.cluster().state().revision()).await?;
    let acknowledged = broker.metadata_index();
    let url = format!("http://{}", broker.addr());
    let http = reqwest::Client::new();

    let good = fake.cluster().changes(0)?;
    let edited = |key: &str, value: Value| {
        let mut push = good.clone();
        push[key] = value;
        push
    };
    let cases = [
        (good.clone(), 200, Value::Null, json!(acknowledged)),
        (edited("lineage", json!(uuid::Uuid::from_u128(77))), 409, json!("UNKNOWN_LINEAGE"), json!(0)),
        (edited("term", json!(0)), 409, json!("STALE_TERM"), json!(acknowledged)),
        (edited("to", json!("x")), 400, json!("INVALID_REQUEST"), Value::Null),
        // Anybody can write a number: what no controller confirms changes nothing for the leader.
        (edited("term", json!(u64::MAX)), 503, json!("OVERLOADED"), Value::Null),
        (edited("controller_id", json!(9)), 409, json!("STALE_TERM"), json!(acknowledged)),
        (good.clone(), 200, Value::Null, json!(acknowledged)),
    ];
    for (push, status, code, index) in cases {
        let response = http.post(format!("{url}/push")).json(&push).send().await?;
        assert_eq!(response.status().as_u16(), status);
        let answer: Value = response.json().await?;
        assert_eq!((&answer["code"], &answer["acknowledged_index"]), (&code, &index), "{answer}");
    }
    let mut gap = edited("from", json!(acknowledged + 5));
    (gap["to"], gap["changes"]) = (json!(acknowledged + 6), json!([]));
    let answer: Value = http.post(format!("{url}/push")).json(&gap).send().await?.json().await?;
    assert_eq!(answer, json!({ "code": "GAP", "acknowledged_index": acknowledged }));
    let foreign = http.post(format!("{url}/push")).header("origin", "http://evil.example").json(&good).send().await?;
    assert_eq!(foreign.status().as_u16(), 403);
    let large = http.post(format!("{url}/push")).body(vec![b' '; (64 << 20) + 1]).send().await;
    ensure!(large.map_or(true, |response| response.status().as_u16() == 413), "or the connection is closed early");

    let led_here = http.get(&url).header("host", "rebound.example").send().await?;
    assert_eq!(led_here.status().as_u16(), 421);

    let about: Value = http.get(&url).send().await?.json().await?;
    assert_eq!((&about["stores_messages"], &about["broker_id"]), (&json!(false), &json!(101)));
    let replicas: Value = http.get(format!("{url}/replicas")).send().await?.json().await?;
    assert_eq!((&replicas["broker_epoch"], &replicas["replicas_online"]), (&json!(broker.broker_epoch()), &json!(true)));
    assert_eq!(http.get(format!("{url}/healthz")).send().await?.status().as_u16(), 200);
    for (path, status) in [("nothing", 404), ("push", 405)] {
        let response = http.get(format!("{url}/{path}")).send().await?;
        assert_eq!((response.status().as_u16(), response.headers()["content-type"].to_str()?), (status, "application/problem+json"));
    }
    broker.stop().await?;
    Ok(())
}

/// A new leader is believed once a controller knows it, and the one before it no more.
#[tokio::test]
async fn the_leader_of_a_new_term_is_asked_about_and_taken() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let fake = Fake::start(Cluster::new(1, 2)?).await?;
    let broker = start(&fake, 101, directory.path()).await?;
    online(&fake, 101).await?;
    let before = fake.cluster().changes(0)?;
    fake.cluster().term = 2;
    fake.cluster().topic("orders", &[&[101]])?;
    until("the push of the new term is taken", || broker.metadata_index() == fake.cluster().state().revision()).await?;
    fake.set_pushing(false);
    let http = reqwest::Client::new();
    let answer = http.post(format!("http://{}/push", broker.addr())).json(&before).send().await?;
    assert_eq!(answer.json::<Value>().await?["code"], "STALE_TERM");
    broker.stop().await?;
    Ok(())
}
