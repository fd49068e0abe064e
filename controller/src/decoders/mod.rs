//! Bytes from a peer or from the disk, whatever they are: a decoder says no, never panics, and takes no more memory than a
//! small multiple of what is there.

mod files;
mod samples;

use crate::net::rpc::{Reply, Request};
use crate::net::wire;
use anyhow::{Context, Result, ensure};
use damage::{bombed, cases, damaged};
use futures::executor::block_on;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;

/// A buffer for bytes of which few come grows to this at most (two steps of the reader).
const MOST_BUFFERED: usize = 2 << 20;

/// Reads frames until the bytes end or a frame is refused; what was read survives another round.
fn read_all<T: Serialize + DeserializeOwned>(mut bytes: &[u8]) -> Result<usize> {
    let mut buffer = Vec::new();
    for count in 0.. {
        let Ok(Some((id, value))) = block_on(wire::read::<T>(&mut bytes, &mut buffer)) else {
            ensure!(buffer.capacity() <= MOST_BUFFERED, "{} bytes are kept for {}", buffer.capacity(), bytes.len());
            return Ok(count);
        };
        let frame = wire::frame(id, &value)?;
        let (again, value) = block_on(wire::read::<T>(&mut &frame[..], &mut Vec::new()))?.context("nothing was read")?;
        ensure!(again == id && wire::frame(id, &value)? == frame, "it is another one in the next round");
    }
    Ok(0)
}

fn both(bytes: &[u8]) -> Result<()> {
    read_all::<Request>(bytes)?;
    read_all::<Reply>(bytes)?;
    Ok(())
}

/// The bytes after the head, which says how long they are.
fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], &7u64.to_be_bytes(), body].concat()
}

fn frames() -> Result<Vec<Vec<u8>>> {
    let requests = samples::requests()?.into_iter().map(|request| wire::frame(7, &request));
    let replies = samples::replies()?.into_iter().map(|reply| wire::frame(7, &reply));
    Ok(requests.chain(replies).collect::<io::Result<_>>()?)
}

fn bodies() -> Result<Vec<Vec<u8>>> {
    Ok(frames()?.into_iter().map(|frame| frame[12..].to_vec()).collect())
}

#[test]
fn every_message_survives_the_wire() -> Result<()> {
    for request in samples::requests()? {
        ensure!(read_all::<Request>(&wire::frame(1, &request)?)? == 1);
    }
    for reply in samples::replies()? {
        ensure!(read_all::<Reply>(&wire::frame(1, &reply)?)? == 1);
    }
    Ok(())
}

#[test]
fn no_part_of_a_frame_is_a_frame() -> Result<()> {
    for frame in frames()? {
        for end in 0..frame.len() {
            let mut part = &frame[..end];
            let read = block_on(wire::read::<Request>(&mut part, &mut Vec::new()));
            ensure!(matches!(read, Ok(None)) == (end < 4), "{end} of {} bytes", frame.len());
            ensure!(end < 4 || read.is_err(), "{end} of {} bytes were read as a frame", frame.len());
        }
    }
    Ok(())
}

#[test]
fn a_lying_length_of_a_frame_costs_nothing() -> Result<()> {
    for (length, sent) in
        [(0, 0), (7, 7), (8, 0), (1 << 20, 100), (1 << 30, 0), (1 << 30, 3 << 19), ((1 << 30) + 1, 1 << 10), (u32::MAX, 1 << 10)]
    {
        let bytes = [&u32::to_be_bytes(length)[..], &vec![0; sent]].concat();
        let mut buffer = Vec::new();
        let read = block_on(wire::read::<Request>(&mut &bytes[..], &mut buffer));
        ensure!(read.is_err(), "a frame of {length} bytes of which {sent} came was read");
        ensure!(buffer.capacity() <= MOST_BUFFERED * 2, "{} bytes were taken for {sent} of {length}", buffer.capacity());
    }
    Ok(())
}

#[test]
fn a_lying_length_within_a_message_costs_nothing() -> Result<()> {
    // Were any of these believed, the allocation would end the process.
    bombed(&bodies()?).try_for_each(|body| both(&framed(&body)))
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn any_bytes_from_a_peer_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        both(&bytes).map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
        both(&framed(&bytes)).map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
    }

    #[test]
    fn damaged_frames_are_survived(bytes in damaged(frames().unwrap_or_default(), 0)) {
        both(&bytes).map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
    }

    // With a right head, so that the damage is met by the message's own decoder; what it carries is opened as well.
    #[test]
    fn damaged_messages_are_survived(body in damaged(bodies().unwrap_or_default(), 0)) {
        let bytes = framed(&body);
        both(&bytes).map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
        match block_on(wire::read::<Request>(&mut &bytes[..], &mut Vec::new())) {
            Ok(Some((_, Request::Append { rpc, .. }))) => rpc.entries.iter().for_each(|entry| {
                if let openraft::EntryPayload::Normal(data) = &entry.payload {
                    drop(data.decode());
                }
            }),
            Ok(Some((_, Request::Snapshot { content, .. }))) => drop(metadata::snapshot::decode_machine(&content)),
            _ => {}
        }
    }
}
