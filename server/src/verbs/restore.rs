//! `restore`: a new cluster of one controller out of a backup, with exactly what became of it and what did not.

use super::{Output, backup, moment};
use crate::usage::Usage;
use anyhow::Context;
use clap::Args;
use controller::backup::AsOf;
use controller::environment::Machine;
use controller::{Restored, Wanted};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Args, Clone, Debug)]
pub struct Restore {
    /// The URL of a database, a SQLite file, or a file that was exported.
    #[arg(long, env = "QUORATE_BACKUP_FROM", value_name = "URL|FILE")]
    pub from: String,
    /// Where the new controller's data goes: empty, or not there yet.
    #[arg(long, env = "QUORATE_DATA_DIR", value_name = "DIR")]
    pub data_dir: PathBuf,
    /// The new controller's number, 1 or more.
    #[arg(long, env = "QUORATE_NODE_ID", default_value_t = 1)]
    pub node_id: u64,
    /// Where it will listen, and others will reach it.
    #[arg(long, env = "QUORATE_LISTEN", default_value = "127.0.0.1:9091", value_name = "HOST:PORT")]
    pub listen: String,
    /// It will speak TLS.
    #[arg(long)]
    pub tls: bool,
    /// As it was at this index, or at this time: 2026-11-29T23:00:00Z, or 1795993200000ms. As new as the backup is by default.
    #[arg(long, value_name = "N|TIME")]
    pub as_of: Option<String>,
    /// Say what would be restored, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// For people, or for machines.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// What the former cluster had that no backup holds.
const NEVER: [&str; 3] = [
    "accounts, tokens, passwords, sessions and revocations: the cluster is as open as a new one until it is claimed",
    "idempotency keys, and what the sessions of brokers were bound to",
    "the former controllers: this one is alone until others are added",
];

fn as_of(text: Option<&str>) -> Result<AsOf, Usage> {
    let Some(text) = text else { return Ok(AsOf::Newest) };
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let time = || text.strip_suffix("ms").and_then(plain).or_else(|| moment::parse(text)).map(AsOf::Time);
    plain(text)
        .map(AsOf::Index)
        .or_else(time)
        .ok_or_else(|| Usage(format!("--as-of {text:?} is no index and no time; expected 1234, 2026-11-29T23:00:00Z or 1795993200000ms")))
}

/// Restores, and says what.
///
/// # Errors
/// [`Usage`] with the flag at fault; [`super::Failed`] where the backup has not what was asked for, or the directory holds anything.
pub fn run(wanted: &Restore) -> anyhow::Result<()> {
    backup::check_from(&wanted.from)?;
    let as_of = as_of(wanted.as_of.as_deref())?;
    if wanted.node_id == 0 {
        return Err(Usage("--node-id 0 has to be 1 or more".to_owned()).into());
    }
    let port = |text: &str| text.parse::<u16>().is_ok_and(|port| port > 0);
    if !wanted.listen.rsplit_once(':').is_some_and(|(host, text)| !host.is_empty() && port(text)) {
        return Err(Usage(format!("--listen {:?} is no HOST:PORT with a port from 1 to 65535", wanted.listen)).into());
    }
    let url = format!("{}://{}", if wanted.tls { "https" } else { "http" }, wanted.listen);
    let asked = Wanted {
        from: &wanted.from,
        as_of,
        data_dir: &wanted.data_dir,
        node_id: wanted.node_id,
        url: url.clone(),
        dry_run: wanted.dry_run,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let restored = runtime.block_on(controller::restore(&asked, &Machine::default())).map_err(backup::failed)?;
    let unread = backup::print(wanted.output, &value(wanted, &restored), || text(wanted, &url, &restored));
    match unread {
        Err(error) if super::call::unread(&error) => Ok(()),
        printed => printed,
    }
}

fn value(wanted: &Restore, of: &Restored) -> Value {
    let gaps: Vec<Value> = of.gaps.iter().map(|gap| json!({ "after": gap.after, "upto": gap.upto })).collect();
    json!({
        "dry_run": wanted.dry_run, "data_dir": wanted.data_dir, "node_id": wanted.node_id, "cluster_id": of.cluster_id,
        "former_lineage": of.former_lineage, "lineage": of.lineage,
        "as_of": { "index": of.as_of, "at_ms": of.at_ms, "digest": of.digest.to_string() },
        "begins": { "index": of.index, "term": of.term, "digest": of.new_digest.to_string() },
        "topics": of.topics, "partitions": of.partitions, "brokers": of.brokers, "settings": of.settings,
        "reassignments": of.reassignments,
        "not_restored": { "never": NEVER, "after": of.as_of, "upto": of.upto, "gaps": gaps },
    })
}

fn text(wanted: &Restore, url: &str, of: &Restored) -> String {
    let dir = wanted.data_dir.display();
    let list = |items: Vec<String>| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
    let brokers = of.brokers.iter().map(|id| id.0.to_string()).collect();
    let first = match wanted.dry_run {
        true => format!("would be restored into {dir}, and nothing was written:"),
        false => format!("restored into {dir}:"),
    };
    let mut lines = vec![
        first,
        format!("  cluster        {}", of.cluster_id),
        format!("  as of          index {}, {}, digest {}", of.as_of, moment::show(of.at_ms), of.digest),
        format!("  topics         {}, with {} partitions: none has a leader before its brokers are back", of.topics, of.partitions),
        format!("  brokers        {}: fenced until they register again", list(brokers)),
        format!("  settings       {}", list(of.settings.clone())),
        format!("  reassignments  {} that had not ended go on", of.reassignments),
        format!("  lineage        {}, in the place of {}", of.lineage, of.former_lineage),
        format!("  begins at      index {} of term {}, digest {}", of.index, of.term, of.new_digest),
        format!("  controllers    {} at {url}", wanted.node_id),
        "not restored:".to_owned(),
    ];
    lines.extend(NEVER.iter().map(|what| format!("  {what}")));
    if of.as_of < of.upto {
        lines.push(format!("  the commits behind index {}, up to {}: as was asked for", of.as_of, of.upto));
    }
    lines.push(format!("  whatever was committed behind index {} and is not in this backup", of.upto));
    lines.extend(
        of.gaps.iter().map(|gap| format!("  the history behind index {}, up to {}: it was not in the backup", gap.after, gap.upto)),
    );
    if !wanted.dry_run {
        lines.push(format!("start it: quorate serve --node-id {} --listen {} --data-dir {dir}", wanted.node_id, wanted.listen));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_an_index_or_a_time() {
        let read = |text| as_of(Some(text)).map_err(|usage| usage.to_string());
        assert_eq!(read("12"), Ok(AsOf::Index(12)));
        assert_eq!(read("12ms"), Ok(AsOf::Time(12)));
        assert_eq!(read("1970-01-01T00:00:01Z"), Ok(AsOf::Time(1_000)));
        for bad in ["", "-1", "ms", "yesterday", "99999999999999999999"] {
            assert!(read(bad).is_err_and(|why| why.contains("--as-of")), "{bad}");
        }
    }
}
