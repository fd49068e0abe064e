//! The question before an undo: a dialog where there is a script, else what the page begins with.

use crate::api::{Asked, UndoCommit, asking};
use crate::base;
use crate::components::field::{FormNote, refusal_of};
use crate::icons::{self, Icon};
use crate::live::use_live;
use crate::pages::first_paint::actions_off;
use crate::past::{PastQuery, Question};
use crate::signals::Memo;
use crate::words::num;
use leptos::html;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

/// The question.
#[component]
pub fn UndoQuestion(question: Question, query: Memo<PastQuery>) -> impl IntoView {
    let live = use_live();
    let Question { of, did, lines, grave, preview, refused } = question;
    let number = format!("#{}", num(of));
    let path = query.with_untracked(|query| query.href(&query.before.map(|before| format!("before={before}")).unwrap_or_default()));
    let back = base::to(&path);
    let node = NodeRef::<html::Dialog>::new();
    show_modal(node);
    let leave = {
        let navigate = use_navigate();
        let leaving = StoredValue::new(false);
        move || {
            if !leaving.try_update_value(|leaving| std::mem::replace(leaving, true)).unwrap_or(true) {
                navigate(&path, NavigateOptions { scroll: false, ..NavigateOptions::default() });
            }
        }
    };
    let action = asking();
    let off = actions_off(None);
    let undone = format!("Undid {number}");
    let left = leave.clone();
    Effect::new(move |_| {
        if let Some(Ok(committed)) = action.value().get() {
            live.toast_with_undo(format!("{undone} at #{}", num(committed.index)), committed.index);
            left();
        }
    });
    let token = preview.clone();
    let confirm = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if !action.pending().get_untracked() {
            action.dispatch(Asked::Undo(UndoCommit { of, preview: Some(token.clone()) }));
        }
    };
    let body = match refused {
        Some(why) => {
            view! { <p class="form-error" role="alert"><Icon of=icons::CRIT/><span><b>"It cannot be undone"</b>". "{why}"."</span></p> }
                .into_any()
        }
        None => {
            let glyph = if grave { icons::WARN } else { icons::INFO };
            let class = if grave { "warn" } else { "info" };
            let lines =
                lines.into_iter().map(|line| view! { <li class=class><Icon of=glyph/><span class="num">{line}</span></li> }).collect_view();
            view! { <ul class="notes impact">{lines}</ul><FormNote fields=&[] refusal=refusal_of(action)/> }.into_any()
        }
    };
    let verb = (!preview.is_empty()).then(|| {
        let class = if grave { "btn danger-fill needs-live" } else { "btn primary needs-live" };
        let busy = move || action.pending().get().then_some("true");
        view! { <button class=class aria-busy=busy disabled=move || off.get()>{format!("Undo {number}")}</button> }
    });
    let (title, heading) = (format!("Undo {number}?"), format!("Undo {number}?"));
    view! {
        <dialog node_ref=node class="dialog question" open aria-label=title on:close=move |_| leave()>
            <form method="post" action=base::to(UndoCommit::url()) on:submit=confirm>
                <h2 class="num">{heading}</h2>
                <p>{did}</p>
                <input type="hidden" name="of" value=of.to_string()/>
                <input type="hidden" name="preview" value=preview/>
                {body}
                <div class="actions">
                    <a class="btn" href=back autofocus>{if verb.is_some() { "Cancel" } else { "Close" }}</a>
                    {verb}
                </div>
            </form>
        </dialog>
    }
    .into_any()
}

/// Once there is a script the rest of the page waits for the answer.
fn show_modal(node: NodeRef<html::Dialog>) {
    Effect::new(move |_| {
        let Some(dialog) = node.get() else { return };
        #[cfg(feature = "hydrate")]
        {
            // Closing says so, which is no answer yet.
            let _not_open = dialog.remove_attribute("open");
            let _already_modal = dialog.show_modal();
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = dialog;
    });
}
