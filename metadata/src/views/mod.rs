//! What people read from the state: rows, details, health and the verdict. Computed alike in a controller's answer, in
//! the first paint and in the browser's replica.

mod health;
mod level;
mod lists;
mod moves;
mod quorum;
mod reasons;
mod settings;
mod verdict;

pub use health::{Health, TopicHealth};
pub use level::Level;
pub use lists::{
    BrokerCounts, BrokerView, ClusterView, StateView, TopicPage, TopicQuery, TopicRow, TopicView, broker, brokers, cluster, created_topic,
    created_topics, forgotten_topic, full, topic, topics,
};
pub use moves::{BrokerEffect, MoveView, ReassignmentView, below_minimum, effect, reassignment, waiting_words};
pub use quorum::{Quorum, STALE_MS};
pub use reasons::{Finding, Known, Reason};
pub use settings::{SettingView, settings, topic_configs};
pub use verdict::{Verdict, verdict};
