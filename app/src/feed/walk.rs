//! A page of the past goes from one change to another within its document: forwards by the commit, on a copy of the state that it
//! has, and backwards to a state that it had. Only what it cannot know is asked for.
//!
//! What the address says is what is shown: an index that is not there in time, or not at all, is left to the browser, and the node's page says why.

use super::fetch;
use crate::api::StepTo;
use crate::as_of::address;
use crate::base;
use crate::live::{AsOf, Live};
use crate::past::{PastQuery, Step};
use crate::place::query_of;
use futures::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::NavigateOptions;
use metadata::{Index, State};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::JsValue;
use web_sys::{Element, HtmlElement, MouseEvent};

/// Goes to an address as the router has it.
pub type Navigate = Box<dyn Fn(&str, NavigateOptions)>;

/// States that are kept to go back to. They share whatever did not change between them: one that was asked for shares nothing, and the
/// others go when it comes.
const MOST_KEPT: usize = 64;
/// How long a step waits for its answer before the browser is left to go there.
const PATIENCE_MS: u32 = 10_000;
/// Turns of the tasks of a page that was made anew, until it is there.
const MOST_TURNS: u32 = 100;

/// Follows the steps of the banner, and the browser's own Back and Forward, as long as the page lives.
pub fn walk(live: Live, navigate: Navigate) {
    let walk = Rc::new(Walk { live, navigate, kept: RefCell::default(), under_way: Cell::new(false) });
    let clicked = walk.clone();
    window_event_listener(leptos::ev::click, move |event| {
        let Some(to) = step_of(&event).filter(|_| live.whole.get_untracked()) else { return };
        event.prevent_default();
        clicked.clone().go(to);
    });
    let came = walk.clone();
    window_event_listener(leptos::ev::popstate, move |_| came.clone().follow_address());
    // Somebody may have gone back before this was there.
    walk.follow_address();
}

/// The index that a click leads to, where it is one on a step, as a hand does it that wants no other tab.
fn step_of(event: &MouseEvent) -> Option<Index> {
    let plain = event.button() == 0 && !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key());
    let on = event.target().filter(|_| plain && !event.default_prevented())?.dyn_into::<Element>().ok()?;
    on.closest(".asof [data-to]").ok()??.get_attribute("data-to")?.parse().ok()
}

/// Path without the base, and search, of where the page is.
fn here() -> Option<(String, String)> {
    let location = window().location();
    Some((base::within(&location.pathname().ok()?).to_owned(), location.search().ok()?))
}

/// What a point in time is come to by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// A step, which has an address of its own.
    Step,
    /// The address, which says it already.
    Address,
}

/// The index that a search says.
fn said(search: &str) -> Option<Index> {
    PastQuery::point(&query_of(search))
}

struct Walk {
    live: Live,
    navigate: Navigate,
    /// The newest last.
    kept: RefCell<VecDeque<Arc<State>>>,
    under_way: Cell<bool>,
}

impl Walk {
    /// Takes a step, unless one is under way.
    fn go(self: Rc<Self>, to: Index) {
        if !self.under_way.replace(true) {
            leptos::task::spawn_local(async move {
                if self.come_to(to, How::Step).await.is_none()
                    && let Some((path, search)) = here()
                {
                    leave_for(&base::at(&address(&path, &search, Some(to))));
                }
                self.under_way.set(false);
                // Who went back meanwhile is where the address is.
                self.follow_address();
            });
        }
    }

    /// Comes to what the address says already.
    fn follow_address(self: Rc<Self>) {
        if self.under_way.replace(true) {
            return;
        }
        leptos::task::spawn_local(async move {
            while let Some((_, search)) = here() {
                match said(&search) {
                    Some(to) if base::as_of() == Some(to) => break,
                    Some(to) if self.live.whole.get_untracked() && self.come_to(to, How::Address).await.is_some() => {}
                    _ => {
                        let _same_origin = window().location().reload();
                        break;
                    }
                }
            }
            self.under_way.set(false);
        });
    }

    /// Shows the page as of another index; none where it cannot.
    async fn come_to(&self, to: Index, how: How) -> Option<()> {
        let (path, search) = here()?;
        let from = said(&search);
        let call = StepTo { index: to, path, search };
        let step = match select(pin!(call.run_on_client()), pin!(TimeoutFuture::new(PATIENCE_MS))).await {
            Either::Left((answer, _)) => answer.ok()?.ok()?,
            Either::Right(_) => return None,
        };
        let state = self.state(&step).await?;
        let (_, search) = here()?;
        if said(&search) == from {
            self.show(to, step, state, how).await;
        }
        Some(())
    }

    /// The state that a commit led to: one that was shown, or that of now a commit further, or what the node has.
    async fn state(&self, step: &Step) -> Option<Arc<State>> {
        let (commit, now) = (&step.commit, self.live.state.get_untracked());
        let proven = |state: &State| state.revision() == commit.index && state.digest() == commit.digest;
        if proven(&now) {
            return Some(now);
        }
        if let Some(kept) = self.kept.borrow().iter().rev().find(|state| proven(state)) {
            return Some(kept.clone());
        }
        if commit.prev_index == now.revision() {
            let mut next = State::clone(&now);
            next.absorb_commit(commit);
            return proven(&next).then(|| Arc::new(next));
        }
        let state = fetch::state(Some(commit.index)).await.ok().filter(|state| proven(state))?;
        self.kept.borrow_mut().clear();
        Some(Arc::new(state))
    }

    /// Everything that the page shows becomes that of another point at once.
    async fn show(&self, to: Index, step: Step, state: Arc<State>, how: How) {
        let (wire, held) = (self.live.wire, focused_step());
        let put_back = main().map(|main| crate::alive::keep(&main));
        self.keep(wire.state.get_untracked());
        base::goes_to(to);
        if how == How::Step {
            self.push(to);
        }
        wire.now_ms.set(state.at_ms());
        wire.seeded.set_value(true);
        wire.recent.set(Arc::new(step.recent));
        wire.digests.set(Arc::new(vec![(state.revision(), state.digest())]));
        wire.reached.set(state.revision());
        wire.state.set(state);
        let steps = wire.as_of.with_untracked(|as_of| as_of.as_ref().map_or(1, |as_of| as_of.steps + 1));
        wire.as_of.set(Some(AsOf { index: to, banner: step.banner.into(), steps }));
        // The router chooses the page in a task of its own.
        for _ in 0..MOST_TURNS {
            leptos::task::tick().await;
            if main().is_some_and(|main| main.query_selector("h1").ok().flatten().is_some()) {
                break;
            }
        }
        if let (Some(put_back), Some(main)) = (put_back, main()) {
            let _best_effort = put_back.call1(&JsValue::NULL, &main);
        }
        if let Some(step) = held {
            focus(step);
        }
    }

    /// The address of the same page as of another index becomes the present one.
    fn push(&self, to: Index) {
        let Some((path, search)) = here() else { return };
        let address = address(&path, &search, Some(to));
        (self.navigate)(&address, NavigateOptions { scroll: false, ..NavigateOptions::default() });
        // The router leaves out what it takes for where it is: after Back and Forward it counts one less than the browser.
        if here().is_some_and(|(_, search)| said(&search) != Some(to))
            && let Ok(history) = window().history()
        {
            let _same_origin = history.push_state_with_url(&JsValue::NULL, "", Some(&base::at(&address)));
        }
    }

    fn keep(&self, state: Arc<State>) {
        let mut kept = self.kept.borrow_mut();
        kept.retain(|other| other.revision() != state.revision());
        if kept.len() == MOST_KEPT {
            kept.pop_front();
        }
        kept.push_back(state);
    }
}

fn main() -> Option<Element> {
    document().get_element_by_id("main")
}

/// The step that has the focus: the banner is made anew with every step.
fn focused_step() -> Option<&'static str> {
    let active = document().active_element()?;
    ["prev", "next"].into_iter().find(|rel| active.matches(&[".asof [rel~=", rel, "]"].concat()).unwrap_or(false))
}

/// Focuses a step, or where there is none in that direction the way back to now.
fn focus(step: &str) {
    let find = |selector: &str| document().query_selector(selector).ok().flatten();
    let link = find(&[".asof [rel~=", step, "]"].concat()).or_else(|| find(".asof [data-to='']"));
    if let Some(link) = link.and_then(|link| link.dyn_into::<HtmlElement>().ok()) {
        let _gone = link.focus();
    }
}

/// Another document, which says what there is.
fn leave_for(address: &str) {
    let _same_origin = window().location().set_href(address);
}
