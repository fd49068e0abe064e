//! What the edges (`app`, `server`) ask a controller for and get back. The one boundary type of refusals is [`Refusal`].

use crate::options::Speaks;
use metadata::access::{Credential, Who};
use metadata::{Code, Commit, Group, GroupOutcome, Index, Intent, KeyUse, NodeId, Principal, Rejection, SecretHash, State};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// The longest that a call may take, and what it takes when it does not say.
pub const LONGEST_DEADLINE: Duration = Duration::from_secs(10);

/// An intent on its way to the leader.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Submission {
    pub intent: Intent,
    pub principal: Principal,
    pub key: Option<KeyUse>,
    /// A token from a dry run: exactly what it showed is committed, or STALE_PREVIEW.
    pub preview: Option<String>,
    /// Plan only; nothing is committed and nothing touched.
    pub dry_run: bool,
    /// Of the secret that the session of the broker that speaks is bound to. It travels beside the rest ([`crate::net`]): leaders of
    /// older builds do not know it.
    #[serde(skip)]
    pub proof: Option<SecretHash>,
    /// What whoever asks proves that it is them by. It travels beside the rest as well.
    #[serde(skip)]
    pub credential: Credential,
    /// Where from, as the node that was asked saw it. It travels beside the rest as well.
    #[serde(skip)]
    pub address: Option<IpAddr>,
}

/// What travels beside a submission or a heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// Of the broker's session.
    pub session: Option<SecretHash>,
    pub credential: Credential,
    pub address: Option<IpAddr>,
}

/// Who asks at an edge: what is proven there, and whom it makes of the caller.
#[derive(Clone, Debug)]
pub struct Asker {
    pub credential: Credential,
    pub who: Who,
    /// Where from; none where it is this very machine.
    pub address: Option<IpAddr>,
}

/// Whether a credential is said to the leader and in entries: somebody's, and once every controller knows of credentials.
pub(crate) fn is_told(credential: &Credential, state: &State) -> bool {
    state.guards() && *credential != Credential::Nobody
}

impl Asker {
    /// An intent of theirs.
    pub fn submission(&self, intent: Intent) -> Submission {
        Submission { credential: self.credential.clone(), address: self.address, ..Submission::new(intent, self.who.principal.clone()) }
    }
}

impl Submission {
    /// An intent without key, preview or dry run.
    pub fn new(intent: Intent, principal: Principal) -> Self {
        Submission {
            intent,
            principal,
            key: None,
            preview: None,
            dry_run: false,
            proof: None,
            credential: Credential::Nobody,
            address: None,
        }
    }
}

/// An empty node under a new id takes the place of one whose data is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    /// Whose place.
    pub remove: NodeId,
    /// Never used before: node ids are not reused.
    pub id: NodeId,
    /// Where the new node listens.
    pub url: String,
}

/// One change of the controllers' membership, or of who of them leads (K).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberChange {
    /// Joins as a learner.
    Add {
        id: NodeId,
        url: String,
    },
    /// A learner votes from now on.
    Promote {
        id: NodeId,
    },
    /// A voter becomes a learner.
    Demote {
        id: NodeId,
    },
    Remove {
        id: NodeId,
    },
    Replace(Replacement),
    /// Leads from now on.
    Lead {
        id: NodeId,
    },
}

impl MemberChange {
    /// The same with the newcomer's address as controllers are spoken to.
    pub(crate) fn spoken(mut self, speaks: Speaks) -> Self {
        if let MemberChange::Add { url, .. } | MemberChange::Replace(Replacement { url, .. }) = &mut self
            && let Some(spoken) = speaks.spoken(url)
        {
            *url = spoken;
        }
        self
    }
}

/// What became of a submission that was not refused whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Submitted {
    /// Committed, or in need of no entry; `index` is what the answer rests on.
    Done { index: Index, outcomes: Vec<Result<GroupOutcome, Rejection>> },
    /// The answer to a dry run.
    Planned { index: Index, items: Vec<Result<Group, Rejection>>, preview: String },
}

/// What was committed, once this node has applied it.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub index: Index,
    pub outcomes: Vec<Result<GroupOutcome, Rejection>>,
    /// The commit at that index while this node still keeps it; none when nothing was committed.
    pub commit: Option<Arc<Commit>>,
}

/// A refusal with what a caller needs beside the rejection.
#[derive(Clone, Debug, PartialEq, Error, Serialize, Deserialize)]
#[error("{rejection}")]
pub struct Refusal {
    pub rejection: Box<Rejection>,
    /// The URL of the leader, where that helps.
    pub leader: Option<String>,
    /// The index that the refusal rests on.
    pub revision: Option<Index>,
}

impl Refusal {
    /// A refusal that rests on no state.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Rejection::new(code, detail).into()
    }

    /// Whether the same request may succeed later without the caller changing it.
    pub fn retryable(&self) -> bool {
        self.rejection.code.retryable()
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Refusal { rejection: Box::new(rejection), leader: None, revision: None }
    }
}
