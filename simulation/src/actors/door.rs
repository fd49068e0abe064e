//! How the outside reaches a controller: a request arrives after a while, is worked on by that machine, and is answered, or is not.

use crate::judge::calls::{Answer, Calls};
use crate::world::chance::Lot;
use controller::{Controller, Refusal, Submission};
use metadata::{Code, Intent, KeyUse, NodeId, Principal};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long a request or an answer is on its way, in ms: at least, and at most.
const ON_THE_WAY: (u64, u64) = (1, 4);
/// How long a controller may take, and how long somebody waits for its answer.
const DEADLINE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(8);

/// What a controller answers to a write.
type Answered = Result<controller::Outcome, Refusal>;

/// Where the controllers can be reached. Clones share it.
#[derive(Clone)]
pub struct Door {
    open: Arc<Mutex<BTreeMap<NodeId, Controller>>>,
    /// What who comes through it draws from.
    pub lot: Lot,
    pub calls: Calls,
}

/// A write that may be asked again under its key.
pub struct Wish {
    pub intent: Intent,
    pub principal: Principal,
    pub key: Option<KeyUse>,
    /// Nobody else asks for exactly this.
    pub unique: bool,
}

impl Door {
    pub fn new(lot: Lot, calls: Calls) -> Self {
        Door { open: Arc::default(), lot, calls }
    }

    /// The same door for somebody who draws from another stream.
    pub fn drawing(&self, lot: Lot) -> Self {
        Door { lot, ..self.clone() }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<NodeId, Controller>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who answers from now on.
    pub fn opens(&self, controllers: BTreeMap<NodeId, Controller>) {
        *self.open() = controllers;
    }

    /// Any of those that answer.
    pub fn any(&self) -> Option<Controller> {
        let all: Vec<Controller> = self.open().values().cloned().collect();
        self.lot.pick(&all)
    }

    /// The one that somebody used last, or another when it does not answer.
    pub fn again(&self, last: Option<NodeId>) -> Option<Controller> {
        last.and_then(|last| self.open().get(&last).cloned()).or_else(|| self.any())
    }

    /// Lets a controller work on something, on its own machine. None when nobody answers.
    pub async fn ask<T, F>(&self, controller: Controller, work: impl FnOnce(Controller) -> F + Send + 'static) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.travel().await;
        let runtime = controller.runtime().clone();
        let worked = runtime.spawn(async move { work(controller).await });
        let answer = timeout(PATIENCE, worked).await.ok()?.ok()?;
        self.travel().await;
        Some(answer)
    }

    async fn travel(&self) {
        sleep(Duration::from_millis(self.lot.between(ON_THE_WAY.0..=ON_THE_WAY.1))).await;
    }

    /// Asks for a write, again under its key as long as its outcome is unknown; what it came to is for the judge.
    pub async fn write(&self, wish: Wish) {
        let floor = self.calls.floor();
        let tries = if wish.key.is_some() { 4 } else { 1 };
        let (mut outcome, mut open) = (None, false);
        for _ in 0..tries {
            let submission = Submission { key: wish.key.clone(), ..Submission::new(wish.intent.clone(), wish.principal.clone()) };
            outcome = None;
            if let Some(node) = self.any() {
                outcome = self.ask(node, |node| async move { node.submit(submission, Instant::now() + DEADLINE).await }).await;
                open |= lost(outcome.as_ref());
            }
            if outcome.as_ref().is_some_and(|answer| !answer.as_ref().is_err_and(Refusal::retryable)) {
                break;
            }
            sleep(Duration::from_millis(self.lot.between(100..=1_000))).await;
        }
        // What was refused at last may have been taken at first, when nobody heard of it.
        let answer = match answer(&wish, outcome.as_ref()) {
            Answer::Refused(_) if open => Answer::Unknown,
            answer => answer,
        };
        self.calls.wrote(wish.intent, floor, answer, wish.unique);
    }

    /// A linearizable read.
    pub async fn read(&self) {
        let floor = self.calls.floor();
        let Some(node) = self.any() else { return };
        let read = self.ask(node, |node| async move {
            let index = node.linearizable(Instant::now() + DEADLINE).await.ok()?;
            Some((index, node.view().applied))
        });
        if let Some(Some((index, applied))) = read.await {
            self.calls.read(floor, index, applied);
        }
    }
}

/// Whether a try may have come to something without an answer that says so.
fn lost(outcome: Option<&Answered>) -> bool {
    outcome.is_none_or(|answer| matches!(answer, Err(refusal) if refusal.rejection.code == Code::OutcomeUnknown))
}

fn answer(wish: &Wish, outcome: Option<&Answered>) -> Answer {
    match outcome.filter(|_| !lost(outcome)) {
        None => Answer::Unknown,
        Some(Err(refusal)) => Answer::Refused(refusal.rejection.code),
        Some(Ok(outcome)) => {
            if let Some(Err(rejection)) = outcome.outcomes.iter().find(|each| each.is_err())
                && !outcome.outcomes.iter().any(Result::is_ok)
            {
                return Answer::Refused(rejection.code);
            }
            match &outcome.commit {
                Some(commit) if commit.intent.as_ref() == Some(&wish.intent) => Answer::Committed(commit.clone()),
                _ => Answer::At(outcome.index),
            }
        }
    }
}
