//! What is counted of requests: by operation and class of status, and how long they took. The operations are those of the table, so the series
//! are as many as the program has.

use super::text::Text;
use http::{Method, StatusCode};
use metadata::contract::Operation;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// Upper bounds in µs, and as they are written in seconds. The last bucket has none.
const BOUNDS: [(u64, &str); 12] = [
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
];
/// Requests for the dashboard: its pages, its files, what its forms call.
const DASHBOARD: [&str; 3] = ["pages", "files", "functions"];
/// Everything that no route or no method of it took.
const OTHER: &str = "other";

struct Counted {
    method: String,
    route: &'static str,
    by_class: [AtomicU64; CLASSES.len()],
    by_time: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

pub struct Requests(Vec<Counted>);

fn counted(method: &str, route: &'static str) -> Counted {
    let (by_class, by_time) = (Default::default(), Default::default());
    Counted { method: method.to_owned(), route, by_class, by_time, micros: AtomicU64::new(0) }
}

impl Requests {
    /// A series for each operation, and for what is around them.
    pub fn new() -> Self {
        let operations = Operation::ALL.iter().map(|operation| counted(operation.method().name(), operation.path()));
        Requests(operations.chain(DASHBOARD.into_iter().chain([OTHER]).map(|route| counted("", route))).collect())
    }

    /// Counts a request that was answered. `matched` is the route that took it.
    pub fn note(&self, method: &Method, matched: Option<&str>, status: StatusCode, took: Duration) {
        // What HEAD is answered is what GET would be, without the body.
        let method = if *method == Method::HEAD { Method::GET } else { method.clone() };
        let known = |counted: &&Counted| matched == Some(counted.route) && counted.method == method.as_str();
        let Some(counted) = self.0.iter().find(known).or_else(|| self.around(matched)) else { return };
        let micros = took.as_micros() as u64;
        let class = usize::from(status.as_u16() / 100).saturating_sub(1).min(CLASSES.len() - 1);
        let time = BOUNDS.iter().position(|(bound, _)| micros <= *bound).unwrap_or(BOUNDS.len());
        counted.by_class[class].fetch_add(1, Ordering::Relaxed);
        counted.by_time[time].fetch_add(1, Ordering::Relaxed);
        counted.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The series of what is no operation.
    fn around(&self, matched: Option<&str>) -> Option<&Counted> {
        let route = match matched {
            // An operation's path with another method.
            Some(path) if self.0.iter().any(|counted| counted.route == path) => OTHER,
            Some(path) if path.starts_with("/pkg/") || path == "/favicon.ico" => "files",
            Some(path) if path.starts_with("/_fn/") => "functions",
            Some(path) if path.starts_with("/api") || path == controller::net::PATH => OTHER,
            Some(_) => "pages",
            None => OTHER,
        };
        self.0.iter().find(|counted| counted.route == route)
    }

    pub fn write(&self, out: &mut Text) {
        const COUNT: &str = "quorate_http_requests_total";
        out.family(COUNT, "counter", "Requests answered, by route and class of status.");
        for counted in &self.0 {
            for (class, count) in CLASSES.iter().zip(&counted.by_class) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    out.sample(COUNT, &[("method", &counted.method), ("route", counted.route), ("status", class)], count);
                }
            }
        }
        out.family("quorate_http_request_duration_seconds", "histogram", "From the request's head to the answer's head, by route.");
        self.0.iter().for_each(|counted| counted.write_times(out));
    }
}

impl Counted {
    fn write_times(&self, out: &mut Text) {
        // Read once, so that the buckets and the count agree.
        let times: Vec<u64> = self.by_time.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let total: u64 = times.iter().sum();
        if total == 0 {
            return;
        }
        let mut upto = 0;
        for (count, bound) in times.iter().zip(BOUNDS.iter().map(|(_, text)| *text).chain(["+Inf"])) {
            upto += count;
            let labels = [("method", &*self.method), ("route", self.route), ("le", bound)];
            out.sample("quorate_http_request_duration_seconds_bucket", &labels, upto);
        }
        let labels = [("method", &*self.method), ("route", self.route)];
        let seconds = self.micros.load(Ordering::Relaxed) as f64 / 1e6;
        out.sample("quorate_http_request_duration_seconds_sum", &labels, seconds);
        out.sample("quorate_http_request_duration_seconds_count", &labels, total);
    }
}

/// Open feeds.
pub struct Subscribers {
    open: Arc<AtomicU64>,
    most: u64,
}

/// One of them, while it lives.
pub struct Subscriber(Arc<AtomicU64>);

impl Subscribers {
    /// None yet, and at most so many.
    pub fn new(most: u64) -> Self {
        Subscribers { open: Arc::default(), most }
    }

    pub fn count(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    pub fn most(&self) -> u64 {
        self.most
    }

    /// None when there are as many as there may be.
    pub fn enter(&self) -> Option<Subscriber> {
        let one = Subscriber(self.open.clone());
        (self.open.fetch_add(1, Ordering::Relaxed) < self.most).then_some(one)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_makes_room() {
        let subscribers = Subscribers::new(2);
        let (one, two) = (subscribers.enter(), subscribers.enter());
        assert!(one.is_some() && two.is_some());
        assert!(subscribers.enter().is_none());
        assert_eq!(subscribers.count(), 2, "who was refused is not counted");
        drop(one);
        assert!(subscribers.enter().is_some());
    }
}
