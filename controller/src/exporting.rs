//! What a node tells of its backup: how it proved itself, and what this node keeps of the history as one file.

use crate::api::Refusal;
use crate::backup::file::{Header, Writer};
use crate::environment::elsewhere;
use crate::following::board::Proof;
use crate::handle::Controller;
use bytes::Bytes;
use metadata::{Code, Index, State};
use std::io;
use tokio::time::Instant;

/// A file under way, piece by piece: who takes the pieces says how fast.
pub struct Export {
    controller: Controller,
    /// None once it has ended, or could not be gone on with.
    writer: Option<Writer<Vec<u8>>>,
    position: Index,
    upto: Index,
}

fn failed(error: &io::Error) -> Refusal {
    Refusal::new(Code::NotController, format!("The backup cannot be written: {error}"))
}

impl Controller {
    /// What this node found when it looked through the SQL backup last, leading.
    pub fn backup_proof(&self) -> Option<Proof> {
        self.core().board.proof()
    }

    /// Begins a backup in one file: of every commit that this node keeps without a gap, up to what is applied now. Where it keeps no history,
    /// of the state alone.
    ///
    /// # Errors
    /// NO_LEADER before the cluster has its identity; NOT_CONTROLLER or REVISION_NOT_REACHED when the history cannot be read in time.
    pub async fn export(&self, deadline: Instant) -> Result<Export, Refusal> {
        let history = &self.core().history;
        let (state, upto) = match history.is_kept() {
            false => (self.state().as_ref().clone(), self.state().revision()),
            true => {
                history.caught_up(deadline).await?;
                let upto = self.state().revision();
                let begins = history.newest_stretch().unwrap_or_default();
                let state = if begins == 0 { State::default() } else { history.state_at(begins).await? };
                (state, upto)
            }
        };
        let identity = self.state().identity().cloned();
        let identity = identity.ok_or_else(|| Refusal::new(Code::NoLeader, "The cluster has no identity yet"))?;
        let header = Header {
            cluster_id: identity.cluster_id,
            lineage: identity.lineage,
            created_at_ms: self.core().ground.environment.wall_ms(),
            node_id: self.node_id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let (position, upto) = (state.revision(), upto.max(state.revision()));
        let begun = elsewhere(&*self.core().ground.environment, move || Writer::begin(Vec::new(), &header, &state)).await.flatten();
        let writer = begun.map_err(|error| failed(&error))?;
        Ok(Export { controller: self.clone(), writer: Some(writer), position, upto })
    }
}

impl Export {
    /// The next piece; none after the last one.
    ///
    /// # Errors
    /// When what is to follow is no longer kept, or cannot be read: what was written so far is no backup.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            let Some(mut writer) = self.writer.take() else { return Ok(None) };
            let environment = self.controller.core().ground.environment.clone();
            if self.position >= self.upto {
                let ended = elsewhere(&*environment, move || writer.end()).await.flatten();
                return ended.map(|bytes| Some(bytes.into())).map_err(|error| failed(&error));
            }
            let kept = self.controller.core().history.kept_after(self.position).await;
            let gone = || Refusal::new(Code::NotController, format!("What follows index {} is no longer kept", self.position));
            let kept = kept.ok_or_else(gone)?;
            let upto = self.upto;
            self.position = kept.last().map_or(upto, |last| last.record.commit.index);
            let written = elsewhere(&*environment, move || {
                for each in kept.iter().filter(|each| each.record.commit.index <= upto) {
                    writer.commit(&each.record.commit, &each.frame, &each.record.beside)?;
                }
                let piece = std::mem::take(writer.out());
                io::Result::Ok((writer, piece))
            });
            let (writer, piece) = written.await.flatten().map_err(|error| failed(&error))?;
            self.writer = Some(writer);
            if !piece.is_empty() {
                return Ok(Some(piece.into()));
            }
        }
    }
}
