//! The last digests of this node, and the comparison with what leaders say in their entries.

use crate::raft::data::Checked;
use metadata::digest::Digest;
use metadata::{Index, Machine};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Digests that a node keeps.
const MOST_DIGESTS: usize = 4_096;

/// What a node can show for its state.
pub(crate) struct Proofs {
    digests: Mutex<VecDeque<(Index, Digest)>>,
    suspect: watch::Sender<Option<Index>>,
}

impl Default for Proofs {
    fn default() -> Self {
        Proofs { digests: Mutex::default(), suspect: watch::channel(None).0 }
    }
}

impl Proofs {
    fn digests(&self) -> MutexGuard<'_, VecDeque<(Index, Digest)>> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all, and begins with this machine.
    pub(crate) fn restart(&self, machine: &Machine) {
        let mut digests = self.digests();
        digests.clear();
        digests.push_back(machine.proof());
    }

    /// Keeps the digest after a change of the state, or of the rights.
    pub(crate) fn note(&self, (index, digest): (Index, Digest)) {
        let mut digests = self.digests();
        if digests.back().is_some_and(|(newest, _)| *newest == index) {
            return;
        }
        if digests.len() == MOST_DIGESTS {
            digests.pop_front();
        }
        digests.push_back((index, digest));
    }

    /// The digest at exactly this revision, while it is kept.
    pub(crate) fn at(&self, index: Index) -> Option<Digest> {
        let digests = self.digests();
        let at = digests.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        digests.get(at).map(|(_, digest)| *digest)
    }

    /// Compares what a leader says with what this node had.
    pub(crate) fn compare(&self, checked: Checked) {
        if self.at(checked.index).is_some_and(|own| own != checked.digest) {
            self.suspect(checked.index);
        }
    }

    /// Something is wrong at this index, here or elsewhere.
    pub(crate) fn suspect(&self, index: Index) {
        self.suspect.send_replace(Some(index));
    }

    /// Follows the suspicions.
    pub(crate) fn suspicions(&self) -> watch::Receiver<Option<Index>> {
        self.suspect.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disagreement_is_noticed_and_an_unknown_index_is_not_one() {
        let proofs = Proofs::default();
        let digest = |index: u64| Digest(u128::from(index) * 3);
        (1..=5_000).step_by(2).for_each(|index| proofs.note((index, digest(index))));
        let mut suspicions = proofs.suspicions();
        for index in [1, 4_001, 4_999] {
            proofs.compare(Checked { index, digest: digest(index) });
            proofs.compare(Checked { index: index + 1, digest: Digest(1) });
        }
        assert!(!suspicions.has_changed().expect("open"));
        proofs.compare(Checked { index: 4_001, digest: Digest(1) });
        assert_eq!(*suspicions.borrow_and_update(), Some(4_001));
    }

    #[test]
    fn only_the_last_ones_are_kept() {
        let proofs = Proofs::default();
        let last = MOST_DIGESTS as u64 + 10;
        (1..=last).for_each(|index| proofs.note((index, Digest(index.into()))));
        assert_eq!([10, 11, last].map(|index| proofs.at(index)), [None, Some(Digest(11)), Some(Digest(last.into()))]);
    }
}
