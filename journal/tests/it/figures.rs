//! How long things take: `cargo test --release -p journal --test it -- --ignored --nocapture figures`.

use crate::world::{WHOSE, registration, topic};
use anyhow::{Context, Result, ensure};
use journal::{Item, Journal, Options};
use metadata::frame::Frame;
use metadata::history::{Filter, Record};
use metadata::intent::ConfigOpKind;
use metadata::liveness::Session;
use metadata::model::Identity;
use metadata::plan::plan;
use metadata::{BrokerId, Draw, Entry, Index, Intent, Liveness, Machine, Principal, State};
use std::sync::Arc;
use std::time::Instant;

/// A commit and its frame.
type Made = (Record, Vec<u8>);

#[derive(Default)]
struct Cluster {
    machine: Machine,
    state: State,
    liveness: Liveness,
    index: Index,
}

impl Cluster {
    fn submit(&mut self, intent: Intent) -> Result<Made> {
        self.index += 1;
        let draw = Draw { now_ms: 1_700_000_000_000 + self.index, seed: self.index.into() };
        if let Intent::BrokerHeartbeat { heartbeat } = &intent {
            let session = Session { broker_epoch: heartbeat.broker_epoch, contact_ms: self.liveness.now_ms, metadata_index: self.index };
            self.liveness.sessions.insert(heartbeat.id, session);
        }
        let planned = plan(&self.machine.state, &self.liveness, &draw, &intent).map_err(|no| anyhow::anyhow!("{no:?}"))?;
        let entry = Entry { at_ms: draw.now_ms, principal: Principal::anonymous(), intent, key: None, groups: planned.groups() };
        let commit = self.machine.apply(&entry, self.index, 1).1.context("it changes something")?;
        let record = Record::of(&mut self.state, Arc::new(commit), None).context("it leads to its digest")?;
        let frame = Frame::Commit(record.commit.clone()).encode()?;
        Ok((record, frame))
    }

    /// With so many topics of 100 partitions.
    fn of(topics: u32) -> Result<(Self, Vec<Made>)> {
        let mut cluster =
            Cluster { liveness: Liveness { now_ms: 1_000_000, session_timeout_ms: 9_000, ..Liveness::default() }, ..Cluster::default() };
        let mut commits =
            vec![cluster.submit(Intent::BootstrapCluster { identity: Identity { cluster_id: WHOSE.cluster_id, lineage: WHOSE.lineage } })?];
        for id in 101..104 {
            commits.push(cluster.submit(Intent::RegisterBroker { registration: registration(id) })?);
            let broker_epoch = cluster.state.broker(BrokerId(id)).context("a broker")?.epoch;
            let heartbeat = metadata::intent::Heartbeat {
                id: BrokerId(id),
                broker_epoch,
                metadata_index: cluster.index,
                want_fence: false,
                want_shut_down: false,
            };
            commits.push(cluster.submit(Intent::BrokerHeartbeat { heartbeat })?);
        }
        for number in 0..topics {
            commits.push(cluster.submit(Intent::CreateTopics { topics: vec![topic(&format!("topic-{number}"), 100)] })?);
        }
        Ok((cluster, commits))
    }

    /// A small commit on one of the topics.
    fn small(&mut self, topics: u32) -> Result<Made> {
        let value = Some((1_000 + self.index).to_string());
        let name = format!("topic-{}", self.index.wrapping_mul(2_654_435_761) % u64::from(topics));
        let ops = vec![metadata::intent::ConfigOp { key: "retention.ms".to_owned(), op: ConfigOpKind::Set, value }];
        self.submit(Intent::ChangeConfigs { name, ops, expected: None })
    }
}

fn append(journal: &Journal, state: &State, commits: &[Made]) -> Result<()> {
    if journal.full() {
        journal.begin(state)?;
    }
    let items: Vec<Item> = commits.iter().map(|(record, frame)| Item { record, frame }).collect();
    Ok(journal.append(&items)?)
}

fn timed<T>(what: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    let done = run()?;
    println!("{what}: {:.2} ms", begun.elapsed().as_secs_f64() * 1_000.0);
    Ok(done)
}

#[test]
#[ignore = "figures are of a release build"]
fn figures() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let topics = 1_000;
    let (mut cluster, _) = Cluster::of(topics)?;
    let (journal, _) = Journal::open(Options::new(dir.path().join("states")), WHOSE)?;
    timed("begin at 100 000 partitions", || Ok(journal.begin(&cluster.state)?))?;
    let mut last = std::time::Duration::ZERO;
    for _ in 0..40 {
        let (before, commits) = (cluster.state.clone(), (0..500).map(|_| cluster.small(topics)).collect::<Result<Vec<_>>>()?);
        let begun = Instant::now();
        append(&journal, &before, &commits)?;
        last = begun.elapsed();
    }
    println!("append of 500: {last:?}");
    let end = journal.end().context("an end")?;
    let after = journal.stretches()[0].after;
    timed("state at the beginning, 100 000 partitions", || Ok(journal.state_at(after)?))?;
    let state = timed("state at the end, 20 000 commits on", || Ok(journal.state_at(end)?))?;
    ensure!(state == cluster.state);
    Ok(())
}

#[test]
#[ignore = "figures are of a release build"]
fn figures_of_a_million() -> Result<()> {
    let (dir, count, topics) = (tempfile::tempdir()?, 1_000_000, 1_000);
    let options = Options::new(dir.path());
    let (mut cluster, commits) = Cluster::of(10)?;
    let (journal, _) = Journal::open(options.clone(), WHOSE)?;
    append(&journal, &State::default(), &commits)?;
    let more: Vec<_> = (10..topics)
        .map(|number| cluster.submit(Intent::CreateTopics { topics: vec![topic(&format!("topic-{number}"), 1)] }))
        .collect::<Result<_>>()?;
    append(&journal, &State::default(), &more)?;
    while cluster.index < count {
        let before = cluster.state.clone();
        let commits = (0..500).map(|_| cluster.small(topics)).collect::<Result<Vec<_>>>()?;
        append(&journal, &before, &commits)?;
    }
    println!("{} commits, {} MiB, {} files", cluster.index, journal.bytes() >> 20, std::fs::read_dir(dir.path())?.count());
    drop(journal);
    let (journal, _) = timed("open", || Ok(Journal::open(options, WHOSE)?))?;
    let filter = Filter { topic: Some("topic-7".to_owned()), ..Filter::default() };
    for (what, filter) in [
        ("a page of one topic of 1 000", filter.clone()),
        ("the same again", filter.clone()),
        ("of a topic that there is not", Filter { topic: Some("none".to_owned()), ..Filter::default() }),
        ("of a topic's making, the oldest", Filter { kind: Some("create_topics".to_owned()), ..filter }),
        ("of all", Filter::default()),
    ] {
        let page = timed(what, || Ok(journal.search(&filter, None, 50)?))?;
        println!("  {} found", page.records.len());
    }
    timed("4 096 frames", || Ok(journal.frames_after(500_000, 4_096, usize::MAX)?))?;
    timed("one commit", || Ok(journal.at(500_000)?))?;
    timed("verify one", || Ok(journal.verify_next()?))?;
    Ok(())
}
