//! What was committed: how a page comes by it, and the list of it.

mod card;
mod list;
mod loading;

pub use card::PastCard;
pub use list::{PastList, befores};
pub use loading::{Looking, use_past};
