//! Keys that change while this process runs.

use crate::provider::{Fault, Key};
use crate::world::{NOW_MS, World};
use oidc::OidcError;
use serde_json::json;

const NOT_ITS_KEY: OidcError = OidcError::BadToken("it is signed with a key that is not the provider's");

#[tokio::test]
async fn a_new_key_works_and_one_that_was_dropped_does_not() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.sign_in().await??;
    assert_eq!(world.idp.hits("/jwks"), 1);

    (world.idp.wishes().keys, world.idp.wishes().signs_with) = (vec![Key::Es256(2)], Key::Es256(2));
    world.sign_in().await??;
    assert_eq!(world.idp.hits("/jwks"), 2, "the key was looked for");
    world.sign_in().await??;
    assert_eq!(world.idp.hits("/jwks"), 2, "and is known");

    world.idp.wishes().signs_with = Key::Es256(1);
    assert_eq!(world.sign_in().await?, Err(NOT_ITS_KEY));
    assert_eq!(world.idp.hits("/jwks"), 2, "not twice within a minute");
    world.now_ms = NOW_MS + 59_999;
    assert_eq!(world.sign_in().await?, Err(NOT_ITS_KEY));
    assert_eq!(world.idp.hits("/jwks"), 2);
    world.now_ms = NOW_MS + 60_000;
    assert_eq!(world.sign_in().await?, Err(NOT_ITS_KEY));
    assert_eq!(world.idp.hits("/jwks"), 3, "a minute later it may have become the provider's");
    assert_eq!(world.idp.hits("/.well-known/openid-configuration"), 1);
    Ok(())
}

#[tokio::test]
async fn a_key_that_was_dropped_counts_for_an_hour_at_most() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.sign_in().await??;
    world.idp.wishes().keys = vec![Key::Es256(2)];
    world.sign_in().await??;
    world.now_ms = NOW_MS + 3_600_000;
    world.idp.wishes().now_ms = world.now_ms;
    assert_eq!(world.sign_in().await?, Err(NOT_ITS_KEY));
    assert_eq!(world.idp.hits("/.well-known/openid-configuration"), 2);
    Ok(())
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_leave_those_that_are_known() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.sign_in().await??;
    world.idp.wishes().faults.insert("/jwks", Fault::Status(503));
    world.idp.wishes().signs_with = Key::Es256(2);
    assert!(world.sign_in().await?.is_err_and(|error| error.retryable()));
    world.idp.wishes().signs_with = Key::Es256(1);
    world.sign_in().await??;

    world.idp.wishes().faults.clear();
    (world.idp.wishes().keys, world.idp.wishes().signs_with) = (vec![Key::Es256(2)], Key::Es256(2));
    world.now_ms = NOW_MS + 60_000;
    world.sign_in().await??;
    Ok(())
}

#[tokio::test]
async fn many_with_a_new_key_look_for_it_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.sign_in().await??;
    (world.idp.wishes().keys, world.idp.wishes().signs_with) = (vec![Key::Es256(2)], Key::Es256(2));
    let all = futures::future::join_all((0..8).map(|_| world.sign_in())).await;
    for one in all {
        assert_eq!(one??.name, "anna");
    }
    assert_eq!(world.idp.hits("/jwks"), 2);
    Ok(())
}

#[tokio::test]
async fn keys_that_nobody_can_use_do_no_harm() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.idp.wishes().strange_keys = vec![
        json!({ "kty": "LATTICE", "kid": "es-1" }),
        json!({ "kty": "RSA", "kid": "rs" }),
        json!({ "kty": "RSA", "kid": "rs-2", "n": "", "e": "" }),
        // For encryption, under an id that tokens name.
        json!({ "kty": "EC", "use": "enc", "kid": "es-1", "crv": "P-256", "x": "AA", "y": "AA" }),
        json!({ "kty": "oct", "kid": "es-1", "k": "AA" }),
        json!("no key at all"),
        json!(null),
    ];
    assert_eq!(world.sign_in().await??.name, "anna");
    world.idp.wishes().signs_with = Key::Rs256;
    assert_eq!(world.sign_in().await?, Err(OidcError::BadToken("its signature is wrong")), "a key without its numbers proves nothing");
    Ok(())
}
