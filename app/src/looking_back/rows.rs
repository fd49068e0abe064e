//! A commit as a row: what changed, in words, what was before, and by whom.

use super::cells;
use crate::components::ticker;
use crate::config_values;
use crate::icons::{self, Glyph};
use crate::past::{Cell, GLYPHS, Kind, MOST_CELLS, Mark, Row, Undo};
use crate::recent::Recent;
use crate::words::{list, num};
use controller::Asker;
use metadata::access::Demand;
use metadata::history::{self, Record, Was};
use metadata::intent::{ConfigOp, ConfigOpKind};
use metadata::{BrokerState, Change, Commit, Intent, Partition, State};
use std::collections::BTreeMap;

/// Whether a person asked for it, or a program of one.
pub fn asked(record: &Record) -> bool {
    asked_for(&record.commit)
}

fn asked_for(commit: &Commit) -> bool {
    commit.principal.is_person() || commit.principal.0.starts_with("service:")
}

/// Who or what brought it about.
pub fn kind(commit: &Commit) -> Kind {
    let fenced = |change: &Change| match change {
        Change::BrokerChanged { broker } => matches!(broker.state, BrokerState::Fenced | BrokerState::Fencing),
        _ => false,
    };
    let asked = commit.intent.as_ref().map(Intent::inner);
    let fences = matches!(asked, Some(Intent::SessionExpired { .. } | Intent::FenceBroker { .. } | Intent::BrokerHeartbeat { .. }));
    if fences && commit.changes.iter().any(fenced) {
        Kind::Fence
    } else if asked_for(commit) {
        Kind::Asked
    } else {
        Kind::Automatic
    }
}

fn partitions(commit: &Commit) -> u32 {
    commit.changes.iter().filter(|change| matches!(change, Change::PartitionChanged { .. })).count() as u32
}

/// Partitions that went with their topics.
fn deleted(record: &Record) -> u32 {
    let of = |was: &Was| if let Was::Topic { partitions, .. } = was { partitions.len() as u32 } else { 0 };
    record.beside.was.iter().map(of).sum()
}

/// A commit as a tick.
pub fn mark(commit: &Commit) -> Mark {
    let height = 4.0 + (f64::from(partitions(commit)) + 1.0).log2() * 9.4;
    Mark { index: commit.index, at_ms: commit.at_ms, kind: kind(commit), height: height.min(64.0) as u8 }
}

/// A commit as a row; what it is about is a link where that is there in `state`.
pub fn row(record: &Record, state: &State, asker: Option<&Asker>) -> Row {
    let commit = &record.commit;
    let Said { glyph, about, text, warn } = said(record);
    let about = about.map(|(name, path)| (name, if leads_somewhere(&path, state) { path } else { String::new() }));
    let (cells, more) = befores(record, about.as_ref().map_or("", |(name, _)| name));
    Row {
        index: commit.index,
        at_ms: commit.at_ms,
        glyph: GLYPHS.iter().position(|one| *one == glyph).unwrap_or_default() as u8,
        about,
        text,
        warn,
        cells,
        more,
        by: commit.principal.0.clone(),
        partitions: partitions(commit) + deleted(record),
        undo: undo(record, asker),
    }
}

fn leads_somewhere(path: &str, state: &State) -> bool {
    match path.trim_start_matches('/').split_once('/') {
        Some(("topics", name)) => state.topic_by_name(name).is_some(),
        Some(("brokers", id)) => id.parse().is_ok_and(|id| state.broker(metadata::BrokerId(id)).is_some()),
        _ => false,
    }
}

/// Whether whoever asks could undo it. The undo takes what the commit took.
fn undo(record: &Record, asker: Option<&Asker>) -> Undo {
    let Some(intent) = record.commit.intent.as_ref().filter(|_| history::offered(record)) else { return Undo::None };
    match asker.map(|asker| asker.who.may(&Demand::of(intent))) {
        Some(Err(no)) => Undo::NotTheirs(no.detail.clone()),
        _ => Undo::Offered,
    }
}

/// What a commit did, in words.
pub struct Said {
    pub glyph: Glyph,
    pub about: Option<(String, String)>,
    pub text: String,
    pub warn: bool,
}

/// What a commit did: as the change list says it, and of one partition more, as here it is known how it was before.
pub fn said(record: &Record) -> Said {
    let recent = Recent::of(record.commit.clone());
    let line = ticker::line(&recent);
    let text = set_to(record).unwrap_or(line.text);
    let said = Said { glyph: line.glyph, about: line.about, text, warn: line.warn };
    let told = matches!(
        record.commit.intent.as_ref().map(Intent::inner),
        Some(Intent::ChangeIsr { .. } | Intent::BalanceLeaders | Intent::Elect { .. } | Intent::Lead { .. })
    );
    match one_partition(record).filter(|_| told && !said.warn) {
        Some((name, was, is)) => {
            let about = Some((format!("{name}-{}", is.partition), format!("/topics/{name}")));
            let (glyph, text) = of_one(was, is);
            let undoes = said.text.find(", which undoes").map_or("", |at| &said.text[at..]);
            Said { glyph, about, text: [&text, undoes].concat(), warn: false }
        }
        None => said,
    }
}

/// The value that one key was given, as people read it.
fn set_to(record: &Record) -> Option<String> {
    let Some(Intent::ChangeConfigs { ops, .. }) = &record.commit.intent else { return None };
    let [ConfigOp { key, op: ConfigOpKind::Set, value: Some(value) }] = ops.as_slice() else { return None };
    Some(format!("{key} set to {}", config_values::shown(metadata::configs::find(key)?, value)))
}

/// The partition of a commit that changed one alone, with its topic's name.
fn one_partition(record: &Record) -> Option<(&str, &Partition, &Partition)> {
    let mut changed = record.commit.changes.iter().zip(&record.beside.was).filter_map(|(change, was)| match (change, was) {
        (Change::PartitionChanged { topic_id, partition: is }, Was::Value(Change::PartitionChanged { partition: was, .. })) => {
            Some((&**record.beside.names.get(topic_id)?, &**was, &**is))
        }
        _ => None,
    });
    changed.next().filter(|_| changed.next().is_none())
}

fn of_one(was: &Partition, is: &Partition) -> (Glyph, String) {
    let leader = |partition: &Partition| partition.leader.map_or_else(|| "none".to_owned(), |id| id.to_string());
    if was.leader != is.leader {
        let preferred = if is.leader.is_some() && is.leader == is.replicas.first().copied() { ", preferred" } else { "" };
        return (icons::LEAD, format!("Leader {} → {}{preferred}", leader(was), leader(is)));
    }
    match is.isr.len().cmp(&was.isr.len()) {
        std::cmp::Ordering::Less => (icons::ISR_SHRANK, format!("ISR shrank to {}", list(&is.isr))),
        std::cmp::Ordering::Greater => (icons::ISR_GREW, format!("ISR grew to {}", list(&is.isr))),
        std::cmp::Ordering::Equal => (icons::ISR_GREW, format!("ISR is {}", list(&is.isr))),
    }
}

/// What was before and after: the first of it, what it is about first, and how many changes are not among it.
fn befores(record: &Record, about: &str) -> (Vec<Cell>, u32) {
    let names = &record.beside.names;
    let changes = record.commit.changes.iter().zip(&record.beside.was);
    let (mut of_it, mut of_others, mut more) = (counted(record), Vec::new(), 0);
    let alone = distinct_subjects(record) <= 1;
    for (change, was) in changes {
        let subject = cells::subject(change, names);
        let its = alone || subject == about;
        if !its && of_others.len() >= MOST_CELLS {
            more += 1;
            continue;
        }
        let cells = cells::of(change, was);
        if its {
            of_it.extend(cells);
        } else {
            of_others.extend(cells.into_iter().map(|cell| Cell { key: format!("{subject} {}", cell.key), ..cell }));
        }
    }
    of_it.extend(of_others);
    more += of_it.len().saturating_sub(MOST_CELLS) as u32;
    of_it.truncate(MOST_CELLS);
    (of_it, more)
}

/// How many things a commit speaks of, as far as it matters: one, or more.
fn distinct_subjects(record: &Record) -> usize {
    let mut subjects: Vec<String> = Vec::new();
    for (change, was) in record.commit.changes.iter().zip(&record.beside.was) {
        if matches!((change, was), (Change::PartitionChanged { .. }, Was::Nothing)) {
            continue;
        }
        let subject = cells::subject(change, &record.beside.names);
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
        if subjects.len() > 1 {
            break;
        }
    }
    subjects.len()
}

/// Partitions that came, counted by topic.
fn counted(record: &Record) -> Vec<Cell> {
    let mut came: BTreeMap<_, (u32, u32)> = BTreeMap::new();
    for (change, was) in record.commit.changes.iter().zip(&record.beside.was) {
        if let (Change::PartitionChanged { topic_id, partition }, Was::Nothing) = (change, was) {
            let (least, most) = came.entry(*topic_id).or_insert((u32::MAX, 0));
            (*least, *most) = ((*least).min(partition.partition), (*most).max(partition.partition + 1));
        }
    }
    let several = came.len() > 1;
    let one = |(id, (least, most)): (metadata::TopicId, (u32, u32))| {
        let name = record.beside.names.get(&id).filter(|_| several).map(|name| format!("{name} ")).unwrap_or_default();
        let before = if least == 0 { "–".to_owned() } else { num(least) };
        Cell { key: format!("{name}partitions"), before, after: num(most) }
    };
    came.into_iter().map(one).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::{asked, kind, mark, row};
    use crate::past::{Cell, Kind, Undo};
    use metadata::history::Record;
    use metadata::intent::{ConfigOp, ConfigOpKind, NewTopic};
    use metadata::{BrokerId, Change, Commit, Intent, Principal, State, TopicId};
    use std::sync::Arc;
    use uuid::Uuid;

    const ORDERS: TopicId = TopicId(Uuid::nil());

    /// A cluster with a topic and a broker.
    fn state() -> State {
        let mut state = State::default();
        for change in [Change::TopicCreated { topic_id: ORDERS, name: "orders".into(), configs: Default::default() }, broker(true)] {
            state.absorb(1, 0, &change);
        }
        state
    }

    fn broker(online: bool) -> Change {
        let broker = metadata::Broker {
            id: BrokerId(101),
            epoch: 1,
            changed_index: 1,
            incarnation_id: Uuid::nil(),
            rack: None,
            endpoints: Vec::new(),
            push_url: None,
            state: if online { metadata::BrokerState::Online } else { metadata::BrokerState::Fenced },
            held: false,
            shutdown_index: None,
        };
        if online { Change::BrokerRegistered { broker: Arc::new(broker) } } else { Change::BrokerChanged { broker: Arc::new(broker) } }
    }

    fn record(principal: Principal, intent: Intent, changes: Vec<Change>) -> Record {
        let mut state = state();
        let mut after = state.clone();
        for change in &changes {
            after.absorb(2, 1_000, change);
        }
        let (index, prev_index) = (2, state.revision());
        let commit = Commit { index, prev_index, term: 1, at_ms: 1_000, principal, intent: Some(intent), digest: after.digest(), changes };
        Record::of(&mut state, Arc::new(commit), None).expect("it follows")
    }

    pub fn configured() -> Record {
        let ops = vec![ConfigOp { key: "retention.ms".to_owned(), op: ConfigOpKind::Set, value: Some("3600000".to_owned()) }];
        let configs = [("retention.ms".to_owned(), "3600000".to_owned())].into();
        let intent = Intent::ChangeConfigs { name: "orders".to_owned(), ops, expected: None };
        record(Principal::user("ana"), intent, vec![Change::ConfigsChanged { topic_id: ORDERS, configs }])
    }

    pub fn fenced() -> Record {
        let intent = Intent::SessionExpired { id: BrokerId(101), broker_epoch: 1 };
        record(Principal::controller(1), intent, vec![broker(false)])
    }

    fn cell(key: &str, before: &str, after: &str) -> Cell {
        Cell { key: key.to_owned(), before: before.to_owned(), after: after.to_owned() }
    }

    #[test]
    fn a_row_says_what_changed_what_was_and_by_whom() {
        let row = |record: &Record| row(record, &state(), None);
        let config = row(&configured());
        assert_eq!(config.about, Some(("orders".to_owned(), "/topics/orders".to_owned())));
        assert_eq!((config.text.as_str(), config.by.as_str(), config.undo), ("retention.ms set to 1 h", "user:ana", Undo::Offered));
        assert_eq!(config.cells, [cell("retention.ms", "7 d", "1 h")]);
        let fence = row(&fenced());
        assert_eq!((fence.text.as_str(), fence.warn, fence.undo), ("fenced: no heartbeat", true, Undo::None));
        assert_eq!(fence.cells, [cell("state", "online", "fenced")]);
    }

    #[test]
    fn what_is_not_there_any_more_is_no_link() {
        let row = row(&configured(), &State::default(), None);
        assert_eq!(row.about, Some(("orders".to_owned(), String::new())));
    }

    #[test]
    fn kinds_are_told_apart() {
        assert_eq!((asked(&configured()), kind(&configured().commit)), (true, Kind::Asked));
        assert_eq!((asked(&fenced()), kind(&fenced().commit)), (false, Kind::Fence));
        assert_eq!(mark(&fenced().commit).height, 4);
    }

    #[test]
    fn new_partitions_are_counted() {
        let made = Change::TopicCreated { topic_id: TopicId(Uuid::from_u128(9)), name: "new".into(), configs: Default::default() };
        let partition = |partition| Change::PartitionChanged {
            topic_id: TopicId(Uuid::from_u128(9)),
            partition: Arc::new(metadata::Partition {
                partition,
                leader: None,
                leader_epoch: 0,
                partition_epoch: 0,
                replicas: vec![BrokerId(101)],
                isr: Vec::new(),
                elr: Vec::new(),
                last_known_leader: None,
                recovery_state: metadata::RecoveryState::Recovered,
                adding_replicas: Vec::new(),
                removing_replicas: Vec::new(),
            }),
        };
        let topics = vec![NewTopic { name: "new".to_owned(), ..NewTopic::default() }];
        let record = record(Principal::service("ci"), Intent::CreateTopics { topics }, vec![made, partition(0), partition(1)]);
        let row = row(&record, &state(), None);
        assert_eq!((row.cells, row.partitions, row.more), (vec![cell("partitions", "–", "2")], 2, 0));
    }
}
