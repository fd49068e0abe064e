//! The pages before the door: drawn on the server alone, without a script, and without a word of the cluster's state.

use crate::Assets;
use crate::base::{self, Base};
use crate::components::field::words;
use crate::icons::{self, Icon, Mark};
use crate::shell::document::{Fonts, Metas};
use crate::shell::theme;
use crate::words::num;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use leptos::prelude::*;
use metadata::{Index, Rejection};
use std::path::Path;

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'";

/// What is drawn with.
#[derive(Clone, Debug)]
pub struct Door {
    pub assets: Assets,
    pub base: Base,
}

/// What is drawn, with what was entered before.
#[derive(Clone, Copy, Debug)]
pub enum Page<'a> {
    SignIn {
        /// Where to afterwards.
        to: &'a str,
        name: &'a str,
        /// Who else vouches for people here.
        provider: Option<&'a str>,
    },
    SetUp {
        /// Where the code is that it takes; none where everybody may.
        code: Option<&'a Path>,
        /// As it was entered.
        entered: &'a str,
        name: &'a str,
    },
    /// A token, this once.
    Token { account: &'a str, token: &'a str },
    /// The node cannot know who asks.
    Behind {
        why: &'a str,
        /// What was asked for.
        to: &'a str,
    },
    /// What was asked for of the past is not there.
    NotThen(NotThen<'a>),
}

/// What there is instead of what was asked for of the past.
#[derive(Clone, Copy, Debug)]
pub struct NotThen<'a> {
    pub title: &'a str,
    pub why: &'a str,
    /// The oldest that is kept, with the address of the same page.
    pub oldest: Option<(Index, &'a str)>,
    /// The same page of now.
    pub live: &'a str,
    /// Whether it may be there in a moment.
    pub again: Option<&'a str>,
}

impl Door {
    /// The page as an answer.
    pub fn draw(&self, page: &Page<'_>, refusal: Option<&Rejection>, cookies: &str) -> Response {
        let owner = Owner::new();
        let html = owner.with(|| {
            provide_context(self.base.clone());
            self.document(page, refusal, theme::of_cookies(cookies))
        });
        let headers = [(header::CACHE_CONTROL, "no-store"), (header::CONTENT_SECURITY_POLICY, POLICY)];
        (headers.map(|(name, value)| (name, HeaderValue::from_static(value))), Html(html)).into_response()
    }

    fn document(&self, page: &Page<'_>, refusal: Option<&Rejection>, theme: Option<&'static str>) -> String {
        let (title, body) = match page {
            Page::SignIn { to, name, provider } => ("Sign in", sign_in(to, name, *provider, refusal)),
            Page::SetUp { code, entered, name } => ("Set up", set_up(*code, entered, name, refusal)),
            Page::Token { account, token } => ("A new token", new_token(account, token)),
            Page::Behind { why, to } => ("Not caught up", behind(why, to)),
            Page::NotThen(not) => (not.title, not_then(not)),
        };
        let Assets { css, fonts, .. } = self.assets.clone();
        let page = view! {
            <!DOCTYPE html>
            <html lang="en" data-theme=theme>
                <head>
                    <Metas/>
                    <title inner_html=format!("{title} · Quorate")></title>
                    <link rel="icon" type="image/svg+xml" href=base::to("/pkg/favicon.svg")/>
                    <Fonts names=fonts/>
                    <link rel="stylesheet" href=css/>
                </head>
                <body class="door">
                    <main id="main">
                        <p class="brand"><Mark/>"Quorate"</p>
                        {body}
                    </main>
                </body>
            </html>
        };
        page.to_html()
    }
}

fn wrong(refusal: Option<&Rejection>) -> AnyView {
    let note = refusal.map(|no| view! { <p class="form-error" id="wrong"><Icon of=icons::CRIT/><span>{words_of(no)}</span></p> });
    view! { <div role="alert">{note}</div> }.into_any()
}

/// Of a wrong password nothing more can be said than that.
fn words_of(no: &Rejection) -> String {
    match no.field.as_deref() {
        Some("password") if no.code == metadata::Code::Unauthenticated => format!("{}.", no.detail),
        Some("retry_after_s") => format!("{}.", no.detail),
        _ => words(no),
    }
}

/// Whether a refusal is about this field.
fn at(refusal: Option<&Rejection>, field: &str) -> Option<&'static str> {
    refusal.filter(|no| no.field.as_deref() == Some(field)).map(|_| "true")
}

fn field(
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    value: &str,
    complete: &'static str,
    refusal: Option<&Rejection>,
    help: Option<String>,
) -> AnyView {
    let wrong = at(refusal, name);
    let described = [help.as_ref().map(|_| format!("{name}-help")), wrong.map(|_| "wrong".to_owned())];
    let described = described.into_iter().flatten().collect::<Vec<_>>().join(" ");
    // What was wrong is where one goes on; otherwise the first thing that is empty.
    let here = wrong.is_some() || (refusal.is_none() && matches!(name, "code" | "name"));
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input class="input" id=name name=name type=kind value=value.to_owned() autocomplete=complete required autofocus=here
                spellcheck="false" autocapitalize="none" aria-invalid=wrong aria-describedby=(!described.is_empty()).then_some(described)/>
            {help.map(|help| view! { <p class="help" id=format!("{name}-help")>{help}</p> })}
        </div>
    }
    .into_any()
}

fn sign_in(to: &str, name: &str, provider: Option<&str>, refusal: Option<&Rejection>) -> AnyView {
    let by_provider = provider.map(|host| {
        let href = format!("{}?to={}", base::to("/sign-in/provider"), leptos_router::location::Url::escape(to));
        view! {
            <a class="btn" href=href>{format!("Sign in with {host}")}</a>
            <p class="or" aria-hidden="true">"or"</p>
        }
    });
    view! {
        <form class="card" method="post" action=base::to("/sign-in")>
            <header class="card-h"><h1>"Sign in"</h1></header>
            <div class="card-b stacked">
                {wrong(refusal)}
                {by_provider}
                <input type="hidden" name="to" value=to.to_owned()/>
                {field("name", "Account", "text", name, "username", refusal, None)}
                {field("password", "Password", "password", "", "current-password", refusal, None)}
                <button class="btn primary">"Sign in"</button>
            </div>
        </form>
    }
    .into_any()
}

fn set_up(code: Option<&Path>, entered: &str, name: &str, refusal: Option<&Rejection>) -> AnyView {
    let why = match code {
        Some(_) => "Nobody has an account yet, and until somebody has, this node answers nothing else.",
        None => "Anybody who reaches this node can change everything now. The first account ends that.",
    };
    let code = code.map(|file| {
        let help = format!("It is in {} on the machine of this node, and is another one each hour.", file.display());
        field("code", "Code", "text", entered, "off", refusal, Some(help))
    });
    let rule = "15 characters or more, of any kind; a few words that belong to nobody's sentence are good.";
    view! {
        <form class="card" method="post" action=base::to("/set-up")>
            <header class="card-h"><h1>"Set up"</h1></header>
            <div class="card-b stacked">
                <p class="soft">{why}" It is an admin's: it can make others."</p>
                {wrong(refusal)}
                {code}
                {field("name", "Account", "text", name, "username", refusal, Some("a-z, 0-9, '.', '_' and '-'.".to_owned()))}
                {field("password", "Password", "password", "", "new-password", refusal, Some(rule.to_owned()))}
                <button class="btn primary">"Make the account and sign in"</button>
                <p class="help">"Brokers without certificates need tokens afterwards: docs/security.md."</p>
            </div>
        </form>
    }
    .into_any()
}

fn new_token(account: &str, token: &str) -> AnyView {
    view! {
        <section class="card">
            <header class="card-h"><h1>"A new token"</h1></header>
            <div class="card-b stacked">
                <p>"For "<b>{account.to_owned()}</b>". It is shown this once: only its hash is kept."</p>
                <div class="field">
                    <label for="token">"Token"</label>
                    <input class="input mono" id="token" value=token.to_owned() readonly autofocus/>
                    <p class="help">"Put it into a file that only its program reads, and name that with --token-file."</p>
                </div>
                <a class="btn primary" href=base::to("/accounts")>"Back to the accounts"</a>
            </div>
        </section>
    }
    .into_any()
}

fn behind(why: &str, to: &str) -> AnyView {
    let sign_in = format!("{}?to={}", base::to("/sign-in"), leptos_router::location::Url::escape(to));
    view! {
        <section class="card">
            <header class="card-h"><h1>"Not caught up"</h1></header>
            <div class="card-b stacked">
                <p>{why.to_owned()}". Whoever signs in here meanwhile can look at what it has, for a quarter of an hour."</p>
                <a class="btn primary" href=base::to(to)>"Try again"</a>
                <a class="btn" href=sign_in>"Sign in to look"</a>
            </div>
        </section>
    }
    .into_any()
}

fn not_then(not: &NotThen<'_>) -> AnyView {
    let NotThen { title, why, oldest, live, again } = *not;
    let words = |index| ["View cluster as of #", &num(index)].concat();
    view! {
        <section class="card">
            <header class="card-h"><h1>{title.to_owned()}</h1></header>
            <div class="card-b stacked">
                <p role="alert">{why.to_owned()}</p>
                <a class="btn primary" href=live.to_owned()><Icon of=icons::PLAY/>"Back to live"</a>
                {again.map(|again| view! { <a class="btn" href=again.to_owned()>"Try again"</a> })}
                {oldest.map(|(index, href)| view! { <a class="btn" href=href.to_owned()><span class="num">{words(index)}</span></a> })}
            </div>
        </section>
    }
    .into_any()
}
