//! The table of operations: everything that the outside contract offers. The router and `/openapi.json` are made from it.

use super::answers::{
    AliveAnswer, BatchAnswer, BrokerAnswer, BrokersAnswer, ClusterAnswer, CommittedAnswer, DigestAnswer, ElectionsAnswer, HeartbeatAnswer,
    IsrAnswer, LeaderAnswer, PartitionAnswer, ReadyAnswer, ReassignmentAnswer, ReassignmentsAnswer, RegistrationAnswer, ReplacedAnswer,
    SettingsAnswer, TopicAnswer, TopicConfigsAnswer, TopicsAnswer,
};
use super::operations::Operation;
use super::{batch, brokers, cluster, elections, feed, health, metrics, openapi, quorum, reassignments, settings, state, topics};
use http::Method;
use metadata::Code;
use metadata::views::StateView;

/// Every operation.
pub fn table() -> Vec<Operation> {
    [
        cluster_operations(),
        topic_operations(),
        broker_operations(),
        broker_own_operations(),
        steering_operations(),
        state_operations(),
        plain_operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn cluster_operations() -> Vec<Operation> {
    vec![
        Operation::read("/api/v1/cluster", "getCluster", "The cluster in a few numbers", cluster::get).answers::<ClusterAnswer>(),
        Operation::command(
            "/api/v1/quorum/replace",
            "replaceController",
            "Put an empty controller in the place of a lost one",
            quorum::replace,
        )
        .body::<quorum::Replace>()
        .answers::<ReplacedAnswer>()
        .refuses(MEMBERS),
        Operation::command("/api/v1/quorum/leader", "moveLeadership", "Let another controller lead", quorum::lead)
            .body::<quorum::Successor>()
            .answers::<LeaderAnswer>()
            .refuses(&[Code::IneligibleReplica]),
        Operation::command("/api/v1/quorum/members", "addController", "A controller joins as a learner", quorum::add)
            .body::<quorum::Newcomer>()
            .answers::<ReplacedAnswer>()
            .refuses(MEMBERS),
        Operation::command("/api/v1/quorum/members/{id}/promote", "promoteController", "A learner votes from now on", quorum::promote)
            .answers::<ReplacedAnswer>()
            .refuses(MEMBERS),
        Operation::command("/api/v1/quorum/members/{id}/demote", "demoteController", "A voter becomes a learner", quorum::demote)
            .answers::<ReplacedAnswer>()
            .refuses(MEMBERS),
        Operation::removal("/api/v1/quorum/members/{id}", "removeController", "Remove a controller", quorum::remove)
            .answers::<ReplacedAnswer>()
            .refuses(MEMBERS),
    ]
}

/// What a change of the membership can be refused with.
const MEMBERS: &[Code] = &[Code::MembershipChangeInProgress, Code::IneligibleReplica, Code::PolicyViolation];

/// Elections, moves and settings.
fn steering_operations() -> Vec<Operation> {
    let moves = &[
        Code::PolicyViolation,
        Code::UnknownTopicOrPartition,
        Code::UnknownTopicId,
        Code::BrokerIdNotRegistered,
        Code::InvalidReplicaAssignment,
        Code::InvalidReplicationFactor,
    ];
    let none = &[Code::NoReassignmentInProgress];
    vec![
        Operation::mutation(
            Method::POST,
            "/api/v1/elections",
            "elect",
            "Elect leaders anew: the first replica, or uncleanly",
            elections::elect,
        )
        .body::<elections::Asked>()
        .answers::<ElectionsAnswer>()
        .refuses(&[Code::PolicyViolation, Code::UnknownTopicOrPartition, Code::UnknownTopicId, Code::BrokerIdNotRegistered])
        .refuses(&[Code::ElectionNotNeeded, Code::PreferredLeaderNotAvailable, Code::EligibleLeadersNotAvailable]),
        Operation::read("/api/v1/reassignments", "listReassignments", "Reassignments, the newest first", reassignments::list)
            .query(&["limit"])
            .answers::<ReassignmentsAnswer>(),
        Operation::mutation(
            Method::POST,
            "/api/v1/reassignments",
            "startReassignment",
            "Move partitions, rebalance, or change a replication factor",
            reassignments::start,
        )
        .body::<reassignments::Asked>()
        .answers::<ReassignmentAnswer>()
        .refuses(moves),
        Operation::read("/api/v1/reassignments/{id}", "getReassignment", "A reassignment with its moves", reassignments::get)
            .query(&["after", "limit"])
            .answers::<ReassignmentAnswer>()
            .refuses(none),
        Operation::mutation(
            Method::PATCH,
            "/api/v1/reassignments/{id}",
            "limitReassignment",
            "Change how fast it may go",
            reassignments::limit,
        )
        .body::<reassignments::Redirected>()
        .answers::<ReassignmentAnswer>()
        .refuses(none),
        Operation::mutation(
            Method::DELETE,
            "/api/v1/reassignments/{id}",
            "cancelReassignment",
            "Call a reassignment off",
            reassignments::cancel,
        )
        .answers::<ReassignmentAnswer>()
        .refuses(none)
        .refuses(&[Code::EligibleLeadersNotAvailable]),
        Operation::mutation(
            Method::POST,
            "/api/v1/brokers/{id}/drain",
            "drainBroker",
            "Move everything off a broker, its leaders first",
            reassignments::drain,
        )
        .conditional()
        .body::<reassignments::Draining>()
        .answers::<ReassignmentAnswer>()
        .refuses(moves)
        .refuses(&[Code::StaleBrokerEpoch]),
        Operation::mutation(Method::DELETE, "/api/v1/brokers/{id}/drain", "stopDrain", "Stop draining a broker", reassignments::stop_drain)
            .conditional()
            .answers::<ReassignmentAnswer>()
            .refuses(none)
            .refuses(&[Code::BrokerIdNotRegistered, Code::StaleBrokerEpoch]),
        Operation::read("/api/v1/settings", "getSettings", "The cluster's settings", settings::get).answers::<SettingsAnswer>().tagged(),
        Operation::mutation(Method::PATCH, "/api/v1/settings", "changeSettings", "Change the cluster's settings", settings::change)
            .conditional()
            .body::<settings::Asked>()
            .answers::<SettingsAnswer>()
            .tagged()
            .refuses(&[Code::InvalidConfig]),
        Operation::read(
            "/api/v1/topics/{name}/settings",
            "getTopicSettings",
            "Every key of a topic, with the value that holds and where it comes from",
            settings::of_topic,
        )
        .answers::<TopicConfigsAnswer>()
        .refuses(&[Code::UnknownTopicOrPartition]),
    ]
}

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

fn topic_operations() -> Vec<Operation> {
    let unknown = &[Code::UnknownTopicOrPartition];
    vec![
        Operation::read("/api/v1/topics", "listTopics", "Topics by name, a page at a time", topics::list)
            .query(&["search", "health", "after", "limit", "configs"])
            .answers::<TopicsAnswer>(),
        Operation::mutation(Method::POST, "/api/v1/topics", "createTopic", "Create a topic", topics::create)
            .body::<topics::Asked>()
            .creates::<TopicAnswer>()
            .tagged()
            .refuses(NEW_TOPIC)
            // It was deleted again before a retry under its key was answered.
            .refuses(unknown),
        Operation::mutation(Method::POST, "/api/v1/batch/topics", "createTopics", "Create many topics, each on its own", batch::create)
            .body::<batch::Batch>()
            .answers::<BatchAnswer>()
            .refuses(NEW_TOPIC),
        Operation::read("/api/v1/topics/{name}", "getTopic", "A topic with its partitions", topics::get)
            .answers::<TopicAnswer>()
            .tagged()
            .refuses(unknown),
        Operation::mutation(Method::DELETE, "/api/v1/topics/{name}", "deleteTopic", "Delete a topic", topics::delete)
            .conditional()
            .answers::<CommittedAnswer>()
            .refuses(unknown)
            .refuses(&[Code::PolicyViolation, Code::UnknownTopicId]),
        Operation::mutation(
            Method::PATCH,
            "/api/v1/topics/{name}/configs",
            "changeConfigs",
            "Change a topic's configuration",
            topics::change_configs,
        )
        .conditional()
        .body::<topics::ConfigChange>()
        .answers::<TopicAnswer>()
        .tagged()
        .refuses(unknown)
        .refuses(&[Code::PolicyViolation, Code::UnknownTopicId, Code::InvalidConfig]),
        Operation::mutation(
            Method::POST,
            "/api/v1/topics/{name}/partitions",
            "growTopic",
            "Add partitions to a topic; none is ever taken away",
            topics::grow,
        )
        .conditional()
        .body::<topics::Growth>()
        .answers::<TopicAnswer>()
        .tagged()
        .refuses(unknown)
        .refuses(&[
            Code::PolicyViolation,
            Code::UnknownTopicId,
            Code::InvalidPartitions,
            Code::InvalidReplicationFactor,
            Code::InvalidReplicaAssignment,
        ]),
        Operation::read("/api/v1/topics/{name}/partitions/{partition}", "getPartition", "One partition", topics::partition)
            .answers::<PartitionAnswer>()
            .refuses(unknown),
    ]
}

/// What operators ask of brokers.
fn broker_operations() -> Vec<Operation> {
    let unknown = &[Code::BrokerIdNotRegistered];
    vec![
        Operation::read("/api/v1/brokers", "listBrokers", "Every broker by id", brokers::list).answers::<BrokersAnswer>(),
        Operation::read("/api/v1/brokers/{id}", "getBroker", "One broker", brokers::get)
            .answers::<BrokerAnswer>()
            .tagged()
            .refuses(unknown),
        Operation::mutation(
            Method::DELETE,
            "/api/v1/brokers/{id}",
            "unregisterBroker",
            "Unregister a broker: it leaves every ISR",
            brokers::unregister,
        )
        .conditional()
        .answers::<CommittedAnswer>()
        .refuses(unknown)
        .refuses(&[Code::PolicyViolation, Code::StaleBrokerEpoch]),
        Operation::mutation(
            Method::POST,
            "/api/v1/brokers/{id}/fence",
            "fenceBroker",
            "Fence a broker until it is unfenced: no heartbeat undoes it",
            brokers::fence,
        )
        .conditional()
        .answers::<BrokerAnswer>()
        .tagged()
        .refuses(unknown)
        .refuses(&[Code::StaleBrokerEpoch]),
        Operation::mutation(
            Method::POST,
            "/api/v1/brokers/{id}/unfence",
            "unfenceBroker",
            "Take an operator's fence off",
            brokers::unfence,
        )
        .conditional()
        .answers::<BrokerAnswer>()
        .tagged()
        .refuses(unknown)
        .refuses(&[Code::StaleBrokerEpoch]),
    ]
}

/// What brokers ask themselves.
fn broker_own_operations() -> Vec<Operation> {
    let unknown = &[Code::BrokerIdNotRegistered, Code::StaleBrokerEpoch];
    vec![
        Operation::mutation(Method::POST, "/api/v1/brokers", "registerBroker", "A storage service makes itself known", brokers::register)
            .body::<brokers::Registering>()
            .creates::<RegistrationAnswer>()
            .refuses(unknown)
            .refuses(&[Code::DuplicateBrokerRegistration, Code::InconsistentClusterId, Code::InvalidRegistration]),
        Operation::command("/api/v1/brokers/{id}/heartbeat", "heartbeat", "A storage service lives", brokers::heartbeat)
            .body::<brokers::Beating>()
            .answers::<HeartbeatAnswer>()
            .refuses(unknown),
        Operation::mutation(
            Method::POST,
            "/api/v1/brokers/{id}/isr",
            "changeIsr",
            "A leader of partitions says who is in sync with it",
            brokers::change_isr,
        )
        .body::<brokers::IsrChanges>()
        .answers::<IsrAnswer>()
        .refuses(unknown)
        .refuses(&[
            Code::PolicyViolation,
            Code::UnknownTopicId,
            Code::UnknownTopicOrPartition,
            Code::FencedLeaderEpoch,
            Code::InvalidUpdateVersion,
            Code::IneligibleReplica,
            Code::NewLeaderElected,
        ]),
    ]
}

fn state_operations() -> Vec<Operation> {
    vec![
        Operation::read("/api/v1/state", "getState", "The whole state", state::get)
            .answers::<StateView>()
            .answers_bytes("application/octet-stream"),
        Operation::read("/api/v1/state/digest", "getDigest", "The state's digest: equal on any two nodes at one revision", state::digest)
            .answers::<DigestAnswer>(),
        Operation::feed("/api/v1/feed", "openFeed", "Every commit after a position, in order, as they come", feed::open).query(&[
            "from",
            "lineage",
            "subprotocol",
        ]),
    ]
}

fn plain_operations() -> Vec<Operation> {
    vec![
        Operation::plain("/healthz", "isAlive", "The process lives", health::alive).answers::<AliveAnswer>(),
        Operation::plain("/readyz", "isReady", "This node is caught up, and heard a leader lately", health::ready)
            .answers::<ReadyAnswer>()
            .refuses(&[Code::NoLeader, Code::NotController]),
        Operation::plain("/metrics", "getMetrics", "Numbers about this node, in Prometheus' text format", metrics::get)
            .answers_bytes("text/plain"),
        Operation::plain("/openapi.json", "getDescription", "This description", openapi::get).answers_bytes("application/json"),
    ]
}
