//! The address of a form that was refused without JavaScript.

use metadata::Code;

/// The address of a form after a refusal.
pub fn way_back(path: &str, query: &str, code: Code) -> String {
    format!("{path}?{query}refused={}", code.name())
}
