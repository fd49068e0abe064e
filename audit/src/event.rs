//! What is noted, and how much of it is kept.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Characters of each field: strangers choose some of them.
pub const LONGEST_FIELD: usize = 256;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    SignedIn,
    SignInRefused,
    SignedOut,
    /// A call or a page was refused: 401, 403 or 429.
    Refused,
    /// The first account was made.
    SetUp,
    PasswordChanged,
    /// A person changed accounts, roles or tokens, or revoked something.
    AccountsChanged,
    /// The log's own: so many refusals were too many different ones to be told apart.
    Overflow,
    /// The log's own: the last line was not whole when the node started, and went.
    Torn,
    /// The log's own: a file does not hold what was written.
    Broken,
    /// The log's own: so many events could not be written.
    Lost,
}

impl Kind {
    /// Whether strangers can bring it about as often as they like.
    pub(crate) fn is_refusal(self) -> bool {
        matches!(self, Kind::SignInRefused | Kind::Refused)
    }
}

/// Something that happened. Of each text [`LONGEST_FIELD`] characters are kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    pub kind: Kind,
    /// Who it was, or said to be.
    pub principal: Option<String>,
    /// What proved it, by its name: never a secret.
    pub credential: Option<String>,
    pub address: Option<IpAddr>,
    /// An operation's name, or "sign in".
    pub what: String,
    /// The refusal's code.
    pub code: Option<String>,
    pub detail: Option<String>,
}

impl Event {
    /// One of the log's own.
    pub(crate) fn own(kind: Kind, what: impl Into<String>, detail: Option<String>) -> Self {
        Event { kind, principal: None, credential: None, address: None, what: what.into(), code: None, detail }
    }

    /// As it is written.
    pub(crate) fn clipped(mut self) -> Self {
        clip(&mut self.what);
        [&mut self.principal, &mut self.credential, &mut self.code, &mut self.detail].into_iter().flatten().for_each(clip);
        self
    }
}

fn clip(text: &mut String) {
    if text.chars().nth(LONGEST_FIELD).is_none() {
        return;
    }
    if let Some((end, _)) = text.char_indices().nth(LONGEST_FIELD - 1) {
        text.truncate(end);
        text.shrink_to_fit();
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_keeps_so_many_characters_and_shows_that_it_had_more() {
        for (character, extra, whole) in [('a', 0, true), ('a', 1, false), ('ü', 0, true), ('\u{1f980}', 1, false), ('\u{1}', 9_000, false)]
        {
            let given: String = std::iter::repeat_n(character, LONGEST_FIELD + extra).collect();
            let mut text = given.clone();
            clip(&mut text);
            assert_eq!(text.chars().count(), LONGEST_FIELD, "{character:?} and {extra} more");
            assert_eq!((text == given, text.ends_with('…')), (whole, !whole), "{character:?} and {extra} more");
        }
        let mut short = String::from("short");
        clip(&mut short);
        assert_eq!(short, "short");
    }
}
