//! Accounts: who there is, what each may do, its tokens and sessions. Every action is a plain form, and takes the password once more when
//! it was last given a while ago.

use crate::base;
use crate::boot::{Boot, use_looker};
use crate::components::card::Card;
use crate::components::field::{FormNote, done_note, refusal_before};
use crate::icons::{self, Icon};
use crate::live::use_live;
use crate::looker::Looker;
use crate::people::AccountRow;
use crate::time;
use crate::words::count;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use metadata::access::Role;
use metadata::contract::Need;
use std::sync::Arc;

/// The page.
#[component]
pub fn AccountsPage() -> impl IntoView {
    let refused = refusal_before();
    let refusal = Signal::derive(move || refused.get_value());
    let looker = use_looker();
    let people = use_context::<Arc<Boot>>().and_then(|boot| boot.people());
    let done = use_query_map().with_untracked(|query| query.get("done"));
    let done = done.as_deref().and_then(|done| match done {
        "added" => Some("The account was made."),
        "role" => Some("The role was changed."),
        "password" => Some("The password was changed; the account's sessions have ended."),
        "removed" => Some("The account is gone, with its tokens and sessions."),
        "sessions" => Some("The account's sessions have ended."),
        "revoked" => Some("The token counts no more."),
        _ => None,
    });
    let body = match (&looker, people) {
        (Looker::Anybody(_), _) => open(),
        (_, Some(people)) => {
            let proven = people.proven;
            view! {
                {(!proven).then(|| prove(people.provided))}
                <Add proven=proven/>
                <List rows=people.accounts proven=proven/>
            }
            .into_any()
        }
        _ => not_theirs(looker.lacks(Need::Admin)),
    };
    view! {
        <div class="page">
            <header class="page-head">
                <div>
                    <h1>"Accounts"</h1>
                    <p>"Who may do what: people, who sign in, and programs, which show tokens."</p>
                </div>
            </header>
            <FormNote fields=&[] refusal=refusal/>
            {done.map(|done| done_note(view! { <span>{done}</span> }.into_any()))}
            {body}
        </div>
    }
    .into_any()
}

fn open() -> AnyView {
    view! {
        <section class="card">
            <div class="card-b stacked">
                <p>"Nobody has an account, so anybody may do everything. The first account closes the cluster to everybody else."</p>
                <div><a class="btn primary" href=base::to("/set-up") rel="external">"Make the first account"</a></div>
            </div>
        </section>
    }
    .into_any()
}

fn not_theirs(why: Option<String>) -> AnyView {
    let why = why.unwrap_or_else(|| "Load this page anew to see them.".to_owned());
    view! {
        <section class="card">
            <div class="card-b stacked">
                <p class="row"><Icon of=icons::LOCK/><span>{why}</span></p>
                <p class="soft">"An admin sees every account here, and changes what it may do."</p>
            </div>
        </section>
    }
    .into_any()
}

/// What was left open for a while asks who is there.
fn prove(provided: bool) -> AnyView {
    if provided {
        return view! {
            <section class="card" aria-label="Sign in once more">
                <div class="card-b prove">
                    <p class="row"><Icon of=icons::LOCK/><span>"Nothing here can be changed until you have signed in once more."</span></p>
                    <a class="btn primary" href=base::to("/sign-in/provider?to=%2Faccounts") rel="external">"Sign in by the provider"</a>
                </div>
            </section>
        }
        .into_any();
    }
    let name = match use_looker() {
        Looker::Known(person) => person.name,
        Looker::Anybody(_) => String::new(),
    };
    view! {
        <section class="card" aria-label="Your password once more">
            <form class="card-b prove" method="post" action=base::to("/account/prove")>
                <input type="hidden" name="to" value="/accounts"/>
                <input type="text" name="username" autocomplete="username" value=name hidden/>
                <p class="row"><Icon of=icons::LOCK/><span>"Nothing here can be changed until you have given your password once more."</span></p>
                <div class="row">
                    <label class="sr" for="prove">"Your password"</label>
                    <input class="input" id="prove" name="password" type="password" autocomplete="current-password" placeholder="Your password" required/>
                    <button class="btn primary">"Go on"</button>
                </div>
            </form>
        </section>
    }
    .into_any()
}

fn role_fields(of: &str, now: Option<&Role>) -> AnyView {
    let id = |field: &str| format!("{of}-{field}");
    let chosen = |role: &str| now.is_some_and(|now| now.to_string().split([' ', ':']).next() == Some(role));
    let prefixes = match now {
        Some(Role::Operator { prefixes }) => prefixes.join(", "),
        _ => String::new(),
    };
    let broker = match now {
        Some(Role::Broker { id }) => id.to_string(),
        _ => String::new(),
    };
    view! {
        <div class="field">
            <label for=id("role")>"Role"</label>
            <span class="select">
                <select id=id("role") name="role">
                    <option value="viewer" selected=chosen("viewer")>"viewer: looks"</option>
                    <option value="operator" selected=chosen("operator")>"operator: topics and brokers"</option>
                    <option value="admin" selected=chosen("admin")>"admin: all of it"</option>
                    <option value="broker" selected=chosen("broker")>"broker: a storage service"</option>
                </select>
                <Icon of=icons::CHEVRON_DOWN/>
            </span>
        </div>
        <div class="field">
            <label for=id("prefixes")>"Only topics that begin with"</label>
            <input class="input" id=id("prefixes") name="prefixes" value=prefixes autocomplete="off" spellcheck="false" placeholder="of an operator: team-a., shared."/>
        </div>
        <div class="field">
            <label for=id("broker")>"Broker"</label>
            <input class="input" id=id("broker") name="broker" value=broker inputmode="numeric" autocomplete="off" placeholder="of the role broker: its id"/>
        </div>
    }
    .into_any()
}

#[component]
fn Add(proven: bool) -> impl IntoView {
    view! {
        <Card title="Add an account">
            <form class="card-b stacked" method="post" action=base::to("/accounts/add") aria-label="Add an account">
                <fieldset class="plain ask" disabled=!proven>
                    <div class="fields">
                        <div class="field">
                            <label for="add-name">"Name"</label>
                            <input class="input" id="add-name" name="name" autocomplete="username" spellcheck="false" autocapitalize="none" required placeholder="a-z, 0-9, '.', '_', '-'"/>
                        </div>
                        {role_fields("add", None)}
                        <div class="field">
                            <label for="add-password">"Password"</label>
                            <input class="input" id="add-password" name="password" type="password" autocomplete="new-password" placeholder="of a person; a program has none"/>
                        </div>
                    </div>
                    <div><button class="btn primary">"Add"</button></div>
                </fieldset>
            </form>
        </Card>
    }
    .into_any()
}

#[component]
fn List(rows: Vec<AccountRow>, proven: bool) -> impl IntoView {
    let now = use_live().now_ms.get_untracked();
    let total = count(rows.len() as u64, "account", "accounts");
    view! {
        <Card title="Accounts" sub=move || total.clone()>
            <ul class="card-b accounts">{rows.into_iter().map(|row| account(row, proven, now)).collect_view()}</ul>
        </Card>
    }
    .into_any()
}

fn account(row: AccountRow, proven: bool, now: u64) -> AnyView {
    let AccountRow { name, role, person, provided, created_at_ms, sessions, tokens } = row;
    let kind = match (provided, person) {
        (true, _) => "signs in by the provider",
        (false, true) => "signs in",
        (false, false) => "shows tokens",
    };
    let more = format!("{}, {}", count(u64::from(sessions), "session", "sessions"), count(tokens.len() as u64, "token", "tokens"));
    let label = |words: &str| format!("{words} {name}");
    let hidden = || view! { <input type="hidden" name="name" value=name.clone()/> };
    let is_broker = matches!(role, Role::Broker { .. });
    let token = |id: String, until: u64| {
        view! {
            <li class="row">
                <span>"Token "<code>{id.clone()}</code></span><span class="mute num">"until "{time::day(until, now)}</span>
                <form method="post" action=base::to("/accounts/revoke-token")>
                    <input type="hidden" name="id" value=id.clone()/>
                    <button class="btn sm" disabled=!proven aria-label=format!("Revoke token {id}")>"Revoke"</button>
                </form>
            </li>
        }
    };
    let tokens = tokens.into_iter().map(|one| token(one.id, one.expires_at_ms)).collect_view();
    let summary = view! {
        <b>{name.clone()}</b>
        <span class="role">{role.to_string()}</span>
        <span class="mute num">{kind}" · "{more}" · since "{time::day(created_at_ms, now)}</span>
    };
    view! {
        <li>
            <details>
                <summary>{summary}<Icon of=icons::CHEVRON_DOWN/></summary>
                <div class="stacked">
                    <form method="post" action=base::to("/accounts/role") aria-label=label("Role of")>
                        {hidden()}
                        <fieldset class="plain ask" disabled=!proven>
                            <div class="fields">{role_fields(&format!("of-{name}"), Some(&role))}</div>
                            <div><button class="btn sm">"Change the role"</button></div>
                        </fieldset>
                    </form>
                    {(!is_broker && !provided).then(|| view! {
                        <form method="post" action=base::to("/accounts/password") class="row" aria-label=label("Password of")>
                            {hidden()}
                            <input type="text" name="username" autocomplete="username" value=name.clone() hidden/>
                            <label class="sr" for=format!("password-{name}")>{label("New password of")}</label>
                            <input class="input" id=format!("password-{name}") name="password" type="password" autocomplete="new-password" placeholder="New password" required disabled=!proven/>
                            <button class="btn sm" disabled=!proven>"Set"</button>
                        </form>
                    })}
                    <ul class="tokens">{tokens}</ul>
                    <div class="asks">
                        <form method="post" action=base::to("/accounts/token")>
                            {hidden()}
                            <button class="btn sm" disabled=!proven aria-label=label("New token for")>"New token"</button>
                        </form>
                        <form method="post" action=base::to("/accounts/end-sessions")>
                            {hidden()}
                            <button class="btn sm" disabled={!proven || sessions == 0} aria-label=label("End the sessions of")>"End its sessions"</button>
                        </form>
                    </div>
                    <details class="sure">
                        <summary>{label("Remove")}<Icon of=icons::CHEVRON_DOWN/></summary>
                        <form method="post" action=base::to("/accounts/remove") class="row">
                            {hidden()}
                            <span class="soft">"Its tokens and sessions go with it, at once."</span>
                            <button class="btn sm danger-fill" disabled=!proven>{label("Remove")}</button>
                        </form>
                    </details>
                </div>
            </details>
        </li>
    }
    .into_any()
}
