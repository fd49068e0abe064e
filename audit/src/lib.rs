//! What a node notes of who signed in and who was refused: JSON lines in a directory of its own, each bound to the one before it by
//! a hash. Nothing of it is replicated: strangers decide how much of it there is.
//!
//! * `event`: what is noted, and how much of it. `repeats`: what happens again and again is counted, not written again.
//! * `record`: a line. `hash` and `chain`: what binds it to the line before it. `verify`: whether all lines still are bound.
//! * `files`: names, sizes and how many. `disk`: the real one; a test gives its own. `writer`: appends whole lines or nothing, and
//!   begins files. `survey`: what a start finds.
//! * `lines` and `read`: from the oldest on for an export, from the newest back for a page.
//! * `log`: what holds it all. One thread owns it, gives it the time, and calls [`Log::tick`] about once a second.
//!
//! # The files
//!
//! `audit-00000001.jsonl` and so on, in ascending order, each of at most [`Limits::bytes`]. Before a file begins, the oldest go, so
//! that there are never more than [`Limits::files`]. A line reaches the operating system before [`Log::note`] returns, and the disk
//! when its file is finished: what the last seconds before a power failure brought may be gone.
//!
//! # The chain
//!
//! A line is one JSON object without spaces, in UTF-8, that ends in `"prev":"P","hash":"H"}`, with 64 small hex digits for each of P
//! and H. P is the hash of the line before, also over files and restarts, and 64 zeros in the first one. H is the SHA-256 of the 32
//! bytes that P stands for, followed by the bytes of the line without `,"hash":"H"`, its closing brace included. `seq` counts from 1.
//! In Python:
//!
//! ```python
//! body = line.rstrip(b"\n")[:-75] + b"}"
//! assert line.rstrip(b"\n")[-66:-2].decode() == sha256(bytes.fromhex(json.loads(line)["prev"]) + body).hexdigest()
//! ```
//!
//! A line that changed, went, came or moved breaks the chain. What the lines alone do not show: that the oldest are gone (as they
//! are when files are deleted in their turn: `first_seq`), that the newest are gone, or that somebody who can write the files
//! made all hashes anew. Those show where `last_seq` and `last_hash` of an earlier look were kept elsewhere.

mod chain;
mod disk;
mod event;
mod files;
mod hash;
mod lines;
mod log;
mod read;
mod record;
mod repeats;
mod survey;
mod verify;
mod writer;

pub use chain::Fault;
pub use event::{Event, Kind, LONGEST_FIELD};
pub use files::{AuditError, Limits, MOST_FILES};
pub use hash::Hash;
pub use lines::{LinesOf, export, lines_of};
pub use log::Log;
pub use read::{MOST_READ, Query, read};
pub use record::{LONGEST_LINE, Record};
pub use repeats::JOINED_MS;
pub use verify::{Break, MOST_BREAKS, MOST_NODES, Span, Verified, Verifying, verify};
