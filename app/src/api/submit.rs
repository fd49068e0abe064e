//! Step 2 seen from a page: submit, and send a browser without JavaScript on its way.

use super::{Answer, Committed};
use crate::base;
use axum::http::{HeaderValue, StatusCode, header, request::Parts};
use controller::{Asker, Controller, LONGEST_DEADLINE, MemberChange, Submission};
use leptos::prelude::{ServerFnError, use_context};
use leptos_axum::ResponseOptions;
use metadata::{Code, Intent, Rejection};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// What every server function does with an intent that one call asks: submit it and, for a plain form, answer with the way on.
pub async fn answer(
    asked: Result<Intent, Rejection>,
    preview: Option<String>,
    done: impl FnOnce() -> String,
    refused: impl FnOnce(Code) -> String,
) -> Result<Answer, ServerFnError> {
    let answer = match asked {
        Ok(intent) => submit(intent, preview.filter(|token| !token.is_empty())).await,
        Err(no) => Err(no),
    };
    redirect(&answer, done, refused);
    Ok(answer)
}

/// Where a server function leaves the refusal that it answers with, for whoever writes refusals down: a page's answer is no refused call.
#[derive(Clone, Default)]
pub struct Left(Arc<Mutex<Option<Rejection>>>);

impl Left {
    /// What was left.
    pub fn take(&self) -> Option<Rejection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Leaves a refusal there, where there is somebody to take it.
fn leave(no: &Rejection) {
    if let Some(left) = use_context::<Parts>().and_then(|parts| parts.extensions.get::<Left>().cloned()) {
        *left.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(no.clone());
    }
}

/// Submits one intent for whoever asks and waits until this node has applied its outcome.
pub async fn submit(intent: Intent, preview: Option<String>) -> Answer {
    let Some(controller) = use_context::<Controller>() else {
        return Err(Rejection::new(Code::NoLeader, "This node has no controller"));
    };
    let submission = Submission { preview, ..asker()?.submission(intent) };
    let outcome = controller.submit(submission, Instant::now() + LONGEST_DEADLINE).await.map_err(|refusal| *refusal.rejection)?;
    match outcome.outcomes.into_iter().next() {
        Some(Err(no)) => Err(no),
        _ => Ok(Committed { index: outcome.index }),
    }
}

/// Who asks, as the node's guard found it out.
fn asker() -> Result<Asker, Rejection> {
    let found = use_context::<Parts>().and_then(|parts| parts.extensions.get::<Asker>().cloned());
    found.ok_or_else(|| Rejection::new(Code::Unauthenticated, "Nothing is known of who asks"))
}

/// Changes the controllers' membership, or who of them leads.
pub async fn change_members(change: MemberChange) -> Answer {
    let Some(controller) = use_context::<Controller>() else {
        return Err(Rejection::new(Code::NoLeader, "This node has no controller"));
    };
    let changed = controller.change_members(change, &asker()?.credential, Instant::now() + LONGEST_DEADLINE).await;
    changed.map(|index| Committed { index }).map_err(|refusal| *refusal.rejection)
}

/// Answers a plain form with 303: to the result's page, or back to the form. A call from a page that is alive is left alone.
pub fn redirect(answer: &Answer, done: impl FnOnce() -> String, refused: impl FnOnce(Code) -> String) {
    if let Err(no) = answer {
        leave(no);
    }
    let plain_form = use_context::<Parts>().is_some_and(|parts| {
        parts.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
    });
    let (true, Some(response)) = (plain_form, use_context::<ResponseOptions>()) else { return };
    let target = match answer {
        Ok(_) => done(),
        Err(no) => refused(no.code),
    };
    // A name that no header can hold was refused before it came here; home is always a safe place.
    let home = || HeaderValue::from_str(&base::to("/")).unwrap_or(HeaderValue::from_static("/"));
    let target = HeaderValue::from_str(&base::to(&target)).unwrap_or_else(|_| home());
    response.set_status(StatusCode::SEE_OTHER);
    response.insert_header(header::LOCATION, target);
}
