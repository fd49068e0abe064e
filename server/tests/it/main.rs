//! Tests of whole clusters: real processes, real ports, real disks, and what people and brokers see from outside.
//!
//! * `cluster` starts, kills, pauses and restarts processes (`process`); `api` and `feed` are clients that hold every
//!   answer to the contract, and to its own `description`; `fake` stands in for brokers, `load` makes topics while something goes wrong,
//!   `backup` reads the SQL backup, `wait` waits.
//! * Every other module is a group of tests.
//!
//! `QUORATE_BIN` names the binary under test, `QUORATE_TEST_CLUSTERS` how many clusters live at once (2),
//! `QUORATE_SEED` repeats a run's dice, `QUORATE_TEST_KEEP` keeps the directory of a test that failed.

mod api;
mod backup;
mod cluster;
mod description;
mod fake;
mod feed;
mod load;
mod process;
mod wait;

mod answers;
mod bad_input;
mod creation;
mod deletion;
mod failure;
mod idempotency;
mod leaderless;
mod logs;
mod metrics;
mod placement;
mod preview;
mod resume;
mod services;
mod verbs;
