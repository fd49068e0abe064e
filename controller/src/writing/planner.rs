//! Step 3: the one planner on the leader. Intents queue, are planned one after another on a draft, and are proposed in batches.
//!
//! The draft is the applied state plus the groups that are still in flight, so that concurrent intents neither collide
//! nor land on the same brokers. It is taken anew when nothing is in flight; after a rejection nothing more is planned before that.
//! Apply's own guards keep everything right.

use crate::api::{Refusal, Submission, Submitted};
use crate::hub::View;
use crate::node::Inner;
use crate::raft::data::{Checked, LogData, Reply};
use crate::writing::inbox::{Job, not_leading, unknown};
use crate::writing::rights;
use futures::StreamExt;
use metadata::access::Who;
use metadata::draw::Preview;
use metadata::plan::{Plan, plan};
use metadata::{Broker, Code, Command, Draw, Entry, GroupOutcome, Index, Intent, Liveness, Rejection, State, Term};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// Intents that are planned before they are proposed together.
const MOST_AT_ONCE: usize = 512;
/// Unclean elections of one entry that are said one by one.
const MOST_SAID: usize = 10;
/// How long an answer that rests on what is in flight waits for it before it is looked at again.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Flight {
    entries: AtomicUsize,
    /// Something in flight did not become what the draft took it for.
    astray: AtomicBool,
    landed: Notify,
}

impl Flight {
    fn land(&self, entries: usize) {
        self.entries.fetch_sub(entries, Ordering::AcqRel);
        self.landed.notify_waiters();
    }

    /// Waits until all has landed. A draft is taken anew only then: without what is still in flight it would count the epochs of partitions anew,
    /// and what was decided on one change of a partition could pass for decided on another.
    async fn all_land(&self, until: Instant) -> bool {
        while self.entries.load(Ordering::Acquire) > 0 && Instant::now() < until {
            self.lands(until).await;
        }
        self.entries.load(Ordering::Acquire) == 0
    }

    /// Waits until something of what is in flight has landed. The index that it was to have does not tell: a membership or an empty entry may
    /// have taken that.
    async fn lands(&self, until: Instant) {
        let landed = self.landed.notified();
        tokio::pin!(landed);
        landed.as_mut().enable();
        if self.entries.load(Ordering::Acquire) > 0 {
            drop(tokio::time::timeout_at(until, landed).await);
        }
    }
}

struct Draft {
    state: State,
    term: Term,
    next_index: Index,
    flight: Arc<Flight>,
}

/// What a planned job waits for.
struct Pending {
    plan: Plan,
    job: Job,
}

pub(crate) async fn run(node: Arc<Inner>, mut jobs: mpsc::Receiver<Job>) {
    let mut draft: Option<Draft> = None;
    let mut batch = Vec::new();
    while jobs.recv_many(&mut batch, MOST_AT_ONCE).await > 0 {
        let leading = node.leading_term();
        // It stays while a majority is not heard: what is in flight may yet commit, in this very term.
        draft = draft.filter(|draft| Some(draft.term) == leading);
        let Some(term) = leading.filter(|_| node.has_majority()) else {
            batch.drain(..).for_each(|job| answer(job, Err(not_leading())));
            continue;
        };
        if draft.is_none() {
            // C1: nothing is planned before everything of earlier terms is applied.
            let deadline = batch.iter().map(|job| job.deadline).max().unwrap_or_else(Instant::now);
            if let Err(refusal) = node.reads.confirm(deadline).await {
                batch.drain(..).for_each(|job| answer(job, Err(refusal.clone())));
                continue;
            }
            draft = Some(Draft { state: State::default(), term, next_index: 0, flight: Arc::default() });
        }
        if let Some(draft) = draft.as_mut() {
            propose(&node, draft, &mut batch).await;
        }
    }
}

fn answer(job: Job, result: Result<Submitted, Refusal>) {
    // Whoever asked may have run out of time.
    drop(job.reply.send(result));
}

async fn propose(node: &Arc<Inner>, draft: &mut Draft, batch: &mut Vec<Job>) {
    if draft.flight.astray.load(Ordering::Acquire) {
        let landed = draft.flight.all_land(Instant::now() + LONGEST_WAIT).await;
        let refusal = match node.leading_term() == Some(draft.term) {
            // Another term begins with another draft (C1).
            false => Some(not_leading()),
            true => (!landed).then(|| Refusal::new(Code::Overloaded, "What was proposed before is not committed yet")),
        };
        if let Some(refusal) = refusal {
            return batch.drain(..).for_each(|job| answer(job, Err(refusal.clone())));
        }
    }
    if draft.flight.entries.load(Ordering::Acquire) == 0 {
        draft.flight.astray.store(false, Ordering::Release);
        draft.next_index = node.last_log_index() + 1;
        draft.state = node.hub.view().machine.state.clone();
    }
    let mut entries = Vec::new();
    let mut pending = Vec::new();
    let mut done = Vec::new();
    for job in batch.drain(..) {
        match step(node, draft, &job) {
            Ok(Step::Propose { data, plan }) => {
                entries.push(data);
                pending.push(Pending { plan, job });
            }
            Ok(Step::Done(submitted)) => done.push((job, Ok(submitted), false)),
            Ok(Step::Settled(result)) => done.push((job, result, true)),
            Err(refusal) => done.push((job, Err(refusal), false)),
        }
    }
    let flight = draft.flight.clone();
    flight.entries.fetch_add(entries.len(), Ordering::AcqRel);
    // Only now: what is planned in this batch is in flight as well.
    done.into_iter().for_each(|(job, result, settled)| confirm_then(node, draft, job, result, settled));
    if entries.is_empty() {
        return;
    }
    match node.raft.client_write_many(entries).await {
        Ok(results) => {
            // It ends early when Raft stops, and everybody who still waits is answered all the same.
            let mut results = results.fuse();
            let node = node.clone();
            tokio::spawn(async move {
                for Pending { plan, job } in pending {
                    let result = match results.next().await {
                        Some(Ok(Ok(response))) => Ok(response.response),
                        Some(Ok(Err(_))) | Some(Err(_)) | None => Err(unknown()),
                    };
                    if let Ok(Some(response)) = &result {
                        warn_of_losses(&node, response.index);
                    }
                    let result = result.map(|reply: Reply| settle(plan, reply, &flight));
                    if result.is_err() {
                        flight.astray.store(true, Ordering::Release);
                    }
                    flight.land(1);
                    answer(job, result);
                }
            });
        }
        Err(fatal) => {
            tracing::error!(%fatal, "Raft has stopped");
            flight.astray.store(true, Ordering::Release);
            flight.land(pending.len());
            pending.into_iter().for_each(|pending| answer(pending.job, Err(unknown())));
        }
    }
}

/// E3: an election that may lose records is said where an operator looks, whoever asked for it.
fn warn_of_losses(node: &Inner, index: Index) {
    let Some(commit) = node.hub.commit_at(index) else { return };
    let state = &node.hub.view().state;
    let lossy: Vec<_> = commit.elected_uncleanly().collect();
    for (topic_id, partition) in lossy.iter().take(MOST_SAID) {
        let topic = state.topic(*topic_id).map_or("", |topic| &topic.name);
        let leader = partition.leader.map(|leader| leader.0);
        tracing::error!(index, topic, partition = partition.partition, leader, "an unclean election: records may be lost");
    }
    if lossy.len() > MOST_SAID {
        tracing::error!(index, count = lossy.len(), "unclean elections, of which these were the first: records may be lost");
    }
}

fn settle(plan: Plan, reply: Reply, flight: &Flight) -> Submitted {
    let (index, committed) = match reply.as_deref() {
        Some(response) => (response.index, response.outcomes.clone()),
        None => (0, Vec::new()),
    };
    if committed.iter().any(Result::is_err) {
        flight.astray.store(true, Ordering::Release);
    }
    // A key that was used before answers for every item, those that were refused then among them.
    let whole = committed.len() == plan.items.len();
    Submitted::Done { index, outcomes: if whole { committed } else { plan.outcomes(committed, || GroupOutcome::Done) } }
}

enum Step {
    Propose {
        data: LogData,
        plan: Plan,
    },
    /// Answered without an entry, on the draft.
    Done(Submitted),
    /// Answered without an entry, on what is applied.
    Settled(Result<Submitted, Refusal>),
}

fn step(node: &Inner, draft: &mut Draft, job: &Job) -> Result<Step, Refusal> {
    if job.deadline <= Instant::now() {
        return Err(Refusal::new(Code::Overloaded, "It waited for the planner until its time ran out; nothing was proposed"));
    }
    let submission = &job.submission;
    let now_ms = node.environment.wall_ms();
    let view = node.hub.view();
    let asker = rights::asker(&view, submission, draft.state.at_ms().max(now_ms))?;
    if let Some(key) = &submission.key {
        match view.machine.keys.find(key, draft.state.at_ms().max(now_ms)) {
            Ok(Some(first)) => return Ok(Step::Settled(Ok(Submitted::Done { index: first.index, outcomes: first.outcomes.clone() }))),
            // A dry run is another request than what was committed under its key, and takes no place of its own among the keys.
            Err(no) if !(submission.dry_run && no.code == Code::Overloaded) => return Ok(Step::Settled(Err(no.into()))),
            Ok(None) | Err(_) => {}
        }
    }
    if draft.state.identity().is_none() && !matches!(submission.intent, Intent::BootstrapCluster { .. }) {
        return Err(Refusal::new(Code::NoLeader, "The cluster has no identity yet; its first leader is about to commit one"));
    }
    check_speaker(&view, &draft.state, submission)?;
    if job.again {
        match planned(node, &view.state, submission, asker.as_ref()) {
            Err(refusal) => return Ok(Step::Settled(Err(refusal))),
            Ok((plan, _)) if plan.groups().is_empty() => return Ok(Step::Settled(Ok(without_entry(plan, view.applied)))),
            // It needs an entry after all, and that is planned on the draft like any other.
            Ok(_) => {}
        }
    }
    let (plan, seed) = planned(node, &draft.state, submission, asker.as_ref())?;
    let mut groups = plan.groups();
    if submission.dry_run {
        let preview = Preview::of(seed, &groups).token();
        return Ok(Step::Done(Submitted::Planned { index: node.hub.view().applied, items: plan.items, preview }));
    }
    if groups.is_empty() {
        return Ok(Step::Done(without_entry(plan, node.hub.view().applied)));
    }
    if let (Some(who), Some(first)) = (&asker, groups.first_mut()) {
        first.commands.insert(0, rights::require(who, submission, &plan));
    }
    let entry = Entry {
        at_ms: draft.state.at_ms().max(now_ms),
        principal: asker.map_or_else(|| submission.principal.clone(), |who| who.principal),
        intent: submission.intent.clone(),
        key: submission.key.clone(),
        groups,
    };
    let (index, digest) = view.machine.proof();
    let checked = Checked { index, digest };
    let data = LogData::encode(&entry, checked).map_err(|error| Refusal::new(Code::InvalidRequest, error.to_string()))?;
    draft.state.apply(&entry, draft.next_index);
    draft.next_index += 1;
    Ok(Step::Propose { data, plan })
}

fn without_entry(plan: Plan, applied: Index) -> Submitted {
    Submitted::Done { index: applied, outcomes: plan.outcomes([], || GroupOutcome::Done) }
}

/// The plan of a submission on this state, with the seed that it was drawn with.
fn planned(node: &Inner, state: &State, submission: &Submission, asker: Option<&Who>) -> Result<(Plan, u128), Refusal> {
    let preview = match &submission.preview {
        Some(token) => Some(Preview::parse(token).ok_or_else(|| {
            Rejection::new(Code::InvalidRequest, "This is no preview").at("preview", token, "the preview of a dry run, 48 hex digits")
        })?),
        None => None,
    };
    let now_ms = node.environment.wall_ms();
    let draw = match preview {
        Some(preview) => Draw { now_ms, seed: preview.seed },
        None => Draw::at(now_ms, node.environment.seed()),
    };
    let liveness = match submission.intent.inner() {
        // Only these ask who is alive; for the others a copy of all sessions would be for nothing.
        Intent::RegisterBroker { .. } | Intent::BrokerHeartbeat { .. } | Intent::SessionExpired { .. } => {
            node.sessions.liveness(state, node.environment.monotonic_ms())
        }
        _ => Liveness::default(),
    };
    let mut plan = plan(state, &liveness, &draw, &submission.intent)?;
    bind(state, submission, &mut plan);
    rights::limit(asker, &submission.intent, &mut plan);
    if preview.is_some_and(|preview| preview != Preview::of(draw.seed, &plan.groups())) {
        return Err(Rejection::new(Code::StalePreview, "The cluster changed since the preview: it would now become something else").into());
    }
    Ok((plan, draw.seed))
}

/// Whether who asks may speak for the broker that it names. A registration that begins anew does not need to: the former process
/// is gone then, or it is refused.
fn check_speaker(view: &View, draft: &State, submission: &Submission) -> Result<(), Refusal> {
    let (id, epoch, incarnation) = match submission.intent.inner() {
        Intent::RegisterBroker { registration } => (registration.id, None, Some(registration.incarnation_id)),
        Intent::ChangeIsr { id, broker_epoch, .. } => (*id, Some(*broker_epoch), None),
        Intent::BrokerHeartbeat { heartbeat } => (heartbeat.id, Some(heartbeat.broker_epoch), None),
        _ => return Ok(()),
    };
    let names =
        |broker: &Broker| epoch.is_none_or(|epoch| epoch == broker.epoch) && incarnation.is_none_or(|id| id == broker.incarnation_id);
    let Some(broker) = draft.broker(id).filter(|broker| names(broker)) else { return Ok(()) };
    match view.state.broker(id).filter(|applied| applied.epoch == broker.epoch) {
        Some(applied) => Ok(view.machine.bindings.check(applied, submission.proof)?),
        // What it is bound to is known once it is applied.
        None => Err(Refusal::new(Code::Overloaded, format!("The registration of broker {id} is being committed"))),
    }
}

/// A registration that begins with a secret is bound to it by its very entry.
fn bind(state: &State, submission: &Submission, plan: &mut Plan) {
    let Intent::RegisterBroker { registration } = submission.intent.inner() else { return };
    let Some(proof) = submission.proof.filter(|_| state.binds()) else { return };
    // Not where it is amended: whoever knows a public incarnation could make it its own.
    let begins = |command: &Command| matches!(command, Command::RegisterBroker { amends: None, .. });
    for group in plan.items.iter_mut().flatten().filter(|group| group.commands.iter().any(begins)) {
        group.commands.push(Command::BindBroker { id: registration.id, proof });
    }
}

/// Answers what needed no entry, once a majority confirmed that this node still leads. What was decided on a draft may
/// rest on entries that never commit: it is planned once more on what did.
fn confirm_then(node: &Arc<Inner>, draft: &Draft, job: Job, result: Result<Submitted, Refusal>, settled: bool) {
    let rests_on_state = match &result {
        Ok(Submitted::Planned { .. }) => false,
        Ok(_) => true,
        Err(refusal) => !matches!(refusal.rejection.code, Code::NoLeader | Code::Overloaded),
    };
    if !rests_on_state {
        return answer(job, result);
    }
    let barrier = draft.next_index - 1;
    // What was in flight may have been applied since: then the answer's index is older than what it rests on.
    let too_old = matches!(&result, Ok(Submitted::Done { index, .. }) if *index < barrier);
    let in_flight = (draft.flight.entries.load(Ordering::Acquire) > 0 || too_old) && !settled;
    let (node, flight) = (node.clone(), draft.flight.clone());
    tokio::spawn(async move {
        if in_flight {
            // If these never apply the deadline ends it; then it is planned again all the same.
            let until = job.deadline.min(Instant::now() + LONGEST_WAIT);
            drop(node.wait_applied(barrier, until).await);
            flight.lands(until).await;
            if let Some(job) = node.inbox.again(job) {
                answer(job, Err(Refusal::new(Code::Overloaded, "The planner takes no more work now")));
            }
            return;
        }
        let confirmed = node.reads.confirm(job.deadline).await;
        let result = match (confirmed, result) {
            (Ok(_), Err(refusal)) => Err(Refusal { revision: Some(node.hub.view().applied), ..refusal }),
            (Ok(_), done) => done,
            (Err(refusal), _) => Err(refusal),
        };
        answer(job, result);
    });
}
