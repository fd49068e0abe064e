//! What differs between the states at two entries.

use super::{Tape, cells};
use crate::past::{Comparison, Difference, MOST_DIFFERENCES};
use controller::Controller;
use metadata::history::{self, Diff, Entity};
use metadata::{Change, Index};
use tokio::time::Instant;

/// Compares two states. Building one of the past takes memory, so one pair is compared at a time.
pub async fn compare(controller: &Controller, tape: &Tape, from: Index, to: Index, deadline: Instant) -> Comparison {
    let why = |why: String| Comparison { from, to, trouble: Some(why), ..Comparison::default() };
    let turn = tokio::time::timeout_at(deadline, tape.comparing.clone().acquire_owned()).await;
    let Ok(Ok(turn)) = turn else { return why("Others are comparing states: try again in a moment.".to_owned()) };
    let states =
        async { Ok::<_, controller::Refusal>((controller.state_at(from, deadline).await?, controller.state_at(to, deadline).await?)) };
    let (one, other) = match tokio::time::timeout_at(deadline, states).await {
        Ok(Ok(states)) => states,
        Ok(Err(refusal)) => return why(refusal.rejection.detail.clone()),
        Err(_) => return why("It took too long: try again, or ask the API.".to_owned()),
    };
    let compared = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let diff = history::diff(&one, &other, MOST_DIFFERENCES);
        let rows = rows(&diff);
        (diff.total, rows)
    });
    match compared.await {
        Ok((total, rows)) => Comparison { from, to, total, rows, trouble: None },
        Err(error) => why(error.to_string()),
    }
}

fn rows(diff: &Diff) -> Vec<Difference> {
    let one = |difference: &history::Difference| {
        let (before, after) = (difference.before.as_ref(), difference.after.as_ref());
        let name = before.or(after).map(|change| cells::subject(change, &diff.topics)).unwrap_or_default();
        let path = match &difference.what {
            Entity::Broker { id } | Entity::Standing { id } if after.is_some() => format!("/brokers/{id}"),
            Entity::Topic { topic_id } | Entity::Partition { topic_id, .. } if after.is_some() => {
                diff.topics.get(topic_id).map(|name| format!("/topics/{name}")).unwrap_or_default()
            }
            _ => String::new(),
        };
        let mut cells = cells::between(before, after);
        let named = |change: &Change| matches!(change, Change::TopicCreated { .. } | Change::BrokerChanged { .. });
        let there = |there: bool| (if there { "there" } else { "–" }).to_owned();
        if before.or(after).is_some_and(named) && (before.is_none() || after.is_none()) || cells.is_empty() {
            cells.insert(0, crate::past::Cell { key: String::new(), before: there(before.is_some()), after: there(after.is_some()) });
        }
        // What differs in numbers alone that nobody reads, as an epoch, is said to differ.
        Difference { name, path, cells }
    };
    diff.differences.iter().map(one).collect()
}
