//! Tokens of service accounts as text: `qrt_<id>_<secret>_<crc32>`. What searches for leaked secrets finds them by their beginning, and a
//! wrong character is told from a token that is revoked.

use crate::usage::Usage;
use http::HeaderValue;
use metadata::SecretHash;
use metadata::access::NewToken;
use std::path::Path;
use uuid::Uuid;

/// Where a token is when no file is named.
const VARIABLE: &str = "QUORATE_TOKEN";
const PREFIX: &str = "qrt";
const ID_DIGITS: usize = 12;
const SECRET_DIGITS: usize = 64;
const CHECK_DIGITS: usize = 8;

/// A new one, and what is replicated of it; its secret has 244 random bits.
pub fn new(holds_ms: u64) -> (NewToken, String) {
    let id = Uuid::new_v4().simple().to_string()[..ID_DIGITS].to_owned();
    let body = format!("{PREFIX}_{id}_{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let text = format!("{body}_{}", check(&body));
    (NewToken { id, hash: SecretHash::of(&text), holds_ms }, text)
}

/// Whether a text is meant to be one.
pub fn looks_like_one(text: &str) -> bool {
    text.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with('_'))
}

/// The id of one; none where the text is no whole token.
pub fn id_of(text: &str) -> Option<&str> {
    let (body, found) = text.rsplit_once('_')?;
    let mut parts = body.split('_');
    let (prefix, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
    let hex = |part: &str, digits: usize| part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let whole = prefix == PREFIX && hex(id, ID_DIGITS) && hex(secret, SECRET_DIGITS) && hex(found, CHECK_DIGITS) && parts.next().is_none();
    (whole && found == check(body)).then_some(id)
}

/// As a header, what a file holds or else the environment; none where neither is said.
///
/// # Errors
/// [`Usage`] when the file cannot be read, or what is there is no token.
pub fn shown(file: Option<&Path>) -> Result<Option<HeaderValue>, Usage> {
    let (whence, text) = match file {
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|error| Usage(format!("--token-file {}: {error}", file.display())))?;
            (format!("--token-file {}", file.display()), text)
        }
        None => match std::env::var(VARIABLE) {
            Ok(text) if !text.is_empty() => (VARIABLE.to_owned(), text),
            _ => return Ok(None),
        },
    };
    // It may be nearly right: a token is not repeated.
    let no = || Usage(format!("{whence}: that is no token, qrt_…; it is not whole, or a character is wrong"));
    let text = text.trim();
    id_of(text).ok_or_else(no)?;
    let mut header = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| no())?;
    header.set_sensitive(true);
    Ok(Some(header))
}

fn check(body: &str) -> String {
    format!("{:0CHECK_DIGITS$x}", crc32fast::hash(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_says_its_id_and_a_damaged_one_nothing() {
        let (token, text) = new(1);
        assert_eq!(id_of(&text), Some(token.id.as_str()));
        assert_ne!(new(1).1, text);
        for (at, _) in text.char_indices() {
            let mut damaged = text.clone();
            let other = if text.as_bytes()[at] == b'0' { "1" } else { "0" };
            damaged.replace_range(at..=at, other);
            assert_eq!(id_of(&damaged), None, "{damaged}");
            assert_eq!(id_of(&text[..at]), None);
        }
    }

    proptest! {
        #![proptest_config(damage::cases(1_000))]

        #[test]
        fn any_text_is_one_or_none(text in "(qrt_)?[0-9a-f_é]{0,90}") {
            prop_assert_eq!(id_of(&text), None);
        }
    }
}
