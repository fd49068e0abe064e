//! The feed as server-sent events (HTML standard, section 9.2), for those whose proxy refuses WebSockets: the same frames,
//! guarantees and bounds.

use crate::http::problem::Refused;
use crate::http::query::Query;
use acceptor::Place;
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures::stream;
use http::request::Parts;
use http::{HeaderMap, header};
use metadata::{Code, Index, Rejection};
use std::convert::Infallible;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The query parameter that names what a WebSocket names in its handshake.
pub const SUBPROTOCOL: &str = "subprotocol";

const LAST_EVENT_ID: &str = "last-event-id";
/// Pieces that wait for the connection; their bytes are shared with all other readers.
const MOST_WAITING: usize = 16;
/// Bytes of a piece: a reader is slow or stuck by how long it takes for one, and not for an event that holds a large commit.
const PIECE: usize = 64 * 1_024;
/// A reader that takes nothing for this long is let go.
const STUCK: Duration = Duration::from_secs(10);
/// How long a browser that lost the stream waits before it asks again.
const RETRY: &str = "retry: 1000\n\n";

/// An event stream is asked for.
pub struct Asked {
    /// After which event the reader resumes.
    pub last_event: Option<Index>,
}

impl Asked {
    /// None when the request asks for something else.
    ///
    /// # Errors
    /// INVALID_REQUEST for a Last-Event-ID that is none of this feed's.
    pub fn of(parts: &Parts) -> Result<Option<Self>, Refused> {
        if !wants_events(&parts.headers) {
            return Ok(None);
        }
        let Some(value) = parts.headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else {
            return Ok(Some(Asked { last_event: None }));
        };
        match value.to_str().ok().and_then(|text| text.parse().ok()) {
            Some(index) => Ok(Some(Asked { last_event: Some(index) })),
            None => {
                let given = String::from_utf8_lossy(value.as_bytes()).into_owned();
                let no = Rejection::new(Code::InvalidRequest, "Last-Event-ID is no position of this feed");
                Err(no.at("Last-Event-ID", given, "an index").into())
            }
        }
    }
}

fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    accepted.filter_map(|range| range.split(';').next()).any(|range| range.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// Whether the frames are asked for in their binary form.
///
/// # Errors
/// INVALID_REQUEST for a subprotocol that there is not, or that a WebSocket has to name in its handshake.
pub fn subprotocol(query: &Query, websocket: bool) -> Result<bool, Refused> {
    if let Some(name) = query.text(SUBPROTOCOL).filter(|_| websocket) {
        let no = Rejection::new(Code::InvalidRequest, "A WebSocket names its subprotocol in the handshake");
        return Err(no.at(SUBPROTOCOL, name, "the header Sec-WebSocket-Protocol").into());
    }
    let binary = query.check(SUBPROTOCOL, "quorate.v1.json, quorate.v1.postcard", |name| match name {
        "quorate.v1.json" => Some(false),
        "quorate.v1.postcard" => Some(true),
        _ => None,
    })?;
    Ok(binary.unwrap_or(false))
}

/// One reader's connection.
pub struct Stream {
    events: mpsc::Sender<Bytes>,
    place: Place,
    binary: bool,
}

/// An open stream and its answer.
pub fn opened(binary: bool, place: Place) -> (Stream, Response) {
    let (events, waiting) = mpsc::channel(MOST_WAITING);
    let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(RETRY.as_bytes()))]);
    let rest = stream::unfold(waiting, async |mut waiting| waiting.recv().await.map(|event| (Ok(event), waiting)));
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        // Whatever stands between must not wait for more before it passes an event on.
        (header::CACHE_CONTROL.as_str(), "no-store, no-transform"),
        ("x-accel-buffering", "no"),
    ];
    let body = Body::from_stream(futures::StreamExt::chain(first, rest));
    (Stream { events, place, binary }, (headers, body).into_response())
}

fn pieces(event: Bytes) -> impl Iterator<Item = Bytes> {
    (0..event.len()).step_by(PIECE).map(move |from| event.slice(from..event.len().min(from + PIECE)))
}

impl Stream {
    /// Whether events hold frames in their binary form.
    pub fn binary(&self) -> bool {
        self.binary
    }

    /// Sends these events.
    ///
    /// # Errors
    /// When the reader is gone, or takes nothing for ten seconds; its connection is cut then.
    pub async fn send(&self, events: Vec<Bytes>) -> io::Result<()> {
        for piece in events.into_iter().flat_map(pieces) {
            match timeout(STUCK, self.events.send(piece)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
                Err(_) => {
                    self.place.cut();
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
        }
        Ok(())
    }

    /// Waits until the reader left, or the node stops.
    pub async fn left(&self) {
        tokio::select! {
            () = self.events.closed() => {}
            () = self.place.left() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn asked(headers: &[(&str, &str)]) -> Result<Option<Option<Index>>, String> {
        let request = headers.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
        let (parts, ()) = request.body(()).expect("headers are valid").into_parts();
        Asked::of(&parts).map(|asked| asked.map(|asked| asked.last_event)).map_err(|Refused(refusal)| refusal.to_string())
    }

    #[test]
    fn a_large_event_goes_in_pieces() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5] {
            let event: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let pieces: Vec<Bytes> = pieces(Bytes::from(event.clone())).collect();
            assert!(pieces.concat() == event && pieces.iter().all(|piece| (1..=PIECE).contains(&piece.len())), "{length} bytes");
        }
    }

    #[test]
    fn an_event_stream_is_asked_for_by_its_type() {
        type Case = (&'static [(&'static str, &'static str)], Option<Option<Index>>);
        let cases: [Case; 7] = [
            (&[], None),
            (&[("accept", "application/json")], None),
            (&[("accept", "text/event-stream")], Some(None)),
            (&[("accept", "text/html, Text/Event-Stream;q=0.9")], Some(None)),
            (&[("accept", "text/event-stream"), ("last-event-id", "12")], Some(Some(12))),
            (&[("accept", "text/event-stream"), ("last-event-id", "")], Some(None)),
            (&[("last-event-id", "12")], None),
        ];
        for (headers, expected) in cases {
            assert_eq!(asked(headers), Ok(expected), "{headers:?}");
        }
        let no = asked(&[("accept", "text/event-stream"), ("last-event-id", "-1")]).err().unwrap_or_default();
        assert!(no.contains("Last-Event-ID"), "{no}");
    }
}
