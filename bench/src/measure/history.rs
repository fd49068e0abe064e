//! What was committed, looked back at: pages of it, a state far back, and a feed that resumes from below what is in memory.

use super::filling::{client, fill, filled};
use super::group::Group;
use crate::api::{get, number, until};
use crate::cluster::Cluster;
use crate::http::{Connection, request};
use crate::options::{Brokers, Setup};
use crate::report::{Figure, Report};
use crate::spread::{ms, rounded};
use crate::subscribers::Subscribers;
use anyhow::{Context, Result, ensure};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

pub const GROUP: Group = Group {
    name: "history",
    about: "after many commits: the newest fifty of all and of one topic, the whole state as of the first of them, a feed that resumes there; how many a second the SQL backup takes in",
    names: &["history_page", "history_topic", "state_as_of", "feed_resumes", "backup"],
    run,
};

/// Connections that change configurations.
const WRITERS: usize = 256;
/// Topics that are changed in turn.
const TOPICS: usize = 1_000;
const PAGES: usize = 200;
const STATES: usize = 5;
const FEEDS: usize = 5;
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

fn run(setup: &Setup, name: &str, report: &mut Report) -> Result<()> {
    for _ in 0..setup.runs(1) {
        client()?.block_on(async {
            let cluster = Cluster::start(setup, Brokers::Heartbeats).await?;
            // A state of many partitions where a state is asked for.
            let partitions = if name == "state_as_of" { setup.partitions.div_ceil(TOPICS) } else { 1 };
            fill(&cluster, TOPICS, partitions).await?;
            let (leader, _) = cluster.roles().await?;
            let first = revision(&leader).await?;
            let begun = Instant::now();
            change(&leader, setup.commits, partitions).await?;
            cluster.level().await?;
            let figure = match name {
                "history_page" => Figure::new(name).spread(pages(&leader, "limit=50").await?),
                "history_topic" => Figure::new(name).spread(pages(&leader, &format!("limit=50&topic={}", filled(17, partitions))).await?),
                "state_as_of" => Figure::new(name).spread(states(&leader, first).await?).fact("partitions", partitions * TOPICS),
                "backup" => {
                    backed_up(&leader).await?;
                    let took = begun.elapsed().as_secs_f64();
                    Figure::new(name).rate(setup.commits as f64 / took, "commits").fact("seconds", rounded(took))
                }
                _ => Figure::new(name).spread(feeds(&leader, first).await?),
            };
            report.add(figure.fact("commits", setup.commits));
            anyhow::Ok(())
        })?;
    }
    Ok(())
}

async fn revision(address: &str) -> Result<u64> {
    number(&get(address, "/api/v1/state/digest").await?, "revision")
}

/// So many changes of configurations, each a commit of its own.
async fn change(address: &str, commits: usize, partitions: usize) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..WRITERS {
        let (mut connection, next, address) = (Connection::open(address).await?, next.clone(), address.to_owned());
        workers.spawn(async move {
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if turn >= commits {
                    return anyhow::Ok(());
                }
                let path = format!("/api/v1/topics/{}/configs", filled(turn % TOPICS, partitions));
                let body = format!(r#"{{"ops":[{{"key":"retention.ms","op":"set","value":"{}"}}]}}"#, turn + 1);
                let answer = connection.exchange(&request("PATCH", &address, &path, "", &body)).await?;
                ensure!(answer.status == 200, "a change was answered {} {}", answer.status, String::from_utf8_lossy(answer.body));
            }
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    Ok(())
}

async fn pages(address: &str, parameters: &str) -> Result<Vec<f64>> {
    let request = request("GET", address, &format!("/api/v1/history?{parameters}"), "", "");
    let mut connection = Connection::open(address).await?;
    let mut times = Vec::new();
    for _ in 0..PAGES {
        let sent = Instant::now();
        let answer = timeout(ANSWER_WITHIN, connection.exchange(&request)).await.context("a page was not answered")??;
        times.push(ms(sent.elapsed()));
        let whole = answer.body.windows(8).filter(|window| window == b"\"digest\"").count();
        ensure!(answer.status == 200 && whole == 50, "a page was answered {} with {whole} commits", answer.status);
    }
    Ok(times)
}

async fn states(address: &str, index: u64) -> Result<Vec<f64>> {
    let path = format!("/api/v1/state?index={index}");
    let request = request("GET", address, &path, "accept: application/octet-stream\r\n", "");
    let mut times = Vec::new();
    for _ in 0..STATES {
        let mut connection = Connection::open(address).await?;
        let sent = Instant::now();
        let answer = timeout(ANSWER_WITHIN, connection.exchange(&request)).await.context("the state was not answered")??;
        times.push(ms(sent.elapsed()));
        ensure!(answer.status == 200, "the state was answered {}", answer.status);
    }
    Ok(times)
}

/// Waits until the backup has everything.
async fn backed_up(address: &str) -> Result<()> {
    const LAG: &str = "quorate_backup_lag_indexes ";
    until("the backup has caught up", async || {
        let mut connection = Connection::open(address).await?;
        let answer = connection.exchange(&request("GET", address, "/metrics", "", "")).await?;
        let text = String::from_utf8_lossy(answer.body);
        let lag = text.lines().find_map(|line| line.strip_prefix(LAG)).context("there is no backup")?;
        ensure!(lag == "0", "{lag} behind");
        Ok(())
    })
    .await
}

/// Until a reader has everything after an index.
async fn feeds(address: &str, from: u64) -> Result<Vec<f64>> {
    let last = revision(address).await?;
    let mut times = Vec::new();
    for _ in 0..FEEDS {
        let opened = Instant::now();
        let reader = Subscribers::resume(address, from).await?;
        let seen = reader.all_have(last, opened + ANSWER_WITHIN).await.context("a feed did not catch up")?;
        times.push(ms(seen - opened));
    }
    Ok(times)
}
