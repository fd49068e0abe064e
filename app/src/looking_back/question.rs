//! The question before an undo: what the commit did, what would be committed now, or why nothing can.

use super::rows;
use crate::api::steered;
use crate::past::{Question, who};
use crate::time;
use crate::words::{count, num};
use controller::{Asker, Controller};
use metadata::access::Demand;
use metadata::draw::Preview;
use metadata::history::{self, Record};
use metadata::intent::{ConfigOp, NewTopic};
use metadata::plan::plan;
use metadata::{Command, Draw, Index, Intent, Liveness, Rejection, State};
use tokio::time::Instant;

/// Names that are listed one by one.
const MOST_NAMED: usize = 6;

async fn record(controller: &Controller, of: Index, deadline: Instant) -> Result<Record, Rejection> {
    controller.kept_record(of, deadline).await.map_err(|refusal| *refusal.rejection)
}

/// The undo of one commit, as things are now.
pub async fn inverse(controller: &Controller, of: Index, deadline: Instant) -> Result<Intent, Rejection> {
    let record = record(controller, of, deadline).await?;
    history::inverse(&record, &controller.state()).map_err(Rejection::from)
}

/// The question.
pub async fn ask(controller: &Controller, of: Index, asker: Option<&Asker>, now_ms: u64, deadline: Instant) -> Question {
    match record(controller, of, deadline).await {
        Ok(record) => asked(&record, &controller.state(), asker, now_ms),
        Err(no) => Question { of, refused: Some(no.detail.clone()), ..Question::default() },
    }
}

fn asked(record: &Record, state: &State, asker: Option<&Asker>, now_ms: u64) -> Question {
    let of = record.commit.index;
    let said = rows::said(record);
    let about = said.about.map(|(name, _)| format!("{name} ")).unwrap_or_default();
    let (_, by) = who(&record.commit.principal.0);
    let ago = time::age(now_ms.saturating_sub(record.commit.at_ms));
    let did = format!("{about}{}, {ago} ago by {by}.", said.text);
    let question = Question { of, did, ..Question::default() };
    match foreseen(record, state, asker, now_ms) {
        Ok((lines, grave, preview)) => Question { lines, grave, preview, ..question },
        Err(no) => Question { refused: Some(no.detail.trim_end_matches('.').to_owned()), ..question },
    }
}

/// What would be committed, whether it cannot bring everything back, and the preview that binds it.
fn foreseen(record: &Record, state: &State, asker: Option<&Asker>, now_ms: u64) -> Result<(Vec<String>, bool, String), Rejection> {
    let intent = history::inverse(record, state)?;
    if let Some(asker) = asker {
        // What is not theirs to do is not theirs to try.
        asker.who.may(&Demand::of(&intent))?;
    }
    let draw = Draw { now_ms, seed: u128::from(now_ms) };
    let plan = plan(state, &Liveness::default(), &draw, &intent)?;
    if let Some(no) = plan.items.iter().find_map(|item| item.as_ref().err()) {
        return Err(no.clone());
    }
    let groups = plan.groups();
    let commands: Vec<&Command> = groups.iter().flat_map(|group| &group.commands).collect();
    let (lines, grave) = lines(record, state, intent.inner(), &commands);
    Ok((lines, grave, Preview::of(draw.seed, &groups).token()))
}

fn lines(record: &Record, state: &State, intent: &Intent, commands: &[&Command]) -> (Vec<String>, bool) {
    let elected = commands.iter().filter(|command| matches!(command, Command::UpdatePartitionLeader { .. })).count() as u64;
    let led = || count(elected, "partition gets another leader or ISR", "partitions get another leader or ISR");
    match intent {
        Intent::ChangeConfigs { ops, .. } | Intent::ChangeSettings { ops, .. } => (ops.iter().map(op).collect(), false),
        Intent::FenceBroker { id, .. } => {
            (vec![format!("Broker {id} is fenced until an operator unfences it."), format!("{}.", led())], false)
        }
        Intent::UnfenceBroker { id, .. } => (
            vec![format!("The operator's fence of broker {id} is taken off. Its next heartbeat brings it back, once it has caught up.")],
            false,
        ),
        Intent::Lead { leaders } => {
            let names = leaders
                .iter()
                .take(MOST_NAMED)
                .map(|each| format!("{}-{} is led by broker {} again.", each.topic, each.partition, each.leader));
            let rest = leaders.len().saturating_sub(MOST_NAMED) as u64;
            (names.chain((rest > 0).then(|| format!("And {} more.", count(rest, "partition", "partitions")))).collect(), false)
        }
        Intent::CreateTopics { topics } => (topics.first().map(|topic| again(record, topic)).unwrap_or_default(), true),
        other => {
            let mut lines = steered::lines(state, other, commands, 0);
            lines.insert(0, format!("{}.", steered::title(other)));
            (lines, false)
        }
    }
}

fn op(op: &ConfigOp) -> String {
    match &op.value {
        Some(value) => format!("{} is set to {value} again.", op.key),
        None => format!("{} goes back to its default.", op.key),
    }
}

/// A deleted topic that is made again is another one under the same name.
fn again(record: &Record, topic: &NewTopic) -> Vec<String> {
    let partitions = topic.assignments.as_ref().map_or(0, Vec::len) as u64;
    let keys = match topic.configs.len() as u64 {
        0 => String::new(),
        some => format!(" and {}", count(some, "configuration key", "configuration keys")),
    };
    let deleted = num(record.commit.index);
    vec![
        format!(
            "{} is created again with {}{keys}, on the brokers that it was on, as far as they are there.",
            topic.name,
            count(partitions, "partition", "partitions")
        ),
        "It gets a new topic id: clients that remember the old one look it up anew.".to_owned(),
        format!("Its records are gone: brokers removed them after #{deleted}, unless they were down and still have them."),
    ]
}

#[cfg(test)]
mod tests {
    use super::asked;
    use crate::looking_back::rows::tests::{configured, fenced};
    use metadata::State;

    #[test]
    fn what_has_no_inverse_or_was_changed_since_says_why() {
        let question = asked(&fenced(), &State::default(), None, 61_000);
        assert_eq!(question.refused.as_deref(), Some("What controllers and brokers do by themselves is not undone"));
        let gone = asked(&configured(), &State::default(), None, 61_000);
        assert_eq!(gone.did, "orders retention.ms set to 1 h, 1 min ago by ana.");
        assert_eq!(gone.refused.as_deref(), Some("Topic orders is not there any more"));
        assert!(gone.preview.is_empty() && gone.lines.is_empty());
    }
}
