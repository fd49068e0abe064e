//! What `/openapi.json` says, held against every answer and every frame of the feed that the other tests get.

use anyhow::{Context, Result, ensure};
use jsonschema::Validator;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Longer bodies are many of the same, and checking them takes a while.
const LONGEST_CHECKED: usize = 100_000;

/// The one of the first cluster: all run the same program.
static DESCRIPTION: OnceLock<Description> = OnceLock::new();

pub struct Description {
    document: Value,
    /// By the place of their schema in the document.
    validators: Mutex<BTreeMap<String, Validator>>,
}

/// Asks a node for the description, unless it is known.
pub async fn learn(client: &Client, host: &str) -> Result<()> {
    if DESCRIPTION.get().is_none() {
        let document: Value = client.get(format!("http://{host}/openapi.json")).send().await?.json().await?;
        ensure!(document["openapi"] == "3.1.0", "it is no OpenAPI 3.1: {}", document["openapi"]);
        DESCRIPTION.get_or_init(|| Description { document, validators: Mutex::default() });
    }
    Ok(())
}

/// Holds an answer to what is said of its call.
pub fn check_answer(method: &Method, path: &str, status: u16, content_type: &str, body: &Value, length: usize) -> Result<()> {
    let Some(description) = DESCRIPTION.get() else { return Ok(()) };
    // No operation is refused for being none.
    if matches!(body["code"].as_str(), Some("NOT_FOUND" | "METHOD_NOT_ALLOWED")) || *method == Method::HEAD {
        return Ok(());
    }
    let Some(template) = description.template(path) else { return Ok(()) };
    let response = format!("/paths/{}/{}/responses/{status}", escaped(template), method.as_str().to_ascii_lowercase());
    ensure!(description.document.pointer(&response).is_some(), "{method} {template} is not described to answer {status}: {body}");
    let place = format!("{response}/content/{}/schema", escaped(content_type.split(';').next().unwrap_or_default()));
    if body.is_null() || length > LONGEST_CHECKED {
        return Ok(());
    }
    description.check(&place, body)
}

/// Holds a frame of the feed to its schema.
pub fn check_frame(frame: &Value) -> Result<()> {
    DESCRIPTION.get().map_or(Ok(()), |description| description.check("/components/schemas/Frame", frame))
}

/// As a part of a JSON pointer.
fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

impl Description {
    /// The described path that a path is one of: of several the one with the fewest parameters.
    fn template(&self, path: &str) -> Option<&str> {
        let parts: Vec<&str> = path.split(['?', '#']).next().unwrap_or_default().split('/').collect();
        let fits = |template: &&String| {
            let own: Vec<&str> = template.split('/').collect();
            own.len() == parts.len() && own.iter().zip(&parts).all(|(own, part)| own == part || (own.starts_with('{') && !part.is_empty()))
        };
        let paths = self.document["paths"].as_object()?;
        paths.keys().filter(fits).min_by_key(|template| template.matches('{').count()).map(String::as_str)
    }

    fn check(&self, place: &str, value: &Value) -> Result<()> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        if !validators.contains_key(place) {
            let schema = self.document.pointer(place).with_context(|| format!("{place} is not described"))?;
            // References are from the root of the description.
            let rooted = json!({ "allOf": [schema], "components": self.document["components"] });
            validators.insert(place.to_owned(), jsonschema::validator_for(&rooted).map_err(|error| anyhow::anyhow!("{place}: {error}"))?);
        }
        let validator = validators.get(place).context("no validator")?;
        let wrong: Vec<String> = validator.iter_errors(value).map(|error| format!("{} at {}", error, error.instance_path())).collect();
        ensure!(wrong.is_empty(), "not as {place} says: {}", wrong.join("; "));
        Ok(())
    }
}

#[test]
fn what_is_not_as_described_is_found() -> Result<()> {
    let document = json!({
        "paths": { "/t": {}, "/t/{name}": { "get": { "responses": { "200": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/T" } } } } } } } },
        "components": { "schemas": { "T": { "type": "object", "required": ["revision"] } } },
    });
    let description = Description { document, validators: Mutex::default() };
    assert_eq!(description.template("/t/a?b=c"), Some("/t/{name}"));
    assert_eq!(description.template("/t/"), None);
    let place = "/paths/~1t~1{name}/get/responses/200/content/application~1json/schema";
    description.check(place, &json!({ "revision": 1 }))?;
    ensure!(description.check(place, &json!({})).is_err(), "an answer without its revision passed");
    Ok(())
}
