//! What the edges ask about who may do what: who somebody is, whether a password may be tried now, and to change it.

use crate::api::{Asker, Refusal};
use crate::handle::Controller;
use crate::net::rpc::{Reply, Request};
use crate::node::Inner;
use metadata::access::{AccessChange, Credential};
use metadata::{Index, Intent, Rejection};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// How long a leader is asked; then the node counts for itself.
const PATIENCE: Duration = Duration::from_secs(2);

impl Controller {
    /// Who shows this, and from where; none where that is this very machine.
    ///
    /// # Errors
    /// UNAUTHENTICATED, as [`Controller::who`].
    pub fn asker(&self, credential: Credential, address: Option<IpAddr>) -> Result<Asker, Rejection> {
        Ok(Asker { who: self.who(&credential)?, credential, address })
    }

    /// Commits one change of who may do what; its index.
    ///
    /// # Errors
    /// As [`Controller::submit`], and what the table refuses.
    pub async fn change_access(&self, asker: &Asker, change: AccessChange, deadline: Instant) -> Result<Index, Refusal> {
        let outcome = self.submit(asker.submission(Intent::ChangeAccess { change }), deadline).await?;
        match outcome.outcomes.into_iter().find_map(Result::err) {
            Some(no) => Err(Refusal { revision: Some(outcome.index), ..no.into() }),
            None => Ok(outcome.index),
        }
    }

    /// Whether a password of this account may be tried from there now, by the leader, or by this node alone while it knows none.
    ///
    /// # Errors
    /// How long to wait.
    pub async fn may_try(&self, account: &str, address: IpAddr) -> Result<(), Duration> {
        let inner = self.inner();
        let leads = inner.leading_term().is_some();
        if !leads && inner.leader_id().is_some() && self.state().guards() {
            let request = Request::MayTry { account: account.to_owned(), address };
            if let Ok(Reply::MayTry { wait_ms }) = inner.ask_leader(request, Instant::now() + PATIENCE).await {
                return if wait_ms == 0 { Ok(()) } else { Err(Duration::from_millis(wait_ms)) };
            }
        }
        inner.may_try(account, address)
    }

    /// Milliseconds since the epoch, as rights are judged by here: never before what this node has applied.
    pub fn judged_ms(&self) -> u64 {
        self.inner().judged_ms()
    }
}

impl Inner {
    pub(crate) fn may_try(&self, account: &str, address: IpAddr) -> Result<(), Duration> {
        let view = self.hub.view();
        let now_ms = self.judged_ms();
        let sessions: Vec<_> = view.machine.access.sessions_of(account, now_ms).collect();
        let proven_ms = sessions.iter().map(|session| session.proven_at_ms).max().unwrap_or(0);
        let known: Vec<IpAddr> = sessions.iter().filter_map(|session| session.address.parse().ok()).collect();
        self.attempts.permit(account, address, &known, proven_ms, now_ms)
    }

    pub(crate) fn judged_ms(&self) -> u64 {
        self.hub.view().state.at_ms().max(self.environment.wall_ms())
    }
}
