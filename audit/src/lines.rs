//! Lines from the oldest on, in bounded memory whatever the files hold.

use crate::files::{AuditError, Listing, MOST_FILES};
use crate::record::LONGEST_LINE;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Of a line that [`next_line`] read.
pub(crate) struct Taken {
    /// Bytes in the file, its end included.
    pub length: u64,
    /// Whether its end was there.
    pub whole: bool,
}

/// Reads a line without its end. Of one that is too long only so much is kept that it still is.
pub(crate) fn next_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<Taken>> {
    line.clear();
    let mut taken = Taken { length: 0, whole: false };
    while !taken.whole {
        let bytes = match from.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            bytes => bytes?,
        };
        if bytes.is_empty() {
            break;
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let content = &bytes[..end.unwrap_or(bytes.len())];
        line.extend_from_slice(&content[..content.len().min((LONGEST_LINE + 1).saturating_sub(line.len()))]);
        let used = content.len() + usize::from(end.is_some());
        taken = Taken { length: taken.length + used as u64, whole: end.is_some() };
        from.consume(used);
    }
    Ok((taken.length > 0).then_some(taken))
}

/// Lines of a text, without their ends; of one that is too long, the first [`LONGEST_LINE`] bytes and one more.
pub struct LinesOf<R> {
    from: R,
    /// Whether a last line counts that has no end.
    unended: bool,
}

/// The lines of a text.
pub fn lines_of<R: BufRead>(from: R) -> LinesOf<R> {
    LinesOf { from, unended: true }
}

impl<R: BufRead> Iterator for LinesOf<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        let taken = next_line(&mut self.from, &mut line).transpose()?;
        match taken {
            Ok(taken) if !taken.whole && !self.unended => None,
            taken => Some(taken.map(|_| line)),
        }
    }
}

/// Every line of a log's directory, without their ends, the oldest first; what is written meanwhile may be missing. A line that the
/// node is just writing is none yet. After an error the next file follows.
///
/// # Errors
/// When the directory cannot be listed, or one of its files cannot be opened.
pub fn export(dir: &Path) -> Result<impl Iterator<Item = Result<Vec<u8>, AuditError>> + use<>, AuditError> {
    let mut files: Vec<(PathBuf, LinesOf<BufReader<File>>)> = Vec::new();
    // All are opened now: the oldest may be deleted while an export takes its time.
    for (_, path) in Listing::of(dir)?.newest(MOST_FILES) {
        match File::open(path) {
            Ok(file) => files.push((path.clone(), lines_of(BufReader::new(file)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(AuditError::at(path)(error)),
        }
    }
    if let Some((_, newest)) = files.last_mut() {
        newest.unended = false;
    }
    Ok(files.into_iter().flat_map(|(path, lines)| {
        let mut failed = false;
        let lines = lines.take_while(move |line| !std::mem::replace(&mut failed, line.is_err()));
        lines.map(move |line| line.map_err(AuditError::at(&path)))
    }))
}
