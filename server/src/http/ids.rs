//! Ids of 16 bytes as callers write them: a UUID, or the 22 characters that Kafka's tools print (base64url without padding).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// The id in either form; none for any other text.
pub fn read(text: &str) -> Option<Uuid> {
    let kafka = || URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| Uuid::from_slice(&bytes).ok());
    Uuid::try_parse(text).ok().or_else(kafka)
}

/// Both forms, as a refusal lists what is allowed.
pub fn both(id: Uuid) -> String {
    format!("{id}, or {} as Kafka writes it", URL_SAFE_NO_PAD.encode(id.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_form_is_read_and_nothing_else() {
        let id = Uuid::from_u128(0x0f1e_2d3c_4b5a_6978_8796_a5b4_c3d2_e1f0);
        let kafka = URL_SAFE_NO_PAD.encode(id.as_bytes());
        assert_eq!(kafka.len(), 22);
        for text in
            ["0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0", "0f1e2d3c4b5a69788796a5b4c3d2e1f0", &kafka]
        {
            assert_eq!(read(text), Some(id), "{text}");
        }
        assert_eq!(read("AAAAAAAAAAAAAAAAAAAAAQ"), Some(Uuid::from_u128(1)), "METADATA_TOPIC_ID of Kafka");
        assert_eq!(read("-_-_-_-_-_-_-_-_-_-_-Q").map(|id| id.as_bytes()[0]), Some(0xfb));
        // Padding, standard alphabet, too short, too long, bits that no id has, and names.
        for text in [
            "",
            "AAAAAAAAAAAAAAAAAAAAAQ==",
            "+/+/+/+/+/+/+/+/+/+/+Q",
            "AAAA",
            "AAAAAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAR",
            "my-cluster",
            " ",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
