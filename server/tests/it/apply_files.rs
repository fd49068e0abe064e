//! Topics as files: `quorate apply` and `quorate export`, the real binary against a real cluster.

mod meanwhile;

use crate::api::Api;
use crate::cluster::Cluster;
use crate::fake;
use crate::process::command;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;

/// What platform teams keep in git, in each of its forms.
const FILES: [(&str, &str); 4] = [
    (
        "strimzi/orders.yaml",
        "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopic\nmetadata:\n  name: orders-v1\n  labels: {app: shop, strimzi.io/cluster: main}\n\
         spec:\n  topicName: orders.v1\n  partitions: 3\n  replicas: 3\n  config:\n    retention.ms: 86400000\n    \
         unclean.leader.election.enable: false\n    cleanup.policy: [compact, delete]\n---\n\
         apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaUser\nmetadata: {name: alice}\nspec: {}\n",
    ),
    ("plain.yml", "name: carts\npartitions: 2\nlabels: {app: shop}\n---\n- name: users\n  replicas: 2\n  configs: {segment.ms: 5000}\n"),
    ("more.json", r#"[{ "name": "audit", "partitions": 1, "labels": { "app": "audit" }, "configs": { "deletion.protection": true } }]"#),
    (".hidden.yaml", "this is not read: [\n"),
];

/// A directory of files and the cluster that they are applied to.
struct Bench {
    dir: TempDir,
    api: Api,
}

/// How a run ended.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn is(self, code: i32, parts: &[&str]) -> Result<Self> {
        let missing = parts.iter().find(|part| !self.out.contains(**part) && !self.err.contains(**part));
        ensure!(self.code == code && missing.is_none(), "ended with {} and lacks {missing:?}:\n{}{}", self.code, self.out, self.err);
        Ok(self)
    }

    fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.out).with_context(|| format!("{}{}", self.out, self.err))
    }
}

impl Bench {
    fn new(api: Api) -> Result<Self> {
        let bench = Bench { dir: tempfile::tempdir()?, api };
        FILES.iter().try_for_each(|(name, text)| bench.write(name, text).map(drop))?;
        Ok(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Puts other words into a file.
    fn edit(&self, name: &str, from: &str, to: &str) -> Result<()> {
        let text = fs::read_to_string(self.path(name))?;
        ensure!(text.contains(from), "{name} has no {from}");
        self.write(name, &text.replace(from, to)).map(drop)
    }

    fn run(&self, arguments: &[&str], stdin: &str) -> Result<Ran> {
        let mut child = command()?
            .args(arguments)
            .args(["--server", &format!("http://{}", self.api.host)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut to = child.stdin.take().context("no stdin")?;
        let text = stdin.to_owned();
        // A verb that reads no stdin may have ended before all of it is written.
        let writer = std::thread::spawn(move || drop(to.write_all(text.as_bytes())));
        let output = child.wait_with_output()?;
        ensure!(writer.join().is_ok(), "the writer panicked");
        let text = |bytes| String::from_utf8(bytes);
        Ok(Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout)?, err: text(output.stderr)? })
    }

    /// Applies the whole directory.
    fn apply(&self, more: &[&str]) -> Result<Ran> {
        let dir = self.dir.path().display().to_string();
        self.run(&[&["apply", "-f", &dir], more].concat(), "")
    }

    async fn topic(&self, name: &str) -> Result<Value> {
        Ok(self.api.get(&format!("/topics/{name}?consistency=linearizable")).ok().await?.body["topic"].clone())
    }

    async fn configure(&self, name: &str, key: &str, value: &str) -> Result<()> {
        let ops = json!({ "ops": [{ "key": key, "op": "set", "value": value }] });
        self.api.call(Method::PATCH, &format!("/topics/{name}/configs")).json(&ops).ok().await.map(drop)
    }

    async fn names(&self) -> Result<Vec<String>> {
        let list = self.api.get("/topics?limit=1000&consistency=linearizable").ok().await?.body;
        let names = list["topics"].as_array().context("no topics")?.iter();
        Ok(names.filter_map(|topic| topic["name"].as_str().map(str::to_owned)).collect())
    }
}

/// An entry of the report.
fn entry<'a>(report: &'a Value, name: &str) -> Result<&'a Value> {
    let topics = report["topics"].as_array().context("no topics")?;
    topics.iter().find(|topic| topic["name"] == name).with_context(|| format!("no {name} in {report}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_files() -> Result<()> {
    let cluster = fake::cluster().await?;
    let bench = Bench::new(cluster.api(*cluster.followers().await?.first().context("no follower")?)?)?;
    first_and_second_run(&cluster, &bench).await?;
    differences(&cluster, &bench).await?;
    what_cannot_be(&bench).await?;
    pruned_within_a_scope(&cluster, &bench).await?;
    exported(&cluster, &bench).await?;
    cluster.passed().await
}

async fn first_and_second_run(cluster: &Cluster, bench: &Bench) -> Result<()> {
    let before = cluster.agree().await?;
    let dry = bench.apply(&["--dry-run"])?.is(6, &["+ orders.v1  create", "+ partitions: 3", "+ retention.ms: 86400000", "4 to create"])?;
    ensure!(dry.err.contains("orders.yaml, document 2, line 15: KafkaUser alice is passed over"), "{}", dry.err);
    let planned = bench.apply(&["--dry-run", "--output", "json"])?.is(6, &[])?.json()?;
    let commands = &entry(&planned, "orders.v1")?["groups"][0]["commands"];
    ensure!(commands[0]["kind"] == "register_topic" && commands[1]["kind"] == "assign_partitions", "{planned}");
    ensure!(planned["dry_run"] == true && entry(&planned, "carts")?["outcome"] == "planned", "{planned}");
    ensure!(cluster.agree().await? == before && bench.names().await?.is_empty(), "a dry run moved the log");

    let done = bench.apply(&[])?.is(0, &["4 created"])?;
    ensure!(!done.out.contains('\u{1b}'), "colours where there is no terminal: {}", done.out);
    let orders = bench.topic("orders.v1").await?;
    let expected = json!({ "cleanup.policy": "compact,delete", "labels": "app=shop,strimzi.io/cluster=main", "retention.ms": "86400000",
        "unclean.leader.election.enable": "false" });
    ensure!(orders["configs"] == expected && orders["partitions"].as_array().map(Vec::len) == Some(3), "{orders}");
    ensure!(bench.topic("users").await?["partitions"][0]["replicas"].as_array().map(Vec::len) == Some(2));
    // What no file says stays the default's, and does not come back as a change.
    ensure!(bench.topic("carts").await?["partitions"][0]["replicas"].as_array().map(Vec::len) == Some(3));

    let after = cluster.agree().await?;
    for dry in [&["--dry-run"][..], &[]] {
        bench.apply(dry)?.is(0, &["nothing to do: 4 as they"])?;
    }
    ensure!(cluster.agree().await? == after, "the second run moved the log");
    Ok(())
}

async fn differences(cluster: &Cluster, bench: &Bench) -> Result<()> {
    let carts = bench.topic("carts").await?["changed_index"].clone();
    bench.edit("strimzi/orders.yaml", "retention.ms: 86400000", "retention.ms: 3600000\n    min.insync.replicas: 2")?;
    bench.edit("strimzi/orders.yaml", "    unclean.leader.election.enable: false\n", "")?;
    bench.edit("strimzi/orders.yaml", "partitions: 3", "partitions: 6")?;
    bench.edit("plain.yml", "segment.ms: 5000", "segment.ms: 6000")?;
    let lines = [
        "~ orders.v1  change",
        "~ partitions: 3 → 6",
        "~ retention.ms: 86400000 → 3600000",
        "+ min.insync.replicas: 2",
        "- unclean.leader.election.enable: false → its default",
        "~ segment.ms: 5000 → 6000",
    ];
    bench.apply(&["--dry-run"])?.is(6, &lines)?.is(6, &["2 to change, 1 to grow, 2 as they are"])?;
    let report = bench.apply(&["--output", "json"])?.is(0, &[])?.json()?;
    let orders = entry(&report, "orders.v1")?;
    ensure!(orders["action"] == "change" && orders["outcome"] == "done" && orders["line"] == 1, "{orders}");
    let changes = orders["changes"].as_array().context("no changes")?;
    ensure!(changes.contains(&json!({ "field": "partitions", "before": "3", "after": "6" })), "{orders}");
    ensure!(changes.contains(&json!({ "field": "unclean.leader.election.enable", "before": "false", "after": null })), "{orders}");
    ensure!(report["summary"]["changed"] == 2 && report["summary"]["grown"] == 1 && report["revision"].is_u64(), "{report}");
    ensure!(report["passed_over"][0]["what"] == "KafkaUser alice", "{report}");
    let now = bench.topic("orders.v1").await?;
    let expected = json!({ "cleanup.policy": "compact,delete", "labels": "app=shop,strimzi.io/cluster=main", "retention.ms": "3600000", "min.insync.replicas": "2" });
    ensure!(now["configs"] == expected && now["partitions"].as_array().map(Vec::len) == Some(6), "{now}");
    ensure!(now["changed_index"] == orders["index"], "{now}");
    ensure!(bench.topic("carts").await?["changed_index"] == carts, "a topic that is as it was is not touched");

    // Somebody set a key by hand: it goes, as in Strimzi. A protection that no file speaks of stays.
    bench.configure("carts", "segment.ms", "1").await?;
    bench.configure("carts", "deletion.protection", "true").await?;
    bench.apply(&[])?.is(0, &["- segment.ms: 1 → its default", "1 changed, 3 as they were"])?;
    ensure!(bench.topic("carts").await?["configs"] == json!({ "deletion.protection": "true", "labels": "app=shop" }));
    let before = cluster.agree().await?;
    bench.apply(&[])?.is(0, &["nothing to do"])?;
    ensure!(cluster.agree().await? == before);
    Ok(())
}

/// What cannot be is named with its reason, and keeps nothing else from being done.
async fn what_cannot_be(bench: &Bench) -> Result<()> {
    let shrunk = "name: orders.v1\npartitions: 1\nconfigs: {retention.ms: 1}\n---\nname: carts\nreplicas: 1\n---\n\
        name: wrong\nconfigs: {no.such.key: x}\n---\nname: too-many\nreplicas: 9\n---\nname: fine\npartitions: 1\n";
    let path = bench.write("wrong.txt", shrunk)?;
    let path = path.display().to_string();
    let parts = [
        "! orders.v1  cannot be changed so",
        "document 1, line 1",
        "! INVALID_PARTITIONS: orders.v1 has 6 partitions, and none is ever taken away",
        "! INVALID_REPLICATION_FACTOR: The replication factor of carts is 3",
        "INVALID_CONFIG: There is no such configuration key",
        "too-many (",
        "9 replicas need 9 brokers",
    ];
    bench.run(&["apply", "--dry-run", "-f", &path], "")?.is(4, &parts)?.is(4, &["1 to create, 4 refused"])?;
    ensure!(!bench.names().await?.contains(&"fine".to_owned()), "a dry run made a topic");
    bench.run(&["apply", "-f", &path], "")?.is(4, &parts)?.is(4, &["1 created, 4 refused", "4 topics refused"])?;
    ensure!(bench.topic("orders.v1").await?["configs"]["retention.ms"] == "3600000", "a refused topic was changed in part");
    let report = bench.run(&["apply", "-f", &path, "--output", "json"], "")?.is(4, &[])?.json()?;
    let refused = entry(&report, "orders.v1")?;
    ensure!(refused["action"] == "refuse" && refused["errors"][0]["code"] == "INVALID_PARTITIONS", "{refused}");
    ensure!(refused["errors"][0]["allowed"] == "6 or more" && refused["document"] == 1, "{refused}");
    ensure!(entry(&report, "wrong")?["errors"][0]["code"] == "INVALID_CONFIG", "{report}");
    fs::remove_file(path)?;

    // Files that cannot be used: nobody is asked, and each fault has its place.
    for (text, part) in [
        ("name: a\npartitons: 3\n", "stdin, document 1, line 2: there is no field partitons"),
        ("name: a\n---\nname: a\n", "stdin, document 2, line 3: the topic a is in stdin, document 1, line 1 already"),
        ("name: a\nconfigs: {retention.ms: 1, retention.ms: 2}\n", "the key \"retention.ms\" stands twice"),
        ("name: a\nconfigs: {unclean.leader.election.enable: no}\n", "some take for true or false"),
        ("[", "stdin, document 1"),
    ] {
        bench.run(&["apply", "-f", "-"], text)?.is(2, &[part])?;
    }
    for (arguments, part) in [
        (&["apply"][..], "--file"),
        (&["apply", "-f", "/no/such/file"], "No such file"),
        (&["apply", "-f", "-", "-f", "-"], "given twice"),
        (&["apply", "-f", "-", "--prune"], "--selector KEY=VALUE or --prefix"),
        (&["apply", "-f", "-", "--prefix", "a"], "--prune"),
        (&["apply", "-f", "-", "--prune", "--prefix", ""], "every topic"),
        (&["apply", "-f", "-", "--prune", "--selector", ""], "KEY=VALUE"),
        (&["apply", "-f", "-", "--prune", "--selector", "a in (b)"], "KEY=VALUE"),
        (&["apply", "-f", "-", "--prune", "--prefix", "orders", "--yes"], "name no topic"),
    ] {
        bench.run(arguments, "")?.is(2, &[part])?;
    }
    bench.run(&["apply", "-f", "-"], "# nothing\n")?.is(0, &["nothing to do"])?;
    ensure!(bench.run(&["topics", "delete", "fine", "--yes"], "")?.code == 0);
    Ok(())
}

async fn pruned_within_a_scope(cluster: &Cluster, bench: &Bench) -> Result<()> {
    for (name, configs) in [
        ("shop.old", json!({ "labels": "app=shop" })),
        ("shop.guarded", json!({ "labels": "app=shop", "deletion.protection": "true" })),
        ("__shop", json!({ "labels": "app=shop" })),
        ("other.old", json!({ "labels": "app=other" })),
        ("old.bare", json!({})),
    ] {
        bench.api.post("/topics", json!({ "name": name, "configs": configs })).ok().await?;
    }
    let before = cluster.agree().await?;
    let parts = ["- shop.old  delete: no file names it", "shop.guarded  kept: protected", "__shop  kept: an internal topic", "2 kept"];
    bench.apply(&["--prune", "--selector", "app=shop", "--dry-run"])?.is(6, &parts)?.is(6, &["1 to delete"])?;
    bench.apply(&["--prune", "--selector", "app=shop"])?.is(2, &["needs --yes where there is no terminal"])?;
    bench.apply(&["--prune", "--selector", "app=shop", "--output", "json"])?.is(2, &["needs --yes with --output json"])?;
    ensure!(cluster.agree().await? == before, "something was done without a yes");
    // Not while anything else is refused.
    let stray = bench.write("stray.yaml", "name: stray\nreplicas: 9\n")?;
    bench
        .apply(&["--prune", "-l", "app=shop", "--yes"])?
        .is(4, &["1 refused, 1 not tried", "not deleted, because not all of the rest was done"])?;
    fs::remove_file(stray)?;
    ensure!(cluster.agree().await? == before);
    bench.apply(&["--prune", "-l", "app=shop", "--yes"])?.is(0, &parts)?.is(0, &["1 deleted, 4 as they were, 2 kept"])?;
    let names = ["__shop", "audit", "carts", "old.bare", "orders.v1", "other.old", "shop.guarded", "users"];
    ensure!(bench.names().await? == names, "{:?}", bench.names().await?);
    bench.apply(&["--prune", "--prefix", "o", "-l", "app=other", "--yes"])?.is(0, &["- other.old", "1 deleted"])?;
    bench.apply(&["--prune", "--prefix", "old.", "--yes"])?.is(0, &["- old.bare", "1 deleted"])?;
    let report = bench.apply(&["--prune", "-l", "app=shop", "--output", "json"])?.is(0, &[])?.json()?;
    let kept = entry(&report, "shop.guarded")?;
    ensure!(kept["action"] == "keep" && kept["reason"] == "protected by deletion.protection", "{kept}");
    Ok(())
}

async fn exported(cluster: &Cluster, bench: &Bench) -> Result<()> {
    let before = cluster.agree().await?;
    for more in [&[][..], &["--format", "strimzi"], &["--output", "json"], &["--output", "json", "--format", "strimzi"]] {
        let files = bench.run(&[&["export"], more].concat(), "")?.is(0, &["orders.v1"])?.out;
        ensure!(!files.contains("__shop"), "{files}");
        bench.run(&["apply", "-f", "-"], &files)?.is(0, &["nothing to do: 5 as they were"])?;
        // Into an empty cluster it would be the same topics again.
        let again = bench.run(&["apply", "-f", "-", "--dry-run", "--output", "json"], &files)?.json()?;
        ensure!(again["summary"]["unchanged"] == 5, "{again}");
    }
    ensure!(cluster.agree().await? == before);
    let whole = bench.run(&["export"], "")?.out;
    ensure!(whole.starts_with("name: audit\npartitions: 1\nreplication_factor: 3\nlabels:\n  app: audit\nconfigs:\n"), "{whole}");
    let strimzi = bench.run(&["export", "--format", "strimzi", "orders.v1"], "")?.out;
    ensure!(strimzi.contains("  name: orders.v1\n") && strimzi.contains("    strimzi.io/cluster: main\n"), "{strimzi}");
    for (arguments, names) in [
        (&["export", "--output", "json", "-l", "app=shop"][..], vec!["carts", "orders.v1", "shop.guarded"]),
        (&["export", "--output", "json", "--prefix", "shop."], vec!["shop.guarded"]),
        (&["export", "--output", "json", "carts", "__shop"], vec!["__shop", "carts"]),
        (&["export", "--output", "json", "--internal", "-l", "app=shop", "--prefix", "__"], vec!["__shop"]),
    ] {
        let list = bench.run(arguments, "")?.is(0, &[])?.json()?;
        let found: Vec<&str> = list.as_array().context("no list")?.iter().filter_map(|topic| topic["name"].as_str()).collect();
        ensure!(found == names, "{arguments:?}: {found:?}");
    }
    bench.run(&["export", "nothing"], "")?.is(4, &["UNKNOWN_TOPIC_OR_PARTITION"]).map(drop)
}
