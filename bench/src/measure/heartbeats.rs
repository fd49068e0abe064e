//! How soon a broker's heartbeat is answered while creations take all there is, and while a thousand people sign in at once.

use super::filling::client;
use super::group::Group;
use crate::api::{call, number};
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
    about: "heartbeats to the leader while 256 connections create topics, and while 1000 sign in at once; each is to be answered within 100 ms",
    names: &["load_answers", "sign_in_storm"],
    run,
};

const CONNECTIONS: usize = 256;
const EVERY: Duration = Duration::from_millis(20);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const LATE_MS: f64 = 100.0;
const SIGN_INS: usize = 1_000;
const PEOPLE: usize = 10;
const PASSWORD: &str = "tulip engine marble fog";

fn run(setup: &Setup, name: &str, report: &mut Report) -> Result<()> {
    if name == "sign_in_storm" {
        return (0..setup.runs(3)).try_for_each(|_| storm(setup, name, report));
    }
    for _ in 0..setup.runs(1) {
        client()?.block_on(async {
            let cluster = Cluster::start(setup, Brokers::Services).await?;
            let (leader, _) = cluster.roles().await?;
            let broker = Broker::register(&leader, 901, "a").await?;
            let ended = Arc::new(AtomicBool::new(false));
            let (address, until) = (leader.clone(), ended.clone());
            // A thread of its own: the load's own queue in this program is not the node's.
            let beating = thread::spawn(move || client()?.block_on(beat(&address, broker, "", &until)));
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

/// A thousand sign-ins at once at the leader, of people that there are and of people that there are not, each on a connection of its own.
fn storm(setup: &Setup, name: &str, report: &mut Report) -> Result<()> {
    client()?.block_on(async {
        let cluster = Cluster::start(setup, Brokers::Heartbeats).await?;
        let (leader, _) = cluster.roles().await?;
        let term = cluster.leadership().await?.term;
        let broker = Broker::register(&leader, 901, "a").await?;
        let made = call(&leader, "POST", "/api/v1/accounts", r#"{"name":"ops","role":"admin","token":{}}"#).await?;
        let admin = bearer(&made)?;
        let account = |body: String| request("POST", &leader, "/api/v1/accounts", &admin, &body);
        let of_broker = account(r#"{"name":"b-901","role":"broker","broker":901,"token":{}}"#.to_owned());
        let mut connection = Connection::open(&leader).await?;
        let token = bearer(&serde_json::from_slice(connection.exchange(&of_broker).await?.body)?)?;
        for number in 0..PEOPLE {
            let person = format!(r#"{{"name":"p-{number}","role":"viewer","password":"{PASSWORD}"}}"#);
            let answer = connection.exchange(&account(person)).await?;
            ensure!(answer.status == 201, "an account was answered {}", answer.status);
        }
        let ended = Arc::new(AtomicBool::new(false));
        let (address, until) = (leader.clone(), ended.clone());
        let beating = thread::spawn(move || client()?.block_on(beat(&address, broker, &token, &until)));
        let began = Instant::now();
        let signing = (0..SIGN_INS).map(|number| sign_in(&leader, number));
        let answers: Vec<u16> = futures::future::try_join_all(signing).await?;
        let took = began.elapsed();
        ended.store(true, Ordering::Relaxed);
        let times = beating.join().ok().context("the heartbeats panicked")??;
        let late = times.iter().filter(|time| **time > LATE_MS).count();
        let of = |status: u16| answers.iter().filter(|answer| **answer == status).count();
        let figure = Figure::new(name).spread(times).fact("late", late).fact("took_ms", rounded(ms(took)));
        let figure = figure.fact("signed_in", of(303)).fact("slowed", of(429)).fact("busy", of(503)).fact("wrong", of(401));
        // Who asks for it has to be known by now.
        let asked = connection.exchange(&request("GET", &leader, "/api/v1/cluster", &admin, "")).await?;
        let after = number(&serde_json::from_slice(asked.body)?, "term")?;
        report.add(figure.fact("elections", after - term));
        Ok(())
    })
}

/// The header that shows a token which was just made.
fn bearer(made: &serde_json::Value) -> Result<String> {
    Ok(format!("authorization: Bearer {}\r\n", made["token"].as_str().context("no token was made")?))
}

/// The status of one sign-in; every other one is of nobody.
async fn sign_in(address: &str, number: usize) -> Result<u16> {
    let name = if number.is_multiple_of(2) { format!("p-{}", number % PEOPLE) } else { format!("nobody-{number}") };
    let body = format!("name={name}&password={}", PASSWORD.replace(' ', "+"));
    let head = format!("content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    let bytes = format!("POST /sign-in HTTP/1.1\r\nhost: {address}\r\nsec-fetch-site: same-origin\r\n{head}\r\n{body}").into_bytes();
    Ok(Connection::open(address).await?.last_exchange(&bytes).await?.0)
}

/// Beats until the load has ended. The broker wants to stay fenced: nothing has to be committed, and it gets no replicas.
async fn beat(address: &str, broker: Broker, more: &str, ended: &AtomicBool) -> Result<Vec<f64>> {
    let request = request("POST", address, &broker.path(), more, &broker.beat(true));
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
