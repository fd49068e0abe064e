//! A line: what happened, how often, and what binds it to the line before.

use crate::event::{Event, Kind};
use crate::hash::{DIGITS, Hash};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Bytes of a line without its end. What this crate writes is shorter: five fields of which each character may take six bytes.
pub const LONGEST_LINE: usize = 16 << 10;

/// The last `seq`: any program that reads JSON knows a number up to it exactly.
pub(crate) const LAST_SEQ: u64 = (1 << 53) - 1;

const BEFORE: &[u8] = b",\"hash\":\"";
const BEHIND: &[u8] = b"\"}";
/// Bytes of a line from the comma before its hash on.
const TAIL: usize = BEFORE.len() + DIGITS + BEHIND.len();

/// A line as it is read. The order of the fields is the one in which they are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// From 1 on, without a gap.
    pub seq: u64,
    /// When it happened, or happened last: milliseconds since the epoch, by the node's clock.
    pub at_ms: u64,
    /// The node that noted it.
    pub node: u64,
    pub kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    pub what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How often: these are beside what earlier lines say of the same.
    pub times: u64,
    /// When the first of these happened, where one line stands for several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_at_ms: Option<u64>,
    /// The hash of the line before.
    pub prev: Hash,
    pub hash: Hash,
}

/// What a line is going to say.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub event: Event,
    pub at_ms: u64,
    pub times: u64,
    pub first_at_ms: Option<u64>,
}

impl Draft {
    pub fn once(event: Event, at_ms: u64) -> Self {
        Draft { event, at_ms, times: 1, first_at_ms: None }
    }

    /// The line, with its end, and its hash.
    pub fn line(&self, node: u64, seq: u64, prev: Hash) -> serde_json::Result<(Vec<u8>, Hash)> {
        let Event { kind, principal, credential, address, what, code, detail } = self.event.clone();
        let Draft { at_ms, times, first_at_ms, .. } = *self;
        let hash = Hash::default();
        let record = Record { seq, at_ms, node, kind, principal, credential, address, what, code, detail, times, first_at_ms, prev, hash };
        let mut line = serde_json::to_vec(&record)?;
        line.truncate(line.len().saturating_sub(TAIL));
        let hash = of(&line, prev);
        line.extend_from_slice(BEFORE);
        line.extend_from_slice(hash.to_string().as_bytes());
        line.extend_from_slice(BEHIND);
        line.push(b'\n');
        Ok((line, hash))
    }
}

/// The hash of a line that says this before the comma of its hash.
pub(crate) fn of(body: &[u8], prev: Hash) -> Hash {
    Hash::behind(prev, &[body, b"}"])
}

/// What a line says before the comma of its hash, and the hash.
pub(crate) fn parted(line: &[u8]) -> Option<(&[u8], Hash)> {
    let (body, tail) = line.split_at_checked(line.len().checked_sub(TAIL)?)?;
    let hash = tail.strip_prefix(BEFORE)?.strip_suffix(BEHIND)?;
    Some((body, Hash::read(hash)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LONGEST_FIELD;

    #[test]
    fn the_longest_event_is_a_line_within_its_bound_and_is_read_as_it_was() -> anyhow::Result<()> {
        for hostile in ['\u{1}', '\u{1f980}', '"', '\n', '\u{2028}', '\u{7f}'] {
            let text: String = std::iter::repeat_n(hostile, 10 * LONGEST_FIELD).collect();
            let some = Some(text.clone());
            let event = Event {
                kind: Kind::PasswordChanged,
                principal: some.clone(),
                credential: some.clone(),
                address: Some("2001:db8:1111:2222:3333:4444:5555:6666".parse()?),
                what: text,
                code: some.clone(),
                detail: some,
            };
            let draft = Draft { event: event.clipped(), at_ms: u64::MAX, times: u64::MAX, first_at_ms: Some(u64::MAX) };
            let (line, hash) = draft.line(u64::MAX, LAST_SEQ, Hash::default())?;
            assert!(line.len() <= LONGEST_LINE, "{hostile:?}: {}", line.len());
            assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1), "{hostile:?} ends a line");
            assert!(!line[..line.len() - 1].iter().any(|byte| byte.is_ascii_control() && *byte != 0x7f), "{hostile:?}");
            let record: Record = serde_json::from_slice(&line)?;
            assert_eq!((record.hash, Some(record.what), record.times), (hash, draft.event.principal, u64::MAX), "{hostile:?}");
        }
        Ok(())
    }

    #[test]
    fn a_line_is_in_the_form_that_the_documents_define() -> anyhow::Result<()> {
        let event = Event {
            principal: Some("eve".to_owned()),
            address: Some("10.0.0.9".parse()?),
            ..Event::own(Kind::SignInRefused, "sign in", None)
        };
        let (line, hash) = Draft::once(event, 5).line(2, 1, Hash::default())?;
        let zeros = Hash::default();
        let body = format!(
            r#"{{"seq":1,"at_ms":5,"node":2,"kind":"sign_in_refused","principal":"eve","address":"10.0.0.9","what":"sign in","times":1,"prev":"{zeros}""#
        );
        assert_eq!(String::from_utf8(line)?, format!("{body},\"hash\":\"{hash}\"}}\n"));
        let mut bytes = vec![0; 32];
        bytes.extend_from_slice(format!("{body}}}").as_bytes());
        let by_hand: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(&bytes).into();
        assert_eq!(hash.to_string(), by_hand.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        Ok(())
    }
}
