//! Everything that can be wrong with a request is refused by name, with its stable code, and leaves no trace in the log.

mod brokers;
mod frames;
mod topics;

use crate::api::{Answer, Api};
use crate::cluster::Cluster;
use crate::fake;
use crate::feed::binary_state;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

/// A request and the refusal that it has to get.
pub struct Case {
    method: Method,
    path: String,
    content: Option<(&'static str, Vec<u8>)>,
    /// Without a Content-Length, so that only reading it tells how long it is.
    chunked: bool,
    headers: Vec<(&'static str, String)>,
    status: u16,
    code: &'static str,
    field: Option<String>,
    value: Option<String>,
    allowed: &'static str,
    /// A header of the answer and what it has to contain.
    answers: Option<(&'static str, &'static str)>,
}

impl Case {
    pub fn new(method: Method, path: &str) -> Self {
        Case {
            method,
            path: path.to_owned(),
            content: None,
            chunked: false,
            headers: Vec::new(),
            status: 0,
            code: "",
            field: None,
            value: None,
            allowed: "",
            answers: None,
        }
    }

    pub fn json(self, body: &Value) -> Self {
        self.content("application/json", body.to_string().into_bytes())
    }

    pub fn content(self, content_type: &'static str, bytes: Vec<u8>) -> Self {
        Case { content: Some((content_type, bytes)), ..self }
    }

    pub fn chunked(self) -> Self {
        Case { chunked: true, ..self }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// What it is refused with.
    pub fn is(self, status: u16, code: &'static str) -> Self {
        Case { status, code, ..self }
    }

    /// The field at fault and a part of what is allowed.
    pub fn at(self, field: &str, allowed: &'static str) -> Self {
        Case { field: Some(field.to_owned()), allowed, ..self }
    }

    /// What the field held.
    pub fn held(self, value: &str) -> Self {
        Case { value: Some(value.to_owned()), ..self }
    }

    /// Another path.
    pub fn under(self, path: &str) -> Self {
        Case { path: path.to_owned(), ..self }
    }

    pub fn answers(self, header: &'static str, part: &'static str) -> Self {
        Case { answers: Some((header, part)), ..self }
    }

    async fn run(&self, api: &Api) -> Result<Answer> {
        let mut call = api.at(self.method.clone(), &self.path);
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        if let Some((content_type, bytes)) = &self.content {
            let body = if self.chunked {
                let parts: Vec<std::io::Result<Vec<u8>>> = bytes.chunks(64 << 10).map(|part| Ok(part.to_vec())).collect();
                reqwest::Body::wrap_stream(futures::stream::iter(parts))
            } else {
                bytes.clone().into()
            };
            call = call.text(content_type, body);
        }
        let answer = call.refused(self.status, self.code).await?;
        let text = |name: &str| answer.body[name].as_str();
        if let Some(field) = &self.field {
            ensure!(text("field") == Some(field), "expected the field {field}: {}", answer.body);
            ensure!(
                text("value").is_some() && text("allowed").is_some_and(|allowed| !allowed.is_empty()),
                "it does not say what is wrong: {}",
                answer.body
            );
            ensure!(
                text("allowed").unwrap_or_default().contains(self.allowed),
                "expected {:?} to be allowed: {}",
                self.allowed,
                answer.body
            );
        }
        if let Some(value) = &self.value {
            ensure!(text("value") == Some(value), "expected the value {value:?}: {}", answer.body);
        }
        if let Some((header, part)) = self.answers {
            ensure!(answer.text(header).contains(part), "expected {header} to say {part}: {:?}", answer.headers);
        }
        Ok(answer)
    }

    fn shown(&self) -> String {
        let body = self.content.as_ref().map(|(_, bytes)| String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned());
        format!("{} {} {:?} {}", self.method, self.path, self.headers, body.unwrap_or_default())
    }
}

/// What the cases name.
pub struct Known {
    /// The epoch of broker 101.
    pub epoch: u64,
    pub topic_id: String,
    pub cluster_id: String,
    pub newest: u64,
}

async fn prepare(cluster: &Cluster) -> Result<Known> {
    let epochs = fake::online(cluster, fake::THREE).await?;
    let api = cluster.api(1)?;
    let created = api.post("/topics", json!({ "name": "a.b", "partitions": 2 })).ok().await?;
    let view = api.get("/cluster").ok().await?.body;
    Ok(Known {
        epoch: *epochs.first().context("no epoch")?,
        topic_id: created.body["topic"]["id"].as_str().context("no id")?.to_owned(),
        cluster_id: view["cluster_id"].as_str().context("no cluster id")?.to_owned(),
        newest: cluster.agree().await?,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input() -> Result<()> {
    let cluster = Cluster::start(3, fake::LONG_SESSION).await?;
    let known = prepare(&cluster).await?;
    let before = (cluster.leadership().await?, binary_state(&cluster.api(1)?).await?);
    let cases: Vec<Case> = topics::cases().into_iter().chain(brokers::cases(&known)).chain(frames::cases(&known)).collect();
    let leader = cluster.api(before.0.leader)?;
    let follower = cluster.api(*cluster.followers().await?.first().context("no follower")?)?;
    let mut wrong = Vec::new();
    for case in &cases {
        for api in [&leader, &follower] {
            let revision = api.get("/state/digest").ok().await?.revision()?;
            match case.run(api).await {
                Ok(answer) if answer.revision()? == revision || cluster.leadership().await? != before.0 => {}
                Ok(answer) => wrong.push(format!("{}\n  moved the log from {revision} to {}", case.shown(), answer.revision()?)),
                Err(error) => wrong.push(format!("{}\n  {error:#}", case.shown())),
            }
        }
    }
    let revision = cluster.agree().await?;
    let after = (cluster.leadership().await?, binary_state(&cluster.api(1)?).await?);
    // All of them are told: one bad refusal does not hide the next.
    ensure!(wrong.is_empty(), "{} of {} refusals are wrong:\n{}", wrong.len(), cases.len() * 2, wrong.join("\n"));
    ensure!(
        after.1 == before.1 && after.1.digest() == before.1.digest(),
        "the state changed from {} to {}",
        before.1.revision(),
        after.1.revision()
    );
    ensure!(revision == known.newest || after.0 != before.0, "the log moved from {} to {revision}", known.newest);
    println!("{} cases, each at the leader and at a follower", cases.len());
    cluster.passed().await
}
