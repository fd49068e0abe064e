//! What is asked of the past: what a page shows of it once it is alive, another point of it, and to undo one commit.

use super::Answer;
use super::encoding::Answered;
use crate::past::{Past, Step};
use leptos::prelude::*;
use metadata::{Index, Rejection};

/// The answer of [`look_back`].
pub type Looked = Result<Past, Rejection>;

/// What a node's pages look back with.
#[cfg(feature = "ssr")]
#[derive(Clone)]
pub struct Looks {
    pub controller: controller::Controller,
    pub tape: crate::looking_back::Tape,
}

/// What the page at this path and query shows of the past; with `newer`, of what came after that index alone.
#[server(LookBack, prefix = "/_fn", endpoint = "look_back", output = Answered)]
pub async fn look_back(
    path: String,
    #[server(default)] query: String,
    #[server(default)] newer: Option<Index>,
) -> Result<Looked, ServerFnError> {
    use crate::looking_back::{look, wanted};
    use crate::place::{Place, query_of};
    let no = |detail: &str| Err(Rejection::new(metadata::Code::NotFound, detail));
    let Some(looks) = use_context::<Looks>() else { return Ok(no("This node has no history")) };
    let asker = use_context::<axum::http::request::Parts>().and_then(|parts| parts.extensions.get::<controller::Asker>().cloned());
    let place = Place::of(&path);
    let Some(query) = wanted(&place, &query_of(&query)) else { return Ok(no("This page shows nothing of the past")) };
    Ok(Ok(look(&looks.controller, &looks.tape, &place, &query, asker.as_ref(), newer).await))
}

/// The answer of [`step_to`].
pub type Stepped = Result<Step, Rejection>;

/// What the page at this path and search shows beside the state as of this index.
#[server(StepTo, prefix = "/_fn", endpoint = "step_to", output = Answered)]
pub async fn step_to(index: Index, path: String, #[server(default)] search: String) -> Result<Stepped, ServerFnError> {
    Ok(match use_context::<Looks>() {
        Some(looks) => crate::looking_back::step(&looks.controller, index, &path, &search).await,
        None => Err(Rejection::new(metadata::Code::NotFound, "This node has no history")),
    })
}

/// Undoes one commit; `preview` binds to what was shown.
#[server(UndoCommit, prefix = "/_fn", endpoint = "undo", output = Answered)]
pub async fn undo(of: Index, #[server(default)] preview: Option<String>) -> Result<Answer, ServerFnError> {
    use super::{submit, way_back};
    let asked = match use_context::<Looks>() {
        Some(looks) => crate::looking_back::inverse(&looks.controller, of).await,
        None => Err(Rejection::new(metadata::Code::NoLeader, "This node has no controller")),
    };
    let answer = match asked {
        Ok(intent) => submit::submit(intent, preview.filter(|token| !token.is_empty())).await,
        Err(no) => Err(no),
    };
    let done = || answer.as_ref().map_or_else(|_| "/history".to_owned(), |committed| format!("/history?done={}", committed.index));
    submit::redirect(&answer, done, |code| way_back::way_back("/history", &format!("undo={of}&"), code));
    Ok(answer)
}
