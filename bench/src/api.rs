//! Single questions to a node, for what is not measured, and waiting with an end.

use crate::http::{Connection, request};
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How long anything may take that is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Tries until it succeeds; at the end of the patience the last failure is the error.
pub async fn until<T>(what: &str, mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let end = Instant::now() + PATIENCE;
    let mut last = anyhow!("the first attempt did not end");
    loop {
        match timeout_at(end, attempt()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(why)) => last = why,
            Err(_) => {}
        }
        if Instant::now() >= end {
            return Err(last.context(format!("{what}: not within {} s", PATIENCE.as_secs())));
        }
        sleep(PAUSE).await;
    }
}

/// One request over a connection of its own; anything but a 2xx is an error.
///
/// # Errors
/// No answer, a refusal, a body that is no JSON.
pub async fn call(address: &str, method: &str, path: &str, body: &str) -> Result<Value> {
    let exchange = async {
        let mut connection = Connection::open(address).await?;
        let answer = connection.exchange(&request(method, address, path, "", body)).await?;
        let shown = || String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]).into_owned();
        ensure!((200..300).contains(&answer.status), "{method} {path} was answered {} {}", answer.status, shown());
        serde_json::from_slice(answer.body).with_context(|| format!("{method} {path} was answered with no JSON: {}", shown()))
    };
    tokio::time::timeout(PATIENCE, exchange).await.with_context(|| format!("{method} {path} was not answered"))?
}

pub async fn get(address: &str, path: &str) -> Result<Value> {
    call(address, "GET", path, "").await
}

pub fn number(value: &Value, key: &str) -> Result<u64> {
    value[key].as_u64().with_context(|| format!("there is no {key} in {value}"))
}
