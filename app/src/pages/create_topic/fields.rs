//! The fields of the form: each with its help, or with what is wrong in the same place. Their text lives in the document,
//! so that nothing that was typed before the page came alive is lost; the draft follows.

use super::Form;
use super::draft::{self, Draft};
use crate::components::entered;
use crate::components::field::{concerns, words};
use crate::components::status::{Status, Tag, Tone};
use crate::config_values::{accepts, default_shown, of_fields};
use crate::icons::{self, Icon};
use crate::live::use_live;
use crate::signals::{Memo, changing};
use crate::words::num;
use leptos::prelude::*;
use metadata::configs::{KEYS, Key, Kind};
use metadata::plan::MOST_PARTITIONS;

/// The ids of the fields.
pub const NAME: &str = "topic-name";
pub const PARTITIONS: &str = "topic-partitions";
pub const FACTOR: &str = "topic-factor";
/// The fields that show what is wrong with them themselves.
pub const FIELDS: &[&str] = &["name", "partitions", "replication_factor", "configs."];
/// How many keys are shown at once.
const SHOWN: usize = 4;

/// The id of the field of a configuration key.
pub fn config_id(key: &Key) -> String {
    format!("config-{}", key.name.replace('.', "-"))
}

/// What the form calls a configuration key.
pub fn config_name(key: &Key) -> String {
    format!("configs[{}]", key.name)
}

/// Moves the focus to the first field that something is wrong with.
pub fn focus_first_problem() {
    #[cfg(feature = "hydrate")]
    request_animation_frame(|| {
        use wasm_bindgen::JsCast;
        let found = document().query_selector("form [aria-invalid='true']").ok().flatten();
        if let Some(field) = found.and_then(|found| found.dyn_into::<web_sys::HtmlElement>().ok()) {
            let _no_focus_is_no_harm = field.focus();
        }
    });
}

/// What is wrong with a field: by the rules here, or by the leader's answer to what it still holds.
fn problem(form: Form, field: &'static str, judge: impl Fn() -> Option<String> + Send + Sync + 'static) -> Memo<Option<String>> {
    Memo::new(move |_| judge().or_else(|| form.refusal.with(|no| no.as_ref().filter(|no| concerns(no, field)).map(words))))
}

/// What is wrong, announced, or else the help.
#[component]
fn Note(#[prop(into)] id: String, problem: Memo<Option<String>>, children: ChildrenFn) -> impl IntoView {
    view! {
        <div id=id aria-live="polite">
            {changing(move || match problem.get() {
                Some(words) => view! { <p class="error"><Icon of=icons::CRIT/><span>{words}</span></p> }.into_any(),
                None => children().into_any(),
            })}
        </div>
    }
    .into_any()
}

fn invalid(problem: Memo<Option<String>>) -> impl Fn() -> Option<&'static str> + Copy {
    move || problem.with(Option::is_some).then_some("true")
}

/// The name, judged against every topic there is.
#[component]
pub fn NameField(form: Form) -> impl IntoView {
    let live = use_live();
    let Form { draft, tried, .. } = form;
    let empty = Memo::new(move |_| draft.with(|draft| draft.name.trim().is_empty()));
    let problem = problem(form, "name", move || match empty.get() {
        true => tried.get().then(|| "A topic needs a name".to_owned()),
        false => live.state.with(|state| draft.with(|draft| draft::name_problem(state, &draft.name))),
    });
    let free = Memo::new(move |_| !empty.get() && live.whole.get());
    view! {
        <div class="field">
            <label for=NAME>"Name"</label>
            <input class="input" id=NAME name="name" value=draft.get_untracked().name required spellcheck="false" autocapitalize="off"
                aria-describedby="topic-name-note" aria-invalid=invalid(problem)
                on:input=move |event| draft.update(|draft| draft.name = event_target_value(&event))/>
            <Note id="topic-name-note" problem=problem>
                {changing(move || match free.get() {
                    true => view! { <Status tone=Tone::Ok glyph=icons::OK words="Available"/> }.into_any(),
                    false => view! { <p class="help">"Letters, digits, dots, dashes and underscores."</p> }.into_any(),
                })}
            </Note>
        </div>
    }
    .into_any()
}

/// How many partitions.
#[component]
pub fn PartitionsField(form: Form) -> impl IntoView {
    let draft = form.draft;
    let problem = problem(form, "partitions", move || draft.with(|draft| draft::partitions_problem(&draft.partitions)));
    view! {
        <div class="field">
            <label for=PARTITIONS>"Partitions"</label>
            <Stepper id=PARTITIONS name="partitions" draft=draft most=Signal::stored(MOST_PARTITIONS as i64) problem=problem
                text=|draft: &Draft| draft.partitions.clone() set=|draft: &mut Draft, text| draft.partitions = text/>
            <Note id="topic-partitions-note" problem=problem>{None::<&str>}</Note>
        </div>
    }
    .into_any()
}

/// How many replicas each has.
#[component]
pub fn FactorField(form: Form) -> impl IntoView {
    let live = use_live();
    let draft = form.draft;
    let brokers = Signal::derive(move || (live.state.with(|state| state.broker_count()) as i64).max(1));
    let problem = problem(form, "replication_factor", move || {
        live.state.with(|state| draft.with(|draft| draft::factor_problem(state, &draft.replication_factor)))
    });
    view! {
        <div class="field">
            <label for=FACTOR>"Replication factor"</label>
            <Stepper id=FACTOR name="replication_factor" draft=draft most=brokers problem=problem
                text=|draft: &Draft| draft.replication_factor.clone() set=|draft: &mut Draft, text| draft.replication_factor = text/>
            <Note id="topic-factor-note" problem=problem>{None::<&str>}</Note>
        </div>
    }
    .into_any()
}

/// A number with a button at each side. The keyboard needs neither: arrow keys do the same in the field.
#[component]
fn Stepper(
    id: &'static str,
    name: &'static str,
    draft: RwSignal<Draft>,
    most: Signal<i64>,
    problem: Memo<Option<String>>,
    text: fn(&Draft) -> String,
    set: fn(&mut Draft, String),
) -> impl IntoView {
    let step = move |by: i64| {
        let now: i64 = draft.with_untracked(text).trim().parse().unwrap_or(1);
        let next = now.saturating_add(by).clamp(1, most.get_untracked()).to_string();
        entered::set(id, &next);
        draft.update(|draft| set(draft, next));
    };
    view! {
        <span class="stepper">
            <button type="button" class="js-only" tabindex="-1" aria-label="Fewer" on:click=move |_| step(-1)>"−"</button>
            <input type="number" inputmode="numeric" id=id name=name min="1" max=move || most.get().to_string() step="1" required value=draft.with_untracked(text)
                aria-describedby=format!("{id}-note") aria-invalid=invalid(problem)
                on:input=move |event| draft.update(|draft| set(draft, event_target_value(&event)))/>
            <button type="button" class="js-only" tabindex="-1" aria-label="More" on:click=move |_| step(1)>"+"</button>
        </span>
    }
    .into_any()
}

/// The configuration: the keys that most topics decide about, the others folded away.
#[component]
pub fn Configuration(form: Form) -> impl IntoView {
    let (first, rest) = KEYS.split_at(SHOWN.min(KEYS.len()));
    let fields = |keys: &'static [Key]| keys.iter().map(|key| view! { <ConfigField form=form key_=key/> }).collect_view();
    let draft = form.draft;
    let changed = move || draft.with(|draft| rest.iter().filter(|key| differs(draft, key)).count());
    let summary = move || match changed() {
        0 => format!("Show {} more, all at their defaults", rest.len()),
        some => format!("Show {} more, {some} changed", rest.len()),
    };
    // What was entered there must not hide after a refusal.
    let open = draft.with_untracked(|draft| rest.iter().any(|key| !draft.config(key.name).is_empty()));
    view! {
        <div>
            <div class="cfg-h"><h2>"Configuration"</h2><span class="mute small">{format!("{} of {} keys", first.len(), KEYS.len())}</span></div>
            {fields(first)}
            <details class="more-keys" open=open><summary><Icon of=icons::CHEVRON_DOWN/>{changing(summary)}</summary>{fields(rest)}</details>
        </div>
    }
    .into_any()
}

fn differs(draft: &Draft, key: &Key) -> bool {
    !of_fields([(key.name, draft.config(key.name))]).is_empty()
}

#[component]
fn ConfigField(form: Form, key_: &'static Key) -> impl IntoView {
    let draft = form.draft;
    let field: &'static str = config_field(key_);
    let problem = problem(form, field, move || draft.with(|draft| draft::config_problem(draft, key_.name)));
    let changed = Memo::new(move |_| draft.with(|draft| differs(draft, key_)));
    let note = format!("{}-note", config_id(key_));
    let help = format!("Default {}. {}{}", default_shown(key_), key_.help, accepts(key_));
    let control = match key_.kind {
        Kind::ListOf(_) => view! { <Policies draft=draft key_=key_ note=note.clone()/> }.into_any(),
        Kind::OneOf(options) => view! { <Choice draft=draft key_=key_ options=options note=note.clone()/> }.into_any(),
        Kind::Boolean => view! { <Choice draft=draft key_=key_ options=&["false", "true"] note=note.clone()/> }.into_any(),
        _ => view! {
            <input class="input" id=config_id(key_) name=config_name(key_) placeholder=default_shown(key_) value=draft.with_untracked(|draft| draft.config(key_.name).to_owned())
                spellcheck="false" aria-describedby=note.clone() aria-invalid=invalid(problem) on:input=move |event| enter(draft, key_, event_target_value(&event))/>
        }
        .into_any(),
    };
    let label = match key_.kind {
        Kind::ListOf(_) => view! { <code id=format!("{}-label", config_id(key_))>{key_.name}</code> }.into_any(),
        _ => view! { <label for=config_id(key_)><code>{key_.name}</code></label> }.into_any(),
    };
    view! {
        <div class="cfg">
            <span class="row">{label}{changing(move || changed.get().then(|| view! { <Tag word="changed" tone="accent"/> }))}</span>
            {control}
            <div class="help"><Note id=note problem=problem><p class="help">{help.clone()}</p></Note></div>
        </div>
    }
    .into_any()
}

/// What a refusal calls a configuration key.
fn config_field(key: &'static Key) -> &'static str {
    // Keys are few and live as long as the program: so may the names of their fields.
    use std::sync::OnceLock;
    static NAMES: OnceLock<Vec<(&'static str, String)>> = OnceLock::new();
    let names = NAMES.get_or_init(|| KEYS.iter().map(|key| (key.name, format!("configs.{}", key.name))).collect());
    names.iter().find(|(name, _)| *name == key.name).map_or("configs.", |(_, field)| field.as_str())
}

fn enter(draft: RwSignal<Draft>, key: &'static Key, text: String) {
    draft.update(|draft| {
        draft.configs.insert(key.name.to_owned(), text);
    });
}

/// One of a few values; the default is the empty one, so that it is not sent.
#[component]
fn Choice(draft: RwSignal<Draft>, key_: &'static Key, options: &'static [&'static str], note: String) -> impl IntoView {
    let first = draft.with_untracked(|draft| draft.config(key_.name).to_owned());
    let options = options.iter().map(|option| {
        let value = if *option == key_.default { "" } else { option };
        view! { <option value=value selected=value == first>{*option}</option> }
    });
    view! {
        <span class="select">
            <select id=config_id(key_) name=config_name(key_) aria-describedby=note on:change=move |event| enter(draft, key_, event_target_value(&event))>
                {options.collect_view()}
            </select>
            <Icon of=icons::CHEVRON_DOWN/>
        </span>
    }
    .into_any()
}

/// delete, compact, or both.
#[component]
fn Policies(draft: RwSignal<Draft>, key_: &'static Key, note: String) -> impl IntoView {
    let first = draft.with_untracked(|draft| draft.config(key_.name).to_owned());
    let choices = [("delete", ""), ("compact", "compact"), ("both", "compact,delete")].map(|(words, value)| {
        view! {
            <label>
                <input type="radio" name=config_name(key_) value=value checked=value == first on:change=move |_| enter(draft, key_, value.to_owned())/>
                {words}
            </label>
        }
    });
    view! {
        <div class="seg" role="radiogroup" aria-labelledby=format!("{}-label", config_id(key_)) aria-describedby=note>{choices.into_iter().collect_view()}</div>
    }
    .into_any()
}

/// `+6`.
pub fn plus(number: u32) -> String {
    format!("+{}", num(number))
}
