//! The question before a topic is deleted: what goes, and the name to type.

use crate::api::{Asked, DeleteTopic};
use crate::base;
use crate::components::dialog::Dialog;
use crate::components::field::{FieldNote, FormNote};
use crate::icons::{self, Icon};
use crate::pages::first_paint::actions_off;
use crate::parts::Deletion;
use crate::signals::{Memo, changing};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The dialog.
#[component]
pub fn DeleteDialog(deletion: Deletion) -> impl IntoView {
    let Deletion { name, impact, open, action, refusal } = deletion;
    let off = actions_off(None);
    let typed = RwSignal::new(String::new());
    let wanted = StoredValue::new(name.clone());
    let matches = Memo::new(move |_| wanted.with_value(|wanted| typed.with(|typed| typed.trim() == wanted)));
    let pending = action.pending();
    Effect::new(move |_| {
        if !open.get() {
            typed.set(String::new());
        }
    });
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if matches.get_untracked() && !pending.get_untracked() {
            action.dispatch(Asked::DeleteTopic(DeleteTopic { name: wanted.get_value(), confirm: typed.get_untracked() }));
        }
    };
    view! {
        <Dialog open=open label=format!("Delete {name}?")>
            <form method="post" action=base::to(DeleteTopic::url()) on:submit=submit>
                <h2>{format!("Delete {name}?")}</h2>
                <p>"The delete is committed at once. The topic can be made again from History; its records cannot."</p>
                <ul class="notes impact">
                    <li class="crit"><Icon of=icons::TRASH/><span>{changing(move || format!("{} go.", impact.get()))}</span></li>
                    <li class="warn"><Icon of=icons::WARN/><span>"Producers and consumers of this topic fail from then on."</span></li>
                    <li class="info"><Icon of=icons::INFO/><span>"A topic created later under this name is another one, with another id."</span></li>
                </ul>
                <input type="hidden" name="name" value=name.clone()/>
                <div class="field">
                    <label for="confirm">"Type the topic's name"</label>
                    <input class="input" id="confirm" name="confirm" autocomplete="off" spellcheck="false" aria-describedby="confirm-note"
                        prop:value=move || typed.get() on:input=move |event| typed.set(event_target_value(&event))/>
                    <FieldNote id="confirm-note" field="confirm" refusal=refusal help=format!("It is {name}.")/>
                </div>
                <FormNote fields=&["confirm"] refusal=refusal/>
                <div class="actions">
                    <button type="button" class="btn" autofocus on:click=move |_| open.set(false)>"Cancel"</button>
                    <button class="btn danger-fill needs-live" aria-busy=move || pending.get().then_some("true") disabled=move || off.get() || !matches.get()>
                        <Icon of=icons::TRASH/><span>"Delete topic"</span>
                    </button>
                </div>
            </form>
        </Dialog>
    }
    .into_any()
}
