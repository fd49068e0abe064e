//! The verbs for operators: what they print as table and as JSON, what a dry run leaves alone, and the exit codes that scripts rely on.

use crate::api::Api;
use crate::fake;
use crate::process::{address, command};
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

fn run(server: &str, arguments: &[&str]) -> Result<Output> {
    Ok(command()?.args(arguments).args(["--server", server]).stdin(Stdio::null()).output()?)
}

fn url(api: &Api) -> String {
    format!("http://{}", api.host)
}

/// What it prints when it succeeds.
fn table(api: &Api, arguments: &[&str]) -> Result<String> {
    let output = run(&url(api), arguments)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && said.is_empty(), "{arguments:?} ended with {}: {said}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

fn json_of(api: &Api, arguments: &[&str]) -> Result<Value> {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--output", "json"]).collect();
    let text = table(api, &arguments)?;
    let answer: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
    ensure!(answer["revision"].is_u64(), "{arguments:?} has no revision: {text}");
    Ok(answer)
}

/// Expects a line that holds all of these, in this order.
fn has_line(text: &str, parts: &[&str]) -> Result<()> {
    let holds = |line: &str| parts.iter().try_fold(line, |rest, part| rest.split_once(part).map(|(_, rest)| rest)).is_some();
    ensure!(text.lines().any(holds), "no line has {parts:?}:\n{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn verbs_print_tables_and_json() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api = &cluster.api(*cluster.followers().await?.first().context("no follower")?)?;
    let created = table(api, &["topics", "create", "one", "--partitions", "2", "--replication-factor", "3", "--config", "retention.ms=5"])?;
    has_line(&created, &["one", "changed at"])?;
    has_line(&created, &["PARTITION", "LEADER", "REPLICAS", "ISR"])?;
    let second = json_of(api, &["topics", "create", "two", "--partitions", "1"])?;
    ensure!(second["topic"]["name"] == "two", "{second}");
    let list = table(api, &["topics", "list"])?;
    has_line(&list, &["NAME", "PARTITIONS", "REPLICATION", "HEALTH"])?;
    has_line(&list, &["one", "2", "3", "healthy"])?;
    let list = json_of(api, &["topics", "list"])?;
    ensure!(list["topics"].as_array().map(Vec::len) == Some(2) && list["topics"][1]["name"] == "two", "{list}");
    has_line(&table(api, &["topics", "get", "one"])?, &["1  ", "10", ",10", ",10"])?;
    ensure!(json_of(api, &["topics", "get", "one"])?["topic"]["partitions"].as_array().map(Vec::len) == Some(2));
    has_line(&table(api, &["topics", "config", "one"])?, &["retention.ms=5"])?;
    has_line(
        &table(api, &["topics", "config", "one", "--set", "min.insync.replicas=2", "--delete", "retention.ms"])?,
        &["min.insync.replicas=2"],
    )?;
    let configs = json_of(api, &["topics", "config", "one"])?;
    ensure!(configs["topic"]["configs"] == json!({ "min.insync.replicas": "2" }), "{configs}");
    has_line(&table(api, &["topics", "delete", "one", "--yes"])?, &["committed at"])?;
    api.get("/topics/one").refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;

    has_line(&table(api, &["brokers", "list"])?, &["102", "b", "online"])?;
    ensure!(json_of(api, &["brokers", "list"])?["brokers"].as_array().map(Vec::len) == Some(3));
    has_line(&table(api, &["brokers", "fence", "103"])?, &["103", "c", "fenc", "true"])?;
    ensure!(json_of(api, &["brokers", "get", "103"])?["broker"]["held"] == true);
    ensure!(json_of(api, &["brokers", "unfence", "103"])?["broker"]["held"] == false);
    has_line(&table(api, &["brokers", "get", "103"])?, &["103", "c", "false"])?;
    table(api, &["brokers", "fence", "103"])?;
    has_line(&table(api, &["brokers", "remove", "103"])?, &["committed at"])?;
    api.get("/brokers/103").refused(404, "BROKER_ID_NOT_REGISTERED").await?;

    let leader = cluster.leader().await?;
    let quorum = table(api, &["quorum"])?;
    has_line(&quorum, &[&format!("leader {leader}"), "term", "verdict"])?;
    has_line(&quorum, &["NODE", "ROLE", "APPLIED"])?;
    has_line(&quorum, &[&leader.to_string(), "leader", "true"])?;
    ensure!(json_of(api, &["quorum"])?["leader_id"] == leader);
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_verb_says_what_it_would_do_and_does_nothing() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api = &cluster.api(1)?;
    api.post("/topics", json!({ "name": "there" })).ok().await?;
    let before = cluster.agree().await?;
    for (arguments, kind) in [
        (vec!["topics", "create", "new"], "register_topic"),
        (vec!["topics", "config", "there", "--set", "retention.ms=5"], "update_topic_config"),
        // It asks nobody: nothing is deleted.
        (vec!["topics", "delete", "there"], "delete_topic"),
        (vec!["brokers", "fence", "101"], "update_broker_status"),
        (vec!["brokers", "remove", "101"], "unregister_broker"),
    ] {
        let dry: Vec<&str> = arguments.iter().copied().chain(["--dry-run"]).collect();
        let text = table(api, &dry)?;
        has_line(&text, &["would be committed", "preview"])?;
        ensure!(text.contains(kind), "{text}");
        let answer = json_of(api, &dry)?;
        ensure!(answer["dry_run"] == true && answer["groups"].to_string().contains(kind), "{answer}");
    }
    // Nothing is to be undone here, so there is nothing to plan.
    has_line(&table(api, &["brokers", "unfence", "101", "--dry-run"])?, &["would be committed"])?;
    ensure!(cluster.agree().await? == before, "a dry run moved the log");
    cluster.passed().await
}

/// Takes connections and answers each request with this status line and body, or not at all.
fn stranger(answer: Option<(&'static str, &'static str)>) -> Result<String> {
    let listener = TcpListener::bind(address()?)?;
    let url = format!("http://{}", listener.local_addr()?);
    let answer =
        answer.map(|(status, body)| format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 4_096];
            drop(stream.read(&mut head));
            drop(stream.write_all(answer.as_deref().unwrap_or_default().as_bytes()));
        }
    });
    Ok(url)
}

const UNKNOWN: (&str, &str) = ("504 Gateway Timeout", r#"{"code":"OUTCOME_UNKNOWN","detail":"who knows"}"#);

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_say_what_became_of_it() -> Result<()> {
    let cluster = fake::cluster().await?;
    let node = &url(&cluster.api(1)?);
    let nobody = &format!("http://{}", address()?);
    let dir = tempfile::tempdir()?;
    let topics = &dir.path().join("topics.yaml").display().to_string();
    std::fs::write(topics, "name: applied\n")?;
    let (silent, unknown, foreign) = (&stranger(None)?, &stranger(Some(UNKNOWN))?, &stranger(Some(("200 OK", "hello")))?);
    let proxy = &stranger(Some(("502 Bad Gateway", "<html>502</html>")))?;
    for (server, arguments, code, said) in [
        (foreign, vec!["topics", "list"], 1, "is this a Quorate node?"),
        (node, vec!["topics", "nonsense"], 2, "nonsense"),
        (node, vec!["topics", "create"], 2, "NAME"),
        (node, vec!["topics", "create", "a", "--config", "k"], 2, "KEY=VALUE"),
        (node, vec!["topics", "delete", "a"], 2, "--yes"),
        (node, vec!["topics", "get", ".."], 2, "no name"),
        // A URL would lose the line break, and another topic would go.
        (node, vec!["topics", "delete", "kept\nsafe", "--yes"], 2, "no name"),
        (node, vec!["brokers", "get", "x"], 2, "x"),
        (node, vec!["quorum", "--output", "yaml"], 2, "yaml"),
        (&"nonsense".to_owned(), vec!["quorum"], 2, "--server"),
        (nobody, vec!["quorum"], 3, "refused"),
        (nobody, vec!["topics", "create", "a"], 3, "not reachable"),
        (nobody, vec!["watch"], 3, "not reachable"),
        (silent, vec!["brokers", "list"], 3, "not reachable"),
        (silent, vec!["brokers", "fence", "1", "--dry-run"], 3, "not reachable"),
        (node, vec!["topics", "get", "nothing"], 4, "UNKNOWN_TOPIC_OR_PARTITION"),
        (node, vec!["topics", "create", "a/b"], 4, "INVALID_TOPIC"),
        (node, vec!["brokers", "remove", "9"], 4, "BROKER_ID_NOT_REGISTERED"),
        (node, vec!["topics", "grow", "nothing", "--partitions", "2"], 4, "UNKNOWN_TOPIC_OR_PARTITION"),
        (node, vec!["topics", "grow", "nothing"], 2, "--partitions"),
        (nobody, vec!["apply", "-f", topics], 3, "not reachable"),
        (silent, vec!["apply", "-f", topics, "--dry-run"], 3, "not reachable"),
        (unknown, vec!["apply", "-f", topics], 5, "OUTCOME_UNKNOWN"),
        (nobody, vec!["export"], 3, "not reachable"),
        // A name is a name, whatever it looks like.
        (node, vec!["topics", "delete", "../brokers/101", "--yes"], 4, "UNKNOWN_TOPIC_OR_PARTITION"),
        (node, vec!["topics", "delete", "a?dry_run=true", "--yes"], 4, "UNKNOWN_TOPIC_OR_PARTITION"),
        (silent, vec!["brokers", "fence", "1"], 5, "may yet happen"),
        (proxy, vec!["topics", "list"], 3, "something before the node answered 502"),
        (proxy, vec!["topics", "create", "a", "--dry-run"], 3, "something before the node answered 502"),
        (proxy, vec!["topics", "create", "a"], 5, "may yet happen"),
        (proxy, vec!["apply", "-f", topics], 3, "not reachable"),
        (unknown, vec!["topics", "create", "a"], 5, "OUTCOME_UNKNOWN"),
    ] {
        let output = run(server, &arguments)?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(code) && error.contains(said), "{arguments:?} ended with {}: {error}", output.status);
        ensure!(output.stdout.is_empty(), "{arguments:?} failed and printed {}", String::from_utf8_lossy(&output.stdout));
    }
    cluster.api(1)?.get("/brokers/101").ok().await?;
    for verb in [vec!["--help"], vec!["topics", "--help"], vec!["topics", "delete", "--help"], vec!["watch", "--help"]] {
        let help = command()?.args(&verb).output()?;
        let text = String::from_utf8_lossy(&help.stdout);
        ensure!(
            help.status.success() && ["Exit codes", "5  unknown outcome", "6  a dry run of apply"].iter().all(|part| text.contains(part)),
            "{verb:?}: {text}"
        );
    }
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_asks_for_the_name_on_a_terminal() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api = cluster.api(1)?;
    api.post("/topics", json!({ "name": "precious" })).ok().await?;
    for (typed, code) in [("precius\n", 1), ("\n", 1), ("precious\n", 0)] {
        api.get("/topics/precious").ok().await?;
        let terminal = nix::pty::openpty(None, None)?;
        let child = command()?
            .args(["topics", "delete", "precious", "--server", &url(&api)])
            .stdin(Stdio::from(terminal.slave))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut keyboard = File::from(terminal.master);
        keyboard.write_all(typed.as_bytes())?;
        let output = child.wait_with_output()?;
        let asked = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(code) && asked.contains("Type its name"), "{typed:?} ended with {}: {asked}", output.status);
    }
    api.get("/topics/precious").refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;
    cluster.passed().await
}

/// Runs `watch` until it has printed a line with this.
fn watch_until(api: &Api, output: &str, part: &'static str) -> Result<(std::process::Child, mpsc::Receiver<String>)> {
    let arguments = ["watch", "--output", output, "--server", &url(api)];
    let mut child = command()?.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let lines = BufReader::new(child.stdout.take().context("no stdout")?);
    let (sender, found) = mpsc::channel();
    std::thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok).filter(|line| line.contains(part)) {
            drop(sender.send(line));
        }
    });
    Ok((child, found))
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_prints_every_commit() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api = &cluster.api(1)?;
    let (mut people, table) = watch_until(api, "table", "topic_created")?;
    let (mut machines, frames) = watch_until(api, "json", "\"commit\"")?;
    let mut made = 0;
    // A feed that is not open yet misses what was before.
    let (line, frame) = until("both print a commit", async || {
        made += 1;
        api.post("/topics", json!({ "name": format!("watched-{made}") })).ok().await?;
        let patience = Duration::from_millis(500);
        Ok((table.recv_timeout(patience)?, frames.recv_timeout(patience)?))
    })
    .await?;
    people.kill()?;
    machines.kill()?;
    people.wait()?;
    machines.wait()?;
    ensure!(line.starts_with('#') && line.contains("user:anonymous") && line.contains("watched-"), "{line}");
    let frame: Value = serde_json::from_str(&frame)?;
    ensure!(frame["intent"]["kind"] == "create_topics" && frame["index"].is_u64(), "{frame}");
    cluster.passed().await
}
