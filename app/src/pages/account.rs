//! The own account: where one is signed in, another password, an end of the other sessions.

use crate::base;
use crate::boot::{Boot, use_looker};
use crate::components::card::Card;
use crate::components::field::{FormNote, done_note, refusal_before};
use crate::icons::{self, Icon};
use crate::live::use_live;
use crate::looker::Looker;
use crate::people::SessionRow;
use crate::time;
use crate::words::count;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use std::sync::Arc;

/// The page.
#[component]
pub fn AccountPage() -> impl IntoView {
    let refused = refusal_before();
    let refusal = Signal::derive(move || refused.get_value());
    let people = use_context::<Arc<Boot>>().and_then(|boot| boot.people()).unwrap_or_default();
    let done = use_query_map().with_untracked(|query| query.get("done"));
    let done = match done.as_deref() {
        Some("password") => Some("The new password holds from now on; every other session has ended."),
        Some("sessions") => Some("Every other session has ended."),
        _ => None,
    };
    let (title, words, kept) = match use_looker() {
        Looker::Anybody(_) => ("Your account".to_owned(), "Nobody has an account: anybody may do everything.".to_owned(), None),
        Looker::Known(person) => (person.name.clone(), format!("Signed in as {}.", person.role), Some(person.kept)),
    };
    view! {
        <div class="page">
            <header class="page-head">
                <div><h1>{title.clone()}</h1><p>{words}</p></div>
                {kept.map(|_| view! {
                    <div class="actions">
                    <a class="btn" href=base::to("/accounts") rel="external">"All accounts"</a>
                    <a class="btn" href=base::to("/audit") rel="external">"Audit"</a>
                    <form method="post" action=base::to("/sign-out")><button class="btn"><Icon of=icons::BACK/><span>"Sign out"</span></button></form>
                    </div>
                })}
            </header>
            <FormNote fields=&[] refusal=refusal/>
            {done.map(|done| done_note(view! { <span>{done}</span> }.into_any()))}
            {match kept {
                None => view! { <p><a class="btn primary" href=base::to("/set-up") rel="external">"Make the first account"</a></p> }.into_any(),
                Some(false) => view! { <p class="soft">"This node has no majority, or you came with a token or a certificate: there is no session to show."</p> }.into_any(),
                Some(true) => view! { <div class="split"><Sessions rows=people.sessions/>{(!people.provided).then(|| view! { <Password name=title.clone()/> })}</div> }.into_any(),
            }}
        </div>
    }
    .into_any()
}

#[component]
fn Sessions(rows: Vec<SessionRow>) -> impl IntoView {
    let others = rows.iter().filter(|row| !row.this).count() as u64;
    let sub = match others {
        0 => "nowhere else".to_owned(),
        others => count(others, "other session", "other sessions"),
    };
    let now = use_live().now_ms.get_untracked();
    let row = move |row: SessionRow| {
        view! {
            <li>
                <div>
                    <b class="num">{row.address.clone()}</b>" "{row.this.then(|| view! { <span class="mute">"this one"</span> })}
                    <div class="mute num">"since "{time::moment(row.created_at_ms, now)}", last used "{time::age(now.saturating_sub(row.seen_at_ms))}" ago, until "{time::clock(row.ends_at_ms)}</div>
                </div>
            </li>
        }
    };
    view! {
        <Card title="Signed in" sub=move || sub.clone()>
            <div class="card-b stacked">
                <ul class="members">{rows.into_iter().map(row).collect_view()}</ul>
                <form method="post" action=base::to("/account/end-sessions")>
                    <button class="btn" disabled=others == 0>"Sign out everywhere else"</button>
                </form>
            </div>
        </Card>
    }
    .into_any()
}

#[component]
fn Password(name: String) -> impl IntoView {
    view! {
        <Card title="Password" sub=|| "a new one ends every other session">
            <form class="card-b stacked" method="post" action=base::to("/account/password")>
                <input type="text" name="username" autocomplete="username" value=name hidden/>
                <div class="field">
                    <label for="current">"The one you have"</label>
                    <input class="input" id="current" name="current" type="password" autocomplete="current-password" required/>
                </div>
                <div class="field">
                    <label for="password">"The new one"</label>
                    <input class="input" id="password" name="password" type="password" autocomplete="new-password" required aria-describedby="password-help"/>
                    <p class="help" id="password-help">"15 to 128 characters, of any kind, that are not easily guessed."</p>
                </div>
                <div><button class="btn">"Change the password"</button></div>
            </form>
        </Card>
    }
    .into_any()
}
