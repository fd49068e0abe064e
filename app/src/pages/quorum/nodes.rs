//! The nodes with their digests, and this browser's own at the same index: every replica proves itself.

use crate::components::card::Card;
use crate::components::log::NodeLog;
use crate::components::status::{Status, Tone};
use crate::icons;
use crate::live::use_live;
use crate::replica::digest_at;
use crate::signals::{Memo, changing};
use crate::time;
use crate::words::num;
use leptos::prelude::*;
use metadata::digest::Digest;
use metadata::frame::{NodePulse, Role};
use metadata::{Index, NodeId};

/// How this browser's digest compares with a node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// At this index both are the same.
    Agrees(Index),
    /// At this index they are not.
    Differs(Index),
    /// The node has not said, or this browser does not keep that index.
    Unknown,
}

fn proof(node: &NodePulse, digests: &[(Index, Digest)], reached: Index) -> Proof {
    match (node.digest, digest_at(digests, reached, node.applied_index)) {
        (Some(theirs), Some(ours)) if theirs == ours => Proof::Agrees(node.applied_index),
        (Some(_), Some(_)) => Proof::Differs(node.applied_index),
        _ => Proof::Unknown,
    }
}

/// The table.
#[component]
pub fn Nodes(logs: Memo<Vec<NodeLog>>) -> impl IntoView {
    let rows = move || logs.get().into_iter().map(|log| view! { <NodeRow log=log/> }).collect_view();
    view! {
        <Card title="Nodes" sub=|| "each with the digest of its state; equal digests are equal states">
            <div class="dt-wrap" tabindex="0" role="region" aria-label="Nodes">
                <table class="dt dt--flush wide nodes">
                    <thead>
                        <tr>
                            <th scope="col" class="col-node">"Node"</th>
                            <th scope="col" class="lo">"Address"</th>
                            <th scope="col" class="r lo col-heard">"Heard"</th>
                            <th scope="col" class="r col-index">"Applied"</th>
                            <th scope="col" class="col-digest">"Digest"</th>
                            <th scope="col" class="col-proof">"Proof"</th>
                        </tr>
                    </thead>
                    <tbody>{changing(rows)}<BrowserRow/></tbody>
                </table>
            </div>
        </Card>
    }
}

#[component]
fn NodeRow(log: NodeLog) -> impl IntoView {
    let live = use_live();
    let id: NodeId = log.id;
    let found = Memo::new(move |_| {
        live.pulse.with(|pulse| {
            let node = pulse.as_ref()?.nodes.iter().find(|node| node.id == id)?;
            let proof = live.digests.with(|digests| proof(node, digests, live.reached.get()));
            Some((node.digest, proof))
        })
    });
    // A pulse may run ahead of the commits by a moment: the last comparison stands until there is another one.
    let proof = Memo::new(move |before: Option<&Proof>| match found.get().map(|(_, proof)| proof) {
        None | Some(Proof::Unknown) => before.copied().unwrap_or(Proof::Unknown),
        Some(known) => known,
    });
    let heard = match (log.role, log.last_contact_ms) {
        (Role::Leader, _) => "leads".to_owned(),
        (_, Some(ms)) => format!("{} ago", time::tenths(ms)),
        (_, None) => "never".to_owned(),
    };
    let serves = move || (live.node_id.get() == id).then(|| view! { " "<span class="mute">"serves this page"</span> });
    view! {
        <tr>
            <th scope="row"><b>{format!("Node {id}")}</b>{changing(serves)}</th>
            <td class="lo"><code>{log.url.clone()}</code></td>
            <td class="r num soft lo">{heard}</td>
            <td class="r num">"#"{num(log.applied)}</td>
            <td>{changing(move || digest_words(found.get().and_then(|(digest, _)| digest)))}</td>
            <td>{changing(move || match proof.get() {
                Proof::Agrees(index) => view! { <Status tone=Tone::Ok glyph=icons::OK words=format!("equal at #{}", num(index))/> }.into_any(),
                Proof::Differs(index) => view! { <Status tone=Tone::Crit glyph=icons::CRIT words=format!("differs at #{}", num(index))/> }.into_any(),
                Proof::Unknown => view! { <span class="mute">"not compared yet"</span> }.into_any(),
            })}</td>
        </tr>
    }
}

/// The replica in this browser.
#[component]
fn BrowserRow() -> impl IntoView {
    let live = use_live();
    let digest = move || live.state.with(|state| state.digest());
    view! {
        <tr>
            <th scope="row"><b>"This browser"</b></th>
            <td class="lo mute">"follows the feed"</td>
            <td class="r num soft lo">{changing(move || live.delay_ms.get().map_or_else(String::new, |ms| format!("{} ms behind", num(ms))))}</td>
            <td class="r num">"#"{changing(move || num(live.reached.get()))}</td>
            <td>{changing(move || digest_words(Some(digest())))}</td>
            <td>{changing(move || match live.whole.get() {
                true => view! { <Status tone=Tone::Ok glyph=icons::OK words="checked at every commit"/> }.into_any(),
                false => view! { <span class="mute">"first paint"</span> }.into_any(),
            })}</td>
        </tr>
    }
}

/// The first digits; all of them in the title.
fn digest_words(digest: Option<Digest>) -> AnyView {
    match digest {
        Some(digest) => {
            let whole = digest.to_string();
            let short = whole.get(..12).unwrap_or_default().to_owned();
            view! { <code title=whole>{short}</code> }.into_any()
        }
        None => view! { <span class="mute">"unknown"</span> }.into_any(),
    }
}
