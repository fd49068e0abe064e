//! What differs between two entries: the form that asks, and the answer.

use crate::base;
use crate::components::past::befores;
use crate::icons::{self, Icon};
use crate::past::{Comparison, Difference, PastQuery};
use crate::signals::Memo;
use crate::words::{count, num};
use leptos::prelude::*;

/// The form: two indexes.
pub fn compare_form(query: Memo<PastQuery>) -> AnyView {
    let (from, to) = query.with_untracked(|query| query.diff).unzip();
    let input = |id: &'static str, name: &'static str, value: Option<u64>| {
        view! { <input class="input" id=id name=name value=value.map(|index| index.to_string()) inputmode="numeric" required autocomplete="off"/> }
    };
    view! {
        <form class="row compare" method="get" action=base::to("/history") aria-label="Compare two entries">
            <label for="compare-from">"Compare #"</label>
            {input("compare-from", "from", from)}
            <label for="compare-to">"with #"</label>
            {input("compare-to", "to", to)}
            <button class="btn">"Compare"</button>
        </form>
    }
    .into_any()
}

/// The answer.
#[component]
pub fn ComparisonCard(comparison: Comparison, query: Memo<PastQuery>) -> impl IntoView {
    let Comparison { from, to, total, rows, trouble } = comparison;
    let title = format!("From #{} to #{}", num(from), num(to));
    let back = base::to(&query.with_untracked(|query| query.href("")));
    let said = match total {
        0 => "nothing differs".to_owned(),
        total if total as usize > rows.len() => {
            format!("{}, the first {} shown", count(total, "difference", "differences"), num(rows.len() as u64))
        }
        total => count(total, "difference", "differences"),
    };
    let body = match trouble {
        Some(why) => view! { <p class="card-b row"><Icon of=icons::WARN/><span>{why}</span></p> }.into_any(),
        None if rows.is_empty() => view! { <p class="card-b soft">"The cluster was the same at both."</p> }.into_any(),
        None => table(rows),
    };
    let heading = title.clone();
    view! {
        <section class="card comparison" aria-label=title>
            <header class="card-h"><h2 class="num">{heading}</h2><span class="sub num">{said}</span><a class="link end" href=back>"Close"</a></header>
            {body}
        </section>
    }
    .into_any()
}

fn table(rows: Vec<Difference>) -> AnyView {
    let row = |difference: Difference| {
        let Difference { name, path, cells } = difference;
        let name = match path.as_str() {
            "" => view! { <b class="med">{name}</b> }.into_any(),
            path => view! { <a class="med" href=base::to(path)>{name}</a> }.into_any(),
        };
        view! { <tr><th scope="row">{name}</th><td>{befores(cells, 0)}</td></tr> }
    };
    view! {
        <div class="dt-wrap" tabindex="0" role="region" aria-label="Differences">
            <table class="dt hist">
                <thead><tr><th scope="col" class="col-what">"What differs"</th><th scope="col">"Before and after"</th></tr></thead>
                <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}
