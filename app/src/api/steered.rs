//! What the forms of the page Operations mean, and what would come of it.

use super::way_back::way_back;
use crate::foreseen::Foreseen;
use crate::words::{count, list, num};
use controller::{MemberChange, Replacement};
use leptos_router::location::Url;
use leptos_router::params::ParamsMap;
use metadata::access::Demand;
use metadata::draw::Preview;
use metadata::intent::{ConfigOp, ConfigOpKind, Election, Goal, Rebalance, Scope};
use metadata::plan::plan;
use metadata::reassignment::Limits;
use metadata::{BrokerId, Code, Command, Draw, Intent, Liveness, NodeId, Rejection, State, views};

/// Brokers whose load before and after is shown one by one.
const MOST_BROKERS: usize = 12;

/// An action as a form sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steering {
    pub action: String,
    pub target: String,
    pub value: String,
    pub more: String,
}

/// What it comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Intent(Intent),
    Members(MemberChange),
}

fn no(field: &str, value: &str, detail: &str, allowed: &str) -> Rejection {
    Rejection::new(Code::InvalidRequest, detail.to_owned()).at(field, value, allowed)
}

fn number<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, Rejection> {
    text.trim().parse().map_err(|_| no(field, text, "That is no number", "a whole number"))
}

/// A number, or nothing.
fn maybe<T: std::str::FromStr>(field: &str, text: &str) -> Result<Option<T>, Rejection> {
    if text.trim().is_empty() { Ok(None) } else { number(field, text).map(Some) }
}

impl Steering {
    /// As the query of an address has it.
    pub fn of_query(query: &ParamsMap) -> Self {
        let text = |key: &str| query.get(key).unwrap_or_default();
        Steering { action: text("action"), target: text("target"), value: text("value"), more: text("more") }
    }

    /// The address of the form with what was entered, after a refusal.
    pub fn way_back(&self, code: Code) -> String {
        let escaped = |text: &str| Url::escape(text);
        let query = format!(
            "action={}&target={}&value={}&more={}&",
            escaped(&self.action),
            escaped(&self.target),
            escaped(&self.value),
            escaped(&self.more)
        );
        way_back("/operations", &query, code)
    }

    /// Whether what it commits can be undone, as far as its kind tells.
    pub fn undoable(&self) -> bool {
        let unclean = self.more == "unclean" && self.action.starts_with("elect");
        let without = ["cancel", "lead", "promote", "demote", "remove", "add", "replace"];
        !unclean && !without.contains(&self.action.as_str())
    }

    fn broker(&self) -> Result<BrokerId, Rejection> {
        number("target", &self.target).map(BrokerId)
    }

    fn limits(&self) -> Result<Limits, Rejection> {
        Ok(Limits { per_broker: maybe("more", &self.more)? })
    }

    /// What is asked.
    ///
    /// # Errors
    /// INVALID_REQUEST with the field that cannot be read.
    pub fn what(&self) -> Result<What, Rejection> {
        let target = self.target.trim();
        let node = || number::<NodeId>("target", target);
        let election = if self.more == "unclean" { Election::Unclean } else { Election::Preferred };
        let setting = |op, value: Option<String>| Intent::ChangeSettings {
            ops: vec![ConfigOp { key: target.to_owned(), op, value }],
            expected: None,
        };
        Ok(match self.action.as_str() {
            "elect-all" => What::Intent(Intent::Elect { election, partitions: None, topic: None, broker: None }),
            "elect-topic" => What::Intent(Intent::Elect { election, partitions: None, topic: Some(target.to_owned()), broker: None }),
            "elect-broker" => What::Intent(Intent::Elect { election, partitions: None, topic: None, broker: Some(self.broker()?) }),
            "rebalance" => What::Intent(self.rebalance()?),
            "drain" => What::Intent(Intent::DrainBroker { id: self.broker()?, limits: self.limits()?, expected: None }),
            "stop-drain" => What::Intent(Intent::StopDrain { id: self.broker()?, expected: None }),
            "factor" => What::Intent(Intent::ChangeFactor {
                name: target.to_owned(),
                replication_factor: number("value", &self.value)?,
                limits: self.limits()?,
                expected: None,
            }),
            "cancel" => What::Intent(Intent::CancelReassignment { id: node()? }),
            "limit" => {
                let limits = Limits { per_broker: maybe("value", &self.value)? };
                What::Intent(Intent::LimitReassignment { id: node()?, limits })
            }
            "set" => What::Intent(setting(ConfigOpKind::Set, Some(self.value.trim().to_owned()))),
            "default" => What::Intent(setting(ConfigOpKind::Delete, None)),
            "lead" => What::Members(MemberChange::Lead { id: node()? }),
            "promote" => What::Members(MemberChange::Promote { id: node()? }),
            "demote" => What::Members(MemberChange::Demote { id: node()? }),
            "remove" => What::Members(MemberChange::Remove { id: node()? }),
            "add" => What::Members(MemberChange::Add { id: node()?, url: self.url()? }),
            "replace" => {
                let replacement = Replacement { remove: node()?, id: number("more", &self.more)?, url: self.url()? };
                What::Members(MemberChange::Replace(replacement))
            }
            other => return Err(no("action", other, "There is no such action", "an action of the page Operations")),
        })
    }

    fn url(&self) -> Result<String, Rejection> {
        let text = self.value.trim().trim_end_matches('/');
        // The leader knows how controllers speak to one another, and writes the address so.
        let address = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
        let good = address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
        if good { Ok(format!("http://{address}")) } else { Err(no("value", text, "That is no address", "HOST:PORT")) }
    }

    fn rebalance(&self) -> Result<Intent, Rejection> {
        let goal = match self.value.as_str() {
            "replicas" => Goal::Replicas,
            "leaders" => Goal::Leaders,
            "" | "both" => Goal::Both,
            other => return Err(no("value", other, "There is no such goal", "replicas, leaders, both")),
        };
        let topics: Vec<String> = self.target.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
        let scope = if topics.is_empty() { Scope::Cluster } else { Scope::Topics };
        let rebalance = Rebalance { scope, topics, brokers: Vec::new(), goal, max_moves: maybe("more", &self.more)? };
        Ok(Intent::Rebalance { rebalance, limits: Limits::default() })
    }

    /// What it takes.
    ///
    /// # Errors
    /// As [`Steering::what`].
    pub fn demand(&self) -> Result<Demand, Rejection> {
        Ok(match self.what()? {
            What::Intent(intent) => Demand::of(&intent),
            What::Members(_) => Demand::Admin,
        })
    }

    /// What would come of it, as the leader would plan it now.
    ///
    /// # Errors
    /// Whatever would refuse it.
    pub fn foresee(&self, state: &State, now_ms: u64) -> Result<Foreseen, Rejection> {
        let Steering { action, target, value, more } = self.clone();
        let asked = Foreseen { action, target, value, more, ..Foreseen::default() };
        match self.what()? {
            What::Members(change) => Ok(members(state, &change, asked)),
            What::Intent(intent) => {
                let draw = Draw { now_ms, seed: u128::from(now_ms) };
                let plan = plan(state, &Liveness::default(), &draw, &intent)?;
                let groups = plan.groups();
                let commands: Vec<&Command> = groups.iter().flat_map(|group| &group.commands).collect();
                let refused = plan.items.iter().filter(|item| item.is_err()).count();
                let grave = self.more == "unclean" && matches!(intent, Intent::Elect { .. });
                Ok(Foreseen {
                    title: title(&intent),
                    lines: lines(state, &intent, &commands, refused),
                    grave,
                    preview: Preview::of(draw.seed, &groups).token(),
                    ..asked
                })
            }
        }
    }
}

/// What is asked, as a sentence without its end.
pub fn title(intent: &Intent) -> String {
    match intent {
        Intent::Elect { election: Election::Unclean, .. } => "Elect leaders that may lack records".to_owned(),
        Intent::Elect { .. } => "Let first replicas lead".to_owned(),
        Intent::Rebalance { .. } => "Rebalance".to_owned(),
        Intent::DrainBroker { id, .. } => format!("Drain broker {id}"),
        Intent::StopDrain { id, .. } => format!("Stop draining broker {id}"),
        Intent::ChangeFactor { name, replication_factor, .. } => format!("Keep {replication_factor} replicas of each partition of {name}"),
        Intent::CancelReassignment { id } => format!("Call reassignment {} off", num(*id)),
        Intent::LimitReassignment { id, .. } => format!("Change how fast reassignment {} goes", num(*id)),
        Intent::ChangeSettings { ops, .. } => match ops.first() {
            Some(ConfigOp { key, value: Some(value), .. }) => format!("Set {key} to {value}"),
            Some(ConfigOp { key, .. }) => format!("Set {key} back to its default"),
            None => "Change nothing".to_owned(),
        },
        other => other.kind().to_owned(),
    }
}

/// What would come of it.
pub fn lines(state: &State, intent: &Intent, commands: &[&Command], refused: usize) -> Vec<String> {
    let owned: Vec<Command> = commands.iter().map(|command| (*command).clone()).collect();
    if let Some(effect) = views::effect(state, &owned) {
        return of_moves(&owned, &effect);
    }
    let elected = commands.iter().filter(|command| matches!(command, Command::UpdatePartitionLeader { .. })).count() as u64;
    let steps = commands.iter().filter(|command| matches!(command, Command::UpdateMove { .. })).count() as u64;
    let mut lines = Vec::new();
    match intent {
        Intent::Elect { .. } => {
            lines.push(format!("{} another leader.", count(elected, "partition gets", "partitions get")));
            if refused > 0 {
                lines.push(format!(
                    "{} none: its replicas are not online or not in sync.",
                    count(refused as u64, "partition gets", "partitions get")
                ));
            }
        }
        Intent::CancelReassignment { id } => {
            let progress = state.progress(*id);
            lines.push(format!("{} taken back at once.", count(steps, "move is", "moves are")));
            lines.push(format!("{} done and stay as they are.", count(u64::from(progress.done), "move is", "moves are")));
        }
        Intent::ChangeSettings { ops, .. } => {
            for op in ops {
                let Some(key) = metadata::settings::find(&op.key) else { continue };
                let now = state.settings().value(key).to_owned();
                let own = state.topics_after(None).filter(|topic| topic.configs.contains_key(&op.key)).count() as u64;
                lines.push(format!("It is {} now.", if now.is_empty() { "empty" } else { &now }));
                if metadata::settings::inherited(&op.key) {
                    let inherit = state.topic_count() as u64 - own;
                    lines.push(format!(
                        "{} it; {} a value of their own.",
                        count(inherit, "topic inherits", "topics inherit"),
                        count(own, "topic has", "topics have")
                    ));
                }
            }
        }
        _ if commands.is_empty() => {}
        _ => lines.push(format!("{} taken back.", count(steps, "move is", "moves are"))),
    }
    if commands.is_empty() {
        lines.push("Nothing would change: it is so already.".to_owned());
    }
    lines
}

fn of_moves(commands: &[Command], effect: &[views::BrokerEffect]) -> Vec<String> {
    let started = commands.iter().find_map(|command| match command {
        Command::StartReassignment { total, moves, .. } => Some((*total, moves)),
        _ => None,
    });
    let Some((total, moves)) = started else { return Vec::new() };
    if total == 0 {
        return vec!["Nothing would move: it is so already.".to_owned()];
    }
    let copied = moves.iter().filter(|one| one.to.iter().any(|id| !one.from.contains(id))).count() as u64;
    let mut lines = vec![format!(
        "{}, of which {} data.",
        count(u64::from(total), "partition changes", "partitions change"),
        count(copied, "copies", "copy")
    )];
    let differs = |one: &&views::BrokerEffect| one.replicas_before != one.replicas_after || one.leaders_before != one.leaders_after;
    let changed: Vec<&views::BrokerEffect> = effect.iter().filter(differs).collect();
    lines.extend(changed.iter().take(MOST_BROKERS).map(|one| {
        format!(
            "Broker {}: {} → {} replicas, first of {} → {} partitions.",
            one.id,
            num(one.replicas_before),
            num(one.replicas_after),
            num(one.leaders_before),
            num(one.leaders_after)
        )
    }));
    if changed.len() > MOST_BROKERS {
        lines.push(format!("And {} more.", count((changed.len() - MOST_BROKERS) as u64, "broker", "brokers")));
    }
    lines
}

fn members(state: &State, change: &MemberChange, asked: Foreseen) -> Foreseen {
    let voters: Vec<NodeId> = state.controllers().filter(|node| node.voter).map(|node| node.id).collect();
    let others = |id: &NodeId| list(voters.iter().filter(|voter| *voter != id));
    let (title, lines, grave) = match change {
        MemberChange::Lead { id } => {
            (format!("Let controller {id} lead"), vec!["Calls wait a moment while the leadership moves.".to_owned()], false)
        }
        MemberChange::Promote { id } => {
            let with = list(voters.iter().chain([id]));
            (format!("Let controller {id} vote"), vec![format!("Voters: {with}. It has to be near the end of the log.")], false)
        }
        MemberChange::Demote { id } => {
            (format!("Take the vote of controller {id}"), vec![format!("Voters: {}. It stays as a learner.", others(id))], false)
        }
        MemberChange::Remove { id } => {
            (format!("Remove controller {id}"), vec![format!("Voters: {}. Its id is never used again.", others(id))], true)
        }
        MemberChange::Add { id, url } => {
            let words = "It joins as a learner: it serves pages, reads and feeds, and has no vote.".to_owned();
            (format!("Add controller {id} at {url}"), vec![words], false)
        }
        MemberChange::Replace(Replacement { remove, id, url }) => {
            let words = "The new one learns all there is, then takes the vote of the old one, whose id is never used again.".to_owned();
            (format!("Replace controller {remove} by {id} at {url}"), vec![words], true)
        }
    };
    Foreseen { title, lines, grave, ..asked }
}

#[cfg(test)]
mod tests {
    use super::{Steering, What};
    use crate::pages::sample;
    use metadata::{Code, Intent};

    fn asked(action: &str, target: &str, value: &str, more: &str) -> Steering {
        let [action, target, value, more] = [action, target, value, more].map(str::to_owned);
        Steering { action, target, value, more }
    }

    #[test]
    fn a_form_means_what_it_says_or_names_the_field_at_fault() {
        assert!(matches!(asked("drain", " 3 ", "", "").what(), Ok(What::Intent(Intent::DrainBroker { .. }))));
        assert!(matches!(asked("add", "4", "host:9091", "").what(), Ok(What::Members(_))));
        for (form, field) in [
            (asked("drain", "x", "", ""), "target"),
            (asked("drain", "3", "", "many"), "more"),
            (asked("factor", "orders", "", ""), "value"),
            (asked("rebalance", "", "luck", ""), "value"),
            (asked("add", "4", "host", ""), "value"),
            (asked("fly", "", "", ""), "action"),
        ] {
            let refused = form.what().expect_err("it cannot be read");
            assert_eq!((refused.code, refused.field.as_deref()), (Code::InvalidRequest, Some(field)), "{form:?}");
        }
    }

    #[test]
    fn what_would_come_of_it_is_said_before_and_is_bound_to_its_preview() {
        let mut state = sample::state();
        state.absorb(state.revision(), state.at_ms(), &metadata::Change::FormatRaised { format: 2 });
        let seen = asked("set", "cluster.name", "prod", "").foresee(&state, 7).expect("it can be set");
        assert_eq!(seen.title, "Set cluster.name to prod");
        assert_eq!((seen.lines.as_slice(), seen.preview.len()), (&["It is empty now.".to_owned()][..], 48));
        let again = asked("set", "cluster.name", "test", "").foresee(&state, 7).expect("it can be set");
        assert_ne!(seen.preview, again.preview);
        let refused = asked("cancel", "9", "", "").foresee(&state, 7).expect_err("nothing is under way");
        assert_eq!(refused.code, Code::NoReassignmentInProgress);
    }
}
