//! Framing: length, request id, then a postcard value. Bounded before anything is allocated.

use serde::{Serialize, de::DeserializeOwned};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Semaphore;

/// The largest frame: a snapshot of a few million partitions.
const LARGEST: u32 = 1 << 30;
/// A frame that only a snapshot is as large as, and how long one may take to come from a peer that is not known.
const LARGE: u32 = 16 << 20;
const LARGE_WITHIN: Duration = Duration::from_secs(60);
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
    let Some(length) = length(from, largest).await? else { return Ok(None) };
    fill(from, buffer, length).await?;
    decode(buffer)
}

/// The same from a peer that this node does not know: a leader that joined since, or anybody. Of what is large one frame at a time
/// is read of all of them, and in a time in which a leader sends it.
pub(crate) async fn read_of_unknown<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
    turns: &Semaphore,
) -> io::Result<Option<(u64, T)>> {
    let Some(length) = length(from, LARGEST).await? else { return Ok(None) };
    if length <= LARGE {
        fill(from, buffer, length).await?;
    } else {
        let _turn = turns.acquire().await.map_err(io::Error::other)?;
        tokio::time::timeout(LARGE_WITHIN, fill(from, buffer, length)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    }
    decode(buffer)
}

/// The length of the next frame; none at the end of the stream.
async fn length(from: &mut (impl AsyncRead + Unpin), largest: u32) -> io::Result<Option<u32>> {
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
    Ok(Some(length))
}

async fn fill(from: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>, length: u32) -> io::Result<()> {
    buffer.clear();
    while buffer.len() < length as usize {
        let filled = buffer.len();
        buffer.resize((filled + STEP).min(length as usize), 0);
        from.read_exact(&mut buffer[filled..]).await?;
    }
    Ok(())
}

fn decode<T: DeserializeOwned>(buffer: &mut Vec<u8>) -> io::Result<Option<(u64, T)>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_strangers_one_large_frame_is_read_at_a_time_and_not_for_ever() {
        let turns = Semaphore::new(1);
        let read = async |bytes: &[u8]| {
            let (mut near, mut far) = tokio::io::duplex(64);
            near.write_all(bytes).await.unwrap_or_default();
            let read = read_of_unknown::<u64>(&mut far, &mut Vec::new(), &turns).await;
            (read.map_err(|error| error.kind()), near)
        };
        let small = frame(7, &5_u64).unwrap_or_default();
        assert_eq!(read(&small).await.0, Ok(Some((7, 5))));
        assert_eq!(read(&[0xff; 4]).await.0, Err(io::ErrorKind::InvalidData), "longer than any frame");
        let large = (LARGE + 1).to_be_bytes();
        let (first, second) = tokio::join!(read(&large), read(&large));
        assert_eq!((first.0, second.0), (Err(io::ErrorKind::TimedOut), Err(io::ErrorKind::TimedOut)), "they send nothing more");
        assert_eq!(turns.available_permits(), 1);
        let held = turns.acquire().await;
        let third = tokio::time::timeout(LARGE_WITHIN * 2, read(&large)).await;
        assert!(third.is_err() && held.is_ok(), "it waits for its turn");
    }
}
