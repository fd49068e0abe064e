//! Icons: 16 px, stroke only; an element of class `f` is filled. Decorative: the words stand beside them.

use leptos::prelude::*;

/// The inside of an icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyph(pub &'static str);

pub const GAUGE: Glyph =
    Glyph(r#"<path d="M2.5 11.5a5.75 5.75 0 1 1 11 0"/><path d="m8 10 2.75-3.75"/><circle class="f" cx="8" cy="10" r="1.1"/>"#);
pub const TOPICS: Glyph = Glyph(r#"<path d="M2.5 4h11M2.5 8h7.5M2.5 12h9.5"/>"#);
pub const BROKERS: Glyph = Glyph(
    r#"<rect x="2.5" y="2.75" width="11" height="4.25" rx="1.25"/><rect x="2.5" y="9" width="11" height="4.25" rx="1.25"/><path d="M5 4.9h.01M5 11.1h.01"/>"#,
);
pub const QUORUM: Glyph = Glyph(
    r#"<circle class="f" cx="8" cy="3.75" r="2"/><circle cx="3.75" cy="11.75" r="1.75"/><circle cx="12.25" cy="11.75" r="1.75"/><path d="m7 5.6-2.4 4.5M9 5.6l2.4 4.5M5.6 11.75h4.8"/>"#,
);
pub const SEARCH: Glyph = Glyph(r#"<circle cx="7" cy="7" r="4.25"/><path d="m10.25 10.25 3.25 3.25"/>"#);
pub const PLUS: Glyph = Glyph(r#"<path d="M8 3v10M3 8h10"/>"#);
pub const CLOSE: Glyph = Glyph(r#"<path d="m4 4 8 8M12 4l-8 8"/>"#);
pub const CHECK: Glyph = Glyph(r#"<path d="m3 8.5 3.25 3.25L13 5"/>"#);
pub const OK: Glyph = Glyph(r#"<circle cx="8" cy="8" r="5.75"/><path d="m5.5 8.25 1.75 1.75 3.25-3.75"/>"#);
pub const WARN: Glyph = Glyph(
    r#"<path d="M7.1 2.9 1.9 11.8a1 1 0 0 0 .9 1.5h10.4a1 1 0 0 0 .9-1.5L8.9 2.9a1 1 0 0 0-1.8 0Z"/><path d="M8 6.25v3M8 11.25h.01"/>"#,
);
pub const CRIT: Glyph =
    Glyph(r#"<path d="M5.4 2.25h5.2l3.15 3.15v5.2l-3.15 3.15H5.4L2.25 10.6V5.4Z"/><path d="m6.1 6.1 3.8 3.8M9.9 6.1 6.1 9.9"/>"#);
pub const MOVE: Glyph = Glyph(r#"<path d="M2.5 5.5h10M10 3l2.5 2.5L10 8M13.5 10.5h-10M6 8l-2.5 2.5L6 13"/>"#);
pub const FENCE: Glyph = Glyph(
    r#"<rect x="2.25" y="2.25" width="11.5" height="11.5" rx="3" stroke-dasharray="3 2.1"/><rect class="f" x="5.75" y="5.75" width="4.5" height="4.5" rx="1.25"/>"#,
);
pub const ISR_GREW: Glyph = Glyph(r#"<rect x="2.5" y="2.5" width="11" height="11" rx="2.75"/><path d="M8 5.5v5M5.5 8h5"/>"#);
pub const ISR_SHRANK: Glyph =
    Glyph(r#"<rect x="2.5" y="2.5" width="11" height="11" rx="2.75" stroke-dasharray="2.5 2"/><path d="M5.5 8h5"/>"#);
pub const LEAD: Glyph = Glyph(r#"<rect class="f" x="2.5" y="2.5" width="11" height="11" rx="2.75"/>"#);
pub const SLIDERS: Glyph = Glyph(
    r#"<path d="M2.5 5h5.25M11.75 5h1.75M2.5 11h1.75M8.25 11h5.25"/><circle cx="9.75" cy="5" r="1.75"/><circle cx="6.25" cy="11" r="1.75"/>"#,
);
pub const INFO: Glyph = Glyph(r#"<circle cx="8" cy="8" r="5.75"/><path d="M8 7.5v3.25M8 5.25h.01"/>"#);
pub const CHEVRON_DOWN: Glyph = Glyph(r#"<path d="m4 6.25 4 4 4-4"/>"#);
pub const CHEVRON_RIGHT: Glyph = Glyph(r#"<path d="m6.25 4 4 4-4 4"/>"#);
pub const CHEVRON_UP_DOWN: Glyph = Glyph(r#"<path d="m5 6.25 3-3 3 3M5 9.75l3 3 3-3"/>"#);
pub const UP_ARROW: Glyph = Glyph(r#"<path d="M8 13V3.5M4.25 7 8 3.25 11.75 7"/>"#);
pub const DOWN_ARROW: Glyph = Glyph(r#"<path d="M8 3v9.5M4.25 9 8 12.75 11.75 9"/>"#);
pub const ARROW: Glyph = Glyph(r#"<path d="M3 8h9.5M9 4.5 12.5 8 9 11.5"/>"#);
pub const BACK: Glyph = Glyph(r#"<path d="M13 8H3.5M7 4.5 3.5 8 7 11.5"/>"#);
pub const SUN: Glyph = Glyph(
    r#"<circle cx="8" cy="8" r="2.75"/><path d="M8 1.75v1.5M8 12.75v1.5M1.75 8h1.5M12.75 8h1.5M3.6 3.6l1 1M11.4 11.4l1 1M12.4 3.6l-1 1M4.6 11.4l-1 1"/>"#,
);
pub const MOON: Glyph = Glyph(r#"<path d="M13.25 9.5A5.75 5.75 0 0 1 6.5 2.75a5.5 5.5 0 1 0 6.75 6.75Z"/>"#);
pub const USER: Glyph = Glyph(r#"<circle cx="8" cy="5.25" r="2.5"/><path d="M3 13.25c.6-2.4 2.6-3.75 5-3.75s4.4 1.35 5 3.75"/>"#);
pub const BOT: Glyph = Glyph(r#"<path d="m3 5 3 3-3 3M8 11.5h5"/>"#);
pub const COG: Glyph = Glyph(
    r#"<circle cx="8" cy="8" r="2"/><path d="M8 2v2M8 12v2M2 8h2M12 8h2M3.75 3.75l1.4 1.4M10.85 10.85l1.4 1.4M12.25 3.75l-1.4 1.4M5.15 10.85l-1.4 1.4"/>"#,
);
pub const LOCK: Glyph =
    Glyph(r#"<rect x="3.25" y="7" width="9.5" height="6.5" rx="1.5"/><path d="M5.25 7V5.25a2.75 2.75 0 0 1 5.5 0V7"/>"#);
pub const DOTS: Glyph = Glyph(r#"<path d="M3.75 8h.01M8 8h.01M12.25 8h.01" stroke-width="2.25"/>"#);
pub const COPY: Glyph = Glyph(
    r#"<rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/><path d="M10.5 5.5V4A1.5 1.5 0 0 0 9 2.5H4A1.5 1.5 0 0 0 2.5 4v5A1.5 1.5 0 0 0 4 10.5h1.5"/>"#,
);
pub const TRASH: Glyph = Glyph(r#"<path d="M2.75 4.25h10.5M6 4V2.75h4V4M4.25 4.5l.6 8.25h6.3l.6-8.25"/>"#);
pub const NOT_CONNECTED: Glyph = Glyph(
    r#"<path d="M2 2l12 12M4.9 8.6a4.8 4.8 0 0 1 1.6-1M2.2 6.1a8 8 0 0 1 2.2-1.5M8 4a8.2 8.2 0 0 1 5.8 2.1M10.2 8a4.8 4.8 0 0 1 .9.6M8 12h.01"/>"#,
);
pub const RELOAD: Glyph = Glyph(r#"<path d="M13.25 8a5.25 5.25 0 1 1-1.6-3.75"/><path d="M13.5 2.5v2.75h-2.75"/>"#);
pub const EYE: Glyph =
    Glyph(r#"<path d="M1.75 8S4 3.75 8 3.75 14.25 8 14.25 8 12 12.25 8 12.25 1.75 8 1.75 8Z"/><circle cx="8" cy="8" r="1.75"/>"#);
pub const CLI: Glyph = Glyph(r#"<rect x="2" y="3" width="12" height="10" rx="1.75"/><path d="m4.75 6.25 2 1.75-2 1.75M8.5 10h2.75"/>"#);
pub const HISTORY: Glyph =
    Glyph(r#"<path d="M2.75 8a5.25 5.25 0 1 0 1.6-3.75"/><path d="M2.5 2.5v2.75h2.75"/><path d="M8 5.25V8l1.9 1.3"/>"#);
pub const UNDO: Glyph = Glyph(r#"<path d="M5.75 2.75 2.5 6l3.25 3.25"/><path d="M2.5 6h7.25a3.75 3.75 0 0 1 0 7.5H6.5"/>"#);
pub const CLOCK: Glyph = Glyph(r#"<circle cx="8" cy="8" r="5.75"/><path d="M8 4.75V8l2.1 1.4"/>"#);
pub const PLAY: Glyph = Glyph(r#"<path class="f" d="M4.75 3.25v9.5L12.5 8Z"/>"#);
pub const EDIT: Glyph = Glyph(r#"<path d="m10.5 3 2.5 2.5-7 7H3.5V10Z"/>"#);
pub const UNLOCK: Glyph = Glyph(r#"<rect x="3.25" y="7" width="9.5" height="6.5" rx="1.5"/><path d="M5.25 7V5a2.75 2.75 0 0 1 5.2-1.2"/>"#);

/// An icon; `class` is appended to its own.
#[component]
pub fn Icon(of: Glyph, #[prop(optional)] class: &'static str) -> impl IntoView {
    let class = if class.is_empty() { "i".to_owned() } else { format!("i {class}") };
    view! { <svg class=class viewBox="0 0 16 16" aria-hidden="true" inner_html=of.0></svg> }
}

/// The mark: a ring of three voters, two of them are enough; the third closes the Q.
#[component]
pub fn Mark() -> impl IntoView {
    let rings = r#"<path d="M4.3 15.9A8.6 8.6 0 0 1 10.2 3.6" stroke="var(--accent)"/><path d="M15.3 4A8.6 8.6 0 0 1 20 15.2" stroke="var(--accent)"/><path d="M8.6 19.9a8.6 8.6 0 0 0 7.2-.3l4 3" stroke="var(--accent-line)" stroke-linejoin="round" opacity=".75"/>"#;
    view! { <svg viewBox="0 0 24 24" fill="none" stroke-width="3.4" stroke-linecap="round" aria-hidden="true" inner_html=rings></svg> }
}
