//! The newest commits first, those that somebody looks for.

use super::Journal;
use crate::content;
use crate::error::{Damage, JournalError};
use crate::segment::{Fault, Reading, Segment, Then};
use metadata::Index;
use metadata::history::{Filter, Record};
use std::sync::Arc;

/// Commits of one page.
pub const MOST_FOUND: usize = 1_000;
/// Commits that are read for one page: where they are many that the filter does not find, a page may have fewer than were asked for.
pub const MOST_LOOKED: usize = 5_000;
/// Bytes that are read for one page, and one commit more.
const MOST_BYTES: usize = 32 << 20;

/// Commits that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The newest first.
    pub records: Vec<Record>,
    /// Below which index to go on; none where nothing older is kept.
    pub next: Option<Index>,
    /// What is not kept between those that were looked at: behind the first index, up to and with the second. The newest first.
    pub gaps: Vec<(Index, Index)>,
}

struct Search<'a> {
    filter: &'a Filter,
    below: Index,
    most: usize,
    looked: usize,
    bytes: usize,
    page: Page,
}

impl Journal {
    /// The newest commits that a filter finds, of those with an index below `before`: at most so many and [`MOST_FOUND`]. The work of one
    /// call is bounded by [`MOST_LOOKED`]: go on at `next` also where a page has few.
    ///
    /// # Errors
    /// When files cannot be read.
    pub fn search(&self, filter: &Filter, before: Option<Index>, most: usize) -> Result<Page, JournalError> {
        let upto = filter.to_index.and_then(|to| to.checked_add(1));
        let below = before.into_iter().chain(upto).min().unwrap_or(Index::MAX);
        let most = most.clamp(1, MOST_FOUND);
        self.reading(|segments| {
            let search = Search { filter, below, most, looked: 0, bytes: 0, page: Page::default() };
            search.run(segments)
        })
    }
}

impl Search<'_> {
    fn run(mut self, segments: &[Arc<Segment>]) -> Result<Page, Fault> {
        let from = (self.filter.from_index.unwrap_or(0), self.filter.from_ms.unwrap_or(0));
        let mut newer: Option<&Arc<Segment>> = None;
        for segment in segments.iter().rev() {
            let summary = segment.summary();
            if let Some(newer) = newer.filter(|newer| newer.after() > summary.upto) {
                let reaches = newer.after() >= from.0 && newer.header.at_ms >= from.1;
                let within = summary.upto.saturating_add(1) < self.below && self.filter.to_ms.is_none_or(|to| to >= summary.upto_ms);
                if reaches && within {
                    self.page.gaps.push((summary.upto, newer.after()));
                }
            }
            if summary.upto < from.0 || summary.upto_ms < from.1 {
                return Ok(self.page);
            }
            let reached = segment.after().saturating_add(1) < self.below && self.filter.to_ms.is_none_or(|to| to >= segment.header.at_ms);
            let looked = if reached { self.look(segment)? } else { None };
            if let Some((last, more)) = looked {
                let older = last > from.0 && segments.first().is_some_and(|oldest| oldest.after() < segment.after());
                self.page.next = (more || older).then_some(last);
                return Ok(self.page);
            }
            newer = Some(segment);
        }
        Ok(self.page)
    }

    /// Looks through one segment; where that is all for one page, it gives the last commit that was looked at, and whether there are
    /// older ones in the segment.
    fn look(&mut self, segment: &Arc<Segment>) -> Result<Option<(Index, bool)>, Fault> {
        let mut reading = Reading::of(segment)?;
        let (filter, below) = (self.filter, self.below);
        let least = (filter.from_index.unwrap_or(0), filter.from_ms.unwrap_or(0));
        let low = reading.count_while(|entry| entry.index < least.0 || entry.at_ms < least.1)?;
        let high = reading.count_while(|entry| entry.index < below && filter.to_ms.is_none_or(|to| entry.at_ms <= to))?;
        let tags = filter.tags();
        let numbers: Box<dyn Iterator<Item = u32>> = if tags.is_empty() {
            Box::new((low..high).rev())
        } else {
            Box::new(
                reading.tagged(&tags)?.into_iter().rev().skip_while(move |number| *number >= high).take_while(move |number| *number >= low),
            )
        };
        for number in numbers {
            let (mut last, found, bytes) = (0, &mut self.page.records, &mut self.bytes);
            reading.payloads(number, number + 1, |entry, payload| {
                let record = content::record(payload).filter(|record| record.commit.index == entry.index);
                let record = record.ok_or(Damage::Block { offset: entry.offset })?;
                (last, *bytes) = (entry.index, *bytes + payload.len());
                if filter.finds(&record) {
                    found.push(record);
                }
                Ok(Then::Enough)
            })?;
            self.looked += 1;
            if self.page.records.len() >= self.most || self.looked >= MOST_LOOKED || self.bytes >= MOST_BYTES {
                return Ok(Some((last, number > low)));
            }
        }
        Ok(None)
    }
}
