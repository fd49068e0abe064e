//! What a page of the past says beside the state: when that was, how much came later, where the steps lead, and the last changes by then.

use crate::icons::{self, Glyph, Icon};
use crate::time;
use crate::words::{count, num};
use controller::{Controller, Refusal};
use leptos::prelude::*;
use metadata::history::Filter;
use metadata::{Commit, Index};
use std::sync::Arc;
use tokio::time::Instant;

/// Commits that are listed beside a state: as many as the overview has room for.
pub const RECENT: usize = 12;

/// A point in the cluster's life.
pub struct Point {
    /// The index that the address says.
    pub asked: Index,
    /// The newest commit at or before it.
    pub shown: Index,
    /// When that was, ms; 0 of the commits that make a cluster.
    pub at_ms: u64,
}

/// What a page says beside the state at a point.
pub struct Beside {
    /// The markup of the banner.
    pub banner: String,
    /// The newest first.
    pub recent: Vec<Arc<Commit>>,
}

impl Beside {
    /// Asks the journal. `here` is the address of the same page at another index, or of now.
    ///
    /// # Errors
    /// When that part of the journal is not kept, or cannot be read now.
    pub async fn of(
        controller: &Controller,
        point: &Point,
        here: &(dyn Fn(Option<Index>) -> String + Sync),
        deadline: Instant,
    ) -> Result<Beside, Refusal> {
        let steps = controller.beside(point.shown, deadline).await?;
        let later = controller.changes_after(point.shown, deadline).await?;
        let filter = Filter { to_index: Some(point.shown), ..Filter::default() };
        // A list that cannot be had is no reason to show nothing.
        let page = controller.history(filter, None, RECENT, deadline).await;
        let recent = page.map(|page| page.records.into_iter().map(|record| record.commit).collect()).unwrap_or_default();
        Ok(Beside { banner: banner(point, later, here, steps), recent })
    }
}

/// What the banner says, and where its steps lead.
fn banner(
    Point { asked, at_ms, .. }: &Point,
    later: Option<u64>,
    here: &dyn Fn(Option<Index>) -> String,
    (previous, next): (Option<Index>, Option<Index>),
) -> String {
    let later = match later {
        Some(0) => "nothing was changed since.".to_owned(),
        Some(1) => "1 later change is hidden.".to_owned(),
        Some(later) => format!("{} are hidden.", count(later, "later change", "later changes")),
        None => "later changes are hidden.".to_owned(),
    };
    // The commits that make a cluster carry no time.
    let when = if *at_ms == 0 { String::new() } else { format!(", {}", when(*at_ms)) };
    let step = |to: Option<Index>, rel: &'static str, label: &'static str, glyph: Glyph| match to {
        Some(to) => {
            view! { <a class="btn" rel=rel href=here(Some(to)) data-to=to.to_string() aria-label=label title=label><Icon of=glyph/></a> }
                .into_any()
        }
        None => view! { <a class="btn" role="link" aria-disabled="true" aria-label=label title=label><Icon of=glyph/></a> }.into_any(),
    };
    let markup = view! {
        <Icon of=icons::CLOCK/>
        <span class="num"><b>"Cluster as of #"{num(*asked)}</b>{when}". Read-only: "{later}</span>
        <div class="actions">
            {step(previous, "prev external", "Previous change", icons::BACK)}
            {step(next, "next external", "Next change", icons::ARROW)}
            <a class="btn" rel="external" href=here(None) data-to=""><Icon of=icons::PLAY/><span>"Back to live"</span></a>
        </div>
    };
    Owner::new().with(|| markup.to_html())
}

/// `23:58:04 on 13 March`, and the year when it is another one than now's.
pub fn when(ms: u64) -> String {
    format!("{} on {}", time::clock_seconds(ms), time::day(ms, super::now_ms()))
}
