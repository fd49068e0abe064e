//! Good bytes that something happened to, for the tests of every decoder: [`damaged`] for binary forms, [`Stretch`] for text.
//! Nothing but tests depends on this.

use proptest::prelude::*;
use proptest::sample::Index;

/// As a postcard length: more than any memory.
const BOMB: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];

/// What JSON can hold in place of anything else, for [`stretch`].
pub const JSON: &[&str] = &[
    "null",
    "-1",
    "1e400",
    "18446744073709551615",
    "18446744073709551616",
    "4294967295",
    "0",
    "0.5",
    "\"\"",
    "[]",
    "{}",
    "\"\\ud800\"",
    ",",
    "{\"a\":",
    "[[[[",
    "\u{0}",
    "\"",
    "\"name\":1,",
    "\"index\":1,",
];

/// So many cases of a property, unless PROPTEST_CASES asks for another number.
pub fn cases(few: u32) -> ProptestConfig {
    let asked = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { asked.cases } else { few };
    // A failure prints its smallest input; files of old seeds would not exist in WebAssembly.
    ProptestConfig { cases, failure_persistence: None, ..asked }
}

#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Cut(Index),
    Drop(Index),
    Insert(Index, u8),
    /// A length that nothing could hold.
    Bomb(Index),
    /// The end of other good bytes.
    Splice(Index, Index, Index),
}

impl Damage {
    /// Happens to what lies behind the head.
    fn apply(&self, bytes: &mut Vec<u8>, good: &[Vec<u8>], head: usize) {
        if bytes.len() <= head {
            return;
        }
        let at = |index: &Index, bytes: &[u8]| head + index.index(bytes.len() - head);
        match self {
            Damage::Flip(index, bits) => {
                let at = at(index, bytes);
                bytes[at] ^= bits;
            }
            Damage::Cut(index) => bytes.truncate(at(index, bytes)),
            Damage::Drop(index) => drop(bytes.remove(at(index, bytes))),
            Damage::Insert(index, byte) => bytes.insert(at(index, bytes), *byte),
            Damage::Bomb(index) => {
                let at = at(index, bytes);
                bytes.splice(at..at + 1, BOMB);
            }
            Damage::Splice(index, other, from) => {
                let other = other.get(good);
                let (to, from) = (at(index, bytes), at(from, other));
                bytes.truncate(to);
                bytes.extend(&other[from..]);
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
        1 => (any::<Index>(), any::<Index>(), any::<Index>()).prop_map(|(at, other, from)| Damage::Splice(at, other, from)),
    ]
}

/// One of these, each longer than the head, damaged behind it up to three times.
pub fn damaged(good: Vec<Vec<u8>>, head: usize) -> impl Strategy<Value = Vec<u8>> {
    (any::<Index>(), prop::collection::vec(damage(), 1..4)).prop_map(move |(which, damages)| {
        let mut bytes = which.get(&good).clone();
        damages.iter().for_each(|damage| damage.apply(&mut bytes, &good, head));
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

/// A few bytes of a text that become something else.
#[derive(Clone, Debug)]
pub struct Stretch {
    at: Index,
    length: usize,
    put: Vec<u8>,
}

/// Stretches that become one of these tokens, or any bytes.
pub fn stretch(tokens: &'static [&'static str]) -> impl Strategy<Value = Stretch> {
    let token = prop::sample::select(tokens).prop_map(|token| token.as_bytes().to_vec());
    let put = prop_oneof![token, prop::collection::vec(any::<u8>(), 0..4)];
    (any::<Index>(), 0usize..12, put).prop_map(|(at, length, put)| Stretch { at, length, put })
}

impl Stretch {
    /// Puts it into these bytes.
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let at = self.at.index(bytes.len());
        bytes.splice(at..(at + self.length).min(bytes.len()), self.put.iter().copied());
    }
}
