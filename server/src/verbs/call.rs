//! Asks a node, and turns what it refuses into an exit code.

use super::table::{plain, planned};
use super::{Common, Output};
use crate::method;
use crate::token;
use crate::usage::Usage;
use anyhow::{Context, bail};
use metadata::contract::Operation;
use reqwest::header::AUTHORIZATION;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};
use serde_json::Value;
use std::io::{ErrorKind, Write};
use std::time::Duration;
use thiserror::Error;
use tls::causes;

/// Longer than a node takes for anything.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of an answer: a thousand topics a page take a hundredth of it.
const LONGEST_ANSWER: usize = 64 << 20;
/// Topics in a page that has their configurations too.
const WHOLE_TOPICS: &str = "500";

/// Why a verb failed, with its exit code: 3 not reachable, 4 rejected, 5 unknown outcome, 6 something is to be done.
#[derive(Debug, Error)]
pub enum Failed {
    #[error("{server} is not reachable: {why}")]
    Unreachable { server: String, why: String },
    #[error("{0}")]
    Rejected(String),
    #[error("{0}")]
    Unknown(String),
    /// No failure: what a pipeline asks a dry run for.
    #[error("the cluster is not as the files say")]
    Outstanding,
}

impl Failed {
    /// The exit code that the contract gives it.
    pub fn code(&self) -> u8 {
        match self {
            Failed::Unreachable { .. } => 3,
            Failed::Rejected(_) => 4,
            Failed::Unknown(_) => 5,
            Failed::Outstanding => 6,
        }
    }
}

/// A call that is to be made.
pub struct Request<'a> {
    pub operation: Operation,
    /// The parameters of its path, in order.
    pub names: &'a [&'a str],
    pub query: &'a [(&'a str, &'a str)],
    pub body: Option<&'a Value>,
    pub headers: &'a [(&'a str, String)],
}

/// Turns an answer into lines.
pub type Show = fn(&Value) -> String;

/// The node that is asked.
pub struct Server {
    client: Client,
    base: Url,
    common: Common,
}

/// A line on stdout. An error that it cannot be written is the caller's: the reader of a pipe may have had enough.
pub fn print_line(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Whether whoever reads the output has had enough of it, as `head` does.
pub fn unread(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// A client that asks nobody but the node, and believes nobody else to be it.
fn client(base: &Url, common: &Common) -> anyhow::Result<ClientBuilder> {
    let mut builder = Client::builder().no_proxy().redirect(Policy::none());
    if let Some(token) = token::shown(common.token_file.as_deref())? {
        builder = builder.default_headers([(AUTHORIZATION, token)].into_iter().collect());
    }
    if base.scheme() != "https" {
        return Ok(builder);
    }
    let trusting = tls::trusting(common.ca.as_deref()).map_err(|no| Usage(format!("--ca {no}")))?;
    Ok(builder.use_preconfigured_tls(trusting))
}

impl Server {
    pub fn new(common: &Common) -> anyhow::Result<Self> {
        let usable = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let base = Url::parse(&common.server).ok().filter(usable);
        let base = base.ok_or_else(|| Usage(format!("--server {:?} is no http://HOST:PORT", common.server)))?;
        let client = client(&base, common)?.timeout(TIMEOUT).build().context("no HTTP client")?;
        Ok(Server { client, base, common: common.clone() })
    }

    /// A client of the node with other time-outs.
    pub fn client(&self) -> anyhow::Result<ClientBuilder> {
        client(&self.base, &self.common)
    }

    pub fn dry_run(&self) -> bool {
        self.common.dry_run
    }

    /// The node, as it was named.
    pub fn name(&self) -> &str {
        &self.common.server
    }

    pub fn output(&self) -> Output {
        self.common.output
    }

    /// The URL of an operation below the base path; each name is taken as it is, whatever it holds.
    pub fn url(&self, operation: Operation, names: &[&str]) -> anyhow::Result<Url> {
        // A URL has no way to say dots as a name, and drops line breaks: another name would be asked for.
        let unspeakable = |segment: &&&str| matches!(**segment, "" | "." | "..") || segment.contains(char::is_control);
        if let Some(name) = names.iter().find(unspeakable) {
            return Err(Usage(format!("{name:?} is no name")).into());
        }
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(operation.segments(names));
        }
        Ok(url)
    }

    /// Asks and prints.
    pub async fn show(&self, operation: Operation, names: &[&str], body: Option<Value>, show: Show) -> anyhow::Result<()> {
        let dry = self.common.dry_run && !operation.reads();
        let query: &[_] = if dry { &[("dry_run", "true")] } else { &[] };
        let answer = self.ask(operation, names, query, body).await?;
        self.print(&answer, if dry { planned } else { show })
    }

    /// Prints as the caller wants it.
    pub fn print(&self, answer: &Value, show: Show) -> anyhow::Result<()> {
        let text = match self.common.output {
            Output::Json => serde_json::to_string_pretty(answer)?,
            Output::Table => show(answer),
        };
        Ok(print_line(&text)?)
    }

    /// Every topic, page by page, as one list at the last page's revision.
    pub async fn all_topics(&self) -> anyhow::Result<Value> {
        self.pages(&[("limit", "1000")]).await
    }

    /// The same with each topic's configuration, as a majority has it now.
    pub async fn all_topics_whole(&self) -> anyhow::Result<Value> {
        self.pages(&[("limit", WHOLE_TOPICS), ("configs", "true"), ("consistency", "linearizable")]).await
    }

    async fn pages(&self, query: &[(&str, &str)]) -> anyhow::Result<Value> {
        let mut topics = Vec::new();
        let mut after = None;
        loop {
            let query: Vec<_> = query.iter().copied().chain(after.as_deref().map(|after| ("after", after))).collect();
            let mut page = self.ask(Operation::ListTopics, &[], &query, None).await?;
            if let Some(rows) = page["topics"].as_array_mut() {
                topics.append(rows);
            }
            match page["next"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => {
                    page["topics"] = topics.into();
                    return Ok(page);
                }
            }
        }
    }

    /// Asks; the answer, or the refusal as an error.
    pub async fn ask(&self, operation: Operation, names: &[&str], query: &[(&str, &str)], body: Option<Value>) -> anyhow::Result<Value> {
        let (status, answer) = self.exchange(&Request { operation, names, query, body: body.as_ref(), headers: &[] }).await?;
        if (200..300).contains(&status) { Ok(answer) } else { Err(refused(&answer, status)) }
    }

    /// Asks; what the node says, with its status. A refusal is an answer like any other.
    ///
    /// # Errors
    /// [`Failed`] where there is none.
    pub async fn exchange(&self, request: &Request<'_>) -> anyhow::Result<(u16, Value)> {
        // What changes nothing has no unknown outcome.
        let harmless = request.operation.reads() || self.common.dry_run;
        let unanswered = |error: reqwest::Error| {
            let server = self.common.server.clone();
            if harmless || error.is_connect() {
                return Failed::Unreachable { server, why: causes(&error.without_url()) };
            }
            Failed::Unknown(format!("{server} did not answer, it may have happened or may yet happen: {}", causes(&error.without_url())))
        };
        let mut call = self.client.request(method::of(request.operation), self.url(request.operation, request.names)?).query(request.query);
        for (name, value) in request.headers {
            call = call.header(*name, value);
        }
        if let Some(body) = request.body {
            call = call.json(body);
        }
        let response = call.send().await.map_err(unanswered)?;
        let status = response.status();
        if status.is_redirection() {
            let to = response.headers().get(reqwest::header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
            bail!("the answer is a redirect to {:?}, which is not followed: give the address that the node answers at", plain(to));
        }
        let Some(bytes) = storage::client::read(response, LONGEST_ANSWER).await.map_err(unanswered)? else {
            bail!("the answer, {status}, is longer than {LONGEST_ANSWER} bytes: is this a Quorate node?");
        };
        match serde_json::from_slice::<Value>(&bytes) {
            Ok(answer) if !status.is_server_error() || answer["code"].is_string() => Ok((status.as_u16(), answer)),
            // A node's own refusal has a code: this is of a proxy before it.
            _ if status.is_server_error() => {
                let server = self.common.server.clone();
                let why = format!("something before the node answered {status}");
                match harmless {
                    true => bail!(Failed::Unreachable { server, why }),
                    false => bail!(Failed::Unknown(format!("{server}: {why}, it may have happened or may yet happen"))),
                }
            }
            _ => bail!("the answer, {status}, is not JSON: is this a Quorate node?"),
        }
    }
}

/// What a problem document comes to.
pub fn refused(document: &Value, status: u16) -> anyhow::Error {
    match document["code"].as_str() {
        Some("OUTCOME_UNKNOWN") => Failed::Unknown(problem(document)).into(),
        Some(_) => Failed::Rejected(problem(document)).into(),
        None => anyhow::anyhow!("the answer, {status}, is no problem document: is this a Quorate node?"),
    }
}

/// A problem document in one line.
pub fn problem(document: &Value) -> String {
    let text = |key: &str| plain(document[key].as_str().unwrap_or_default());
    let mut line = format!("{}: {}", text("code"), text("detail"));
    if !text("field").is_empty() {
        line.push_str(&format!(" ({} {:?}; allowed: {})", text("field"), document["value"].as_str().unwrap_or_default(), text("allowed")));
    }
    line
}
