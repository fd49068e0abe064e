//! The document around the app, on the server: head, first paint's data, loader.
//!
//! The app has an element of its own: what others put into `body` is beside it and does not matter. Beside it is also what
//! says that the page is not alive (docs/adr/0022-not-alive.md).

use super::{tab, theme};
use crate::base;
use crate::boot::{self, Boot};
use crate::components::verdict::judge;
use crate::icons::{self, Icon};
use crate::live::STALE_MS;
use crate::packs::Page;
use crate::place::Place;
use crate::shape;
use crate::{App, Assets};
use axum::http::{header, request::Parts};
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use metadata::views::Level;

/// The whole page.
#[component]
pub fn Document(assets: Assets) -> impl IntoView {
    let boot = boot::of_page();
    let state = boot.state();
    // A first paint comes from a node that answers: it may be without its quorum, never silent.
    let verdict = judge(&state, &boot.known(), None);
    let path = boot.url.split('?').next().unwrap_or_default();
    let (place, page) = (Place::of(path), Page::at(path));
    let theme = use_context::<Parts>().and_then(|parts| {
        let cookies = parts.headers.get(header::COOKIE)?.to_str().ok()?;
        theme::of_cookies(cookies)
    });
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme>
            <head>
                <Metas/>
                <title inner_html=escaped(&tab::title(&verdict, &place))></title>
                <link rel="icon" id=tab::ICON_ELEMENT type="image/svg+xml" href=tab::icon(verdict.level) data-dead=tab::icon(Some(Level::Warning))/>
                <Fonts names=assets.fonts.clone()/>
                <link rel="stylesheet" href=assets.css.clone()/>
                <Loader assets=assets boot=boot.to_text() page=page/>
            </head>
            <body data-revision=state.revision().to_string() data-connection=connection(&boot)>
                // Live figures are no text to translate: a translation would stay where it is while they change.
                <div id=shape::ROOT data-shape=shape::UNKNOWN data-base=base::base().to_string() data-as-of=base::as_of() translate="no">
                    <App/>
                </div>
                <NotAlive/>
            </body>
        </html>
    }
}

/// A text as markup: as a child of `title`, where no markup is read, it would be followed by a marker that everybody sees.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn connection(boot: &Boot) -> &'static str {
    match boot.quorum_age_ms {
        _ if base::as_of().is_some() => "as-of",
        age if age > STALE_MS => "stale",
        _ => "connecting",
    }
}

/// What every document of ours begins its head with.
#[component]
pub fn Metas() -> impl IntoView {
    view! {
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"/>
        <meta name="color-scheme" content="light dark"/>
    }
}

/// Asked for before the style sheet that names them: what is not there for the first paint is not used (style/fonts.css).
#[component]
pub fn Fonts(names: Vec<String>) -> impl IntoView {
    let link = |name| view! { <link rel="preload" href={name} as="font" type="font/woff2" crossorigin="anonymous"/> };
    names.into_iter().map(link).collect_view()
}

/// The pack of what nobody sees before the page is alive (`crate::later`).
const LATER: &str = "later";

/// Brings the page to life. Without the bundle the page stays what the server painted, and works.
#[component]
fn Loader(assets: Assets, boot: String, page: Option<Page>) -> impl IntoView {
    let Assets { js, wasm, loader, packs, .. } = assets;
    let pack = page.and_then(|page| packs.get(page.pack).cloned());
    let later = packs.get(LATER).cloned();
    (!js.is_empty()).then(|| {
        let start = format!("quorate.start('{js}','{wasm}')");
        view! {
            <link rel="modulepreload" href=js/>
            <link rel="modulepreload" href=loader/>
            <link rel="preload" href={wasm} as="fetch" type="application/wasm" crossorigin="anonymous"/>
            {pack.map(|pack| view! { <link rel="preload" href={pack} as="fetch" crossorigin="anonymous"/> })}
            {later.map(|later| view! { <link rel="preload" href={later} as="fetch" crossorigin="anonymous" fetchpriority="low"/> })}
            <script type="application/json" id=boot::ELEMENT inner_html=boot></script>
            <script nonce=use_nonce() inner_html=program()></script>
            <script type="module" nonce=use_nonce() inner_html=start></script>
        }
    })
}

/// `start.js` without its comments.
fn program() -> String {
    include_str!("start.js").lines().map(str::trim).filter(|line| !line.starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Says in words why the page is not alive, once `start.js` finds it so. Without scripts nothing is missing.
#[component]
fn NotAlive() -> impl IntoView {
    view! {
        <div class="banner stale not-alive" id="not-alive" role="alert" hidden>
            <Icon of=icons::NOT_CONNECTED/>
            <span></span>
            <div class="actions"><a class="btn sm" href=""><Icon of=icons::RELOAD/>"Reload"</a></div>
        </div>
    }
}
