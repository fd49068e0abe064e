//! The placement matrix: brokers are rows, partitions are columns, in the preview and on a topic's page alike.

use super::replica_tokens::Role;
use crate::icons::{self, Icon};
use crate::order::{distinct, sorted};
use leptos::prelude::*;
use metadata::{BrokerId, BrokerState, Partition, State};
use std::borrow::Borrow;

/// How many columns are drawn at most.
pub const MOST_COLUMNS: usize = 64;
/// From here on brokers without a replica have no row.
const MOST_ROWS: usize = 48;
/// How many characters of a rack's name are shown; the whole of it is in the title.
const MOST_OF_A_RACK: usize = 16;

/// A replica: what the broker is to the partition, and its place in the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub role: Role,
    /// From 1.
    pub order: usize,
}

/// A broker's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub broker: BrokerId,
    pub state: BrokerState,
    pub cells: Vec<Option<Cell>>,
}

/// The brokers of one rack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rack {
    pub name: Option<String>,
    pub rows: Vec<Row>,
}

/// What is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matrix {
    /// The numbers of the partitions.
    pub columns: Vec<u32>,
    pub racks: Vec<Rack>,
    /// Brokers without a replica that have no row.
    pub rows_left_out: usize,
}

impl Matrix {
    /// The first [`MOST_COLUMNS`] of these partitions over every broker of the state, and over those that left it.
    pub fn of<P: Borrow<Partition>>(state: &State, partitions: impl IntoIterator<Item = P>) -> Self {
        let partitions: Vec<P> = partitions.into_iter().take(MOST_COLUMNS).collect();
        let row = |broker: BrokerId, state: BrokerState| Row {
            broker,
            state,
            cells: partitions.iter().map(|partition| cell(partition.borrow(), broker)).collect(),
        };
        let mut rows: Vec<(Option<&str>, Row)> =
            state.brokers().map(|broker| (broker.rack.as_deref(), row(broker.id, broker.state))).collect();
        rows.extend(unregistered(state, &partitions).into_iter().map(|id| (None, row(id, BrokerState::Fenced))));
        let all = rows.len();
        if all > MOST_ROWS {
            rows.retain(|(_, row)| row.cells.iter().any(Option::is_some));
        }
        let rows_left_out = all - rows.len();
        let mut racks: Vec<Rack> = Vec::new();
        for (name, row) in sorted(rows, |(one, _), (other, _)| one.cmp(other)) {
            match racks.last_mut().filter(|rack| rack.name.as_deref() == name) {
                Some(rack) => rack.rows.push(row),
                None => racks.push(Rack { name: name.map(str::to_owned), rows: vec![row] }),
            }
        }
        Matrix { columns: partitions.iter().map(|partition| partition.borrow().partition).collect(), racks, rows_left_out }
    }

    /// Characters of the longest name of a rack: how wide their column is does not wait for a font.
    fn longest_rack(&self) -> usize {
        self.racks.iter().map(|rack| rack_name(rack).chars().count()).max().unwrap_or_default().min(MOST_OF_A_RACK)
    }

    /// Digits of the longest broker id.
    fn longest_broker(&self) -> usize {
        self.racks.iter().flat_map(|rack| &rack.rows).map(|row| row.broker.to_string().len()).max().unwrap_or_default()
    }

    /// How large the cells are: full with the order in them, tight, or tiny.
    fn scale(&self, room: usize) -> Scale {
        match self.columns.len() {
            columns if columns <= room => Scale::Full,
            columns if columns <= room * 3 / 2 => Scale::Tight,
            _ => Scale::Tiny,
        }
    }
}

fn rack_name(rack: &Rack) -> String {
    rack.name.clone().unwrap_or_else(|| "no rack".to_owned())
}

fn cell(partition: &Partition, broker: BrokerId) -> Option<Cell> {
    let order = partition.replicas.iter().position(|id| *id == broker).map_or(partition.replicas.len() + 1, |at| at + 1);
    Role::of(partition, broker).map(|role| Cell { role, order })
}

fn unregistered<P: Borrow<Partition>>(state: &State, partitions: &[P]) -> Vec<BrokerId> {
    let ids = partitions.iter().flat_map(|partition| partition.borrow().replicas.iter().copied());
    distinct(ids.filter(|id| state.broker(*id).is_none()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    Full,
    Tight,
    Tiny,
}

impl Scale {
    fn class(self) -> &'static str {
        match self {
            Scale::Full => "mx",
            Scale::Tight => "mx tight",
            Scale::Tiny => "mx tight tiny",
        }
    }

    /// Every how many columns one has its number above.
    fn step(self) -> usize {
        match self {
            Scale::Full => 1,
            Scale::Tight => 4,
            Scale::Tiny => 8,
        }
    }
}

/// Draws a matrix. `room` is how many columns fit with full cells; `tail_head` and `tail` make the columns at the end.
pub fn placement_matrix(matrix: &Matrix, room: usize, tail_head: AnyView, tail: impl Fn(&Row) -> AnyView) -> AnyView {
    let scale = matrix.scale(room);
    let numbers = matrix.columns.iter().enumerate().map(|(at, number)| {
        let shown = if at % scale.step() == 0 { "" } else { "sr" };
        view! { <th scope="col"><span class=shown>{*number}</span></th> }
    });
    let racks = matrix.racks.iter().map(|rack| {
        let count = rack.rows.len();
        let name = rack_name(rack);
        let rows = rack.rows.iter().enumerate().map(|(at, row)| {
            let rack = (at == 0).then(|| {
                view! { <th class="mx-rack" scope="rowgroup" rowspan=count.to_string() title=name.clone()>{name.clone()}</th> }.into_any()
            });
            matrix_row(row, scale, &matrix.columns, rack, tail(row))
        });
        view! { <tbody>{rows.collect_view()}</tbody> }
    });
    view! {
        <div class="mx-wrap" tabindex="0" role="region" aria-label="Placement matrix">
            <table class=scale.class() style=format!("--rack:{};--broker:{}", matrix.longest_rack(), matrix.longest_broker())>
                <caption class="sr">"Brokers are rows, partitions are columns"</caption>
                <thead>
                    <tr>
                        <th class="mx-rack" scope="col"><span class="sr">"Rack"</span></th>
                        <th class="mx-b" scope="col"><span class="sr">"Broker"</span></th>
                        {numbers.collect_view()}
                        {tail_head}
                    </tr>
                </thead>
                {racks.collect_view()}
            </table>
        </div>
    }
    .into_any()
}

fn matrix_row(row: &Row, scale: Scale, columns: &[u32], rack: Option<AnyView>, tail: AnyView) -> AnyView {
    let cells = row.cells.iter().zip(columns).map(|(cell, number)| {
        let drawn = cell.map(|Cell { role, order }| {
            let digit = (scale == Scale::Full).then(|| order.to_string());
            let title = format!("Partition {number} on broker {}: {}", row.broker, role.words());
            view! { <i class=format!("c {}", role.class()) role="img" aria-label=role.words() title=title>{digit}</i> }
        });
        view! { <td>{drawn}</td> }
    });
    let down = row.state != BrokerState::Online;
    let fence = down.then(|| view! { <Icon of=icons::FENCE/> });
    view! {
        <tr class=if down { "fen" } else { "" }>
            {rack}
            <th class="mx-b" scope="row">{fence}<span>{row.broker.to_string()}</span></th>
            {cells.collect_view()}
            {tail}
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{Cell, Matrix};
    use crate::components::replica_tokens::Role;
    use crate::pages::sample;

    #[test]
    fn brokers_are_rows_by_rack_and_partitions_columns() {
        let state = sample::state();
        let matrix = Matrix::of(&state, [sample::partition(0, &[3, 1], 2), sample::partition(1, &[1, 9], 1)]);
        assert_eq!(matrix.columns, [0, 1]);
        let names: Vec<_> = matrix.racks.iter().map(|rack| rack.name.as_deref()).collect();
        assert_eq!(names, [None, Some("a"), Some("b"), Some("c")]);
        assert_eq!(matrix.racks[0].rows[0].cells, [None, Some(Cell { role: Role::Miss, order: 2 })]);
        assert_eq!(matrix.racks[1].rows[0].cells, [Some(Cell { role: Role::Follow, order: 2 }), Some(Cell { role: Role::Lead, order: 1 })]);
    }

    #[test]
    fn at_most_64_columns_are_drawn() {
        let many = (0..100).map(|number| sample::partition(number, &[1, 2, 3], 3));
        assert_eq!(Matrix::of(&sample::state(), many).columns.len(), 64);
    }
}
