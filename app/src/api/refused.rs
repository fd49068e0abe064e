//! The way back to a form that was refused without JavaScript, and the refusal worded anew when the form is rendered.

use super::steered::{Steering, What};
use super::way_back::way_back;
use crate::place::Place;
use leptos_router::location::Url;
use leptos_router::params::ParamsMap;
use metadata::intent::NewTopic;
use metadata::{Code, Draw, Intent, Liveness, Rejection, State};
use std::collections::BTreeMap;

/// The form for a topic as it was filled in.
#[derive(Debug, Default)]
pub struct NewTopicForm {
    pub name: String,
    pub partitions: String,
    pub replication_factor: String,
    pub configs: BTreeMap<String, String>,
}

impl NewTopicForm {
    /// What the form asks for.
    ///
    /// # Errors
    /// A count that is not a whole number, with its field.
    pub fn intent(&self) -> Result<Intent, Rejection> {
        let topic = NewTopic {
            name: self.name.trim().to_owned(),
            partitions: count(Code::InvalidPartitions, "partitions", &self.partitions)?,
            replication_factor: count(Code::InvalidReplicationFactor, "replication_factor", &self.replication_factor)?,
            assignments: None,
            configs: crate::config_values::of_fields(self.configs.iter().map(|(key, text)| (key.as_str(), text.as_str()))),
        };
        Ok(Intent::CreateTopics { topics: vec![topic] })
    }

    /// The address of the form with what was entered.
    pub fn way_back(&self, code: Code) -> String {
        let mut query = format!(
            "name={}&partitions={}&replication_factor={}&",
            Url::escape(&self.name),
            Url::escape(&self.partitions),
            Url::escape(&self.replication_factor)
        );
        for (key, value) in &self.configs {
            query.push_str(&format!("configs%5B{}%5D={}&", Url::escape(key), Url::escape(value)));
        }
        way_back("/create-topic", &query, code)
    }

    fn of_query(query: &ParamsMap) -> Self {
        let text = |key: &str| query.get(key).unwrap_or_default();
        let configs = query.latest_values().filter_map(|(key, value)| {
            let key = key.strip_prefix("configs[")?.strip_suffix(']')?;
            Some((key.to_owned(), value.to_owned()))
        });
        NewTopicForm {
            name: text("name"),
            partitions: text("partitions"),
            replication_factor: text("replication_factor"),
            configs: configs.collect(),
        }
    }
}

fn count(code: Code, field: &str, text: &str) -> Result<Option<i64>, Rejection> {
    match text.trim() {
        "" => Ok(None),
        number => number
            .parse()
            .map(Some)
            .map_err(|_| Rejection::new(code, format!("{number:?} is not a whole number")).at(field, number, "a whole number, 1 or more")),
    }
}

/// Whether the name was repeated.
///
/// # Errors
/// A rejection of the field `confirm`.
pub fn confirmed(name: &str, confirm: &str) -> Result<(), Rejection> {
    if confirm.trim() == name && !name.is_empty() {
        return Ok(());
    }
    Err(Rejection::new(Code::InvalidRequest, "What was typed is not the topic's name").at("confirm", confirm, "the topic's name"))
}

/// The refusal that led to this address, in full words: asked of the state again, so that no address can put words into the page.
pub fn reworded(state: &State, place: &Place, query: &ParamsMap, now_ms: u64) -> Option<Rejection> {
    let code = Code::from_name(query.get_str("refused")?)?;
    let intent = match place {
        Place::CreateTopic => NewTopicForm::of_query(query).intent(),
        Place::Topic(name) if code == Code::InvalidRequest => {
            confirmed(name, "").map(|()| Intent::DeleteTopic { name: name.clone(), expected: None })
        }
        Place::Topic(name) => Ok(Intent::DeleteTopic { name: name.clone(), expected: None }),
        Place::Broker(id) => Ok(Intent::FenceBroker { id: *id, expected: None }),
        Place::History => return Some(Rejection::new(code, code.title())),
        Place::Operations => match Steering::of_query(query).what() {
            Ok(What::Intent(intent)) => Ok(intent),
            Ok(What::Members(_)) => return Some(Rejection::new(code, code.title())),
            Err(no) => Err(no),
        },
        _ => return None,
    };
    let draw = Draw { now_ms, seed: u128::from(now_ms) };
    let found = intent.and_then(|intent| metadata::plan::plan(state, &Liveness::default(), &draw, &intent).map(|plan| plan.items));
    let no = match found {
        Err(no) => Some(no),
        Ok(items) => items.into_iter().find_map(Result::err),
    };
    // What the rules do not refuse now was refused for another reason, or no longer is: its code still has a sentence.
    Some(no.filter(|no| no.code == code).unwrap_or_else(|| Rejection::new(code, code.title())))
}

#[cfg(test)]
mod tests {
    use super::{NewTopicForm, reworded};
    use crate::place::{Place, query_of};
    use metadata::{Code, State};

    #[test]
    fn a_refusal_comes_back_with_its_field_and_what_was_entered() {
        let form = NewTopicForm { name: "a b".to_owned(), partitions: "x".to_owned(), ..NewTopicForm::default() };
        let no = form.intent().expect_err("x is no number");
        assert_eq!((no.field.as_deref(), no.value.as_deref()), (Some("partitions"), Some("x")));
        let back = form.way_back(no.code);
        let (path, query) = back.split_once('?').expect("a query");
        let again = reworded(&State::default(), &Place::of(path), &query_of(query), 0).expect("a refusal");
        assert_eq!(again, no);
    }

    #[test]
    fn an_address_cannot_put_words_into_the_page() {
        let query = query_of("refused=NO_LEADER&message=call+0900&name=orders");
        let no = reworded(&State::default(), &Place::CreateTopic, &query, 0).expect("a refusal");
        assert_eq!((no.code, no.detail.as_str()), (Code::NoLeader, Code::NoLeader.title()));
        assert!(reworded(&State::default(), &Place::CreateTopic, &query_of("refused=<b>"), 0).is_none());
    }
}
