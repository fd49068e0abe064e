//! The text can be read as the format says, counts what happened, and grows with nothing that a caller chooses.

use crate::http::alone::Alone;
use anyhow::{Context, Result, bail, ensure};
use http::Method;
use std::collections::{BTreeMap, BTreeSet};

/// A text read strictly: values by metric with its labels.
fn read(text: &str) -> Result<BTreeMap<String, f64>> {
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let mut samples = BTreeMap::new();
    ensure!(text.ends_with('\n'), "the last line is open");
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            ensure!(helped.insert(help.split(' ').next().context("no name")?), "two helps: {line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').context("no type")?;
            ensure!(matches!(kind, "gauge" | "counter" | "histogram") && types.insert(name, kind).is_none(), "{line}");
        } else {
            let (series, value) = line.rsplit_once(' ').with_context(|| format!("no value: {line}"))?;
            let name = series.split('{').next().unwrap_or_default();
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).filter(|family| types.contains_key(family));
            let Some(kind) = types.get(family.unwrap_or(name)) else { bail!("no type before {line}") };
            ensure!(*kind != "counter" || name.ends_with("_total"), "{name} is a counter");
            ensure!(samples.insert(series.to_owned(), value.parse()?).is_none(), "{series} twice");
        }
    }
    ensure!(helped == types.keys().copied().collect(), "each has a help and a type");
    Ok(samples)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_is_well_formed_and_says_what_happened() -> Result<()> {
    let alone = Alone::start().await?;
    for path in ["/api/v1/cluster", "/api/v1/cluster", "/api/v1/topics/nobody-knows", "/nowhere/at-all", "/api/v1/cluster?odd=1"] {
        alone.ask(Method::GET, path, None).await?;
    }
    alone.ask(Method::PUT, "/api/v1/cluster", None).await?;
    let answered = alone.ask(Method::GET, "/metrics", None).await?;
    ensure!(answered.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8", "{:?}", answered.headers);
    let samples = read(&answered.text)?;
    for (series, value) in [
        ("quorate_is_leader", 1.0),
        ("quorate_leader_id", 1.0),
        ("quorate_ready", 1.0),
        ("quorate_quorum_age_ms", 0.0),
        ("quorate_topics", 0.0),
        ("quorate_reassignments", 0.0),
        ("quorate_moves{state=\"waiting\"}", 0.0),
        ("quorate_feed_subscribers_limit", 2.0),
        ("quorate_brokers{state=\"fenced\"}", 0.0),
        ("quorate_health", 0.0),
        ("quorate_health_reason{reason=\"no_quorum\"}", 0.0),
        ("quorate_health_reason{reason=\"backup_failing\"}", 0.0),
        ("quorate_quorum_voters", 1.0),
        ("quorate_quorum_needed_voters", 1.0),
        ("quorate_quorum_reachable_voters", 1.0),
        ("quorate_quorum_available", 1.0),
        ("quorate_commits_total{kind=\"bootstrap_cluster\"}", 1.0),
        ("quorate_http_requests_total{method=\"GET\",route=\"/api/v1/cluster\",status=\"2xx\"}", 2.0),
        ("quorate_http_requests_total{method=\"GET\",route=\"/api/v1/cluster\",status=\"4xx\"}", 1.0),
        ("quorate_http_requests_total{method=\"GET\",route=\"/api/v1/topics/{name}\",status=\"4xx\"}", 1.0),
        // A path that is none, and a method that the path has not.
        ("quorate_http_requests_total{method=\"\",route=\"other\",status=\"4xx\"}", 2.0),
        ("quorate_http_request_duration_seconds_count{method=\"GET\",route=\"/api/v1/cluster\"}", 3.0),
        ("quorate_http_request_duration_seconds_bucket{method=\"GET\",route=\"/api/v1/cluster\",le=\"+Inf\"}", 3.0),
    ] {
        ensure!(samples.get(series) == Some(&value), "{series} is {:?}\n{}", samples.get(series), answered.text);
    }
    ensure!(
        samples["quorate_applied_index"] >= 1.0 && samples["quorate_last_log_index"] >= samples["quorate_applied_index"],
        "{}",
        answered.text
    );
    ensure!(samples.contains_key("process_resident_memory_bytes") || !cfg!(target_os = "linux"), "{}", answered.text);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_caller_adds_a_series() -> Result<()> {
    let alone = Alone::start().await?;
    let series = async |round: usize| -> Result<BTreeSet<String>> {
        for number in 0..20 {
            let name = format!("chosen-{round}-{number}");
            for path in [
                format!("/api/v1/topics/{name}"),
                format!("/api/v1/{name}"),
                format!("/{name}"),
                format!("/pkg/{name}"),
                format!("/_fn/{name}"),
            ] {
                for method in [Method::GET, Method::POST, Method::from_bytes(format!("M{number}").as_bytes())?] {
                    alone.ask(method, &path, None).await?;
                }
            }
        }
        let text = alone.ask(Method::GET, "/metrics", None).await?.text;
        ensure!(!text.contains("chosen"), "{text}");
        Ok(read(&text)?.into_keys().collect())
    };
    series(0).await?;
    let (first, second) = (series(1).await?, series(2).await?);
    ensure!(first == second, "added: {:?}", &second - &first);
    Ok(())
}
