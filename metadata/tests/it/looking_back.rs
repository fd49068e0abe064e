//! What commits replaced, and what they can be looked up by, over random histories.

use crate::fixture::{World, id};
use crate::history::{Action, NAMES, Step, step};
use damage::cases;
use metadata::history::{Filter, Record, Run, Tag, Was};
use metadata::{Change, State};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a change is about, in this state; none where it is not there.
fn entity(state: &State, change: &Change) -> Option<String> {
    fn said(entity: Option<&impl std::fmt::Debug>) -> Option<String> {
        entity.map(|entity| format!("{entity:?}"))
    }
    match change {
        Change::ClusterBootstrapped { .. } => said(state.identity()),
        Change::TopicCreated { topic_id, .. } | Change::TopicDeleted { topic_id, .. } => said(state.topic(*topic_id)),
        Change::PartitionChanged { topic_id, partition } => said(state.partition(*topic_id, partition.partition)),
        Change::ConfigsChanged { topic_id, .. } => said(state.topic(*topic_id).map(|topic| &topic.configs)),
        Change::BrokerRegistered { broker } | Change::BrokerChanged { broker } => said(state.broker(broker.id)),
        Change::BrokerRemoved { id } => said(state.broker(*id)),
        Change::ControllersChanged { .. } => Some(format!("{:?}", state.controllers().collect::<Vec<_>>())),
        Change::FormatRaised { .. } => Some(state.format().to_string()),
        Change::SettingsChanged { .. } => said(Some(state.settings())),
        Change::StandingChanged { id, .. } => Some(format!("{:?}", state.standing(*id))),
        Change::ReassignmentChanged { reassignment } => said(state.reassignment(reassignment.id)),
        Change::ReassignmentDropped { id } => said(state.reassignment(*id)),
        Change::MoveChanged { reassignment_id, number, .. } => said(state.movement(*reassignment_id, *number)),
    }
}

/// Takes the record's changes in one by one: what each is said to have replaced is what was there.
fn replaced(mut state: State, record: &Record) {
    let commit = &record.commit;
    assert_eq!(commit.changes.len(), record.beside.was.len());
    for (change, was) in commit.changes.iter().zip(&record.beside.was) {
        let before = state.clone();
        state.absorb(commit.index, commit.at_ms, change);
        match was {
            Was::Nothing => assert_eq!(entity(&before, change), None, "{change:?}"),
            Was::Value(old) => {
                let mut back = state.clone();
                back.absorb(before.revision(), before.at_ms(), old);
                assert_eq!(entity(&back, change), entity(&before, change), "{change:?} replaced {old:?}");
                assert!(entity(&before, change).is_some(), "{change:?} replaced {old:?}");
            }
            Was::Topic { topic, partitions } => {
                let Change::TopicDeleted { topic_id, name } = change else { panic!("{change:?}") };
                assert_eq!((before.topic(*topic_id), name), (Some(topic), &topic.name));
                assert!(before.partitions_of(*topic_id).eq(partitions));
                assert_eq!(record.beside.names.get(topic_id), Some(name));
            }
        }
    }
    assert_eq!(state.digest(), commit.digest);
}

fn filters() -> Vec<Filter> {
    let kinds = ["create_topics", "delete_topic", "change_isr", "membership", "fence_broker", "broker_heartbeat", "elect"];
    let topics = NAMES.iter().map(|name| Filter { topic: Some((*name).to_owned()), ..Filter::default() });
    let brokers = (101..105).map(|broker| Filter { broker: Some(id(broker)), ..Filter::default() });
    let kinds = kinds.map(|kind| Filter { kind: Some(kind.to_owned()), ..Filter::default() });
    let principals = ["anonymous", "quorum"].map(|name| Filter { principal: Some(name.to_owned()), ..Filter::default() });
    let single: Vec<Filter> = topics.chain(brokers).chain(kinds).chain(principals).collect();
    let both = |a: &Filter, b: &Filter| Filter {
        topic: a.topic.clone().or(b.topic.clone()),
        broker: a.broker.or(b.broker),
        principal: a.principal.clone().or(b.principal.clone()),
        kind: a.kind.clone().or(b.kind.clone()),
        ..Filter::default()
    };
    single.iter().flat_map(|a| single.iter().map(move |b| both(a, b))).collect()
}

/// What a filter finds can be looked up by all of its tags.
fn looked_up(record: &Record, filters: &[Filter]) {
    let tags = Tag::all(record);
    assert!(tags.is_sorted_by(|a, b| a < b), "each once");
    for filter in filters.iter().filter(|filter| filter.finds(record)) {
        assert!(filter.tags().iter().all(|tag| tags.contains(tag)), "{filter:?} finds {record:?}");
    }
    for name in record.beside.names.values() {
        assert!(Filter { topic: Some(name.to_string()), ..Filter::default() }.finds(record), "{name}");
    }
    let named: BTreeSet<_> = record.beside.names.keys().copied().collect();
    let spoken_of = record.commit.changes.iter().filter_map(|change| match change {
        Change::TopicCreated { topic_id, .. } | Change::ConfigsChanged { topic_id, .. } | Change::PartitionChanged { topic_id, .. } => {
            Some(*topic_id)
        }
        _ => None,
    });
    assert!(spoken_of.collect::<BTreeSet<_>>().is_subset(&named), "{record:?}");
    let commit = &record.commit;
    for (from, to, found) in [(0, 0, true), (1, 1, false), (0, 1, true)] {
        let filter = Filter {
            from_index: Some(commit.index + from),
            to_index: Some(commit.index + to),
            from_ms: Some(commit.at_ms),
            to_ms: Some(commit.at_ms),
            ..Filter::default()
        };
        assert_eq!(filter.finds(record), found, "{filter:?}");
    }
}

fn take(world: &mut World, step: &Step) {
    world.commit = None;
    if let Action::Members { bits } = step.action {
        let nodes: Vec<u64> = (1..5).filter(|node| bits >> node & 1 == 1).collect();
        return world.membership(&nodes);
    }
    if let Some(intent) = world.intent(&step.action) {
        // A refusal makes nothing true.
        let _ = world.submit(intent);
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn what_a_commit_replaced_is_what_was_there(steps in prop::collection::vec(step(), 1..70)) {
        let mut world = World::online(&[101, 102, 103, 104]);
        let filters = filters();
        for step in &steps {
            let before = world.state().clone();
            take(&mut world, step);
            let Some(commit) = world.commit.take() else { continue };
            let mut state = before.clone();
            let record = Record::of(&mut state, Arc::new(commit), None).expect("it leads to its digest");
            prop_assert_eq!(&state, world.state());
            replaced(before, &record);
            looked_up(&record, &filters);
        }
    }

    /// As far as it goes: at what it keeps no account of, another one begins.
    #[test]
    fn a_run_tells_the_same_without_a_second_state(steps in prop::collection::vec(step(), 1..70)) {
        let mut world = World::online(&[101, 102, 103, 104]);
        let mut records = Vec::new();
        let mut states = Vec::new();
        for step in &steps {
            let mut state = world.state().clone();
            take(&mut world, step);
            let Some(commit) = world.commit.take() else { continue };
            states.push(state.clone());
            records.push(Record::of(&mut state, Arc::new(commit), None).expect("it leads to its digest"));
        }
        let mut at = 0;
        while at < records.len() {
            let mut run = Run::new(&states[at]);
            while let Some(told) = records.get(at).and_then(|record| run.record(&record.commit, None)) {
                prop_assert_eq!(&told, &records[at]);
                at += 1;
            }
            at += 1;
        }
        if let [first, _, third, ..] = records.as_slice() {
            let mut run = Run::new(&states[0]);
            if run.record(&first.commit, None).is_some() {
                prop_assert!(run.record(&third.commit, None).is_none(), "one is missing between them");
            }
        }
    }

    #[test]
    fn a_commit_that_does_not_follow_is_no_record(steps in prop::collection::vec(step(), 1..30)) {
        let mut world = World::online(&[101, 102, 103]);
        for step in &steps {
            let before = world.state().clone();
            take(&mut world, step);
            let Some(commit) = world.commit.take() else { continue };
            let mut other = commit.clone();
            other.digest.0 ^= 1;
            prop_assert!(Record::of(&mut before.clone(), Arc::new(other), None).is_none());
            prop_assert!(Record::of(&mut world.state().clone(), Arc::new(commit), None).is_none());
        }
    }
}
