//! Tokens that prove too little.

use crate::provider::{Key, SECRET};
use crate::world::{NOW_MS, World};
use oidc::OidcError;
use serde_json::{Value, json};

const NOW: u64 = NOW_MS / 1_000;
const OTHER_CLIENT: &str = "it was issued for another client";
const ALGORITHM: &str = "it is signed neither with RS256 nor with ES256";
const UNREADABLE: &str = "it cannot be read";

#[tokio::test]
async fn claims_have_to_be_of_this_sign_in() -> anyhow::Result<()> {
    let world = World::new().await?;
    for (claims, expected) in [
        (json!({}), None),
        (json!({ "nonce": "another" }), Some("it was issued for another sign-in")),
        (json!({ "nonce": null }), Some("it was issued for another sign-in")),
        (json!({ "iss": "https://idp.example" }), Some("another provider issued it")),
        (json!({ "iss": format!("{}/", world.idp.issuer()) }), Some("another provider issued it")),
        (json!({ "iss": null }), Some(UNREADABLE)),
        (json!({ "aud": "another" }), Some(OTHER_CLIENT)),
        (json!({ "aud": [] }), Some(OTHER_CLIENT)),
        (json!({ "aud": null }), Some(OTHER_CLIENT)),
        (json!({ "aud": ["quorate", "another"] }), Some(OTHER_CLIENT)),
        (json!({ "azp": "another" }), Some(OTHER_CLIENT)),
        // The clocks may differ by a minute.
        (json!({ "exp": NOW - 59 }), None),
        (json!({ "exp": NOW - 60 }), Some("it holds no more: compare the clocks")),
        (json!({ "exp": null }), Some(UNREADABLE)),
        (json!({ "iat": NOW + 60 }), None),
        (json!({ "iat": NOW + 61 }), Some("it was issued in the future: compare the clocks")),
        (json!({ "sub": null }), Some(UNREADABLE)),
    ] {
        world.idp.wishes().claims = claims.clone();
        let expected = expected.map(OidcError::BadToken);
        assert_eq!(world.sign_in().await?.err(), expected, "{claims}");
    }
    Ok(())
}

#[tokio::test]
async fn only_a_signature_of_the_providers_key_counts() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.idp.wishes().keys = vec![Key::Es256(1), Key::Rs512];
    let public = Key::public(1);
    for (key, expected) in [
        (Key::None, ALGORITHM),
        // What everybody knows, taken for a secret.
        (Key::Hs256(public.clone()), ALGORITHM),
        (Key::Hs256(public[1..33].to_vec()), ALGORITHM),
        // A secret that others know as well: whoever runs another part of this client.
        (Key::Hs256(SECRET.as_bytes().to_vec()), ALGORITHM),
        (Key::Es256(2), "it is signed with a key that is not the provider's"),
        (Key::Rs512, ALGORITHM),
    ] {
        let id = key.id();
        world.idp.wishes().signs_with = key;
        assert_eq!(world.sign_in().await?, Err(OidcError::BadToken(expected)), "{id}");
    }
    Ok(())
}

#[tokio::test]
async fn a_key_with_the_id_of_another_does_not_count() -> anyhow::Result<()> {
    let world = World::new().await?;
    // Published under the id that the token names, and not what it is signed with.
    world.idp.wishes().signs_with = Key::Forged(2);
    assert_eq!(world.sign_in().await?, Err(OidcError::BadToken("its signature is wrong")));
    Ok(())
}

#[tokio::test]
async fn errors_hold_nothing_that_is_secret_or_the_providers_words() -> anyhow::Result<()> {
    let world = World::new().await?;
    let wrong: [Value; 4] =
        [json!({ "nonce": "another" }), json!({ "aud": "another" }), json!({ "groups": ["secret-group"] }), json!({ "exp": 1 })];
    for claims in wrong {
        world.idp.wishes().claims = claims;
        let (pending, callback) = world.sent().await?;
        let error = world.oidc.finish(pending.clone(), &callback, NOW_MS).await.err().map(|error| format!("{error} {error:?}"));
        let error = error.unwrap_or_default();
        let code = callback.code.unwrap_or_default();
        for hidden in ["eyJ", "another\"", "secret-group", "own words", SECRET, &code, &pending.nonce, &pending.state, &pending.verifier] {
            assert!(!error.is_empty() && !error.contains(hidden), "{hidden:?} in {error}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn claims_of_any_shape_are_refused_or_read() -> anyhow::Result<()> {
    let world = World::new().await?;
    let strange = [
        json!(1e300),
        json!(-1e300),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(-0.5),
        json!(true),
        json!("soon"),
        json!("9999-99-99T99:99:99Z"),
        json!([[[]]]),
        json!({ "a": { "b": 1 } }),
        json!("\u{0}\n"),
    ];
    for claim in ["iss", "aud", "sub", "exp", "iat", "nonce", "azp", "acr", "email_verified", "updated_at", "preferred_username", "groups"]
    {
        for value in &strange {
            world.idp.wishes().claims = json!({ claim: value });
            // Whoever is let in nevertheless is who the claims that count say.
            if let Ok(person) = world.sign_in().await? {
                let decides = matches!(claim, "iss" | "aud" | "nonce" | "azp" | "groups");
                let (name, subject) = match claim {
                    "preferred_username" => (value.clone(), json!("0b1e")),
                    "sub" => (json!("anna"), value.clone()),
                    _ => (json!("anna"), json!("0b1e")),
                };
                let sound = !person.subject.chars().any(char::is_control);
                assert!(!decides && sound && json!(person.name) == name && json!(person.subject) == subject, "{claim}: {value}");
            }
        }
    }
    Ok(())
}
