//! Many connections, each with one creation under way, for some time.

use crate::api::PATIENCE;
use crate::http::{Connection, Creation};
use crate::report::Figure;
use crate::spread::ms;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What happens before this is not counted: connections, caches and the first commits settle.
const WARM_UP: Duration = Duration::from_secs(1);
/// After a refusal, so that a node that is overloaded is not made more so.
const PAUSE: Duration = Duration::from_millis(5);

/// What a load came to.
#[derive(Debug, Default)]
pub struct Tally {
    /// Of each creation that was acknowledged within the counted time, how long it took in ms.
    pub times: Vec<f64>,
    /// How often which status was answered instead.
    pub refused: BTreeMap<u16, u64>,
    pub counted: Duration,
}

impl Tally {
    pub fn per_second(&self) -> f64 {
        self.times.len() as f64 / self.counted.as_secs_f64()
    }

    pub fn figure(self, name: &str) -> Figure {
        let refused: BTreeMap<String, u64> = self.refused.iter().map(|(status, count)| (status.to_string(), *count)).collect();
        let figure = Figure::new(name).rate(self.per_second(), "topics").spread(self.times);
        if refused.is_empty() { figure } else { figure.fact("refused", json!(refused)) }
    }
}

/// What becomes of a topic that was created.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Keep,
    /// Deleted over the same connection before the next creation, so that the state stays small however long it goes on.
    Delete,
}

#[derive(Clone, Copy)]
struct Span {
    begin: Instant,
    end: Instant,
}

/// Creates topics over so many connections to one node for this long, after a second that is not counted.
pub async fn creations(address: &str, prefix: &str, connections: usize, duration: Duration, then: Then) -> Result<Tally> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(address).await?);
    }
    let next = Arc::new(AtomicU64::new(0));
    let begin = Instant::now() + WARM_UP;
    let span = Span { begin, end: begin + duration };
    let mut workers = JoinSet::new();
    for connection in open {
        workers.spawn(create(connection, Creation::new(address, prefix, ""), next.clone(), span, then));
    }
    let all = async {
        let mut whole = Tally { counted: duration, ..Tally::default() };
        while let Some(ended) = workers.join_next().await {
            let tally = ended??;
            whole.times.extend(tally.times);
            tally.refused.into_iter().for_each(|(status, count)| *whole.refused.entry(status).or_default() += count);
        }
        anyhow::Ok(whole)
    };
    tokio::time::timeout(WARM_UP + duration + PATIENCE, all).await.context("the last creations were not answered")?
}

async fn create(mut connection: Connection, mut creation: Creation, next: Arc<AtomicU64>, span: Span, then: Then) -> Result<Tally> {
    let mut tally = Tally::default();
    loop {
        let sent = Instant::now();
        if sent >= span.end {
            return Ok(tally);
        }
        let number = next.fetch_add(1, Ordering::Relaxed);
        let status = connection.exchange(creation.numbered(number)).await?.status;
        let done = Instant::now();
        if status != 201 {
            *tally.refused.entry(status).or_default() += 1;
            tokio::time::sleep(PAUSE).await;
        } else if (span.begin..span.end).contains(&done) {
            tally.times.push(ms(done - sent));
        }
        if status == 201 && then == Then::Delete {
            let status = connection.exchange(&creation.undone(number)).await?.status;
            ensure!(status == 200, "a deletion was answered {status}");
        }
    }
}
