//! What is printed: a JSON line for each figure as it comes, and a table of all of them at the end.

use crate::floor::Floor;
use crate::spread::{Spread, rounded};
use serde_json::{Map, Value, json};

/// One figure.
#[derive(Debug, Default)]
pub struct Figure {
    name: String,
    /// How much per second, and of what.
    rate: Option<(f64, &'static str)>,
    spread: Option<Spread>,
    facts: Vec<(&'static str, Value)>,
}

impl Figure {
    pub fn new(name: &str) -> Self {
        Figure { name: name.to_owned(), ..Figure::default() }
    }

    pub fn rate(mut self, per_second: f64, of: &'static str) -> Self {
        self.rate = Some((per_second, of));
        self
    }

    pub fn spread(mut self, times: Vec<f64>) -> Self {
        self.spread = Spread::of(times);
        self
    }

    pub fn fact(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.facts.push((name, value.into()));
        self
    }

    fn json(&self, floor: Option<Floor>) -> Value {
        let mut line = Map::new();
        line.insert("name".to_owned(), json!(self.name));
        if let Some((rate, of)) = self.rate {
            line.insert(format!("{of}_per_s"), json!(rounded(rate)));
        }
        if let Some(Value::Object(spread)) = self.spread.map(Spread::json) {
            line.extend(spread);
        }
        line.extend(self.facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        line.insert("floor".to_owned(), floor.map_or(Value::Null, Floor::json));
        Value::Object(line)
    }

    fn row(&self, floor: Option<Floor>) -> [String; COLUMNS.len()] {
        let time = |of: fn(&Spread) -> f64| self.spread.as_ref().map_or_else(String::new, |spread| format!("{:.2}", of(spread)));
        let beside = |of: fn(&Floor) -> Spread| {
            floor.as_ref().map(of).map_or_else(String::new, |spread| format!("{:.2} / {:.2}", spread.p50, spread.p99))
        };
        let facts = self.facts.iter().map(|(name, value)| format!("{name} {}", plain(value)));
        [
            self.name.clone(),
            self.rate.map_or_else(String::new, |(rate, of)| format!("{rate:.0} {of}")),
            self.spread.map_or_else(String::new, |spread| spread.count.to_string()),
            time(|spread| spread.min),
            time(|spread| spread.p50),
            time(|spread| spread.p99),
            time(|spread| spread.max),
            beside(|floor| floor.sync),
            beside(|floor| floor.loopback),
            facts.collect::<Vec<_>>().join(", "),
        ]
    }
}

const COLUMNS: [&str; 10] =
    ["measurement", "per second", "count", "min ms", "p50 ms", "p99 ms", "max ms", "fdatasync p50 / p99", "loopback p50 / p99", ""];

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Every figure so far, each with the floor that was measured before it.
#[derive(Default)]
pub struct Report {
    floor: Option<Floor>,
    figures: Vec<(Figure, Option<Floor>)>,
}

impl Report {
    /// What the figures that follow stand beside.
    pub fn set_floor(&mut self, floor: Floor) {
        self.floor = Some(floor);
    }

    /// Prints the figure's line, and keeps it for the table.
    pub fn add(&mut self, figure: Figure) {
        println!("{}", figure.json(self.floor));
        self.figures.push((figure, self.floor));
    }

    pub fn table(&self) -> String {
        let head = COLUMNS.map(str::to_owned);
        let rows: Vec<_> = std::iter::once(head).chain(self.figures.iter().map(|(figure, floor)| figure.row(*floor))).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: [usize; COLUMNS.len()] = std::array::from_fn(width);
        let line = |row: &[String; COLUMNS.len()]| {
            let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
                0 | 9 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_without_a_spread_still_has_a_line_and_a_row() {
        let mut report = Report::default();
        report.add(Figure::new("rss").fact("node", 1).fact("role", "leader"));
        assert!(report.table().ends_with("node 1, role leader"), "{}", report.table());
        let line = Figure::new("x").rate(2.0, "topics").spread(vec![1.0]).json(None);
        assert_eq!((&line["topics_per_s"], &line["p50_ms"]), (&json!(2.0), &json!(1.0)));
    }
}
