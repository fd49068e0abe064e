//! What the session of a broker is bound to: the hash of a secret that only its process knows. A broker's id and epoch are public, and
//! whoever says them could speak for it.

use crate::ids::{BrokerId, Index};
use crate::model::Broker;
use crate::rejection::{Code, Rejection};
use crate::secret::SecretHash;
use crate::state::State;
use imbl::OrdMap;
use serde::{Deserialize, Serialize};

/// The secret of one registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The epoch of the registration that it was given with: a later one is bound anew, or not at all.
    pub epoch: Index,
    pub proof: SecretHash,
}

/// By broker, of those whose registration gave a secret. Cloning shares all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings(OrdMap<BrokerId, Binding>);

impl Bindings {
    /// Binds a registration that was just made or amended, and forgets those of brokers that are gone.
    pub(crate) fn bind(&mut self, state: &State, id: BrokerId, proof: SecretHash) {
        let gone: Vec<BrokerId> = self.0.keys().copied().filter(|id| state.broker(*id).is_none()).collect();
        gone.iter().for_each(|id| {
            self.0.remove(id);
        });
        if let Some(broker) = state.broker(id) {
            self.0.insert(id, Binding { epoch: broker.epoch, proof });
        }
    }

    /// What the present registration of a broker is bound to.
    pub fn of(&self, broker: &Broker) -> Option<SecretHash> {
        self.0.get(&broker.id).filter(|binding| binding.epoch == broker.epoch).map(|binding| binding.proof)
    }

    /// Whether who gives this proof, or none, may speak for a broker.
    ///
    /// # Errors
    /// POLICY_VIOLATION when the registration is bound to another secret.
    pub fn check(&self, broker: &Broker, given: Option<SecretHash>) -> Result<(), Rejection> {
        match self.of(broker) {
            Some(bound) if given != Some(bound) => {
                let (id, value) = (broker.id, if given.is_some() { "another one" } else { "none" });
                let no = Rejection::new(Code::PolicyViolation, format!("Broker {id} is spoken for by who registered it alone"));
                Err(no.at("Quorate-Session", value, "the secret that the registration was made with"))
            }
            _ => Ok(()),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, by broker.
    pub fn iter(&self) -> impl Iterator<Item = (BrokerId, Binding)> {
        self.0.iter().map(|(id, binding)| (*id, *binding))
    }
}

impl FromIterator<(BrokerId, Binding)> for Bindings {
    fn from_iter<I: IntoIterator<Item = (BrokerId, Binding)>>(pairs: I) -> Self {
        Bindings(pairs.into_iter().collect())
    }
}
