//! The feed as a WebSocket, whose messages are awaited.

use super::messages::{self, Messages, PROTOCOL};
use js_sys::{ArrayBuffer, Uint8Array};
use leptos::prelude::window;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{BinaryType, Event, MessageEvent, WebSocket};

/// An open or opening socket; closed when dropped.
pub struct Socket {
    socket: WebSocket,
    messages: Messages,
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
        let (sender, messages) = messages::channel();
        let on_end = messages::on_end(sender.clone());
        let on_message = Closure::new(move |event: MessageEvent| {
            if let Ok(buffer) = event.data().dyn_into::<ArrayBuffer>() {
                let _reader_gone = sender.unbounded_send(Some(Uint8Array::new(&buffer).to_vec()));
            }
        });
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_end.as_ref().unchecked_ref()));
        socket.set_onerror(Some(on_end.as_ref().unchecked_ref()));
        Some(Socket { socket, messages, _on_message: on_message, _on_end: on_end })
    }

    /// The next message and all that came with it; none when the socket is closed.
    pub async fn next(&mut self) -> Option<Vec<Vec<u8>>> {
        self.messages.next().await
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        self.socket.set_onerror(None);
        let _closed_already = self.socket.close();
    }
}
