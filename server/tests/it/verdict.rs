//! The verdict is the worst truth, on every surface that a node has: its API, its metrics, and the pages that it paints.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::fake;
use crate::metrics::metrics;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

/// What every surface of a node has to say.
struct Expected<'a> {
    verdict: &'a str,
    /// The worst reasons, in their order.
    reasons: &'a [&'a str],
    /// Within the headline, the page's heading and, of the short form, its title.
    headline: &'a str,
    title: &'a str,
    /// Voters, needed, reachable.
    quorum: (u64, u64, u64),
    available: bool,
}

/// The favicons and levels of the pages by verdict.
const PAGES: [(&str, f64, &str, &str); 3] =
    [("healthy", 0.0, "ok", "%233652d6"), ("warning", 1.0, "warn", "%23d98a00"), ("critical", 2.0, "crit", "%23d92d2d")];

fn api_says(view: &Value, expected: &Expected<'_>) -> Result<()> {
    let health = &view["health"];
    ensure!(health["verdict"] == expected.verdict, "{health}");
    let reasons: Vec<&str> =
        health["reasons"].as_array().context("no reasons")?.iter().filter_map(|each| each["reason"].as_str()).collect();
    ensure!(reasons == expected.reasons, "{health}");
    ensure!(health["headline"].as_str().is_some_and(|headline| headline.contains(expected.headline)), "{health}");
    let quorum = &view["quorum"];
    let (voters, needed, reachable) = expected.quorum;
    ensure!(quorum["voters"] == voters && quorum["needed"] == needed && quorum["reachable"] == reachable, "{quorum}");
    ensure!(quorum["available"] == expected.available, "{quorum}");
    let age = quorum["age_ms"].as_u64().context("no age")?;
    ensure!(expected.available == (age <= 3_000), "{quorum}");
    Ok(())
}

/// Waits until API, metrics and pages of a node say this, all of them.
async fn says(api: &Api, expected: &Expected<'_>) -> Result<()> {
    let (_, level, name, icon) = PAGES.into_iter().find(|(verdict, ..)| *verdict == expected.verdict).context("no such verdict")?;
    until(&format!("node {} says {}", api.node, expected.headline), async || {
        api_says(&api.get("/cluster").ok().await?.body, expected)?;
        let now = metrics(api).await?;
        let (voters, needed, reachable) = expected.quorum;
        for (series, value) in [
            ("quorate_health", level),
            ("quorate_quorum_voters", voters as f64),
            ("quorate_quorum_needed_voters", needed as f64),
            ("quorate_quorum_reachable_voters", reachable as f64),
            ("quorate_quorum_available", f64::from(u8::from(expected.available))),
        ] {
            ensure!(now.get(series) == Some(&value), "{series} is {:?}", now.get(series));
        }
        let set: Vec<&String> = now
            .iter()
            .filter(|(series, value)| series.starts_with("quorate_health_reason") && **value == 1.0)
            .map(|(series, _)| series)
            .collect();
        ensure!(set.len() == expected.reasons.len(), "{set:?}");
        ensure!(expected.reasons.iter().all(|reason| set.iter().any(|series| series.contains(&format!("\"{reason}\"")))), "{set:?}");
        // Every page has title, icon and sidebar; the overview has the headline.
        for (path, place) in [("/", "Overview"), ("/topics", "Topics")] {
            let html = String::from_utf8(api.at(Method::GET, path).send().await?.bytes)?;
            ensure!(html.contains(&format!("<title>{}{place} · Quorate</title>", expected.title)), "{path}: {}", title(&html));
            ensure!(html.contains(icon), "{path} has another icon");
            let sidebar = html.split('<').find(|tag| tag.contains("class=\"cluster\"")).context("no cluster block")?;
            ensure!(sidebar.contains(&format!("data-level=\"{name}\"")), "{path}: the sidebar says {sidebar}");
            let heading = html.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next()).unwrap_or_default();
            ensure!(path != "/" || text(heading).contains(expected.headline), "the heading is {heading}");
        }
        Ok(())
    })
    .await
}

fn title(html: &str) -> &str {
    html.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap_or_default()
}

/// The text of a piece of markup.
fn text(markup: &str) -> String {
    markup.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text)).collect()
}

const FENCED: [&str; 3] = ["at_min_isr", "brokers_fenced", "under_replicated"];

/// A topic that a fenced broker leaves at its minimum.
async fn degraded(cluster: &Cluster) -> Result<()> {
    let api = cluster.api(1)?;
    let topic = json!({ "name": "one", "partitions": 4, "replication_factor": 3, "configs": { "min.insync.replicas": "2" } });
    api.post("/topics", topic).ok().await?;
    let whole =
        Expected { verdict: "healthy", reasons: &[], headline: "All 4 partitions in sync", title: "", quorum: (3, 2, 3), available: true };
    for api in cluster.apis() {
        says(&api, &whole).await?;
    }
    api.call(Method::POST, "/brokers/103/fence").ok().await?;
    for api in cluster.apis() {
        let fenced = Expected { verdict: "warning", reasons: &FENCED, headline: "Broker 103 is fenced", title: "Degraded · ", ..whole };
        says(&api, &fenced).await?;
    }
    Ok(())
}

/// One controller after the other goes; the last one is `last`.
async fn fewer_and_fewer(cluster: &mut Cluster, last: u64) -> Result<()> {
    let others: Vec<u64> = cluster.ids().into_iter().filter(|id| *id != last).collect();
    let (first, second) = (others[0], others[1]);
    cluster.kill(first)?;
    let edge = [&["quorum_at_minimum"][..], &FENCED].concat();
    let headline = format!("Controller {first} is unreachable: one more failure stops all decisions");
    let at_minimum = Expected {
        verdict: "warning",
        reasons: &edge,
        headline: &headline,
        title: "Controller down · ",
        quorum: (3, 2, 2),
        available: true,
    };
    for api in cluster.apis() {
        says(&api, &at_minimum).await?;
    }
    cluster.kill(second)?;
    let lost = [&["no_quorum"][..], &FENCED].concat();
    let headline = format!("Node {last} reaches 1 of 3 controllers: nothing can be decided");
    let alone =
        Expected { verdict: "critical", reasons: &lost, headline: &headline, title: "No quorum · ", quorum: (3, 2, 1), available: false };
    says(&cluster.api(last)?, &alone).await?;
    cluster.start_again(second)?;
    cluster.ready().await?;
    for api in cluster.apis() {
        says(&api, &at_minimum).await?;
    }
    cluster.start_again(first)?;
    cluster.ready().await
}

#[tokio::test(flavor = "multi_thread")]
async fn verdict_is_the_worst_truth() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    degraded(&cluster).await?;
    // As a leader, and as a follower, which no leader tells who is there any more.
    let leader = cluster.leader().await?;
    fewer_and_fewer(&mut cluster, leader).await?;
    let follower = *cluster.followers().await?.first().context("no follower")?;
    fewer_and_fewer(&mut cluster, follower).await?;
    cluster.api(1)?.call(Method::POST, "/brokers/103/unfence").ok().await?;
    cluster.passed().await
}

/// Five survive the loss of one, and of another one; what is said becomes louder each time.
#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_says_how_many_more_failures_are_survived() -> Result<()> {
    let mut cluster = Cluster::start(5, fake::LONG_SESSION).await?;
    fake::online(&cluster, fake::THREE).await?;
    let followers = cluster.followers().await?;
    let all = Expected {
        verdict: "healthy",
        reasons: &[],
        headline: "All is well: nothing is stored yet",
        title: "",
        quorum: (5, 3, 5),
        available: true,
    };
    for api in cluster.apis() {
        says(&api, &all).await?;
    }
    cluster.kill(followers[0])?;
    let headline = format!("Controller {} is unreachable: 1 more failure is survived", followers[0]);
    let one = Expected {
        verdict: "warning",
        reasons: &["controllers_unreachable"],
        headline: &headline,
        title: "Controller down · ",
        quorum: (5, 3, 4),
        available: true,
    };
    for api in cluster.apis() {
        says(&api, &one).await?;
    }
    cluster.kill(followers[1])?;
    let two = Expected { reasons: &["quorum_at_minimum"], headline: "one more failure stops all decisions", quorum: (5, 3, 3), ..one };
    for api in cluster.apis() {
        says(&api, &two).await?;
    }
    cluster.kill(followers[2])?;
    let lost = Expected {
        verdict: "critical",
        reasons: &["no_quorum"],
        headline: "reaches 2 of 5 controllers: nothing can be decided",
        title: "No quorum · ",
        quorum: (5, 3, 2),
        available: false,
    };
    for api in cluster.apis() {
        says(&api, &lost).await?;
    }
    followers[..3].iter().try_for_each(|id| cluster.start_again(*id))?;
    cluster.ready().await?;
    for api in cluster.apis() {
        says(&api, &all).await?;
    }
    cluster.passed().await
}
