//! Who looks at the page, and what is theirs: what is not is shown all the same, and said why it is off.

use metadata::access::{Demand, Given, Role, Who};
use metadata::contract::Need;
use metadata::{Principal, Rejection};
use serde::{Deserialize, Serialize};

/// How far a node can be reached from while everybody may do everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    #[default]
    Machine,
    Network,
}

/// Somebody who is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// As `ana`, or as `service:ci` where it is no person.
    pub name: String,
    pub role: Role,
    /// Whether a session of theirs is written down.
    pub kept: bool,
    /// Whether they were let in by a node without a majority, to look.
    pub to_look: bool,
}

/// Who looks; while the cluster is open that is nobody in particular.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Looker {
    Anybody(Reach),
    Known(Person),
}

impl Default for Looker {
    fn default() -> Self {
        Looker::Anybody(Reach::Machine)
    }
}

impl Looker {
    fn who(&self) -> Option<Who> {
        match self {
            Looker::Anybody(_) => None,
            // It is only asked about things that the password need not be given for once more.
            Looker::Known(person) => {
                Some(Who { principal: Principal(person.name.clone()), role: Some(person.role.clone()), password: Given::Lately })
            }
        }
    }

    /// Why calls about this are not for them.
    pub fn lacks(&self, need: Need) -> Option<String> {
        self.who()?.has(need).err().map(|no| self.reason(&no, need))
    }

    /// Why this very thing is not for them.
    pub fn may_not(&self, demand: &Demand) -> Option<String> {
        self.who()?.may(demand).err().map(|no| self.reason(&no, demand.need()))
    }

    fn reason(&self, no: &Rejection, need: Need) -> String {
        if matches!(self, Looker::Known(person) if person.to_look) {
            return "You are signed in to look, as this node had no majority then: sign in again to change something.".to_owned();
        }
        let role = no.value.as_deref().unwrap_or_default();
        format!("Your role is {role}: this takes the grant \u{201c}{}\u{201d}.", need.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_theirs_is_said_with_the_grant() {
        let looker = |role| Looker::Known(Person { name: "ana".to_owned(), role, kept: true, to_look: false });
        let operator = looker(Role::Operator { prefixes: vec!["ci.".to_owned()] });
        let topic = |name: &str| Demand::Topics { names: vec![name.to_owned()] };
        assert_eq!(Looker::default().lacks(Need::Admin), None);
        assert_eq!(operator.lacks(Need::Topics), None);
        assert_eq!(operator.may_not(&topic("ci.a")), None);
        let why = operator.may_not(&topic("orders")).unwrap_or_default();
        assert_eq!(why, "Your role is operator of ci.*: this takes the grant \u{201c}topics\u{201d}.");
        assert!(looker(Role::Viewer).lacks(Need::Topics).is_some() && looker(Role::Admin).lacks(Need::Admin).is_none());
    }
}
