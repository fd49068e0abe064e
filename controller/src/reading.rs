//! ReadIndex, batched: everyone who asks while one confirmation runs shares the next.

use crate::api::Refusal;
use crate::raft::Raft;
use metadata::{Code, Index};
use openraft::ReadPolicy;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Confirmations that wait for one another.
const MOST_WAITING: usize = 4_096;
/// A confirmation that takes longer than this is answered as no leader.
pub(crate) const LONGEST_CONFIRMATION: Duration = Duration::from_secs(3);

/// Asks whether this node still leads.
#[derive(Clone)]
pub(crate) struct Reads {
    waiting: mpsc::Sender<oneshot::Sender<Option<Index>>>,
}

impl Reads {
    /// Starts the task that confirms; it ends when every handle is gone.
    pub(crate) fn start(raft: Raft) -> Self {
        let (waiting, mut queue) = mpsc::channel::<oneshot::Sender<Option<Index>>>(MOST_WAITING);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while queue.recv_many(&mut batch, MOST_WAITING).await > 0 {
                let index = confirm(&raft).await;
                // Who asked may have run out of time.
                batch.drain(..).for_each(|waiter| {
                    let _ = waiter.send(index);
                });
            }
        });
        Reads { waiting }
    }

    /// The index that a linearizable read must have applied; this node has applied it when this returns.
    ///
    /// # Errors
    /// NO_LEADER when a majority does not confirm it in time; OVERLOADED when too many ask at once.
    pub(crate) async fn confirm(&self, deadline: Instant) -> Result<Index, Refusal> {
        let (sender, answer) = oneshot::channel();
        if let Err(mpsc::error::TrySendError::Full(_)) = self.waiting.try_send(sender) {
            return Err(Refusal::new(Code::Overloaded, format!("{MOST_WAITING} reads wait to be confirmed already")));
        }
        let index = tokio::time::timeout_at(deadline, async { answer.await.ok().flatten() }).await.ok().flatten();
        index.ok_or_else(|| Refusal::new(Code::NoLeader, "No leader could be confirmed by a majority"))
    }
}

async fn confirm(raft: &Raft) -> Option<Index> {
    let confirmed = async {
        let linearizer = raft.get_read_linearizer(ReadPolicy::ReadIndex).await.ok()?;
        let ready = linearizer.await_ready(raft).await.ok()?;
        Some(ready.read_log_id().index().max(ready.applied().map_or(0, |log_id| log_id.index)))
    };
    tokio::time::timeout(LONGEST_CONFIRMATION, confirmed).await.ok().flatten()
}
