//! What a reader of the feed says. It has nothing to say, so data is passed over; pings and the end are answered.

use axum::body::Bytes;
use std::io::Cursor;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, OpCode};

/// Nothing that a reader says is longer, in bytes.
const LONGEST: u64 = 4_096;
/// RFC 6455, section 5.5.
const LONGEST_CONTROL: u64 = 125;

/// What came, of that which matters.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// To be answered with the same payload.
    Ping(Bytes),
    /// The reader leaves, for this reason if it gives one; to be answered with it.
    Close(Bytes),
}

/// Frames, as they come together from what is read.
#[derive(Default)]
pub struct Incoming {
    /// What was read and not taken yet; never more than the longest frame and one read.
    pending: Vec<u8>,
    /// Where the next frame begins in it.
    taken: usize,
}

impl Incoming {
    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.drain(..std::mem::take(&mut self.taken));
        self.pending.extend_from_slice(bytes);
    }

    /// The next thing that matters; none before more is read.
    ///
    /// # Errors
    /// Why the connection has to be closed: a frame that is too long, or none of a client.
    pub fn next(&mut self) -> Result<Option<Said>, CloseCode> {
        loop {
            let mut cursor = Cursor::new(&self.pending[self.taken..]);
            let Some((header, length)) = FrameHeader::parse(&mut cursor).map_err(|_| CloseCode::Protocol)? else { return Ok(None) };
            let Some(mask) = header.mask.filter(|_| !(header.rsv1 || header.rsv2 || header.rsv3)) else { return Err(CloseCode::Protocol) };
            let control = matches!(header.opcode, OpCode::Control(_));
            if control && (length > LONGEST_CONTROL || !header.is_final) {
                return Err(CloseCode::Protocol);
            }
            if length > LONGEST {
                return Err(CloseCode::Size);
            }
            let start = self.taken + cursor.position() as usize;
            let end = start + length as usize;
            let Some(masked) = self.pending.get(start..end) else { return Ok(None) };
            self.taken = end;
            let said: fn(Bytes) -> Said = match header.opcode {
                OpCode::Control(Control::Ping) => Said::Ping,
                OpCode::Control(Control::Close) => Said::Close,
                _ => continue,
            };
            return Ok(Some(said(masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut bytes = vec![first, 0x80 | payload.len() as u8];
        bytes.extend(mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    #[test]
    fn what_a_reader_says_is_taken_apart() {
        type Case = (&'static str, Vec<u8>, Result<Option<Said>, CloseCode>);
        let cases: [Case; 11] = [
            ("nothing", vec![], Ok(None)),
            ("a ping", frame(0x89, b"are you there"), Ok(Some(Said::Ping(Bytes::from_static(b"are you there"))))),
            ("a farewell", frame(0x88, &[3, 232]), Ok(Some(Said::Close(Bytes::from_static(&[3, 232]))))),
            ("a pong", frame(0x8a, b"x"), Ok(None)),
            ("text", frame(0x81, b"hello"), Ok(None)),
            ("text, then a ping", [frame(0x81, b"hello"), frame(0x89, b"")].concat(), Ok(Some(Said::Ping(Bytes::new())))),
            ("no mask", vec![0x89, 0], Err(CloseCode::Protocol)),
            ("a reserved bit", frame(0xc9, b""), Err(CloseCode::Protocol)),
            ("a reserved code", frame(0x8b, b""), Err(CloseCode::Protocol)),
            ("a ping in parts", frame(0x09, b""), Err(CloseCode::Protocol)),
            ("too long", vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0x10, 1, 1, 2, 3, 4], Err(CloseCode::Size)),
        ];
        for (what, bytes, expected) in cases {
            let mut whole = Incoming::default();
            whole.push(&bytes);
            assert_eq!(whole.next(), expected, "{what}");
            let mut dripping = Incoming::default();
            let mut heard = Ok(None);
            for byte in bytes {
                dripping.push(&[byte]);
                heard = dripping.next();
                if heard != Ok(None) {
                    break;
                }
            }
            assert_eq!(heard, expected, "{what}, byte by byte");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(reads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 0..20)) {
            let mut incoming = Incoming::default();
            for read in reads {
                incoming.push(&read);
                while let Ok(Some(_)) = incoming.next() {}
                if incoming.next().is_err() {
                    break;
                }
                // A frame that is not whole, and no more.
                prop_assert!((incoming.pending.len() - incoming.taken) as u64 <= LONGEST + 14);
            }
        }
    }
}
