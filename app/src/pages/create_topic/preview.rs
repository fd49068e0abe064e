//! What a creation would commit, computed by the leader's own planner: where each replica goes, what it does to the
//! balance, what it survives, and the token that binds the commit to exactly this.

use crate::order::distinct;
use metadata::intent::NewTopic;
use metadata::model::Configs;
use metadata::plan::plan_topics;
use metadata::{Broker, BrokerId, BrokerState, Command, Draw, Group, Partition, Rejection, State, configs, draw};

/// A placement with its consequences.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// Binds the commit to this placement; none while the form asks for something that is not possible.
    pub token: Option<String>,
    pub partitions: Vec<Partition>,
    /// Every broker by id: what it carries now and would carry.
    pub loads: Vec<BrokerLoad>,
    pub replicas: Skew,
    pub leaders: Skew,
    pub racks: RackSpan,
    pub notes: Vec<Note>,
}

/// One broker before and after.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BrokerLoad {
    pub id: BrokerId,
    pub state: BrokerState,
    pub replicas: u32,
    pub leaders: u32,
    pub more_replicas: u32,
    pub more_leaders: u32,
}

/// How far the busiest broker is above the mean, in percent; none where there is nothing to compare.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Skew {
    pub before: Option<f64>,
    pub after: Option<f64>,
}

/// Over how many racks the replicas of a partition go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RackSpan {
    /// Of the partition that spans fewest.
    pub fewest: usize,
    /// The most that a partition of this replication factor could span.
    pub possible: usize,
    /// Partitions that span that many.
    pub spanning: usize,
}

/// How a note is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Good,
    Info,
    Fenced,
    Warn,
}

/// Something to know before committing: the point, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub weight: Weight,
    pub point: String,
    pub rest: String,
}

/// Plans the creation of `asked` with this seed.
///
/// # Errors
/// Why nothing can be placed at all. What is wrong with the name or the configuration is the form's to say: the placement
/// is drawn in spite of it, without a token.
pub fn preview(state: &State, seed: u128, asked: &NewTopic) -> Result<Preview, Rejection> {
    let (group, token) = match planned(state, seed, asked.clone()) {
        Ok(group) => {
            let token = draw::Preview::of(seed, std::slice::from_ref(&group)).token();
            (group, Some(token))
        }
        Err(_) => {
            let nameless = NewTopic { name: format!("{seed:032x}"), configs: Configs::new(), ..asked.clone() };
            (planned(state, seed, nameless)?, None)
        }
    };
    let partitions = partitions(&group);
    let loads = loads(state, &partitions);
    let min_isr = configs::min_insync_replicas(&asked.configs).unwrap_or_else(|| state.settings().min_isr());
    Ok(Preview {
        token,
        replicas: skew(&loads, |load| load.replicas, |load| load.more_replicas),
        leaders: skew(&loads, |load| load.leaders, |load| load.more_leaders),
        racks: rack_span(state, &partitions),
        notes: notes(state, &partitions, &loads, min_isr),
        partitions,
        loads,
    })
}

fn planned(state: &State, seed: u128, topic: NewTopic) -> Result<Group, Rejection> {
    let draw = Draw { now_ms: state.at_ms(), seed };
    let plan = plan_topics(state, &draw, &[topic])?;
    plan.items.into_iter().next().unwrap_or_else(|| Ok(Group::default()))
}

/// The partitions as they would be right after the commit.
fn partitions(group: &Group) -> Vec<Partition> {
    let assignments = group.commands.iter().find_map(|command| match command {
        Command::AssignPartitions { assignments, .. } => Some(assignments.as_slice()),
        _ => None,
    });
    let made = assignments.unwrap_or_default().iter().zip(0..).map(|(assignment, number)| assignment.partition(number));
    made.collect()
}

fn loads(state: &State, partitions: &[Partition]) -> Vec<BrokerLoad> {
    let now = |broker: &Broker| {
        let load = state.load(broker.id);
        BrokerLoad { id: broker.id, state: broker.state, replicas: load.replicas, leaders: load.leaders, more_replicas: 0, more_leaders: 0 }
    };
    // By id, as the state has them.
    let mut loads: Vec<BrokerLoad> = state.brokers().map(|broker| now(broker)).collect();
    for partition in partitions {
        for id in &partition.replicas {
            let Ok(at) = loads.binary_search_by(|load| load.id.cmp(id)) else { continue };
            loads[at].more_replicas += 1;
            loads[at].more_leaders += u32::from(partition.leader == Some(*id));
        }
    }
    loads
}

/// Only brokers that are online count: the others carry what they carry, whatever is placed.
fn skew(loads: &[BrokerLoad], now: fn(&BrokerLoad) -> u32, more: fn(&BrokerLoad) -> u32) -> Skew {
    let over_mean = |of: &dyn Fn(&BrokerLoad) -> u32| {
        let values: Vec<f64> = loads.iter().filter(|load| load.state == BrokerState::Online).map(|load| f64::from(of(load))).collect();
        deviation(values.iter().copied().fold(0.0, f64::max), &values)
    };
    Skew { before: over_mean(&now), after: over_mean(&|load| now(load) + more(load)) }
}

/// How far a value is from the mean of all, in percent; none when the mean is 0.
fn deviation(value: f64, all: &[f64]) -> Option<f64> {
    let mean = all.iter().sum::<f64>() / all.len().max(1) as f64;
    (mean > 0.0).then(|| (value / mean - 1.0) * 100.0)
}

impl Preview {
    /// How far each broker that is online is from the mean of them before and after, in percent, and a range that holds all.
    pub fn deviations(&self) -> (Vec<(BrokerId, f64, f64)>, f64) {
        let online = || self.loads.iter().filter(|load| load.state == BrokerState::Online);
        let before: Vec<f64> = online().map(|load| f64::from(load.replicas)).collect();
        let after: Vec<f64> = online().map(|load| f64::from(load.replicas + load.more_replicas)).collect();
        let pair = |(load, (was, is)): (&BrokerLoad, (&f64, &f64))| {
            (load.id, deviation(*was, &before).unwrap_or_default(), deviation(*is, &after).unwrap_or_default())
        };
        let all: Vec<_> = online().zip(before.iter().zip(&after)).map(pair).collect();
        let most = all.iter().fold(2.0_f64, |most, (_, was, is)| most.max(was.abs()).max(is.abs()));
        (all, most * 1.25)
    }
}

fn rack_of(state: &State, id: BrokerId) -> Option<&str> {
    state.broker(id).and_then(|broker| broker.rack.as_deref())
}

fn racks_of<'a>(state: &'a State, partition: &Partition) -> Vec<Option<&'a str>> {
    distinct(partition.replicas.iter().map(|id| rack_of(state, *id)))
}

fn rack_span(state: &State, partitions: &[Partition]) -> RackSpan {
    let racks = distinct(state.brokers().map(|broker| broker.rack.as_deref()));
    let factor = partitions.first().map_or(0, |partition| partition.replicas.len());
    let possible = racks.len().min(factor);
    let spans: Vec<usize> = partitions.iter().map(|partition| racks_of(state, partition).len()).collect();
    RackSpan {
        fewest: spans.iter().copied().min().unwrap_or_default(),
        possible,
        spanning: spans.iter().filter(|span| **span >= possible).count(),
    }
}

fn note(weight: Weight, point: impl Into<String>, rest: impl Into<String>) -> Note {
    Note { weight, point: point.into(), rest: rest.into() }
}

fn notes(state: &State, partitions: &[Partition], loads: &[BrokerLoad], min_isr: usize) -> Vec<Note> {
    let mut notes = Vec::new();
    let factor = partitions.first().map_or(0, |partition| partition.replicas.len());
    notes.extend(survival(state, partitions, factor));
    if factor > 1 && min_isr >= factor {
        notes.push(note(
            Weight::Warn,
            format!("Every acks=all write needs all {factor} replicas."),
            "Losing any one broker stops the writes to its partitions.",
        ));
    }
    for load in loads.iter().filter(|load| load.state != BrokerState::Online) {
        notes.push(left_out(load));
    }
    if let [only] = everywhere(partitions, loads).as_slice()
        && factor < loads.len()
    {
        let rack = rack_of(state, only.id).map_or_else(String::new, |rack| format!(" in rack {rack}"));
        notes.push(note(
            Weight::Info,
            format!("Broker {} takes a replica of every partition:", only.id),
            format!("there is no other choice{rack}."),
        ));
    }
    notes
}

/// What the loss of a rack or a broker means for reading and writing at all.
fn survival(state: &State, partitions: &[Partition], factor: usize) -> Option<Note> {
    if factor == 0 {
        return None;
    }
    if factor == 1 {
        return Some(note(Weight::Warn, "No redundancy.", "Losing a broker takes its partitions offline."));
    }
    let in_one_rack = partitions.iter().filter(|partition| racks_of(state, partition).len() < 2).count();
    let racks = distinct(state.brokers().filter_map(|broker| broker.rack.as_deref()));
    Some(if racks.len() < 2 {
        note(
            Weight::Good,
            format!("Survives the loss of any {}.", brokers(factor - 1)),
            "Every partition keeps a replica on another broker.",
        )
    } else if in_one_rack == 0 {
        note(Weight::Good, "Survives the loss of any one rack.", "Every partition keeps a replica elsewhere.")
    } else {
        let count = crate::words::count(in_one_rack as u64, "partition lies", "partitions lie");
        note(Weight::Warn, format!("{count} in a single rack."), "Losing that rack takes them offline.")
    })
}

fn brokers(count: usize) -> String {
    if count == 1 { "one broker".to_owned() } else { format!("{count} brokers") }
}

fn left_out(load: &BrokerLoad) -> Note {
    let id = load.id;
    match (load.state, load.more_replicas) {
        (BrokerState::ShuttingDown, _) => note(Weight::Info, format!("Broker {id} is shutting down"), "and gets no replica."),
        (_, 0) => note(Weight::Fenced, format!("Broker {id} is fenced"), "and gets no replica. The preview is recomputed when it returns."),
        (_, some) => note(
            Weight::Fenced,
            format!("Broker {id} is fenced"),
            format!(
                "and gets {}, because too few are online. They are not in sync until it returns.",
                crate::words::count(some, "replica", "replicas")
            ),
        ),
    }
}

fn everywhere<'a>(partitions: &[Partition], loads: &'a [BrokerLoad]) -> Vec<&'a BrokerLoad> {
    loads.iter().filter(|load| partitions.len() > 1 && load.more_replicas as usize == partitions.len()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Weight, preview};
    use crate::pages::sample;
    use metadata::intent::NewTopic;
    use metadata::{BrokerId, BrokerState, draw};

    fn asked(name: &str, partitions: i64, factor: i64) -> NewTopic {
        NewTopic { name: name.to_owned(), partitions: Some(partitions), replication_factor: Some(factor), ..NewTopic::default() }
    }

    #[test]
    fn the_preview_is_the_plan_and_its_token_names_it() {
        let state = sample::state();
        let shown = preview(&state, 7, &asked("returns", 6, 2)).expect("possible");
        assert_eq!(shown, preview(&state, 7, &asked("returns", 6, 2)).expect("possible"));
        assert_eq!(shown.partitions.len(), 6);
        assert_eq!(shown.loads.iter().map(|load| load.more_replicas).sum::<u32>(), 12);
        let token = shown.token.expect("a token");
        assert_eq!(draw::Preview::parse(&token).map(|preview| preview.seed), Some(7));
        assert_eq!((shown.racks.fewest, shown.racks.possible, shown.racks.spanning), (2, 2, 6));
        assert_eq!(shown.notes.first().map(|note| note.weight), Some(Weight::Good));
    }

    #[test]
    fn a_bad_name_still_shows_the_placement_but_binds_nothing() {
        let state = sample::state();
        let shown = preview(&state, 7, &asked("orders", 6, 2)).expect("drawn");
        assert_eq!(shown.token, None);
        assert_eq!(shown.partitions, preview(&state, 7, &asked("returns", 6, 2)).expect("drawn").partitions);
        assert!(preview(&state, 7, &asked("returns", 6, 4)).is_err());
        assert!(preview(&state, 7, &asked("returns", 0, 1)).is_err());
    }

    #[test]
    fn what_a_loss_means_is_said() {
        let mut state = sample::state();
        let notes = |state: &metadata::State, factor| preview(state, 1, &asked("returns", 4, factor)).expect("drawn").notes;
        assert!(notes(&state, 1)[0].point.contains("No redundancy"));
        assert!(notes(&state, 3)[0].point.contains("any one rack"));
        state.absorb(90, 90_000, &sample::broker(3, "c", BrokerState::Fenced));
        let fenced = notes(&state, 2);
        assert!(fenced.iter().any(|note| note.point.contains("Broker 3 is fenced") && note.rest.contains("no replica")));
        let needed = notes(&state, 3);
        assert!(needed.iter().any(|note| note.rest.contains("4 replicas")));
    }

    #[test]
    fn deviations_are_from_the_mean_of_the_brokers_online() {
        let shown = preview(&sample::state(), 7, &asked("returns", 3, 3)).expect("drawn");
        let (all, range) = shown.deviations();
        assert_eq!(all.iter().find(|(id, ..)| *id == BrokerId(1)).map(|(_, was, is)| (was.round(), is.round())), Some((0.0, 0.0)));
        assert!((range - 2.5).abs() < 1e-9);
    }
}
