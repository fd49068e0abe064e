//! One connection: two streams of bytes, each of which arrives in its order, when its link lets it.

use super::{LONGEST_TAPE, Network, Way};
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes on their way in one direction, at most.
const MOST_ON_THE_WAY: usize = 1 << 20;

/// Bytes in one direction.
#[derive(Default)]
pub(super) struct Stream {
    /// When each part arrives, in order.
    parts: VecDeque<(u64, Vec<u8>)>,
    bytes: usize,
    /// When the end of the stream arrives.
    end: Option<u64>,
    last_due: u64,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Stream {
    pub fn send(&mut self, due: u64, bytes: Vec<u8>) {
        // In order: nothing overtakes what was sent before.
        self.last_due = self.last_due.max(due);
        self.bytes += bytes.len();
        self.parts.push_back((self.last_due, bytes));
    }

    fn close(&mut self, due: u64) {
        self.last_due = self.last_due.max(due);
        self.end.get_or_insert(self.last_due);
    }

    fn readable(&self, now: u64) -> bool {
        self.parts.front().map(|part| part.0).or(self.end).is_some_and(|due| due <= now)
    }

    fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }
}

/// One connection.
pub(super) struct Pipe {
    /// From who connected to who was connected to.
    pub way: Way,
    pub there: Stream,
    back: Stream,
    /// The near end was reset.
    reset: bool,
    /// Which ends are gone: the near one, the far one.
    gone: (bool, bool),
    /// The power is off at one end: nobody tells the other.
    pub silent: bool,
    /// What went there, to come again.
    pub tape: Option<Vec<u8>>,
}

impl Pipe {
    pub fn new(way: Way) -> Self {
        Pipe { way, there: Stream::default(), back: Stream::default(), reset: false, gone: (false, false), silent: false, tape: None }
    }

    /// The near end fails at once; the far one reads what is on its way, and then that it ended.
    pub fn reset(&mut self) {
        self.reset = true;
        self.back.wake();
        self.there.close(0);
        self.there.wake();
    }

    pub fn wake(&mut self, now: u64, cut: &BTreeSet<Way>) {
        let back = (self.way.1, self.way.0);
        for (stream, way) in [(&mut self.there, self.way), (&mut self.back, back)] {
            if stream.readable(now) && !cut.contains(&way) {
                stream.wake();
            }
        }
    }

    /// What an end reads.
    fn read_by(&mut self, near: bool) -> &mut Stream {
        if near { &mut self.back } else { &mut self.there }
    }

    /// What an end writes.
    fn written_by(&mut self, near: bool) -> &mut Stream {
        self.read_by(!near)
    }

    pub fn ended(&self) -> bool {
        self.gone == (true, true)
    }
}

/// One end of a connection.
pub(super) struct End {
    pub network: Network,
    pub number: u64,
    /// The end of who connected.
    pub near: bool,
}

/// The way that bytes of an end go.
fn from(near: bool, (one, other): Way) -> Way {
    if near { (one, other) } else { (other, one) }
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut wires = self.network.wires();
        let now = self.network.time.now();
        let Some(way) = wires.pipes.get(&self.number).map(|pipe| pipe.way) else { return Poll::Ready(Ok(())) };
        let cut = Network::is_cut(&wires, from(!self.near, way));
        let Some(pipe) = wires.pipes.get_mut(&self.number) else { return Poll::Ready(Ok(())) };
        if self.near && pipe.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let stream = pipe.read_by(self.near);
        if cut || !stream.readable(now) {
            stream.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let Some((_, part)) = stream.parts.front_mut() else { return Poll::Ready(Ok(())) };
        let taken = part.len().min(into.remaining());
        into.put_slice(&part[..taken]);
        part.drain(..taken);
        if part.is_empty() {
            stream.parts.pop_front();
        }
        stream.bytes -= taken;
        stream.writer.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut wires = self.network.wires();
        let gone = || Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        let Some(way) = wires.pipes.get(&self.number).map(|pipe| pipe.way) else { return gone() };
        let due = self.network.due(&wires, from(self.near, way));
        let Some(pipe) = wires.pipes.get_mut(&self.number) else { return gone() };
        let other_gone = if self.near { pipe.reset || pipe.gone.1 } else { pipe.gone.0 };
        if other_gone && !pipe.silent {
            return gone();
        }
        if self.near
            && let Some(tape) = pipe.tape.as_mut().filter(|tape| tape.len() + bytes.len() <= LONGEST_TAPE)
        {
            tape.extend_from_slice(bytes);
        }
        let stream = pipe.written_by(self.near);
        if stream.bytes >= MOST_ON_THE_WAY {
            stream.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        stream.send(due, bytes.to_vec());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut wires = self.network.wires();
        let Some(way) = wires.pipes.get(&self.number).map(|pipe| pipe.way) else { return };
        let due = self.network.due(&wires, from(self.near, way));
        let Some(pipe) = wires.pipes.get_mut(&self.number) else { return };
        *(if self.near { &mut pipe.gone.0 } else { &mut pipe.gone.1 }) = true;
        if !pipe.silent {
            pipe.written_by(self.near).close(due);
        }
        // A writer that waits for room hears at once that nobody reads.
        pipe.read_by(self.near).wake();
    }
}
