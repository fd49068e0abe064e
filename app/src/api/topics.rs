//! Topics: create, delete.

use super::Answer;
use super::encoding::Answered;
use leptos::prelude::*;
use std::collections::BTreeMap;

/// Creates a topic. Every argument is text as a form sends it; empty means "by default". `preview` binds to what was shown.
#[server(prefix = "/_fn", endpoint = "create_topic", output = Answered)]
pub async fn create_topic(
    #[server(default)] name: String,
    #[server(default)] partitions: String,
    #[server(default)] replication_factor: String,
    #[server(default)] configs: BTreeMap<String, String>,
    #[server(default)] preview: Option<String>,
) -> Result<Answer, ServerFnError> {
    use super::{refused, submit};
    let form = refused::NewTopicForm { name, partitions, replication_factor, configs };
    submit::answer(form.intent(), preview, || format!("/topics/{}", form.name.trim()), |code| form.way_back(code)).await
}

/// Deletes a topic; `confirm` repeats its name.
#[server(prefix = "/_fn", endpoint = "delete_topic", output = Answered)]
pub async fn delete_topic(#[server(default)] name: String, #[server(default)] confirm: String) -> Result<Answer, ServerFnError> {
    use super::{refused, submit, way_back};
    use metadata::Intent;
    let asked = refused::confirmed(&name, &confirm).map(|()| Intent::DeleteTopic { name: name.clone(), expected: None });
    let back = |code| way_back::way_back(&format!("/topics/{name}"), "tab=settings&", code);
    submit::answer(asked, None, || "/topics".to_owned(), back).await
}
