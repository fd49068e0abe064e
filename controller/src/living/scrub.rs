//! The proofs of a node: it compares itself with the others wherever a leader's digest differs, and with itself at a pace.
//!
//! Who disagrees with a majority, or with its own digest computed anew, is wrong; the majority itself never stops.

use crate::environment::elsewhere;
use crate::living::fault::Fault;
use crate::net::peers::Lane;
use crate::net::rpc::{Reply, Request};
use crate::node::Inner;
use metadata::digest::Digest;
use metadata::{Index, NodeId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Between two parts of a scrub, so that it never takes a core for long.
const BREATH: Duration = Duration::from_millis(1);
const ASK: Duration = Duration::from_secs(1);

/// Watches over a node's state until it is found wrong.
pub(crate) async fn run(node: Arc<Inner>, every: Duration) -> Fault {
    let mut suspicions = node.proofs.suspicions();
    loop {
        let suspect = tokio::select! {
            Ok(()) = suspicions.changed() => *suspicions.borrow_and_update(),
            () = tokio::time::sleep(every) => None,
        };
        let fault = match suspect {
            Some(index) => verify(&node, index).await,
            None => scrub(&node).await,
        };
        if let Some(fault) = fault {
            return fault;
        }
    }
}

/// Whether this node is right at an index: by the majority, and by itself.
pub(crate) async fn verify(node: &Arc<Inner>, index: Index) -> Option<Fault> {
    match judge(node, index).await {
        Some(fault) => Some(fault),
        None => scrub(node).await,
    }
}

/// Computes the digest anew, beside everything else.
async fn scrub(node: &Arc<Inner>) -> Option<Fault> {
    let state = node.hub.view().state.clone();
    let (kept, index) = (state.digest(), state.revision());
    let computed = elsewhere(&*node.environment, move || state.scrub(|| std::thread::sleep(BREATH))).await.ok()?;
    (computed != kept)
        .then(|| Fault::Diverged { index, detail: format!("the digest is kept as {kept}, and computed anew it is {computed}") })
}

/// Compares this node's digest at an index with the other voters'.
async fn judge(node: &Arc<Inner>, index: Index) -> Option<Fault> {
    let own = node.proofs.at(index)?;
    let (voters, others) = node.voters();
    let asked = others.into_iter().map(|(id, url)| {
        let connection = node.peers.connection(&url, Lane::Control);
        async move {
            match connection.call(&Request::DigestAt { index }, ASK).await {
                Ok(Reply::DigestAt { digest: Some(digest) }) => Some((id, url, digest)),
                _ => None,
            }
        }
    });
    let answers: Vec<(NodeId, String, Digest)> = futures::future::join_all(asked).await.into_iter().flatten().collect();
    let majority = majority(own, answers.iter().map(|(.., digest)| *digest), voters)?;
    if majority != own {
        return Some(Fault::Diverged { index, detail: format!("this node has the digest {own}, and a majority has {majority}") });
    }
    for (id, url, _) in answers.iter().filter(|(.., digest)| *digest != majority) {
        tracing::error!(node = id, index, "another node's state diverged; it is told so");
        drop(node.peers.connection(url, Lane::Control).call(&Request::Doubt { index }, ASK).await);
    }
    None
}

/// The digest that more than half of the voters have.
fn majority(own: Digest, others: impl Iterator<Item = Digest>, voters: usize) -> Option<Digest> {
    let mut count: BTreeMap<u128, usize> = BTreeMap::new();
    std::iter::once(own).chain(others).for_each(|digest| *count.entry(digest.0).or_default() += 1);
    count.into_iter().find(|(_, count)| *count > voters / 2).map(|(digest, _)| Digest(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_is_more_than_half_of_all_voters() {
        let cases: [(u128, &[u128], usize, Option<u128>); 6] = [
            (1, &[], 1, Some(1)),
            (1, &[2], 3, None),
            (1, &[1], 3, Some(1)),
            (1, &[2, 2], 3, Some(2)),
            (1, &[2, 3], 3, None),
            (1, &[2, 2, 1], 5, None),
        ];
        for (own, others, voters, expected) in cases {
            let found = majority(Digest(own), others.iter().map(|digest| Digest(*digest)), voters);
            assert_eq!(found.map(|digest| digest.0), expected, "{own} {others:?} of {voters}");
        }
    }
}
