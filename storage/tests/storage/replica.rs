//! What the copy takes, what it refuses, and what it then says.

use crate::cluster::Cluster;
use anyhow::{Context, Result, ensure};
use metadata::Index;
use serde_json::{Value, json};
use storage::push::{Push, restore};
use storage::replica::{Refused, Replica, Touched};
use uuid::Uuid;

fn accept(replica: &Replica, push: &Value) -> Result<Result<Index, Refused>> {
    Ok(replica.accept(Push::parse(push.to_string().as_bytes())?))
}

/// Three brokers, two topics with some history, one deleted topic.
fn cluster() -> Result<Cluster> {
    let mut cluster = Cluster::new(1, 2)?;
    for id in [101, 102, 103] {
        cluster.broker(id)?;
    }
    cluster.topic("gone", &[&[101]])?;
    cluster.topic("orders.v1", &[&[101, 102], &[102, 103]])?;
    cluster.delete("gone")?;
    let ops = serde_json::from_value(json!([{ "key": "min.insync.replicas", "op": "set", "value": "2" }]))?;
    cluster.submit(metadata::Intent::ChangeConfigs { name: "orders.v1".to_owned(), ops, expected: None })?;
    cluster.topic("payments", &[&[103, 101]])?;
    Ok(cluster)
}

#[test]
fn a_view_is_restored_exactly() -> Result<()> {
    let cluster = cluster()?;
    let state = restore(metadata::views::full(cluster.state()));
    assert_eq!((state.digest(), state.revision()), (cluster.state().digest(), cluster.state().revision()));
    assert_eq!(state.digest_from_scratch(), state.digest());
    assert_eq!(metadata::views::full(&state), metadata::views::full(cluster.state()));
    Ok(())
}

#[test]
fn a_snapshot_then_changes_of_several_commits_at_once() -> Result<()> {
    let mut cluster = cluster()?;
    let replica = Replica::new(None);
    let mut watcher = replica.watch();
    let snapshot = cluster.state().revision();
    assert_eq!(accept(&replica, &cluster.snapshot()?)?, Ok(snapshot));
    assert_eq!(watcher.take().1, Touched::All);

    let one = cluster.topic("one", &[&[101]])?;
    let two = cluster.topic("two", &[&[102]])?;
    cluster.delete("one")?;
    let push = cluster.changes(snapshot)?;
    assert_eq!(accept(&replica, &push)?, Ok(cluster.index));
    let (image, touched) = watcher.take();
    assert_eq!(touched, Touched::Topics([one, two].into()));
    assert_eq!(image.map(|image| image.state.digest()), Some(cluster.state().digest()));

    assert_eq!(accept(&replica, &push)?, Ok(cluster.index), "sent twice, taken once");
    cluster.topic("three", &[&[103]])?;
    assert_eq!(accept(&replica, &cluster.changes(snapshot)?)?, Ok(cluster.index), "what it has already is skipped");
    Ok(())
}

#[test]
fn everything_from_the_beginning_needs_no_snapshot() -> Result<()> {
    let cluster = cluster()?;
    let replica = Replica::new(None);
    replica.registered(cluster.state().identity());
    assert_eq!(accept(&replica, &cluster.changes(0)?)?, Ok(cluster.state().revision()));
    Ok(())
}

#[test]
fn an_older_push_never_takes_it_back() -> Result<()> {
    let mut cluster = cluster()?;
    let replica = Replica::new(None);
    let (old_snapshot, old_changes) = (cluster.snapshot()?, cluster.changes(0)?);
    cluster.topic("new", &[&[101]])?;
    assert_eq!(accept(&replica, &cluster.snapshot()?)?, Ok(cluster.index));
    for late in [&old_snapshot, &old_changes] {
        assert_eq!(accept(&replica, late)?, Ok(cluster.index));
    }
    assert_eq!(replica.index(), cluster.index);
    Ok(())
}

#[test]
fn what_begins_too_late_is_a_gap() -> Result<()> {
    let mut cluster = cluster()?;
    let replica = Replica::new(None);
    let acknowledged = cluster.state().revision();
    accept(&replica, &cluster.snapshot()?)?.ok();
    cluster.topic("missed", &[&[101]])?;
    let from = cluster.index;
    cluster.topic("sent", &[&[101]])?;
    assert_eq!(accept(&replica, &cluster.changes(from)?)?, Err(Refused::Gap { acknowledged }));
    Ok(())
}

#[test]
fn a_deposed_leader_is_refused() -> Result<()> {
    let mut cluster = cluster()?;
    let replica = Replica::new(None);
    cluster.term = 5;
    let acknowledged = cluster.state().revision();
    accept(&replica, &cluster.snapshot()?)?.ok();
    cluster.term = 4;
    for push in [cluster.snapshot()?, cluster.changes(0)?] {
        assert_eq!(accept(&replica, &push)?, Err(Refused::StaleTerm { acknowledged }));
    }
    cluster.term = 5;
    assert_eq!(accept(&replica, &cluster.changes(0)?)?, Ok(acknowledged));
    Ok(())
}

#[test]
fn a_lineage_is_adopted_only_when_it_may_be() -> Result<()> {
    let (first, restored, foreign) = (Cluster::new(1, 2)?, Cluster::new(1, 3)?, Cluster::new(9, 3)?);
    let replica = Replica::new(Some(Uuid::from_u128(1)));
    assert_eq!(accept(&replica, &first.changes(0)?)?, Err(Refused::UnknownLineage), "changes adopt nothing");
    assert_eq!(accept(&replica, &foreign.snapshot()?)?, Err(Refused::UnknownLineage), "the data directory is of another cluster");
    assert_eq!(accept(&replica, &first.snapshot()?)?, Ok(first.index));
    assert_eq!(accept(&replica, &restored.snapshot()?)?, Err(Refused::UnknownLineage), "it has one already");
    assert_eq!(replica.index(), first.index);

    replica.registered(None);
    assert_eq!(accept(&replica, &restored.snapshot()?)?, Ok(restored.index), "it registered again");
    assert_eq!(accept(&replica, &first.snapshot()?)?, Err(Refused::UnknownLineage), "there is no way back");

    replica.registered(first.state().identity());
    assert_eq!((replica.index(), replica.floor()), (0, 0), "a copy of another history is worth nothing");
    assert_eq!(accept(&replica, &restored.snapshot()?)?, Err(Refused::UnknownLineage), "the controllers said which");
    Ok(())
}

#[test]
fn a_copy_that_disagrees_is_dropped_and_none_older_takes_its_place() -> Result<()> {
    let mut cluster = cluster()?;
    let replica = Replica::new(None);
    let old = cluster.snapshot()?;
    let from = cluster.state().revision();
    cluster.topic("new", &[&[101]])?;
    accept(&replica, &cluster.snapshot()?)?.ok();
    let had = replica.index();
    cluster.topic("newer", &[&[101]])?;
    let mut wrong = cluster.changes(from)?;
    wrong["digest"] = json!("00000000000000000000000000000001");
    let gap = Err(Refused::Gap { acknowledged: 0 });
    assert_eq!(accept(&replica, &wrong)?, gap);
    assert_eq!((replica.index(), replica.floor()), (0, had));
    ensure!(replica.image().is_none());
    assert_eq!(accept(&replica, &old)?, gap, "its index never falls");
    assert_eq!(accept(&replica, &cluster.snapshot()?)?, Ok(cluster.index));
    Ok(())
}

#[test]
fn a_fetched_state_and_a_digest_move_it_as_a_push_does() -> Result<()> {
    let mut cluster = cluster()?;
    let replica = Replica::new(None);
    let fetched = cluster.state().clone();
    cluster.blank();
    assert_eq!(replica.install(fetched, cluster.index), Ok(cluster.index), "nothing changed up to there");
    cluster.blank();
    assert!(replica.confirm(cluster.index, cluster.state().digest()));
    assert_eq!(replica.index(), cluster.index);
    assert!(replica.confirm(3, cluster.state().digest()));
    assert_eq!(replica.index(), cluster.index, "it never falls");

    let from = cluster.index;
    cluster.topic("new", &[&[101]])?;
    assert!(!replica.confirm(cluster.index, cluster.state().digest()), "something is missing");
    assert_eq!(accept(&replica, &cluster.changes(from)?)?, Ok(cluster.index));
    assert_eq!(replica.install(Cluster::new(1, 7)?.state().clone(), 99), Err(Refused::UnknownLineage));
    Ok(())
}

#[test]
fn what_was_merely_confirmed_is_no_reason_to_refuse_a_snapshot() -> Result<()> {
    let mut cluster = cluster()?;
    let replica = Replica::new(None);
    accept(&replica, &cluster.snapshot()?)?.ok();
    cluster.blank();
    assert!(replica.confirm(cluster.index, cluster.state().digest()));
    let mut wrong = cluster.changes(cluster.index)?;
    (wrong["to"], wrong["digest"]) = (json!(cluster.index + 1), json!("00000000000000000000000000000001"));
    assert_eq!(accept(&replica, &wrong)?, Err(Refused::Gap { acknowledged: 0 }));
    assert_eq!(accept(&replica, &cluster.snapshot()?)?, Ok(cluster.state().revision()));
    Ok(())
}

#[test]
fn what_is_no_push_is_said_with_its_place() -> Result<()> {
    let cluster = cluster()?;
    let good = cluster.changes(0)?;
    type Edit = fn(&mut Value);
    let broken = |edit: Edit| {
        let mut push = good.clone();
        edit(&mut push);
        Push::parse(push.to_string().as_bytes()).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(broken(|_| ()), Ok(()));
    let cases: [(Edit, &str); 9] = [
        (|push| push["changes"] = Value::Null, "neither changes nor a snapshot"),
        (|push| push["from"] = json!(1_000), "back to"),
        (|push| push["digest"] = json!("12"), "32 hex digits"),
        (|push| push["changes"][3]["index"] = Value::Null, "changes[3]: invalid type: null, expected u64"),
        (|push| push["changes"][3]["at_ms"] = json!("soon"), "changes[3]: invalid type: string"),
        (|push| push["changes"][3]["index"] = json!(10_000), "changes[3]: index 10000"),
        (|push| push["changes"][3]["index"] = json!(1), "changes[3]: index 1 does not follow"),
        (|push| drop(push["changes"][3].as_object_mut().map(|fields| fields.remove("index"))), "changes[3]: missing field `index`"),
        (|push| push["changes"][3]["kind"] = json!("nothing_we_know"), "changes[3]: unknown variant"),
    ];
    for (edit, words) in cases {
        let said = broken(edit);
        assert!(said.as_ref().is_err_and(|said| said.contains(words)), "{words}: {said:?}");
    }
    let mut mixed = cluster.snapshot()?;
    mixed["lineage"] = json!(Uuid::from_u128(77));
    assert!(Push::parse(mixed.to_string().as_bytes()).is_err(), "head and snapshot are of two histories");
    Ok(())
}

#[test]
fn a_bit_that_flips_in_memory_is_found_by_a_scrub() -> Result<()> {
    let cluster = cluster()?;
    let topic = cluster.state().topic_by_name("payments").map(|topic| topic.id).context("no topic")?;
    for flipped in [false, true] {
        let replica = Replica::new(None);
        let mut state = cluster.state().clone();
        assert!(!flipped || state.flip_a_bit(topic, 0));
        replica.install(state, cluster.index)?;
        replica.scrub(|| {});
        assert_eq!(replica.index(), if flipped { 0 } else { cluster.index });
        // The next snapshot takes its place.
        assert_eq!(accept(&replica, &cluster.snapshot()?)?, Ok(cluster.index));
    }
    Ok(())
}
