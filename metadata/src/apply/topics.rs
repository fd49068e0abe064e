//! New topics, their configuration, and deletion.

use crate::change::Change;
use crate::configs;
use crate::ids::TopicId;
use crate::model::Configs;
use crate::rejection::{Code, Rejection};
use crate::state::State;

impl State {
    /// The guards of a new topic's name and id (F1, F2), for the plan and again for apply.
    pub(crate) fn check_new_topic(&self, topic_id: TopicId, name: &str) -> Result<(), Rejection> {
        if let Some(other) = self.colliding(name) {
            if *other.name == *name {
                return Err(Rejection::new(Code::TopicAlreadyExists, format!("Topic {name} exists")).at(
                    "name",
                    name,
                    "a name that is not taken",
                ));
            }
            return Err(Rejection::new(
                Code::InvalidTopic,
                format!("{name} collides with the topic {}: in metric names . becomes _", other.name),
            )
            .at("name", name, format!("a name that differs from {} in more than . and _", other.name)));
        }
        if self.topic(topic_id).is_some() {
            return Err(Rejection::new(Code::InvalidTopic, "The drawn topic id is taken"));
        }
        Ok(())
    }

    pub(super) fn configured(&self, topic_id: TopicId, configs: &Configs) -> Result<Vec<Change>, Rejection> {
        let topic = self.topic(topic_id).ok_or_else(|| unknown_topic_id(topic_id))?;
        let mut changes = vec![Change::ConfigsChanged { topic_id, configs: configs.clone() }];
        if self.min_isr_with(configs) != self.min_isr_with(&topic.configs) {
            changes.extend(self.without_elr(topic_id));
        }
        Ok(changes)
    }
}

pub(super) fn created(topic_id: TopicId, name: &str, configs: &Configs) -> Change {
    Change::TopicCreated { topic_id, name: name.into(), configs: configs.clone() }
}

/// J5, for the plan and again for apply.
pub(crate) fn check_deletable(name: &str, internal: bool, configs: &Configs) -> Result<(), Rejection> {
    if internal {
        return Err(Rejection::new(Code::PolicyViolation, format!("{name} is an internal topic and is always protected")));
    }
    if configs::deletion_protected(configs) {
        return Err(Rejection::new(Code::PolicyViolation, format!("{name} is protected: take {} off first", configs::DELETION_PROTECTION))
            .at(format!("configs.{}", configs::DELETION_PROTECTION), "true", "false"));
    }
    Ok(())
}

pub(crate) fn unknown_topic_id(id: TopicId) -> Rejection {
    Rejection::new(Code::UnknownTopicId, format!("No topic has the id {id}")).at("topic_id", id, "the id of an existing topic")
}
