//! What is held against a run: every commit as it is seen on every node, every call as it was answered, and how it all ends.

pub mod calls;
pub mod record;
pub mod settled;
