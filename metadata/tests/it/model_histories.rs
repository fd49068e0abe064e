//! The same histories for the state machine and for the model: after every step both have the same leaders, ISR, ELR and moves.

use crate::fixture::{World, by_hand, configs, id, registration};
use crate::model::{Model, Part, Standing};
use crate::moving::{moves, plain, start};
use metadata::intent::{Election, Heartbeat, IsrChange, IsrMember, Limits, NewTopic, TopicPartition};
use metadata::{Index, Intent, RecoveryState};
use proptest::prelude::*;
use std::collections::BTreeSet;

const BROKERS: [u32; 5] = [101, 102, 103, 104, 105];
/// Each topic with its one partition's replicas, its minimum in sync, and whether it may lose records.
const TOPICS: [(&str, &[u32], usize, bool); 4] =
    [("a", &[101, 102, 103], 2, false), ("b", &[102, 103], 1, true), ("c", &[103, 104, 101], 3, true), ("d", &[104], 1, false)];
/// More than all of them together: H10 has tests of its own.
const NO_LIMIT: Limits = Limits { per_broker: Some(100) };

#[derive(Clone, Debug)]
enum Step {
    Fence(u32),
    /// Comes back, or for the first time again.
    Back(u32),
    /// Dies and comes back as another process, after a clean stop or not.
    Restart {
        broker: u32,
        clean: bool,
    },
    Leave(u32),
    Unregister(u32),
    Report {
        topic: usize,
        bits: u8,
    },
    Recovered(usize),
    Prefer,
    Unclean(Option<usize>),
    Reassign {
        topic: usize,
        order: u8,
        factor: usize,
    },
    Cancel(usize),
    GoOn,
}

fn step() -> impl Strategy<Value = Step> {
    let broker = || proptest::sample::select(&BROKERS[..]);
    let topic = 0..TOPICS.len();
    prop_oneof![
        3 => broker().prop_map(Step::Fence),
        4 => broker().prop_map(Step::Back),
        2 => (broker(), any::<bool>()).prop_map(|(broker, clean)| Step::Restart { broker, clean }),
        1 => broker().prop_map(Step::Leave),
        1 => broker().prop_map(Step::Unregister),
        6 => (topic.clone(), any::<u8>()).prop_map(|(topic, bits)| Step::Report { topic, bits }),
        2 => topic.clone().prop_map(Step::Recovered),
        1 => Just(Step::Prefer),
        1 => proptest::option::of(topic.clone()).prop_map(Step::Unclean),
        3 => (topic.clone(), any::<u8>(), 1..4_usize).prop_map(|(topic, order, factor)| Step::Reassign { topic, order, factor }),
        1 => topic.prop_map(Step::Cancel),
        4 => Just(Step::GoOn),
    ]
}

/// Both, and what only the real one needs.
struct Both {
    world: World,
    model: Model,
    open: [Option<Index>; TOPICS.len()],
    starts: u32,
}

impl Both {
    fn new() -> Self {
        let mut world = World::online(&BROKERS);
        let mut model = Model::default();
        model.brokers.extend(BROKERS.map(|broker| (broker, Standing::Active)));
        for (name, replicas, min, unclean) in TOPICS {
            let (min_isr, lossy) = (min.to_string(), unclean.to_string());
            let keys = configs(&[("min.insync.replicas", &min_isr), ("unclean.leader.election.enable", &lossy)]);
            world.create(NewTopic { configs: keys, ..by_hand(name, &[replicas]) });
            model.parts.push(Part::new(replicas, min, unclean));
        }
        Both { world, model, open: [None; TOPICS.len()], starts: 1 }
    }

    fn standing(&self, broker: u32) -> Option<Standing> {
        self.model.brokers.get(&broker).copied()
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Fence(broker) if matches!(self.standing(broker), Some(Standing::Active | Standing::Leaving)) => {
                self.world.expire(broker);
                self.model.fence(broker);
            }
            Step::Back(broker) => match self.standing(broker) {
                Some(Standing::Fenced) => {
                    self.world.beat(broker);
                    self.model.unfence(broker);
                }
                None => self.restart(broker, false),
                _ => {}
            },
            Step::Restart { broker, clean } if self.standing(broker).is_some() => self.restart(broker, clean),
            Step::Leave(broker) if self.standing(broker) == Some(Standing::Active) => {
                let beat = Heartbeat { want_shut_down: true, ..self.world.heartbeat(broker) };
                self.world.send(beat);
                self.model.leave(broker);
            }
            Step::Unregister(broker) if self.standing(broker).is_some() => {
                self.world.liveness.sessions.remove(&id(broker));
                self.world.submit(Intent::UnregisterBroker { id: id(broker), expected: None }).unwrap().remove(0).unwrap();
                self.model.unregister(broker);
            }
            Step::Report { topic, bits } => self.report(topic, bits, None),
            Step::Recovered(topic) if self.model.parts[topic].recovering => self.report(topic, 0, Some(RecoveryState::Recovered)),
            Step::Prefer => {
                let elect = Intent::Elect { election: Election::Preferred, partitions: None, topic: None, broker: None };
                drop(self.world.submit(elect));
                self.model.prefer();
            }
            Step::Unclean(None) => {
                drop(self.world.submit(Intent::ElectUnclean));
                self.model.elect_unclean(None);
            }
            Step::Unclean(Some(topic)) => {
                let partitions = Some(vec![TopicPartition { topic: TOPICS[topic].0.to_owned(), partition: 0 }]);
                drop(self.world.submit(Intent::Elect { election: Election::Unclean, partitions, topic: None, broker: None }));
                self.model.elect_unclean(Some(topic));
            }
            Step::Reassign { topic, order, factor } => self.reassign(topic, order, factor),
            Step::Cancel(topic) => self.cancel(topic),
            Step::GoOn => {
                crate::moving::go_on(&mut self.world);
                self.model.go_on();
            }
            _ => {}
        }
    }

    fn restart(&mut self, broker: u32, clean: bool) {
        self.starts += 1;
        self.world.liveness.sessions.remove(&id(broker));
        let known = self.world.state().broker(id(broker)).map(|broker| broker.epoch);
        let previous_broker_epoch = known.filter(|_| clean);
        self.world.start_as(metadata::intent::Registration { previous_broker_epoch, ..registration(broker, self.starts) });
        match (known, clean) {
            (Some(_), true) => self.model.fence(broker),
            (Some(_), false) => self.model.lose(broker),
            (None, _) => {}
        }
        self.model.unfence(broker);
    }

    fn report(&mut self, topic: usize, bits: u8, recovery_state: Option<RecoveryState>) {
        let part = &self.model.parts[topic];
        let Some(leader) = part.leader else { return };
        let chosen = |at: usize| recovery_state.is_none() && bits >> at & 1 == 1;
        let isr: BTreeSet<u32> = part
            .replicas
            .iter()
            .enumerate()
            .filter(|(at, replica)| **replica == leader || chosen(*at))
            .map(|(_, replica)| *replica)
            .collect();
        let taken = self.model.takes(topic, &isr);
        let change = IsrChange {
            recovery_state,
            isr: isr.iter().map(|broker| IsrMember { broker: id(*broker), broker_epoch: None }).collect(),
            ..self.world.isr_change(TOPICS[topic].0, &[])
        };
        let outcome = self.world.propose(leader, vec![change]).map(|mut outcomes| outcomes.remove(0));
        let moved_away = matches!(&outcome, Ok(Err(no)) if no.code == metadata::Code::NewLeaderElected);
        assert_eq!(matches!(outcome, Ok(Ok(_))) || moved_away, taken, "{isr:?} of {:?}: {outcome:?}", self.model.parts[topic]);
        if taken {
            self.model.report(topic, isr, recovery_state.is_some());
        }
    }

    fn reassign(&mut self, topic: usize, order: u8, factor: usize) {
        // Some order of the brokers that there are.
        let mut all: Vec<u32> = self.model.brokers.keys().copied().collect();
        let turn = usize::from(order) % all.len().max(1);
        all.rotate_left(turn);
        if order & 64 != 0 {
            all.reverse();
        }
        let to: Vec<u32> = all.into_iter().take(factor).collect();
        // What goes there already is no move; one whose target is gone goes back to where it began.
        let part = &self.model.parts[topic];
        let registered = |broker: &u32| self.model.brokers.contains_key(broker);
        let goes_to = part.going.as_ref().map_or(&part.replicas, |going| {
            let doomed = going.to.iter().any(|broker| !registered(broker) && !going.from.contains(broker));
            if doomed { &going.from } else { &going.to }
        });
        if to.is_empty() || *goes_to == to {
            return;
        }
        if let Ok(reassignment) = start(&mut self.world, moves(&[(TOPICS[topic].0, 0, &to)], NO_LIMIT)) {
            self.open[topic] = Some(reassignment);
            self.model.reassign(topic, &to);
        }
    }

    fn cancel(&mut self, topic: usize) {
        let open = self.open[topic].filter(|_| self.model.parts[topic].going.is_some());
        let Some(reassignment) = open else { return };
        let cancelled = self.world.submit(Intent::CancelReassignment { id: reassignment }).is_ok();
        assert_eq!(cancelled, self.model.cancel(topic), "{:?}", self.model.parts[topic]);
    }

    fn compare(&self, step: &Step) {
        for (at, (name, ..)) in TOPICS.into_iter().enumerate() {
            let (real, part) = (self.world.partition(name, 0), &self.model.parts[at]);
            let set = |ids: &[metadata::BrokerId]| plain(ids).into_iter().collect::<BTreeSet<_>>();
            let is = (plain(&real.replicas), set(&real.adding_replicas), set(&real.removing_replicas));
            assert_eq!(is, (part.replicas.clone(), part.adding.clone(), part.removing.clone()), "{name} after {step:?}");
            let roles = (real.leader.map(|id| id.0), set(&real.isr), set(&real.elr), real.last_known_leader.map(|id| id.0));
            assert_eq!(roles, (part.leader, part.isr.clone(), part.elr.clone(), part.last), "{name} after {step:?}");
            assert_eq!(real.recovery_state == RecoveryState::Recovering, part.recovering, "{name} after {step:?}");
            let open = self.world.state().open_move(self.world.topic_id(name), 0).is_some();
            assert_eq!(open, part.going.is_some(), "{name} has an open move, or none, after {step:?}: {part:?}");
        }
        for broker in BROKERS {
            let is = self.world.state().broker(id(broker)).map(|broker| match broker.state {
                metadata::BrokerState::Online => Standing::Active,
                metadata::BrokerState::ShuttingDown => Standing::Leaving,
                _ => Standing::Fenced,
            });
            assert_eq!(is, self.standing(broker), "{broker} after {step:?}");
        }
    }
}

proptest! {
    #![proptest_config(damage::cases(10_000))]

    #[test]
    fn the_model_and_the_state_machine_go_the_same_way(steps in proptest::collection::vec(step(), 1..30)) {
        let mut both = Both::new();
        for step in &steps {
            both.take(step);
            both.compare(step);
        }
    }
}
