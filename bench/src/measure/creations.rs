//! Creations over HTTP: alone, many at once, through a follower, and in batches; and whether a leader stays one under them.

use super::filling::{client, send_batch};
use super::group::Group;
use crate::cluster::Cluster;
use crate::http::{Connection, batch};
use crate::load::{self, Then};
use crate::options::{Brokers, Setup};
use crate::report::{Figure, Report};
use crate::spread::ms;
use anyhow::{Context, Result};
use std::time::Instant;

pub const GROUP: Group = Group {
    name: "create",
    about: "topics created over HTTP: one at a time, many connections at once, batches of 1 000; elections under load",
    names: &[
        "create_seq",
        "create_conc_16",
        "create_conc_256",
        "create_conc_1024",
        "create_seq_follower",
        "create_conc_256_follower",
        "create_batch",
        "elections",
    ],
    run,
};

const BATCHES: usize = 30;
const TOPICS: usize = 1_000;
const ELECTION_LOAD: usize = 256;

fn run(setup: &Setup, name: &str, report: &mut Report) -> Result<()> {
    for _ in 0..setup.runs(1) {
        client()?.block_on(async {
            let cluster = Cluster::start(setup, Brokers::Services).await?;
            let figure = match name {
                "create_batch" => batches(&cluster, name).await?,
                "elections" => elections(setup, &cluster, name).await?,
                _ => creations(setup, &cluster, name).await?,
            };
            report.add(figure.fact("brokers", cluster.brokers.name()));
            anyhow::Ok(())
        })?;
    }
    Ok(())
}

async fn creations(setup: &Setup, cluster: &Cluster, name: &str) -> Result<Figure> {
    let (leader, followers) = cluster.roles().await?;
    let address = match followers.first() {
        Some((_, follower)) if name.ends_with("_follower") => follower.clone(),
        _ => leader,
    };
    let connections = name.split('_').find_map(|part| part.parse().ok()).unwrap_or(1);
    let tally = load::creations(&address, "load", connections, setup.duration, Then::Keep).await?;
    Ok(tally.figure(name))
}

async fn batches(cluster: &Cluster, name: &str) -> Result<Figure> {
    let (leader, _) = cluster.roles().await?;
    let mut connection = Connection::open(&leader).await?;
    send_batch(&mut connection, &batch(&leader, "first", TOPICS, 1)).await?;
    let requests: Vec<_> = (0..BATCHES).map(|number| batch(&leader, &format!("batch-{number}"), TOPICS, 1)).collect();
    let mut times = Vec::new();
    let begun = Instant::now();
    for request in &requests {
        let sent = Instant::now();
        send_batch(&mut connection, request).await?;
        times.push(ms(sent.elapsed()));
    }
    let per_second = (BATCHES * TOPICS) as f64 / begun.elapsed().as_secs_f64();
    Ok(Figure::new(name).rate(per_second, "topics").spread(times))
}

/// How often the term changed while there was as much to do as there can be.
async fn elections(setup: &Setup, cluster: &Cluster, name: &str) -> Result<Figure> {
    let before = cluster.leadership().await?;
    let leader = cluster.address(before.leader)?;
    let tally = load::creations(&leader, "load", ELECTION_LOAD, setup.election_load, Then::Delete).await?;
    let after = cluster.leadership().await?;
    let changes = after.term.checked_sub(before.term).context("the term went back")?;
    Ok(tally.figure(name).fact("seconds", setup.election_load.as_secs()).fact("term_changes", changes))
}
