//! The feed as an event stream, whose frames are awaited: the second way, where WebSockets do not get through.

use super::messages::{self, Messages, Sender};
use crate::boot::base64;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Event, EventSource, MessageEvent};

/// What events are called, which is what the frames are.
const NAMES: [&str; 6] = ["hello", "commit", "progress", "gone", "pulse", "fault"];

/// An open or opening stream; closed when dropped.
pub struct Stream {
    source: EventSource,
    messages: Messages,
    on_event: Closure<dyn FnMut(MessageEvent)>,
    _on_end: Closure<dyn FnMut(Event)>,
}

impl Stream {
    /// Opens the feed of the node that served the page.
    pub fn open(path: &str) -> Option<Stream> {
        // What a WebSocket names in its handshake.
        let source = EventSource::new(&format!("{path}&subprotocol={}", messages::PROTOCOL)).ok()?;
        let (sender, messages) = messages::channel();
        let on_event = Closure::new(on_event(sender.clone()));
        let on_end = messages::on_end(sender);
        for name in NAMES {
            source.add_event_listener_with_callback(name, on_event.as_ref().unchecked_ref()).ok()?;
        }
        // It would try again by itself; when and where from is decided here.
        source.set_onerror(Some(on_end.as_ref().unchecked_ref()));
        Some(Stream { source, messages, on_event, _on_end: on_end })
    }

    /// The next message and all that came with it; none when the stream has ended.
    pub async fn next(&mut self) -> Option<Vec<Vec<u8>>> {
        self.messages.next().await
    }
}

fn on_event(sender: Sender) -> impl FnMut(MessageEvent) {
    move |event| {
        let bytes = event.data().as_string().and_then(|text| base64::decode(&text));
        let _reader_gone = sender.unbounded_send(bytes);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.source.close();
        self.source.set_onerror(None);
        for name in NAMES {
            let _never_added = self.source.remove_event_listener_with_callback(name, self.on_event.as_ref().unchecked_ref());
        }
    }
}
