//! What does not start says why, once: no file, no flag and no reason stands twice in a refusal.

use crate::process::{address, command};
use crate::wait::PATIENCE;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Runs the program, which must end by itself; its status and the line that says why.
async fn refused(arguments: &[&str]) -> Result<(i32, String)> {
    let mut program = tokio::process::Command::from(command()?);
    let running = program.args(arguments).stdin(std::process::Stdio::null()).kill_on_drop(true).output();
    let ended = tokio::time::timeout(PATIENCE, running).await.with_context(|| format!("{arguments:?} runs"))??;
    let log = String::from_utf8_lossy(&ended.stderr).into_owned();
    let from = log.find("quorate: ").or_else(|| log.find("error: ")).with_context(|| format!("{arguments:?} says nothing: {log}"))?;
    Ok((ended.status.code().context("killed")?, log[from..].trim().trim_start_matches("quorate: ").to_owned()))
}

/// That no clause of a message is said twice.
fn said_once(message: &str) -> Result<()> {
    let clauses: Vec<&str> = message.split(": ").map(str::trim).filter(|clause| !clause.is_empty()).collect();
    let distinct: BTreeSet<&str> = clauses.iter().copied().collect();
    ensure!(distinct.len() == clauses.len(), "said twice: {message}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_that_cannot_be_used_is_named_with_its_value() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (listen, data_dir) = (address()?.to_string(), dir.path().join("data").display().to_string());
    let config = dir.path().join("quorate.toml");
    let config = config.to_str().context("no path")?;
    fs::write(config, "node-id = 0\n")?;
    let (empty, good) = (dir.path().join("empty"), dir.path().join("url"));
    fs::write(&empty, "\n")?;
    fs::write(&good, "mysql://me:secret@h/x\n")?;
    let (empty, good) = (empty.to_str().context("no path")?, good.to_str().context("no path")?);
    let cases: [(&[&str], &str); 21] = [
        (&["--database-url-file", "/nowhere/url"], "--database-url-file /nowhere/url: No such file"),
        (&["--database-url-file", empty], "its first line is empty"),
        (&["--database-url-file", good], "it is neither sqlite:// nor postgres://"),
        (&["--database-url-file", good, "--database-url", "sqlite://x"], "cannot be used with"),
        (&["--node-id", "0"], "--node-id 0 has to be 1 or more"),
        (&["--config", config], "--node-id 0 has to be 1 or more"),
        (&["--node-id", "-1"], "'-1' for '--node-id"),
        (&["--node-id", "one"], "'one' for '--node-id"),
        (&["--broker-session-timeout-ms", "0"], "--broker-session-timeout-ms 0 has to be 1 or more"),
        (&["--snapshot-every", "0"], "--snapshot-every 0 has to be 1 or more"),
        (&["--scrub-interval-ms", "0"], "--scrub-interval-ms 0 has to be 1 or more"),
        (&["--election-timeout-ms", "2"], "--election-timeout-ms 2 has to be at least three times"),
        (&["--peers", "2=127.0.0.1:1"], "--peers does not name this node, 1"),
        (&["--peers", "1=here"], "\"1=here\" has no HOST:PORT"),
        (&["--listen", "127.0.0.1:0"], "--listen \"127.0.0.1:0\" is no HOST:PORT"),
        (&["--listen", "127.0.0.1"], "--listen \"127.0.0.1\" is no HOST:PORT"),
        (&["--listen", "0.0.0.0:9091"], "--listen 0.0.0.0:9091 is beyond loopback"),
        (&["--push-networks", "10.0.0.0/99"], "\"10.0.0.0/99\" is no network"),
        (&["--database-url", "mysql://x"], "--database-url: the database URL cannot be used: it is neither sqlite:// nor postgres://"),
        (&["--config", "/nowhere/quorate.toml"], "--config /nowhere/quorate.toml: No such file"),
        (&["--log-format", "xml"], "'xml' for '--log-format"),
    ];
    for (flags, why) in cases {
        let own: &[&str] = if flags.contains(&"--listen") { &[] } else { &["--listen", &listen] };
        let arguments = [&["serve", "--data-dir", &data_dir], own, flags].concat();
        let (code, message) = refused(&arguments).await?;
        ensure!(code == 2 && message.contains(why), "{flags:?} ended with {code}: {message}");
        said_once(&message)?;
    }
    ensure!(!Path::new(&data_dir).exists(), "a refused start left something behind");
    Ok(())
}

/// A node that has run once, long enough for its mark to say that there is a log.
async fn ran(data_dir: &str) -> Result<()> {
    let listen = address()?.to_string();
    let mut program = tokio::process::Command::from(command()?);
    let mut node = program
        .args(["serve", "--listen", &listen, "--data-dir", data_dir, "--no-backup"])
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    crate::wait::until("it is ready", async || {
        let ready = reqwest::get(format!("http://{listen}/readyz")).await?;
        ensure!(ready.status().is_success(), "{}", ready.status());
        let mark = fs::read(Path::new(data_dir).join("log-mark"))?;
        ensure!(mark.get(8..24).is_some_and(|position| position.iter().any(|byte| *byte != 0)), "it is not marked yet: {mark:?}");
        Ok(())
    })
    .await?;
    node.kill().await?;
    Ok(())
}

fn copied(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        // A node that was killed leaves its socket behind, which is nobody's.
        match entry.file_type()? {
            kind if kind.is_dir() => copied(&entry.path(), &target)?,
            kind if kind.is_file() => drop(fs::copy(entry.path(), target)?),
            _ => {}
        }
    }
    Ok(())
}

/// What is done to the data of a node that ran, how it is started, and what is said.
type Spoiled = (&'static str, fn(&Path) -> Result<()>, &'static [&'static str], &'static str);

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_that_cannot_be_used_is_named_once() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let good = dir.path().join("good");
    ran(good.to_str().context("no path")?).await?;
    let cases: [Spoiled; 9] = [
        ("instance.json", |_| Ok(()), &["--node-id", "2"], "this data belongs to node 1, and this is node 2"),
        ("instance.json", |file| Ok(fs::write(file, "{")?), &[], "it is damaged"),
        ("instance.json", |file| Ok(fs::remove_file(file)?), &[], "it is missing beside"),
        ("log-mark", |file| Ok(fs::write(file, "x")?), &[], "is damaged: it is too short"),
        ("log-mark", |file| Ok(fs::remove_file(file)?), &[], "is missing beside the Raft log"),
        (
            "log-mark",
            |file| {
                fs::remove_file(file)?;
                Ok(fs::create_dir(file)?)
            },
            &[],
            "Is a directory",
        ),
        ("snapshot.bin", |file| Ok(fs::write(file, "not a snapshot")?), &[], "is damaged"),
        (
            "log",
            |file| {
                fs::remove_dir_all(file)?;
                Ok(fs::write(file, "")?)
            },
            &[],
            "File exists",
        ),
        ("log", |file| Ok(fs::remove_dir_all(file)?), &[], "entries are missing"),
    ];
    for (nth, (file, spoil, flags, why)) in cases.into_iter().enumerate() {
        let spoiled = dir.path().join(format!("spoiled-{nth}"));
        copied(&good, &spoiled)?;
        spoil(&spoiled.join(file))?;
        let (listen, data_dir) = (address()?.to_string(), spoiled.display().to_string());
        let arguments = [&["serve", "--listen", &listen, "--data-dir", &data_dir, "--no-backup"], flags].concat();
        let (code, message) = refused(&arguments).await?;
        let path = spoiled.join(file).display().to_string();
        ensure!(code == 1 && message.contains(&path) && message.contains(why), "{file} {nth} ended with {code}: {message}");
        said_once(&message)?;
        // The log's directory is also the beginning of its mark's name.
        let named = message.replace("log-mark", "mark").matches(&path.replace("log-mark", "mark")).count();
        ensure!(named == 1, "{path} is named {named} times: {message}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_way_is_named_once() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("a-file");
    fs::write(&file, "")?;
    let (file, free) = (file.display().to_string(), dir.path().join("free").display().to_string());
    let (listen, taken) = (address()?.to_string(), std::net::TcpListener::bind("127.0.0.1:0")?);
    let taken = taken.local_addr().map(|address| (address.to_string(), taken))?;
    let storage =
        |id: &'static str, listen: &'static str| ["storage", "--id", id, "--controllers", "http://127.0.0.1:1", "--listen", listen];
    let cases: [(Vec<&str>, &str); 6] = [
        (vec!["serve", "--listen", &listen, "--data-dir", &file], &file),
        (vec!["serve", "--listen", &taken.0, "--data-dir", &free], &taken.0),
        (
            [&["storage", "--id", "101", "--controllers", "http://127.0.0.1:1", "--data-dir", &file, "--listen"][..], &[&listen]].concat(),
            &file,
        ),
        (
            [&["storage", "--id", "101", "--controllers", "http://127.0.0.1:1", "--data-dir", &free, "--listen"][..], &[&taken.0]].concat(),
            &taken.0,
        ),
        ([&storage("4294967295", "127.0.0.1:1")[..], &["--data-dir", &free]].concat(), "4294967295"),
        (vec!["demo", "--data-dir", &file], &file),
    ];
    for (arguments, culprit) in cases {
        let (_, message) = tokio::time::timeout(Duration::from_secs(30), refused(&arguments)).await??;
        ensure!(message.matches(culprit).count() == 1, "{arguments:?}: {message}");
        said_once(&message)?;
    }
    Ok(())
}
