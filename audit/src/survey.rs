//! What a start finds in the directory.

use crate::chain::{Chain, Link, Tip};
use crate::event::{Event, Kind};
use crate::files::{AuditError, Limits, Listing, name};
use crate::lines::next_line;
use crate::read::{MOST_READ, Query, read};
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

/// Where the log goes on.
pub(crate) struct Found {
    pub tip: Tip,
    /// The file to append to, and its bytes up to the end of its last whole line.
    pub number: u64,
    pub length: u64,
    /// What the log has to say of it: at most two for each file.
    pub tell: Vec<Event>,
}

/// A file, as far as it can be read.
#[derive(Default)]
struct Looked {
    lines: u64,
    /// Bytes up to the end of the last whole line, and behind it.
    whole: u64,
    torn: u64,
    /// The first thing that is wrong.
    broken: Option<String>,
}

impl Looked {
    /// Reads on until the end. In a file that is going to be appended to, a last line without an end was not written whole.
    fn look(&mut self, path: &Path, goes_on: bool, chain: &mut Chain) -> io::Result<()> {
        let mut reader = BufReader::new(File::open(path)?);
        let mut line = Vec::new();
        while let Some(taken) = next_line(&mut reader, &mut line)? {
            if goes_on && !taken.whole {
                self.torn = taken.length;
                return Ok(());
            }
            self.lines += 1;
            self.whole += taken.length;
            if let Err(fault) = Link::read(&line).and_then(|link| chain.follow(&link)) {
                let place = self.lines;
                self.broken.get_or_insert_with(|| format!("line {place}: {fault}"));
            }
        }
        Ok(())
    }
}

/// Looks at every line: where a file is damaged the log goes on behind it, and says so once.
pub(crate) fn survey(dir: &Path, limits: Limits) -> Result<Found, AuditError> {
    let listing = Listing::of(dir)?;
    let files = listing.newest(limits.files.max(1));
    let (mut chain, mut tell) = (Chain::default(), Vec::new());
    let (mut number, mut length) = (listing.next, 0);
    for (at, (found, path)) in files.iter().enumerate() {
        let goes_on = at + 1 == files.len() && found + 1 == listing.next;
        let mut looked = Looked::default();
        let read = looked.look(path, goes_on, &mut chain);
        if let Err(error) = &read {
            looked.broken.get_or_insert_with(|| format!("line {}: {error}", looked.lines + 1));
        }
        if goes_on && read.is_ok() {
            (number, length) = (*found, looked.whole);
        }
        tell.extend(looked.broken.map(|what| Event::own(Kind::Broken, name(*found), Some(what)).clipped()));
        if looked.torn > 0 {
            tell.push(Event::own(Kind::Torn, name(*found), Some(format!("{} bytes after the last whole line", looked.torn))));
        }
    }
    if tell.iter().any(|event| event.kind == Kind::Broken) {
        // Where nothing can be read, nothing was told.
        let told = read(dir, &Query { kind: Some(Kind::Broken), most: MOST_READ, ..Query::default() }).unwrap_or_default();
        tell.retain(|event| {
            !told.iter().any(|record| (record.kind, &record.what, &record.detail) == (event.kind, &event.what, &event.detail))
        });
    }
    Ok(Found { tip: chain.tip(), number, length, tell })
}
