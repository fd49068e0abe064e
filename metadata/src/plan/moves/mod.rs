//! Moves (H): `asked` turns what people ask into a reassignment, `balance` finds the least movement for a goal, `off` empties a broker, `factor`
//! changes a topic's replication factor, `board` is the ground on which those three count; `step` is how one move begins, completes and is taken
//! back, `advance` what the leader goes on with.

mod advance;
mod asked;
mod balance;
mod board;
mod effect;
mod factor;
mod off;
mod step;

pub(super) use advance::advance;
pub(super) use asked::{cancel, drain, limit, reassign, rebalance, replace, stop_drain};
pub use effect::after_moves;
pub(super) use factor::change_factor;
pub(super) use step::completion;
pub use step::{Wait, wait_of};
