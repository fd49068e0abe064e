//! Where intents wait for the leader's planner: bounded in number and in what they ask for.

use crate::api::{Refusal, Submission, Submitted};
use metadata::{Code, Intent};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

/// Intents that wait for the planner; above that callers get OVERLOADED.
pub(crate) const MOST_WAITING: usize = 4_096;
/// Topics and assigned partitions that the waiting intents may ask for together: a batch may hold hundreds of thousands.
const MOST_ITEMS_WAITING: u32 = 200_000;

/// An intent on its way through the planner.
pub(crate) struct Job {
    pub submission: Submission,
    pub deadline: Instant,
    pub reply: oneshot::Sender<Result<Submitted, Refusal>>,
    /// It was refused on a draft before, and planned again on what was committed.
    pub again: bool,
    /// Its share of `MOST_ITEMS_WAITING`, given back with it.
    _room: OwnedSemaphorePermit,
}

/// How many topics and assigned partitions an intent asks for; as many as may wait at most, or it could never be taken.
fn items(intent: &Intent) -> u32 {
    let items = match intent.inner() {
        Intent::CreateTopics { topics } => topics.len() + topics.iter().flat_map(|topic| &topic.assignments).map(Vec::len).sum::<usize>(),
        Intent::Reassign { moves, .. } => moves.len(),
        Intent::Lead { leaders } => leaders.len(),
        Intent::Elect { partitions, .. } => 1 + partitions.as_ref().map_or(0, Vec::len),
        Intent::GrowTopic { assignments, .. } => 1 + assignments.as_ref().map_or(0, Vec::len),
        _ => 1,
    };
    u32::try_from(items).unwrap_or(u32::MAX).min(MOST_ITEMS_WAITING)
}

/// The planner's inbox.
#[derive(Clone)]
pub(crate) struct Inbox {
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    /// How many were refused with OVERLOADED.
    overloads: Arc<AtomicU64>,
}

pub(crate) fn inbox() -> (Inbox, mpsc::Receiver<Job>) {
    let (sender, receiver) = mpsc::channel(MOST_WAITING);
    (Inbox { jobs: sender, room: Arc::new(Semaphore::new(MOST_ITEMS_WAITING as usize)), overloads: Arc::default() }, receiver)
}

/// What became of an intent that was queued is not known.
pub(crate) fn unknown() -> Refusal {
    Refusal::new(Code::OutcomeUnknown, "The time ran out after it was proposed: it may have happened or may yet happen")
}

/// Nobody plans here.
pub(crate) fn not_leading() -> Refusal {
    Refusal::new(Code::NoLeader, "This node does not lead a majority")
}

impl Inbox {
    /// Plans and commits, or plans only; the answer comes once this node has applied it.
    pub(crate) async fn submit(&self, submission: Submission, deadline: Instant) -> Result<Submitted, Refusal> {
        let result = self.queue(submission, deadline).await;
        if matches!(&result, Err(refusal) if refusal.rejection.code == Code::Overloaded) {
            self.overloads.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// How many were refused with OVERLOADED since this process began.
    pub(crate) fn overloads(&self) -> u64 {
        self.overloads.load(Ordering::Relaxed)
    }

    /// Puts one back that is to be planned again; gives it back where there is no room, or nobody plans any more.
    pub(crate) fn again(&self, job: Job) -> Option<Job> {
        self.jobs.try_send(Job { again: true, ..job }).err().map(mpsc::error::TrySendError::into_inner)
    }

    async fn queue(&self, submission: Submission, deadline: Instant) -> Result<Submitted, Refusal> {
        let (reply, answer) = oneshot::channel();
        let overloaded = |what: String| Refusal::new(Code::Overloaded, what);
        let room = self.room.clone().try_acquire_many_owned(items(&submission.intent));
        let room = room.map_err(|_| overloaded(format!("{MOST_ITEMS_WAITING} topics wait to be created already")))?;
        let job = Job { submission, deadline, reply, again: false, _room: room };
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => overloaded(format!("{MOST_WAITING} intents wait already")),
            mpsc::error::TrySendError::Closed(_) => not_leading(),
        })?;
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(result)) => result,
            // The planner went away with it, or still has it: it may have been proposed.
            Ok(Err(_)) | Err(_) => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LONGEST_DEADLINE;
    use metadata::Principal;
    use metadata::intent::NewTopic;

    fn batch(topics: usize) -> Submission {
        let topic =
            NewTopic { name: String::new(), partitions: None, replication_factor: None, assignments: None, configs: Default::default() };
        Submission::new(Intent::CreateTopics { topics: vec![topic; topics] }, Principal::anonymous())
    }

    /// Asks for so many batches at once, of a planner that takes none; how many are refused, and with which code.
    async fn refused(batches: usize, topics: usize) -> (usize, Vec<Code>) {
        let (inbox, _jobs) = inbox();
        let deadline = Instant::now() + LONGEST_DEADLINE;
        let asked = (0..batches).map(|_| inbox.submit(batch(topics), deadline));
        let answers = futures::future::join_all(asked).await;
        let mut codes: Vec<_> = answers.into_iter().filter_map(Result::err).map(|refusal| refusal.rejection.code).collect();
        let overloads = codes.iter().filter(|code| **code == Code::Overloaded).count();
        codes.dedup();
        (overloads, codes)
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_bounded_in_number_and_in_size() {
        for (batches, topics, overloads) in [
            (MOST_WAITING, 1, 0),
            (MOST_WAITING + 3, 1, 3),
            (4, MOST_ITEMS_WAITING as usize / 4, 0),
            (5, MOST_ITEMS_WAITING as usize / 4, 1),
            (2, MOST_ITEMS_WAITING as usize * 2, 1),
        ] {
            let (refused, codes) = refused(batches, topics).await;
            assert_eq!(refused, overloads, "{batches} of {topics}");
            // Who was taken and has no answer in time does not know what became of it.
            assert!(codes.iter().all(|code| matches!(code, Code::OutcomeUnknown | Code::Overloaded)), "{codes:?}");
        }
    }
}
