//! The cheapest HTTP/1.1 client that will do: one kept-alive connection, requests as bytes, of an answer only status and length are read.

use crate::wire::{self, Wire};
use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// No node answers with a longer head.
const LONGEST_HEAD: usize = 16 * 1_024;
/// What a numbered name ends with; of one width, so that a request's length never changes.
const DIGITS: usize = 9;

/// An answer; the body is borrowed from the connection's buffer.
#[derive(Debug)]
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

/// A connection that carries one request at a time.
pub struct Connection {
    stream: Wire,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn open(address: &str) -> Result<Self> {
        let stream = wire::open(address).await?;
        Ok(Connection { stream, buffer: Vec::with_capacity(4_096) })
    }

    /// Sends a request and waits for the whole answer, which has to state its length.
    ///
    /// # Errors
    /// A connection that ends, an answer that is not understood. The connection cannot be used again.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the connection ended before the answer's head did");
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            ensure!(self.buffer.len() < LONGEST_HEAD, "the answer's head has no end");
        };
        let (status, length) = read_head(&self.buffer[..head])?;
        let length = length.context("the answer does not state its length")?;
        self.buffer.reserve((head + length).saturating_sub(self.buffer.len()));
        while self.buffer.len() < head + length {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the connection ended before the answer did");
        }
        Ok(Answer { status, body: &self.buffer[head..] })
    }

    /// Sends a request that asks to close the connection, and reads to its end: for answers of unknown length.
    ///
    /// # Errors
    /// As [`Connection::exchange`].
    pub async fn last_exchange(mut self, request: &[u8]) -> Result<(u16, usize)> {
        self.stream.write_all(request).await?;
        self.stream.read_to_end(&mut self.buffer).await?;
        let (status, _) = read_head(&self.buffer)?;
        Ok((status, self.buffer.len()))
    }
}

/// The status and the stated length of the body.
fn read_head(head: &[u8]) -> Result<(u16, Option<usize>)> {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let first = lines.next().unwrap_or_default();
    let status = first.strip_prefix(b"HTTP/1.1 ").and_then(|rest| number(rest.get(..3)?));
    let Some(status) = status.and_then(|status| u16::try_from(status).ok()) else {
        bail!("no HTTP answer begins with {:?}", String::from_utf8_lossy(first));
    };
    const NAME: &[u8] = b"content-length:";
    let length = lines.take_while(|line| !line.is_empty()).find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then(|| number(value.trim_ascii())).flatten()
    });
    Ok((status, length))
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The number behind `"revision":`, found without parsing the rest.
pub fn revision(body: &[u8]) -> Option<u64> {
    const KEY: &[u8] = b"\"revision\":";
    let at = body.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let digits = body[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    number(&body[at..at + digits]).map(|revision| revision as u64)
}

/// A request as it goes over the wire; `more` are further header lines, each with its line end.
pub fn request(method: &str, host: &str, path: &str, more: &str, body: &str) -> Vec<u8> {
    let content = if body.is_empty() && method == "GET" {
        String::new()
    } else {
        format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len())
    };
    format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{more}{content}\r\n{body}").into_bytes()
}

/// The creation of a topic with one partition and three replicas; only the number in its name changes from one to the next.
pub struct Creation {
    host: String,
    prefix: String,
    bytes: Vec<u8>,
    digits: std::ops::Range<usize>,
}

impl Creation {
    pub fn new(host: &str, prefix: &str, more: &str) -> Self {
        let body = format!(r#"{{"partitions":1,"replication_factor":3,"name":"{prefix}-{}"}}"#, "0".repeat(DIGITS));
        let bytes = request("POST", host, "/api/v1/topics", more, &body);
        let end = bytes.len() - r#""}"#.len();
        Creation { host: host.to_owned(), prefix: prefix.to_owned(), bytes, digits: end - DIGITS..end }
    }

    /// The deletion of what [`Creation::numbered`] creates.
    pub fn undone(&self, number: u64) -> Vec<u8> {
        request("DELETE", &self.host, &format!("/api/v1/topics/{}-{number:0DIGITS$}", self.prefix), "", "")
    }

    pub fn numbered(&mut self, number: u64) -> &[u8] {
        let mut rest = number;
        for digit in self.bytes[self.digits.clone()].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        &self.bytes
    }
}

/// The creation of many topics in one request.
pub fn batch(host: &str, prefix: &str, topics: usize, partitions: usize) -> Vec<u8> {
    let topics = (0..topics).map(|number| format!(r#"{{"name":"{prefix}-{number:05}","partitions":{partitions},"replication_factor":3}}"#));
    let body = format!(r#"{{"topics":[{}]}}"#, topics.collect::<Vec<_>>().join(","));
    request("POST", host, "/api/v1/batch/topics", "", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_head_the_status_and_the_length_are_read() {
        let head = b"HTTP/1.1 201 Created\r\nserver: x\r\nContent-Length: 12\r\n\r\n";
        assert_eq!(read_head(head).ok(), Some((201, Some(12))));
        assert_eq!(read_head(b"HTTP/1.1 200 OK\r\n\r\ncontent-length: 3\r\n").ok(), Some((200, None)));
        assert!(read_head(b"SSH-2.0").is_err());
    }

    #[test]
    fn a_creation_changes_its_number_alone() {
        let mut creation = Creation::new("h:1", "t", "");
        let first = creation.numbered(0).to_vec();
        let text = String::from_utf8_lossy(creation.numbered(1_234)).into_owned();
        assert!(text.ends_with(r#""name":"t-000001234"}"#), "{text}");
        assert_eq!(first.len(), text.len());
    }

    #[test]
    fn a_revision_is_found_wherever_it_stands() {
        assert_eq!(revision(br#"{"revision":421,"topic":{}}"#), Some(421));
        assert_eq!(revision(br#"{"topic":{},"revision":7}"#), Some(7));
        assert_eq!(revision(b"{}"), None);
    }
}
