//! The storage service against the real rules: its copy, its disk, its decisions, and its whole life with a fake controller.

mod cluster;
mod decoders;
mod disk;
mod fake;
mod followers;
mod lifecycle;
mod replica;
