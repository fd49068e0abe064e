//! What has to be done so that the cluster is as the files say: worked out from both, and nothing else.

use super::read::{Place, Wanted, selects};
use metadata::configs::{self, DELETION_PROTECTION};
use metadata::labels::Labels;
use metadata::model::Configs;
use metadata::views::TopicRow;
use metadata::{Code, Index, Rejection};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a difference is in, by the name that the file gives it.
pub const PARTITIONS: &str = "partitions";
pub const REPLICATION_FACTOR: &str = "replication_factor";

/// One thing before and after; none is a key at its default, or a topic that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What is to be done about one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Create,
    /// Its configuration, its number of partitions, or both.
    Change {
        configs: bool,
        grow: Option<i64>,
    },
    /// It is as the file says.
    Nothing,
    /// The file wants what cannot be: nothing of it is done.
    Refuse(Vec<Rejection>),
    Delete,
    /// No file names it and it is in the scope, and yet it stays.
    Keep(&'static str),
}

/// One topic, in files, cluster or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    pub place: Option<Place>,
    /// The `changed_index` that the differences are against.
    pub seen: Option<Index>,
    pub action: Action,
    pub differences: Vec<Difference>,
}

/// Which topics that no file names are deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    pub prefix: Option<String>,
    pub selector: Option<Labels>,
}

impl Scope {
    /// Whether a topic is in it.
    pub fn has(&self, topic: &TopicRow) -> bool {
        let none = Configs::new();
        self.prefix.as_ref().is_none_or(|prefix| topic.name.starts_with(prefix.as_str()))
            && self.selector.as_ref().is_none_or(|selector| selects(selector, topic.configs.as_ref().unwrap_or(&none)))
    }
}

/// Every topic of the files by name, then those that go or are kept.
pub fn steps<'a>(
    wanted: impl IntoIterator<Item = &'a Wanted>,
    cluster: &[TopicRow],
    prune: Option<(&Scope, &BTreeSet<&str>)>,
) -> Vec<Step> {
    let there: BTreeMap<&str, &TopicRow> = cluster.iter().map(|topic| (&*topic.name, topic)).collect();
    let mut steps: Vec<Step> = wanted
        .into_iter()
        .map(|wanted| match there.get(wanted.name.as_str()) {
            None => creation(wanted),
            Some(topic) => change(wanted, topic),
        })
        .collect();
    if let Some((scope, named)) = prune {
        steps.extend(cluster.iter().filter(|topic| !named.contains(&*topic.name) && scope.has(topic)).map(removal));
    }
    steps
}

fn creation(wanted: &Wanted) -> Step {
    let counts = [(PARTITIONS, wanted.partitions), (REPLICATION_FACTOR, wanted.replication_factor)];
    let mut differences: Vec<Difference> = counts
        .into_iter()
        .filter_map(|(field, count)| Some(Difference { field: field.to_owned(), before: None, after: Some(count?.to_string()) }))
        .collect();
    differences.extend(between(&Configs::new(), &wanted.configs));
    Step { name: wanted.name.clone(), place: Some(wanted.place.clone()), seen: None, action: Action::Create, differences }
}

fn change(wanted: &Wanted, topic: &TopicRow) -> Step {
    let (partitions, factor) = (i64::from(topic.partitions), i64::from(topic.replication_factor));
    let moved = |asked: Option<i64>, now: i64| asked.filter(|asked| *asked != now);
    let counts = [
        (PARTITIONS, moved(wanted.partitions, partitions), partitions),
        (REPLICATION_FACTOR, moved(wanted.replication_factor, factor), factor),
    ];
    let mut differences: Vec<Difference> = counts
        .into_iter()
        .filter_map(|(field, asked, now)| {
            Some(Difference { field: field.to_owned(), before: Some(now.to_string()), after: Some(asked?.to_string()) })
        })
        .collect();
    let mut refusals = Vec::new();
    if let Some(fewer) = wanted.partitions.filter(|asked| *asked < partitions) {
        let no =
            Rejection::new(Code::InvalidPartitions, format!("{} has {partitions} partitions, and none is ever taken away", wanted.name));
        refusals.push(no.at(PARTITIONS, fewer, format!("{partitions} or more")));
    }
    if let Some(other) = moved(wanted.replication_factor, factor) {
        let no = Rejection::new(
            Code::InvalidReplicationFactor,
            format!("The replication factor of {} is {factor}, and stays what it was at its creation", wanted.name),
        );
        refusals.push(no.at(REPLICATION_FACTOR, other, factor.to_string()));
    }
    let none = Configs::new();
    let keys: Vec<Difference> = between(topic.configs.as_ref().unwrap_or(&none), &wanted.configs).collect();
    let grow = moved(wanted.partitions, partitions);
    let action = if !refusals.is_empty() {
        Action::Refuse(refusals)
    } else if keys.is_empty() && grow.is_none() {
        Action::Nothing
    } else {
        Action::Change { configs: !keys.is_empty(), grow }
    };
    differences.extend(keys);
    Step { name: wanted.name.clone(), place: Some(wanted.place.clone()), seen: Some(topic.changed_index), action, differences }
}

fn removal(topic: &TopicRow) -> Step {
    let protected = topic.configs.as_ref().is_some_and(configs::deletion_protected);
    let action = if topic.internal {
        Action::Keep("an internal topic is always protected")
    } else if protected {
        Action::Keep("protected by deletion.protection")
    } else {
        Action::Delete
    };
    let partitions = Difference { field: PARTITIONS.to_owned(), before: Some(topic.partitions.to_string()), after: None };
    let differences = if action == Action::Delete { vec![partitions] } else { Vec::new() };
    Step { name: topic.name.to_string(), place: None, seen: Some(topic.changed_index), action, differences }
}

/// Key by key. What the file does not name goes back to its default, as in Strimzi; but a protection is taken off by those
/// who name it only, or every run would undo it.
fn between<'a>(before: &'a Configs, after: &'a Configs) -> impl Iterator<Item = Difference> + 'a {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    keys.into_iter().filter_map(|key| {
        let (old, new) = (before.get(key), after.get(key));
        let same = match (old, new) {
            (Some(old), Some(new)) => configs::same(key, old, new),
            (Some(_), None) => key == DELETION_PROTECTION,
            (None, _) => false,
        };
        (!same).then(|| Difference { field: key.clone(), before: old.cloned(), after: new.cloned() })
    })
}

impl Step {
    /// The differences in the configuration.
    pub fn keys(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|difference| !matches!(difference.field.as_str(), PARTITIONS | REPLICATION_FACTOR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metadata::TopicId;
    use metadata::views::TopicHealth;
    use proptest::prelude::*;

    fn configs(pairs: &[(&str, &str)]) -> Configs {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn row(name: &str, partitions: u32, replication_factor: u32, pairs: &[(&str, &str)]) -> TopicRow {
        TopicRow {
            id: TopicId(uuid::Uuid::from_u128(1)),
            name: name.into(),
            partitions,
            replication_factor,
            internal: name.starts_with("__"),
            health: TopicHealth::Healthy,
            created_index: 1,
            changed_index: 7,
            configs: Some(configs(pairs)),
        }
    }

    fn wanted(partitions: Option<i64>, replication_factor: Option<i64>, pairs: &[(&str, &str)]) -> Wanted {
        let place = Place { file: "f".into(), document: 1, line: Some(1) };
        Wanted { name: "t".to_owned(), partitions, replication_factor, configs: configs(pairs), place }
    }

    fn shown(step: &Step) -> Vec<String> {
        let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        step.differences.iter().map(|one| format!("{} {} {}", one.field, side(&one.before), side(&one.after))).collect()
    }

    #[test]
    fn what_differs_is_named_with_before_and_after() {
        let there = row("t", 3, 2, &[("retention.ms", "5"), ("segment.ms", "9"), ("deletion.protection", "true"), ("labels", "a=1,b=2")]);
        let same: &[(&str, &str)] = &[("retention.ms", "5"), ("segment.ms", "9"), ("labels", "b=2,a=1")];
        let change = |configs, grow| Action::Change { configs, grow };
        let cases: [(Wanted, Action, &[&str]); 6] = [
            (wanted(None, None, same), Action::Nothing, &[]),
            (wanted(Some(3), Some(2), same), Action::Nothing, &[]),
            (wanted(Some(6), None, same), change(false, Some(6)), &["partitions 3 6"]),
            (
                wanted(None, None, &[("retention.ms", "6"), ("labels", "a=1,b=2"), ("cleanup.policy", "compact")]),
                change(true, None),
                &["cleanup.policy - compact", "retention.ms 5 6", "segment.ms 9 -"],
            ),
            (
                wanted(Some(4), None, &[]),
                change(true, Some(4)),
                &["partitions 3 4", "labels a=1,b=2 -", "retention.ms 5 -", "segment.ms 9 -"],
            ),
            (
                wanted(None, None, &[("retention.ms", "5"), ("segment.ms", "9"), ("labels", "a=1,b=2"), ("deletion.protection", "false")]),
                change(true, None),
                &["deletion.protection true false"],
            ),
        ];
        for (wanted, action, differences) in cases {
            let all = steps([&wanted], std::slice::from_ref(&there), None);
            assert_eq!(
                (&all[0].action, shown(&all[0])),
                (&action, differences.iter().map(|one| (*one).to_owned()).collect()),
                "{wanted:?}"
            );
            assert_eq!((all[0].seen, all.len()), (Some(7), 1));
        }
    }

    #[test]
    fn what_cannot_be_is_refused_whole_and_says_why() {
        let there = row("t", 6, 3, &[]);
        for (wanted, codes) in [
            (wanted(Some(3), None, &[("retention.ms", "6")]), vec![Code::InvalidPartitions]),
            (wanted(Some(9), Some(2), &[]), vec![Code::InvalidReplicationFactor]),
            (wanted(Some(1), Some(1), &[]), vec![Code::InvalidPartitions, Code::InvalidReplicationFactor]),
        ] {
            let all = steps([&wanted], std::slice::from_ref(&there), None);
            let Action::Refuse(refusals) = &all[0].action else { panic!("{:?}", all[0]) };
            assert_eq!(refusals.iter().map(|no| no.code).collect::<Vec<_>>(), codes);
            assert!(!all[0].differences.is_empty());
        }
    }

    #[test]
    fn a_topic_that_is_not_there_is_created() {
        let all = steps([&wanted(Some(12), None, &[("segment.ms", "5")])], &[row("u", 1, 1, &[])], None);
        assert_eq!(
            (&all[0].action, all[0].seen, shown(&all[0])),
            (&Action::Create, None, vec!["partitions - 12".into(), "segment.ms - 5".into()])
        );
    }

    #[test]
    fn only_what_no_file_names_goes_within_the_scope_and_never_what_is_protected() {
        let cluster = [
            row("__a.internal", 1, 1, &[("labels", "app=a")]),
            row("a.guarded", 1, 1, &[("labels", "app=a"), ("deletion.protection", "true")]),
            row("a.named", 1, 1, &[("labels", "app=a")]),
            row("a.other", 1, 1, &[("labels", "app=b")]),
            row("a.stray", 1, 1, &[("labels", "app=a,x=1")]),
            row("b.stray", 1, 1, &[("labels", "app=a")]),
            row("c.bare", 1, 1, &[]),
        ];
        let named = BTreeSet::from(["a.named", "t"]);
        let labels = labels_of("app=a");
        for (prefix, selector, gone, kept) in [
            (Some("a."), None, vec!["a.other", "a.stray"], vec!["a.guarded"]),
            (None, labels.clone(), vec!["a.stray", "b.stray"], vec!["__a.internal", "a.guarded"]),
            (Some("a."), labels, vec!["a.stray"], vec!["a.guarded"]),
            (Some("z"), None, vec![], vec![]),
        ] {
            let scope = Scope { prefix: prefix.map(str::to_owned), selector };
            let all = steps([], &cluster, Some((&scope, &named)));
            let names = |keep: bool| {
                all.iter().filter(|step| (step.action != Action::Delete) == keep).map(|step| step.name.as_str()).collect::<Vec<_>>()
            };
            assert_eq!((names(false), names(true)), (gone, kept), "{scope:?}");
        }
    }

    fn labels_of(text: &str) -> Option<Labels> {
        metadata::labels::parse(text)
    }

    fn some_configs() -> impl Strategy<Value = Configs> {
        let key = prop::sample::select(vec!["retention.ms", "segment.ms", "cleanup.policy", "labels", "deletion.protection"]);
        let value = prop::sample::select(vec!["1", "2", "a=1,b=2", "b=2,a=1", "true"]);
        prop::collection::btree_map(key.prop_map(str::to_owned), value.prop_map(str::to_owned), 0..5)
            .prop_map(|pairs| pairs.into_iter().collect())
    }

    proptest! {
        #![proptest_config(damage::cases(1_000))]

        /// What was done as it was shown leaves nothing to do.
        #[test]
        fn done_once_there_is_nothing_to_do(
            (before, after) in (some_configs(), some_configs()), now in 1u32..5, asked in proptest::option::of(1i64..5),
        ) {
            let mut topic = TopicRow { configs: Some(before), ..row("t", now, 1, &[]) };
            let wanted = Wanted { configs: after, ..wanted(asked, None, &[]) };
            let first = steps([&wanted], std::slice::from_ref(&topic), None).remove(0);
            if let Action::Change { grow, .. } = &first.action {
                let configs = topic.configs.get_or_insert_default();
                for Difference { field, after, .. } in first.keys() {
                    match after {
                        Some(value) => drop(configs.insert(field.clone(), value.clone())),
                        None => drop(configs.remove(field)),
                    }
                }
                topic.partitions = grow.map_or(topic.partitions, |count| count as u32);
                prop_assert_eq!(steps([&wanted], &[topic], None).remove(0).action, Action::Nothing);
            } else {
                prop_assert!(matches!(&first.action, Action::Nothing | Action::Refuse(_)), "{:?}", first);
            }
        }
    }
}
