//! Sessions of brokers that are bound to a secret.

use crate::fixture::{World, id, registration};
use metadata::snapshot::{decode_machine, encode_machine};
use metadata::{Code, Command, Entry, Group, Intent, Principal, SecretHash};

const OURS: SecretHash = SecretHash([7; 32]);
const THEIRS: SecretHash = SecretHash([8; 32]);

/// Registers as the leader would write it down, bound to a secret or not.
fn register(world: &mut World, incarnation: u32, proof: Option<SecretHash>) {
    let intent = Intent::RegisterBroker { registration: registration(101, incarnation) };
    let mut commands: Vec<Command> = world.plan(&intent).unwrap().groups().into_iter().flat_map(|group| group.commands).collect();
    commands.extend(proof.map(|proof| Command::BindBroker { id: id(101), proof }));
    let entry = Entry { at_ms: 1, principal: Principal::broker(id(101)), intent, key: None, groups: vec![Group::of(commands)] };
    assert!(world.apply(&entry).outcomes.iter().all(Result::is_ok));
}

fn may(world: &World, given: Option<SecretHash>) -> bool {
    match world.machine.bindings.check(world.broker(101), given) {
        Ok(()) => true,
        Err(no) => {
            assert_eq!((no.code, no.field.as_deref()), (Code::PolicyViolation, Some("Quorate-Session")));
            false
        }
    }
}

#[test]
fn a_registration_is_spoken_for_by_its_secret_and_the_next_one_by_its_own() {
    let mut world = World::online(&[102]);
    register(&mut world, 1, Some(OURS));
    assert!(may(&world, Some(OURS)) && !may(&world, Some(THEIRS)) && !may(&world, None));
    // A fenced broker's id is free: its next process brings a secret of its own, or none, as an older build does.
    world.expire(101);
    register(&mut world, 2, Some(THEIRS));
    assert!(may(&world, Some(THEIRS)) && !may(&world, Some(OURS)));
    world.expire(101);
    register(&mut world, 3, None);
    assert!(may(&world, None) && may(&world, Some(OURS)), "nothing was said, so nothing is asked for");
}

#[test]
fn it_is_in_snapshots_and_nowhere_else() {
    let mut world = World::online(&[102]);
    register(&mut world, 1, Some(OURS));
    assert_eq!(decode_machine(&encode_machine(&world.machine).unwrap()).unwrap(), world.machine);
    assert!(!format!("{:?}", world.machine).contains("7, 7, 7"));
    #[cfg(feature = "json")]
    {
        let group = Group::of(vec![Command::BindBroker { id: id(101), proof: OURS }]);
        let shown = serde_json::to_string(&metadata::json::group(&group)).unwrap();
        assert!(shown.contains("hidden") && !shown.contains("7,7"), "{shown}");
        let commit = serde_json::to_string(&metadata::json::commit(world.commit.as_ref().unwrap())).unwrap();
        assert!(!commit.contains("proof"), "{commit}");
    }
}

#[test]
fn before_every_controller_knows_of_it_nothing_is_bound() {
    let mut machine = metadata::Machine::default();
    let bind = Command::BindBroker { id: id(101), proof: OURS };
    let intent = Intent::RegisterBroker { registration: registration(101, 1) };
    let entry = Entry { at_ms: 1, principal: Principal::broker(id(101)), intent, key: None, groups: vec![Group::of(vec![bind])] };
    let (response, _) = machine.apply(&entry, 1, 1);
    assert_eq!(response.outcomes[0].as_ref().map_err(|no| no.code), Err(Code::NotController));
    assert!(machine.bindings.is_empty());
}
