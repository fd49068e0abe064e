//! A cluster out of its backup: the same one in another history, which nobody of the former takes for its own.

use crate::api::Api;
use crate::backup::read_url;
use crate::backup_whole::{followed, newest, refused, said, url, whole};
use crate::cluster::Cluster;
use crate::fake;
use crate::load;
use crate::postgres::Postgres;
use crate::process::{Process, address, clean, program};
use crate::wait::until;
use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::Command;

async fn cluster_of(api: &Api) -> Result<Value> {
    Ok(api.get("/cluster").ok().await?.body)
}

async fn digest_at(api: &Api, index: u64) -> Result<Value> {
    Ok(api.get(&format!("/state/digest?index={index}")).ok().await?.body["digest"].clone())
}

/// A restored controller of its own.
struct Alone {
    process: Process,
    api: Api,
}

impl Alone {
    async fn start(dir: &Path, host: &str, more: &[&str]) -> Result<Self> {
        let dir_text = dir.display().to_string();
        let mut arguments: Vec<String> =
            ["serve", "--node-id", "1", "--listen", host, "--data-dir", &dir_text, "--stop-with-stdin"].map(str::to_owned).to_vec();
        arguments.extend(fake::LONG_SESSION.iter().chain(more).map(|argument| (*argument).to_owned()));
        let mut process = Process::new("restored".to_owned(), dir.with_extension("log"), arguments);
        process.start()?;
        let api = Api::new(1, host.to_owned())?;
        let ready = until("the restored controller is ready", async || api.at(Method::GET, "/readyz").ok().await).await;
        if ready.is_err() {
            process.show_log();
        }
        ready?;
        api.learn_description().await?;
        Ok(Alone { process, api })
    }
}

/// Something of everything, with the index in the middle.
async fn story(cluster: &Cluster) -> Result<u64> {
    fake::online(cluster, fake::THREE).await?;
    let api = cluster.led().await?;
    for name in ["orders", "payments", "refunds"] {
        let body = json!({ "name": name, "partitions": 4, "replication_factor": 3, "configs": { "retention.ms": "5000" } });
        api.post("/topics", body).ok().await?;
    }
    let then = api.call(Method::PATCH, "/settings").json(&json!({ "ops": [{ "key": "cluster.name", "op": "set", "value": "shop" }] })).ok();
    let then = then.await?.revision()?;
    api.delete("/topics/refunds").ok().await?;
    api.call(Method::PATCH, "/topics/orders/configs").json(&json!({ "ops": [{ "key": "retention.ms", "op": "delete" }] })).ok().await?;
    load::made(&api, "later").await?;
    Ok(then)
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_equals_state() -> Result<()> {
    let mut postgres = Postgres::new()?;
    let flags = match postgres.as_mut() {
        Some(postgres) => {
            postgres.start()?;
            vec!["--database-url".to_owned(), postgres.url()]
        }
        None => {
            writeln!(std::io::stderr(), "the part of restore_equals_state with PostgreSQL is skipped: it is not installed")?;
            Vec::new()
        }
    };
    let flags: Vec<&str> = fake::LONG_SESSION.iter().copied().chain(flags.iter().map(String::as_str)).collect();
    let cluster = Cluster::start(3, &flags).await?;
    let then = story(&cluster).await?;
    let newest = newest(&cluster).await?;
    let (dir, api) = (cluster.path().to_owned(), cluster.led().await?);
    // Any node makes the file.
    let file = dir.join("backup.gz").display().to_string();
    let exported = said(&["backup", "export", "--server", &url(&cluster.api(cluster.followers().await?[0])?), "--to", &file])?;
    let imported = dir.join("imported.sqlite").display().to_string();
    said(&["backup", "import", "--from", &file, "--database-url", &format!("sqlite://{imported}?mode=rwc")])?;
    let mut sources = vec![file, imported];
    if let Some(postgres) = &postgres {
        followed(&cluster, &postgres.url()).await?;
        sources.push(postgres.url());
    }
    ensure!(exported["index"].as_u64() >= Some(newest), "{exported}");
    let (names, identity) = (load::all_topics(&api).await?, cluster_of(&api).await?);
    for (number, from) in sources.iter().enumerate() {
        whole(from, &api)?;
        let data_dir = dir.join(format!("restored-{number}"));
        let (host, at) = (address()?.to_string(), data_dir.display().to_string());
        let common = ["restore", "--from", from, "--data-dir", &at, "--listen", &host];
        // As it was, without writing anything.
        let earlier = said(&[&common[..], &["--as-of", &then.to_string(), "--dry-run"]].concat())?;
        ensure!(earlier["as_of"]["digest"] == digest_at(&api, then).await?, "{earlier}");
        ensure!(earlier["topics"] == 3 && earlier["settings"] == json!(["cluster.name=shop"]) && !data_dir.exists(), "{earlier}");
        let same = said(&[&common[..], &["--as-of", &format!("{}ms", earlier["as_of"]["at_ms"]), "--dry-run"]].concat())?;
        ensure!(same["as_of"] == earlier["as_of"], "by time: {same}");
        let late = refused(&[&common[..], &["--as-of", "999999999"]].concat(), 4)?;
        ensure!(late.contains("goes up to index"), "{late}");
        // And as it is.
        let restored = said(&common)?;
        let index = restored["as_of"]["index"].as_u64().context("no index")?;
        ensure!(index >= newest && restored["as_of"]["digest"] == digest_at(&api, index).await?, "{restored}");
        let again = refused(&common, 4)?;
        ensure!(again.contains("--data-dir") && again.contains("holds something"), "{again}");
        let mut alone = Alone::start(&data_dir, &host, &[]).await?;
        let now = cluster_of(&alone.api).await?;
        ensure!(now["cluster_id"] == identity["cluster_id"] && now["lineage"] == restored["lineage"], "{now}");
        ensure!(now["lineage"] != identity["lineage"] && now["name"] == "shop" && now["brokers"]["fenced"] == 3, "{now}");
        ensure!(alone.api.get("/topics").ok().await?.revision()? > index + 1_000_000);
        ensure!(load::all_topics(&alone.api).await? == names, "topics or ids are others");
        // It goes on, and so does a backup of it.
        let epoch =
            alone.api.post("/brokers", fake::registration(101, "a")).ok().await?.body["broker_epoch"].as_u64().context("no epoch")?;
        until("a broker that registers is online", async || {
            fake::beat(&alone.api, 101, epoch).await?;
            ensure!(cluster_of(&alone.api).await?["brokers"]["online"] == 1);
            Ok(())
        })
        .await?;
        let leaders = alone.api.get("/topics/orders").ok().await?.body;
        ensure!(leaders["topic"]["partitions"][0]["leader"] == 101, "{leaders}");
        load::made(&alone.api, "after").await?;
        let own = data_dir.join("backup.sqlite").display().to_string();
        until("its own backup follows", async || {
            let proven = said(&["backup", "verify", "--from", &own, "--compare", "--server", &url(&alone.api)])?;
            ensure!(proven["index"].as_u64() >= Some(alone.api.get("/topics/after").ok().await?.revision()?), "{proven}");
            Ok(())
        })
        .await?;
        alone.process.kill()?;
    }
    cluster.passed().await
}

/// One controller of three is restored in its place, at its address; the two others, their storage service, a tab and the database stay
/// what they were, or begin from a snapshot.
#[tokio::test(flavor = "multi_thread")]
async fn old_lineage_is_refused() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = format!("sqlite://{}?mode=rwc", dir.path().join("shared.sqlite").display());
    let mut cluster = Cluster::start(3, &["--database-url", &database]).await?;
    cluster.add_storage(101, "a").await?;
    load::made(&cluster.led().await?, "before").await?;
    let (newest, first) = (newest(&cluster).await?, cluster.api(1)?);
    followed(&cluster, &database).await?;
    let old = cluster_of(&first).await?["lineage"].as_str().context("no lineage")?.to_owned();
    let file = dir.path().join("backup.gz").display().to_string();
    said(&["backup", "export", "--server", &url(&first), "--to", &file])?;
    cluster.kill(1)?;
    let restored = dir.path().join("restored");
    let at = restored.display().to_string();
    let new =
        said(&["restore", "--from", &file, "--data-dir", &at, "--listen", &first.host])?["lineage"].as_str().unwrap_or_default().to_owned();
    cluster.leader().await?;
    let alone = Alone::start(&restored, &first.host, &["--database-url", &database]).await?;

    // Controllers: both clusters go on, and neither has what the other one decides.
    load::made(&alone.api, "of-the-new").await?;
    load::made(&cluster.led().await?, "of-the-old").await?;
    for api in cluster.apis() {
        ensure!(cluster_of(&api).await?["lineage"] == old.as_str());
        api.get("/topics/of-the-new").refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;
    }
    let now = cluster_of(&alone.api).await?;
    ensure!(now["lineage"] == new.as_str() && now["controllers"].as_array().map(Vec::len) == Some(1), "{now}");
    ensure!(now["fault"].is_null() && now["quorum"]["available"] == true, "{now}");
    alone.api.get("/topics/of-the-old").refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;

    // A tab: its position is of another history.
    let position = format!("/feed?from={newest}&lineage={old}");
    alone.api.get(&position).header("accept", "text/event-stream").refused(422, "INVALID_FEED_POSITION").await?;

    // The database: what the former left is put aside, and it does not come back.
    until("the database is of the new history", async || {
        let backup = read_url(&database).await?;
        ensure!(
            backup.lineage == new && backup.topics.contains_key("of-the-new") && !backup.topics.contains_key("of-the-old"),
            "{backup:?}"
        );
        Ok(())
    })
    .await?;
    let listed = said(&["backup", "list", "--from", &dir.path().join("shared.sqlite").display().to_string()])?;
    ensure!(listed["lineages"][1]["lineage"] == old.as_str() && listed["lineages"][1]["commits"].as_u64() > Some(0), "{listed}");
    let leader = cluster.leader().await?;
    cluster.change_leader().await?;
    until("the former history says so", async || {
        let backup = cluster_backup(&cluster).await?;
        ensure!(backup.contains("later history of this cluster"), "{backup}");
        Ok(())
    })
    .await?;
    ensure!(read_url(&database).await?.lineage == new, "the former history took the database back from {leader}");

    // Who is left of the old cluster stops, and its storage service finds the new one, at an address that it knows.
    for id in [2, 3] {
        cluster.kill(id)?;
    }
    until("the storage service is of the new history", async || {
        let broker = alone.api.get("/brokers/101").ok().await?.body;
        ensure!(broker["broker"]["state"] == "online" && broker["broker"]["epoch"].as_u64() > Some(1_000_000), "{broker}");
        Ok(())
    })
    .await?;
    ensure!(cluster.storage_log(101).contains("starting from a snapshot"), "{}", cluster.storage_log(101));
    until("it leads what it led", async || {
        let topic = alone.api.get("/topics/before").ok().await?.body;
        ensure!(topic["topic"]["partitions"][0]["leader"] == 101, "{topic}");
        Ok(())
    })
    .await?;
    cluster.ended_as_expected();
    Ok(())
}

async fn cluster_backup(cluster: &Cluster) -> Result<String> {
    let mut feed = crate::feed::Feed::open(&cluster.led().await?, "").await?;
    Ok(feed.next_of("pulse").await?["backup"].to_string())
}

/// The commands of a section of the operator's document, as they stand there.
fn commands(section: &str) -> Result<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md"))?;
    let heading = format!("## {section}\n");
    let (_, rest) = text.split_once(&heading).with_context(|| format!("the document has no section {section}"))?;
    let section = rest.split("\n## ").next().unwrap_or_default();
    let blocks: Vec<&str> = section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    ensure!(!blocks.is_empty(), "the section has no commands");
    Ok(blocks.concat())
}

/// Runs the drill as it is written down, against another port and in other directories.
#[tokio::test(flavor = "multi_thread")]
async fn the_drill_of_the_document_works() -> Result<()> {
    let cluster = Cluster::start(3, fake::LONG_SESSION).await?;
    story(&cluster).await?;
    let dir = tempfile::tempdir()?;
    let (backups, bin) = (dir.path().join("backups"), dir.path().join("bin"));
    [&backups, &bin].into_iter().try_for_each(std::fs::create_dir)?;
    std::os::unix::fs::symlink(program()?, bin.join("quorate"))?;
    let mut script = commands("Restore drill")?;
    for (said, here) in [
        ("127.0.0.1:9091", cluster.api(2)?.host),
        ("127.0.0.1:9191", address()?.to_string()),
        ("/var/backups", backups.display().to_string()),
        ("/var/lib/quorate-drill", dir.path().join("drill").display().to_string()),
    ] {
        ensure!(script.contains(said), "the drill does not speak of {said}");
        script = script.replace(said, &here);
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let output = tokio::task::spawn_blocking(move || {
        clean(Command::new("setpriv")).args(["--pdeathsig", "KILL", "sh", "-eu", "-c", &script]).env("PATH", path).output()
    })
    .await??;
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        bail!("the drill ended with {}:\n{out}\n{error}", output.status);
    }
    ensure!(out.contains("not restored:") && out.contains("has the same digest there"), "{out}");
    ensure!(!dir.path().join("drill").exists(), "the drill left something behind");
    cluster.passed().await
}
