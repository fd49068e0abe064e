//! kill -9 of one node or of all, again and again, under creations, deletions and linearizable reads of the same few names:
//! whatever was answered is linearizable.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::fake;
use crate::linear::{MOST, Told};
use crate::register::{Record, Wish};
use crate::wait::{Dice, until};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

const ROUNDS: usize = 6;
const CLIENTS: usize = 8;
/// Names that are fought for at once.
const NAMES: usize = 3;
/// Requests about one name, the last reads of every node not counted: histories stay short, as their check has to try orders.
const REQUESTS: usize = MOST - 3;

/// One round's clients and what they share.
struct Round {
    number: usize,
    record: Record,
    asked: [AtomicUsize; NAMES],
    /// Requests whose outcome is known.
    answered: AtomicUsize,
    stop: AtomicBool,
}

impl Round {
    fn new(number: usize) -> Self {
        Round {
            number,
            record: Record::default(),
            asked: Default::default(),
            answered: AtomicUsize::default(),
            stop: AtomicBool::default(),
        }
    }

    async fn client(self: Arc<Self>, apis: Vec<Api>, mut dice: Dice) -> Result<()> {
        while !self.stop.load(Ordering::SeqCst) {
            let slot = dice.below(NAMES as u64) as usize;
            let turn = self.asked[slot].fetch_add(1, Ordering::SeqCst);
            let name = format!("r{}-{slot}-{}", self.number, turn / REQUESTS);
            let wish =
                *dice.pick(&[Wish::Create, Wish::Create, Wish::Create, Wish::Delete, Wish::Delete, Wish::Read, Wish::Read, Wish::Read]);
            let told = self.record.ask(dice.pick(&apis), wish, &name).await?;
            if told.is_some_and(|told| !matches!(told, Told::PerhapsCreated | Told::PerhapsDeleted)) {
                self.answered.fetch_add(1, Ordering::SeqCst);
            }
            // At full speed a name's history would be over before anything is killed in it.
            sleep(Duration::from_millis(dice.below(30))).await;
        }
        Ok(())
    }

    /// Waits until so many more were answered.
    async fn goes_on(&self, more: u64) -> Result<()> {
        let target = self.answered.load(Ordering::SeqCst) + more as usize;
        until("the clients are answered", async || {
            let now = self.answered.load(Ordering::SeqCst);
            ensure!(now >= target, "{now} of {target} were");
            Ok(())
        })
        .await
    }

    /// Kills somebody at some moment, and starts all of them again at another; who it was.
    async fn strike(&self, cluster: &mut Cluster, dice: &mut Dice) -> Result<Vec<u64>> {
        self.goes_on(dice.below(40)).await?;
        let mut victims = cluster.ids();
        if dice.below(3) == 0 {
            cluster.kill_all()?;
        } else {
            victims = vec![*dice.pick(&victims)];
            cluster.kill(victims[0])?;
            // The other two go on.
            self.goes_on(dice.below(60)).await?;
        }
        let mut dead = victims.clone();
        while !dead.is_empty() {
            let next = dead.swap_remove(dice.below(dead.len() as u64) as usize);
            cluster.start_again(next)?;
            sleep(Duration::from_millis(dice.below(100))).await;
        }
        Ok(victims)
    }

    /// What became of every name, as every node says.
    async fn last_reads(&self, cluster: &Cluster) -> Result<()> {
        for name in self.record.names() {
            for api in cluster.apis() {
                let read = async || self.record.ask(&api, Wish::Read, &name).await?.context("there was no answer");
                until("a last read", read).await?;
            }
        }
        Ok(())
    }
}

async fn round(cluster: &mut Cluster, dice: &mut Dice, number: usize) -> Result<BTreeMap<&'static str, usize>> {
    let round = Arc::new(Round::new(number));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(round.clone().client(cluster.every_api(), dice.fork()));
    }
    let mut killed = Vec::new();
    for _ in 0..1 + dice.below(2) {
        killed.push(round.strike(cluster, dice).await?);
    }
    cluster.ready().await?;
    round.goes_on(30).await?;
    round.stop.store(true, Ordering::SeqCst);
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    round.last_reads(cluster).await?;
    let counts = round.record.counts();
    println!("round {number}: {killed:?} killed, {} names, {counts:?}", round.record.names().len());
    round.record.check().with_context(|| format!("round {number}, in which {killed:?} were killed"))?;
    Ok(counts)
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_loop() -> Result<()> {
    let rounds = std::env::var("QUORATE_KILL_ROUNDS").ok().map(|text| text.parse()).transpose().context("QUORATE_KILL_ROUNDS")?;
    let mut dice = Dice::new("kill_loop");
    let mut cluster = fake::cluster().await?;
    let mut all: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..rounds.unwrap_or(ROUNDS) {
        for (kind, count) in round(&mut cluster, &mut dice, number).await? {
            *all.entry(kind).or_default() += count;
        }
    }
    // Nothing was proven by answers that never came.
    for kind in ["created", "exists", "deleted", "found", "missing"] {
        ensure!(all.get(kind).is_some_and(|count| *count > 0), "nothing was {kind}: {all:?}");
    }
    ensure!(cluster.apis().len() == cluster.ids().len(), "not every node is up");
    let index = cluster.agree().await?;
    println!("{all:?}; the nodes agree at {index}");
    cluster.passed().await
}
