//! The outside contract as one table (`operations`): each operation's method, path, kind, parameters, refusals and the grant that it
//! is about. Routes, the description of the API, the verbs' calls and the metrics' names are derived from it.

mod operations;

pub use operations::Operation;

use crate::Code;

/// What the contract promises of an operation by its kind: parameters, headers and refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As fresh as the caller asks.
    Read,
    /// Dry runs, previews, idempotency keys.
    Mutation,
    /// Neither dry runs nor keys: a heartbeat.
    Command,
    /// A change of the controllers' membership: dry runs, and no keys.
    Members,
    /// A WebSocket or an event stream.
    Feed,
    /// Outside the base path.
    Plain,
}

/// How an operation is asked for over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// The grant that a call is about. What the call asks may need more: an election of one topic's partitions is about topics, one of a
/// whole broker's about brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Answered to everybody.
    Nothing,
    /// To look.
    View,
    /// To create, change, move and delete topics.
    Topics,
    /// To fence, drain and remove brokers, and what concerns the whole cluster.
    Brokers,
    /// To say who belongs to the cluster.
    Admin,
    /// To be the broker that the call names.
    OwnId,
}

impl Need {
    /// As the description of the API names it.
    pub fn name(self) -> &'static str {
        match self {
            Need::Nothing => "nothing",
            Need::View => "view",
            Need::Topics => "topics",
            Need::Brokers => "brokers",
            Need::Admin => "admin",
            Need::OwnId => "own id",
        }
    }
}

/// With a registration: a secret that the broker's session is bound to, and from then on with everything that it asks.
/// With the answer: that it is bound.
pub const SESSION: &str = "quorate-session";
/// What [`SESSION`] says in an answer.
pub const BOUND: &str = "bound";
/// With a push to a service that gave a secret: the secret's hash, which the controllers alone know beside it.
pub const PUSH_PROOF: &str = "quorate-push-proof";

/// An operation's row.
struct Row {
    name: &'static str,
    summary: &'static str,
    kind: Kind,
    method: Method,
    path: &'static str,
    query: &'static [&'static str],
    conditional: bool,
    needs: Need,
    refusals: &'static [&'static [Code]],
}

impl Kind {
    /// What every operation of the kind can be refused with.
    fn refusals(self) -> &'static [Code] {
        match self {
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
            Kind::Command | Kind::Members => &[
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
        }
    }
}

impl Need {
    /// What whoever lacks it is refused with.
    fn refusals(self) -> &'static [Code] {
        match self {
            Need::Nothing => &[],
            // Everybody who is known may look.
            Need::View => &[Code::Unauthenticated],
            _ => &[Code::Unauthenticated, Code::Forbidden],
        }
    }
}

impl Operation {
    /// The operation's id in the description.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// What it does, in a sentence without its full stop.
    pub fn summary(self) -> &'static str {
        self.row().summary.trim()
    }

    pub fn kind(self) -> Kind {
        self.row().kind
    }

    pub fn method(self) -> Method {
        self.row().method
    }

    /// The whole path, its parameters in braces.
    pub fn path(self) -> &'static str {
        self.row().path
    }

    /// Whether it can only look.
    pub fn reads(self) -> bool {
        self.method() == Method::Get
    }

    /// Query parameters beside those of the kind.
    pub fn query(self) -> &'static [&'static str] {
        self.row().query
    }

    /// Whether it compares If-Match with the object's ETag.
    pub fn conditional(self) -> bool {
        self.row().conditional
    }

    /// The grant that it is about.
    pub fn needs(self) -> Need {
        self.row().needs
    }

    /// The parameters in the path, in order.
    pub fn path_parameters(self) -> impl Iterator<Item = &'static str> {
        self.path().split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// The path's segments, with these in the place of its parameters. One that is missing stays in its braces.
    pub fn segments<'a>(self, parameters: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
        let mut parameters = parameters.iter();
        self.path()
            .split('/')
            .skip(1)
            .map(move |part| if part.starts_with('{') { parameters.next().copied().unwrap_or(part) } else { part })
    }

    /// Every code that it can be refused with; with a body, also what a body can be.
    pub fn codes(self, body: bool) -> Vec<Code> {
        let body: &[Code] = if body { &[Code::PayloadTooLarge, Code::UnsupportedMediaType] } else { &[] };
        let conditional: &[Code] = if self.conditional() { &[Code::RevisionConflict] } else { &[] };
        let own = self.row().refusals.iter().copied().flatten();
        // A guard before every operation.
        let mut codes: Vec<Code> = [Code::WrongHost]
            .iter()
            .chain(self.kind().refusals())
            .chain(self.needs().refusals())
            .chain(body)
            .chain(conditional)
            .chain(own)
            .copied()
            .collect();
        codes.sort();
        codes.dedup();
        codes
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Operation};
    use std::collections::BTreeSet;

    #[test]
    fn the_rows_say_what_they_can_mean() {
        let mut calls = BTreeSet::new();
        for operation in Operation::ALL {
            assert!(calls.insert((operation.path(), operation.method())), "{operation:?} is there twice");
            let looks = matches!(operation.kind(), Kind::Read | Kind::Feed | Kind::Plain);
            assert_eq!(looks, operation.reads(), "{operation:?}");
            assert!(!operation.conditional() || operation.kind() == Kind::Mutation, "{operation:?} compares nothing");
            assert_eq!(operation.kind() == Kind::Plain, !operation.path().starts_with("/api/v1/"), "{operation:?}");
            assert!(!operation.summary().is_empty() && !operation.summary().ends_with('.'), "{operation:?}");
        }
    }

    #[test]
    fn a_path_takes_its_parameters_in_order() {
        let path: Vec<&str> = Operation::GetPartition.segments(&["a/b", "3"]).collect();
        assert_eq!(path, ["api", "v1", "topics", "a/b", "partitions", "3"]);
        assert_eq!(Operation::GetPartition.path_parameters().collect::<Vec<_>>(), ["name", "partition"]);
    }
}
