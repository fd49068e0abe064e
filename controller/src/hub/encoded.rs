//! A frame with its encodings, each made once, by whoever needs it first: the same bytes go to every reader.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use metadata::Index;
use metadata::envelope::EnvelopeError;
use metadata::frame::Frame;
use metadata::json;
use std::sync::OnceLock;

/// A frame with its encodings.
#[derive(Debug)]
pub struct Encoded {
    frame: Frame,
    binary: OnceLock<Bytes>,
    json: OnceLock<Bytes>,
    binary_event: OnceLock<Bytes>,
    json_event: OnceLock<Bytes>,
}

impl Encoded {
    /// A frame that is not encoded yet.
    pub fn new(frame: Frame) -> Self {
        let [binary, json, binary_event, json_event] = Default::default();
        Encoded { frame, binary, json, binary_event, json_event }
    }

    /// A frame that was kept in its binary form.
    ///
    /// # Errors
    /// When these bytes are none.
    pub fn kept(bytes: Vec<u8>) -> Result<Self, EnvelopeError> {
        let encoded = Encoded::new(Frame::decode(&bytes)?);
        Ok(Encoded { binary: OnceLock::from(Bytes::from(bytes)), ..encoded })
    }

    /// The frame in the binary subprotocol.
    pub fn binary(&self) -> Bytes {
        // Encoding into memory cannot fail for these types; an empty frame would be refused by its reader.
        self.binary.get_or_init(|| self.frame.encode().unwrap_or_default().into()).clone()
    }

    /// The frame in the JSON subprotocol.
    pub fn json(&self) -> Bytes {
        self.json.get_or_init(|| serde_json::to_vec(&json::frame(&self.frame)).unwrap_or_default().into()).clone()
    }

    /// The frame as a server-sent event, its data in JSON.
    pub fn json_event(&self) -> Bytes {
        self.json_event.get_or_init(|| event(&self.frame, &self.json())).clone()
    }

    /// The frame as a server-sent event, its data the binary form in base64, as events are text.
    pub fn binary_event(&self) -> Bytes {
        self.binary_event.get_or_init(|| event(&self.frame, STANDARD.encode(self.binary()).as_bytes())).clone()
    }
}

/// One event in the format of the HTML standard, section 9.2.6. JSON as it is written here has no line breaks.
fn event(frame: &Frame, data: &[u8]) -> Bytes {
    let position = position(frame).map(|index| format!("id: {index}\n")).unwrap_or_default();
    let head = format!("event: {}\n{position}data: ", frame.name());
    [head.as_bytes(), data, b"\n\n"].concat().into()
}

/// Up to where a reader has everything once it has this frame: from there it resumes. Of `hello` it is none, as what is
/// between the reader's position and the node's comes after it.
fn position(frame: &Frame) -> Option<Index> {
    match frame {
        Frame::Commit(commit) => Some(commit.index),
        Frame::Progress { index, .. } => Some(*index),
        Frame::Hello { .. } | Frame::Gone { .. } | Frame::Pulse(_) | Frame::Fault { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_frames_name_and_the_position_to_resume_from() {
        let text = |frame| String::from_utf8_lossy(&Encoded::new(frame).json_event()).into_owned();
        let progress = text(Frame::Progress { index: 7, quorum_age_ms: 3 });
        assert_eq!(progress, "event: progress\nid: 7\ndata: {\"type\":\"progress\",\"index\":7,\"quorum_age_ms\":3}\n\n");
        let gone = text(Frame::Gone { oldest: 9 });
        assert_eq!(gone, "event: gone\ndata: {\"type\":\"gone\",\"oldest\":9}\n\n");
        // Whatever it holds, an event ends at its blank line and not before.
        let fault = text(Frame::Fault { detail: Some("one\n\ndata: two\r\n".to_owned()) });
        assert_eq!(fault.matches('\n').count(), 3, "{fault:?}");
    }

    #[test]
    fn a_binary_event_holds_the_binary_form() -> anyhow::Result<()> {
        let frame = Frame::Progress { index: 7, quorum_age_ms: 3 };
        let encoded = Encoded::new(frame.clone());
        let text = String::from_utf8(encoded.binary_event().to_vec())?;
        let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_default();
        assert_eq!(Frame::decode(&STANDARD.decode(data)?)?, frame);
        Ok(())
    }
}
