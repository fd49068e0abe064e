//! A network inside one process: pipes in memory to whichever node has the URL. For simulations, tests and benches.

use super::{Dialled, Transport};
use crate::handle::Controller;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes on their way in one direction, at most.
const PIPE: usize = 1 << 20;

/// The nodes of this process by URL. Clones share them.
#[derive(Clone, Default)]
pub struct Pipes(Arc<Mutex<BTreeMap<String, Controller>>>);

impl Pipes {
    fn nodes(&self) -> MutexGuard<'_, BTreeMap<String, Controller>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on somebody listens at this URL.
    pub fn listen(&self, url: String, node: Controller) {
        self.nodes().insert(url, node);
    }
}

impl Transport for Pipes {
    fn connect(&self, url: &str) -> BoxFuture<'static, io::Result<Dialled>> {
        let peer = self.nodes().get(url).cloned();
        Box::pin(async move {
            let (near, far) = tokio::io::duplex(PIPE);
            drop(peer.ok_or(io::ErrorKind::ConnectionRefused)?.serve_peer(far, None));
            Ok(Dialled::plain(near))
        })
    }
}
