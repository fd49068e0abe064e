//! What a controller keeps of its commits on disk, to look back at: segments of a bounded size, each with the state that it begins
//! at, and beside each what is needed to look things up in it.
//!
//! All of it is derived from Raft's log and can be had again from another controller. So nothing is synced, and what is damaged
//! is dropped by its name and filled in anew; what was not read as it was written is never served. Plain files and no task: who calls
//! gives it a thread and the time.
//!
//! * `options`: where, for whom and how much. `error`: what can go wrong. `disk`: the real one; a test gives its own. `files`: names.
//! * `header`, `block`, `content`: what a segment is made of. `table`: what is known of its commits; `sidecar`: the same in a file.
//! * `segment`: one of them, read. `scan`: read from its beginning, to find its end. `writer`: the newest one, appended to.
//! * [`Journal`]: all segments. Its files below: `opening` what a start finds, `reading` commits and states, `search` by what somebody
//!   looks for, `filling` gaps, `upkeep` what goes and what is verified.
//!
//! # The files
//!
//! `00000000000000001000.journal` holds what follows commit 1000: a header, a checkpoint (the state at 1000) and a block per commit.
//! A block is a length, a hash and so many bytes; the hash is also of where it is, so a block that was moved is none. When a
//! segment is full the next one begins, and beside the full one `00000000000000001000.index` is written: pages of a fixed size, each with
//! its hash. Without it, or where it is damaged, it is made anew from the segment. Where a file lacks that can be made anew from nothing,
//! there is a gap.
//!
//! # Positions
//!
//! A position is the index of a commit, or 0 before the first. Segments that follow each other without a gap are a stretch, and a
//! stretch holds the commits behind `after`, up to and with `upto`; the state is known at all of these positions.

mod block;
mod content;
mod disk;
mod error;
mod files;
mod header;
mod journal;
mod options;
mod scan;
mod segment;
mod sidecar;
mod table;
mod writer;

pub use error::{Damage, Dropped, JournalError};
pub use files::MOST_SEGMENTS;
pub use journal::{Filler, Journal, Kept, MOST_FOUND, MOST_LOOKED, MOST_READ, Page, Stretch, Verified};
pub use options::{Keep, Options, Whose};
pub use writer::{Item, MOST_APPENDED};
