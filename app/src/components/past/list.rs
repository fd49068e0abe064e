//! The list of what was committed: what, before and after, by whom, and the ways on from each entry.

use super::Looking;
use crate::base;
use crate::icons::{self, Icon};
use crate::live::use_live;
use crate::past::{Cell, Past, Row, Undo, who};
use crate::signals::Memo;
use crate::time;
use crate::words::num;
use leptos::prelude::*;
use metadata::Index;

/// Before-and-afters that are shown without being asked for.
const SHOWN: usize = 2;

/// A line of the list: a commit, or the stretch that is not kept: behind the first index, up to and with the second.
#[derive(Clone, PartialEq)]
enum Line {
    Row(Row),
    Gap(Index, Index),
}

fn lines(past: &Past) -> Vec<Line> {
    let mut gaps = past.gaps.iter().copied().peekable();
    let mut lines = Vec::with_capacity(past.rows.len());
    for row in &past.rows {
        while let Some((after, upto)) = gaps.next_if(|(after, _)| *after >= row.index) {
            lines.push(Line::Gap(after, upto));
        }
        lines.push(Line::Row(row.clone()));
    }
    lines.extend(gaps.map(|(after, upto)| Line::Gap(after, upto)));
    lines
}

/// The table; `filters` is what the address of an undo begins with, as `/history?`.
#[component]
pub fn PastList(looking: Looking, #[prop(into)] label: &'static str, filters: Signal<String>) -> impl IntoView {
    let Looking { past, first } = looking;
    let rows = Memo::new(move |_| past.with(|past| past.as_deref().map(lines).unwrap_or_default()));
    let key = |line: &Line| match line {
        Line::Row(row) => (row.index, false),
        Line::Gap(after, _) => (*after, true),
    };
    let line = move |line: Line| match line {
        Line::Row(row) => entry(row, first, filters),
        Line::Gap(after, upto) => gap(after, upto),
    };
    view! {
        <div class="dt-wrap" tabindex="0" role="region" aria-label=label>
            <table class="dt hist">
                <thead>
                    <tr>
                        <th scope="col" class="r col-index">"Index"</th>
                        <th scope="col" class="lo col-time">"Time"</th>
                        <th scope="col" class="col-what">"What changed"</th>
                        <th scope="col" class="lo">"Before and after"</th>
                        <th scope="col" class="lo col-by">"By"</th>
                        <th scope="col" class="r lo col-parts">"Partitions"</th>
                        <th scope="col" class="col-ways"><span class="sr">"Ways on"</span></th>
                    </tr>
                </thead>
                <tbody><For each=move || rows.get() key=key children=line/></tbody>
            </table>
        </div>
    }
    .into_any()
}

fn gap(after: Index, upto: Index) -> AnyView {
    let text = if after + 1 == upto {
        format!("#{} is not kept", num(upto))
    } else {
        format!("#{} to #{} are not kept", num(after + 1), num(upto))
    };
    view! { <tr class="hist-gap"><td colspan="7"><span class="row mute"><Icon of=icons::INFO/><span class="num">{text}</span></span></td></tr> }
        .into_any()
}

fn entry(row: Row, first: Index, filters: Signal<String>) -> AnyView {
    let glyph = row.picture();
    let Row { index, at_ms, about, text, warn, cells, more, by, partitions, undo, .. } = row;
    let (by_glyph, by) = who(&by);
    let at = time::stamp(at_ms, use_live().now_ms.get_untracked());
    let number = format!("#{}", num(index));
    let about = about.map(|(name, path)| match path.as_str() {
        "" => view! { <b class="med">{name}</b>" " }.into_any(),
        path => view! { <a class="med" href=base::to(path)>{name}</a>" " }.into_any(),
    });
    let class = match (warn, index > first) {
        (true, true) => "is-warn flash",
        (true, false) => "is-warn",
        (false, true) => "flash",
        (false, false) => "",
    };
    let of_it = format!("Undo {number}");
    let undo = match undo {
        Undo::None => None,
        Undo::Offered => {
            let href = move || format!("{}undo={index}", filters.get());
            Some(view! { <a class="ibtn" href=href aria-label=of_it.clone() title=of_it><Icon of=icons::UNDO/></a> }.into_any())
        }
        Undo::NotTheirs(why) => {
            Some(view! { <button type="button" class="ibtn" disabled aria-label=format!("{of_it}: {why}") title=why><Icon of=icons::UNDO/></button> }.into_any())
        }
    };
    let touched = if partitions > 1 { "r num lo" } else { "r num lo mute" };
    let as_of = format!("View cluster as of {number}");
    view! {
        <tr class=class>
            <th scope="row" class="r num med">{number}</th>
            <td class="lo num mute">{at.clone()}</td>
            <td>
                <span class="row">
                    <span class="tk-i"><Icon of=glyph/></span>
                    <span class="what">{about}<span class="soft">{text}</span><span class="sub num">{at}" by "{by.clone()}</span></span>
                </span>
            </td>
            <td class="lo">{befores(cells, more)}</td>
            <td class="lo"><span class="row soft"><Icon of=by_glyph/>{by}</span></td>
            <td class=touched>{num(partitions)}</td>
            <td class="ways">{undo}<a class="ibtn" href=base::to(&format!("/?as_of={index}")) rel="external" aria-label=as_of.clone() title=as_of><Icon of=icons::EYE/></a></td>
        </tr>
    }
    .into_any()
}

/// What was before and after: two of it, the rest when it is asked for.
pub fn befores(mut cells: Vec<Cell>, more: u32) -> AnyView {
    if cells.is_empty() && more == 0 {
        return view! { <span class="mute">"–"</span> }.into_any();
    }
    let rest = cells.split_off(cells.len().min(SHOWN));
    let count = rest.len() as u64 + u64::from(more);
    let more = (more > 0).then(|| view! { <span class="mute num">"and "{num(more)}" more"</span> });
    let rest = (count > 0).then(|| {
        view! {
            <details class="more-cells">
                <summary class="num">"+"{num(count)}" more"</summary>
                <div>{rest.into_iter().map(cell).collect_view()}{more}</div>
            </details>
        }
    });
    view! { <div class="diffs">{cells.into_iter().map(cell).collect_view()}{rest}</div> }.into_any()
}

fn cell(cell: Cell) -> AnyView {
    let Cell { key, before, after } = cell;
    view! { <span class="diff">{key}" "<del>{before}</del><Icon of=icons::ARROW/><span class="sr">" became "</span><ins>{after}</ins></span> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::{Line, lines};
    use crate::past::{Past, Row};

    #[test]
    fn what_is_not_kept_stands_between_its_neighbours() {
        let rows = [9, 8, 3].map(|index| Row { index, ..Row::default() }).to_vec();
        let past = Past { rows, gaps: vec![(3, 7), (0, 2)], ..Past::default() };
        let shown = lines(&past).into_iter().map(|line| match line {
            Line::Row(row) => format!("{}", row.index),
            Line::Gap(after, upto) => format!("{}-{upto}", after + 1),
        });
        assert_eq!(shown.collect::<Vec<_>>(), ["9", "8", "4-7", "3", "1-2"]);
    }
}
