//! What a start finds in the directory: all segments that are what was written, and that lead from one to the next.

use super::Journal;
use crate::disk::{Disk, Real};
use crate::error::{Damage, Dropped, JournalError};
use crate::files::{self, File, MOST_SEGMENTS};
use crate::header::Header;
use crate::options::{Options, Whose};
use crate::scan::{self, Scanned, damages, scan};
use crate::segment::{Known, Segment};
use crate::sidecar::About;
use crate::table::Summary;
use crate::writer::{Writer, write_sidecar};
use metadata::Index;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, RwLock};

/// A segment that can be kept.
struct Candidate {
    header: Header,
    found: Found,
}

enum Found {
    Sidecar(About),
    /// It has no sidecar that is one.
    Scanned(Box<Scanned>),
}

impl Candidate {
    fn summary(&self) -> Summary {
        match &self.found {
            Found::Sidecar(about) => about.summary,
            Found::Scanned(scanned) => scanned.table.summary,
        }
    }
}

impl Journal {
    /// Opens what is in the directory, and says what had to go. Files of another cluster or lineage are removed, and those that are
    /// damaged. Of the newest segment, only what lies behind its last whole commit is cut off.
    ///
    /// # Errors
    /// When the directory cannot be made, or something in it cannot be read or removed for a reason that is not its content.
    pub fn open(options: Options, whose: Whose) -> Result<(Journal, Vec<Dropped>), JournalError> {
        Journal::on(Arc::new(Real), options, whose)
    }

    pub(super) fn on(disk: Arc<dyn Disk>, options: Options, whose: Whose) -> Result<(Journal, Vec<Dropped>), JournalError> {
        files::make(&options.dir)?;
        let mut opening = Opening { dir: &options.dir, whose, disk: &disk, dropped: Vec::new() };
        let mut candidates = opening.candidates()?;
        // The end that reaches farthest is the newest.
        candidates.sort_unstable_by_key(|each| std::cmp::Reverse((each.summary().upto, each.header.after)));
        let (mut segments, mut writer) = (Vec::<Arc<Segment>>::new(), None);
        for candidate in candidates {
            let next = segments.last().map(|segment| segment.header);
            if let Some(segment) = opening.take(candidate, next, &mut writer)? {
                segments.push(segment);
            }
        }
        segments.reverse();
        let dropped = opening.dropped;
        let segments = RwLock::new(Arc::new(segments));
        let (writer, told, verified) = (Mutex::new(writer), Mutex::default(), Mutex::default());
        Ok((Journal { options, whose, disk, segments, writer, dropped: told, verified, filling: AtomicBool::new(false) }, dropped))
    }
}

struct Opening<'a> {
    dir: &'a Path,
    whose: Whose,
    disk: &'a Arc<dyn Disk>,
    dropped: Vec<Dropped>,
}

impl Opening<'_> {
    fn candidates(&mut self) -> Result<Vec<Candidate>, JournalError> {
        let mut candidates = Vec::new();
        for (after, (segment, sidecar)) in files::list(self.dir)?.into_iter().rev() {
            let path = File::Sidecar.path(self.dir, after);
            let about = if sidecar { read_sidecar(&path, after)? } else { None };
            let upto = about.map(|about| about.summary.upto);
            if !segment {
                self.drop(after, upto, Damage::Gone)?;
            } else if candidates.len() >= MOST_SEGMENTS {
                self.drop(after, upto, Damage::TooMany)?;
            } else {
                match self.look(after, about)? {
                    Ok(candidate) => candidates.push(candidate),
                    Err(why) => self.drop(after, upto, why)?,
                }
            }
        }
        Ok(candidates)
    }

    fn look(&self, after: Index, about: Option<About>) -> Result<Result<Candidate, Damage>, JournalError> {
        let path = File::Segment.path(self.dir, after);
        let found = match about {
            None => scan(&path, self.whose, after)
                .map(|scanned| scanned.map(|scanned| Candidate { header: scanned.header, found: Found::Scanned(Box::new(scanned)) })),
            Some(about) => scan::header(&path, self.whose, after).map(|found| {
                found.and_then(|(header, found)| match about.summary.length {
                    // It speaks of another one: what there is was not written with it.
                    _ if about.header != header => Err(Damage::Unlinked),
                    expected if expected != found => Err(Damage::Length { expected, found }),
                    _ => Ok(Candidate { header, found: Found::Sidecar(about) }),
                })
            }),
        };
        match found {
            Ok(found) => Ok(found),
            Err(error) if damages(&error) => Ok(Err(scan::damage(&error))),
            Err(error) => Err(JournalError::at(&path)(error)),
        }
    }

    /// Takes a candidate for a segment, if it leads to the next one.
    fn take(
        &mut self,
        candidate: Candidate,
        next: Option<Header>,
        writer: &mut Option<Writer>,
    ) -> Result<Option<Arc<Segment>>, JournalError> {
        let (header, summary) = (candidate.header, candidate.summary());
        let unfit = next.and_then(|next| match () {
            () if summary.upto > next.after => Some(Damage::Overlap),
            () if summary.upto == next.after && (summary.digest, summary.upto_ms) != (next.digest, next.at_ms) => Some(Damage::Unlinked),
            () => None,
        });
        if let Some(why) = unfit {
            self.drop(header.after, Some(summary.upto), why)?;
            return Ok(None);
        }
        let Scanned { table, hasher, torn, .. } = match candidate.found {
            Found::Sidecar(about) => return Ok(Some(Arc::new(Segment::new(self.dir, header, Known::Sidecar(about))))),
            Found::Scanned(scanned) => *scanned,
        };
        if next.is_none() {
            return self.newest(Segment::new(self.dir, header, Known::Here(RwLock::new(table))), torn.map(|(_, bytes)| bytes)).map(
                |segment| {
                    *writer = Some(Writer::resume(self.disk.clone(), segment.clone(), hasher));
                    Some(segment)
                },
            );
        }
        if let Some((why, _)) = torn {
            self.drop(header.after, Some(summary.upto), why)?;
            return Ok(None);
        }
        if summary.count == 0 {
            // It was begun, and then the state went ahead of it.
            files::remove(&File::Segment.path(self.dir, header.after))?;
            return Ok(None);
        }
        // A disk that is full is no reason not to start.
        let known = match write_sidecar(&**self.disk, self.dir, header, &table, hasher.digest()) {
            Ok(about) => Known::Sidecar(about),
            Err(_) => Known::Here(RwLock::new(table)),
        };
        Ok(Some(Arc::new(Segment::new(self.dir, header, known))))
    }

    /// The segment to append to.
    fn newest(&mut self, segment: Segment, torn: Option<u64>) -> Result<Arc<Segment>, JournalError> {
        files::remove(&segment.sidecar)?;
        if let Some(bytes) = torn {
            let cut = self.disk.open(&segment.path).and_then(|mut file| file.cut(segment.summary().length));
            cut.map_err(JournalError::at(&segment.path))?;
            self.dropped.push(Dropped { name: segment.name(), after: segment.upto(), upto: None, why: Damage::Torn { bytes } });
        }
        Ok(Arc::new(segment))
    }

    fn drop(&mut self, after: Index, upto: Option<Index>, why: Damage) -> Result<(), JournalError> {
        files::remove(&File::Segment.path(self.dir, after))?;
        files::remove(&File::Sidecar.path(self.dir, after))?;
        self.dropped.push(Dropped { name: File::Segment.name(after), after, upto, why });
        Ok(())
    }
}

fn read_sidecar(path: &Path, after: Index) -> Result<Option<About>, JournalError> {
    match About::read(path, after) {
        Ok(about) => Ok(about),
        Err(error) if damages(&error) => Ok(None),
        Err(error) => Err(JournalError::at(path)(error)),
    }
}
