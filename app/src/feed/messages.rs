//! What comes over a connection, one message after the other, until it ends.

use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use wasm_bindgen::closure::Closure;
use web_sys::Event;

/// The subprotocol of binary frames.
pub const PROTOCOL: &str = "quorate.v1.postcard";
/// How many messages are taken before the page is drawn again.
const MOST_AT_ONCE: usize = 256;

/// Where a connection puts its messages; None is its end.
pub type Sender = UnboundedSender<Option<Vec<u8>>>;

/// The messages of a connection.
pub struct Messages(UnboundedReceiver<Option<Vec<u8>>>);

/// Unbounded here, bounded by the node: it drops a reader that falls behind, with `gone`.
pub fn channel() -> (Sender, Messages) {
    let (sender, messages) = unbounded();
    (sender, Messages(messages))
}

/// Notes the end of a connection.
pub fn on_end(sender: Sender) -> Closure<dyn FnMut(Event)> {
    Closure::new(move |_: Event| {
        let _reader_gone = sender.unbounded_send(None);
    })
}

impl Messages {
    /// The next message and all that came with it; none when the connection is closed.
    pub async fn next(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut batch = vec![self.0.next().await??];
        while batch.len() < MOST_AT_ONCE
            && let Ok(Some(more)) = self.0.try_recv()
        {
            batch.push(more);
        }
        Some(batch)
    }
}
