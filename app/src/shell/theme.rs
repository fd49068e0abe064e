//! The theme: the system's until it is chosen here. The choice is a cookie, so that the server paints it at once.

use crate::icons::{self, Icon};
use crate::signals::changing;
use leptos::prelude::*;

/// The name of the cookie.
pub const COOKIE: &str = "theme";

/// The theme in a `Cookie` header, if it is one of the two.
pub fn of_cookies(header: &str) -> Option<&'static str> {
    header.split(';').find_map(|pair| match pair.trim().split_once('=')? {
        (COOKIE, "dark") => Some("dark"),
        (COOKIE, "light") => Some("light"),
        _ => None,
    })
}

/// Changes to the other theme.
pub fn toggle() {
    #[cfg(feature = "hydrate")]
    {
        use wasm_bindgen::JsCast;
        let theme = if is_dark() { "light" } else { "dark" };
        if let Some(root) = document().document_element() {
            let _always_valid = root.set_attribute("data-theme", theme);
        }
        if let Some(page) = document().dyn_ref::<web_sys::HtmlDocument>() {
            // A path with a slash at its end would not be that of the base without one.
            let base = crate::base::base();
            let path = if base.is_empty() { "/" } else { &base };
            let _blocked = page.set_cookie(&format!("{COOKIE}={theme}; path={path}; max-age=31536000; samesite=lax"));
        }
    }
}

#[cfg(feature = "hydrate")]
fn is_dark() -> bool {
    match document().document_element().and_then(|root| root.get_attribute("data-theme")).as_deref() {
        Some("dark") => true,
        Some("light") => false,
        _ => window().match_media("(prefers-color-scheme: dark)").ok().flatten().is_some_and(|query| query.matches()),
    }
}

/// The button that changes it.
#[component]
pub fn ThemeButton() -> impl IntoView {
    // Which theme shows is known in the browser alone, so the button has one name until it is pressed or the page is alive.
    let dark = RwSignal::new(None::<bool>);
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| dark.set(Some(is_dark())));
    let label = move || match dark.get() {
        None => "Other theme",
        Some(true) => "Light theme",
        Some(false) => "Dark theme",
    };
    let press = move |_| {
        toggle();
        dark.update(|dark| *dark = dark.map(|dark| !dark));
    };
    view! {
        <button type="button" class="ibtn js-only" aria-label=label title=label on:click=press>
            {changing(move || view! { <Icon of=if dark.get() == Some(true) { icons::SUN } else { icons::MOON }/> })}
        </button>
    }
}

#[cfg(test)]
mod tests {
    use super::of_cookies;

    #[test]
    fn only_the_two_themes_are_read() {
        assert_eq!(of_cookies("a=b; theme=dark"), Some("dark"));
        assert_eq!(of_cookies("theme=\"><script>"), None);
        assert_eq!(of_cookies(""), None);
    }
}
