//! What measurements of one kind are.

use crate::options::Setup;
use crate::report::Report;
use anyhow::Result;

/// Measurements of one kind.
pub struct Group {
    pub name: &'static str,
    pub about: &'static str,
    pub names: &'static [&'static str],
    pub run: fn(&Setup, &str, &mut Report) -> Result<()>,
}
