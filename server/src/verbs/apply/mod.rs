//! `quorate apply`: makes the topics of a cluster what files say, and `quorate export` writes such files.
//!
//! `read` reads the files, `diff` compares them with the cluster, `commit` asks the node for each difference, `print` and
//! `report` say what is to be done and what came of it: docs/adr/0019-topics-as-files.md.

mod commit;
mod diff;
mod export;
mod print;
mod read;
mod report;

pub use export::{Export, export};

use super::call::{Failed, Server, print_line, unread};
use super::{Output, confirm_deletions};
use crate::usage::Usage;
use clap::Args;
use commit::{Committer, Failure, Outcome};
use diff::{Action, Scope, Step};
use metadata::labels::{self, Labels};
use metadata::views::TopicRow;
use print::{Paint, Summary, count};
use read::Input;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Apply {
    /// A file, a directory with all below it, or - for stdin; may be given several times.
    #[arg(short = 'f', long = "file", value_name = "FILE|DIR|-", required = true)]
    pub files: Vec<PathBuf>,
    /// Delete the topics of --selector, --prefix or both that no file names; protected ones stay.
    #[arg(long)]
    pub prune: bool,
    /// With --prune: topics with all of these labels.
    #[arg(short = 'l', long, value_name = "KEY=VALUE,…", requires = "prune", value_parser = selector)]
    pub selector: Option<Labels>,
    /// With --prune: topics whose names begin so.
    #[arg(long, value_name = "TEXT", requires = "prune", value_parser = prefix)]
    pub prefix: Option<String>,
    /// Do not ask before topics are deleted.
    #[arg(long)]
    pub yes: bool,
}

/// Reads the labels of a selector; one without any would select everything.
fn selector(text: &str) -> Result<Labels, String> {
    labels::parse(text).filter(|labels| !labels.is_empty()).ok_or_else(|| format!("expected {}", labels::ALLOWED))
}

fn prefix(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("an empty prefix is every topic's".to_owned()) } else { Ok(text.to_owned()) }
}

/// Every topic of the cluster with its configuration, and the revision that they are of.
async fn cluster(server: &Server) -> anyhow::Result<(u64, Vec<TopicRow>)> {
    let mut answer = server.all_topics_whole().await?;
    let revision = answer["revision"].as_u64().unwrap_or_default();
    Ok((revision, serde_json::from_value(answer["topics"].take())?))
}

/// Applies files.
///
/// # Errors
/// [`Usage`] for files that cannot be used, before anybody is asked; [`Failed`] with the exit code otherwise.
pub async fn apply(server: &Server, wanted: Apply) -> anyhow::Result<()> {
    let scope = scope(&wanted)?;
    let input = read::read(&wanted.files).map_err(Usage)?;
    let named: BTreeSet<&str> =
        input.topics.keys().map(String::as_str).chain(input.passed_over.iter().filter_map(|passed| passed.topic.as_deref())).collect();
    if scope.is_some() && named.is_empty() {
        return Err(Usage("the files name no topic, and --prune would delete all that it may: nothing was done".to_owned()).into());
    }
    let (revision, topics) = cluster(server).await?;
    let steps = diff::steps(input.topics.values(), &topics, scope.as_ref().map(|scope| (scope, &named)));
    let table = server.output() == Output::Table;
    if table {
        read_or_not(show(&input, &steps).map_err(Into::into))?;
    }
    let deletions = steps.iter().filter(|step| step.action == Action::Delete).count();
    if deletions > 0 && !wanted.yes && !server.dry_run() {
        if !table {
            return Err(Usage("deleting needs --yes with --output json, which shows nothing before it is done".to_owned()).into());
        }
        confirm_deletions(&count(deletions, "topic", "topics"))?;
    }
    let outcomes = Committer::new(server).run(&steps).await?;
    let summary = Summary::of(&steps, &outcomes);
    if table {
        explain(&steps, &outcomes);
        read_or_not(print_line(&summary.line(server.dry_run())).map_err(Into::into))?;
    } else {
        let report = report::report((&steps, &outcomes), &input.passed_over, summary, revision, server.dry_run())?;
        read_or_not(server.print(&report, Value::to_string))?;
    }
    verdict(summary, server)
}

fn scope(wanted: &Apply) -> Result<Option<Scope>, Usage> {
    if !wanted.prune {
        return Ok(None);
    }
    if wanted.prefix.is_none() && wanted.selector.is_none() {
        return Err(Usage("--prune needs --selector KEY=VALUE or --prefix TEXT: what it may delete".to_owned()));
    }
    Ok(Some(Scope { prefix: wanted.prefix.clone(), selector: wanted.selector.clone() }))
}

/// Where nobody reads the output any more what was asked is done all the same, and the exit code says how it went.
fn read_or_not(printed: anyhow::Result<()>) -> anyhow::Result<()> {
    match printed {
        Err(error) if unread(&error) => Ok(()),
        printed => printed,
    }
}

fn show(input: &Input, steps: &[Step]) -> std::io::Result<()> {
    print::passed_over(&input.passed_over).iter().for_each(|line| eprintln!("{line}"));
    let plan = print::plan(steps, Paint::for_stdout());
    if plan.is_empty() { Ok(()) } else { print_line(&plan) }
}

/// Why something was not done, on stderr; what cannot be is in the plan already.
fn explain(steps: &[Step], outcomes: &[Outcome]) {
    for (step, outcome) in steps.iter().zip(outcomes) {
        if let Some(failure) = &outcome.failure {
            let place = step.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
            let hint = match failure {
                Failure::Refused(document) if document["code"] == "REVISION_CONFLICT" => {
                    "; it is not what was shown any more, so look again"
                }
                Failure::Refused(document) if document["code"] == "TOPIC_ALREADY_EXISTS" => {
                    "; it was not there when this was worked out, so look again"
                }
                _ => "",
            };
            eprintln!("{}", super::table::plain(&format!("{}{place}: {}{hint}", step.name, failure.shown())));
        }
    }
}

/// The exit code: what is not certain weighs most.
fn verdict(summary: Summary, server: &Server) -> anyhow::Result<()> {
    let topics = |number| count(number, "topic", "topics");
    if summary.unknown > 0 {
        return Err(Failed::Unknown(format!("of {} the outcome is unknown: apply the same files again", topics(summary.unknown))).into());
    }
    if summary.unreachable > 0 {
        let why = format!("{} were not reached", topics(summary.unreachable + summary.not_tried));
        return Err(Failed::Unreachable { server: server.name().to_owned(), why }.into());
    }
    if summary.refused + summary.not_tried > 0 {
        return Err(Failed::Rejected(format!("{} refused; the rest is as listed", topics(summary.refused))).into());
    }
    if server.dry_run() && summary.acts() > 0 {
        return Err(Failed::Outstanding.into());
    }
    Ok(())
}
