//! One flipped bit in one node's state: found at the next commit that touches it, or else by the next scrub.

use crate::cluster::{Cluster, PATIENCE, until};
use anyhow::{Context, Result, ensure};
use controller::Fault;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn divergence_is_caught() -> Result<()> {
    // Without a scrub in time, and with nothing but the scrub.
    for (scrub_ms, touched) in [(3_600_000, true), (200, false)] {
        for leads in [false, true] {
            caught(Duration::from_millis(scrub_ms), touched, leads).await.with_context(|| format!("touched {touched}, leads {leads}"))?;
        }
    }
    Ok(())
}

async fn caught(scrub: Duration, touched: bool, leads: bool) -> Result<()> {
    let cluster = Cluster::start(scrub).await?;
    let topic = cluster.created("flipped").await?;
    cluster.agree().await?;
    let (leader, follower) = cluster.leader_and_follower().await?;
    let victim = if leads { leader } else { follower };
    let node = &cluster.nodes[&victim];
    let mut faults = node.watch_fault();
    // Waited for from here on: it may be found, and mended, before anything below has looked.
    let found = tokio::spawn(async move { faults.wait_for(Option::is_some).await.map(|fault| fault.clone()) });
    cluster.memories[&victim].flip(topic, 1);
    // The next entry carries the flip in; that one does not touch the topic.
    cluster.created("another").await?;
    until("the bit flips", async || {
        ensure!(cluster.memories[&victim].flipped(), "not yet");
        Ok(())
    })
    .await?;
    if touched {
        delete(&cluster, "flipped").await?;
        // Its digest differs from now on, and the entry after says so.
        cluster.created("telling").await?;
    }
    let fault = tokio::time::timeout(PATIENCE, found).await.context("it was not found")???.context("no fault")?;
    ensure!(matches!(&*fault, Fault::Diverged { index, .. } if *index > 0) && !fault.readable(), "{fault}");
    until("it is right again", async || {
        ensure!(node.fault().is_none(), "{:?}", node.fault());
        Ok(())
    })
    .await?;
    cluster.created("goes-on").await?;
    cluster.agree().await?;
    ensure!(node.state().topic_by_name("flipped").is_some() != touched, "it is not what was committed");
    cluster.stop().await;
    Ok(())
}

async fn delete(cluster: &Cluster, name: &str) -> Result<()> {
    use controller::Submission;
    use metadata::{Intent, Principal};
    until("the topic is deleted", async || {
        let intent = Intent::DeleteTopic { name: name.into(), expected: None };
        let deadline = tokio::time::Instant::now() + Duration::from_secs(3);
        let done = cluster.leader()?.submit(Submission::new(intent, Principal::anonymous()), deadline).await;
        let gone = cluster.leader()?.state().topic_by_name(name).is_none();
        done.map(drop).or_else(|refusal| if gone { Ok(()) } else { Err(refusal.into()) })
    })
    .await
}
