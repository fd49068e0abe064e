//! What binds a line to the one before it, and what can be wrong with it.

use crate::hash::Hash;
use crate::record::{LAST_SEQ, LONGEST_LINE, of, parted};
use serde::Deserialize;

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("it has more than {LONGEST_LINE} bytes")]
    TooLong,
    #[error("it is no record")]
    Unreadable,
    #[error("its hash is not that of what it says")]
    Altered,
    #[error("it does not follow the line before it")]
    Unlinked,
    #[error("its number is not {expected}")]
    Numbered { expected: u64 },
    #[error("there are lines of more than {most} nodes")]
    Nodes { most: usize },
}

/// What of a line the chain is made of.
pub(crate) struct Link {
    pub seq: u64,
    pub node: u64,
    prev: Hash,
    pub hash: Hash,
    /// Whether the hash is that of what it says.
    pub intact: bool,
}

impl Link {
    /// Reads one from a line without its end. A build need not know all that the line says.
    pub fn read(line: &[u8]) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Said {
            seq: u64,
            node: u64,
            prev: Hash,
        }
        if line.len() > LONGEST_LINE {
            return Err(Fault::TooLong);
        }
        let (body, hash) = parted(line).ok_or(Fault::Unreadable)?;
        let Said { seq, node, prev } = serde_json::from_slice(line).map_err(|_| Fault::Unreadable)?;
        if seq == 0 || seq > LAST_SEQ {
            return Err(Fault::Unreadable);
        }
        Ok(Link { seq, node, prev, hash, intact: of(body, prev) == hash })
    }
}

/// What the next line follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tip {
    /// 0 before the first line.
    pub seq: u64,
    pub hash: Hash,
}

/// The lines so far. Of the first one nothing is asked, as those before it may have gone with their file.
#[derive(Default)]
pub(crate) struct Chain {
    tip: Option<Tip>,
}

impl Chain {
    pub fn tip(&self) -> Tip {
        self.tip.unwrap_or_default()
    }

    /// Goes on with this line, also when it is wrong: the lines behind it are judged by what it says of itself, so that each
    /// damage is told once.
    pub fn follow(&mut self, link: &Link) -> Result<(), Fault> {
        let before = self.tip;
        let expected = before.map_or(link.seq, |tip| tip.seq.saturating_add(1));
        // Of a line that is not what was written the number may be the part that changed.
        let seq = if link.intact { link.seq } else { expected };
        self.tip = Some(Tip { seq, hash: link.hash });
        let linked = match before {
            Some(tip) => link.prev == tip.hash,
            None => link.seq != 1 || link.prev == Hash::default(),
        };
        match () {
            () if !link.intact => Err(Fault::Altered),
            () if !linked => Err(Fault::Unlinked),
            () if link.seq != expected => Err(Fault::Numbered { expected }),
            () => Ok(()),
        }
    }
}
