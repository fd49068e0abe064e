//! What the controllers stand on here: time, chance, machines, disks and a network, all of which follow from the seed.
//!
//! Each machine is a tokio runtime of its own with its own paused clock, stepped by the millisecond: dropping it is `kill -9`, not
//! stepping it is `SIGSTOP`, and stepping it by more or less than the others is a clock that drifts.

pub mod chance;
pub mod disk;
pub mod machine;
pub mod network;
pub mod time;
