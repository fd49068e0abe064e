//! The JSON Schemas of the description, collected from the types as the operations name them.

use crate::http::operations::{Body, SchemaOf};
use crate::http::problem::Problem;
use metadata::frame::Frame;
use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

const PLACE: &str = "/components/schemas";

/// What is answered and what is asked have each a generator: a field that may be absent in a request is always there in an answer.
pub struct Schemas {
    answers: SchemaGenerator,
    asked: SchemaGenerator,
    requests: Map<String, Value>,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = |contract: Contract, inline: bool| {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = PLACE.into();
                settings.meta_schema = None;
                settings.contract = contract;
                settings.inline_subschemas = inline;
            })
        };
        let answers = settings(Contract::Serialize, false).into_generator();
        // Each request stands by itself, so that its parts cannot be taken for those of answers.
        let asked = settings(Contract::Deserialize, true).into_generator();
        Schemas { answers, asked, requests: Map::new() }
    }
}

impl Schemas {
    /// A reference to a type that is answered.
    pub fn answer(&mut self, schema: SchemaOf) -> Value {
        schema(&mut self.answers).to_value()
    }

    /// A reference to a request's body.
    pub fn request(&mut self, body: &Body) -> Value {
        let schema = (body.schema)(&mut self.asked).to_value();
        self.requests.insert(body.name.to_string(), schema);
        json!({ "$ref": format!("#{PLACE}/{}", body.name) })
    }

    pub fn problem(&mut self) -> Value {
        self.of::<Problem>()
    }

    /// A message of the feed.
    pub fn frame(&mut self) -> Value {
        self.of::<Frame>()
    }

    fn of<T: JsonSchema>(&mut self) -> Value {
        self.answers.subschema_for::<T>().to_value()
    }

    /// Every schema by name.
    pub fn finish(mut self) -> Value {
        let mut all = self.answers.take_definitions(true);
        all.append(&mut self.requests);
        let mut all = Value::Object(all);
        plain_text(&mut all);
        all
    }
}

/// The descriptions are the types' comments: their links lead nowhere here.
fn plain_text(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get_mut("description") {
                *text = text.replace("[`", "`").replace("`]", "`");
            }
            fields.values_mut().for_each(plain_text);
        }
        Value::Array(items) => items.iter_mut().for_each(plain_text),
        _ => {}
    }
}
