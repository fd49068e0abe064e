//! A session's cookie: `<id>_<secret>`. Only its hash is kept anywhere.

use http::{HeaderMap, HeaderValue, header};
use uuid::Uuid;

/// Over TLS: no page of another host or path, and no plain answer, can set it.
const SECURE: &str = "__Host-quorate";
/// Over a plain port, where browsers keep no cookie of the other name.
const PLAIN: &str = "quorate-session";
const ID_DIGITS: usize = 12;
const SECRET_DIGITS: usize = 64;

/// The id of a new session, and the whole of it; its secret has 244 random bits.
pub fn new() -> (String, String) {
    let id = Uuid::new_v4().simple().to_string()[..ID_DIGITS].to_owned();
    let text = format!("{id}_{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    (id, text)
}

fn name(secure: bool) -> &'static str {
    if secure { SECURE } else { PLAIN }
}

/// The id of one; none where the text is no whole session.
pub fn id_of(text: &str) -> Option<&str> {
    let (id, secret) = text.split_once('_')?;
    let hex = |part: &str, digits: usize| part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (hex(id, ID_DIGITS) && hex(secret, SECRET_DIGITS)).then_some(id)
}

/// Of a sign-in by a provider that the browser has begun.
const BEGUN: [&str; 2] = ["quorate-begun", "__Host-quorate-begun"];
const BEGUN_HOLDS_S: u32 = 600;

/// What the browser has begun to sign in with.
pub fn begun(headers: &HeaderMap, secure: bool) -> Option<&str> {
    find(headers, BEGUN[usize::from(secure)])
}

/// The header that keeps it until the browser comes back; an empty one takes it away.
pub fn set_begun(state: &str, secure: bool) -> Option<HeaderValue> {
    let holds = if state.is_empty() { 0 } else { BEGUN_HOLDS_S };
    header_of(BEGUN[usize::from(secure)], state, secure, &format!("; Max-Age={holds}"))
}

/// What a browser sends along.
pub fn shown(headers: &HeaderMap, secure: bool) -> Option<&str> {
    find(headers, name(secure))
}

fn find<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == wanted).map(|(_, value)| value)
}

/// The header that gives it to a browser, which forgets it when it is closed.
pub fn set(text: &str, secure: bool) -> Option<HeaderValue> {
    header_of(name(secure), text, secure, "")
}

/// The header that takes it away.
pub fn clear(secure: bool) -> Option<HeaderValue> {
    header_of(name(secure), "", secure, "; Max-Age=0")
}

fn header_of(name: &str, text: &str, secure: bool, more: &str) -> Option<HeaderValue> {
    let only = if secure { "; Secure" } else { "" };
    let mut value = HeaderValue::from_str(&format!("{name}={text}; Path=/; HttpOnly; SameSite=Lax{only}{more}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_only_by_the_name_of_its_way() {
        let (id, text) = new();
        assert_eq!(id_of(&text), Some(id.as_str()));
        assert!(id_of(&text[1..]).is_none() && id_of(&text.to_uppercase()).is_none() && id_of("").is_none());
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("theme=dark"));
        headers.append(header::COOKIE, HeaderValue::from_str(&format!("a=b; __Host-quorate={text}; c")).expect("a header"));
        assert_eq!((shown(&headers, true), shown(&headers, false)), (Some(text.as_str()), None));
        let set = |secure| set(&text, secure).and_then(|value| value.to_str().map(str::to_owned).ok()).unwrap_or_default();
        assert_eq!(set(true), format!("__Host-quorate={text}; Path=/; HttpOnly; SameSite=Lax; Secure"));
        assert_eq!(set(false), format!("quorate-session={text}; Path=/; HttpOnly; SameSite=Lax"));
    }
}
