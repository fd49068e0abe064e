//! Create a topic: the form at the left, judged as it is filled in; at the right what would be committed, computed by the
//! leader's own planner in this browser. Without JavaScript it is a plain form.

mod draft;
mod fields;
mod panel;
mod preview;

use crate::api::{Asked, Asking, CreateTopic, asking};
use crate::base;
use crate::boot::{Boot, use_looker};
use crate::components::entered;
use crate::components::field::{FormNote, refusal_of};
use crate::icons::{self, Icon};
use crate::live::use_live;
use crate::pages::first_paint::actions_off;
use crate::shown::Shown;
use crate::signals::{Memo, Reading, changing};
use crate::words::num;
use draft::Draft;
use fields::{Configuration, FactorField, NameField, PartitionsField};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};
use leptos_router::params::ParamsMap;
use metadata::configs::KEYS;
use metadata::contract::Need;
use metadata::intent::NewTopic;
use metadata::{Code, Rejection, State};
use panel::PreviewPanel;
use preview::{Planned, preview};
use std::sync::Arc;
use wasm_split_helpers::{SplitLoaderError, wasm_split};

/// What the first paint of this page needs: the topic that the entered name collides with, if any.
pub fn shown(state: &State, query: &ParamsMap) -> Shown {
    let draft = Draft::of_query(query, state.broker_count());
    let colliding = state.colliding(draft.name.trim());
    Shown { rows: colliding.map(|topic| topic.id).into_iter().collect(), whole: Vec::new() }
}

/// What the fields of the form share.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub draft: RwSignal<Draft>,
    /// Whether a person tried to send it: from then on what is missing is a mistake.
    pub tried: RwSignal<bool>,
    /// Why it was refused, as long as it still says what was refused.
    pub refusal: Signal<Option<Rejection>>,
}

/// The page.
#[component]
pub fn CreateTopicPage() -> impl IntoView {
    let live = use_live();
    let brokers = live.state.with_untracked(|state| state.broker_count());
    let draft = RwSignal::new(Draft::of_query(&use_query_map().get_untracked(), brokers));
    let action = asking();
    let tried = RwSignal::new(false);
    let sent = RwSignal::new(draft.get_untracked());
    let answered = refusal_of(action);
    let refusal = Signal::derive(move || answered.get().filter(|_| draft.with(|draft| sent.with(|sent| sent == draft))));
    let form = Form { draft, tried, refusal };
    // The first paint draws with a fixed seed, so that the boxes are there before the page is alive and nothing moves.
    let seed = RwSignal::new(0_u128);
    let planned = planned(draft, seed);
    Effect::new(move |_| {
        draft.update(take_entered);
        sent.set(draft.get_untracked());
        seed.set(draw_seed());
        request_animation_frame(|| entered::focus(fields::NAME));
    });
    leave_when_done(action, sent);
    escape_leaves();
    let pending = action.pending();
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        tried.set(true);
        let filled = draft.get_untracked();
        if !live.state.with_untracked(|state| draft::possible(state, &filled)) {
            return fields::focus_first_problem();
        }
        if pending.get_untracked() || live.past() || live.connection.get_untracked().stale() {
            return;
        }
        let token = planned.with_untracked(|planned| planned.as_deref()?.as_ref().ok()?.token.clone());
        let configs = filled.configs();
        sent.set(filled.clone());
        action.dispatch(Asked::CreateTopic(CreateTopic {
            name: filled.name,
            partitions: filled.partitions,
            replication_factor: filled.replication_factor,
            configs,
            preview: token,
        }));
    };
    view! {
        <div class="page page--fill">
            <form class="card card--list fill" method="post" action=base::to(CreateTopic::url()) autocomplete="off" novalidate on:submit=submit>
                <header class="sheet-h">
                    <h1>"Create topic"</h1>
                    <a class="ibtn" href=base::to("/topics") aria-label="Close" title="Close"><Icon of=icons::CLOSE/></a>
                </header>
                <div class="create grow">
                    <div class="create-f">
                        <Refused refusal=refusal/>
                        <NameField form=form/>
                        <div class="stack">
                            <div class="fields"><PartitionsField form=form/><FactorField form=form/></div>
                            <p class="help num">{changing(move || draft.with(summary))}</p>
                        </div>
                        <Configuration form=form/>
                    </div>
                    <PreviewPanel draft=draft planned=planned/>
                </div>
                <Footer pending=pending.into()/>
            </form>
        </div>
    }
    .into_any()
}

/// The answer that concerns no field. A stale preview is no mistake: the new one is drawn already.
#[component]
fn Refused(refusal: Signal<Option<Rejection>>) -> impl IntoView {
    let stale = Memo::new(move |_| refusal.with(|no| no.as_ref().is_some_and(|no| no.code == Code::StalePreview)));
    let other = Signal::derive(move || refusal.get().filter(|no| no.code != Code::StalePreview));
    view! {
        <FormNote fields=fields::FIELDS refusal=other/>
        <div role="alert">
            {changing(move || stale.get().then(|| view! {
                <p class="form-error warn">
                    <Icon of=icons::WARN/>
                    <span><b>"The cluster changed while you looked."</b>" Nothing was created. The preview shows the new placement: look again, then create."</span>
                </p>
            }))}
        </div>
    }
    .into_any()
}

#[component]
fn Footer(pending: Signal<bool>) -> impl IntoView {
    let off = actions_off(use_looker().lacks(Need::Topics));
    view! {
        <footer class="sheet-f">
            {match off.why() {
                Some(_) => view! { <div class="grow">{off.note()}</div> }.into_any(),
                None => view! { <span class="mute small grow">"Commits one entry with the topic and all its partitions. Fails, and changes nothing, if this placement is no longer possible."</span> }.into_any(),
            }}
            <a class="btn" href=base::to("/topics")>"Cancel"</a>
            <button class="btn primary needs-live" aria-busy=move || pending.get().then_some("true") disabled=move || off.get() title=off.why()>"Create topic"</button>
        </footer>
    }
    .into_any()
}

/// What a number of partitions and a factor come to.
fn summary(draft: &Draft) -> String {
    const LATER: &str = "Partitions can be added later, never removed.";
    let Ok(NewTopic { partitions: Some(partitions), replication_factor: Some(factor), .. }) = draft.asked() else {
        return LATER.to_owned();
    };
    let replicas = u64::try_from(partitions.saturating_mul(factor)).unwrap_or_default();
    let loss = match factor {
        ..=1 => "Data is lost with its broker.".to_owned(),
        2 => "Data survives the loss of one broker.".to_owned(),
        more => format!("Data survives the loss of {} brokers.", more - 1),
    };
    format!("{}. {loss} {LATER}", crate::words::count(replicas, "replica", "replicas"))
}

/// What the first paint previews, as the page reads it: with a fixed seed, and bound to nothing.
#[cfg(feature = "ssr")]
pub fn painted(state: &State, query: &ParamsMap) -> Vec<u8> {
    let planned = Draft::of_query(query, state.broker_count()).asked().and_then(|asked| preview(state, 0, &asked));
    postcard::to_allocvec(&planned.map(|planned| preview::Preview { token: None, ..planned })).unwrap_or_default()
}

/// The leader's planner, which no first paint waits for.
#[wasm_split(later, fallible)]
fn plan(state: Arc<State>, seed: u128, asked: NewTopic) -> Result<Planned, SplitLoaderError> {
    Ok(preview(&state, seed, &asked))
}

/// What would be committed: at first as it was painted, then computed anew when the form or the cluster changes.
fn planned(draft: RwSignal<Draft>, seed: RwSignal<u128>) -> Reading<Option<Arc<Planned>>> {
    let live = use_live();
    let asked = Memo::new(move |_| draft.with(Draft::asked));
    let painted = use_context::<Arc<Boot>>().and_then(|boot| postcard::from_bytes::<Planned>(&boot.previewed).ok());
    let planned = RwSignal::new(painted.map(Arc::new));
    let turn = StoredValue::new(0_u32);
    let show = move |new: Planned| {
        if planned.with_untracked(|shown| shown.as_deref() != Some(&new)) {
            planned.set(Some(Arc::new(new)));
        }
    };
    Effect::new(move |_| {
        let (seed, state) = (seed.get(), live.state.get());
        turn.update_value(|turn| *turn += 1);
        let own = turn.get_value();
        let asked = match asked.get() {
            Ok(asked) => asked,
            Err(no) => return show(Err(no)),
        };
        leptos::task::spawn_local(async move {
            // Without its code nothing is previewed, and nothing sent either.
            if let Ok(new) = plan(state, seed, asked).await
                && turn.try_get_value() == Some(own)
            {
                show(new);
            }
        });
    });
    planned.into()
}

/// What was typed before the page came alive.
fn take_entered(draft: &mut Draft) {
    let take = |text: &mut String, id: &str| {
        if let Some(entered) = entered::text(id) {
            *text = entered;
        }
    };
    take(&mut draft.name, fields::NAME);
    take(&mut draft.partitions, fields::PARTITIONS);
    take(&mut draft.replication_factor, fields::FACTOR);
    for key in KEYS {
        let entered = entered::text(&fields::config_id(key)).or_else(|| entered::chosen(&fields::config_name(key)));
        if let Some(entered) = entered {
            draft.configs.insert(key.name.to_owned(), entered);
        }
    }
}

/// Once it is committed and this browser has seen it: to the topic's page.
fn leave_when_done(action: Asking, sent: RwSignal<Draft>) {
    let live = use_live();
    let navigate = use_navigate();
    Effect::new(move |_| {
        let Some(Ok(committed)) = action.value().get() else { return };
        let navigate = navigate.clone();
        let name = sent.with_untracked(|sent| sent.name.trim().to_owned());
        leptos::task::spawn_local(async move {
            live.caught_up(committed.index).await;
            live.toast(format!("Created {name} at #{}", num(committed.index)));
            navigate(&format!("/topics/{name}"), NavigateOptions::default());
        });
    });
}

/// Escape leaves the form, unless it closes something above it.
fn escape_leaves() {
    #[cfg(feature = "hydrate")]
    {
        let navigate = use_navigate();
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            let covered = document().query_selector("dialog[open]").ok().flatten().is_some();
            if event.key() == "Escape" && !event.default_prevented() && !covered {
                navigate(&base::carried("/topics"), NavigateOptions::default());
            }
        });
        on_cleanup(move || handle.remove());
    }
}

/// 128 bits of chance, drawn once per visit: the same form over the same state shows the same placement.
#[cfg(feature = "hydrate")]
fn draw_seed() -> u128 {
    let mut bytes = [0; 16];
    if let Ok(crypto) = window().crypto() {
        let _zeros_are_a_seed_too = crypto.get_random_values_with_u8_array(&mut bytes);
    }
    u128::from_be_bytes(bytes)
}

/// On the server nothing is previewed.
#[cfg(not(feature = "hydrate"))]
fn draw_seed() -> u128 {
    0
}
