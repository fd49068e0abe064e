//! A WebSocket whose messages are awaited.

use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use js_sys::{ArrayBuffer, Uint8Array};
use leptos::prelude::window;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{BinaryType, Event, MessageEvent, WebSocket};

/// The subprotocol of binary frames.
const PROTOCOL: &str = "quorate.v1.postcard";

/// An open or opening socket; closed when dropped.
pub struct Socket {
    socket: WebSocket,
    messages: UnboundedReceiver<Option<Vec<u8>>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_end: Closure<dyn FnMut(Event)>,
}

impl Socket {
    /// Opens the feed of the node that served the page.
    pub fn open(path: &str) -> Option<Socket> {
        let location = window().location();
        let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
        let socket = WebSocket::new_with_str(&format!("{scheme}://{}{path}", location.host().ok()?), PROTOCOL).ok()?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        // Unbounded here, bounded by the node: it drops a reader that falls behind, with `gone`.
        let (sender, messages) = unbounded();
        let end = sender.clone();
        let on_message = Closure::new(move |event: MessageEvent| {
            if let Ok(buffer) = event.data().dyn_into::<ArrayBuffer>() {
                let _reader_gone = sender.unbounded_send(Some(Uint8Array::new(&buffer).to_vec()));
            }
        });
        let on_end = Closure::new(move |_: Event| {
            let _reader_gone = end.unbounded_send(None);
        });
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_end.as_ref().unchecked_ref()));
        socket.set_onerror(Some(on_end.as_ref().unchecked_ref()));
        Some(Socket { socket, messages, _on_message: on_message, _on_end: on_end })
    }

    /// The next message and all that came with it; none when the socket is closed.
    pub async fn next(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut batch = vec![self.messages.next().await??];
        while batch.len() < MOST_AT_ONCE
            && let Ok(Some(more)) = self.messages.try_recv()
        {
            batch.push(more);
        }
        Some(batch)
    }
}

/// How many messages are taken before the page is drawn again.
const MOST_AT_ONCE: usize = 256;

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        self.socket.set_onerror(None);
        let _closed_already = self.socket.close();
    }
}
