//! Tests of whole clusters: real processes, real ports, real disks, and what people and brokers see from outside.
//!
//! * `cluster` starts, kills, pauses and restarts processes (`process`); `api` and `feed` are clients that hold every
//!   answer to the contract, and to its own `description`; `fake` stands in for brokers, `load` makes topics while something goes wrong,
//!   `backup` reads the SQL backup, `wait` waits. `register` records what clients were told of a name, `linear` says whether
//!   that can have happened. `subscriber` follows the feed over many connections, `small_disk` is one that can be filled.
//! * Every other module is a group of tests.
//!
//! `QUORATE_BIN` names the binary under test, `QUORATE_TEST_CLUSTERS` how many clusters live at once (2),
//! `QUORATE_SEED` repeats a run's dice, `QUORATE_KILL_ROUNDS` is how often `kill_loop` kills (6), `QUORATE_TEST_KEEP` keeps the directory of a test that failed.

mod api;
mod backup;
mod claim;
mod cluster;
mod description;
mod fake;
mod feed;
mod linear;
mod load;
mod process;
mod register;
mod small_disk;
mod subscriber;
mod wait;

mod allocator;
mod answers;
mod apply_files;
mod backup_trouble;
mod backup_whole;
mod bad_input;
mod broker_killed;
mod creation;
mod cut_off;
mod deletion;
mod disk_full;
mod door;
mod event_stream;
mod failure;
mod feed_guarantees;
mod growth;
mod history;
mod idempotency;
mod identity;
mod keys_survive_leaders;
mod kill_loop;
mod leaderless;
mod linear_tests;
mod logs;
mod members;
mod metrics;
mod moves;
mod nginx;
mod paused_leader;
mod people;
mod people_audit;
mod people_provider;
mod people_storm;
mod pgbouncer;
mod placement;
mod postgres;
mod preview;
mod restore;
mod resume;
mod rights;
mod services;
mod set_up;
mod silent;
mod starting;
mod steering;
mod stopping;
mod talkative;
mod time_travel;
mod tls;
mod topic_settings;
mod under_load;
mod upgrade;
mod verbs;
mod verdict;
