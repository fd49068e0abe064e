//! Asks the node for each step, against what was shown: a compare-and-set for each topic, a key for each call so that a retry
//! is safe, a bounded number at once. Deletions come last, and only when all before them was done.

use super::diff::{Action, Difference, PARTITIONS, REPLICATION_FACTOR, Step};
use crate::verbs::call::{Failed, Request, Server, problem};
use futures::StreamExt;
use futures::stream;
use metadata::Index;
use metadata::contract::Operation;
use metadata::plan::MOST_PARTITIONS;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// Calls under way at once.
const AT_ONCE: usize = 8;
/// How often a call is made before its outcome is given up: longer together than a cluster takes to find a new leader.
const TRIES: u32 = 8;
/// The wait after the first time; it doubles each time, …
const PAUSE: Duration = Duration::from_millis(250);
/// … so often.
const MOST_DOUBLED: u32 = 3;
/// Topics and bytes in a batch of creations.
const MOST_IN_BATCH: usize = 1_000;
const BATCH_BYTES: usize = 4 << 20;

/// What became true, or by a dry run would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    Created,
    Changed,
    Grown,
    Deleted,
}

/// Why a step, or its rest, was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// With the problem document.
    Refused(Value),
    Unknown(String),
    Unreachable(String),
    NotTried(&'static str),
}

/// What became of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub did: Vec<Did>,
    /// The index of the last commit.
    pub index: Option<Index>,
    /// By a dry run: what would be committed.
    pub groups: Vec<Value>,
    pub failure: Option<Failure>,
}

impl Failure {
    /// In one line.
    pub fn shown(&self) -> String {
        match self {
            Failure::Refused(document) => problem(document),
            Failure::Unknown(why) | Failure::Unreachable(why) => why.clone(),
            Failure::NotTried(why) => (*why).to_owned(),
        }
    }
}

/// The node, and whether it still answers.
pub struct Committer<'a> {
    server: &'a Server,
    gone: AtomicBool,
}

/// The steps of one kind, with their places in the whole.
fn of(steps: &[Step], wants: impl Fn(&Action) -> bool) -> Vec<(usize, &Step)> {
    steps.iter().enumerate().filter(|(_, step)| wants(&step.action)).collect()
}

impl<'a> Committer<'a> {
    pub fn new(server: &'a Server) -> Self {
        Committer { server, gone: AtomicBool::new(false) }
    }

    /// Does every step, or says by a dry run what each would come to. An outcome for each, in their order.
    ///
    /// # Errors
    /// When what answers is no Quorate node.
    pub async fn run(&self, steps: &[Step]) -> anyhow::Result<Vec<Outcome>> {
        let mut outcomes: BTreeMap<usize, Outcome> = BTreeMap::new();
        for batch in batches(&of(steps, |action| *action == Action::Create)) {
            outcomes.extend(self.create(&batch).await?);
        }
        let changes = of(steps, |action| matches!(action, Action::Change { .. }));
        outcomes.extend(self.each(&changes, async |step| self.change(step).await).await?);
        let refused = steps.iter().any(|step| matches!(step.action, Action::Refuse(_)));
        let deletions = of(steps, |action| *action == Action::Delete);
        if refused || outcomes.values().any(|outcome| outcome.failure.is_some()) {
            let held = Failure::NotTried("not deleted, because not all of the rest was done");
            outcomes.extend(deletions.iter().map(|(at, _)| (*at, Outcome { failure: Some(held.clone()), ..Outcome::default() })));
        } else {
            outcomes.extend(self.each(&deletions, async |step| self.delete(step).await).await?);
        }
        Ok((0..steps.len()).map(|at| outcomes.remove(&at).unwrap_or_default()).collect())
    }

    async fn each(
        &self,
        steps: &[(usize, &Step)],
        act: impl AsyncFn(&Step) -> anyhow::Result<Outcome>,
    ) -> anyhow::Result<Vec<(usize, Outcome)>> {
        let act = &act;
        let under_way = stream::iter(steps).map(|(at, step)| async move { Ok((*at, act(step).await?)) });
        under_way.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.into_iter().collect()
    }

    async fn create(&self, batch: &[(usize, &Step)]) -> anyhow::Result<Vec<(usize, Outcome)>> {
        let topics: Vec<Value> = batch.iter().map(|(_, step)| asked(step)).collect();
        let answer = self.ask(Operation::CreateTopics, &[], Some(json!({ "topics": topics })), None).await?;
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => {
                return Ok(batch.iter().map(|(at, _)| (*at, Outcome { failure: Some(failure.clone()), ..Outcome::default() })).collect());
            }
        };
        let index = answer["revision"].as_u64();
        let mut groups = answer["groups"].as_array().cloned().unwrap_or_default().into_iter();
        let results = answer["results"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(batch
            .iter()
            .enumerate()
            .map(|(nth, (at, _))| {
                let outcome = match results.get(nth) {
                    Some(result) if result["error"].is_object() => refused(result["error"].clone()),
                    Some(_) => Outcome {
                        did: vec![Did::Created],
                        index: index.filter(|_| !self.server.dry_run()),
                        groups: groups.next().into_iter().collect(),
                        failure: None,
                    },
                    None => Outcome {
                        failure: Some(Failure::Unknown("the answer does not say what became of it".to_owned())),
                        ..Outcome::default()
                    },
                };
                (*at, outcome)
            })
            .collect())
    }

    /// First the configuration, then the growth: new partitions begin under what the file says.
    async fn change(&self, step: &Step) -> anyhow::Result<Outcome> {
        let mut outcome = Outcome::default();
        let Action::Change { configs, grow } = &step.action else { return Ok(outcome) };
        let mut seen = step.seen;
        if *configs {
            let ops: Vec<Value> = step.keys().map(op).collect();
            let answer = self.ask(Operation::ChangeConfigs, &[&step.name], Some(json!({ "ops": ops })), seen).await?;
            if !outcome.takes(answer, Did::Changed, &mut seen) {
                return Ok(outcome);
            }
        }
        if let Some(count) = grow {
            let answer = self.ask(Operation::GrowTopic, &[&step.name], Some(json!({ "count": count })), seen).await?;
            outcome.takes(answer, Did::Grown, &mut seen);
        }
        Ok(outcome)
    }

    async fn delete(&self, step: &Step) -> anyhow::Result<Outcome> {
        let mut outcome = Outcome::default();
        let answer = self.ask(Operation::DeleteTopic, &[&step.name], None, step.seen).await?;
        outcome.takes(answer, Did::Deleted, &mut None);
        Ok(outcome)
    }

    /// Asks until there is an outcome, under one key, so that what was done is not done again.
    async fn ask(
        &self,
        operation: Operation,
        names: &[&str],
        body: Option<Value>,
        seen: Option<Index>,
    ) -> anyhow::Result<Result<Value, Failure>> {
        let mut headers = vec![("idempotency-key", format!("apply-{}", Uuid::new_v4()))];
        headers.extend(seen.map(|index| ("if-match", format!("\"{index}\""))));
        let query: &[_] = if self.server.dry_run() { &[("dry_run", "true")] } else { &[] };
        let request = Request { operation, names, query, body: body.as_ref(), headers: &headers };
        let mut maybe_done = false;
        let mut last = Failure::NotTried("not tried, because a call before it had no answer");
        for attempt in 0..TRIES {
            if self.gone.load(Ordering::Relaxed) {
                break;
            }
            if attempt > 0 {
                tokio::time::sleep(PAUSE * 2_u32.pow((attempt - 1).min(MOST_DOUBLED))).await;
            }
            last = match self.server.exchange(&request).await {
                Ok((200..300, answer)) => return Ok(Ok(answer)),
                Ok((status, document)) if document["code"].is_string() => {
                    maybe_done |= status == 504;
                    if document["retryable"] != true {
                        return Ok(Err(Failure::Refused(document)));
                    }
                    if status == 504 { Failure::Unknown(problem(&document)) } else { Failure::Refused(document) }
                }
                Ok((status, document)) => return Err(crate::verbs::call::refused(&document, status)),
                Err(error) => match error.downcast::<Failed>()? {
                    Failed::Unreachable { server, why } => Failure::Unreachable(format!("{server} is not reachable: {why}")),
                    other => {
                        maybe_done = true;
                        Failure::Unknown(other.to_string())
                    }
                },
            };
        }
        if matches!(last, Failure::Unreachable(_) | Failure::Unknown(_)) {
            self.gone.store(true, Ordering::Relaxed);
        }
        Ok(Err(match last {
            Failure::Unreachable(_) | Failure::Refused(_) if maybe_done => {
                Failure::Unknown(format!("{}; an earlier call may have happened or may yet happen", last.shown()))
            }
            last => last,
        }))
    }
}

fn refused(document: Value) -> Outcome {
    Outcome { failure: Some(Failure::Refused(document)), ..Outcome::default() }
}

impl Outcome {
    /// Takes an answer in; whether it was done. The topic is then as the answer has it.
    fn takes(&mut self, answer: Result<Value, Failure>, did: Did, seen: &mut Option<Index>) -> bool {
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => {
                self.failure = Some(failure);
                return false;
            }
        };
        // The node knows best whether two values are the same.
        let dry = answer["dry_run"] == true;
        // What somebody else changed between this commit and its answer is not what was shown, nor is it ours.
        let (changed, revision) = (answer["topic"]["changed_index"].as_u64(), answer["revision"].as_u64());
        let moved = if dry { changed } else { changed.map(|changed| revision.map_or(changed, |revision| changed.min(revision))) };
        let groups = answer["groups"].as_array().cloned().unwrap_or_default();
        let as_it_was = if dry { groups.is_empty() } else { moved.is_some() && moved == *seen };
        if !as_it_was {
            self.did.push(did);
            self.index = moved.or(revision).filter(|_| !dry).or(self.index);
        }
        self.groups.extend(groups);
        *seen = moved.or(*seen);
        true
    }
}

fn op(difference: &Difference) -> Value {
    match &difference.after {
        Some(value) => json!({ "key": difference.field, "op": "set", "value": value }),
        None => json!({ "key": difference.field, "op": "delete" }),
    }
}

fn count_of(step: &Step, field: &str) -> Option<i64> {
    step.differences.iter().find(|one| one.field == field)?.after.as_ref()?.parse().ok()
}

/// A topic as the API takes it.
fn asked(step: &Step) -> Value {
    let configs: Map<String, Value> = step.keys().filter_map(|one| Some((one.field.clone(), Value::String(one.after.clone()?)))).collect();
    let mut topic = json!({ "name": step.name, "configs": configs });
    for field in [PARTITIONS, REPLICATION_FACTOR] {
        if let Some(count) = count_of(step, field) {
            topic[field] = json!(count);
        }
    }
    topic
}

/// In requests that a node takes: so many partitions in one (F3), and no more bytes than it reads. What is too large for any
/// stands alone, and is refused alone.
fn batches<'s>(creations: &[(usize, &'s Step)]) -> Vec<Vec<(usize, &'s Step)>> {
    let mut batches: Vec<Vec<(usize, &Step)>> = Vec::new();
    let (mut partitions, mut bytes) = (0_i64, 0_usize);
    for (at, step) in creations {
        let (more, longer) = (count_of(step, PARTITIONS).unwrap_or(1), asked(step).to_string().len());
        partitions = partitions.saturating_add(more);
        bytes += longer;
        match batches.last_mut() {
            Some(batch) if batch.len() < MOST_IN_BATCH && partitions <= MOST_PARTITIONS as i64 && bytes <= BATCH_BYTES => {
                batch.push((*at, step))
            }
            _ => {
                (partitions, bytes) = (more, longer);
                batches.push(vec![(*at, step)]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn creation(partitions: Option<i64>, value: &str) -> Step {
        let mut differences = vec![Difference { field: "retention.ms".into(), before: None, after: Some(value.into()) }];
        let after = partitions.map(|count| count.to_string());
        differences.extend(after.map(|after| Difference { field: PARTITIONS.into(), before: None, after: Some(after) }));
        Step { name: "t".into(), place: None, seen: None, action: Action::Create, differences }
    }

    #[test]
    fn creations_are_asked_in_requests_that_a_node_takes() {
        let long = "1".repeat(BATCH_BYTES / 3);
        for (counts, value, sizes) in [
            (vec![Some(4_000); 5], "1", vec![2, 2, 1]),
            (vec![Some(10_001), Some(1), Some(10_000), None], "1", vec![1, 1, 1, 1]),
            (vec![Some(i64::MAX), Some(i64::MAX), None, None], "1", vec![1, 1, 2]),
            (vec![None; 2_500], "1", vec![1_000, 1_000, 500]),
            (vec![None; 5], long.as_str(), vec![2, 2, 1]),
            (vec![], "1", vec![]),
        ] {
            let steps: Vec<Step> = counts.iter().map(|count| creation(*count, value)).collect();
            let all = of(&steps, |_| true);
            let made = batches(&all);
            assert_eq!(made.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{counts:?}");
            assert!(made.concat().iter().map(|(at, _)| *at).eq(0..steps.len()), "none is lost");
        }
    }

    #[test]
    fn a_topic_is_asked_for_as_the_file_says_and_no_more() {
        assert_eq!(asked(&creation(None, "5")), json!({ "name": "t", "configs": { "retention.ms": "5" } }));
        assert_eq!(asked(&creation(Some(3), "5"))["partitions"], 3);
    }
}
