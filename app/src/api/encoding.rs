//! Answers travel as postcard, which the browser already speaks for the feed.

use leptos::server_fn::codec::Post;
use leptos::server_fn::{ContentType, Decodes, Encodes, Format, FormatType};
use serde::{Serialize, de::DeserializeOwned};

/// The type of an encoded answer.
pub const CONTENT_TYPE: &str = "application/octet-stream";

/// The encoding of an answer.
pub struct Binary;

/// The output parameter of a server function.
pub type Answered = Post<Binary>;

impl ContentType for Binary {
    const CONTENT_TYPE: &'static str = CONTENT_TYPE;
}

impl FormatType for Binary {
    const FORMAT_TYPE: Format = Format::Binary;
}

impl<T: Serialize> Encodes<T> for Binary {
    type Error = postcard::Error;

    fn encode(value: &T) -> Result<leptos::server_fn::Bytes, Self::Error> {
        postcard::to_allocvec(value).map(Into::into)
    }
}

impl<T: DeserializeOwned> Decodes<T> for Binary {
    type Error = postcard::Error;

    fn decode(bytes: leptos::server_fn::Bytes) -> Result<T, Self::Error> {
        postcard::from_bytes(&bytes)
    }
}
