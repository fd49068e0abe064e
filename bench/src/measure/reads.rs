//! Reads of a cluster with many topics: the first page of the list, and the first page of the dashboard.

use super::filling::{client, fill};
use super::group::Group;
use crate::cluster::Cluster;
use crate::http::{Connection, request};
use crate::options::{Brokers, Setup};
use crate::report::{Figure, Report};
use crate::spread::ms;
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};

pub const GROUP: Group = Group {
    name: "read",
    about: "of 10 000 topics the first hundred as JSON, one request after another; the dashboard's first page as HTML, each over a new connection",
    names: &["list", "first_page"],
    run,
};

const TOPICS: usize = 10_000;
const LISTS: usize = 1_000;
const PAGES: usize = 200;
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

fn run(setup: &Setup, name: &str, report: &mut Report) -> Result<()> {
    for _ in 0..setup.runs(1) {
        client()?.block_on(async {
            let cluster = Cluster::start(setup, Brokers::Heartbeats).await?;
            fill(&cluster, TOPICS, 1).await?;
            let (leader, _) = cluster.roles().await?;
            let (times, bytes) = if name == "list" { lists(&leader).await? } else { pages(&leader).await? };
            report.add(Figure::new(name).spread(times).fact("topics", TOPICS).fact("bytes", bytes));
            anyhow::Ok(())
        })?;
    }
    Ok(())
}

/// The times, and the length of the last answer.
async fn lists(address: &str) -> Result<(Vec<f64>, usize)> {
    let request = request("GET", address, "/api/v1/topics?limit=100", "", "");
    let mut connection = Connection::open(address).await?;
    let (mut times, mut bytes) = (Vec::new(), 0);
    for _ in 0..LISTS {
        let sent = Instant::now();
        let answer = tokio::time::timeout(ANSWER_WITHIN, connection.exchange(&request)).await.context("a list was not answered")??;
        times.push(ms(sent.elapsed()));
        ensure!(answer.status == 200, "a list was answered {}", answer.status);
        bytes = answer.body.len();
    }
    Ok((times, bytes))
}

async fn pages(address: &str) -> Result<(Vec<f64>, usize)> {
    let request = request("GET", address, "/", "connection: close\r\naccept: text/html\r\n", "");
    let (mut times, mut bytes) = (Vec::new(), 0);
    for _ in 0..PAGES {
        let sent = Instant::now();
        let exchange = async { Connection::open(address).await?.last_exchange(&request).await };
        let (status, length) = tokio::time::timeout(ANSWER_WITHIN, exchange).await.context("a page was not answered")??;
        times.push(ms(sent.elapsed()));
        ensure!(status == 200, "the page was answered {status}: was the server built with its pages?");
        bytes = length;
    }
    Ok((times, bytes))
}
