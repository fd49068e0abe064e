//! `audit`: who came in and who was refused, of one node or of all.

use super::call::{Failed, Server, refused};
use super::{Common, table};
use crate::trail;
use anyhow::{Context, bail};
use clap::Subcommand;
use metadata::contract::Operation;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use tls::causes;

const SILENCE: Duration = Duration::from_secs(15);

#[derive(Subcommand, Clone, Debug)]
pub enum Audit {
    /// What the node that is asked has written down last, newest first.
    List {
        /// At most so many, 1 to 1000.
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
        /// One kind alone, as sign_in_refused.
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
    },
    /// Every line that any node of the cluster keeps, one node after the other, to stdout.
    Export,
    /// Check the lines of an export, or of a node's own file: whether one was changed, taken out, put in or moved.
    Verify { file: PathBuf },
}

pub async fn run(common: &Common, verb: Audit) -> anyhow::Result<()> {
    match verb {
        Audit::List { limit, kind } => {
            let server = Server::new(common)?;
            let limit = limit.to_string();
            let query: Vec<_> = [("limit", limit.as_str())].into_iter().chain(kind.as_deref().map(|kind| ("kind", kind))).collect();
            let answer = server.ask(Operation::ListAudit, &[], &query, None).await?;
            server.print(&answer, table::audit)
        }
        Audit::Export => export(common).await,
        Audit::Verify { file } => trail::verify(&file),
    }
}

/// All nodes: one that cannot be had is said at the end, after what the others have.
async fn export(common: &Common) -> anyhow::Result<()> {
    let cluster = Server::new(common)?.ask(Operation::GetCluster, &[], &[], None).await?;
    let urls: Vec<String> = cluster["controllers"]
        .as_array()
        .map(|controllers| controllers.iter().filter_map(|node| node["url"].as_str().map(str::to_owned)).collect())
        .unwrap_or_default();
    if urls.is_empty() {
        bail!("the node names no controller");
    }
    let mut missing = Vec::new();
    for url in urls {
        if let Err(error) = one(&Common { server: url.clone(), ..common.clone() }).await {
            if super::call::unread(&error) {
                return Err(error);
            }
            missing.push(format!("{url}: {error:#}"));
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Failed::Unreachable { server: "a part of the cluster".to_owned(), why: missing.join("; ") }.into()),
    }
}

async fn one(common: &Common) -> anyhow::Result<()> {
    let server = Server::new(common)?;
    let client = server.client()?.read_timeout(SILENCE).connect_timeout(SILENCE).build().context("no HTTP client")?;
    let asked = client.get(server.url(Operation::ExportAudit, &[])?).send().await;
    let mut answer = asked.map_err(|error| anyhow::anyhow!(causes(&error.without_url())))?;
    if !answer.status().is_success() {
        let status = answer.status().as_u16();
        return Err(refused(&answer.json().await.unwrap_or_default(), status));
    }
    let mut out = std::io::stdout().lock();
    while let Some(piece) = answer.chunk().await.map_err(|error| anyhow::anyhow!(causes(&error.without_url())))? {
        out.write_all(&piece)?;
    }
    Ok(out.flush()?)
}
