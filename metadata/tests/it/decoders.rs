//! Bytes and text from anywhere: a decoder says no, never panics, and never takes more memory than a small multiple of them.

use crate::fixture::{World, topic};
use crate::samples;
use damage::{cases, damaged};
use metadata::digest::Digest;
use metadata::draw::Preview;
use metadata::envelope::{EnvelopeError, Kind, VERSION, holds, open, seal};
use metadata::frame::Frame;
use metadata::scrub::Scrub;
use metadata::{Change, Entry, Machine, State, slice, snapshot};
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::LazyLock;

/// A kind of bytes, with its decoder; a value that was decoded must survive another round.
type Decoder = (Kind, fn(&[u8]) -> bool);

const DECODERS: [Decoder; 6] = [
    (Kind::Entry, |bytes| survives(open(Kind::Entry, bytes), |entry: &Entry| seal(Kind::Entry, entry), |bytes| open(Kind::Entry, bytes))),
    (Kind::Frame, |bytes| survives(Frame::decode(bytes), Frame::encode, Frame::decode)),
    (Kind::State, |bytes| survives(snapshot::decode_state(bytes), snapshot::encode_state, snapshot::decode_state)),
    (Kind::Machine, |bytes| {
        holds(Kind::Machine, bytes) && survives(snapshot::decode_machine(bytes), snapshot::encode_machine, snapshot::decode_machine)
    }),
    (Kind::AdmittedMachine, |bytes| {
        holds(Kind::AdmittedMachine, bytes) && survives(snapshot::decode_machine(bytes), snapshot::encode_machine, snapshot::decode_machine)
    }),
    (Kind::Slice, |bytes| slice::decode(bytes).is_ok()),
];

fn survives<T: PartialEq>(
    decoded: Result<T, EnvelopeError>,
    encode: impl Fn(&T) -> Result<Vec<u8>, EnvelopeError>,
    decode: impl Fn(&[u8]) -> Result<T, EnvelopeError>,
) -> bool {
    let Ok(value) = decoded else { return false };
    assert!(decode(&encode(&value).unwrap()).is_ok_and(|again| again == value));
    true
}

/// Good bytes of every kind.
static GOOD: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let machine = samples::machine();
    let topics: Vec<_> = machine.state.topics_after(None).map(|topic| topic.id).collect();
    let mut good: Vec<Vec<u8>> = samples::entries().iter().map(|(_, entry)| seal(Kind::Entry, entry).unwrap()).collect();
    good.extend(samples::frames().iter().map(|(_, frame)| frame.encode().unwrap()));
    good.push(snapshot::encode_machine(&machine).unwrap());
    good.push(snapshot::encode_machine(&samples::admitted()).unwrap());
    good.push(snapshot::encode_state(&machine.state).unwrap());
    good.push(slice::encode(&machine.state, &topics[..1], &topics[1..]).unwrap());
    good
});

fn decoder(bytes: &[u8]) -> Option<&'static Decoder> {
    DECODERS.iter().find(|(kind, _)| bytes.get(2) == Some(&(*kind as u8)))
}

/// The head stays: what it protects from is tested by itself.
const HEAD: usize = 4;

#[test]
fn good_bytes_are_read_by_their_own_decoder_alone() {
    for bytes in GOOD.iter() {
        for (kind, decode) in DECODERS {
            assert_eq!(decode(bytes), bytes[2] == kind as u8, "{kind:?}");
        }
    }
}

#[test]
fn the_head_is_checked_first() {
    let good = Frame::Gone { oldest: 7 }.encode().unwrap();
    let with = |at: usize, byte: u8| good.iter().enumerate().map(|(nth, old)| if nth == at { byte } else { *old }).collect::<Vec<u8>>();
    let left_over: Vec<u8> = good.iter().copied().chain([0]).collect();
    let cases = [
        (good[..3].to_vec(), EnvelopeError::TooShort(3)),
        (with(0, b'q'), EnvelopeError::NotOurs),
        (with(1, b'R'), EnvelopeError::NotOurs),
        (with(2, Kind::Rpc as u8), EnvelopeError::WrongKind { expected: Kind::Frame, found: Kind::Rpc as u8 }),
        (with(3, VERSION + 1), EnvelopeError::TooNew { found: VERSION + 1 }),
        (with(3, 0), EnvelopeError::TooNew { found: 0 }),
        (left_over, EnvelopeError::Damaged("1 bytes are left over".to_owned())),
    ];
    for (bytes, expected) in cases {
        assert_eq!(Frame::decode(&bytes), Err(expected));
    }
    assert!(matches!(Frame::decode(&good[..4]), Err(EnvelopeError::Damaged(_))));
}

#[test]
fn no_part_of_good_bytes_is_good() {
    for bytes in GOOD.iter() {
        let (_, decode) = decoder(bytes).unwrap();
        assert!((0..bytes.len()).all(|end| !decode(&bytes[..end])));
    }
}

#[test]
fn a_damaged_snapshot_is_never_taken_for_a_good_one() {
    // One bit anywhere: refused, or the same state in another spelling; the digests see to that.
    let machine = samples::machine();
    let bytes = snapshot::encode_machine(&machine).unwrap();
    for bit in 32..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = snapshot::decode_machine(&damaged) {
            // Revision and time are not entities, so no digest covers them; the store's checksum does.
            assert_eq!(other.state.digest(), machine.state.digest(), "bit {bit}");
            assert_eq!(other.keys, machine.keys, "bit {bit}");
        }
    }
}

#[test]
fn a_digest_is_32_hex_digits() {
    let text = "0123456789abcdef0123456789ABCDEF";
    assert_eq!(Digest::from_hex(text).unwrap().to_string(), text.to_lowercase());
    for bad in ["", "0", &text[1..], &format!("{text}0"), &format!("+{}", &text[1..]), &format!("g{}", &text[1..]), &"ä".repeat(16)] {
        assert_eq!(Digest::from_hex(bad), None, "{bad:?}");
    }
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn any_bytes_are_survived(head in 0usize..5, content in prop::collection::vec(any::<u8>(), 0..300)) {
        for (kind, decode) in DECODERS {
            let whole = [&[b'Q', b'r', kind as u8, VERSION][..head.min(4)], &content].concat();
            decode(&whole);
        }
    }

    #[test]
    fn damaged_bytes_are_survived(bytes in damaged(GOOD.clone(), HEAD)) {
        for (_, decode) in DECODERS {
            decode(&bytes);
        }
    }
}

proptest! {
    #![proptest_config(cases(300))]

    // A log that went wrong must not take the node down with it: whatever decodes, applies.
    #[test]
    fn whatever_decodes_is_applied_without_a_panic(entry in damaged(GOOD.clone(), HEAD), machine in damaged(GOOD.clone(), HEAD)) {
        let Ok(entry) = open::<Entry>(Kind::Entry, &entry) else { return Ok(()) };
        let mut world = World::online(&[101, 102]);
        world.create(topic("t", 2, 2));
        let broken = snapshot::decode_machine(&machine).unwrap_or_else(|_| samples::machine());
        for mut machine in [world.machine, Machine::default(), broken] {
            let mut replica = machine.state.clone();
            let (_, commit) = machine.apply(&entry, machine.state.revision().saturating_add(1), 1);
            if let Some(commit) = commit {
                replica.absorb_commit(&commit);
            }
            prop_assert_eq!(&replica, &machine.state);
            prop_assert_eq!(machine.state.digest(), machine.state.digest_from_scratch());
        }
    }

    #[test]
    fn any_token_is_a_preview_or_none(token in "\\PC{0,50}|[0-9a-fA-F+-]{46,50}") {
        if let Some(preview) = Preview::parse(&token) {
            prop_assert_eq!(preview.token(), token.to_ascii_lowercase());
        }
    }

    #[test]
    fn a_scrub_in_parts_comes_to_the_same_digest(most in 1usize..40, picks in prop::collection::vec((any::<Index>(), 0u32..3), 1..30)) {
        let changes = samples::changes();
        let mut state = State::default();
        (1..).zip(picks).for_each(|(index, (pick, _))| state.absorb(index, index, &pick.get(&changes).1));
        let mut scrub = Scrub::new(state.clone());
        let digest = (0..100).find_map(|_| scrub.part(most));
        prop_assert_eq!(digest, Some(state.digest()));
    }

    // A change is taken in whatever it says, and the digest stays that of what is there.
    #[test]
    fn whatever_changes_come_the_digest_is_that_of_the_state(picks in prop::collection::vec((any::<Index>(), 0u32..3), 1..30)) {
        let changes = samples::changes();
        let mut state = State::default();
        for (index, (pick, number)) in (1..).zip(picks) {
            let change = match pick.get(&changes).1.clone() {
                Change::PartitionChanged { topic_id, partition } => {
                    Change::PartitionChanged { topic_id, partition: metadata::Partition { partition: number, ..metadata::Partition::clone(&partition) }.into() }
                }
                Change::ControllersChanged { mut controllers } => {
                    controllers.extend(controllers.clone());
                    Change::ControllersChanged { controllers }
                }
                other => other,
            };
            state.absorb(index, index, &change);
            prop_assert_eq!(state.digest(), state.digest_from_scratch());
        }
    }
}
