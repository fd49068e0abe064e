//! A provider that is down, slow, wordy, or speaks something else.

use crate::provider::{Fault, Running};
use crate::world::{NOW_MS, RULES, World, client, limits};
use oidc::{Failure, Limits, OidcError, Why};
use serde_json::json;
use std::time::Duration;

const DISCOVERY: &str = "/.well-known/openid-configuration";

fn why(ended: Result<oidc::Person, OidcError>) -> Result<Failure, String> {
    match ended {
        Err(OidcError::ProviderDown(failure)) => Ok(failure),
        other => Err(format!("{other:?}")),
    }
}

#[tokio::test]
async fn each_failure_at_each_endpoint_is_told_and_passes() -> anyhow::Result<()> {
    for path in [DISCOVERY, "/jwks", "/token"] {
        for (fault, expected) in [
            (Fault::Status(500), Why::Status(500)),
            (Fault::Status(429), Why::Status(429)),
            (Fault::Status(404), Why::Status(404)),
            (Fault::Garbage, Why::NoJson),
            (Fault::Long, Why::TooLong(1 << 20)),
            (Fault::Elsewhere, Why::Redirects),
        ] {
            let mut world = World::new().await?;
            world.idp.wishes().faults.insert(path, fault);
            let failure = why(world.sign_in().await?).map_err(anyhow::Error::msg)?;
            assert_eq!(failure, Failure { at: format!("{}{path}", world.idp.issuer()), why: expected }, "{fault:?}");
            assert_eq!(world.idp.hits("/elsewhere"), 0, "nothing is followed");
            assert!(!OidcError::ProviderDown(failure).to_string().contains("own words"));

            world.idp.wishes().faults.clear();
            // Long after the failure is forgotten, however slow this machine is.
            world.now_ms = NOW_MS + 60_000;
            world.sign_in().await??;
        }
    }
    Ok(())
}

#[tokio::test]
async fn nobody_waits_longer_than_allowed() -> anyhow::Result<()> {
    let limits = Limits { answer_within: Duration::from_secs(1), ..Limits::default() };
    let hangs = |path: &'static str| {
        let limits = limits.clone();
        async move {
            let world = World::with(RULES, limits).await?;
            world.idp.wishes().faults.insert(path, Fault::Hangs);
            let failure = why(world.sign_in().await?).map_err(anyhow::Error::msg)?;
            assert_eq!(failure.why, Why::Slow(Duration::from_secs(1)), "{path}");
            anyhow::Ok(())
        }
    };
    let (a, b, c) = tokio::join!(hangs(DISCOVERY), hangs("/jwks"), hangs("/token"));
    a.and(b).and(c)
}

#[tokio::test]
async fn nobody_answers() -> anyhow::Result<()> {
    // Bound, so that it is nobody else's meanwhile, and not listened at.
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind("127.0.0.1:0".parse()?)?;
    let closed = socket.local_addr()?;
    let oidc = client(&format!("http://{closed}"), None, RULES, limits())?;
    let error = oidc.begin(NOW_MS).await.err();
    assert!(matches!(&error, Some(OidcError::ProviderDown(Failure { why: Why::Unreachable(_), .. }))), "{error:?}");
    assert!(error.is_some_and(|error| error.retryable() && error.to_string().contains(&closed.to_string())));
    Ok(())
}

#[tokio::test]
async fn a_failure_is_remembered_for_a_short_while() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.idp.wishes().faults.insert(DISCOVERY, Fault::Status(503));
    let all = futures::future::join_all((0..8).map(|_| world.oidc.begin(NOW_MS))).await;
    assert!(all.into_iter().all(|one| one.is_err_and(|error| error.retryable())));
    assert_eq!(world.idp.hits(DISCOVERY), 1, "one asks, and all others are told");
    world.idp.wishes().faults.clear();
    assert!(world.oidc.begin(NOW_MS + 4_999).await.is_err());
    assert_eq!(world.idp.hits(DISCOVERY), 1);
    world.oidc.begin(NOW_MS + 60_000).await?;
    Ok(())
}

#[tokio::test]
async fn what_it_says_of_itself_has_to_be_usable() -> anyhow::Result<()> {
    for (document, expected) in [
        (json!({ "issuer": "https://idp.example" }), Why::Document("it says of itself that it is another issuer")),
        (json!({ "jwks_uri": null }), Why::Document("what it says of itself, or its keys, cannot be read")),
        (json!({ "token_endpoint": null }), Why::Document("it names no token endpoint")),
        (json!({ "jwks_uri": "http://idp.example/jwks" }), Why::Insecure),
        (json!({ "token_endpoint": "http://idp.example/token" }), Why::Insecure),
        (json!({ "authorization_endpoint": "javascript:alert(1)" }), Why::Insecure),
    ] {
        let world = World::new().await?;
        world.idp.wishes().document = document.clone();
        let failure = why(world.sign_in().await?).map_err(anyhow::Error::msg)?;
        assert_eq!(failure.why, expected, "{document}");
    }
    Ok(())
}

#[tokio::test]
async fn a_provider_that_was_never_asked_costs_nothing() -> anyhow::Result<()> {
    let idp = Running::start(NOW_MS).await?;
    let oidc = client(&idp.issuer(), None, RULES, limits())?;
    assert_eq!(format!("{oidc:?}"), format!("Provider({})", idp.issuer()));
    assert_eq!(idp.hits(DISCOVERY), 0);
    Ok(())
}
