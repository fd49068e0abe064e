//! Good bytes that something happened to.

use proptest::prelude::*;
use proptest::sample::Index;

/// As a postcard length: more than any memory.
const BOMB: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];

#[derive(Clone, Debug)]
pub enum Damage {
    Flip(Index, u8),
    Cut(Index),
    Drop(Index),
    Insert(Index, u8),
    /// A length that nothing could hold.
    Bomb(Index),
    /// What follows elsewhere follows here.
    Splice(Index, Index),
}

impl Damage {
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let at = |index: &Index| index.index(bytes.len());
        match self {
            Damage::Flip(index, bits) => {
                let at = at(index);
                bytes[at] ^= bits;
            }
            Damage::Cut(index) => bytes.truncate(at(index)),
            Damage::Drop(index) => drop(bytes.remove(at(index))),
            Damage::Insert(index, byte) => bytes.insert(at(index), *byte),
            Damage::Bomb(index) => {
                let at = at(index);
                bytes.splice(at..at + 1, BOMB);
            }
            Damage::Splice(to, from) => {
                let (to, tail) = (at(to), bytes[at(from)..].to_vec());
                bytes.truncate(to);
                bytes.extend(tail);
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<Index>(), 1u8..).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => any::<Index>().prop_map(Damage::Drop),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        2 => any::<Index>().prop_map(Damage::Bomb),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(to, from)| Damage::Splice(to, from)),
    ]
}

/// One of these, damaged up to three times.
pub fn damaged(good: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (any::<Index>(), prop::collection::vec(damage(), 1..4)).prop_map(move |(which, damages)| {
        let mut bytes = which.get(&good).clone();
        damages.iter().for_each(|damage| damage.apply(&mut bytes));
        bytes
    })
}

/// Each of these with a length that nothing could hold in place of each of its bytes.
pub fn bombed(good: &[Vec<u8>]) -> impl Iterator<Item = Vec<u8>> {
    good.iter().flat_map(|bytes| {
        (0..bytes.len()).map(|at| {
            let mut bombed = bytes.clone();
            bombed.splice(at..at + 1, BOMB);
            bombed
        })
    })
}
