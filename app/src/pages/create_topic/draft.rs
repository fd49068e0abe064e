//! What the form holds, what it asks for, and what is wrong with it: judged by the same rules as on the leader.

use crate::config_values;
use leptos_router::params::ParamsMap;
use metadata::configs::{self, KEYS};
use metadata::intent::NewTopic;
use metadata::model::Configs;
use metadata::plan::{MOST_PARTITIONS, check_name};
use metadata::{Code, Rejection, State};

/// What the form suggests: one partition, and a factor of three where there are that many brokers.
const PARTITIONS: &str = "1";
const REPLICATION_FACTOR: usize = 3;

/// The fields as they are filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub name: String,
    pub partitions: String,
    pub replication_factor: String,
    /// As they are entered, by key; empty means the default.
    pub configs: Configs,
}

impl Draft {
    /// The form as the address fills it in (after a refusal without JavaScript, or from a link), over what is suggested.
    pub fn of_query(query: &ParamsMap, brokers: usize) -> Self {
        let text = |key: &str, otherwise: String| query.get(key).unwrap_or(otherwise);
        Draft {
            name: text("name", String::new()),
            partitions: text("partitions", PARTITIONS.to_owned()),
            replication_factor: text("replication_factor", brokers.clamp(1, REPLICATION_FACTOR).to_string()),
            configs: KEYS.iter().filter_map(|key| Some((key.name.to_owned(), query.get(&format!("configs[{}]", key.name))?))).collect(),
        }
    }

    /// The text of a configuration field.
    pub fn config(&self, key: &str) -> &str {
        self.configs.get(key).map_or("", String::as_str)
    }

    /// What the configuration fields come to: only what differs from the defaults.
    pub fn configs(&self) -> Configs {
        config_values::of_fields(self.configs.iter().map(|(key, text)| (key.as_str(), text.as_str())))
    }

    /// What is asked for, when every count is one.
    ///
    /// # Errors
    /// A count that is no whole number, with its field.
    pub fn asked(&self) -> Result<NewTopic, Rejection> {
        Ok(NewTopic {
            name: self.name.trim().to_owned(),
            partitions: Some(number(Code::InvalidPartitions, "partitions", &self.partitions)?),
            replication_factor: Some(number(Code::InvalidReplicationFactor, "replication_factor", &self.replication_factor)?),
            assignments: None,
            configs: self.configs(),
        })
    }
}

fn number(code: Code, field: &str, text: &str) -> Result<i64, Rejection> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits.parse().map_err(|_| Rejection::new(code, "Enter a whole number, 1 or more").at(field, text, "a whole number, 1 or more"))
}

/// Why the name cannot be taken; none while it is empty, which is no mistake yet.
pub fn name_problem(state: &State, name: &str) -> Option<String> {
    let name = name.trim();
    if name.is_empty() {
        return None;
    }
    if let Err(no) = check_name(name) {
        return Some(match no.allowed {
            Some(allowed) => format!("{}. Use {allowed}", no.detail),
            None => no.detail,
        });
    }
    match state.colliding(name) {
        Some(topic) if *topic.name == *name => Some("A topic with this name exists".to_owned()),
        Some(topic) => Some(format!("Collides with the topic {}: metrics cannot tell . from _", topic.name)),
        None => None,
    }
}

/// Why the count of partitions is not possible.
pub fn partitions_problem(text: &str) -> Option<String> {
    match number(Code::InvalidPartitions, "partitions", text) {
        Err(no) => Some(no.detail),
        Ok(count) if count < 1 => Some("A topic has at least one partition".to_owned()),
        Ok(count) if count > MOST_PARTITIONS as i64 => {
            Some(format!("One request may create at most {}", crate::words::count(MOST_PARTITIONS as u64, "partition", "partitions")))
        }
        Ok(_) => None,
    }
}

/// Why the replication factor is not possible.
pub fn factor_problem(state: &State, text: &str) -> Option<String> {
    let registered = state.broker_count() as i64;
    match number(Code::InvalidReplicationFactor, "replication_factor", text) {
        Err(no) => Some(no.detail),
        Ok(factor) if factor < 1 => Some("A partition has at least one replica".to_owned()),
        Ok(_) if registered == 0 => Some("No broker is registered yet, so there is nowhere to place a replica".to_owned()),
        Ok(factor) if factor > registered => {
            Some(format!("Cannot exceed the number of brokers, {registered}: each replica needs a broker of its own"))
        }
        Ok(_) => None,
    }
}

/// Why a configuration value is not possible.
pub fn config_problem(draft: &Draft, key: &'static str) -> Option<String> {
    let configs = config_values::of_fields([(key, draft.config(key))]);
    let factor = number(Code::InvalidReplicationFactor, "replication_factor", &draft.replication_factor).unwrap_or(i64::MAX);
    let no = configs::checked(&configs, usize::try_from(factor).unwrap_or_default()).err()?;
    Some(match (key, no.allowed) {
        (configs::MIN_INSYNC_REPLICAS, _) if no.detail.contains("exceed") => format!("Cannot exceed the replication factor, {factor}"),
        (_, Some(allowed)) => format!("Not possible: {allowed}"),
        (_, None) => no.detail,
    })
}

/// Whether anything that can be judged here speaks against it.
pub fn possible(state: &State, draft: &Draft) -> bool {
    !draft.name.trim().is_empty()
        && name_problem(state, &draft.name).is_none()
        && partitions_problem(&draft.partitions).is_none()
        && factor_problem(state, &draft.replication_factor).is_none()
        && KEYS.iter().all(|key| config_problem(draft, key.name).is_none())
}

/// The same from the command line, a flag a line.
pub fn command(draft: &Draft) -> String {
    let name = draft.name.trim();
    let mut lines = vec![
        format!("quorate topics create {}", if name.is_empty() { "NAME" } else { name }),
        format!("--partitions {}", draft.partitions.trim()),
        format!("--replication-factor {}", draft.replication_factor.trim()),
    ];
    lines.extend(draft.configs().iter().map(|(key, value)| format!("--config {}", quoted(&format!("{key}={value}")))));
    lines.join(" \\\n  ")
}

/// An argument that a shell takes as it is, quoted only when it would not.
fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-=,:/".contains(c);
    if argument.chars().all(plain) { argument.to_owned() } else { format!("'{}'", argument.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::{Draft, command, config_problem, factor_problem, name_problem, partitions_problem, possible};
    use crate::pages::sample;
    use crate::place::query_of;

    fn draft(query: &str) -> Draft {
        Draft::of_query(&query_of(query), 3)
    }

    #[test]
    fn names_are_judged_against_the_whole_state() {
        let state = sample::state();
        assert_eq!(name_problem(&state, ""), None);
        assert_eq!(name_problem(&state, " returns "), None);
        assert_eq!(name_problem(&state, "orders").as_deref(), Some("A topic with this name exists"));
        assert!(name_problem(&state, "a b").is_some_and(|words| words.contains("a-z")));
        assert!(name_problem(&state, "..").is_some());
    }

    #[test]
    fn counts_are_judged() {
        let state = sample::state();
        assert_eq!(partitions_problem("12"), None);
        for text in ["", "x", "0", "-1", "10001", "1.5"] {
            assert!(partitions_problem(text).is_some(), "{text}");
        }
        assert_eq!(factor_problem(&state, "3"), None);
        for text in ["", "0", "4", "three"] {
            assert!(factor_problem(&state, text).is_some(), "{text}");
        }
    }

    #[test]
    fn values_are_judged_each_for_itself() {
        let draft =
            draft("replication_factor=3&configs%5Bmin.insync.replicas%5D=4&configs%5Bretention.ms%5D=36+h&configs%5Bsegment.ms%5D=soon");
        assert_eq!(config_problem(&draft, "min.insync.replicas").as_deref(), Some("Cannot exceed the replication factor, 3"));
        assert_eq!(config_problem(&draft, "retention.ms"), None);
        assert!(config_problem(&draft, "segment.ms").is_some());
        assert_eq!(config_problem(&draft, "cleanup.policy"), None);
    }

    #[test]
    fn a_good_form_is_possible_and_has_a_command() {
        let draft = draft("name=returns&partitions=12&configs%5Bmin.insync.replicas%5D=2&configs%5Bretention.ms%5D=7+d");
        assert!(possible(&sample::state(), &draft));
        assert_eq!(
            command(&draft),
            "quorate topics create returns \\\n  --partitions 12 \\\n  --replication-factor 3 \\\n  --config min.insync.replicas=2"
        );
        let suggested = Draft::of_query(&query_of(""), 1);
        assert!(!possible(&sample::state(), &suggested));
        assert_eq!((suggested.partitions.as_str(), suggested.replication_factor.as_str()), ("1", "1"));
    }
}
