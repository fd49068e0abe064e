//! A reassignment: moves of partitions that were asked for together, are carried out in waves, and are kept as what was done (H).

use crate::ids::{BrokerId, Index, TopicId};
pub use crate::intent::Limits;
use crate::intent::Rebalance;
use crate::principal::Principal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Moves that the state holds at most, ended ones among them; the oldest ended reassignments go first.
pub const MOST_MOVES: u32 = 250_000;
/// Reassignments that the state holds at most.
pub const MOST_REASSIGNMENTS: usize = 100;

/// Why partitions move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Somebody said which and where.
    Moves,
    Rebalance,
    Drain,
    /// A broker was gone for too long (J4).
    Replacement,
    /// Another replication factor.
    Factor,
}

/// Where a reassignment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReassignmentState {
    Running,
    Done,
    /// Called off; what had begun is being taken back until `ended_at_ms`.
    Cancelled,
    /// Ended, and at least one move failed.
    Failed,
}

/// What the moves are made from: what is left of a plan too large for one entry is planned anew from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The moves themselves.
    Listed,
    Rebalance(Rebalance),
    /// Everything off this broker.
    Off(BrokerId),
    Factor {
        topic_id: TopicId,
        factor: u32,
    },
}

/// One reassignment, without its moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reassignment {
    /// The index of the entry that began it.
    pub id: Index,
    pub reason: Why,
    pub principal: Principal,
    pub state: ReassignmentState,
    pub limits: Limits,
    pub source: Source,
    /// How many moves there are to be in all.
    pub total: u32,
    /// How many of them are written down already.
    pub planned: u32,
    pub started_at_ms: u64,
    pub ended_at_ms: Option<u64>,
}

/// Where a move stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MoveState {
    Waiting,
    /// The new replicas are being filled.
    Moving,
    Done,
    Cancelled,
    Failed,
}

impl MoveState {
    /// Whether nothing will happen to it any more.
    pub fn ended(self) -> bool {
        !matches!(self, MoveState::Waiting | MoveState::Moving)
    }
}

/// Why a move ended otherwise than done (H9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MoveEnd {
    TopicDeleted,
    /// A broker that it goes to is not registered any more.
    TargetUnregistered,
    /// Another reassignment moves the partition now (H6).
    Overridden,
    /// Its reassignment was called off.
    CalledOff,
    /// The partition is not where the plan saw it.
    Outdated,
}

/// One partition's way from some brokers to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Move {
    pub topic_id: TopicId,
    /// Its name, which outlives the topic here.
    pub topic: Arc<str>,
    pub partition: u32,
    pub from: Vec<BrokerId>,
    pub to: Vec<BrokerId>,
    pub state: MoveState,
    pub end: Option<MoveEnd>,
}

/// A reassignment's moves by where they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Progress {
    pub waiting: u32,
    pub moving: u32,
    pub done: u32,
    pub cancelled: u32,
    pub failed: u32,
}

impl Progress {
    /// The place where moves of this state are counted.
    pub(crate) fn of(&mut self, state: MoveState) -> &mut u32 {
        match state {
            MoveState::Waiting => &mut self.waiting,
            MoveState::Moving => &mut self.moving,
            MoveState::Done => &mut self.done,
            MoveState::Cancelled => &mut self.cancelled,
            MoveState::Failed => &mut self.failed,
        }
    }

    /// Moves to which something will still happen.
    pub fn open(self) -> u32 {
        self.waiting + self.moving
    }

    /// Moves to which nothing will happen any more.
    pub fn ended(self) -> u32 {
        self.done + self.cancelled + self.failed
    }
}

/// What is under way at one broker, for the limits (H10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flight {
    /// Replicas that it is being filled with.
    pub into: u32,
    /// Replicas that are to leave it.
    pub out_of: u32,
}
