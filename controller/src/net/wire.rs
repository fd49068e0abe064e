//! Framing: length, request id, then a postcard value. Bounded before anything is allocated.

use serde::{Serialize, de::DeserializeOwned};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

/// The largest frame: a snapshot of a few million partitions.
const LARGEST: u32 = 1 << 30;
/// What is read before more is allocated, so that a lying length costs nothing.
const STEP: usize = 1 << 20;
/// What one system call reads of small frames.
const READ_AHEAD: usize = 16 << 10;

/// Reads many small frames with one system call.
pub(crate) fn buffered<R: AsyncRead>(from: R) -> BufReader<R> {
    BufReader::with_capacity(READ_AHEAD, from)
}

/// Encodes one frame.
pub(crate) fn frame(id: u64, value: &impl Serialize) -> io::Result<Vec<u8>> {
    let head = vec![0; 12];
    let mut bytes = postcard::to_extend(value, head).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len() - 4).ok().filter(|length| *length <= LARGEST);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the message is larger than 1 GiB"))?;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    bytes[4..12].copy_from_slice(&id.to_be_bytes());
    Ok(bytes)
}

/// Reads one frame; none at the end of the stream.
pub(crate) async fn read<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> io::Result<Option<(u64, T)>> {
    read_up_to(from, buffer, LARGEST).await
}

/// The same of at most so many bytes.
pub(crate) async fn read_up_to<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
    largest: u32,
) -> io::Result<Option<(u64, T)>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_be_bytes(length);
    if !(8..=largest).contains(&length) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes")));
    }
    buffer.clear();
    while buffer.len() < length as usize {
        let filled = buffer.len();
        buffer.resize((filled + STEP).min(length as usize), 0);
        from.read_exact(&mut buffer[filled..]).await?;
    }
    let (id, body) = buffer.split_at(8);
    let id = u64::from_be_bytes(id.try_into().map_err(io::Error::other)?);
    let value = postcard::from_bytes(body).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    if buffer.capacity() > 4 * STEP {
        *buffer = Vec::new();
    }
    Ok(Some((id, value)))
}

/// Writes everything that is queued, then flushes: one system call for many small frames.
pub(crate) async fn write_all(to: &mut (impl AsyncWrite + Unpin), frames: &mut Vec<Vec<u8>>) -> io::Result<()> {
    if let [one] = frames.as_slice() {
        to.write_all(one).await?;
    } else {
        to.write_all(&frames.concat()).await?;
    }
    frames.clear();
    to.flush().await
}
