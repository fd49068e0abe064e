//! Operations: what moves, what can be asked of the whole cluster, its settings, and its controllers. Every action says what it would do
//! before it does it; all of it are plain forms, which work without JavaScript too.

mod forms;
mod members;
mod settings;
mod under_way;

use crate::base;
use crate::boot::Boot;
use crate::components::field::{FormNote, done_note, refusal_before};
use crate::foreseen::Foreseen;
use crate::icons::{self, Icon};
use crate::pages::first_paint::actions_off;
use crate::words::num;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use std::sync::Arc;

/// The page.
#[component]
pub fn OperationsPage() -> impl IntoView {
    let refused = refusal_before();
    let refusal = Signal::derive(move || refused.get_value());
    let foreseen = use_context::<Arc<Boot>>().and_then(|boot| boot.foreseen());
    let done = use_query_map().with_untracked(|query| query.get("done").and_then(|index| index.parse::<u64>().ok()));
    let undoable = use_query_map().with_untracked(|query| query.get_str("undo").is_some());
    view! {
        <div class="page">
            <header class="page-head">
                <div>
                    <h1>"Operations"</h1>
                    <p>"What moves, and what can be asked of the whole cluster. Each action first says what it would do."</p>
                </div>
            </header>
            <FormNote fields=&[] refusal=refusal/>
            {done.map(|index| done_note(committed(index, undoable)))}
            {foreseen.map(|foreseen| view! { <Confirm foreseen=foreseen/> })}
            <under_way::UnderWay/>
            <div class="split">
                <forms::Forms/>
                <members::Members/>
            </div>
            <settings::Settings/>
        </div>
    }
    .into_any()
}

/// Where it was committed, and the way to undo it, where there is one.
fn committed(index: u64, undoable: bool) -> AnyView {
    let undo = undoable.then(|| view! { <a class="btn sm" href=base::to(&format!("/history?undo={index}"))>"Undo"</a> });
    view! { <span class="num">"Committed at #"{num(index)}"."</span>{undo} }.into_any()
}

/// What the asked action would do, and the button that does it.
#[component]
fn Confirm(foreseen: Foreseen) -> impl IntoView {
    // What is not theirs is not foreseen.
    let off = actions_off(None);
    let Foreseen { action, target, value, more, title, lines, grave, preview } = foreseen;
    let hidden = [("action", action), ("target", target), ("value", value), ("more", more), ("preview", preview)];
    let class = if grave { "card card--danger" } else { "card" };
    let glyph = if grave { icons::WARN } else { icons::INFO };
    view! {
        <section class=class id="confirm" aria-label="What it would do">
            <header class="card-h"><h2>{format!("{title}?")}</h2></header>
            <form class="card-b stacked" method="post" action=base::to("/_fn/steer")>
                {hidden.map(|(name, value)| view! { <input type="hidden" name=name value=value/> }).collect_view()}
                <ul class="notes impact">
                    {lines.into_iter().map(|line| view! { <li class="info"><Icon of=glyph/><span class="num">{line}</span></li> }).collect_view()}
                </ul>
                <div class="actions">
                    <a class="btn" href=base::to("/operations") rel="external">"Cancel"</a>
                    <button class=if grave { "btn danger-fill needs-live" } else { "btn primary needs-live" } disabled=move || off.get()>"Do it"</button>
                </div>
            </form>
        </section>
    }
    .into_any()
}
