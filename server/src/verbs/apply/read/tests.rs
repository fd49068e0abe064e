//! What files come to: the forms, what is refused with its place, and that any bytes are survived.

use super::files::Source;
use super::*;
use proptest::prelude::*;

fn named(name: &str, text: &str) -> Input {
    let mut input = Input::default();
    input.source(&Source { name: name.into(), text: text.to_owned(), json: name.ends_with(".json") });
    input
}

/// What a text comes to.
///
/// # Errors
/// Its faults.
pub fn text(text: &str) -> Result<Input, String> {
    let input = named("f.yaml", text);
    if input.faults.is_empty() { Ok(input) } else { Err(input.faults.join("\n")) }
}

fn fine(source: &str) -> Input {
    text(source).unwrap_or_else(|faults| panic!("{source}\n{faults}"))
}

fn shown(input: &Input) -> Vec<String> {
    let count = |count: Option<i64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    let one = |topic: &Wanted| {
        let configs: Vec<String> = topic.configs.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        format!("{} {} {}{}", topic.name, count(topic.partitions), count(topic.replication_factor), configs.concat())
    };
    input.topics.values().map(one).collect()
}

const STRIMZI: &str = "\
apiVersion: kafka.strimzi.io/v1beta2
kind: KafkaTopic
metadata:
  name: orders-v1
  namespace: kafka
  labels:
    strimzi.io/cluster: main
    app: orders
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}'}
  creationTimestamp: 2026-01-01T00:00:00Z
  generation: 3
spec:
  topicName: orders.v1
  partitions: 12
  replicas: 3
  config:
    retention.ms: 604800000
    min.cleanable.dirty.ratio: 0.10
    unclean.leader.election.enable: false
    cleanup.policy: [compact, delete]
    segment.bytes: \"1073741824\"
status:
  conditions: [{type: Ready, status: \"True\"}]
";
const ORDERS: &str = "orders.v1 12 3 cleanup.policy=compact,delete labels=app=orders,strimzi.io/cluster=main min.cleanable.dirty.ratio=0.10 \
    retention.ms=604800000 segment.bytes=1073741824 unclean.leader.election.enable=false";

#[test]
fn strimzis_form_and_the_same_without_its_wrapper() {
    assert_eq!(shown(&fine(STRIMZI)), [ORDERS]);
    let plain = "name: a\npartitions: 3\nreplicas: 2\nconfig: {retention.ms: -1}\nlabels: {app: x}\n---\n\
        name: b\nreplication_factor: -1\npartitions: -1\nconfigs:\n---\n# only this\n---\n- name: c\n- {name: d, configs: {labels: 'k=v'}}\n";
    assert_eq!(shown(&fine(plain)), ["a 3 2 labels=app=x retention.ms=-1", "b - -", "c - -", "d - - labels=k=v"]);
    let bare = "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: bare}\n";
    assert_eq!(shown(&fine(bare)), ["bare - -"]);
}

#[test]
fn json_is_read_as_yaml_is() {
    let json = r#"[{"name": "a", "partitions": 3, "configs": {"retention.ms": 5, "cleanup.policy": ["compact"], "min.cleanable.dirty.ratio": 0.5}},
        {"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaTopic", "metadata": {"name": "b"}, "spec": {"replicas": 2}}]
        {"name": "c"}"#;
    for name in ["t.json", "t.yaml", "stdin"] {
        let input = named(name, json);
        assert_eq!(
            (input.faults.clone(), shown(&input)),
            (
                vec![],
                vec![
                    "a 3 - cleanup.policy=compact min.cleanable.dirty.ratio=0.5 retention.ms=5".to_owned(),
                    "b - 2".to_owned(),
                    "c - -".to_owned(),
                ]
            )
        );
        let places: Vec<usize> = input.topics.values().map(|topic| topic.place.document).collect();
        assert_eq!(places, [1, 1, 2]);
    }
    // It begins like JSON and is YAML.
    assert_eq!(shown(&fine("{name: a, partitions: 3}\n")), ["a 3 -"]);
    assert!(named("t.json", "{name: a}").faults[0].contains("no JSON"));
}

#[test]
fn a_list_as_kubectl_writes_it_is_read_item_by_item() {
    let indented = STRIMZI.lines().map(|line| format!("  {line}\n")).collect::<String>().replacen("  ", "- ", 1);
    for head in ["apiVersion: v1\nkind: List", "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopicList"] {
        assert_eq!(shown(&fine(&format!("{head}\nmetadata: {{resourceVersion: ''}}\nitems:\n{indented}"))), [ORDERS]);
    }
    let fault = text("apiVersion: v1\nkind: List\nitems:\n- name: a\n- nam: b\n").err().unwrap_or_default();
    assert!(fault.contains("line 5: there is no field items[1].nam; allowed: name,"), "{fault}");
}

#[test]
fn what_is_no_topic_is_passed_over_and_what_strimzi_leaves_alone_too() {
    let left = "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata:\n  name: left\n  annotations: {strimzi.io/managed: \"false\"}\nspec: {}\n";
    let other = "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaUser\nmetadata: {name: alice}\nspec: {anything: [1]}\n";
    let input = fine(&format!("{other}---\nkind: ConfigMap\n---\n{left}---\nname: a\n"));
    assert_eq!(shown(&input), ["a - -"]);
    let passed: Vec<_> =
        input.passed_over.iter().map(|passed| (passed.what.as_str(), passed.place.document, passed.topic.as_deref())).collect();
    assert_eq!(passed, [("KafkaUser alice", 1, None), ("ConfigMap", 2, None), ("KafkaTopic left", 3, Some("left"))]);
    assert!(input.passed_over[2].why.contains("strimzi.io/managed"));
}

#[test]
fn what_cannot_be_used_is_refused_by_name_and_place() {
    let wrapped = |rest: &str| format!("apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopic\n{rest}");
    let config = |value: &str| format!("name: a\nconfigs:\n  k: {value}\n");
    let cases = [
        ("name: a\npartitons: 3\n".to_owned(), "f.yaml, document 1, line 2: there is no field partitons; allowed: name, partitions"),
        ("---\nname: b\n---\nname: a\nx: 1\n".to_owned(), "f.yaml, document 2, line 5: there is no field x"),
        (
            wrapped("metadata: {name: a}\nspec:\n  replicationFactor: 3\n"),
            "line 5: there is no field spec.replicationFactor; allowed: topicName, partitions, replicas, config",
        ),
        (wrapped("metadata: {name: a, label: {}}\n"), "there is no field metadata.label"),
        (wrapped("metadata: {name: a}\nspecs: {}\n"), "there is no field specs"),
        (wrapped("spec: {}\n"), "metadata is absent"),
        (wrapped("metadata: {namespace: x}\n"), "metadata.name is absent"),
        (
            "kind: KafkaTopic\nmetadata: {name: a}\n".to_owned(),
            "apiVersion is absent; allowed: kafka.strimzi.io/v1, kafka.strimzi.io/v1beta2",
        ),
        ("apiVersion: kafka.strimzi.io/v1alpha1\nkind: KafkaTopic\n".to_owned(), "apiVersion is \"kafka.strimzi.io/v1alpha1\"; allowed"),
        ("apiVersion: v1\nname: a\n".to_owned(), "kind is absent"),
        ("apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopics\n".to_owned(), "kind \"KafkaTopics\" is unknown; allowed: KafkaTopic, "),
        ("apiVersion: kafka.strimzi.io/v1\nkind: KafkTopic\n".to_owned(), "kind \"KafkTopic\" is unknown"),
        ("kind: KafkaTopic2\n".to_owned(), "kind \"KafkaTopic2\" is unknown"),
        ("partitions: 3\n".to_owned(), "name is absent"),
        ("name: a b\n".to_owned(), "name is \"a b\": The name contains ' '; allowed: 1 to 249"),
        ("name: 5\n".to_owned(), "name is 5; allowed: a text: put it in quotes"),
        ("name: no\n".to_owned(), "name is no; allowed: a text: put it in quotes"),
        ("name: [a]\n".to_owned(), "name is a list; allowed: a text"),
        ("name: a\npartitions: 0\n".to_owned(), "line 2: partitions is 0; allowed: 1 or more"),
        ("name: a\npartitions: \"3\"\n".to_owned(), "partitions is \"3\"; allowed"),
        ("name: a\npartitions: 1e1\n".to_owned(), "partitions is 1e1; allowed"),
        ("name: a\npartitions: 3.5\n".to_owned(), "partitions is 3.5; allowed"),
        ("name: a\npartitions: 99999999999999999999\n".to_owned(), "partitions is 99999999999999999999; allowed"),
        ("name: a\nreplicas: 1\nreplication_factor: 1\n".to_owned(), "line 2: replicas says what replication_factor says already"),
        ("name: a\nconfig: {}\nconfigs: {}\n".to_owned(), "config says what configs says already"),
        ("name: a\nlabels: {a: b}\nconfigs: {labels: 'a=b'}\n".to_owned(), "configs.labels says what the labels beside it say already"),
        ("name: a\nlabels: {a: 1}\n".to_owned(), "labels.a is 1; allowed: a text: put it in quotes"),
        ("name: a\nlabels: {a: off}\n".to_owned(), "labels.a is off; allowed: a text: put it in quotes"),
        ("name: a\nlabels: {-a: b}\n".to_owned(), "labels.-a cannot be a label's key"),
        ("name: a\nlabels: {a: 'b c'}\n".to_owned(), "labels.a cannot be \"b c\""),
        ("name: a\nlabels: [a]\n".to_owned(), "labels is a list; allowed: a map"),
        (config("no"), "line 3: configs.k is no, which some take for true or false and some for a text: write what is meant"),
        (config("6.048e+08"), "configs.k is 6.048e+08, which some take for a number"),
        (config("017"), "configs.k is 017, which some take for a number"),
        (config("[a, yes]"), "configs.k is yes, which"),
        (config(""), "configs.k is nothing; allowed: a value"),
        (config("{a: b}"), "configs.k is a map; allowed"),
        (config("[[a]]"), "configs.k is a list; allowed"),
        (config("1\n  k: 2"), "line 4: the key \"k\" stands twice in one map, first in line 3"),
        ("name: a\n\"\\e[31m\": x\n".to_owned(), "there is no field \\u{1b}[31m"),
        ("just text\n".to_owned(), "the document is \"just text\", and no topic"),
        ("- name: a\n- 5\n".to_owned(), "line 2: [1] is 5, and no topic"),
        (
            "name: a\n---\n- name: b\n- name: a\n".to_owned(),
            "f.yaml, document 2, line 4: the topic a is in f.yaml, document 1, line 1 already",
        ),
    ];
    for (source, part) in cases {
        let faults = text(&source).err().unwrap_or_else(|| panic!("{source} was read"));
        assert!(faults.contains(part) && faults.starts_with("f.yaml, document "), "{source}\n{faults}");
    }
}

#[test]
fn every_fault_is_said_up_to_a_number() {
    let source = "x: 1\n---\n".repeat(MOST_SHOWN + 5);
    let input = named("f.yaml", &source);
    assert_eq!((input.faults.len(), input.more), (MOST_SHOWN, 5));
    // Those before a syntax error are said too.
    let input = named("f.yaml", "x: 1\n---\n[\n");
    assert_eq!(input.faults.len(), 2, "{:?}", input.faults);
}

const TOKENS: &[&str] = &[
    "*a",
    "&a ",
    "<<: ",
    "[",
    "{",
    "- ",
    ": ",
    "\n",
    "\t",
    "? ",
    "!!str ",
    "!x ",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "\"",
    "'",
    "#",
    "~",
    "-1",
    "1e9",
    "no",
    "\u{feff}",
    "\u{85}",
    "\0",
];

proptest! {
    #![proptest_config(damage::cases(2_000))]

    #[test]
    fn any_bytes_are_read_or_refused_with_their_place(stretches in prop::collection::vec(damage::stretch(TOKENS), 1..4), plain in any::<bool>()) {
        let mut bytes = if plain { b"base: &a {name: x}\none: {<<: *a, partitions: 3}\n".to_vec() } else { STRIMZI.as_bytes().to_vec() };
        stretches.iter().for_each(|stretch| stretch.apply(&mut bytes));
        let source = String::from_utf8_lossy(&bytes);
        for name in ["f.yaml", "f.json"] {
            let input = named(name, &source);
            prop_assert!(input.faults.iter().all(|fault| fault.starts_with(name) && !fault.contains(char::is_control)), "{:?}", input.faults);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(source in "[ -~\n\t]{0,80}|([-?:,&*!|>'\"%@`{}\\[\\]#<a1 \n]){0,60}") {
        let input = named("f.yaml", &source);
        prop_assert!(input.faults.iter().all(|fault| fault.starts_with("f.yaml, document ")), "{:?}", input.faults);
    }
}
