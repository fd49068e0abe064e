//! The table of operations: everything that the outside contract offers.

use super::{Kind, Method, Need, Row};
use crate::Code;

macro_rules! operations {
    (@conditional) => { false };
    (@conditional $if_match:ident) => { true };
    ($($name:ident = $id:literal : $kind:ident $method:ident $path:literal $(query [$($query:literal),*])? $([$if_match:ident])?
        needs $need:ident $(refuses [$($codes:expr),*])? => $summary:literal;)+) => {
        /// An operation: one method of one path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Operation {
            $(#[doc = $summary] $name),+
        }

        impl Operation {
            /// Every operation.
            pub const ALL: &'static [Operation] = &[$(Operation::$name),+];

            pub(super) fn row(self) -> &'static Row {
                match self {
                    $(Operation::$name => &const { Row {
                        name: $id,
                        summary: $summary,
                        kind: Kind::$kind,
                        method: Method::$method,
                        path: $path,
                        query: &[$($($query),*)?],
                        conditional: operations!(@conditional $($if_match)?),
                        needs: Need::$need,
                        refusals: &[$($($codes),*)?],
                    } },)+
                }
            }
        }
    };
}

/// What a change of the membership can be refused with.
const MEMBERS: &[Code] = &[Code::MembershipChangeInProgress, Code::IneligibleReplica, Code::PolicyViolation];
const MOVES: &[Code] = &[
    Code::PolicyViolation,
    Code::UnknownTopicOrPartition,
    Code::UnknownTopicId,
    Code::BrokerIdNotRegistered,
    Code::InvalidReplicaAssignment,
    Code::InvalidReplicationFactor,
];
const NOT_MOVING: &[Code] = &[Code::NoReassignmentInProgress];
/// What a new topic can be refused with.
const NEW_TOPIC: &[Code] = &[
    Code::PolicyViolation,
    Code::TopicAlreadyExists,
    Code::InvalidTopic,
    Code::InvalidPartitions,
    Code::InvalidReplicationFactor,
    Code::InvalidReplicaAssignment,
    Code::InvalidConfig,
];
/// Of a new topic as well: it was deleted again before a retry under its key was answered.
const UNKNOWN_TOPIC: &[Code] = &[Code::UnknownTopicOrPartition];
/// What a change of the table of rights can be refused with.
const TABLE: &[Code] = &[Code::PolicyViolation];
/// Of what was: that index is not kept, or not committed yet.
const NOT_KEPT: &[Code] = &[Code::InvalidFeedPosition];
/// Of a change that is taken back: it was changed since, or cannot be.
const UNDONE: &[Code] = &[
    Code::RevisionConflict,
    Code::PolicyViolation,
    Code::Forbidden,
    Code::InvalidConfig,
    Code::StaleBrokerEpoch,
    Code::EligibleLeadersNotAvailable,
    Code::PreferredLeaderNotAvailable,
    Code::ElectionNotNeeded,
];
const UNKNOWN_ACCOUNT: &[Code] = &[Code::UnknownAccount];
const UNKNOWN_BROKER: &[Code] = &[Code::BrokerIdNotRegistered];
/// Of what a broker asks itself: it is not there any more, or who asks does not speak for it.
const NOT_ITSELF: &[Code] = &[Code::BrokerIdNotRegistered, Code::StaleBrokerEpoch, Code::PolicyViolation];

operations! {
    // The cluster and its controllers.
    GetCluster = "getCluster": Read Get "/api/v1/cluster" needs View => "The cluster in a few numbers";
    ReplaceController = "replaceController": Members Post "/api/v1/quorum/replace" needs Admin refuses [MEMBERS] => "Put an empty controller in the place of a lost one";
    MoveLeadership = "moveLeadership": Members Post "/api/v1/quorum/leader" needs Admin refuses [&[Code::IneligibleReplica]] => "Let another controller lead";
    AddController = "addController": Members Post "/api/v1/quorum/members" needs Admin refuses [MEMBERS] => "A controller joins as a learner";
    PromoteController = "promoteController": Members Post "/api/v1/quorum/members/{id}/promote" needs Admin refuses [MEMBERS] => "A learner votes from now on";
    DemoteController = "demoteController": Members Post "/api/v1/quorum/members/{id}/demote" needs Admin refuses [MEMBERS] => "A voter becomes a learner";
    RemoveController = "removeController": Members Delete "/api/v1/quorum/members/{id}" needs Admin refuses [MEMBERS] => "Remove a controller";

    // Who may do what.
    WhoAmI = "whoAmI": Read Get "/api/v1/whoami" needs View => "Who asks, and what is theirs";
    ListAccounts = "listAccounts": Read Get "/api/v1/accounts" needs Admin => "Every account by name";
    AddAccount = "addAccount": Command Post "/api/v1/accounts" needs Admin refuses [TABLE, &[Code::AccountExists]] => "A new account; the first one closes the cluster to everybody else";
    ChangeRole = "changeRole": Command Patch "/api/v1/accounts/{name}" needs Admin refuses [TABLE, UNKNOWN_ACCOUNT] => "Give an account another role";
    RemoveAccount = "removeAccount": Command Delete "/api/v1/accounts/{name}" needs Admin refuses [TABLE, UNKNOWN_ACCOUNT] => "Remove an account with its tokens";
    ListTokens = "listTokens": Read Get "/api/v1/tokens" needs Admin => "Every token by id, without its secret";
    AddToken = "addToken": Command Post "/api/v1/tokens" needs Admin refuses [TABLE, UNKNOWN_ACCOUNT] => "A new token for an account";
    RevokeToken = "revokeToken": Command Delete "/api/v1/tokens/{id}" needs Admin refuses [TABLE, &[Code::UnknownToken]] => "Revoke a token";
    ListRevocations = "listRevocations": Read Get "/api/v1/revocations" needs Admin => "Certificates that count no more";
    RevokeCertificate = "revokeCertificate": Command Post "/api/v1/revocations" needs Admin refuses [TABLE] => "A certificate counts no more";
    SetPassword = "setPassword": Command Put "/api/v1/accounts/{name}/password" needs Admin refuses [TABLE, UNKNOWN_ACCOUNT] => "Give a person another password; its sessions end";
    EndSessions = "endSessions": Command Delete "/api/v1/accounts/{name}/sessions" needs Admin refuses [TABLE, UNKNOWN_ACCOUNT] => "End every session of an account";
    ListAudit = "listAudit": Read Get "/api/v1/audit" query ["before", "kind", "since_ms", "limit"] needs Admin => "Who came in and who was refused, at this node";
    ExportAudit = "exportAudit": Read Get "/api/v1/audit/export" needs Admin => "The same as it is written, whole and oldest first";

    // Elections, moves and settings.
    Elect = "elect": Mutation Post "/api/v1/elections" needs Topics refuses [&[Code::PolicyViolation, Code::UnknownTopicOrPartition, Code::UnknownTopicId, Code::BrokerIdNotRegistered, Code::ElectionNotNeeded, Code::PreferredLeaderNotAvailable, Code::EligibleLeadersNotAvailable]] => "Elect leaders anew: the first replica, or uncleanly";
    ListReassignments = "listReassignments": Read Get "/api/v1/reassignments" query ["limit"] needs View => "Reassignments, the newest first";
    StartReassignment = "startReassignment": Mutation Post "/api/v1/reassignments" needs Topics refuses [MOVES] => "Move partitions, rebalance, or change a replication factor";
    GetReassignment = "getReassignment": Read Get "/api/v1/reassignments/{id}" query ["after", "limit"] needs View refuses [NOT_MOVING] => "A reassignment with its moves";
    LimitReassignment = "limitReassignment": Mutation Patch "/api/v1/reassignments/{id}" needs Brokers refuses [NOT_MOVING] => "Change how fast it may go";
    CancelReassignment = "cancelReassignment": Mutation Delete "/api/v1/reassignments/{id}" needs Brokers refuses [NOT_MOVING, &[Code::EligibleLeadersNotAvailable]] => "Call a reassignment off";
    DrainBroker = "drainBroker": Mutation Post "/api/v1/brokers/{id}/drain" [if_match] needs Brokers refuses [MOVES, &[Code::StaleBrokerEpoch]] => "Move everything off a broker, its leaders first";
    StopDrain = "stopDrain": Mutation Delete "/api/v1/brokers/{id}/drain" [if_match] needs Brokers refuses [NOT_MOVING, &[Code::BrokerIdNotRegistered, Code::StaleBrokerEpoch]] => "Stop draining a broker";
    GetSettings = "getSettings": Read Get "/api/v1/settings" needs View => "The cluster's settings";
    ChangeSettings = "changeSettings": Mutation Patch "/api/v1/settings" [if_match] needs Brokers refuses [&[Code::InvalidConfig]] => "Change the cluster's settings";
    GetTopicSettings = "getTopicSettings": Read Get "/api/v1/topics/{name}/settings" needs View refuses [UNKNOWN_TOPIC] => "Every key of a topic, with the value that holds and where it comes from";

    // Topics.
    ListTopics = "listTopics": Read Get "/api/v1/topics" query ["search", "health", "after", "limit", "configs"] needs View => "Topics by name, a page at a time";
    CreateTopic = "createTopic": Mutation Post "/api/v1/topics" needs Topics refuses [NEW_TOPIC, UNKNOWN_TOPIC] => "Create a topic";
    CreateTopics = "createTopics": Mutation Post "/api/v1/batch/topics" needs Topics refuses [NEW_TOPIC] => "Create many topics, each on its own";
    GetTopic = "getTopic": Read Get "/api/v1/topics/{name}" needs View refuses [UNKNOWN_TOPIC] => "A topic with its partitions";
    DeleteTopic = "deleteTopic": Mutation Delete "/api/v1/topics/{name}" [if_match] needs Topics refuses [UNKNOWN_TOPIC, &[Code::PolicyViolation, Code::UnknownTopicId]] => "Delete a topic";
    ChangeConfigs = "changeConfigs": Mutation Patch "/api/v1/topics/{name}/configs" [if_match] needs Topics refuses [UNKNOWN_TOPIC, &[Code::PolicyViolation, Code::UnknownTopicId, Code::InvalidConfig]] => "Change a topic's configuration";
    GrowTopic = "growTopic": Mutation Post "/api/v1/topics/{name}/partitions" [if_match] needs Topics refuses [UNKNOWN_TOPIC, &[Code::PolicyViolation, Code::UnknownTopicId, Code::InvalidPartitions, Code::InvalidReplicationFactor, Code::InvalidReplicaAssignment]] => "Add partitions to a topic; none is ever taken away";
    GetPartition = "getPartition": Read Get "/api/v1/topics/{name}/partitions/{partition}" needs View refuses [UNKNOWN_TOPIC] => "One partition";

    // What operators ask of brokers.
    ListBrokers = "listBrokers": Read Get "/api/v1/brokers" needs View => "Every broker by id";
    GetBroker = "getBroker": Read Get "/api/v1/brokers/{id}" needs View refuses [UNKNOWN_BROKER] => "One broker";
    UnregisterBroker = "unregisterBroker": Mutation Delete "/api/v1/brokers/{id}" [if_match] needs Brokers refuses [UNKNOWN_BROKER, &[Code::PolicyViolation, Code::StaleBrokerEpoch]] => "Unregister a broker: it leaves every ISR";
    FenceBroker = "fenceBroker": Mutation Post "/api/v1/brokers/{id}/fence" [if_match] needs Brokers refuses [UNKNOWN_BROKER, &[Code::StaleBrokerEpoch]] => "Fence a broker until it is unfenced: no heartbeat undoes it";
    UnfenceBroker = "unfenceBroker": Mutation Post "/api/v1/brokers/{id}/unfence" [if_match] needs Brokers refuses [UNKNOWN_BROKER, &[Code::StaleBrokerEpoch]] => "Take an operator's fence off";

    // What brokers ask themselves.
    RegisterBroker = "registerBroker": Mutation Post "/api/v1/brokers" needs OwnId refuses [NOT_ITSELF, &[Code::DuplicateBrokerRegistration, Code::InconsistentClusterId, Code::InvalidRegistration]] => "A storage service makes itself known";
    Heartbeat = "heartbeat": Command Post "/api/v1/brokers/{id}/heartbeat" needs OwnId refuses [NOT_ITSELF] => "A storage service lives";
    ChangeIsr = "changeIsr": Mutation Post "/api/v1/brokers/{id}/isr" needs OwnId refuses [NOT_ITSELF, &[Code::UnknownTopicId, Code::UnknownTopicOrPartition, Code::FencedLeaderEpoch, Code::InvalidUpdateVersion, Code::IneligibleReplica, Code::NewLeaderElected]] => "A leader of partitions says who is in sync with it";

    // The state whole, and as it changes.
    GetState = "getState": Read Get "/api/v1/state" query ["index", "at_ms"] needs View refuses [NOT_KEPT] => "The whole state, as it is or as it was";
    GetDigest = "getDigest": Read Get "/api/v1/state/digest" query ["index", "at_ms"] needs View refuses [NOT_KEPT] => "The state's digest: equal on any two nodes at one revision";
    ExportBackup = "exportBackup": Read Get "/api/v1/backup" needs Admin => "What this node keeps of the history, as one file to restore from";
    ListHistory = "listHistory": Read Get "/api/v1/history" query ["topic", "broker", "principal", "kind", "from_index", "to_index", "from_ms", "to_ms", "after", "limit", "before"] needs View => "What was committed, the newest first";
    ExportHistory = "exportHistory": Read Get "/api/v1/history/export" query ["topic", "broker", "principal", "kind", "from_index", "to_index", "from_ms", "to_ms", "format"] needs View => "The same whole, as JSON lines or as a table";
    DiffStates = "diffStates": Read Get "/api/v1/history/diff" query ["from", "to", "limit"] needs View refuses [NOT_KEPT] => "What differs between the states at two indexes";
    GetCommit = "getCommit": Read Get "/api/v1/history/{index}" needs View refuses [NOT_KEPT] => "One commit with what it replaced, and what comes before and after it";
    UndoCommit = "undoCommit": Mutation Post "/api/v1/history/{index}/undo" needs View refuses [NOT_KEPT, UNDONE, MOVES, NOT_MOVING, NEW_TOPIC] => "Take a change back by a change of its own, where it has an inverse and nothing came after it";
    OpenFeed = "openFeed": Feed Get "/api/v1/feed" query ["from", "lineage", "subprotocol"] needs View => "Every commit after a position, in order, as they come";

    // Of one node.
    IsAlive = "isAlive": Plain Get "/healthz" needs Nothing => "The process lives";
    IsReady = "isReady": Plain Get "/readyz" needs Nothing refuses [&[Code::NoLeader, Code::NotController]] => "This node is caught up, and heard a leader lately";
    GetMetrics = "getMetrics": Plain Get "/metrics" needs View => "Numbers about this node, in Prometheus' text format";
    GetDescription = "getDescription": Plain Get "/openapi.json" needs Nothing => "This description";
}
