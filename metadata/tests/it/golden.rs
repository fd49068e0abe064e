//! The bytes of every encoding, kept for ever: an old log, an old snapshot and an old feed must decode.
//!
//! Each file holds a line per value, its name and its bytes. `UPDATE_GOLDEN=1` writes the lines that are missing and
//! never one that is there: a line that no longer fits is a broken promise, not an outdated file.

use crate::{samples, samples_second, samples_small};
use metadata::envelope::{Kind, open, seal};
use metadata::frame::Frame;
use metadata::{Code, State, TopicId, slice, snapshot};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

struct File {
    name: &'static str,
    text: &'static str,
}

macro_rules! file {
    ($name:literal) => {
        File { name: $name, text: include_str!(concat!("../golden/", $name)) }
    };
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

impl File {
    fn lines(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.text.lines().map(|line| line.split_once(' ').expect("a name and its bytes"))
    }

    /// The stored bytes of these, which must be these; stored ones without a value are a failure too.
    fn check(&self, encoded: &[(String, Vec<u8>)]) -> Vec<Vec<u8>> {
        let mut missing = String::new();
        let stored = encoded.iter().map(|(name, now)| match self.lines().find(|(stored, _)| stored == name) {
            Some((_, then)) => {
                assert_eq!(hex(now), then, "{name} of {} is not encoded as it was", self.name);
                bytes(then)
            }
            None => {
                missing += &format!("{name} {}\n", hex(now));
                now.clone()
            }
        });
        let stored = stored.collect();
        for (name, _) in self.lines() {
            assert!(encoded.iter().any(|(known, _)| known == name), "{name} of {} has no value here any more", self.name);
        }
        if !missing.is_empty() {
            self.add(&missing);
        }
        stored
    }

    #[cfg(not(target_family = "wasm"))]
    fn add(&self, lines: &str) {
        use std::io::Write;
        assert!(std::env::var_os("UPDATE_GOLDEN").is_some(), "{} lacks these, write them with UPDATE_GOLDEN=1:\n{lines}", self.name);
        let path = format!("{}/tests/golden/{}", env!("CARGO_MANIFEST_DIR"), self.name);
        std::fs::OpenOptions::new()
            .append(true)
            .open(path)
            .and_then(|mut file| file.write_all(lines.as_bytes()))
            .expect("the golden file is writable");
    }

    #[cfg(target_family = "wasm")]
    fn add(&self, lines: &str) {
        panic!("{} lacks these, write them natively with UPDATE_GOLDEN=1:\n{lines}", self.name);
    }

    /// The same for values that travel in an envelope of this kind.
    fn check_values<T: Serialize + DeserializeOwned + PartialEq + Debug>(&self, kind: Kind, values: &[(impl AsRef<str>, T)]) {
        let encoded: Vec<_> = values.iter().map(|(name, value)| (name.as_ref().to_owned(), seal(kind, value).unwrap())).collect();
        for (stored, (_, value)) in self.check(&encoded).iter().zip(values) {
            assert_eq!(&open::<T>(kind, stored).unwrap(), value);
        }
    }
}

#[test]
fn golden_commands() {
    file!("command.hex").check_values(Kind::Entry, &samples::commands());
}

#[test]
fn golden_intents() {
    file!("intent.hex").check_values(Kind::Entry, &samples::intents());
}

#[test]
fn golden_entries() {
    file!("entry.hex").check_values(Kind::Entry, &samples::entries());
}

#[test]
fn golden_changes() {
    file!("change.hex").check_values(Kind::Frame, &samples::changes());
}

#[test]
fn golden_frames() {
    file!("frame.hex").check_values(Kind::Frame, &samples::frames());
    file!("second_frame.hex").check_values(Kind::Frame, &[("Commit", Frame::Commit(samples_second::second_commit().into()))]);
    let pulses: Vec<_> = samples_small::backups().into_iter().map(|(name, backup)| (name, samples::pulse(backup))).collect();
    file!("pulse.hex").check_values(Kind::Frame, &pulses);
}

#[test]
fn golden_small_enums() {
    file!("broker_state.hex").check_values(Kind::Entry, &samples_small::broker_states());
    file!("recovery_state.hex").check_values(Kind::Entry, &samples_small::recovery_states());
    file!("config_op.hex").check_values(Kind::Entry, &samples_small::config_op_kinds());
    file!("expected.hex").check_values(Kind::Entry, &samples::expectations());
    file!("outcome.hex").check_values(Kind::Machine, &samples::group_outcomes());
    file!("reason.hex").check_values(Kind::Entry, &samples_second::reasons());
    file!("reassignment_state.hex").check_values(Kind::Entry, &samples_second::reassignment_states());
    file!("move_state.hex").check_values(Kind::Entry, &samples_second::move_states());
    file!("move_end.hex").check_values(Kind::Entry, &samples_second::move_ends());
    file!("source.hex").check_values(Kind::Entry, &samples_second::sources());
    file!("role.hex").check_values(Kind::Frame, &samples_small::roles());
    file!("level.hex").check_values(Kind::Frame, &samples_small::levels());
    let codes: Vec<_> = Code::ALL.iter().map(|code| (code.name(), *code)).collect();
    file!("code.hex").check_values(Kind::Machine, &codes);
}

#[test]
fn golden_history() {
    file!("beside.hex").check_values(Kind::Entry, &samples_second::besides());
}

#[test]
fn golden_snapshots() {
    let full = samples::machine();
    let admitted = samples::admitted();
    let second = samples_second::second();
    let bound = samples_second::bound();
    let guarded = samples_second::guarded();
    let both = [&full, &admitted, &second, &bound, &guarded];
    let encoded: Vec<_> = ["full", "admitted", "second", "bound", "guarded"]
        .into_iter()
        .zip(both)
        .map(|(name, one)| (name.to_owned(), snapshot::encode_machine(one).unwrap()))
        .collect();
    for (stored, machine) in file!("machine.hex").check(&encoded).iter().zip(both) {
        assert_eq!(&snapshot::decode_machine(stored).unwrap(), machine);
    }
    let states = [("full", &full.state), ("second", &second.state)];
    let encoded = states.map(|(name, state)| (name.to_owned(), snapshot::encode_state(state).unwrap()));
    for (stored, (_, expected)) in file!("state.hex").check(&encoded).iter().zip(states) {
        let state = snapshot::decode_state(stored).unwrap();
        assert_eq!(&state, expected);
        // It holds its digest, which decoding compared: so the digest, too, stays what it was for ever.
        assert_eq!(state.digest_from_scratch(), expected.digest());
    }
}

#[test]
fn golden_slices() {
    slices(&file!("slice.hex"), &samples::machine().state);
    slices(&file!("second_slice.hex"), &samples_second::second().state);
}

fn slices(file: &File, state: &State) {
    let topics: Vec<TopicId> = state.topics_after(None).map(|topic| topic.id).collect();
    let cases: [(&str, &[TopicId], &[TopicId]); 3] = [("bare", &[], &[]), ("rows", &topics, &[]), ("whole", &topics[..1], &topics[1..])];
    let encode = |state: &State| -> Vec<_> {
        cases.iter().map(|(name, rows, whole)| ((*name).to_owned(), slice::encode(state, rows, whole).unwrap())).collect()
    };
    for (stored, (name, rows, whole)) in file.check(&encode(state)).iter().zip(cases) {
        let slice = slice::decode(stored).unwrap();
        assert_eq!(slice::encode(&slice, rows, whole).unwrap(), *stored, "{name}");
        assert_eq!(
            (slice.digest(), slice.revision(), slice.topic_count()),
            (state.digest(), state.revision(), state.topic_count()),
            "{name}"
        );
    }
}
