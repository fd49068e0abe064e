//! Placement (G, J2) as properties: distinct, led by who is online, spread over racks, even, and the same for the same draw.

use crate::fixture::{World, by_hand, code, id, ids, topic};
use damage::cases;
use metadata::draw::Preview;
use metadata::intent::NewTopic;
use metadata::placement::Placement;
use metadata::{BrokerId, BrokerState, Code, Command, Draw, Group, Intent, State};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// How many partitions a property places; enough for several rounds over every broker.
const MANY: u64 = 240;

#[derive(Default)]
struct Counts(BTreeMap<BrokerId, (u32, u32)>);

impl Counts {
    fn of(state: &State) -> Self {
        Counts(state.brokers().map(|broker| (broker.id, (state.load(broker.id).replicas, state.load(broker.id).leaders))).collect())
    }

    fn count(&mut self, row: &[BrokerId]) {
        for broker in row {
            self.0.entry(*broker).or_default().0 += 1;
        }
        self.0.entry(row[0]).or_default().1 += 1;
    }

    /// Between the largest and the smallest count: of replicas, of leaders.
    fn spread(&self) -> (u32, u32) {
        let of = |pick: fn(&(u32, u32)) -> u32| {
            let counts = || self.0.values().map(pick);
            counts().max().unwrap_or(0) - counts().min().unwrap_or(0)
        };
        (of(|counts| counts.0), of(|counts| counts.1))
    }
}

fn draw(seed: u64) -> Draw {
    Draw { now_ms: 0, seed: seed.into() }
}

fn rack(broker: BrokerId) -> u32 {
    broker.0 / 100
}

/// The placements in the plan of these topics, in order.
fn placed(world: &World, seed: u64, topics: Vec<NewTopic>) -> Vec<Vec<BrokerId>> {
    let plan = metadata::plan::plan(world.state(), &world.liveness, &draw(seed), &Intent::CreateTopics { topics }).unwrap();
    let commands = plan.groups().into_iter().flat_map(|group| group.commands);
    commands
        .flat_map(|command| match command {
            Command::AssignPartitions { assignments, .. } => assignments,
            _ => Vec::new(),
        })
        .map(|assignment| assignment.replicas)
        .collect()
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn g_replicas_are_distinct_led_by_an_active_one_and_spread_over_racks(
        sizes in prop::collection::vec(1u32..5, 1..5),
        fenced in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        factor in 1usize..7,
        seed in any::<u64>(),
    ) {
        let mut world = World::racks(&sizes);
        let all: Vec<BrokerId> = world.state().brokers().map(|broker| broker.id).collect();
        for at in fenced {
            let broker = all[at.index(all.len())];
            if world.state().active(broker) {
                world.expire(broker.0);
            }
        }
        let state = world.state();
        let active: BTreeSet<BrokerId> = all.iter().copied().filter(|broker| state.active(*broker)).collect();
        let racks: BTreeSet<u32> = active.iter().copied().map(rack).collect();
        let mut placement = Placement::new(state, &draw(seed));
        for nth in 0..MANY {
            let row = placement.place(factor, nth);
            if factor > all.len() || active.is_empty() {
                prop_assert_eq!(row, None);
                continue;
            }
            let row = row.unwrap();
            prop_assert_eq!(row.len(), factor);
            prop_assert_eq!(row.iter().collect::<BTreeSet<_>>().len(), factor, "a broker twice in {:?}", row);
            prop_assert!(active.contains(&row[0]), "{} leads and is not online", row[0]);
            // Fenced brokers fill only what online ones cannot.
            let online: Vec<BrokerId> = row.iter().copied().filter(|broker| active.contains(broker)).collect();
            prop_assert_eq!(online.len(), factor.min(active.len()));
            let used: BTreeSet<u32> = online.iter().copied().map(rack).collect();
            prop_assert_eq!(used.len(), factor.min(racks.len()), "racks of {:?}", row);
        }
    }

    #[test]
    fn j2_racks_of_one_size_stay_even_at_every_step(racks in 1usize..7, size in 1u32..6, factor in 1usize..8, seed in any::<u64>()) {
        let world = World::racks(&vec![size; racks]);
        let mut counts = Counts::of(world.state());
        let mut placement = Placement::new(world.state(), &draw(seed));
        for nth in 0..MANY {
            counts.count(&placement.place(factor.min(counts.0.len()), nth).unwrap());
            let (replicas, leaders) = counts.spread();
            prop_assert!(replicas <= 1 && leaders <= 1, "after {} partitions: {:?}", nth + 1, counts.0);
        }
    }

    // A rack holds one replica of a partition at most while there are others, so only where its share is no more can all be even.
    #[test]
    fn j2_a_small_rack_is_not_used_more_than_its_weight(sizes in prop::collection::vec(1u32..7, 2..7), factor in 1usize..5, seed in any::<u64>()) {
        let largest_share = sizes.iter().sum::<u32>() / sizes.iter().max().unwrap();
        let factor = factor.min(sizes.len()).min(largest_share as usize);
        let world = World::racks(&sizes);
        let mut counts = Counts::of(world.state());
        let mut placement = Placement::new(world.state(), &draw(seed));
        for nth in 0..MANY {
            counts.count(&placement.place(factor, nth).unwrap());
            let (replicas, leaders) = counts.spread();
            prop_assert!(replicas <= 2 && leaders <= 2, "after {} partitions on racks of {:?}: {:?}", nth + 1, sizes, counts.0);
        }
    }

    #[test]
    fn j2_new_topics_even_out_what_exists(
        brokers in 3u32..8,
        existing in prop::collection::vec((0u32..3, 1u32..3), 1..30),
        factor in 1usize..4,
        seed in any::<u64>(),
    ) {
        // Where every broker gets a replica of everything there is nothing to choose.
        prop_assume!(factor < brokers as usize);
        let all: Vec<u32> = (101..101 + brokers).collect();
        let mut world = World::online(&all);
        for (nth, (leader, other)) in existing.iter().enumerate() {
            // Everything lies on the first three brokers.
            world.create(by_hand(&format!("old-{nth}"), &[&[101 + leader, 101 + (leader + other) % 3]]));
        }
        let mut counts = Counts::of(world.state());
        let mut before = counts.spread().0;
        let mut placement = Placement::new(world.state(), &draw(seed));
        for nth in 0..MANY {
            counts.count(&placement.place(factor, nth).unwrap());
            let now = counts.spread().0;
            prop_assert!(now <= before.max(1), "replicas drift apart: {:?}", counts.0);
            before = now;
        }
        let (replicas, leaders) = counts.spread();
        // With one replica a partition is led where it lies: leaders cannot even out apart from replicas.
        prop_assert!(replicas <= 1 && (factor == 1 || leaders <= 1), "{:?}", counts.0);
    }

    #[test]
    fn j2_the_same_state_and_seed_place_alike(sizes in prop::collection::vec(1u32..4, 1..4), factor in 1i64..3, seed in any::<u64>()) {
        prop_assume!(sizes.iter().sum::<u32>() >= factor as u32);
        let topics = || vec![topic("a", 7, factor), topic("b", 5, factor)];
        let (one, two) = (World::racks(&sizes), World::racks(&sizes));
        prop_assert_eq!(placed(&one, seed, topics()), placed(&two, seed, topics()));
    }

    #[test]
    fn j2_a_preview_token_is_read_back(seed in any::<u128>(), hash in any::<u64>()) {
        let preview = Preview { seed, hash };
        prop_assert_eq!(preview.token().len(), 48);
        prop_assert_eq!(Preview::parse(&preview.token()), Some(preview));
    }
}

#[test]
fn j2_other_tokens_are_no_preview() {
    let token = Preview { seed: 7, hash: 9 }.token();
    let wrong = [
        String::new(),
        token[1..].to_owned(),
        format!("{token}0"),
        format!("+{}", &token[1..]),
        format!("{}+{}", &token[..32], &token[33..]),
        format!("g{}", &token[1..]),
        "ä".repeat(24),
    ];
    for text in wrong {
        assert_eq!(Preview::parse(&text), None, "{text:?}");
    }
}

#[test]
fn j2_a_preview_names_what_was_shown() {
    let mut world = World::racks(&[2, 2]);
    let preview = |world: &World, seed: u64, name| {
        let intent = Intent::CreateTopics { topics: vec![topic(name, 3, 2)] };
        let plan = metadata::plan::plan(world.state(), &world.liveness, &draw(seed), &intent).unwrap();
        Preview::of(seed.into(), &plan.groups())
    };
    let shown = preview(&world, 5, "a");
    assert_eq!(preview(&world, 5, "a"), shown);
    assert_ne!(preview(&world, 5, "b"), shown);
    assert_ne!(preview(&world, 6, "a").hash, shown.hash);
    assert_ne!(Preview::of(5, &[]).hash, Preview::of(5, &[Group::default()]).hash);
    // The cluster moved: planned with the same seed it would become something else, and the leader refuses it.
    world.expire(100);
    assert_ne!(preview(&world, 5, "a"), shown);
}

#[test]
fn j2_the_seed_breaks_ties() {
    let world = World::online(&[101, 102, 103, 104]);
    let ways: BTreeSet<_> = (0..16).map(|seed| placed(&world, seed, vec![topic("a", 1, 2)])).collect();
    assert!(ways.len() > 1, "{ways:?}");
}

#[test]
fn g_placement_under_concurrency_is_as_even_as_a_batch() {
    let brokers: Vec<u32> = (101..=107).collect();
    let mut one_by_one = World::online(&brokers);
    let mut at_once = World::online(&brokers);
    let names: Vec<String> = (0..1_024).map(|nth| format!("topic-{nth}")).collect();
    for name in &names {
        // Each is planned on the state with all before it: the leader's draft.
        one_by_one.create(topic(name, 1, 3));
    }
    at_once.submit(Intent::CreateTopics { topics: names.iter().map(|name| topic(name, 1, 3)).collect() }).unwrap();
    for world in [&one_by_one, &at_once] {
        assert_eq!(world.state().total().partitions, 1_024);
        let (replicas, leaders) = Counts::of(world.state()).spread();
        assert!(replicas <= 1 && leaders <= 1, "{:?}", Counts::of(world.state()).0);
    }
}

#[test]
fn g_topics_by_hand_in_a_batch_count_for_those_after_them() {
    let world = World::online(&[101, 102, 103]);
    let rows: [&[u32]; 4] = [&[101], &[101], &[102], &[102]];
    let rest = &placed(&world, 1, vec![by_hand("mine", &rows), topic("yours", 2, 1)])[4..];
    assert_eq!(rest, [ids(&[103]), ids(&[103])]);
    // Who leads by hand leads less afterwards.
    let rows: [&[u32]; 3] = [&[101, 102, 103], &[101, 103, 102], &[102, 103, 101]];
    let rest = &placed(&world, 1, vec![by_hand("mine", &rows), topic("yours", 3, 3)])[3..];
    let leaders: Vec<u32> = rest.iter().map(|row| row[0].0).collect();
    assert_eq!((leaders[0], leaders[1].min(leaders[2]), leaders[1].max(leaders[2])), (103, 102, 103));
}

#[test]
fn g_brokers_on_their_way_out_get_nothing() {
    let mut world = World::online(&[101, 102, 103]);
    world.create(by_hand("led", &[&[103, 101]]));
    let stopping = metadata::intent::Heartbeat { want_shut_down: true, ..world.heartbeat(103) };
    world.send(stopping);
    assert_eq!(world.broker(103).state, BrokerState::ShuttingDown);
    for row in placed(&world, 3, vec![topic("a", 50, 2)]) {
        assert!(!row.contains(&id(103)), "{row:?}");
    }
    let too_many = world.submit(Intent::CreateTopics { topics: vec![topic("b", 1, 3)] }).unwrap().remove(0);
    assert_eq!(code(too_many), Code::InvalidReplicationFactor);
}

#[test]
fn j2_an_empty_broker_takes_its_part_and_no_more() {
    let mut world = World::online(&[101, 102, 103]);
    world.create(topic("old", 30, 3));
    world.start(104);
    for row in placed(&world, 9, vec![topic("new", 10, 3)]) {
        assert!(row.contains(&id(104)), "{row:?} passes over the broker that carries least");
    }
}
