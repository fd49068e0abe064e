//! `backup`: what is kept outside the cluster. Export asks a node; the others read a database or a file, and need no cluster at all.

use super::call::{Failed, Server, print_line, refused};
use super::{Common, Output, moment};
use crate::usage::Usage;
use anyhow::{Context, bail};
use clap::Subcommand;
use controller::backup::{self, Archive, BackupError, Contents, Lineage, Proven};
use metadata::contract::Operation;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tls::causes;

const SILENCE: Duration = Duration::from_secs(60);

#[derive(Subcommand, Clone, Debug)]
pub enum Backup {
    /// Write what a node keeps of the history into one file, while it goes on; the file is proven before it gets its name.
    Export {
        /// The file; what is there is replaced once the new one is whole.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Put a file that was exported into an empty database.
    Import {
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// sqlite:// or postgres://, as of serve.
        #[arg(long, env = "QUORATE_DATABASE_URL", value_name = "URL")]
        database_url: String,
    },
    /// What a backup holds: of which cluster, from where up to where, and what is missing.
    List {
        /// The URL of a database, a SQLite file, or a file that was exported.
        #[arg(long, env = "QUORATE_BACKUP_FROM", value_name = "URL|FILE")]
        from: String,
    },
    /// Prove a backup: what it comes to has the digest that the cluster had, and its tables hold that.
    Verify {
        /// The URL of a database, a SQLite file, or a file that was exported.
        #[arg(long, env = "QUORATE_BACKUP_FROM", value_name = "URL|FILE")]
        from: String,
        /// Compare it with the node of --server as well.
        #[arg(long)]
        compare: bool,
    },
}

pub async fn run(common: &Common, verb: Backup) -> anyhow::Result<()> {
    match verb {
        Backup::Export { to } => export(common, &to).await,
        Backup::Import { from, database_url } => {
            check_url("--database-url", &database_url)?;
            let contents = backup::import(&from, &database_url).await.map_err(failed)?;
            print(common.output, &listed(&contents), || table(&contents))
        }
        Backup::List { from } => {
            let contents = open(&from).await?.contents().await.map_err(failed)?;
            print(common.output, &listed(&contents), || table(&contents))
        }
        Backup::Verify { from, compare } => verify(common, &from, compare).await,
    }
}

/// Exit codes: 3 where nobody answered, 4 where it was read and is not to be used, 1 for everything else.
pub fn failed(error: BackupError) -> anyhow::Error {
    match error {
        error if error.retryable() => Failed::Unreachable { server: "the backup".to_owned(), why: error.to_string() }.into(),
        BackupError::Io { .. } => error.into(),
        error => Failed::Rejected(error.to_string()).into(),
    }
}

fn check_url(flag: &str, url: &str) -> Result<(), Usage> {
    controller::check_database_url(url).map_err(|why| Usage(format!("{flag}: {why}")))
}

/// Opens what `--from` names.
pub async fn open(from: &str) -> anyhow::Result<Archive> {
    check_from(from)?;
    Archive::open(from).await.map_err(failed)
}

/// What looks like a URL has to be one; a password in it is not repeated.
pub fn check_from(from: &str) -> Result<(), Usage> {
    let scheme = from.split_once("://").map(|(scheme, _)| scheme);
    if scheme.is_some() || ["sqlite:", "postgres:"].iter().any(|scheme| from.starts_with(scheme)) {
        check_url("--from", from)?;
    }
    Ok(())
}

pub fn print(output: Output, value: &Value, show: impl FnOnce() -> String) -> anyhow::Result<()> {
    let text = match output {
        Output::Json => serde_json::to_string_pretty(value)?,
        Output::Table => show(),
    };
    Ok(print_line(&text)?)
}

fn listed(contents: &Contents) -> Value {
    serde_json::to_value(contents).unwrap_or_default()
}

fn table(contents: &Contents) -> String {
    let mut lines = vec![format!("{} of cluster {}", contents.kind, contents.cluster_id)];
    lines.extend(contents.created_at_ms.map(|at_ms| format!("made {}", moment::show(at_ms))));
    for of in &contents.lineages {
        lines.extend(lines_of(of));
    }
    lines.join("\n")
}

fn lines_of(of: &Lineage) -> Vec<String> {
    let (lineage, upto, term, commits) = (&of.lineage, of.upto, of.term, of.commits);
    let put_aside = if of.current { "" } else { ", put aside" };
    let mut lines = vec![format!("lineage {lineage}: up to index {upto} of term {term}, {commits} commits{put_aside}")];
    if let (Some(first), Some(last)) = (of.first, of.last) {
        let (from, to) = (moment::show(first.at_ms), moment::show(last.at_ms));
        lines.push(format!("  commits from index {} ({from}) to {} ({to})", first.index, last.index));
    }
    lines.extend(of.gaps.iter().map(|gap| missing(gap.after, gap.upto)));
    lines.extend(of.checkpoints.iter().map(|at| format!("  checkpoint at index {} ({})", at.index, moment::show(at.at_ms))));
    lines
}

fn missing(after: u64, upto: u64) -> String {
    format!("  not in it: commits behind index {after}, up to {upto}")
}

async fn verify(common: &Common, from: &str, compare: bool) -> anyhow::Result<()> {
    let proven = open(from).await?.prove().await.map_err(failed)?;
    if compare {
        same_as_cluster(common, &proven).await?;
    }
    let Proven { cluster_id, lineage, index, digest, commits, gaps } = &proven;
    let value = json!({
        "cluster_id": cluster_id, "lineage": lineage, "index": index, "digest": digest.to_string(), "commits": commits,
        "gaps": gaps.iter().map(|(after, upto)| json!({ "after": after, "upto": upto })).collect::<Vec<_>>(), "compared": compare,
    });
    print(common.output, &value, || {
        let mut lines = vec![
            format!("whole at index {index}, digest {digest}: {commits} commits were absorbed"),
            format!("  cluster {cluster_id}, lineage {lineage}"),
        ];
        lines.extend(gaps.iter().map(|(after, upto)| missing(*after, *upto)));
        lines.extend(compare.then(|| format!("  {} has the same digest there", common.server)));
        lines.join("\n")
    })
}

/// The node has to be of the same history, and to have had the same digest at that index.
async fn same_as_cluster(common: &Common, proven: &Proven) -> anyhow::Result<()> {
    let server = Server::new(common)?;
    let cluster = server.ask(Operation::GetCluster, &[], &[], None).await?;
    for (what, ours) in [("cluster_id", &proven.cluster_id), ("lineage", &proven.lineage)] {
        if cluster[what].as_str() != Some(ours) {
            let theirs = super::table::cell(&cluster[what]);
            return Err(Failed::Rejected(format!("the backup is of {what} {ours}, and {} of {theirs}", server.name())).into());
        }
    }
    let index = proven.index.to_string();
    let there = server.ask(Operation::GetDigest, &[], &[("index", &index)], None).await?;
    let digest = proven.digest.to_string();
    if there["digest"].as_str() != Some(&digest) {
        let theirs = super::table::cell(&there["digest"]);
        let no = format!("at index {index} the backup comes to digest {digest}, and {} had {theirs}", server.name());
        return Err(Failed::Rejected(no).into());
    }
    Ok(())
}

/// Into a file of another name first: what has the name is whole.
async fn export(common: &Common, to: &Path) -> anyhow::Result<()> {
    let unfinished = to.with_added_extension("part");
    let took = take(common, &unfinished).await;
    let proven = match took {
        Ok(()) => Archive::File(unfinished.clone()).prove().await.map_err(failed),
        Err(error) => Err(error),
    };
    match proven {
        Ok(proven) => {
            fs::rename(&unfinished, to).with_context(|| format!("{} cannot be written", to.display()))?;
            let (index, digest, commits) = (proven.index, proven.digest, proven.commits);
            let value = json!({ "file": to, "index": index, "digest": digest.to_string(), "commits": commits });
            print(common.output, &value, || format!("{}: whole up to index {index}, digest {digest}, {commits} commits", to.display()))
        }
        Err(error) => {
            // Half a file is of no use to anybody.
            drop(fs::remove_file(&unfinished));
            Err(error)
        }
    }
}

async fn take(common: &Common, file: &Path) -> anyhow::Result<()> {
    let server = Server::new(common)?;
    let client = server.client()?.read_timeout(SILENCE).connect_timeout(SILENCE).build().context("no HTTP client")?;
    let unreachable = |error: reqwest::Error| Failed::Unreachable { server: server.name().to_owned(), why: causes(&error.without_url()) };
    let mut answer = client.get(server.url(Operation::ExportBackup, &[])?).send().await.map_err(unreachable)?;
    let status = answer.status();
    if !status.is_success() {
        return Err(refused(&answer.json().await.unwrap_or_default(), status.as_u16()));
    }
    let cannot = || format!("{} cannot be written", file.display());
    let mut out = File::create(file).with_context(cannot)?;
    let mut bytes = 0u64;
    while let Some(piece) = answer.chunk().await.map_err(unreachable)? {
        out.write_all(&piece).with_context(cannot)?;
        bytes += piece.len() as u64;
    }
    out.sync_all().with_context(cannot)?;
    if bytes == 0 {
        bail!("the answer is empty: is this a Quorate node?");
    }
    Ok(())
}
