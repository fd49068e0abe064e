//! Answers as tables: aligned columns, one line per thing.

use serde_json::Value;

/// A text that stays in its line and does nothing to the terminal, whoever chose it.
pub fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => plain(text),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

pub fn rows<'a>(list: &'a Value, columns: &'a [(&str, &str)]) -> String {
    let mut lines: Vec<Vec<String>> = vec![columns.iter().map(|(title, _)| (*title).to_owned()).collect()];
    for item in list.as_array().into_iter().flatten() {
        lines.push(columns.iter().map(|(_, key)| cell(&item[*key])).collect());
    }
    let width = |at: usize| lines.iter().filter_map(|line| line.get(at)).map(|text| text.chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |cells: &Vec<String>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(text, width)| format!("{text:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

pub fn accounts(answer: &Value) -> String {
    rows(
        &answer["accounts"],
        &[
            ("NAME", "name"),
            ("ROLE", "role"),
            ("BROKER", "broker"),
            ("PREFIXES", "prefixes"),
            ("SIGNS IN", "signs_in"),
            ("SESSIONS", "sessions"),
            ("TOKENS", "tokens"),
        ],
    )
}

pub fn audit(answer: &Value) -> String {
    let columns = [
        ("SEQ", "seq"),
        ("AT MS", "at_ms"),
        ("KIND", "kind"),
        ("WHO", "principal"),
        ("FROM", "address"),
        ("WHAT", "what"),
        ("CODE", "code"),
        ("TIMES", "times"),
    ];
    rows(&answer["records"], &columns)
}

pub fn account(answer: &Value) -> String {
    let account = &answer["account"];
    let line = format!("{}  {}", cell(&account["principal"]), cell(&account["role"]));
    match answer["token"].as_str() {
        Some(token) => format!("{line}\n\n{}\n\nIt is shown this once: keep it where only its user can read it.", plain(token)),
        None => line,
    }
}

pub fn who(answer: &Value) -> String {
    let role = if answer["open"] == true { "everything: nobody has an account yet".to_owned() } else { cell(&answer["role"]) };
    format!("{}  {role}", cell(&answer["principal"]))
}

pub fn tokens(answer: &Value) -> String {
    rows(&answer["tokens"], &[("ID", "id"), ("ACCOUNT", "account"), ("CREATED MS", "created_at_ms"), ("EXPIRES MS", "expires_at_ms")])
}

pub fn token(answer: &Value) -> String {
    let token = answer["token"].as_str().map(plain).unwrap_or_default();
    format!("{token}\n\nIt is shown this once: keep it where only its user can read it.")
}

pub fn revocations(answer: &Value) -> String {
    rows(&answer["revocations"], &[("SHA-256", "fingerprint"), ("SINCE MS", "since_ms")])
}

pub fn topics(answer: &Value) -> String {
    rows(
        &answer["topics"],
        &[
            ("NAME", "name"),
            ("PARTITIONS", "partitions"),
            ("REPLICATION", "replication_factor"),
            ("HEALTH", "health"),
            ("CHANGED", "changed_index"),
        ],
    )
}

pub fn topic(answer: &Value) -> String {
    let topic = &answer["topic"];
    let partitions = rows(
        &topic["partitions"],
        &[("PARTITION", "partition"), ("LEADER", "leader"), ("REPLICAS", "replicas"), ("ISR", "isr"), ("LEADER EPOCH", "leader_epoch")],
    );
    format!("{}  {}  changed at {}\n{partitions}", cell(&topic["name"]), cell(&topic["id"]), cell(&topic["changed_index"]))
}

pub fn configs(answer: &Value) -> String {
    let set = answer["topic"]["configs"].as_object();
    let lines: Vec<String> = set.into_iter().flatten().map(|(key, value)| format!("{}={}", plain(key), cell(value))).collect();
    if lines.is_empty() { "every key is at its default".to_owned() } else { lines.join("\n") }
}

pub fn brokers(answer: &Value) -> String {
    rows(
        &answer["brokers"],
        &[
            ("ID", "id"),
            ("RACK", "rack"),
            ("STATE", "state"),
            ("HELD", "held"),
            ("LEADERS", "leaders"),
            ("REPLICAS", "replicas"),
            ("HEARTBEAT MS", "heartbeat_age_ms"),
            ("ACKNOWLEDGED", "acknowledged_index"),
        ],
    )
}

pub fn broker(answer: &Value) -> String {
    brokers(&serde_json::json!({ "brokers": [answer["broker"]] }))
}

pub fn quorum(answer: &Value) -> String {
    let nodes = rows(
        &answer["controllers"],
        &[
            ("NODE", "id"),
            ("ROLE", "role"),
            ("VOTER", "voter"),
            ("LOG", "last_log_index"),
            ("APPLIED", "applied_index"),
            ("HEARD MS", "last_contact_ms"),
            ("URL", "url"),
        ],
    );
    format!(
        "leader {}  term {}  verdict {}: {}\n{nodes}",
        cell(&answer["leader_id"]),
        cell(&answer["term"]),
        cell(&answer["health"]["verdict"]),
        cell(&answer["health"]["headline"])
    )
}

pub fn members(answer: &Value) -> String {
    rows(&answer["controllers"], &[("NODE", "id"), ("VOTER", "voter"), ("URL", "url")])
}

/// Who leads now.
pub fn leader(answer: &Value) -> String {
    format!("controller {} leads in term {}", cell(&answer["leader_id"]), cell(&answer["term"]))
}

pub fn elections(answer: &Value) -> String {
    let line = |result: &Value| {
        let partition = format!("{}-{}", cell(&result["topic"]), cell(&result["partition"]));
        match result["error"]["code"].as_str() {
            Some(code) => format!("{partition}: {}: {}", plain(code), cell(&result["error"]["detail"])),
            None => format!("{partition}: led by {}", cell(&result["leader"])),
        }
    };
    let lines: Vec<String> = answer["results"].as_array().into_iter().flatten().map(line).collect();
    if lines.is_empty() { "no partition needs an election".to_owned() } else { lines.join("\n") }
}

pub fn reassignments(answer: &Value) -> String {
    rows(
        &answer["reassignments"],
        &[("ID", "id"), ("REASON", "reason"), ("STATE", "state"), ("DONE", "done"), ("TOTAL", "total"), ("BY", "principal")],
    )
}

pub fn reassignment(answer: &Value) -> String {
    let of = &answer["reassignment"];
    let progress = &of["progress"];
    let moves = rows(
        &of["moves"],
        &[("TOPIC", "topic"), ("PARTITION", "partition"), ("FROM", "from"), ("TO", "to"), ("STATE", "state"), ("WAITS FOR", "waits_for")],
    );
    let below = match &answer["below_min_isr"] {
        Value::Null => String::new(),
        named => format!("\nleft below min.insync.replicas: {}", cell(named)),
    };
    format!(
        "reassignment {}  {}  {}  by {}\n{} of {} done, {} moving, {} waiting, {} cancelled, {} failed{below}\n{moves}",
        cell(&of["id"]),
        cell(&of["reason"]),
        cell(&of["state"]),
        cell(&of["principal"]),
        cell(&of["done"]),
        cell(&of["total"]),
        cell(&progress["moving"]),
        cell(&progress["waiting"]),
        cell(&progress["cancelled"]),
        cell(&progress["failed"])
    )
}

pub fn settings(answer: &Value) -> String {
    rows(&answer["settings"], &[("KEY", "key"), ("VALUE", "value"), ("SOURCE", "source"), ("DEFAULT", "default"), ("UNIT", "unit")])
}

pub fn committed(answer: &Value) -> String {
    format!("committed at {}", cell(&answer["revision"]))
}

pub fn planned(answer: &Value) -> String {
    if answer["controllers"].is_array() {
        return format!("would be the controllers after {}\n{}", cell(&answer["revision"]), members(answer));
    }
    let mut lines = vec![format!("would be committed after {}; preview {}", cell(&answer["revision"]), cell(&answer["preview"]))];
    for group in answer["groups"].as_array().into_iter().flatten() {
        lines.extend(group["commands"].as_array().into_iter().flatten().map(Value::to_string));
    }
    if answer["effect"].is_array() {
        let columns = [
            ("BROKER", "id"),
            ("REPLICAS", "replicas_before"),
            ("AFTER", "replicas_after"),
            ("LEADERS", "leaders_before"),
            ("AFTER", "leaders_after"),
        ];
        lines.push(rows(&answer["effect"], &columns));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::call::{Show, refused};
    use proptest::prelude::*;
    use serde_json::json;

    const SHOWS: [Show; 13] =
        [topics, topic, configs, brokers, broker, quorum, members, planned, leader, elections, reassignments, reassignment, settings];

    const NAMES: [&str; 17] = [
        "topics",
        "topic",
        "name",
        "configs",
        "partitions",
        "brokers",
        "controllers",
        "health",
        "groups",
        "commands",
        "code",
        "id",
        "results",
        "reassignments",
        "reassignment",
        "moves",
        "effect",
    ];

    /// Any JSON under the names that answers have.
    fn answers() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            let fields = prop::collection::vec((prop::sample::select(&NAMES[..]), inner.clone()), 0..5);
            let object =
                fields.prop_map(|fields| Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()));
            prop_oneof![prop::collection::vec(inner, 0..4).prop_map(Value::from), object]
        })
    }

    proptest! {
        #![proptest_config(damage::cases(1_000))]

        #[test]
        fn whatever_a_server_answers_is_shown_without_control_characters(answer in answers(), status in any::<u16>()) {
            let shown = SHOWS.iter().map(|show| show(&answer)).chain([committed(&answer), refused(&answer, status).to_string()]);
            for text in shown {
                prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", text);
            }
        }
    }

    #[test]
    fn a_cell_stays_in_its_line() {
        assert_eq!(cell(&json!("a\nb\u{1b}[31m")), "a\\nb\\u{1b}[31m");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let list = json!([{ "name": "a", "n": 1 }, { "name": "longer", "n": null }]);
        assert_eq!(rows(&list, &[("NAME", "name"), ("N", "n")]), "NAME    N\na       1\nlonger  -");
    }
}
