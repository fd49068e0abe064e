//! A network of links: late, slow, cut one way or both, with connections that are reset and bytes that come twice.
//!
//! As with TCP, what is on its way over a cut link is not lost: it comes when the link is whole again, if the connection still is.
//! What an earlier connection carried can come again as another one, long after everybody went on.

mod stream;

use super::chance::Lot;
use super::time::Time;
use controller::Controller;
use controller::net::{Dialled, Transport};
use futures::future::BoxFuture;
use metadata::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use stream::{End, Pipe};

/// How long bytes take from one machine to another, in ms: at least, and at most.
const LATENCY: (u64, u64) = (1, 4);
/// While a link is cut, a connection over it is tried this often, in ms.
const TRY_AGAIN: u64 = 10;
/// Connections whose bytes are kept to come again, and how many bytes of each.
const MOST_TAPES: usize = 32;
const LONGEST_TAPE: usize = 64 << 10;
/// How long somebody stays connected who only says again what was said, in ms.
const GHOST_STAYS: u64 = 1_000;

/// The address of a controller.
pub fn url(id: NodeId) -> String {
    format!("http://node-{id}")
}

/// Both directions between two machines, from one of them to the other.
type Way = (NodeId, NodeId);

#[derive(Default)]
struct Wires {
    /// Who can be connected to.
    up: BTreeSet<NodeId>,
    cut: BTreeSet<Way>,
    /// Added to each latency, in ms.
    slow: BTreeMap<Way, u64>,
    pipes: BTreeMap<u64, Pipe>,
    next: u64,
    /// Connections that nobody serves yet, and by whom each is to be served.
    arrivals: Vec<(NodeId, End)>,
    tapes: Vec<(Way, Vec<u8>)>,
    taping: bool,
    ghosts: Vec<(u64, End)>,
}

/// The network of a run. Clones share it.
#[derive(Clone)]
pub struct Network {
    time: Time,
    lot: Lot,
    wires: Arc<Mutex<Wires>>,
}

impl Network {
    pub fn new(time: Time, lot: Lot) -> Self {
        Network { time, lot, wires: Arc::default() }
    }

    fn wires(&self) -> MutexGuard<'_, Wires> {
        self.wires.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A machine's way into the network.
    pub fn transport(&self, of: NodeId) -> Arc<dyn Transport> {
        Arc::new(Socket { of, network: self.clone() })
    }

    /// From now on what connections carry may come again.
    pub fn tape(&self) {
        self.wires().taping = true;
    }

    pub fn goes_up(&self, id: NodeId) {
        self.wires().up.insert(id);
    }

    /// Nothing listens there any more. After a power cut, unlike a crash, nobody tells the others that their connections ended.
    pub fn goes_down(&self, id: NodeId, silently: bool) {
        let mut wires = self.wires();
        wires.up.remove(&id);
        for pipe in wires.pipes.values_mut().filter(|pipe| pipe.way.0 == id || pipe.way.1 == id) {
            pipe.silent = silently;
        }
    }

    /// A machine that is back knows nothing of the connections that it had.
    pub fn forgets(&self, id: NodeId) {
        let mut wires = self.wires();
        wires.pipes.values_mut().filter(|pipe| pipe.silent && (pipe.way.0 == id || pipe.way.1 == id)).for_each(Pipe::reset);
    }

    pub fn cut(&self, from: NodeId, to: NodeId) {
        self.wires().cut.insert((from, to));
    }

    pub fn slow_down(&self, from: NodeId, to: NodeId, by_ms: u64) {
        self.wires().slow.insert((from, to), by_ms);
    }

    /// Every link between these is whole and as fast as it should be.
    pub fn heal(&self) {
        let mut wires = self.wires();
        wires.cut.clear();
        wires.slow.clear();
    }

    /// Resets the connections between two machines; what is on its way still comes.
    pub fn reset(&self, from: NodeId, to: NodeId) {
        self.wires().pipes.values_mut().filter(|pipe| pipe.way == (from, to)).for_each(Pipe::reset);
    }

    /// What an earlier connection carried comes again, as a connection of its own.
    pub fn say_again(&self) {
        let tape = {
            let wires = self.wires();
            self.lot.pick(&wires.tapes)
        };
        if let Some((way, bytes)) = tape {
            let end = self.open(way, Some(bytes));
            self.wires().ghosts.push((self.time.now() + GHOST_STAYS, end));
        }
    }

    fn is_cut(wires: &Wires, way: Way) -> bool {
        wires.cut.contains(&way)
    }

    /// When bytes that leave now arrive.
    fn due(&self, wires: &Wires, way: Way) -> u64 {
        self.time.now() + self.lot.between(LATENCY.0..=LATENCY.1) + wires.slow.get(&way).copied().unwrap_or(0)
    }

    /// A new connection's near end; the far one is served when it arrives.
    fn open(&self, way: Way, says: Option<Vec<u8>>) -> End {
        let taped = says.is_none() && self.lot.one_in(8);
        let mut wires = self.wires();
        wires.next += 1;
        let number = wires.next;
        let mut pipe = Pipe::new(way);
        if wires.taping && taped && wires.tapes.len() < MOST_TAPES {
            pipe.tape = Some(Vec::new());
        }
        if let Some(bytes) = says {
            let due = self.due(&wires, way);
            pipe.there.send(due, bytes);
        }
        wires.pipes.insert(number, pipe);
        wires.arrivals.push((way.1, End { network: self.clone(), number, near: false }));
        End { network: self.clone(), number, near: true }
    }

    /// Wakes who has something to read by now, and hands new connections to those whom they are for.
    pub fn step<'a>(&self, controller: impl Fn(NodeId) -> Option<&'a Controller>) {
        let now = self.time.now();
        let (arrivals, gone) = {
            let mut wires = self.wires();
            let Wires { pipes, cut, tapes, .. } = &mut *wires;
            pipes.values_mut().for_each(|pipe| pipe.wake(now, cut));
            pipes.retain(|_, pipe| {
                let ended = pipe.ended();
                if let Some(tape) = pipe.tape.take_if(|_| ended)
                    && tapes.len() < MOST_TAPES
                {
                    tapes.push((pipe.way, tape));
                }
                !ended
            });
            let stays = wires.ghosts.iter().position(|(until, _)| *until > now).unwrap_or(wires.ghosts.len());
            (std::mem::take(&mut wires.arrivals), wires.ghosts.drain(..stays).collect::<Vec<_>>())
        };
        // Not under the lock: an end that goes takes it.
        drop(gone);
        for (to, end) in arrivals {
            if let Some(controller) = controller(to) {
                drop(controller.serve_peer(end, None));
            }
        }
    }
}

/// A machine's way into the network.
struct Socket {
    of: NodeId,
    network: Network,
}

impl Transport for Socket {
    fn connect(&self, to: &str) -> BoxFuture<'static, io::Result<Dialled>> {
        let (network, of) = (self.network.clone(), self.of);
        let to = to.strip_prefix("http://node-").and_then(|id| id.parse::<NodeId>().ok());
        Box::pin(async move {
            let to = to.ok_or(io::ErrorKind::AddrNotAvailable)?;
            let takes = network.due(&network.wires(), (of, to)) - network.time.now();
            tokio::time::sleep(Duration::from_millis(takes)).await;
            let blocked = || {
                let wires = network.wires();
                Network::is_cut(&wires, (of, to)) || Network::is_cut(&wires, (to, of))
            };
            while blocked() {
                tokio::time::sleep(Duration::from_millis(TRY_AGAIN)).await;
            }
            if !network.wires().up.contains(&to) {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            Ok(Dialled::plain(network.open((of, to), None)))
        })
    }
}
