//! A "no" by the rules: at plan time, or at apply time if the state moved meanwhile. Never a panic, never an `Err` of the state machine.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $title:literal;)*) => {
        /// The stable codes of the outside contract; Kafka's names where there is one. Append only: the log encodes them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum Code { $($(#[$doc])* #[serde(rename = $name)] $variant,)* }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The stable name.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// The HTTP status it is answered with.
            pub fn status(self) -> u16 {
                match self { $(Code::$variant => $status,)* }
            }

            /// A short sentence that is the same for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)* }
            }
        }
    };
}

codes! {
    InvalidRequest = "INVALID_REQUEST", 400, "The request is malformed";
    PolicyViolation = "POLICY_VIOLATION", 403, "A policy forbids this";
    ForbiddenOrigin = "FORBIDDEN_ORIGIN", 403, "The request comes from a foreign page";
    UnknownTopicOrPartition = "UNKNOWN_TOPIC_OR_PARTITION", 404, "No such topic or partition";
    UnknownTopicId = "UNKNOWN_TOPIC_ID", 404, "No topic has this id";
    BrokerIdNotRegistered = "BROKER_ID_NOT_REGISTERED", 404, "No broker has this id";
    NoReassignmentInProgress = "NO_REASSIGNMENT_IN_PROGRESS", 404, "No reassignment is in progress";
    NotFound = "NOT_FOUND", 404, "There is nothing here";
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405, "This method is not for this path";
    PayloadTooLarge = "PAYLOAD_TOO_LARGE", 413, "The body is too large";
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", 415, "The body is not JSON";
    WrongHost = "WRONG_HOST", 421, "This node does not go by that name";
    UpgradeRequired = "UPGRADE_REQUIRED", 426, "This path speaks WebSocket";
    TopicAlreadyExists = "TOPIC_ALREADY_EXISTS", 409, "The topic exists";
    StaleBrokerEpoch = "STALE_BROKER_EPOCH", 409, "The broker epoch is not the current one";
    DuplicateBrokerRegistration = "DUPLICATE_BROKER_REGISTRATION", 409, "Another process holds this broker id";
    InconsistentClusterId = "INCONSISTENT_CLUSTER_ID", 409, "This is another cluster";
    FencedLeaderEpoch = "FENCED_LEADER_EPOCH", 409, "The leader epoch is an old one";
    InvalidUpdateVersion = "INVALID_UPDATE_VERSION", 409, "The partition epoch is an old one";
    IneligibleReplica = "INELIGIBLE_REPLICA", 409, "A replica may not be in sync now";
    ElectionNotNeeded = "ELECTION_NOT_NEEDED", 409, "No election is needed";
    PreferredLeaderNotAvailable = "PREFERRED_LEADER_NOT_AVAILABLE", 409, "The preferred leader is not available";
    EligibleLeadersNotAvailable = "ELIGIBLE_LEADERS_NOT_AVAILABLE", 409, "No eligible leader is available";
    NewLeaderElected = "NEW_LEADER_ELECTED", 409, "The change moved the leader away";
    StalePreview = "STALE_PREVIEW", 409, "What was shown can no longer be committed";
    RevisionConflict = "REVISION_CONFLICT", 412, "The object changed meanwhile";
    InvalidTopic = "INVALID_TOPIC", 422, "The topic name is not allowed";
    InvalidPartitions = "INVALID_PARTITIONS", 422, "The number of partitions is not allowed";
    InvalidReplicationFactor = "INVALID_REPLICATION_FACTOR", 422, "The replication factor is not possible";
    InvalidReplicaAssignment = "INVALID_REPLICA_ASSIGNMENT", 422, "The replica assignment is not possible";
    InvalidConfig = "INVALID_CONFIG", 422, "The configuration is not valid";
    InvalidRegistration = "INVALID_REGISTRATION", 422, "The registration is not valid";
    IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED", 422, "The idempotency key belongs to another request";
    InvalidFeedPosition = "INVALID_FEED_POSITION", 422, "The feed has no such position";
    NoLeader = "NO_LEADER", 503, "No leader is known";
    NotController = "NOT_CONTROLLER", 503, "This controller is behind the request";
    Overloaded = "OVERLOADED", 503, "The controller takes no more work now";
    OutcomeUnknown = "OUTCOME_UNKNOWN", 504, "It may have happened or may yet happen";
    RevisionNotReached = "REVISION_NOT_REACHED", 504, "This node has not applied that index yet";
    MembershipChangeInProgress = "MEMBERSHIP_CHANGE_IN_PROGRESS", 409, "Another change of the membership is under way";
    Unauthenticated = "UNAUTHENTICATED", 401, "Nobody is known to ask this";
    Forbidden = "FORBIDDEN", 403, "Who asks may not do this";
    AccountExists = "ACCOUNT_EXISTS", 409, "There is such an account";
    UnknownAccount = "UNKNOWN_ACCOUNT", 404, "No account has this name";
    UnknownToken = "UNKNOWN_TOKEN", 404, "No token has this id";
    TooManyAttempts = "TOO_MANY_ATTEMPTS", 429, "Too many attempts in a short time";
}

impl Code {
    /// Whether the same request may succeed later without the caller changing it.
    pub fn retryable(self) -> bool {
        matches!(
            self,
            Code::NoLeader
                | Code::NotController
                | Code::Overloaded
                | Code::OutcomeUnknown
                | Code::RevisionNotReached
                | Code::DuplicateBrokerRegistration
                | Code::MembershipChangeInProgress
                | Code::TooManyAttempts
        )
    }

    /// The code of this stable name.
    pub fn from_name(name: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.name() == name)
    }
}

/// Why something was refused, in the words of a problem document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    pub code: Code,
    /// One sentence for a person, with the names and numbers of this case.
    pub detail: String,
    /// The field of the request that is at fault.
    pub field: Option<String>,
    /// What that field held.
    pub value: Option<String>,
    /// What it may hold.
    pub allowed: Option<String>,
}

impl Rejection {
    /// A rejection without a field at fault.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Rejection { code, detail: detail.into(), field: None, value: None, allowed: None }
    }

    /// What this needs is written only once every controller reads it (docs/adr/0023-format.md).
    pub fn too_old() -> Self {
        Rejection::new(Code::NotController, "A controller of this cluster runs a build that does not know this yet")
    }

    /// Names the field, what it held, and what it may hold.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>, value: impl fmt::Display, allowed: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self.value = Some(clip(&value.to_string()));
        self.allowed = Some(allowed.into());
        self
    }

    /// Names the field otherwise.
    #[must_use]
    pub fn renamed(self, field: &str) -> Self {
        Rejection { field: Some(field.to_owned()), ..self }
    }

    /// Puts the path of the enclosing list item before the field: `topics[3].name`.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        self.field = self.field.map(|field| format!("{prefix}{field}"));
        self
    }
}

/// An answer never echoes more than this many characters of what was sent.
const LONGEST_ECHO: usize = 300;

fn clip(value: &str) -> String {
    if value.chars().count() <= LONGEST_ECHO {
        return value.to_owned();
    }
    let head: String = value.chars().take(LONGEST_ECHO).collect();
    format!("{head}…")
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.detail)
    }
}

impl std::error::Error for Rejection {}
