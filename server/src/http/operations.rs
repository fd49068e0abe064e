//! An operation: one method of one path, with its handler and with what `/openapi.json` says of it. The two come together only, so that no call
//! can be routed without being described.

use super::Node;
use super::answers::PlannedAnswer;
use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::{Method, StatusCode};
use metadata::Code;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::borrow::Cow;

/// What the contract promises of an operation by its kind: parameters, headers and refusals.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As fresh as the caller asks.
    Read,
    /// Dry runs, previews, idempotency keys.
    Mutation,
    /// Neither dry runs nor keys: a heartbeat, a change of membership.
    Command,
    /// A WebSocket or an event stream.
    Feed,
    /// Outside the base path.
    Plain,
}

pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A request's body.
pub struct Body {
    pub name: Cow<'static, str>,
    pub schema: SchemaOf,
}

/// An answer that is no refusal.
pub struct Answer {
    pub status: StatusCode,
    pub content: Vec<(&'static str, Option<SchemaOf>)>,
    pub description: &'static str,
    /// Whether it has an ETag that If-Match compares with.
    pub tagged: bool,
    /// Whether it has a Location.
    pub located: bool,
}

pub struct Operation {
    pub method: Method,
    /// The whole path, its parameters in braces.
    pub path: &'static str,
    /// The operation's id in the description.
    pub name: &'static str,
    pub summary: &'static str,
    pub kind: Kind,
    /// Query parameters beside those of the kind.
    pub query: &'static [&'static str],
    /// Whether it takes If-Match.
    pub conditional: bool,
    pub body: Option<Body>,
    pub answers: Vec<Answer>,
    refusals: Vec<Code>,
    handler: MethodRouter<Node>,
}

const JSON: &str = "application/json";

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn answer(status: StatusCode, content: Vec<(&'static str, Option<SchemaOf>)>, description: &'static str) -> Answer {
    Answer { status, content, description, tagged: false, located: false }
}

/// For the table: says of each operation what is its own.
impl Operation {
    fn new<H, T>(kind: Kind, method: Method, path: &'static str, name: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, Node>,
        T: 'static,
    {
        // A method that axum cannot route ends up at GET, and the test of the table finds it.
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
        let handler = on(filter, handler);
        let (query, conditional, body): (&[&str], _, _) = (&[], false, None);
        Operation { method, path, name, summary, kind, query, conditional, body, answers: Vec::new(), refusals: Vec::new(), handler }
    }

    pub fn read<H: Handler<T, Node>, T: 'static>(path: &'static str, name: &'static str, summary: &'static str, handler: H) -> Self {
        Operation::new(Kind::Read, Method::GET, path, name, summary, handler)
    }

    pub fn mutation<H, T>(method: Method, path: &'static str, name: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, Node>,
        T: 'static,
    {
        Operation::new(Kind::Mutation, method, path, name, summary, handler)
    }

    pub fn command<H: Handler<T, Node>, T: 'static>(path: &'static str, name: &'static str, summary: &'static str, handler: H) -> Self {
        Operation::new(Kind::Command, Method::POST, path, name, summary, handler)
    }

    /// A command whose object goes.
    pub fn removal<H: Handler<T, Node>, T: 'static>(path: &'static str, name: &'static str, summary: &'static str, handler: H) -> Self {
        Operation::new(Kind::Command, Method::DELETE, path, name, summary, handler)
    }

    pub fn feed<H: Handler<T, Node>, T: 'static>(path: &'static str, name: &'static str, summary: &'static str, handler: H) -> Self {
        let mut operation = Operation::new(Kind::Feed, Method::GET, path, name, summary, handler);
        operation.answers.push(answer(StatusCode::SWITCHING_PROTOCOLS, Vec::new(), "The feed begins: each message is a Frame"));
        let events = "With `Accept: text/event-stream` and no upgrade: each event is a Frame, named by its type, with the index as its id";
        operation.answers.push(answer(StatusCode::OK, vec![("text/event-stream", None)], events));
        operation
    }

    pub fn plain<H: Handler<T, Node>, T: 'static>(path: &'static str, name: &'static str, summary: &'static str, handler: H) -> Self {
        Operation::new(Kind::Plain, Method::GET, path, name, summary, handler)
    }

    pub fn query(self, query: &'static [&'static str]) -> Self {
        Operation { query, ..self }
    }

    /// Compares If-Match with the object's ETag.
    pub fn conditional(self) -> Self {
        Operation { conditional: true, ..self }
    }

    pub fn body<T: JsonSchema>(self) -> Self {
        Operation { body: Some(Body { name: T::schema_name(), schema: schema_of::<T> }), ..self }
    }

    fn answers_with(mut self, status: StatusCode, schema: SchemaOf, description: &'static str) -> Self {
        match self.answers.iter_mut().find(|answer| answer.status == status) {
            Some(answer) => answer.content.push((JSON, Some(schema))),
            None => self.answers.push(answer(status, vec![(JSON, Some(schema))], description)),
        }
        self
    }

    /// 200 with this; of a mutation also with what a dry run answers.
    pub fn answers<T: JsonSchema>(self) -> Self {
        let done = if self.kind == Kind::Mutation { "Committed, and applied on this node; or the plan of a dry run" } else { "The answer" };
        let planned = self.kind == Kind::Mutation;
        let this = self.answers_with(StatusCode::OK, schema_of::<T>, done);
        if planned { this.answers_with(StatusCode::OK, schema_of::<PlannedAnswer>, done) } else { this }
    }

    /// 201 with this and a Location; 200 for a dry run.
    pub fn creates<T: JsonSchema>(self) -> Self {
        let mut this = self.answers_with(StatusCode::CREATED, schema_of::<T>, "Committed, and applied on this node");
        this.answers.iter_mut().for_each(|answer| answer.located = true);
        this.answers_with(StatusCode::OK, schema_of::<PlannedAnswer>, "The plan of a dry run")
    }

    /// Its committed or read answer has an ETag.
    pub fn tagged(mut self) -> Self {
        if let Some(answer) = self.answers.first_mut() {
            answer.tagged = true;
        }
        self
    }

    /// 200 with text or bytes, beside JSON or instead of it.
    pub fn answers_bytes(mut self, content_type: &'static str) -> Self {
        match self.answers.first_mut() {
            Some(answer) => answer.content.push((content_type, None)),
            None => self.answers.push(answer(StatusCode::OK, vec![(content_type, None)], "The answer")),
        }
        self
    }

    /// What it is refused with, beside what every operation of its kind is.
    pub fn refuses(mut self, codes: &[Code]) -> Self {
        self.refusals.extend(codes);
        self
    }
}

impl Operation {
    /// Every code that it can be refused with.
    pub fn codes(&self) -> Vec<Code> {
        let of_kind: &[Code] = match self.kind {
            Kind::Read => &[Code::InvalidRequest, Code::NoLeader, Code::NotController, Code::Overloaded, Code::RevisionNotReached],
            Kind::Mutation => &[
                Code::InvalidRequest,
                Code::ForbiddenOrigin,
                Code::StalePreview,
                Code::IdempotencyKeyReused,
                Code::NoLeader,
                Code::NotController,
                Code::Overloaded,
                Code::OutcomeUnknown,
            ],
            Kind::Command => &[
                Code::InvalidRequest,
                Code::ForbiddenOrigin,
                Code::NoLeader,
                Code::NotController,
                Code::Overloaded,
                Code::OutcomeUnknown,
                Code::RevisionNotReached,
            ],
            Kind::Feed => &[
                Code::InvalidRequest,
                Code::ForbiddenOrigin,
                Code::UpgradeRequired,
                Code::InvalidFeedPosition,
                Code::NoLeader,
                Code::NotController,
                Code::Overloaded,
                Code::RevisionNotReached,
            ],
            Kind::Plain => &[],
        };
        let body: &[Code] = if self.body.is_some() { &[Code::PayloadTooLarge, Code::UnsupportedMediaType] } else { &[] };
        let conditional: &[Code] = if self.conditional { &[Code::RevisionConflict] } else { &[] };
        // A guard before every operation.
        let mut codes: Vec<Code> =
            [Code::WrongHost].iter().chain(of_kind).chain(body).chain(conditional).chain(&self.refusals).copied().collect();
        codes.sort();
        codes.dedup();
        codes
    }

    /// The parameters in the path.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}

/// The routes of these operations: the only way into the router for what is part of the contract.
pub fn routes(operations: Vec<Operation>) -> Router<Node> {
    operations.into_iter().fold(Router::new(), |router, operation| {
        let changes = matches!(operation.kind, Kind::Mutation | Kind::Command);
        let handler = match &operation.body {
            None if changes => operation.handler.route_layer(axum::middleware::from_fn(super::body::none)),
            _ => operation.handler,
        };
        router.route(operation.path, handler)
    })
}
