//! From the start of the processes to the first change that they acknowledge: of a new cluster, and of a large one after all nodes were killed.

use super::filling::{client, fill};
use super::group::Group;
use crate::beats::registration;
use crate::cluster::Cluster;
use crate::http::{Connection, Creation, request};
use crate::options::{Brokers, Setup};
use crate::report::{Figure, Report};
use crate::spread::ms;
use anyhow::{Context, Result, bail};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

pub const GROUP: Group = Group {
    name: "first_answer",
    about: "three nodes started: to the first registration in an empty cluster (over TLS, to its first setting), to the first creation in a large one that was killed",
    names: &["start", "restart_all"],
    run,
};

const STARTS: usize = 5;
const WITHIN: Duration = Duration::from_secs(120);
const RETRY: Duration = Duration::from_millis(3);
/// Short, so that a request which a dying node swallowed is given up soon; long enough for a commit on a busy disk.
pub const IMPATIENT: &str = "quorate-timeout-ms: 300\r\n";

fn run(setup: &Setup, name: &str, report: &mut Report) -> Result<()> {
    let runs = setup.runs(if name == "start" { STARTS } else { 1 });
    let mut times = Vec::new();
    for _ in 0..runs {
        let time = client()?.block_on(async {
            match name {
                "start" => from_nothing(setup).await,
                _ => after_a_kill(setup).await,
            }
        })?;
        times.push(ms(time));
    }
    let figure = Figure::new(name).spread(times);
    report.add(if name == "start" { figure } else { figure.fact("partitions", setup.partitions) });
    Ok(())
}

async fn from_nothing(setup: &Setup) -> Result<Duration> {
    let mut cluster = Cluster::prepare(setup, Brokers::Heartbeats)?;
    let begun = Instant::now();
    cluster.start_nodes()?;
    let addresses = cluster.addresses();
    // Over TLS a registration is a broker's alone, with its certificate.
    let change = if setup.tls { naming } else { registering };
    Ok(first(&addresses, begun + WITHIN, change).await? - begun)
}

fn registering(address: &str, node: usize, _: u64) -> Vec<u8> {
    request("POST", address, "/api/v1/brokers", IMPATIENT, &registration(901 + node as u32, "a"))
}

fn naming(address: &str, node: usize, attempt: u64) -> Vec<u8> {
    let ops = format!(r#"{{"ops":[{{"key":"cluster.name","op":"set","value":"{node}-{attempt}"}}]}}"#);
    request("PATCH", address, "/api/v1/settings", IMPATIENT, &ops)
}

async fn after_a_kill(setup: &Setup) -> Result<Duration> {
    let mut cluster = Cluster::start(setup, Brokers::Heartbeats).await?;
    fill(&cluster, setup.partitions.div_ceil(1_000), 1_000).await?;
    cluster.kill_all()?;
    let begun = Instant::now();
    cluster.start_nodes()?;
    Ok(first_creation(&cluster.addresses(), begun + WITHIN).await? - begun)
}

/// When the first creation is acknowledged by any of these nodes, all of which are asked again and again.
pub async fn first_creation(addresses: &[String], until: Instant) -> Result<Instant> {
    first(addresses, until, |address, node, attempt| Creation::new(address, &format!("first-{node}"), IMPATIENT).numbered(attempt).to_vec())
        .await
}

/// When any of these nodes answers that it was done. A request is made of the node's address, its place, and the number of the attempt.
async fn first(addresses: &[String], until: Instant, request: fn(&str, usize, u64) -> Vec<u8>) -> Result<Instant> {
    let mut asking = JoinSet::new();
    for (node, address) in addresses.iter().cloned().enumerate() {
        asking.spawn(timeout_at(until, async move {
            // Names of earlier attempts may be taken, if only because their answers were lost.
            let mut attempt = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as u64 % 500_000_000);
            let mut connection = None;
            loop {
                attempt += 1;
                if ask(&mut connection, &address, &request(&address, node, attempt)).await.is_ok() {
                    return Instant::now();
                }
                sleep(RETRY).await;
            }
        }));
    }
    match asking.join_next().await.context("there is no node to ask")?? {
        Ok(acknowledged) => Ok(acknowledged),
        Err(_) => bail!("nothing was acknowledged within {} s", WITHIN.as_secs()),
    }
}

async fn ask(kept: &mut Option<Connection>, address: &str, request: &[u8]) -> Result<()> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => Connection::open(address).await?,
    };
    let status = connection.exchange(request).await?.status;
    *kept = Some(connection);
    if matches!(status, 200 | 201) { Ok(()) } else { bail!("answered {status}") }
}
