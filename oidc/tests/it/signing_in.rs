//! Sign-ins, from the address that a browser is sent to up to the role.

use crate::provider::{Key, SECRET, Takes};
use crate::world::{NOW_MS, RULES, World, client, limits};
use metadata::access::Role;
use oidc::{Callback, OidcError, Person};
use serde_json::{Value, json};

#[tokio::test]
async fn a_person_signs_in() -> anyhow::Result<()> {
    for key in [Key::Es256(1), Key::Rs256] {
        let world = World::new().await?;
        (world.idp.wishes().keys, world.idp.wishes().signs_with) = (vec![key.clone()], key.clone());
        let person = world.sign_in().await??;
        assert_eq!(person, Person { name: "anna".to_owned(), subject: "0b1e".to_owned(), role: Role::Admin }, "{}", key.id());
    }
    Ok(())
}

#[tokio::test]
async fn one_of_several_keys_is_found_by_its_id() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.idp.wishes().keys = vec![Key::Es256(2), Key::Rs256, Key::Es256(1)];
    assert_eq!(world.sign_in().await??.name, "anna");
    Ok(())
}

#[tokio::test]
async fn both_halves_can_be_spawned() -> anyhow::Result<()> {
    let world = World::new().await?;
    let signed = tokio::spawn(async move {
        let (pending, callback) = world.sent().await?;
        anyhow::Ok(world.oidc.finish(pending, &callback, NOW_MS).await?)
    });
    assert_eq!(signed.await??.name, "anna");
    Ok(())
}

#[tokio::test]
async fn the_provider_is_asked_about_itself_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    for _ in 0..3 {
        world.sign_in().await??;
    }
    assert_eq!((world.idp.hits("/.well-known/openid-configuration"), world.idp.hits("/jwks"), world.idp.hits("/token")), (1, 1, 3));
    Ok(())
}

#[tokio::test]
async fn each_sign_in_has_its_own_secrets() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (first, a) = world.oidc.begin(NOW_MS).await?;
    let (second, b) = world.oidc.begin(NOW_MS).await?;
    assert!(a.state != b.state && a.nonce != b.nonce && a.verifier != b.verifier);
    // RFC 7636 section 4.1: 43 to 128 characters.
    assert!((43..=128).contains(&a.verifier.len()), "{}", a.verifier.len());
    for (url, pending) in [(first, a), (second, b)] {
        assert!(!url.as_str().contains(&pending.verifier), "the verifier stays here");
        assert_eq!(format!("{pending:?}"), format!("Pending(begun at {NOW_MS} ms)"));
        let kept: oidc::Pending = serde_json::from_str(&serde_json::to_string(&pending)?)?;
        assert!(kept == pending);
    }
    Ok(())
}

#[tokio::test]
async fn the_first_rule_that_names_a_group_decides() -> anyhow::Result<()> {
    let rules = r#"
        [[rule]]
        group = "suspended"
        role = "viewer"
        [[rule]]
        group = "team-a"
        role = "operator"
        prefixes = ["team-a."]
        [[rule]]
        group = "sre"
        role = "admin"
        [[rule]]
        group = "staff"
        role = "operator"
    "#;
    let world = World::with(rules, limits()).await?;
    let team = Role::Operator { prefixes: vec!["team-a.".to_owned()] };
    for (groups, expected) in [
        (json!(["sre"]), Ok(Role::Admin)),
        (json!(["sre", "team-a"]), Ok(team.clone())),
        (json!(["team-a", "suspended"]), Ok(Role::Viewer)),
        (json!(["staff"]), Ok(Role::Operator { prefixes: Vec::new() })),
        // Some providers send one as a text.
        (json!("team-a"), Ok(team)),
        (json!(["others", 7, null]), Err(OidcError::NoRole)),
        (json!([]), Err(OidcError::NoRole)),
        (json!({ "sre": true }), Err(OidcError::NoRole)),
        (Value::Null, Err(OidcError::NoRole)),
    ] {
        world.idp.wishes().claims = json!({ "groups": groups.clone() });
        assert_eq!(world.sign_in().await?.map(|person| person.role), expected, "{groups}");
    }
    Ok(())
}

#[tokio::test]
async fn groups_and_name_are_in_the_claims_that_settings_name() -> anyhow::Result<()> {
    let more = format!("groups_claim = \"https://example.com/roles\"\nname_claim = \"sub\"\nscopes = [\"openid\", \"roles\"]\n{RULES}");
    let world = World::with(&more, limits()).await?;
    assert_eq!(world.sign_in().await?, Err(OidcError::NoRole), "the usual claim is not looked at");
    world.idp.wishes().claims = json!({ "https://example.com/roles": ["sre"] });
    assert_eq!(world.sign_in().await??.name, "0b1e");
    let (url, _) = world.oidc.begin(NOW_MS).await?;
    assert!(url.query_pairs().any(|(name, value)| name == "scope" && value == "openid roles"), "{url}");
    Ok(())
}

#[tokio::test]
async fn a_name_is_taken_as_it_is_or_refused() -> anyhow::Result<()> {
    let world = World::new().await?;
    let longest = "n".repeat(64);
    for (name, fits) in [
        (json!("a"), true),
        (json!("anna.b_c-1"), true),
        (json!(longest), true),
        (json!(format!("{longest}n")), false),
        (json!("Anna"), false),
        (json!("anna@example.com"), false),
        (json!("anna b"), false),
        (json!("änna"), false),
        (json!(""), false),
        // Names that stand for no account.
        (json!("anonymous"), false),
        (json!("local"), false),
        // No other claim takes its place.
        (Value::Null, false),
    ] {
        world.idp.wishes().claims = json!({ "preferred_username": name.clone() });
        match world.sign_in().await? {
            Ok(person) => assert!(fits && json!(person.name) == name, "{name}"),
            Err(OidcError::BadName { claim, why }) => {
                assert!(!fits && claim == "preferred_username", "{name}");
                assert!(!why.contains("nna"), "{why}");
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn claims_that_large_providers_spell_their_own_way_do_no_harm() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.idp.wishes().claims =
        json!({ "email_verified": "true", "updated_at": "2026-11-01T10:00:00.000Z", "aud": ["quorate"], "azp": "quorate" });
    assert_eq!(world.sign_in().await??.name, "anna");
    Ok(())
}

#[tokio::test]
async fn an_answer_to_another_sign_in_is_refused() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (pending, callback) = world.sent().await?;
    let (_, of_another) = world.sent().await?;
    let none = Callback { state: pending.state.clone(), ..Callback::default() };
    for wrong in [of_another, Callback { state: String::new(), ..callback.clone() }, none] {
        assert_eq!(world.oidc.finish(pending.clone(), &wrong, NOW_MS).await, Err(OidcError::OtherState), "{wrong:?}");
    }
    assert_eq!(world.idp.hits("/token"), 0, "no code went anywhere");
    world.oidc.finish(pending, &callback, NOW_MS).await?;
    Ok(())
}

#[tokio::test]
async fn after_ten_minutes_it_is_over() -> anyhow::Result<()> {
    let world = World::new().await?;
    for (later_ms, expected) in [(599_999, Ok("anna".to_owned())), (600_000, Err(OidcError::Expired))] {
        let (pending, callback) = world.sent().await?;
        world.idp.wishes().now_ms = NOW_MS + later_ms;
        let finished = world.oidc.finish(pending, &callback, NOW_MS + later_ms).await;
        assert_eq!(finished.map(|person| person.name), expected);
    }
    Ok(())
}

#[tokio::test]
async fn what_the_provider_says_no_to() -> anyhow::Result<()> {
    let world = World::new().await?;
    for (error, expected) in [
        ("access_denied", OidcError::Denied),
        ("login_required", OidcError::Denied),
        ("invalid_scope", OidcError::ClientRefused),
        ("unauthorized_client", OidcError::ClientRefused),
        ("own_words", OidcError::ClientRefused),
    ] {
        world.idp.wishes().denies = Some(error);
        assert_eq!(world.sign_in().await?, Err(expected), "{error}");
    }
    world.idp.wishes().denies = Some("temporarily_unavailable");
    assert!(world.sign_in().await?.is_err_and(|error| error.retryable()));
    Ok(())
}

#[tokio::test]
async fn a_code_is_good_once_and_with_its_verifier() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (pending, callback) = world.sent().await?;
    world.oidc.finish(pending.clone(), &callback, NOW_MS).await?;
    assert_eq!(world.oidc.finish(pending, &callback, NOW_MS).await, Err(OidcError::CodeRefused), "twice");

    let (mut pending, callback) = world.sent().await?;
    pending.verifier = "v".repeat(43);
    assert_eq!(world.oidc.finish(pending, &callback, NOW_MS).await, Err(OidcError::CodeRefused), "another verifier");
    Ok(())
}

#[tokio::test]
async fn the_secret_goes_where_the_provider_takes_it() -> anyhow::Result<()> {
    for (methods, takes) in [
        (Value::Null, Takes::Header),
        (json!(["client_secret_post", "client_secret_basic"]), Takes::Header),
        (json!(["client_secret_post"]), Takes::Form),
    ] {
        let world = World::new().await?;
        world.idp.wishes().document = json!({ "token_endpoint_auth_methods_supported": methods.clone() });
        world.idp.wishes().takes = takes;
        assert_eq!(world.sign_in().await??.name, "anna", "{methods}");
    }
    let mut world = World::new().await?;
    world.oidc = client(&world.idp.issuer(), Some(&format!("not {SECRET}")), RULES, limits())?;
    assert_eq!(world.sign_in().await?, Err(OidcError::ClientRefused));
    Ok(())
}

#[tokio::test]
async fn a_public_client_has_its_verifier_alone() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.idp.wishes().takes = Takes::NoSecret;
    assert_eq!(world.sign_in().await?, Err(OidcError::ClientRefused), "a secret that nobody asked for");
    world.oidc = client(&world.idp.issuer(), None, RULES, limits())?;
    assert_eq!(world.sign_in().await??.name, "anna");
    Ok(())
}
