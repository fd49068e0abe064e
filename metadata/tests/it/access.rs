//! Who may do what: each role against each demand, what the table takes, and that an entry is judged when it is applied.

use crate::fixture::{World, id, topic};
use metadata::access::{Access, AccessChange, Credential, Demand, Fingerprint, NewToken, Role};
use metadata::contract::Need;
use metadata::snapshot::{decode_machine, encode_machine, encode_state};
use metadata::{Code, Command, Entry, Intent, KeyUse, Principal, Rejection, Response, SecretHash};

const DAY_MS: u64 = 86_400_000;
const OPERATORS: &str = "000000000001";
const ADMINS: &str = "00000000000a";

fn token(id: &str) -> NewToken {
    NewToken { id: id.to_owned(), hash: SecretHash([5; 32]), holds_ms: 90 * DAY_MS }
}

fn add(name: &str, role: Role, token: Option<NewToken>) -> AccessChange {
    AccessChange::AddAccount { name: name.to_owned(), role, token }
}

fn operator(prefixes: &[&str]) -> Role {
    Role::Operator { prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect() }
}

fn shows(id: &str) -> Credential {
    Credential::Token { id: id.to_owned() }
}

fn topics(names: &[&str]) -> Demand {
    Demand::Topics { names: names.iter().map(|name| (*name).to_owned()).collect() }
}

/// docs/security.md, "Who may do what".
#[test]
fn each_role_has_its_grants_and_no_others() {
    let roles = [Role::Viewer, operator(&["ci.", "dev-"]), operator(&[]), Role::Admin, Role::Broker { id: id(101) }];
    let cases: [(Demand, [bool; 5]); 9] = [
        (Demand::View, [true, true, true, true, true]),
        (topics(&["ci.orders"]), [false, true, true, true, false]),
        (topics(&["ci.orders", "dev-x"]), [false, true, true, true, false]),
        (topics(&["ci.orders", "orders"]), [false, false, true, true, false]),
        (topics(&[]), [false, false, true, true, false]),
        (Demand::Brokers, [false, false, true, true, false]),
        (Demand::Admin, [false, false, false, true, false]),
        (Demand::OwnId { id: id(101) }, [false, false, false, false, true]),
        (Demand::OwnId { id: id(102) }, [false, false, false, false, false]),
    ];
    for (demand, expected) in cases {
        assert_eq!(roles.each_ref().map(|role| role.may(&demand)), expected, "{demand:?}");
    }
    let needs = [
        (Need::Nothing, [true, true, true, true, true]),
        (Need::View, [true, true, true, true, true]),
        (Need::Topics, [false, true, true, true, false]),
        (Need::Brokers, [false, false, true, true, false]),
        (Need::Admin, [false, false, false, true, false]),
        (Need::OwnId, [false, false, false, false, true]),
    ];
    for (need, expected) in needs {
        assert_eq!(roles.each_ref().map(|role| role.has(need)), expected, "{need:?}");
    }
}

fn claimed() -> Access {
    let mut access = Access::default();
    access.change(&add("ops", Role::Admin, Some(token(ADMINS))), 0, 1).unwrap();
    access.change(&add("ci", operator(&["ci."]), Some(token(OPERATORS))), 0, 2).unwrap();
    access
}

fn code(access: &Access, credential: &Credential, demand: &Demand, now_ms: u64) -> Option<Code> {
    access.authorise(credential, demand, now_ms).err().map(|no| no.code)
}

#[test]
fn who_is_known_is_judged_and_who_is_not_is_refused() {
    let open = Access::default();
    assert_eq!(code(&open, &Credential::Nobody, &Demand::Admin, 0), None, "nobody has an account yet");
    let access = claimed();
    let certificate = |id_of| Credential::BrokerCertificate { id: id(id_of), fingerprint: Fingerprint([1; 32]) };
    let controller = Credential::ControllerCertificate { id: 1, fingerprint: Fingerprint([2; 32]) };
    for (credential, demand, now_ms, expected) in [
        (Credential::Nobody, Demand::View, 0, Some(Code::Unauthenticated)),
        (shows("ffffffffffff"), Demand::View, 0, Some(Code::Unauthenticated)),
        (shows(OPERATORS), topics(&["ci.a"]), 0, None),
        (shows(OPERATORS), topics(&["a"]), 0, Some(Code::Forbidden)),
        (shows(OPERATORS), Demand::Brokers, 0, Some(Code::Forbidden)),
        (shows(OPERATORS), Demand::View, 90 * DAY_MS - 1, None),
        (shows(OPERATORS), Demand::View, 90 * DAY_MS, Some(Code::Unauthenticated)),
        (shows(ADMINS), Demand::Admin, 0, None),
        (shows(ADMINS), Demand::OwnId { id: id(101) }, 0, Some(Code::Forbidden)),
        (certificate(101), Demand::OwnId { id: id(101) }, 0, None),
        (certificate(101), Demand::OwnId { id: id(102) }, 0, Some(Code::Forbidden)),
        (certificate(101), Demand::Brokers, 0, Some(Code::Forbidden)),
        (controller.clone(), Demand::View, 0, None),
        (controller, topics(&["a"]), 0, Some(Code::Forbidden)),
        (Credential::Local, Demand::Admin, 0, None),
    ] {
        assert_eq!(code(&access, &credential, &demand, now_ms), expected, "{credential:?} {demand:?} {now_ms}");
    }
    // What is missing is said.
    let no = access.authorise(&shows(OPERATORS), &topics(&["ci.a", "orders"]), 0).unwrap_err();
    assert!(no.detail.contains("service:ci") && no.detail.contains("\"topics\"") && no.allowed.unwrap().contains("\"orders\""));
}

#[test]
fn the_table_takes_what_it_can_be_changed_by_later() {
    /// The code, and the field at fault.
    type Taken = Result<(), (Code, &'static str)>;
    let cases: [(AccessChange, Taken); 16] = [
        (add("a", Role::Viewer, None), Ok(())),
        (add("ci", Role::Viewer, None), Err((Code::AccountExists, "name"))),
        (add("", Role::Viewer, None), Err((Code::InvalidRequest, "name"))),
        (add("Ci", Role::Viewer, None), Err((Code::InvalidRequest, "name"))),
        (add("anonymous", Role::Viewer, None), Err((Code::InvalidRequest, "name"))),
        (add(&"a".repeat(65), Role::Viewer, None), Err((Code::InvalidRequest, "name"))),
        (add("a", operator(&["a b"]), None), Err((Code::InvalidRequest, "prefixes"))),
        (add("a", operator(&[""]), None), Err((Code::InvalidRequest, "prefixes"))),
        (add("a", Role::Viewer, Some(NewToken { holds_ms: 0, ..token("1") })), Err((Code::InvalidRequest, "expires_in_days"))),
        (add("a", Role::Viewer, Some(NewToken { holds_ms: 366 * DAY_MS, ..token("1") })), Err((Code::InvalidRequest, "expires_in_days"))),
        (AccessChange::AddToken { account: "nobody".to_owned(), token: token("1") }, Err((Code::UnknownAccount, "name"))),
        (AccessChange::AddToken { account: "ci".to_owned(), token: token(ADMINS) }, Err((Code::InvalidRequest, "id"))),
        (AccessChange::RemoveToken { id: "1".to_owned() }, Err((Code::UnknownToken, "id"))),
        (AccessChange::RemoveAccount { name: "ops".to_owned() }, Err((Code::PolicyViolation, "role"))),
        (AccessChange::ChangeRole { name: "ops".to_owned(), role: Role::Viewer }, Err((Code::PolicyViolation, "role"))),
        (AccessChange::RemoveAccount { name: "ci".to_owned() }, Ok(())),
    ];
    for (change, expected) in cases {
        let mut access = claimed();
        let before = access.clone();
        let changed = access.change(&change, 1, 9);
        match (&changed, expected) {
            (Ok(()), Ok(())) => {}
            (Err(no), Err((code, field))) => assert_eq!((no.code, no.field.as_deref()), (code, Some(field)), "{change:?}"),
            (changed, expected) => panic!("{change:?}: {changed:?}, and {expected:?} was expected"),
        }
        assert_eq!(access == before, changed.is_err(), "{change:?}");
    }
    // The first account closes the cluster, so it has to be able to open it to others.
    for (role, token) in [(Role::Viewer, Some(token("1"))), (Role::Admin, None)] {
        let no = Access::default().change(&add("first", role, token), 0, 1).unwrap_err();
        assert_eq!(no.code, Code::PolicyViolation);
    }
    // A removed account takes its tokens along, and what has expired goes with the next change.
    let mut access = claimed();
    access.change(&AccessChange::RemoveAccount { name: "ci".to_owned() }, 1, 3).unwrap();
    assert!(access.token(OPERATORS).is_none() && access.token(ADMINS).is_some());
    access.change(&AccessChange::Revoke { fingerprint: Fingerprint([1; 32]) }, 91 * DAY_MS, 4).unwrap();
    assert!(access.token(ADMINS).is_none() && access.revoked(&Fingerprint([1; 32])));
}

#[test]
fn the_table_is_bounded() {
    let mut access = claimed();
    let mut last = Ok(());
    for number in 0..1_001_u64 {
        last = access.change(&add(&format!("a-{number}"), Role::Viewer, None), 0, 10 + number);
    }
    assert_eq!(last.map_err(|no| no.code), Err(Code::PolicyViolation));
    let mut last = Ok(());
    for number in 0..5_001_u64 {
        last = access.change(&AccessChange::AddToken { account: "ci".to_owned(), token: token(&number.to_string()) }, 0, 10 + number);
    }
    assert_eq!(last.map_err(|no| no.code), Err(Code::PolicyViolation));
}

#[test]
fn fingerprints_are_read_as_programs_print_them() {
    let hex = "0a".repeat(32);
    let colons = vec!["0A"; 32].join(":");
    assert_eq!(Fingerprint::parse(&hex), Some(Fingerprint([10; 32])));
    assert_eq!(Fingerprint::parse(&colons), Some(Fingerprint([10; 32])));
    assert_eq!(Fingerprint([10; 32]).to_string(), hex);
    for bad in ["", "0a", &hex[1..], &format!("{hex}0a"), &hex.replace('a', "g"), &"é".repeat(32)] {
        assert_eq!(Fingerprint::parse(bad), None, "{bad}");
    }
}

/// A cluster with accounts, as its entries make it.
fn world() -> World {
    let mut world = World::online(&[101, 102]);
    for change in [add("ops", Role::Admin, Some(token(ADMINS))), add("ci", operator(&["ci."]), Some(token(OPERATORS)))] {
        let response = by(&mut world, Credential::Local, Intent::ChangeAccess { change }, None);
        assert!(response.outcomes[0].is_ok(), "{response:?}");
    }
    world
}

/// Applies an entry as the leader wrote it down for whoever shows this; what it planned does not depend on them.
fn by(world: &mut World, credential: Credential, intent: Intent, key: Option<KeyUse>) -> Response {
    let demand = Demand::of(&intent);
    let mut groups = world.plan(&intent).unwrap().groups();
    if let (false, Some(first)) = (credential == Credential::Nobody, groups.first_mut()) {
        first.commands.insert(0, Command::Require { credential, demand, address: None });
    }
    world.apply(&Entry { at_ms: 1, principal: Principal::anonymous(), intent, key, groups })
}

fn create(name: &str) -> Intent {
    Intent::CreateTopics { topics: vec![topic(name, 1, 1)] }
}

fn refused(response: &Response) -> Option<Code> {
    response.outcomes[0].as_ref().err().map(|no: &Rejection| no.code)
}

#[test]
fn an_entry_is_judged_when_it_is_applied() {
    let mut world = world();
    assert_eq!(refused(&by(&mut world, shows(OPERATORS), create("ci.a"), None)), None);
    assert_eq!(refused(&by(&mut world, shows(OPERATORS), create("a"), None)), Some(Code::Forbidden));
    // Planned while the cluster was open, applied after it was claimed.
    assert_eq!(refused(&by(&mut world, Credential::Nobody, create("b"), None)), Some(Code::Unauthenticated));
    // Controllers go on by themselves.
    let fence = world.entry(Intent::FenceBroker { id: id(102), expected: None }).unwrap();
    let response = world.apply(&Entry { principal: Principal::controller(1), ..fence });
    assert!(response.outcomes[0].is_ok(), "{response:?}");
    let revoke = Intent::ChangeAccess { change: AccessChange::RemoveToken { id: OPERATORS.to_owned() } };
    let before = world.machine.state.revision();
    assert_eq!(refused(&by(&mut world, shows(ADMINS), revoke, None)), None);
    assert!(world.commit.is_none() && world.machine.state.revision() == before, "the feed was told of it");
    assert_eq!(refused(&by(&mut world, shows(OPERATORS), create("ci.b"), None)), Some(Code::Unauthenticated));
    assert!(world.machine.state.topic_by_name("ci.b").is_none());
}

#[test]
fn a_key_tells_nothing_to_whom_it_is_not_for() {
    let mut world = world();
    let key = KeyUse { hash: [1; 32], fingerprint: [2; 16] };
    assert_eq!(refused(&by(&mut world, shows(OPERATORS), create("ci.a"), Some(key.clone()))), None);
    let again = |world: &mut World| {
        let require = Command::Require { credential: shows(OPERATORS), demand: topics(&["ci.a"]), address: None };
        let groups = vec![metadata::Group::of(vec![require])];
        let intent = create("ci.a");
        world.apply(&Entry { at_ms: 1, principal: Principal::service("ci"), intent, key: Some(key.clone()), groups })
    };
    assert_eq!(refused(&again(&mut world)), None, "the first outcome is told again");
    let remove = Intent::ChangeAccess { change: AccessChange::RemoveAccount { name: "ci".to_owned() } };
    assert_eq!(refused(&by(&mut world, shows(ADMINS), remove, None)), None);
    assert_eq!(refused(&again(&mut world)), Some(Code::Unauthenticated));
}

#[test]
fn it_is_in_snapshots_and_nowhere_else() {
    let world = world();
    let bytes = encode_machine(&world.machine).unwrap();
    // The digest among the rest: it comes to the same by all the changes and from the whole.
    assert_eq!(decode_machine(&bytes).unwrap(), world.machine);
    assert_ne!(world.machine.proof().1, world.machine.state.digest());
    let state = encode_state(&world.machine.state).unwrap();
    for secret in [&[5_u8; 32][..], OPERATORS.as_bytes()] {
        assert!(bytes.windows(secret.len()).any(|window| window == secret));
        assert!(!state.windows(secret.len()).any(|window| window == secret));
    }
    assert!(!format!("{:?}", world.machine.access).contains("5, 5, 5"), "a hash is written to a log");
}

#[test]
fn before_every_controller_knows_of_it_there_is_no_table() {
    let mut machine = metadata::Machine::default();
    let change = add("ops", Role::Admin, Some(token(ADMINS)));
    let groups = vec![metadata::Group::of(vec![Command::ChangeAccess { change: change.clone() }])];
    let intent = Intent::ChangeAccess { change };
    let (response, _) = machine.apply(&Entry { at_ms: 1, principal: Principal::anonymous(), intent, key: None, groups }, 1, 1);
    assert_eq!(refused(&response), Some(Code::NotController));
    assert!(!machine.access.claimed());
}
