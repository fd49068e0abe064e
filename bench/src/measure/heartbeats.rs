//! How soon a broker's heartbeat is answered while creations take all there is.

use super::filling::client;
use super::group::Group;
use crate::beats::Broker;
use crate::cluster::Cluster;
use crate::http::{Connection, request};
use crate::load::{self, Then};
use crate::options::{Brokers, Setup};
use crate::report::{Figure, Report};
use crate::spread::{ms, rounded};
use anyhow::{Context, Result, ensure};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub const GROUP: Group = Group {
    name: "load",
    about: "heartbeats to the leader while 256 connections create topics; each is to be answered within 100 ms",
    names: &["load_answers"],
    run,
};

const CONNECTIONS: usize = 256;
const EVERY: Duration = Duration::from_millis(20);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const LATE_MS: f64 = 100.0;

fn run(setup: &Setup, name: &str, report: &mut Report) -> Result<()> {
    for _ in 0..setup.runs(1) {
        client()?.block_on(async {
            let cluster = Cluster::start(setup, Brokers::Services).await?;
            let (leader, _) = cluster.roles().await?;
            let broker = Broker::register(&leader, 901, "a").await?;
            let ended = Arc::new(AtomicBool::new(false));
            let (address, until) = (leader.clone(), ended.clone());
            // A thread of its own: the load's own queue in this program is not the node's.
            let beating = thread::spawn(move || client()?.block_on(beat(&address, broker, &until)));
            let tally = load::creations(&leader, "load", CONNECTIONS, setup.duration, Then::Keep).await;
            ended.store(true, Ordering::Relaxed);
            let times = beating.join().ok().context("the heartbeats panicked")??;
            let late = times.iter().filter(|time| **time > LATE_MS).count();
            let figure = Figure::new(name).spread(times).fact("late", late).fact("topics_per_s", rounded(tally?.per_second()));
            report.add(figure.fact("brokers", cluster.brokers.name()));
            anyhow::Ok(())
        })?;
    }
    Ok(())
}

/// Beats until the load has ended. The broker wants to stay fenced: nothing has to be committed, and it gets no replicas.
async fn beat(address: &str, broker: Broker, ended: &AtomicBool) -> Result<Vec<f64>> {
    let request = request("POST", address, &broker.path(), "", &broker.beat(true));
    let mut connection = Connection::open(address).await?;
    let mut times = Vec::new();
    while !ended.load(Ordering::Relaxed) {
        let sent = Instant::now();
        let answer = tokio::time::timeout(ANSWER_WITHIN, connection.exchange(&request)).await.context("a heartbeat was not answered")??;
        ensure!(answer.status == 200, "a heartbeat was answered {}", answer.status);
        let took = sent.elapsed();
        times.push(ms(took));
        tokio::time::sleep(EVERY.saturating_sub(took)).await;
    }
    Ok(times)
}
