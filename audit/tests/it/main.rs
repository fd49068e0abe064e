//! Logs in directories: what is written, what is read of it, and what damage does.

mod chain;
mod files;
mod reading;
mod world;
