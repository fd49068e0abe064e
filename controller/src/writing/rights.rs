//! Who asks the planner, and what the entry requires of them when it is applied.

use crate::api::{Refusal, Submission, is_told};
use crate::hub::View;
use metadata::access::{Credential, Demand, Role, Who};
use metadata::plan::Plan;
use metadata::{Code, Command, Intent, Rejection};

/// Who asks, once they may; none where nobody is known: a controller by itself, or anybody while the cluster is open.
///
/// # Errors
/// UNAUTHENTICATED, FORBIDDEN; what the table itself refuses of a change to it.
pub(super) fn asker(view: &View, submission: &Submission, now_ms: u64) -> Result<Option<Who>, Refusal> {
    let access = &view.machine.access;
    let credential = &submission.credential;
    if *credential == Credential::Nobody && submission.principal.is_controller() {
        return Ok(None);
    }
    let who = access.who(credential, now_ms)?;
    match submission.intent.inner() {
        // Each item is judged on its own.
        Intent::CreateTopics { .. } => who.has(metadata::contract::Need::Topics)?,
        intent => who.may(&Demand::of(intent))?,
    }
    if let Intent::ChangeAccess { change } = &submission.intent {
        if submission.dry_run {
            return Err(Refusal::new(Code::InvalidRequest, "Who may do what has no dry run"));
        }
        // It is judged again when it is applied: another may be on its way.
        access.clone().change(change, now_ms, view.applied + 1)?;
    }
    Ok(is_told(credential, &view.state).then_some(who))
}

/// Refuses the topics of a batch that are not theirs.
pub(super) fn limit(asker: Option<&Who>, intent: &Intent, plan: &mut Plan) {
    let (Some(who), Intent::CreateTopics { topics }) = (asker, intent.inner()) else { return };
    for (item, topic) in plan.items.iter_mut().zip(topics) {
        if let Err(no) = who.may(&Demand::Topics { names: vec![topic.name.clone()] }) {
            *item = Err::<_, Rejection>(no);
        }
    }
}

/// What the entry requires. Names are only said where a role is limited to some.
pub(super) fn require(who: &Who, submission: &Submission, plan: &Plan) -> Command {
    let unlimited = who.role.as_ref().is_none_or(Role::unlimited);
    let demand = match (Demand::of(&submission.intent), submission.intent.inner()) {
        (Demand::Topics { .. }, _) if unlimited => Demand::Topics { names: Vec::new() },
        (Demand::Topics { names }, Intent::CreateTopics { .. }) => {
            Demand::Topics { names: names.into_iter().zip(&plan.items).filter(|(_, item)| item.is_ok()).map(|(name, _)| name).collect() }
        }
        (demand, _) => demand,
    };
    Command::Require { credential: submission.credential.clone(), demand, address: submission.address }
}
