//! Changes of the membership that meet.

use crate::cluster::{Cluster, PATIENCE};
use anyhow::{Result, ensure};
use controller::MemberChange;
use metadata::Code;
use metadata::access::Credential;
use std::time::Duration;
use tokio::time::Instant;

/// K1: one change at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_changes_at_once_one_is_refused() -> Result<()> {
    let cluster = Cluster::start(Duration::from_secs(3_600)).await?;
    let (_, follower) = cluster.leader_and_follower().await?;
    let leader = cluster.leader()?;
    let demote = || leader.change_members(MemberChange::Demote { id: follower }, &Credential::Nobody, Instant::now() + PATIENCE);
    let (one, other) = tokio::join!(demote(), demote());
    let codes: Vec<Option<Code>> = [&one, &other].map(|change| change.as_ref().err().map(|refusal| refusal.rejection.code)).into();
    ensure!(codes.contains(&None) && codes.contains(&Some(Code::MembershipChangeInProgress)), "{codes:?}");
    cluster.agree().await?;
    leader.change_members(MemberChange::Promote { id: follower }, &Credential::Nobody, Instant::now() + PATIENCE).await?;
    cluster.agree().await?;
    cluster.stop().await;
    Ok(())
}
