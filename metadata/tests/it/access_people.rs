//! People: passwords, sessions, and what is asked for with the password once more.

use metadata::access::session::{IDLE_MS, LONGEST_SESSION_MS, PROVEN_MS};
use metadata::access::{Access, AccessChange, Credential, Demand, Given, NewSession, NewToken, PasswordHash, Role};
use metadata::{Code, Principal, SecretHash};
use proptest::prelude::*;

fn password(text: &str) -> PasswordHash {
    PasswordHash::new(text.to_owned()).expect("it is short")
}

fn person(name: &str, role: Role) -> AccessChange {
    AccessChange::AddPerson { name: name.to_owned(), role, password: password("$argon2id$first") }
}

fn begin(account: &str, id: &str) -> AccessChange {
    let session = NewSession { id: id.to_owned(), hash: SecretHash([3; 32]), address: "127.0.0.1".to_owned() };
    AccessChange::BeginSession { account: account.to_owned(), session }
}

fn session(id: &str) -> Credential {
    Credential::Session { id: id.to_owned() }
}

/// An admin, an operator, and a session of each that began at 1 000.
fn people() -> Access {
    let mut access = Access::default();
    for (at, change) in
        [person("ana", Role::Admin), person("ben", Role::Viewer), begin("ana", "s-ana"), begin("ben", "s-ben")].iter().enumerate()
    {
        access.change(change, 1_000, at as u64 + 1).unwrap();
    }
    access
}

fn own(change: impl Fn(String) -> Demand) -> [Demand; 2] {
    ["ana", "ben"].map(|name| change(name.to_owned()))
}

#[test]
fn a_person_is_known_while_the_session_holds() {
    let mut access = people();
    let who = access.who(&session("s-ben"), 1_000).unwrap();
    assert_eq!((who.principal, who.role, who.password), (Principal::user("ben"), Some(Role::Viewer), Given::Lately));
    for (now_ms, password) in
        [(1_000 + PROVEN_MS - 1, Some(Given::Lately)), (1_000 + PROVEN_MS, Some(Given::Before)), (1_000 + IDLE_MS, None)]
    {
        assert_eq!(access.who(&session("s-ben"), now_ms).ok().map(|who| who.password), password, "{now_ms}");
    }
    // In use it holds on, and not for ever.
    for hour in 1..13 {
        let at_ms = 1_000 + hour * (IDLE_MS - 1);
        access.change(&AccessChange::SeeSession { account: "ben".to_owned(), id: "s-ben".to_owned() }, at_ms, 10 + hour).unwrap();
    }
    assert!(access.who(&session("s-ben"), 1_000 + LONGEST_SESSION_MS - 1).is_ok());
    assert_eq!(access.who(&session("s-ben"), 1_000 + LONGEST_SESSION_MS).unwrap_err().code, Code::Unauthenticated);
    assert!(access.session("s-ana").is_none(), "what has ended by itself goes with the next change");
}

#[test]
fn what_takes_the_password_once_more_takes_it() {
    let access = people();
    let checked = |account: &str, since| Credential::Password { account: account.to_owned(), since };
    let late = 1_000 + PROVEN_MS;
    let [sign_in, set, end] = [
        own(|account| Demand::SignIn { account }),
        own(|account| Demand::Password { account }),
        own(|account| Demand::Sessions { account }),
    ];
    let no = Some(Code::Forbidden);
    let cases: [(&Demand, Credential, u64, Option<Code>); 17] = [
        // A session is begun with the password alone, by nobody for another.
        (&sign_in[1], checked("ben", 2), late, None),
        (&sign_in[0], checked("ben", 2), late, no),
        (&sign_in[1], session("s-ben"), 1_000, no),
        (&sign_in[1], session("s-ana"), 1_000, no),
        (&sign_in[1], checked("ben", 1), late, Some(Code::Unauthenticated)),
        // Another password: with the one that there is, or by an admin who has just given the own one.
        (&set[1], checked("ben", 2), late, None),
        (&set[1], session("s-ben"), 1_000, no),
        (&set[1], session("s-ana"), 1_000, None),
        (&set[1], session("s-ana"), late, no),
        (&set[0], checked("ben", 2), 1_000, no),
        // Sessions are ended by whose they are, and by admins.
        (&end[1], session("s-ben"), late, None),
        (&end[0], session("s-ben"), late, no),
        (&end[1], session("s-ana"), late, None),
        (&Demand::Access, session("s-ana"), 1_000, None),
        (&Demand::Access, session("s-ana"), late, no),
        (&Demand::Access, session("s-ben"), 1_000, no),
        (&Demand::Admin, session("s-ana"), late, None),
    ];
    for (demand, credential, now_ms, expected) in cases {
        assert_eq!(access.authorise(&credential, demand, now_ms).err().map(|no| no.code), expected, "{credential:?} {demand:?} {now_ms}");
    }
    let no = access.authorise(&session("s-ana"), &Demand::Access, late).unwrap_err();
    assert_eq!(no.field.as_deref(), Some("password"), "a page asks for it by that");
}

#[test]
fn another_password_ends_the_other_sessions() {
    let mut access = people();
    access.change(&begin("ben", "s-2"), 2_000, 5).unwrap();
    let set =
        AccessChange::SetPassword { account: "ben".to_owned(), password: password("$argon2id$second"), keeps: Some("s-2".to_owned()) };
    access.change(&set, 3_000, 6).unwrap();
    assert!(access.session("s-ben").is_none() && access.session("s-2").is_some() && access.session("s-ana").is_some());
    let before = Credential::Password { account: "ben".to_owned(), since: 2 };
    assert_eq!(access.who(&before, 3_000).unwrap_err().code, Code::Unauthenticated, "whoever was checked by the old one");
    access.change(&AccessChange::EndSessions { account: "ben".to_owned(), keeps: None }, 3_000, 7).unwrap();
    assert_eq!(access.sessions_of("ben", 3_000).count(), 0);
    access.change(&AccessChange::RemoveAccount { name: "ben".to_owned() }, 3_000, 8).unwrap();
    assert_eq!(access.sessions().map(|session| session.id.as_str()).collect::<Vec<_>>(), ["s-ana"]);
}

#[test]
fn sessions_are_bounded_and_the_unused_ones_go() {
    let mut access = people();
    for number in 0..25 {
        access.change(&begin("ben", &format!("b-{number:02}")), 2_000 + number, 10 + number).unwrap();
    }
    let left: Vec<_> = access.sessions_of("ben", 3_000).map(|session| session.id.as_str()).collect();
    assert_eq!((left.len(), left[0], left[19]), (20, "b-05", "b-24"));
    assert!(access.session("s-ana").is_some(), "another's");
}

#[test]
fn what_cannot_be_is_refused() {
    let broker = Role::Broker { id: metadata::BrokerId(101) };
    let named = |name: &str| name.to_owned();
    let cases = [
        (person("ana", Role::Viewer), Code::AccountExists),
        (person("b101", broker.clone()), Code::InvalidRequest),
        (AccessChange::ChangeRole { name: named("ben"), role: broker }, Code::InvalidRequest),
        (begin("nobody", "x"), Code::UnknownAccount),
        (begin("ben", "s-ben"), Code::InvalidRequest),
        (AccessChange::SeeSession { account: named("ben"), id: named("s-ana") }, Code::Unauthenticated),
        (AccessChange::EndSession { account: named("ana"), id: named("s-ben") }, Code::Unauthenticated),
        (AccessChange::RemoveAccount { name: named("ana") }, Code::PolicyViolation),
    ];
    for (change, code) in cases {
        let mut access = people();
        assert_eq!(access.change(&change, 1_000, 9).unwrap_err().code, code, "{change:?}");
        assert_eq!(access, people(), "{change:?}");
    }
    assert_eq!(Access::default().change(&person("ben", Role::Viewer), 0, 1).unwrap_err().code, Code::PolicyViolation);
    assert!(PasswordHash::new("x".repeat(257)).is_none());
    // Neither a log nor JSON has it.
    assert_eq!(format!("{:?} {}", password("$argon2id$x"), serde_json::to_string(&password("$argon2id$x")).unwrap()), "hidden \"hidden\"");
}

#[test]
fn who_a_provider_vouches_for_gets_an_account_and_nobody_elses() {
    let admit = |name: &str, role, subject: &str, id: &str| {
        let session = NewSession { id: id.to_owned(), hash: SecretHash([3; 32]), address: "127.0.0.1".to_owned() };
        AccessChange::Admit { name: name.to_owned(), role, subject: subject.to_owned(), session }
    };
    let mut access = people();
    access.change(&admit("cy", Role::Viewer, "0b1e", "s-cy"), 2_000, 5).unwrap();
    assert_eq!(access.who(&session("s-cy"), 2_000).unwrap().role, Some(Role::Viewer));
    // Another time, with the role that the groups give then.
    access.change(&admit("cy", Role::Admin, "0b1e", "s-cy-2"), 3_000, 6).unwrap();
    assert_eq!(access.who(&session("s-cy"), 3_000).unwrap().role, Some(Role::Admin));
    let set = AccessChange::SetPassword { account: "cy".to_owned(), password: password("$argon2id$x"), keeps: None };
    for (change, code) in [
        (admit("cy", Role::Viewer, "another", "s-x"), Code::AccountExists),
        (admit("ana", Role::Viewer, "0b1e", "s-x"), Code::AccountExists),
        (admit("Cy", Role::Viewer, "0b1f", "s-x"), Code::InvalidRequest),
        (admit("dee", Role::Viewer, "", "s-x"), Code::InvalidRequest),
        (admit("dee", Role::Broker { id: metadata::BrokerId(1) }, "0b1f", "s-x"), Code::InvalidRequest),
        (set, Code::PolicyViolation),
        (
            AccessChange::AddToken {
                account: "cy".to_owned(),
                token: NewToken { id: "1".to_owned(), hash: SecretHash([1; 32]), holds_ms: 1 },
            },
            Code::PolicyViolation,
        ),
    ] {
        let before = access.clone();
        assert_eq!(access.change(&change, 3_000, 7).unwrap_err().code, code, "{change:?}");
        assert_eq!(access, before, "{change:?}");
    }
    // Who was let in to look changes nothing, not even what is theirs.
    let guest = Credential::Glance { account: "ana".to_owned(), since: 1 };
    for (demand, allowed) in [
        (Demand::View, true),
        (Demand::Sessions { account: "ana".to_owned() }, false),
        (Demand::SignIn { account: "ana".to_owned() }, false),
        (Demand::Password { account: "ana".to_owned() }, false),
        (Demand::Access, false),
    ] {
        assert_eq!(access.authorise(&guest, &demand, 3_000).is_ok(), allowed, "{demand:?}");
    }
    // What vouches for a person signs that person in, and no more.
    let vouched = Credential::Provider { account: "cy".to_owned() };
    for (demand, allowed) in [
        (Demand::SignIn { account: "cy".to_owned() }, true),
        (Demand::SignIn { account: "ana".to_owned() }, false),
        (Demand::Access, false),
        (Demand::Brokers, false),
        (Demand::Password { account: "ana".to_owned() }, false),
    ] {
        assert_eq!(access.authorise(&vouched, &demand, 3_000).is_ok(), allowed, "{demand:?}");
    }
    assert_eq!(Access::default().who(&vouched, 0).unwrap_err().code, Code::Unauthenticated, "the first account is made otherwise");
}

fn some_change() -> impl Strategy<Value = AccessChange> {
    let name = prop::sample::select(vec!["ana", "ben", "cy"]).prop_map(str::to_owned);
    let id = prop::sample::select(vec!["s-ana", "s-ben", "s-1", "s-2"]).prop_map(str::to_owned);
    (0..9_u8, name, id).prop_map(|(what, name, id)| match what {
        0 => person(&name, Role::Viewer),
        1 => AccessChange::RemoveAccount { name },
        2 => begin(&name, &id),
        3 => AccessChange::SeeSession { account: name, id },
        4 => AccessChange::ProveSession { account: name, id },
        5 => AccessChange::EndSession { account: name, id },
        6 => AccessChange::EndSessions { account: name, keeps: Some(id) },
        7 => AccessChange::AddToken { account: name, token: NewToken { id, hash: SecretHash([1; 32]), holds_ms: 5_000 } },
        _ => AccessChange::SetPassword { account: name, password: password("$argon2id$third"), keeps: None },
    })
}

proptest! {
    #![proptest_config(damage::cases(300))]

    /// Whatever happens: no session without its account, and a replica that got the whole is equal to one that got the changes.
    #[test]
    fn the_table_holds_together(changes in prop::collection::vec((some_change(), 0..IDLE_MS), 0..40)) {
        let mut access = people();
        let mut at_ms = 1_000;
        for (index, (change, later)) in changes.into_iter().enumerate() {
            at_ms += later;
            let _may_be_refused = access.change(&change, at_ms, 10 + index as u64);
            prop_assert!(access.sessions().all(|session| access.account(&session.account).is_some()));
            prop_assert!(access.tokens().all(|token| access.account(&token.account).is_some()));
        }
        let machine = metadata::Machine { access, ..crate::samples_second::guarded() };
        let bytes = metadata::snapshot::encode_machine(&machine).unwrap();
        prop_assert_eq!(metadata::snapshot::decode_machine(&bytes).unwrap().access, machine.access);
    }
}
