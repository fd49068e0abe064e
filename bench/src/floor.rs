//! The machine's own cost, without any of our code: an append that is made durable, and a round trip over loopback.

use crate::spread::{Spread, ms};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

const SYNCS: usize = 500;
const ROUND_TRIPS: usize = 1_000;
/// About what the log writes for a topic of one partition.
const SIZE: usize = 200;
const PATIENCE: Duration = Duration::from_secs(10);

/// What nothing on this machine can be faster than.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    /// Append and fdatasync of 200 bytes.
    pub sync: Spread,
    /// 200 bytes there and back over loopback TCP.
    pub loopback: Spread,
}

impl Floor {
    pub fn json(self) -> Value {
        json!({ "fdatasync": self.sync.json(), "loopback": self.loopback.json() })
    }
}

/// Measures it in the directory that the nodes write to.
///
/// # Errors
/// A directory that cannot be written, no loopback.
pub fn measure(data_dir: &Path) -> Result<Floor> {
    Ok(Floor { sync: sync(data_dir)?, loopback: loopback()? })
}

fn sync(data_dir: &Path) -> Result<Spread> {
    let mut named = tempfile::Builder::new().prefix("floor-").tempfile_in(data_dir)?;
    let file: &mut File = named.as_file_mut();
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&[b'q'; SIZE])?;
        file.sync_data()?;
        times.push(ms(begun.elapsed()));
    }
    Spread::of(times).context("nothing was measured")
}

fn loopback() -> Result<Spread> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let echo = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        prepare(&stream)?;
        let mut bytes = [0; SIZE];
        for _ in 0..ROUND_TRIPS {
            stream.read_exact(&mut bytes)?;
            stream.write_all(&bytes)?;
        }
        Ok(())
    });
    let mut stream = TcpStream::connect(address)?;
    prepare(&stream)?;
    let mut bytes = [b'q'; SIZE];
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let begun = Instant::now();
        stream.write_all(&bytes)?;
        stream.read_exact(&mut bytes)?;
        times.push(ms(begun.elapsed()));
    }
    echo.join().ok().context("the echo panicked")??;
    Spread::of(times).context("nothing was measured")
}

fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))
}
