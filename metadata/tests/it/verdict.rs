//! The verdict is the worst truth: whatever else is wrong, the headline speaks of what is worst, and the rest is named behind it.

use crate::fixture::{World, by_hand, configs, id};
use metadata::frame::{Backup, NodePulse, Pulse, Role};
use metadata::views::{self, Health, Known, Level, Quorum, Reason, STALE_MS, Verdict, verdict};
use metadata::{Change, ControllerNode, Intent, State};

/// Controllers 1, 2, … of which these do not answer, the last `learners` without a vote.
fn pulse(controllers: u64, learners: u64, silent: &[u64]) -> Pulse {
    let role = |id: u64| match id {
        _ if silent.contains(&id) => Role::Unreachable,
        1 => Role::Leader,
        _ if id > controllers - learners => Role::Learner,
        _ => Role::Follower,
    };
    let node = |id: u64| NodePulse {
        id,
        url: format!("http://c{id}"),
        role: role(id),
        voter: id <= controllers - learners,
        last_log_index: 9,
        applied_index: 9,
        last_contact_ms: Some(5),
        digest: None,
        snapshot_index: None,
    };
    Pulse {
        at_ms: 1_000,
        age_ms: 0,
        leader_id: Some(1),
        term: 4,
        nodes: (1..=controllers).map(node).collect(),
        brokers: Vec::new(),
        backup: Backup::Off,
        since: None,
        commits_10s: 0,
    }
}

fn fence(world: &mut World, broker: u32) {
    world.submit(Intent::FenceBroker { id: id(broker), expected: None }).unwrap();
}

/// Six partitions on three brokers with two in sync asked for, of which these brokers are fenced.
fn state(fenced: &[u32]) -> State {
    let mut world = World::online(&[101, 102, 103]);
    let rows: Vec<&[u32]> = vec![&[101, 102, 103]; 6];
    world.create(metadata::intent::NewTopic { configs: configs(&[("min.insync.replicas", "2")]), ..by_hand("orders", &rows) });
    fenced.iter().for_each(|broker| fence(&mut world, *broker));
    world.state().clone()
}

fn known(pulse: &Pulse) -> Known<'_> {
    Known { node_id: 1, pulse: Some(pulse), quorum_age_ms: 20, fault: None }
}

/// That the verdict gives these reasons in this order, and speaks of the first one.
#[track_caller]
fn gives(verdict: &Verdict, reasons: &[Reason], headline: &str) {
    let found: Vec<Reason> = verdict.findings.iter().map(|finding| finding.reason).collect();
    assert_eq!(found, reasons);
    assert_eq!(verdict.headline, headline);
    assert_eq!(verdict.level, reasons.first().map_or(Level::Healthy, |worst| worst.level()));
}

/// The state, how many controllers there are, which are silent and how old the quorum is; what is given and said.
type Case<'a> = (&'a State, u64, &'a [u64], u64, Vec<Reason>, &'a str);

#[test]
fn verdict_is_the_worst_truth() {
    use Reason::{
        AtMinIsr, BelowMinIsr, BrokersFenced, ControllersUnreachable, NoLeader, NoQuorum, OfflinePartitions, QuorumAtMinimum,
        UnderReplicated,
    };
    let (well, one_fenced) = (state(&[]), state(&[103]));
    let (two_fenced, all_fenced) = (state(&[102, 103]), state(&[101, 102, 103]));
    let fenced = [AtMinIsr, BrokersFenced, UnderReplicated];
    let with = |first: &[Reason]| [first, &fenced].concat();
    let broker = "Broker 103 is fenced: 6 partitions under-replicated, none offline";
    let cases: Vec<Case<'_>> = vec![
        (&well, 3, &[], 20, vec![], "All 6 partitions in sync"),
        (&well, 1, &[], 0, vec![], "All 6 partitions in sync"),
        (&one_fenced, 3, &[], 20, with(&[]), broker),
        // With one of three left nothing else comes first.
        (&one_fenced, 3, &[2, 3], 9_000, with(&[NoQuorum]), "Node 1 reaches 1 of 3 controllers: nothing can be decided"),
        (
            &two_fenced,
            3,
            &[2, 3],
            9_000,
            vec![NoQuorum, BelowMinIsr, BrokersFenced, UnderReplicated],
            "Node 1 reaches 1 of 3 controllers: nothing can be decided",
        ),
        (&one_fenced, 5, &[3, 4, 5], 3_001, with(&[NoQuorum]), "Node 1 reaches 2 of 5 controllers: nothing can be decided"),
        (&one_fenced, 3, &[3], 3_001, with(&[NoLeader]), "No controller leads: nothing can be decided"),
        (&one_fenced, 1, &[], 3_001, with(&[NoLeader]), "No controller leads: nothing can be decided"),
        // An election takes less than three seconds.
        (&well, 3, &[], 3_000, vec![], "All 6 partitions in sync"),
        (&well, 3, &[3], 20, vec![QuorumAtMinimum], "Controller 3 is unreachable: one more failure stops all decisions"),
        (&one_fenced, 3, &[3], 20, with(&[QuorumAtMinimum]), "Controller 3 is unreachable: one more failure stops all decisions"),
        (&well, 5, &[4, 5], 20, vec![QuorumAtMinimum], "Controllers 4 and 5 are unreachable: one more failure stops all decisions"),
        // A majority was heard just now, though most do not answer what is asked beside Raft.
        (&well, 3, &[2, 3], 20, vec![QuorumAtMinimum], "Controllers 2 and 3 are unreachable: one more failure stops all decisions"),
        (&well, 5, &[5], 20, vec![ControllersUnreachable], "Controller 5 is unreachable: 1 more failure is survived"),
        // What is nearer to harm comes first.
        (&one_fenced, 5, &[5], 20, [&fenced[..], &[ControllersUnreachable]].concat(), broker),
        (
            &two_fenced,
            3,
            &[3],
            20,
            vec![BelowMinIsr, QuorumAtMinimum, BrokersFenced, UnderReplicated],
            "6 partitions are below the minimum in sync: acks=all writes stop",
        ),
        (
            &all_fenced,
            3,
            &[3],
            20,
            vec![OfflinePartitions, BelowMinIsr, QuorumAtMinimum, BrokersFenced, UnderReplicated],
            "6 partitions are offline",
        ),
    ];
    for (state, controllers, silent, quorum_age_ms, reasons, headline) in cases {
        let pulse = pulse(controllers, 0, silent);
        gives(&verdict(state, &Known { quorum_age_ms, ..known(&pulse) }), &reasons, headline);
    }
}

#[test]
fn a_node_with_a_fault_speaks_of_that_alone_and_of_the_state() {
    let pulse = pulse(3, 0, &[2, 3]);
    let known = Known { fault: Some("the disk is full. It goes on when there is room"), quorum_age_ms: 9_000, ..known(&pulse) };
    let verdict = verdict(&state(&[103]), &known);
    gives(&verdict, &[Reason::NodeFault, Reason::AtMinIsr, Reason::BrokersFenced, Reason::UnderReplicated], "Node 1 takes no part");
    assert!(verdict.explanation.starts_with("Why: the disk is full. It goes on when there is room. "), "{}", verdict.explanation);
    assert!(!known.quorum().available);
}

#[test]
fn the_backup_is_the_leaders_word_and_the_last_of_all() {
    let failing = Backup::Failing { watermark: 3, error: "no such host.".to_owned() };
    let fails = |pulse: Pulse| Pulse { backup: failing.clone(), ..pulse };
    let (well, one_missing) = (fails(pulse(3, 0, &[])), fails(pulse(5, 0, &[5])));
    let said = verdict(&state(&[]), &known(&well));
    gives(&said, &[Reason::BackupFailing], "The SQL backup is not written");
    assert!(said.explanation.ends_with(": no such host."), "{}", said.explanation);
    gives(
        &verdict(&state(&[]), &known(&one_missing)),
        &[Reason::ControllersUnreachable, Reason::BackupFailing],
        "Controller 5 is unreachable: 1 more failure is survived",
    );
    let leaderless = Pulse { leader_id: None, ..well };
    gives(&verdict(&state(&[]), &known(&leaderless)), &[], "All 6 partitions in sync");
}

#[test]
fn who_does_not_vote_is_missed_without_harm() {
    let pulse = pulse(4, 1, &[4]);
    gives(&verdict(&state(&[]), &known(&pulse)), &[Reason::ControllersUnreachable], "Controller 4 is unreachable");
    assert_eq!(known(&pulse).quorum(), Quorum { voters: 3, needed: 2, reachable: 3, available: true, age_ms: 20 });
}

#[test]
fn who_was_not_told_yet_calls_nobody_unreachable() {
    // A follower that has just started hears its leader, and has heard nothing else.
    let mut untold = pulse(3, 0, &[1, 3]);
    untold.nodes[0].role = Role::Unreachable;
    gives(&verdict(&state(&[]), &known(&untold)), &[], "All 6 partitions in sync");
    assert_eq!(known(&untold).quorum().reachable, 2, "a majority, at least");
    // Without a leader it is what the node itself saw.
    let leaderless = Pulse { leader_id: None, ..untold };
    let quorum = Known { quorum_age_ms: 9_000, ..known(&leaderless) }.quorum();
    assert_eq!((quorum.reachable, quorum.available), (1, false));
}

#[test]
fn a_node_of_no_cluster_says_so() {
    let nobody = Pulse { leader_id: None, ..pulse(0, 0, &[]) };
    let known = Known { quorum_age_ms: 10_000, ..known(&nobody) };
    gives(&verdict(&State::default(), &known), &[Reason::NoQuorum], "Node 1 belongs to no cluster yet");
}

#[test]
fn brokers_that_are_all_fenced_are_said_to_be() {
    let mut world = World::online(&[101, 102]);
    fence(&mut world, 101);
    let pulse = pulse(3, 0, &[]);
    let said = |world: &World| verdict(world.state(), &known(&pulse));
    gives(&said(&world), &[Reason::BrokersFenced], "Broker 101 is fenced, no partition is affected");
    fence(&mut world, 102);
    gives(&said(&world), &[Reason::BrokersFenced], "All 2 brokers are fenced, no partition is affected");
}

#[test]
fn the_rest_is_named_behind_the_worst() {
    let pulse = pulse(3, 0, &[2, 3]);
    let said = verdict(&state(&[103]), &Known { quorum_age_ms: 9_000, ..known(&pulse) });
    assert!(
        said.explanation.starts_with("2 are needed; controllers 2 and 3 do not answer. Topics keep serving what they have"),
        "{}",
        said.explanation
    );
    let rest = "Also: broker 103 is fenced: 6 partitions under-replicated, none offline.";
    assert!(said.explanation.ends_with(rest), "{}", said.explanation);
    let missing = self::pulse(5, 0, &[5]);
    let said_of_state = verdict(&state(&[103]), &known(&missing));
    assert!(said_of_state.explanation.contains("losing one more would stop acks=all writes."), "{}", said_of_state.explanation);
    assert!(
        said_of_state.explanation.ends_with(" Also: controller 5 is unreachable: 1 more failure is survived."),
        "{}",
        said_of_state.explanation
    );
    let health = Health::of(&state(&[103]), said.clone());
    assert_eq!((health.verdict, &health.headline, &health.reasons), (Level::Critical, &said.headline, &said.findings));
}

#[test]
fn what_was_known_last_is_never_all_well() {
    let (well, lost) = (pulse(3, 0, &[]), pulse(3, 0, &[2, 3]));
    let last = verdict(&state(&[]), &known(&well)).last_known(7);
    assert_eq!(
        (last.level, last.short.as_str(), last.headline.as_str()),
        (Level::Warning, "Not live", "Last known: all 6 partitions in sync")
    );
    assert!(last.explanation.starts_with("Node 7 is not heard any more, so this may have changed. "), "{}", last.explanation);
    let last = verdict(&state(&[]), &Known { quorum_age_ms: STALE_MS + 1, ..known(&lost) }).last_known(1);
    assert_eq!((last.level, last.worst()), (Level::Critical, Some(Reason::NoQuorum)));
}

#[test]
fn every_reason_has_its_place() {
    assert!(Reason::ALL.is_sorted());
    assert!(Reason::ALL.is_sorted_by(|worse, better| worse.level() >= better.level()), "no warning stands before what is critical");
    let names: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(names.len(), Reason::ALL.len());
    #[cfg(feature = "json")]
    for reason in Reason::ALL {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
    }
}

/// Who asks right after a change of members sees it, though what was last heard of them is from before.
#[test]
fn the_members_are_the_committed_ones_with_what_was_last_heard() {
    let heard = pulse(4, 1, &[2]);
    let committed = [(1, true), (2, true), (4, true), (5, false), (6, true)];
    let mut state = State::default();
    let member = |(id, voter)| ControllerNode { id, url: format!("http://new{id}"), voter };
    state.absorb(7, 1, &Change::ControllersChanged { controllers: committed.map(member).to_vec() });
    let known = Known { node_id: 1, pulse: Some(&heard), quorum_age_ms: 0, fault: None };
    let seen: Vec<_> =
        views::cluster(&state, &known).controllers.into_iter().map(|one| (one.id, one.role, one.voter, one.applied_index)).collect();
    let expected = [
        (1, Role::Leader, true, 9),
        (2, Role::Unreachable, true, 9),
        // Promoted, joined, and joined as a voter since; 3 was removed.
        (4, Role::Follower, true, 9),
        (5, Role::Learner, false, 0),
        (6, Role::Unreachable, true, 0),
    ];
    assert_eq!(seen, expected);
    let unnamed = views::cluster(&State::default(), &known).controllers;
    assert_eq!(unnamed, heard.nodes, "before the first membership is committed, what is heard is all there is");
}
