//! What a node stands on, and what stays while its parts are replaced.

use crate::disk::Disk;
use crate::environment::Environment;
use crate::following::board::PulseBoard;
use crate::history::History;
use crate::hub::Hub;
use crate::living::fault::Fault;
use crate::living::identity::Instance;
use crate::net::Transport;
use crate::options::Options;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What a node stands on. A simulation gives its own.
#[derive(Clone)]
pub struct Ground {
    pub transport: Arc<dyn Transport>,
    pub environment: Arc<dyn Environment>,
    pub disk: Arc<dyn Disk>,
    /// What storage services are shown, and by which they are trusted; none where nothing is spoken over TLS.
    pub certificates: Option<tls::Certificates>,
    /// Where pushes and the SQL backup run: away from the threads that Raft's heartbeats need.
    pub background: tokio::runtime::Handle,
}

/// What a node is started with, and what stays while its parts are replaced.
pub(crate) struct Core {
    pub options: Options,
    pub ground: Ground,
    pub hub: Arc<Hub>,
    pub board: Arc<PulseBoard>,
    pub history: Arc<History>,
    pub instance: Instance,
    pub fault: watch::Sender<Option<Arc<Fault>>>,
    pub stopping: CancellationToken,
}
