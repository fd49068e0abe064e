//! Strict query strings: a parameter that the call does not know, or a value that it cannot use, is refused by name.

use super::problem::Refused;
use metadata::{Code, Rejection};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// The parameters of one request.
pub struct Query {
    pairs: BTreeMap<String, String>,
}

fn bad(detail: impl Into<String>, name: &str, value: impl Display, allowed: impl Into<String>) -> Refused {
    Rejection::new(Code::InvalidRequest, detail).at(name, value, allowed).into()
}

impl Query {
    /// Reads a query string of which only `known` parameters are allowed, each once.
    ///
    /// # Errors
    /// INVALID_REQUEST with the parameter and what is allowed.
    pub fn read(text: Option<&str>, known: &[&str]) -> Result<Self, Refused> {
        let mut pairs = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                let allowed = if known.is_empty() { "no parameters".to_owned() } else { known.join(", ") };
                return Err(bad(format!("There is no parameter {name}"), &name, value, allowed));
            }
            if pairs.insert(name.to_string(), value.to_string()).is_some() {
                return Err(bad(format!("{name} is given twice"), &name, value, "once"));
            }
        }
        Ok(Query { pairs })
    }

    /// The text of a parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.pairs.get(name).map(String::as_str)
    }

    /// A parameter as some other type.
    ///
    /// # Errors
    /// INVALID_REQUEST with the value and `allowed`.
    pub fn parse<T: FromStr>(&self, name: &str, allowed: &str) -> Result<Option<T>, Refused> {
        let Some(value) = self.text(name) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| bad(format!("{name} cannot be {value:?}"), name, value, allowed))
    }

    /// A parameter whose value must satisfy more than its type.
    ///
    /// # Errors
    /// INVALID_REQUEST with the value and `allowed`.
    pub fn check<T>(&self, name: &str, allowed: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Refused> {
        let Some(value) = self.text(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| bad(format!("{name} cannot be {value:?}"), name, value, allowed))
    }
}
