//! Pages as of an index or a time: what they show is made before they are drawn, and what is not kept is said instead.

use super::door::{Door, NotThen, Page};
use crate::as_of::address;
use crate::base;
use crate::looking_back::{Beside, Point, reached, when};
use crate::place::query_of;
use crate::words::num;
use axum::body::Body;
use axum::extract;
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use controller::Controller;
use metadata::{Code, Commit, Index};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long a page waits for what it is to show.
const PATIENCE: Duration = Duration::from_secs(5);
/// Past states that are made for pages at once, each from a checkpoint and the commits behind it.
const AT_ONCE: usize = 2;
/// From here on a number is a time: no cluster commits so often.
const FIRST_TIME_MS: u64 = 1_000_000_000_000;

/// What a page as of an index is drawn from.
pub(super) struct Then {
    pub state: Arc<metadata::State>,
    /// The newest first.
    pub recent: Vec<Arc<Commit>>,
    pub index: Index,
    /// The markup of the banner.
    pub banner: String,
}

/// What looks back for pages.
#[derive(Clone)]
pub(super) struct LookingBack {
    controller: Controller,
    door: Door,
    turns: Arc<Semaphore>,
}

/// What an address asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Index(Index),
    Time(u64),
    Neither,
}

/// Why it is not shown.
struct No {
    status: StatusCode,
    title: String,
    why: String,
    oldest: Option<Index>,
}

impl No {
    fn new(status: StatusCode, title: impl Into<String>, why: impl Into<String>) -> Self {
        No { status, title: title.into(), why: why.into(), oldest: None }
    }
}

impl LookingBack {
    pub fn new(controller: Controller, door: Door) -> Self {
        LookingBack { controller, door, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The page of what is not there: it says so, and shows no other state in its place.
    fn refuse(&self, no: &No, request: &Request<Body>) -> Response {
        let cookies = request.headers().get(header::COOKIE).and_then(|cookies| cookies.to_str().ok()).unwrap_or_default();
        let here = |index| [&*self.door.base.0, &at(request.uri(), index)].concat();
        let (live, oldest) = (here(None), no.oldest.map(|index| (index, here(Some(index)))));
        let again = (no.status == StatusCode::SERVICE_UNAVAILABLE).then(|| [&*self.door.base.0, path_and_query(request.uri())].concat());
        let page = Page::NotThen(NotThen {
            title: &no.title,
            why: &no.why,
            oldest: oldest.as_ref().map(|(index, href)| (*index, href.as_str())),
            live: &live,
            again: again.as_deref(),
        });
        let mut response = self.door.draw(&page, None, cookies);
        *response.status_mut() = no.status;
        response
    }

    /// What is kept, in words, and where it begins.
    fn kept(&self) -> (String, Option<Index>) {
        let newest = self.controller.state().revision();
        let Some(status) = self.controller.history_status() else { return ("This node keeps no history.".to_owned(), None) };
        let from = if status.after == 0 { "the first change".to_owned() } else { format!("#{}", num(status.after)) };
        let oldest = Some(status.after).filter(|after| *after > 0);
        (format!("This node keeps what was from {from} to #{}.", num(newest)), oldest)
    }

    /// The index that a time stands for.
    async fn index_at(&self, at_ms: u64, deadline: Instant) -> Result<Index, No> {
        let (title, now) = (format!("Nothing is kept of {}", when(at_ms)), self.now_ms());
        if at_ms > now {
            let why = format!("{} is still to come: the cluster's clock shows {}. {}", when(at_ms), when(now), self.kept().0);
            return Err(No::new(StatusCode::BAD_REQUEST, "Not yet", why));
        }
        match self.controller.index_at(at_ms, deadline).await {
            Err(refusal) => Err(self.no(&refusal, title)),
            Ok(index) => match self.controller.record(index, deadline).await {
                // What made the cluster carries no time, and stands for none.
                Ok(Some(record)) if record.commit.at_ms == 0 => Err(self.not_kept(title)),
                _ if index == 0 => Err(self.not_kept(title)),
                _ => Ok(index),
            },
        }
    }

    fn now_ms(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        // Clocks of machines differ: what is committed is not still to come.
        now.max(self.controller.state().at_ms())
    }

    fn not_kept(&self, title: String) -> No {
        let (why, oldest) = self.kept();
        No { oldest, ..No::new(StatusCode::NOT_FOUND, title, why) }
    }

    fn no(&self, refusal: &controller::Refusal, title: String) -> No {
        match refusal.rejection.code {
            Code::InvalidFeedPosition => self.not_kept(title),
            _ => No::new(StatusCode::SERVICE_UNAVAILABLE, "The past cannot be read now", format!("{}.", refusal.rejection.detail)),
        }
    }

    /// What a page as of this index shows.
    async fn then(&self, index: Index, uri: &Uri, deadline: Instant) -> Result<Then, No> {
        let controller = &self.controller;
        if !reached(controller, index, deadline).await {
            let why = format!("The newest index on this node is #{}. {}", num(controller.applied_index()), self.kept().0);
            return Err(No::new(StatusCode::BAD_REQUEST, format!("#{} is still to come", num(index)), why));
        }
        let no = |refusal| self.no(&refusal, format!("#{} is not kept", num(index)));
        let state = controller.state_at(index, deadline).await.map_err(no)?;
        let here = |index| [&*self.door.base.0, &at(uri, index)].concat();
        let point = Point { asked: index, shown: state.revision(), at_ms: state.at_ms() };
        let beside = Beside::of(controller, &point, &here, deadline).await.map_err(no)?;
        Ok(Then { index, banner: beside.banner, state, recent: beside.recent })
    }
}

/// Puts what was into the request of a page that asks for it. A time leads to the index that stood then.
pub(super) async fn look_back(extract::State(looking): extract::State<LookingBack>, mut request: Request<Body>, next: Next) -> Response {
    let asked = query_of(request.uri().query().unwrap_or_default()).get(base::AS_OF);
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let Some(asked) = asked.filter(|_| reads && !base::is_of_now(request.uri().path())) else { return next.run(request).await };
    let deadline = Instant::now() + PATIENCE;
    let Ok(Ok(_turn)) = tokio::time::timeout_at(deadline, looking.turns.acquire()).await else {
        let no = No::new(StatusCode::SERVICE_UNAVAILABLE, "The past cannot be read now", "Others are looking back.");
        return looking.refuse(&no, &request);
    };
    let then = match read(&asked) {
        Asked::Index(index) => looking.then(index, request.uri(), deadline).await,
        Asked::Time(at_ms) => match looking.index_at(at_ms, deadline).await {
            Ok(index) => return led_to(&looking, request.uri(), index),
            Err(no) => Err(no),
        },
        Asked::Neither => {
            let allowed = "an index as 18211, a time as 2026-11-29T10:00:00Z, or milliseconds since 1970";
            let why = format!("{} is {allowed}. {}", base::AS_OF, looking.kept().0);
            Err(No::new(StatusCode::BAD_REQUEST, "That is no point in time", why))
        }
    };
    match then {
        Ok(then) => {
            request.extensions_mut().insert(Arc::new(then));
            next.run(request).await
        }
        Err(no) => looking.refuse(&no, &request),
    }
}

fn led_to(looking: &LookingBack, uri: &Uri, index: Index) -> Response {
    let to = [&*looking.door.base.0, &at(uri, Some(index))].concat();
    let Ok(to) = HeaderValue::from_str(&to) else { return StatusCode::BAD_REQUEST.into_response() };
    // The same time may stand for another index as long as it is now.
    (StatusCode::SEE_OTHER, [(header::LOCATION, to), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response()
}

fn path_and_query(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |path| path.as_str())
}

fn at(uri: &Uri, index: Option<Index>) -> String {
    address(uri.path(), uri.query().unwrap_or_default(), index)
}

fn read(text: &str) -> Asked {
    match text.parse::<u64>() {
        Ok(ms) if ms >= FIRST_TIME_MS => Asked::Time(ms),
        Ok(index) => Asked::Index(index),
        Err(_) => time_of(text).map_or(Asked::Neither, Asked::Time),
    }
}

/// The milliseconds of `2026-11-29T10:00:00Z`, UTC alone; seconds, their parts and the Z may be left out.
fn time_of(text: &str) -> Option<u64> {
    let (day, clock) = text.trim_end_matches('Z').split_once(['T', ' '])?;
    let number = |text: &str, digits: usize| {
        let whole = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| whole)
    };
    let mut parts = day.split('-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut clock = clock.split(':');
    let (hour, minute) = (number(clock.next()?, 2)?, number(clock.next()?, 2)?);
    let second = clock.next().map_or(Some(0), |second| number(second, 2))?;
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit()) && (1..=9).contains(&fraction.len());
    let ms = format!("{fraction:0<3}").get(..3)?.parse::<u64>().ok().filter(|_| digits)?;
    let whole = parts.next().is_none() && clock.next().is_none() && year >= 1970 && hour < 24 && minute < 60 && second < 60;
    let days = days_of(year, month, day).filter(|_| whole)?;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + ms)
}

/// Days since 1970-01-01 of a day of the Gregorian calendar.
fn days_of(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let of_month = lengths.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    let before: u64 = lengths.iter().take(month as usize - 1).sum();
    let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    (1..=*of_month).contains(&day).then(|| years + before + day - 1)
}

#[cfg(test)]
mod tests {
    use super::{Asked, read};

    #[test]
    fn an_address_asks_for_an_index_or_a_time() {
        for (text, asked) in [
            ("18211", Asked::Index(18_211)),
            ("0", Asked::Index(0)),
            ("1773449178000", Asked::Time(1_773_449_178_000)),
            ("2026-03-14T00:46:18Z", Asked::Time(1_773_449_178_000)),
            ("2026-03-14T00:46:18.25Z", Asked::Time(1_773_449_178_250)),
            ("2026-03-14 00:46", Asked::Time(1_773_449_160_000)),
            ("2000-02-29T00:00:00Z", Asked::Time(951_782_400_000)),
            ("1970-01-01T00:00:00Z", Asked::Time(0)),
        ] {
            assert_eq!(read(text), asked, "{text}");
        }
        for text in [
            "",
            "x",
            "-1",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00Z",
            "2026-03-14T24:00Z",
            "2026-03-14",
            "26-3-14T1:00Z",
            "2026-03-14T00:46:18.x",
            "1e9",
        ] {
            assert_eq!(read(text), Asked::Neither, "{text}");
        }
    }
}
