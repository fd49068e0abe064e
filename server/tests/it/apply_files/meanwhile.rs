//! What happens to the cluster while files are applied to it.

use super::{Bench, Ran};
use crate::fake;
use crate::process::command;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

/// While it waits for a yes the cluster moves on: what was shown is not what is there, so that is not overwritten.
#[tokio::test(flavor = "multi_thread")]
async fn what_changed_since_it_was_shown_is_not_overwritten() -> Result<()> {
    let cluster = fake::cluster().await?;
    let bench = Bench { dir: tempfile::tempdir()?, api: cluster.api(1)? };
    for name in ["edited", "quiet", "gone", "x.old"] {
        bench.api.post("/topics", json!({ "name": name, "partitions": 1 })).ok().await?;
    }
    let topics = ["edited", "quiet", "gone"].map(|name| format!("name: {name}\npartitions: 2\nconfigs: {{retention.ms: 5}}\n"));
    let path = bench.write("all.yaml", &format!("{}---\nname: raced\npartitions: 2\n", topics.join("---\n")))?.display().to_string();
    let asks = |typed: &'static str| {
        let terminal = nix::pty::openpty(None, None)?;
        let child = command()?
            .args(["apply", "-f", &path, "--prune", "--prefix", "x.", "--server", &format!("http://{}", bench.api.host)])
            .stdin(Stdio::from(terminal.slave))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok::<_, anyhow::Error>((child, File::from(terminal.master), typed))
    };
    let finish = |(mut child, mut keyboard, typed): (std::process::Child, File, &str), mut err: BufReader<std::process::ChildStderr>| {
        keyboard.write_all(typed.as_bytes())?;
        let (mut out, mut rest) = (String::new(), String::new());
        child.stdout.take().context("no stdout")?.read_to_string(&mut out)?;
        err.read_to_string(&mut rest)?;
        Ok::<_, anyhow::Error>(Ran { code: child.wait()?.code().unwrap_or(-1), out, err: rest })
    };
    // It says what it would delete, and waits.
    let asked = |running: &mut std::process::Child| {
        let mut err = BufReader::new(running.stderr.take().context("no stderr")?);
        let mut question = Vec::new();
        err.read_until(b':', &mut question)?;
        ensure!(String::from_utf8_lossy(&question).contains("This deletes 1 topic and cannot be undone"));
        Ok::<_, anyhow::Error>(err)
    };
    let before = cluster.agree().await?;
    let mut running = asks("no\n")?;
    let err = asked(&mut running.0)?;
    finish(running, err)?.is(1, &["nothing was done"])?;
    ensure!(cluster.agree().await? == before, "a no was taken for a yes");

    let mut running = asks("yes\n")?;
    let err = asked(&mut running.0)?;
    bench.configure("edited", "segment.ms", "7").await?;
    bench.api.delete("/topics/gone").ok().await?;
    bench.api.post("/topics", json!({ "name": "raced" })).ok().await?;
    let parts = ["REVISION_CONFLICT", "TOPIC_ALREADY_EXISTS", "UNKNOWN_TOPIC_OR_PARTITION", "1 changed, 1 grown, 3 refused, 1 not tried"];
    finish(running, err)?.is(4, &parts)?;
    ensure!(bench.topic("edited").await?["configs"] == json!({ "segment.ms": "7" }));
    ensure!(bench.topic("quiet").await?["configs"] == json!({ "retention.ms": "5" }));
    bench.topic("x.old").await?;
    // Looked at again, all of it can be.
    bench.run(&["apply", "-f", &path, "--prune", "--prefix", "x.", "--yes"], "")?.is(0, &["1 created, 1 changed, 2 grown, 1 deleted"])?;
    bench.run(&["apply", "-f", &path], "")?.is(0, &["nothing to do: 4 as they were"])?;
    cluster.passed().await
}

/// Every call has its key, so the end of a leader in the middle costs time and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_dies_while_files_are_applied_costs_nothing() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    let leader = cluster.leader().await?;
    let other = *cluster.followers().await?.first().context("no follower")?;
    let bench = Bench { dir: tempfile::tempdir()?, api: cluster.api(other)? };
    let files = |retention: u32| {
        let topics = (0..400).map(|at| format!("name: t{at}\npartitions: 1\nreplicas: 1\nconfigs: {{retention.ms: {retention}}}\n"));
        topics.collect::<Vec<_>>().join("---\n")
    };
    let path = bench.write("all.yaml", &files(1))?.display().to_string();
    bench.run(&["apply", "-f", &path], "")?.is(0, &["400 created"])?;
    bench.write("all.yaml", &files(2))?;
    let before = cluster.agree().await?;
    let running = command()?
        .args(["apply", "-f", &path, "--output", "json", "--server", &format!("http://{}", bench.api.host)])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    until("some of it is committed", async || {
        let now = bench.api.get("/state/digest").ok().await?.index()?;
        ensure!(now > before, "it is at {now}");
        Ok(())
    })
    .await?;
    cluster.kill(leader)?;
    let output = running.wait_with_output()?;
    let ran =
        Ran { code: output.status.code().unwrap_or(-1), out: String::from_utf8(output.stdout)?, err: String::from_utf8(output.stderr)? };
    let report = ran.is(0, &[])?.json()?;
    ensure!(report["summary"]["changed"] == 400, "{}", report["summary"]);
    cluster.start_again(leader)?;
    cluster.ready().await?;
    bench.run(&["apply", "-f", &path], "")?.is(0, &["nothing to do: 400 as they were"])?;
    cluster.passed().await
}
