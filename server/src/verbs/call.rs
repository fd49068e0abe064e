//! Asks a node, and turns what it refuses into an exit code.

use super::{Common, Output};
use anyhow::Context;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use thiserror::Error;

/// Why a verb failed, with its exit code: 3 not reachable, 4 rejected, 5 unknown outcome.
#[derive(Debug, Error)]
pub enum Failed {
    #[error("{server} is not reachable: {error}")]
    Unreachable { server: String, error: reqwest::Error },
    #[error("{0}")]
    Rejected(String),
    #[error("{0}")]
    Unknown(String),
}

impl Failed {
    /// The exit code that the contract gives it.
    pub fn code(&self) -> u8 {
        match self {
            Failed::Unreachable { .. } => 3,
            Failed::Rejected(_) => 4,
            Failed::Unknown(_) => 5,
        }
    }
}

/// Turns an answer into lines.
pub type Show = fn(&Value) -> String;

/// The node that is asked.
pub struct Server {
    client: reqwest::Client,
    common: Common,
}

impl Server {
    pub fn new(common: &Common) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(std::time::Duration::from_secs(15)).build().context("no HTTP client")?;
        Ok(Server { client, common: common.clone() })
    }

    pub fn dry_run(&self) -> bool {
        self.common.dry_run
    }

    /// Asks and prints.
    pub async fn show(&self, method: &str, path: &str, body: Option<Value>, show: Show) -> anyhow::Result<()> {
        let planned = self.common.dry_run && method != "GET";
        let path = if planned { format!("{path}?dry_run=true") } else { path.to_owned() };
        let answer = self.ask(method, &path, body).await?;
        self.print(&answer, if planned { super::table::planned } else { show })
    }

    /// Prints as the caller wants it.
    pub fn print(&self, answer: &Value, show: Show) -> anyhow::Result<()> {
        match self.common.output {
            Output::Json => println!("{}", serde_json::to_string_pretty(answer)?),
            Output::Table => println!("{}", show(answer)),
        }
        Ok(())
    }

    /// Every topic, page by page.
    pub async fn all_topics(&self) -> anyhow::Result<Vec<Value>> {
        let mut topics = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.ask("GET", &format!("topics?limit=1000{after}"), None).await?;
            topics.extend(page["topics"].as_array().cloned().unwrap_or_default());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(topics),
            }
        }
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let server = self.common.server.trim_end_matches('/');
        let method = Method::from_bytes(method.as_bytes())?;
        let mut request = self.client.request(method, format!("{server}/api/v1/{path}"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() || error.is_builder() => {
                return Err(Failed::Unreachable { server: server.to_owned(), error: error.without_url() }.into());
            }
            Err(error) => return Err(Failed::Unknown(format!("{server} did not answer: {}", error.without_url())).into()),
        };
        let status = response.status();
        let answer: Value = response.json().await.context("the answer is not JSON: is this a Quorate node?")?;
        if status.is_success() {
            return Ok(answer);
        }
        let problem = problem(&answer);
        Err(if status == StatusCode::GATEWAY_TIMEOUT { Failed::Unknown(problem) } else { Failed::Rejected(problem) }.into())
    }
}

/// A problem document in one line.
fn problem(document: &Value) -> String {
    let text = |key: &str| document[key].as_str().unwrap_or_default();
    let mut line = format!("{}: {}", text("code"), text("detail"));
    if !text("field").is_empty() {
        line.push_str(&format!(" ({} {:?}; allowed: {})", text("field"), text("value"), text("allowed")));
    }
    line
}
