//! Audit: what was committed by whom, and who came in or was refused at this node.

use crate::boot::{Boot, use_looker};
use crate::components::card::Card;
use crate::components::code::CodeLine;
use crate::icons::{self, Icon};
use crate::live::use_live;
use crate::people::{Outcome, TrailRow};
use crate::time;
use crate::words::num;
use leptos::prelude::*;
use metadata::contract::Need;
use std::sync::Arc;

/// The page.
#[component]
pub fn AuditPage() -> impl IntoView {
    let people = use_context::<Arc<Boot>>().and_then(|boot| boot.people());
    let body = match (use_looker().lacks(Need::Admin), people) {
        (None, Some(people)) => list(people.trail, people.unread),
        (why, _) => {
            let why = why.unwrap_or_else(|| "Load this page anew to see it.".to_owned());
            view! { <section class="card"><div class="card-b"><p class="row"><Icon of=icons::LOCK/><span>{why}</span></p></div></section> }
                .into_any()
        }
    };
    view! {
        <div class="page">
            <header class="page-head">
                <div>
                    <h1>"Audit"</h1>
                    <p>"Who changed what, who came in, and who was refused. Refusals and sign-ins are of this node; the others keep their own."</p>
                </div>
            </header>
            {body}
        </div>
    }
    .into_any()
}

fn list(rows: Vec<TrailRow>, unread: Option<String>) -> AnyView {
    let unread = unread.map(|why| view! { <p class="form-error" role="alert"><Icon of=icons::CRIT/><span>"What this node has written down cannot be read: "{why}</span></p> });
    let now = use_live().now_ms.get_untracked();
    let none = rows.is_empty().then(|| view! { <div class="card-b"><p class="soft">"Nothing yet."</p></div> });
    let some = (!rows.is_empty()).then(|| {
        view! {
            <div class="dt-wrap" tabindex="0" role="region" aria-label="Audit">
                <table class="dt dt--flush wide trail">
                    <thead>
                        <tr>
                            <th scope="col">"When"</th>
                            <th scope="col">"Who"</th>
                            <th scope="col">"From"</th>
                            <th scope="col">"What"</th>
                            <th scope="col">"What came of it"</th>
                        </tr>
                    </thead>
                    <tbody>{rows.into_iter().map(|one| row(one, now)).collect_view()}</tbody>
                </table>
            </div>
        }
    });
    view! {
        {unread}
        <Card title="The last of it" sub=|| "newest first">{none}{some}</Card>
        <Card title="All of it" sub=|| "of every node, as it was written">
            <div class="card-b stacked">
                <CodeLine code="quorate audit export > audit.jsonl".to_owned()/>
                <CodeLine code="quorate audit verify audit.jsonl".to_owned()/>
            </div>
        </Card>
    }
    .into_any()
}

fn row(row: TrailRow, now: u64) -> AnyView {
    let TrailRow { at_ms, who, address, what, outcome, times } = row;
    let shown = |text: String| if text.is_empty() { "–".to_owned() } else { text };
    let outcome = match outcome {
        Outcome::Noted => view! { <span class="mute">"done"</span> }.into_any(),
        Outcome::Committed(index) => view! { <span class="num">"#"{num(index)}</span> }.into_any(),
        Outcome::Refused(code) => view! { <span class="st st-warn"><Icon of=icons::LOCK/><code>{code}</code></span> }.into_any(),
    };
    let times = (times > 1).then(|| view! { " "<span class="mute num">{num(times)}" times"</span> });
    view! {
        <tr>
            <td class="num">{time::moment(at_ms, now)}</td>
            <td>{shown(who)}</td>
            <td class="num mute">{shown(address)}</td>
            <td>{what}{times}</td>
            <td>{outcome}</td>
        </tr>
    }
    .into_any()
}
