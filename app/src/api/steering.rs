//! What the page Operations asks: elections, moves, settings, members. One function for all of it: a plain form that names what to do.

use super::Answer;
use super::encoding::Answered;
use leptos::prelude::*;

/// Carries one action out. Every argument is text as a form sends it; `preview` binds to what was shown.
#[server(prefix = "/_fn", endpoint = "steer", output = Answered)]
pub async fn steer(
    #[server(default)] action: String,
    #[server(default)] target: String,
    #[server(default)] value: String,
    #[server(default)] more: String,
    #[server(default)] preview: Option<String>,
) -> Result<Answer, ServerFnError> {
    use super::steered::{Steering, What};
    use super::submit;
    let asked = Steering { action, target, value, more };
    let answer = match asked.what() {
        Ok(What::Intent(intent)) => submit::submit(intent, preview.filter(|token| !token.is_empty())).await,
        Ok(What::Members(change)) => submit::change_members(change).await,
        Err(no) => Err(no),
    };
    let done = || match &answer {
        Ok(committed) if asked.undoable() => format!("/operations?done={}&undo=offered", committed.index),
        Ok(committed) => format!("/operations?done={}", committed.index),
        Err(_) => "/operations".to_owned(),
    };
    submit::redirect(&answer, done, |code| asked.way_back(code));
    Ok(answer)
}
