//! A subscriber that loses its connection again and again, and what all subscribers must agree on: which commits there are.

use crate::api::Api;
use crate::feed::{Feed, Fold, binary_state};
use crate::resume::whole;
use crate::wait::{Dice, PATIENCE};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep, timeout_at};

/// All of a frame that has to be read to follow the feed.
#[derive(Deserialize)]
pub struct Head {
    #[serde(rename = "type")]
    pub kind: String,
    index: Option<u64>,
    prev_index: Option<u64>,
    oldest: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Noted {
    prev: u64,
    bytes: usize,
    hash: u64,
}

/// Every commit that anybody was sent. Two subscribers that were sent one index were sent the same.
#[derive(Default)]
pub struct Ledger(Mutex<BTreeMap<u64, Noted>>);

impl Ledger {
    fn noted(&self) -> MutexGuard<'_, BTreeMap<u64, Noted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn commits(&self) -> usize {
        self.noted().len()
    }

    pub fn bytes(&self) -> usize {
        self.noted().values().map(|noted| noted.bytes).sum()
    }

    pub fn has(&self, index: u64) -> bool {
        self.noted().contains_key(&index)
    }

    pub fn last(&self) -> u64 {
        self.noted().last_key_value().map_or(0, |(index, _)| *index)
    }

    fn note(&self, index: u64, prev: u64, text: &str) -> Result<()> {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let now = Noted { prev, bytes: text.len(), hash: hasher.finish() };
        let first = *self.noted().entry(index).or_insert(now);
        ensure!(first == now, "commit {index} was sent as something else before: {text}");
        Ok(())
    }

    /// From the first commit to the last each follows on the one before it.
    pub fn check(&self) -> Result<()> {
        let mut last = 0;
        for (index, noted) in self.noted().iter() {
            ensure!(noted.prev == last, "commit {index} follows on {}, and the one before it is {last}", noted.prev);
            last = *index;
        }
        Ok(())
    }

    fn between(&self, after: u64, upto: u64) -> Vec<u64> {
        self.noted().range((Bound::Excluded(after), Bound::Included(upto))).map(|(index, _)| *index).collect()
    }
}

/// One subscriber: what it was sent, over all of its connections.
pub struct Subscriber {
    ledger: Arc<Ledger>,
    /// Everything up to here was sent.
    position: u64,
    /// The last commit that was sent, or that a state was of.
    last: u64,
    /// The commits that were sent without a gap between them, beginning after an index.
    runs: Vec<(u64, Vec<u64>)>,
    /// It begins from a state when there are so many commits.
    begins_after: Option<usize>,
    /// After so many commits it sleeps until the load is over.
    sleeps_after: Option<usize>,
    must_be_gone: bool,
    /// Those few that fold what they hear into a state.
    pub fold: Option<Fold>,
    /// Ids of the topics that each commit created, where there is a fold.
    pub created: BTreeMap<u64, Vec<String>>,
    pub connections: usize,
    /// Resumed at an index that was no commit's.
    pub bookmarks: usize,
    pub gone: usize,
}

impl Subscriber {
    /// From the very beginning.
    pub fn new(ledger: &Arc<Ledger>) -> Self {
        Subscriber {
            ledger: ledger.clone(),
            position: 0,
            last: 0,
            runs: vec![(0, Vec::new())],
            begins_after: None,
            sleeps_after: None,
            must_be_gone: false,
            fold: None,
            created: BTreeMap::new(),
            connections: 0,
            bookmarks: 0,
            gone: 0,
        }
    }

    pub fn folding(self) -> Self {
        Subscriber { fold: Some(Fold::default()), ..self }
    }

    pub fn beginning_after(self, commits: usize) -> Self {
        Subscriber { begins_after: Some(commits), ..self }
    }

    pub fn sleeping_after(self, commits: usize) -> Self {
        Subscriber { sleeps_after: Some(commits), ..self }
    }

    /// Takes the whole state of a node in place of what it does not send any more.
    pub async fn take_state(&mut self, api: &Api) -> Result<()> {
        let state = binary_state(api).await?;
        (self.last, self.position) = (state.revision(), state.revision());
        self.runs.push((self.last, Vec::new()));
        if self.fold.is_some() {
            self.fold = Some(Fold { last: self.last, position: self.position, state, commits: 0 });
        }
        Ok(())
    }

    /// Takes a frame in; none, or from where the node still keeps commits.
    pub fn take(&mut self, text: &str) -> Result<Option<u64>> {
        let head: Head = serde_json::from_str(text).with_context(|| text.to_owned())?;
        match head.kind.as_str() {
            "commit" => {
                let (index, prev) = head.index.zip(head.prev_index).with_context(|| text.to_owned())?;
                ensure!(!self.must_be_gone, "commit {index} came after {}, though that is not kept any more", self.position);
                ensure!(prev == self.last, "commit {index} follows on {prev}, and {} was the last to come", self.last);
                ensure!(index > self.position, "commit {index} came though everything up to {} had come", self.position);
                self.ledger.note(index, prev, text)?;
                (self.last, self.position) = (index, index);
                if let Some((_, run)) = self.runs.last_mut() {
                    run.push(index);
                }
            }
            "progress" => {
                let index = head.index.with_context(|| text.to_owned())?;
                ensure!(index >= self.position, "progress went back from {} to {index}", self.position);
                self.position = index;
            }
            "gone" => return Ok(Some(head.oldest.with_context(|| text.to_owned())?)),
            kind => ensure!(matches!(kind, "hello" | "pulse"), "a frame of no known type: {text}"),
        }
        if let Some(fold) = &mut self.fold {
            let frame: Value = serde_json::from_str(text)?;
            fold.take(&frame)?;
            whole(&frame)?;
            let created = frame["changes"].as_array().into_iter().flatten().filter(|change| change["kind"] == "topic_created");
            let ids: Vec<String> = created.filter_map(|change| change["topic_id"].as_str().map(str::to_owned)).collect();
            if !ids.is_empty() {
                self.created.insert(fold.last, ids);
            }
        }
        Ok(None)
    }

    fn drowsy(&self) -> bool {
        self.sleeps_after.is_some_and(|commits| self.runs.iter().map(|(_, run)| run.len()).sum::<usize>() >= commits)
    }

    /// Subscribes anew at any node, again and again, until everything up to the target has come.
    pub async fn run(mut self, apis: Vec<Api>, mut dice: Dice, mut target: watch::Receiver<Option<u64>>) -> Result<Self> {
        let end = Instant::now() + PATIENCE * 4;
        while let Some(commits) = self.begins_after {
            ensure!(Instant::now() < end, "no node gives its state, or there are not {commits} commits");
            if self.ledger.commits() >= commits && self.take_state(dice.pick(&apis)).await.is_ok() {
                self.begins_after = None;
            }
            sleep(Duration::from_millis(20)).await;
        }
        loop {
            let upto = *target.borrow();
            if upto.is_some_and(|target| self.position >= target) {
                return Ok(self);
            }
            ensure!(Instant::now() < end, "at {} of {upto:?} after {} connections", self.position, self.connections);
            if self.drowsy() {
                self.sleeps_after = None;
                timeout_at(end, target.wait_for(Option::is_some)).await.context("the load does not end")??;
                self.must_be_gone = true;
            }
            let api = dice.pick(&apis);
            // A node that is down, or not as far yet, refuses; another one will do.
            let Ok(mut feed) = Feed::open(api, &format!("from={}", self.position)).await else {
                sleep(Duration::from_millis(20)).await;
                continue;
            };
            self.connections += 1;
            self.bookmarks += usize::from(self.position != self.last);
            for _ in 0..dice.below(400) {
                let Some(text) = feed.next_text().await? else { break };
                if let Some(oldest) = self.take(&text)? {
                    ensure!(oldest > self.position, "{} is gone, and everything after {oldest} is kept", self.position);
                    // The node may be gone as well; then this happens once more elsewhere.
                    if self.take_state(api).await.is_ok() {
                        ensure!(self.last >= oldest, "the state is of {}, and everything up to {oldest} is gone", self.last);
                        self.gone += 1;
                        self.must_be_gone = false;
                    }
                    break;
                }
                if self.drowsy() || target.borrow().is_some_and(|target| self.position >= target) {
                    break;
                }
            }
        }
    }

    /// Nothing is missing in what it was sent, between one state that it took and the next.
    pub fn check(&self, last: u64) -> Result<()> {
        ensure!(self.last == last, "its last commit is {}, and {last} is the last that there is", self.last);
        for (after, run) in &self.runs {
            let upto = run.last().copied().unwrap_or(*after);
            ensure!(*run == self.ledger.between(*after, upto), "between {after} and {upto} something is missing");
        }
        Ok(())
    }
}
