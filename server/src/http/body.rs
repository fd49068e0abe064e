//! Strict JSON bodies: of the right type, not too large, without unknown fields; what is wrong is named with its path.

use super::doubled::Once;
use super::problem::Refused;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use metadata::{Code, Rejection};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The largest body of most calls.
pub const ONE_MIB: usize = 1 << 20;
/// The largest body of a batch.
pub const EIGHT_MIB: usize = 8 << 20;
/// What is read and dropped of a body that is too large, at most.
const MOST_DRAINED: usize = 64 << 20;
const DRAINED_WITHIN: Duration = Duration::from_secs(5);
/// A body that takes longer is not waited for: one that comes byte by byte would keep its caller's place for ever.
const WHOLE_WITHIN: Duration = Duration::from_secs(120);

fn too_large(size: &str, limit: usize) -> Refused {
    Rejection::new(Code::PayloadTooLarge, format!("The body is larger than {limit} bytes"))
        .at("body", size, format!("at most {limit} bytes"))
        .into()
}

/// Takes what a caller is still sending and drops it: one whose connection just ends would not read why.
async fn drain(mut body: Body) {
    let mut left = MOST_DRAINED;
    let taken = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // Whoever sends slower than this is cut off.
    drop(tokio::time::timeout(DRAINED_WITHIN, taken).await);
}

/// Reads a body whole.
///
/// # Errors
/// PAYLOAD_TOO_LARGE, or INVALID_REQUEST when it ends early or takes longer than two minutes.
pub async fn bytes(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refused> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if let Some(length) = announced.filter(|length| *length > limit) {
        drain(body).await;
        return Err(too_large(&format!("{length} bytes"), limit));
    }
    let mut body = body;
    let Ok(collected) = tokio::time::timeout(WHOLE_WITHIN, Limited::new(&mut body, limit).collect()).await else {
        let late = Rejection::new(Code::InvalidRequest, "The body did not arrive whole in time");
        return Err(late
            .at("body", format!("not whole after {} s", WHOLE_WITHIN.as_secs()), format!("within {} s", WHOLE_WITHIN.as_secs()))
            .into());
    };
    match collected {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            drain(body).await;
            Err(too_large(&format!("more than {limit} bytes"), limit))
        }
        Err(error) => Err(Refused::new(Code::InvalidRequest, format!("The body did not arrive whole: {error}"))),
    }
}

/// Lets a call through that needs no body and has none; an empty object is none.
///
/// # Errors
/// INVALID_REQUEST: whoever sends something means something by it, and it would be ignored.
pub async fn none(request: Request, next: Next) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let no = |value: String| Rejection::new(Code::InvalidRequest, "This call takes no body").at("body", value, "nothing, or {}");
    let read = bytes(&parts.headers, body, ONE_MIB).await.map_err(|_| no(format!("more than {ONE_MIB} bytes, or not whole")))?;
    let empty =
        read.trim_ascii().is_empty() || serde_json::from_slice::<serde_json::Map<_, _>>(&read).is_ok_and(|object| object.is_empty());
    if !empty {
        return Err(no(format!("{} bytes", read.len())).into());
    }
    Ok(next.run(Request::from_parts(parts, Body::empty())).await)
}

/// Reads a JSON body whose bytes are here.
///
/// # Errors
/// UNSUPPORTED_MEDIA_TYPE, or INVALID_REQUEST with the field, its value and what is allowed.
pub fn json<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Refused> {
    let given = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let essence = given.as_deref().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence != "application/json" {
        let no = Rejection::new(Code::UnsupportedMediaType, "The body has to be JSON").at(
            "Content-Type",
            given.unwrap_or_default(),
            "application/json",
        );
        return Err(no.into());
    }
    // serde would take a list for an object, by the order of the fields.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        let no = Rejection::new(Code::InvalidRequest, "The body has to be an object");
        return Err(no.at("body", "a list", "a JSON object").into());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| explain(&error.path().to_string(), error.inner()))?;
    deserializer.end().map_err(|error| explain("body", &error))?;
    let mut again = serde_json::Deserializer::from_slice(bytes);
    let Once = serde_path_to_error::deserialize(&mut again).map_err(|error| explain(&error.path().to_string(), error.inner()))?;
    Ok(value)
}

fn quoted(message: &str) -> Option<(&str, &str)> {
    let (_, rest) = message.split_once('`')?;
    rest.split_once('`')
}

/// Turns serde's sentence into a field, a value and what is allowed.
fn explain(path: &str, error: &serde_json::Error) -> Refused {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text);
    let path = if path == "." { "" } else { path };
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let or_body = || if path.is_empty() { "body".to_owned() } else { path.to_owned() };
    let (field, value, allowed) = if error.is_syntax() || error.is_eof() {
        ("body".to_owned(), text.clone(), "valid JSON".to_owned())
    } else if let Some((name, rest)) = message.strip_prefix("unknown field ").and_then(quoted) {
        let allowed = rest.trim_start_matches(", expected ").trim_start_matches("one of ").replace('`', "");
        // serde_path_to_error ends the path with the unknown field itself.
        let field = if path.rsplit('.').next() == Some(name) { path.to_owned() } else { at(name) };
        (field, name.to_owned(), allowed)
    } else if let Some((name, _)) = message.strip_prefix("duplicate field ").and_then(quoted) {
        (at(name), "given twice".to_owned(), "once".to_owned())
    } else if let Some((name, _)) = message.strip_prefix("missing field ").and_then(quoted) {
        (at(name), "absent".to_owned(), "a value: it is required".to_owned())
    } else {
        let (found, expected) = message.split_once(", expected ").unwrap_or((message, "a value of another type"));
        let found = found.trim_start_matches("invalid type: ").trim_start_matches("invalid value: ");
        // serde says what it found as: integer `5`, string "x".
        let value = quoted(found).map_or_else(|| found.trim_start_matches("string ").trim_matches('"'), |(value, _)| value);
        (or_body(), value.to_owned(), expected.to_owned())
    };
    Rejection::new(Code::InvalidRequest, format!("The body cannot be used: {text}")).at(field, value, allowed).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;
    use futures::stream;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_byte_by_byte_is_not_waited_for() -> anyhow::Result<()> {
        for (count, whole) in [(5, true), (1_000, false)] {
            let pieces = stream::iter(0..count).then(async |_| {
                tokio::time::sleep(Duration::from_secs(20)).await;
                Ok::<_, std::io::Error>(Bytes::from_static(b" "))
            });
            let begun = Instant::now();
            let read = bytes(&HeaderMap::new(), Body::from_stream(pieces), ONE_MIB).await;
            anyhow::ensure!(read.is_ok() == whole, "{count} pieces");
            anyhow::ensure!(begun.elapsed() <= WHOLE_WITHIN + Duration::from_secs(1), "{count} pieces took {:?}", begun.elapsed());
        }
        Ok(())
    }
}
