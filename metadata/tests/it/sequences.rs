//! Random histories: any intents in any order, some planned on an old state, and what must hold after every entry.

use crate::fixture::{World, id, membership, topic};
use crate::history::{Action, Step, step};
use damage::cases;
use metadata::envelope::{Kind, open, seal};
use metadata::frame::Frame;
use metadata::invariants;
use metadata::model::Configs;
use metadata::plan::plan;
use metadata::views::{Known, cluster, verdict};
use metadata::{BrokerState, Command, Entry, Expected, Group, Intent, KeyUse, Machine, Principal, State, TopicId, slice, snapshot};
use proptest::prelude::*;
use uuid::Uuid;

/// A history, its replica, and another node that applies the same log from its bytes.
struct History {
    world: World,
    other: Machine,
    past: Vec<State>,
}

impl History {
    fn take(&mut self, step: &Step) {
        let before = self.world.machine.clone();
        if let Action::Members { bits } = step.action {
            let nodes: Vec<u64> = (1..5).filter(|node| bits >> node & 1 == 1).collect();
            self.world.membership(&nodes);
            assert_eq!(self.other.apply_membership(&membership(&nodes), self.world.index, 1), self.world.commit);
            return self.agree(&before.state);
        }
        let Some(intent) = self.world.intent(&step.action) else { return };
        let Some(groups) = self.groups(step, &intent) else { return };
        let key = step.key.map(|(hash, fingerprint)| KeyUse { hash: [hash; 32], fingerprint: [fingerprint; 16] });
        let at_ms = self.world.draw().now_ms.saturating_add_signed(step.clock);
        let entry = Entry { at_ms, principal: Principal::anonymous(), intent, key, groups };
        let bytes = seal(Kind::Entry, &entry).unwrap();
        let response = self.world.apply(&entry);
        // Another node reads the entry from its log and comes to the very same.
        let (same, commit) = self.other.apply(&open(Kind::Entry, &bytes).unwrap(), self.world.index, 1);
        assert_eq!((same, &commit), (response.clone(), &self.world.commit));
        if entry.key.is_none() && step.behind == 0 {
            // What a plan accepts, apply accepts on the same state.
            assert!(response.outcomes.iter().all(Result::is_ok), "{response:?} to {entry:?}");
        }
        if response.outcomes.iter().all(Result::is_err) {
            assert!(commit.is_none());
            assert_eq!(self.world.machine.keys, before.keys, "a refusal was remembered");
        }
        if commit.is_none() {
            assert_eq!(*self.world.state(), before.state, "a refused entry changed something");
        }
        self.agree(&before.state);
    }

    /// What the leader would propose, on the state as it is or as it was; none where the plan refuses.
    fn groups(&self, step: &Step, intent: &Intent) -> Option<Vec<Group>> {
        if let Action::BeginFencing { broker } = step.action {
            let broker = self.world.state().broker(id(broker)).filter(|broker| !broker.held && broker.state != BrokerState::Fenced)?;
            let (id, epoch) = (broker.id, broker.epoch);
            return Some(vec![Group::of(vec![Command::UpdateBrokerStatus {
                id,
                epoch,
                state: BrokerState::Fencing,
                held: false,
                by_operator: false,
            }])]);
        }
        // The last of the past is the present.
        let present = self.past.len() - 1;
        let state = &self.past[present - step.behind.min(present)];
        plan(state, &self.world.liveness, &self.world.draw(), intent).ok().map(|plan| plan.groups())
    }

    /// The machine, its replica, the other node, the snapshots and the slices all say the same.
    fn agree(&self, before: &State) {
        let World { machine, replica, commit, .. } = &self.world;
        let state = &machine.state;
        assert_eq!(state, replica, "apply and absorb differ");
        assert_eq!((state.total(), state.digest()), (replica.total(), replica.digest()));
        assert_eq!(machine, &self.other);
        invariants::hold_in(state);
        invariants::hold_between(before, state, &commit.as_ref().map(invariants::reports).unwrap_or_default());
        assert_eq!(snapshot::decode_machine(&snapshot::encode_machine(machine).unwrap()).unwrap(), *machine);
        let restored = snapshot::decode_state(&snapshot::encode_state(state).unwrap()).unwrap();
        assert_eq!(restored, *state);
        invariants::hold_in(&restored);
        if let Some(commit) = commit {
            assert_eq!((commit.prev_index, commit.index), (before.revision(), state.revision()));
            let frame = Frame::Commit(commit.clone().into());
            assert_eq!(Frame::decode(&frame.encode().unwrap()).unwrap(), frame);
        }
        same_in_slices(state);
    }
}

fn same_in_slices(state: &State) {
    let topics: Vec<TopicId> = state.topics_after(None).map(|topic| topic.id).collect();
    for (rows, whole) in [(&topics[..], &topics[..0]), (&topics[..topics.len() / 2], &topics[topics.len() / 2..]), (&[], &[])] {
        let slice = slice::decode(&slice::encode(state, rows, whole).unwrap()).unwrap();
        let known = Known { node_id: 1, pulse: None, quorum_age_ms: 0, fault: None };
        let views = |state: &State| {
            (verdict(state, &known), state.level(), state.total(), cluster(state, &known), state.digest(), state.revision())
        };
        assert_eq!(views(&slice), views(state));
        for id in rows.iter().chain(whole) {
            assert_eq!(
                (slice.topic(*id), slice.tally(*id), slice.partition(*id, 0)),
                (state.topic(*id), state.tally(*id), state.partition(*id, 0))
            );
        }
        for id in whole {
            assert!(slice.partitions_of(*id).eq(state.partitions_of(*id)));
        }
        for broker in state.brokers() {
            assert_eq!((slice.broker(broker.id), slice.load(broker.id)), (Some(broker), state.load(broker.id)));
        }
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn any_history_keeps_every_promise(brokers in prop_oneof![3 => Just(4usize), 1 => 0usize..4], steps in prop::collection::vec(step(), 1..70)) {
        let world = World::online(&[101, 102, 103, 104][..brokers]);
        let mut history = History { other: world.machine.clone(), past: vec![world.state().clone()], world };
        for step in &steps {
            history.take(step);
            history.past.push(history.world.state().clone());
        }
    }

    #[test]
    fn a_wrong_expectation_refuses_the_group_and_spares_its_neighbours(wrong in prop::collection::vec(any::<bool>(), 1..6)) {
        let mut world = World::online(&[101]);
        let topic_id = world.create(topic("t", 1, 1));
        let changed_index = world.state().topic(topic_id).unwrap().changed_index;
        let group = |(nth, wrong): (usize, &bool)| Group {
            expected: Some(Expected::Topic { topic_id, changed_index: if *wrong { 0 } else { changed_index } }),
            commands: vec![Command::RegisterTopic { topic_id: TopicId(Uuid::from_u128(nth as u128)), name: format!("n{nth}"), configs: Configs::new() }],
        };
        let groups = wrong.iter().enumerate().map(group).collect();
        let intent = Intent::CreateTopics { topics: Vec::new() };
        let response = world.apply(&Entry { at_ms: 0, principal: Principal::anonymous(), intent, key: None, groups });
        prop_assert!(response.outcomes.iter().map(Result::is_err).eq(wrong.iter().copied()));
        prop_assert_eq!(world.state().topic_count(), 1 + wrong.iter().filter(|wrong| !**wrong).count());
        prop_assert_eq!(world.commit.is_some(), wrong.contains(&false));
    }
}
