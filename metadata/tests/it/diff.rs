//! What differs between two states: all of it, in order, and nothing else.

use crate::fixture::{World, by_hand, configs};
use crate::undo::{Step, deleted, happening, kept, take};
use damage::cases;
use metadata::history::{Diff, Difference, Entity, diff};
use metadata::model::Partition;
use metadata::{BrokerId, Change, Index, State, TopicId};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn world() -> World {
    let mut world = World::online(&[101, 102, 103, 104]);
    world.create(by_hand("t", &[&[101, 102, 103], &[102, 103, 101]]));
    world.create(by_hand("u", &[&[103, 104], &[104, 101], &[102, 101]]));
    world
}

/// Every entity with the change that would make it, as a person would list them.
fn entities(state: &State) -> BTreeMap<Entity, Change> {
    let mut all = BTreeMap::new();
    if let Some(identity) = state.identity() {
        all.insert(Entity::Cluster, Change::ClusterBootstrapped { identity: identity.clone() });
    }
    all.insert(Entity::Format, Change::FormatRaised { format: state.format() });
    all.insert(Entity::Settings, Change::SettingsChanged { settings: state.settings().clone() });
    let controllers = state.controllers().map(|node| node.as_ref().clone()).collect();
    all.insert(Entity::Controllers, Change::ControllersChanged { controllers });
    for broker in state.brokers() {
        all.insert(Entity::Broker { id: broker.id }, Change::BrokerChanged { broker: broker.clone() });
        let standing = state.standing(broker.id);
        if standing != Default::default() {
            all.insert(Entity::Standing { id: broker.id }, Change::StandingChanged { id: broker.id, standing });
        }
    }
    for topic in state.topics_after(None) {
        let made = Change::TopicCreated { topic_id: topic.id, name: topic.name.clone(), configs: topic.configs.clone() };
        all.insert(Entity::Topic { topic_id: topic.id }, made);
    }
    for (topic_id, partition) in state.all_partitions() {
        let what = Entity::Partition { topic_id, partition: partition.partition };
        all.insert(what, Change::PartitionChanged { topic_id, partition: partition.clone() });
    }
    for one in state.reassignments() {
        all.insert(Entity::Reassignment { id: one.id }, Change::ReassignmentChanged { reassignment: one.clone() });
        for (number, movement) in state.moves_of(one.id, 0) {
            let what = Entity::Move { reassignment_id: one.id, number };
            all.insert(what, Change::MoveChanged { reassignment_id: one.id, number, movement: movement.clone() });
        }
    }
    all
}

/// Of a topic that was there before its configuration is what changes.
fn naive(from: &State, to: &State) -> Vec<Difference> {
    let (before, after) = (entities(from), entities(to));
    let mut keys: Vec<Entity> = before.keys().chain(after.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    let one = |what: Entity| match (before.get(&what), after.get(&what)) {
        (before, after) if before == after => None,
        (Some(Change::TopicCreated { topic_id, configs: old, .. }), Some(Change::TopicCreated { configs: new, .. })) => {
            let value = |configs: &metadata::model::Configs| Some(Change::ConfigsChanged { topic_id: *topic_id, configs: configs.clone() });
            Some(Difference { what, before: value(old), after: value(new) })
        }
        (before, after) => Some(Difference { what, before: before.cloned(), after: after.cloned() }),
    };
    keys.into_iter().filter_map(one).collect()
}

/// What a difference comes to.
fn absorbed(state: &mut State, at: (Index, u64), difference: &Difference) {
    let gone = |what: Entity| match what {
        Entity::Broker { id } => Some(Change::BrokerRemoved { id }),
        Entity::Standing { id } => Some(Change::StandingChanged { id, standing: Default::default() }),
        Entity::Topic { topic_id } => Some(Change::TopicDeleted { topic_id, name: "".into() }),
        Entity::Reassignment { id } => Some(Change::ReassignmentDropped { id }),
        // They go with their topic or their reassignment.
        _ => None,
    };
    if let Some(change) = difference.after.clone().or_else(|| gone(difference.what)) {
        state.absorb(at.0, at.1, &change);
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn a_diff_is_all_that_differs(steps in prop::collection::vec(happening(), 1..40), cut in any::<prop::sample::Index>(), most in 0usize..20) {
        let mut world = world();
        let cut = cut.index(steps.len());
        let mut from = world.state().clone();
        for (nth, step) in steps.iter().enumerate() {
            if nth == cut {
                from = world.state().clone();
            }
            take(&mut world, step);
        }
        let to = world.state().clone();
        prop_assert_eq!(diff(&to, &to, usize::MAX), Diff { from: to.revision(), to: to.revision(), ..Diff::default() });
        let all = diff(&from, &to, usize::MAX);
        prop_assert_eq!(&all.differences, &naive(&from, &to));
        prop_assert_eq!((all.total, all.from, all.to), (all.differences.len() as u64, from.revision(), to.revision()));
        let back = diff(&to, &from, usize::MAX).differences.into_iter().map(|one| Difference { before: one.after, after: one.before, ..one });
        prop_assert!(back.eq(all.differences.iter().cloned()), "the other way round it is the same");
        let some = diff(&from, &to, most);
        prop_assert_eq!((some.total, &some.differences[..]), (all.total, &all.differences[..most.min(all.differences.len())]));
        // What it says of the one leads to the other: a name is free before it is taken again, and that a broker comes or goes says
        // something of its standing.
        let mut reached = from.clone();
        let mut steps: Vec<_> = all.differences.iter().collect();
        steps.sort_by_key(|one| (matches!(one.what, Entity::Standing { .. }), one.after.is_some()));
        steps.into_iter().for_each(|one| absorbed(&mut reached, (to.revision(), to.at_ms()), one));
        prop_assert_eq!(diff(&reached, &to, usize::MAX).differences, Vec::new());
    }
}

#[test]
fn a_topic_that_is_made_again_is_another_one_and_each_has_its_name() {
    let mut world = world();
    let (before, old) = (world.state().clone(), world.topic_id("t"));
    kept(&mut world, deleted("t"));
    world.create(by_hand("t", &[&[101]]));
    let new = world.topic_id("t");
    let found = diff(&before, world.state(), 100);
    let topics: Vec<_> = found.differences.iter().filter(|one| matches!(one.what, Entity::Topic { .. })).collect();
    assert_eq!(topics.len(), 2);
    assert!(topics.iter().all(|one| one.before.is_some() == (one.what == Entity::Topic { topic_id: old })));
    assert_eq!(found.topics, BTreeMap::from([(old, "t".into()), (new, "t".into())]));
    assert_eq!(found.total, 2 + 3, "with their partitions");
    // What a topic is touched by and not changed is told by what touched it.
    let before = world.state().clone();
    kept(&mut world, crate::moving::moves(&[("t", 0, &[102])], crate::moving::SLOW));
    let kinds: Vec<Entity> = diff(&before, world.state(), 100).differences.into_iter().map(|one| one.what).collect();
    assert_eq!(kinds, [Entity::Reassignment { id: world.index }, Entity::Move { reassignment_id: world.index, number: 0 }]);
    drop(take(&mut world, &Step::Settle));
}

#[test]
fn a_hundred_thousand_partitions_are_walked_in_step() {
    let mut state = State::default();
    let topic_id = TopicId(uuid::Uuid::from_u128(7));
    state.absorb(1, 1, &Change::TopicCreated { topic_id, name: "big".into(), configs: configs(&[]) });
    let row = Partition {
        partition: 0,
        leader: Some(BrokerId(101)),
        leader_epoch: 0,
        partition_epoch: 0,
        replicas: vec![BrokerId(101)],
        isr: vec![BrokerId(101)],
        elr: Vec::new(),
        last_known_leader: None,
        recovery_state: metadata::RecoveryState::Recovered,
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
    };
    let change = |partition, leader_epoch| Change::PartitionChanged {
        topic_id,
        partition: Arc::new(Partition { partition, leader_epoch, ..row.clone() }),
    };
    (0..100_000).for_each(|number| state.absorb(1, 1, &change(number, 0)));
    let mut next = state.clone();
    next.absorb(2, 2, &change(70_000, 1));
    assert_eq!(diff(&state, &next, 10).differences.len(), 1);
    assert_eq!(diff(&state, &State::default(), 10).total, 100_001);
}
