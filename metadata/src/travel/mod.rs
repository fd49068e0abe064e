//! How all of it travels: the [`envelope`] around everything binary, the [`frame`]s of the feed, the whole state as a [`snapshot`], what one page
//! shows as a [`mod@slice`], and the JSON form.

pub mod envelope;
pub mod frame;
#[cfg(feature = "json")]
pub mod json;
pub mod slice;
pub mod snapshot;
