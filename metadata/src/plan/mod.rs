//! Step 3: the leader turns an intent into decided groups, on a draft of the state. `topics`, `grow`, `brokers` and `isr` hold
//! the rules, `assign` what the first two share, `undo` what an undo is compared with; all of them read the state, the liveness and the draw they are given, and nothing else.

mod assign;
mod brokers;
mod elections;
mod grow;
mod isr;
mod moves;
mod settings;
mod topics;
mod undo;

pub use brokers::{HeartbeatReply, Transition, heartbeat_reply, transition};
pub use elections::MOST_AT_ONCE as MOST_ELECTIONS;
pub use moves::{Wait, after_moves, wait_of};
pub use topics::{check_name, create as plan_topics};

use crate::command::{Command, Group};
use crate::draw::Draw;
use crate::intent::Intent;
use crate::liveness::Liveness;
use crate::rejection::Rejection;
use crate::state::{FIRST_FORMAT, NEWEST_FORMAT, State};

/// How many partitions one request and one entry may touch (F3, F11).
pub const MOST_PARTITIONS: usize = 10_000;

/// What an intent comes to: an item per thing that was asked, each decided or refused on its own.
/// A group without commands is one that needs none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub items: Vec<Result<Group, Rejection>>,
}

impl Plan {
    fn one(group: Group) -> Self {
        Plan { items: vec![Ok(group)] }
    }

    /// The groups to commit, in order.
    pub fn groups(&self) -> Vec<Group> {
        self.items.iter().flatten().filter(|group| !group.commands.is_empty()).cloned().collect()
    }

    /// The outcome of each item, given those of the groups that were committed.
    pub fn outcomes<T>(
        self,
        committed: impl IntoIterator<Item = Result<T, Rejection>>,
        nothing: impl Fn() -> T,
    ) -> Vec<Result<T, Rejection>> {
        let mut committed = committed.into_iter();
        self.items
            .into_iter()
            .map(|item| match item {
                Ok(group) if group.commands.is_empty() => Ok(nothing()),
                Ok(_) => committed.next().unwrap_or_else(|| Ok(nothing())),
                Err(no) => Err(no),
            })
            .collect()
    }
}

/// Decides an intent.
///
/// # Errors
/// A rejection of the whole intent; what concerns one item of several is in the plan.
pub fn plan(state: &State, liveness: &Liveness, draw: &Draw, intent: &Intent) -> Result<Plan, Rejection> {
    match intent {
        Intent::BootstrapCluster { identity } => {
            // A new cluster begins with what its builds know; an older one comes to it by `RaiseFormat`.
            let first = || vec![Command::BootstrapCluster { identity: identity.clone() }, Command::RaiseFormat { format: NEWEST_FORMAT }];
            Ok(Plan::one(Group::of(if state.identity().is_some() { Vec::new() } else { first() })))
        }
        Intent::RegisterBroker { registration } => brokers::register(state, liveness, registration).map(Plan::one),
        Intent::UnregisterBroker { id, expected } => brokers::unregister(state, *id, *expected).map(Plan::one),
        Intent::BrokerHeartbeat { heartbeat } => brokers::heartbeat(state, liveness, heartbeat).map(Plan::one),
        Intent::SessionExpired { id, broker_epoch } => Ok(Plan::one(brokers::expire(state, liveness, *id, *broker_epoch))),
        Intent::ContinueFencing { id, broker_epoch } => Ok(Plan::one(brokers::continue_fencing(state, *id, *broker_epoch))),
        Intent::FenceBroker { id, expected } => brokers::fence_by_operator(state, *id, *expected).map(Plan::one),
        Intent::UnfenceBroker { id, expected } => brokers::unfence_by_operator(state, *id, *expected).map(Plan::one),
        Intent::ChangeIsr { id, broker_epoch, changes } => isr::change(state, *id, *broker_epoch, changes),
        Intent::CreateTopics { topics } => topics::create(state, draw, topics),
        Intent::DeleteTopic { name, expected } => topics::delete(state, name, *expected).map(Plan::one),
        Intent::ChangeConfigs { name, ops, expected } => topics::change_configs(state, name, ops, *expected).map(Plan::one),
        Intent::AdmitInstance { node_id, instance_id } => {
            Ok(Plan::one(Group::of(vec![Command::AdmitInstance { node_id: *node_id, instance_id: *instance_id }])))
        }
        Intent::GrowTopic { name, count, assignments, expected } => {
            grow::grow(state, draw, name, *count, assignments.as_deref(), *expected).map(Plan::one)
        }
        Intent::Undo { of, intent } => {
            undo::check(state, *of, intent)?;
            plan(state, liveness, draw, intent)
        }
        Intent::RaiseFormat { .. }
        | Intent::ChangeSettings { .. }
        | Intent::ContinueSettings
        | Intent::Elect { .. }
        | Intent::BalanceLeaders
        | Intent::ElectUnclean
        | Intent::Reassign { .. }
        | Intent::Rebalance { .. }
        | Intent::ChangeFactor { .. }
        | Intent::DrainBroker { .. }
        | Intent::StopDrain { .. }
        | Intent::ReplaceBroker { .. }
        | Intent::ContinueReassignments
        | Intent::CancelReassignment { .. }
        | Intent::LimitReassignment { .. }
        | Intent::ChangeAccess { .. }
        | Intent::Lead { .. } => plan_second(state, draw, intent),
    }
}

/// What came with the second format.
fn plan_second(state: &State, draw: &Draw, intent: &Intent) -> Result<Plan, Rejection> {
    if let Intent::RaiseFormat { format } = intent {
        let raise = Command::RaiseFormat { format: *format };
        return Ok(Plan::one(Group::of(if state.format() < *format { vec![raise] } else { Vec::new() })));
    }
    if state.format() == FIRST_FORMAT {
        return Err(Rejection::too_old());
    }
    match intent {
        Intent::ChangeSettings { ops, expected } => settings::change(state, ops, *expected).map(Plan::one),
        Intent::ContinueSettings => Ok(Plan::one(settings::go_on(state))),
        Intent::Elect { election, partitions, topic, broker } => {
            elections::asked(state, *election, partitions.as_deref(), topic.as_deref(), *broker)
        }
        Intent::BalanceLeaders => Ok(elections::balance(state, draw)),
        Intent::ElectUnclean => Ok(elections::unclean(state)),
        Intent::Reassign { moves, limits, allow_factor_change } => {
            moves::reassign(state, moves, *limits, *allow_factor_change).map(Plan::one)
        }
        Intent::Rebalance { rebalance, limits } => moves::rebalance(state, rebalance, *limits).map(Plan::one),
        Intent::ChangeFactor { name, replication_factor, limits, expected } => {
            moves::change_factor(state, name, *replication_factor, *limits, *expected).map(Plan::one)
        }
        Intent::DrainBroker { id, limits, expected } => moves::drain(state, *id, *limits, *expected).map(Plan::one),
        Intent::StopDrain { id, expected } => moves::stop_drain(state, *id, *expected).map(Plan::one),
        Intent::ReplaceBroker { id, broker_epoch } => moves::replace(state, *id, *broker_epoch).map(Plan::one),
        Intent::ContinueReassignments => Ok(moves::advance(state)),
        Intent::CancelReassignment { id } => moves::cancel(state, *id).map(Plan::one),
        Intent::LimitReassignment { id, limits } => moves::limit(state, *id, *limits).map(Plan::one),
        Intent::ChangeAccess { .. } if !state.guards() => Err(Rejection::too_old()),
        // The table is not in the state: whoever holds it judges.
        Intent::ChangeAccess { change } => Ok(Plan::one(Group::of(vec![Command::ChangeAccess { change: change.clone() }]))),
        Intent::Lead { .. } if !state.undoes() => Err(Rejection::too_old()),
        Intent::Lead { leaders } => elections::lead(state, leaders).map(Plan::one),
        // The others are decided above.
        _ => Ok(Plan::default()),
    }
}
