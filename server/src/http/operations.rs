//! An operation of the contract with its handler, and with what `/openapi.json` says of its types. They come together only, so that no
//! call can be routed without being described.

use super::Node;
use super::answers::{ForeseenAnswer, PlannedAnswer};
use super::caller;
use crate::method;
use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::{Method, StatusCode};
use metadata::Code;
use metadata::contract::{Kind, Operation};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::borrow::Cow;

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

/// An operation with what answers it.
pub struct Routed {
    pub operation: Operation,
    pub method: Method,
    pub body: Option<Body>,
    pub answers: Vec<Answer>,
    handler: MethodRouter<Node>,
}

const JSON: &str = "application/json";

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn answer(status: StatusCode, content: Vec<(&'static str, Option<SchemaOf>)>, description: &'static str) -> Answer {
    Answer { status, content, description, tagged: false, located: false }
}

/// For the table: says of each operation what answers it.
impl Routed {
    pub fn new<H: Handler<T, Node>, T: 'static>(operation: Operation, handler: H) -> Self {
        let method = method::of(operation);
        // A method that axum cannot route ends up at GET, and the test of the table finds it.
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
        Routed { operation, method, body: None, answers: Vec::new(), handler: on(filter, handler) }
    }

    /// A WebSocket, or an event stream.
    pub fn streams(mut self) -> Self {
        self.answers.push(answer(StatusCode::SWITCHING_PROTOCOLS, Vec::new(), "The feed begins: each message is a Frame"));
        let events = "With `Accept: text/event-stream` and no upgrade: each event is a Frame, named by its type, with the index as its id";
        self.answers.push(answer(StatusCode::OK, vec![("text/event-stream", None)], events));
        self
    }

    pub fn body<T: JsonSchema>(self) -> Self {
        Routed { body: Some(Body { name: T::schema_name(), schema: schema_of::<T> }), ..self }
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
        const DONE: &str = "Committed, and applied on this node; or the plan of a dry run";
        let planned: Option<SchemaOf> = match self.operation.kind() {
            Kind::Mutation => Some(schema_of::<PlannedAnswer>),
            Kind::Members => Some(schema_of::<ForeseenAnswer>),
            _ => None,
        };
        match planned {
            Some(planned) => self.answers_with(StatusCode::OK, schema_of::<T>, DONE).answers_with(StatusCode::OK, planned, DONE),
            None => self.answers_with(StatusCode::OK, schema_of::<T>, "The answer"),
        }
    }

    /// 201 with this and a Location; 200 for a dry run.
    pub fn creates<T: JsonSchema>(self) -> Self {
        let mut this = self.answers_with(StatusCode::CREATED, schema_of::<T>, "Committed, and applied on this node");
        this.answers.iter_mut().for_each(|answer| answer.located = true);
        this.answers_with(StatusCode::OK, schema_of::<PlannedAnswer>, "The plan of a dry run")
    }

    /// 201 with this.
    pub fn makes<T: JsonSchema>(self) -> Self {
        self.answers_with(StatusCode::CREATED, schema_of::<T>, "Committed, and applied on this node")
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

    /// Every code that it can be refused with.
    pub fn codes(&self) -> Vec<Code> {
        self.operation.codes(self.body.is_some())
    }
}

/// The routes of these operations: the only way into the router for what is part of the contract.
pub fn routes(operations: Vec<Routed>) -> Router<Node> {
    operations.into_iter().fold(Router::new(), |router, routed| {
        let changes = matches!(routed.operation.kind(), Kind::Mutation | Kind::Command | Kind::Members);
        let handler = match &routed.body {
            None if changes => routed.handler.route_layer(axum::middleware::from_fn(super::body::none)),
            _ => routed.handler,
        };
        router.route(routed.operation.path(), handler.route_layer(caller::Needs(routed.operation.needs())))
    })
}
