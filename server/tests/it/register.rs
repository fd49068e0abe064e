//! Requests about topics' names as operations on registers, and a record of what was answered to each, for `linear`.

use crate::api::Api;
use crate::linear::{self, Event, Told};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Longer than an election, and shorter than a client's patience.
const DEADLINE_MS: &str = "4000";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Create,
    Delete,
    /// A linearizable one.
    Read,
}

/// Asks a node once. None: certainly nothing happened, or nothing was learnt.
pub async fn ask(api: &Api, wish: Wish, name: &str) -> Result<Option<Told>> {
    let path = format!("/topics/{name}");
    let call = match wish {
        Wish::Create => api.post("/topics", json!({ "name": name, "partitions": 1, "replication_factor": 1 })),
        Wish::Delete => api.delete(&path),
        Wish::Read => api.get(&format!("{path}?consistency=linearizable")),
    };
    let unknown = match wish {
        Wish::Create => Some(Told::PerhapsCreated),
        Wish::Delete => Some(Told::PerhapsDeleted),
        Wish::Read => None,
    };
    let answer = match call.header("quorate-timeout-ms", DEADLINE_MS).send().await {
        Ok(answer) => answer,
        // Nobody listened: it cannot have been heard.
        Err(error) if error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect) => return Ok(None),
        Err(error) if error.is::<reqwest::Error>() => return Ok(unknown),
        Err(error) => return Err(error),
    };
    let id = || answer.body["topic"]["id"].as_str().map(str::to_owned).context("a topic without an id");
    Ok(match (wish, answer.status, answer.code()) {
        (Wish::Create, 201, _) => Some(Told::Created(id()?)),
        (Wish::Create, 409, "TOPIC_ALREADY_EXISTS") => Some(Told::Exists),
        (Wish::Delete, 200, _) => Some(Told::Deleted),
        (Wish::Read, 200, _) => Some(Told::Found(id()?)),
        (Wish::Delete | Wish::Read, 404, "UNKNOWN_TOPIC_OR_PARTITION") => Some(Told::Missing),
        (_, 503, "NO_LEADER" | "NOT_CONTROLLER" | "OVERLOADED") => None,
        (Wish::Create | Wish::Delete, 504, "OUTCOME_UNKNOWN") => unknown,
        (Wish::Read, 504, "REVISION_NOT_REACHED") => None,
        (_, status, _) => bail!("{wish:?} {name} at node {} was answered {status} {}", api.node, answer.body),
    })
}

/// The histories of many names, in one clock.
pub struct Record {
    began: Instant,
    events: Mutex<BTreeMap<String, Vec<Event>>>,
}

impl Default for Record {
    fn default() -> Self {
        Record { began: Instant::now(), events: Mutex::default() }
    }
}

impl Record {
    /// The moment that it is now.
    pub fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    fn events(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Event>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, and keeps what was answered.
    pub async fn ask(&self, api: &Api, wish: Wish, name: &str) -> Result<Option<Told>> {
        let began = self.now();
        let told = ask(api, wish, name).await?;
        if let Some(told) = told.clone() {
            let event = Event { node: api.node, began, ended: self.now(), told };
            self.events().entry(name.to_owned()).or_default().push(event);
        }
        Ok(told)
    }

    pub fn names(&self) -> Vec<String> {
        self.events().keys().cloned().collect()
    }

    /// Checks every name's history by itself: registers are linearizable together if each of them is.
    pub fn check(&self) -> Result<()> {
        self.events().iter().try_for_each(|(name, events)| linear::check(events).with_context(|| format!("the history of {name}")))
    }

    /// How often each kind of answer was given.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let kind = |told: &Told| match told {
            Told::Created(_) => "created",
            Told::Exists => "exists",
            Told::Deleted => "deleted",
            Told::Found(_) => "found",
            Told::Missing => "missing",
            Told::PerhapsCreated => "perhaps created",
            Told::PerhapsDeleted => "perhaps deleted",
        };
        let mut counts = BTreeMap::new();
        for event in self.events().values().flatten() {
            *counts.entry(kind(&event.told)).or_default() += 1;
        }
        counts
    }
}
