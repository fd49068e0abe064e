//! Whole clusters in one process: the real node over pipes in memory, on disks that fill up and in memory that flips bits.
//!
//! `cluster` starts them, `disk` is a disk that can be full; every other module is a group of tests.

mod cluster;
mod disk;
mod disk_full;
mod divergence;
mod members;
mod pace;
