//! The method of an operation as HTTP's libraries know it: for the router and for the verbs' calls.

use http::Method;
use metadata::contract::{self, Operation};

pub fn of(operation: Operation) -> Method {
    match operation.method() {
        contract::Method::Get => Method::GET,
        contract::Method::Post => Method::POST,
        contract::Method::Put => Method::PUT,
        contract::Method::Patch => Method::PATCH,
        contract::Method::Delete => Method::DELETE,
    }
}
