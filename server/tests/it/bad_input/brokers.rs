//! Brokers: registrations, heartbeats, ISR changes, and what operators ask of brokers that are not there.

use super::{Case, Known};
use crate::fake::registration;
use reqwest::Method;
use serde_json::{Value, json};

const BROKERS: &str = "/api/v1/brokers";
const LOOPBACK: &str = "loopback";

fn register(change: impl Fn(&mut Value)) -> Case {
    let mut body = registration(150, "d");
    change(&mut body);
    Case::new(Method::POST, BROKERS).json(&body)
}

fn invalid(field: &str, change: impl Fn(&mut Value)) -> Case {
    register(change).is(422, "INVALID_REGISTRATION").at(field, "")
}

fn pushed(url: &str) -> Case {
    let change = |body: &mut Value| body["push_url"] = json!(url);
    register(change).is(422, "INVALID_REGISTRATION").at("push_url", LOOPBACK)
}

fn post(path: &str, body: &Value) -> Case {
    Case::new(Method::POST, &format!("{BROKERS}{path}")).json(body)
}

pub fn cases(known: &Known) -> Vec<Case> {
    let mut cases = registrations();
    cases.extend(sessions(known));
    cases.extend(operators());
    cases
}

fn registrations() -> Vec<Case> {
    let endpoint = |port: u32| json!({ "name": "PLAINTEXT", "host": "127.0.0.1", "port": port });
    let malformed = |field: &str, value: Value| register(|body| body[field] = value.clone()).is(400, "INVALID_REQUEST").at(field, "");
    // Whatever is no name of this cluster is that of another one; both forms of the right one are told.
    let foreign = |id: &str| {
        let case = register(|body| body["cluster_id"] = json!(id)).is(409, "INCONSISTENT_CLUSTER_ID");
        case.at("cluster_id", "as Kafka writes it").held(id)
    };
    vec![
        invalid("id", |body| body["id"] = json!(1)).held("1"),
        invalid("endpoints", |body| body["endpoints"] = json!([])),
        invalid("endpoints[0].port", |body| body["endpoints"] = json!([endpoint(0)])).held("0"),
        invalid("endpoints[1].name", |body| body["endpoints"] = json!([endpoint(1), endpoint(2)])).held("PLAINTEXT"),
        invalid("rack", |body| body["rack"] = json!(" ")),
        pushed("http://10.1.2.3:80/push").held("http://10.1.2.3:80/push"),
        pushed("http://169.254.169.254/latest/meta-data"),
        pushed("http://0.0.0.0:9000/push"),
        pushed("http://[::ffff:10.0.0.1]/push"),
        pushed("http://metadata.internal/push"),
        pushed("http://localhost.example.com/push"),
        pushed("http://user:secret@127.0.0.1:9000/push"),
        pushed("http://user@127.0.0.1:9000/push"),
        pushed("ftp://127.0.0.1/push"),
        pushed("file:///etc/passwd"),
        pushed("nonsense"),
        pushed(""),
        foreign("11111111-1111-4111-8111-111111111111"),
        foreign("AAAAAAAAAAAAAAAAAAAAAQ"),
        foreign("AAAAAAAAAAAAAAAAAAAAAQ=="),
        foreign("my-cluster"),
        foreign(""),
        malformed("cluster_id", json!(5)).held("5"),
        malformed("cluster_id", json!({})),
        register(|body| body["id"] = json!(101)).is(409, "DUPLICATE_BROKER_REGISTRATION").at("incarnation_id", ""),
        malformed("id", json!("101")),
        malformed("id", json!(-1)),
        malformed("incarnation_id", json!("x")),
        malformed("endpoints", json!({})),
        malformed("rac", json!("a")).held("rac"),
        register(|body| drop(body.as_object_mut().map(|body| body.remove("incarnation_id"))))
            .is(400, "INVALID_REQUEST")
            .at("incarnation_id", "required"),
        register(|body| body["endpoints"] = json!([endpoint(70_000)])).is(400, "INVALID_REQUEST").at("endpoints[0].port", ""),
    ]
}

fn sessions(known: &Known) -> Vec<Case> {
    let beat = |epoch: u64| json!({ "broker_epoch": epoch, "metadata_index": 1, "want_fence": false, "want_shut_down": false });
    let isr = |epoch: u64| {
        let change =
            json!({ "topic_id": known.topic_id, "partition": 0, "leader_epoch": 0, "partition_epoch": 0, "isr": [{ "broker": 101 }] });
        json!({ "broker_epoch": epoch, "changes": [change] })
    };
    let stale = |case: Case| case.is(409, "STALE_BROKER_EPOCH").at("broker_epoch", "");
    let unknown = |case: Case| case.is(404, "BROKER_ID_NOT_REGISTERED").at("id", "").held("999");
    let shut_down = json!({ "broker_epoch": known.epoch + 1, "metadata_index": 1, "want_fence": true, "want_shut_down": true });
    let strange = json!({ "broker_epoch": known.epoch, "metadata_index": 1, "want_fence": false, "want_shutdown": false });
    let odd_isr = json!({ "broker_epoch": known.epoch, "changes": [{ "topic_id": "x", "partition": 0, "leader_epoch": 0, "partition_epoch": 0, "isr": [] }] });
    vec![
        stale(post("/101/heartbeat", &beat(known.epoch + 1))),
        stale(post("/101/heartbeat", &beat(known.epoch - 1))),
        stale(post("/101/heartbeat", &beat(0))),
        stale(post("/101/heartbeat", &shut_down)),
        unknown(post("/999/heartbeat", &beat(known.epoch))),
        stale(post("/101/isr", &isr(known.epoch + 1))),
        unknown(post("/999/isr", &isr(known.epoch))),
        post("/x/heartbeat", &beat(1)).is(400, "INVALID_REQUEST").at("id", "0 to 2147483647").held("x"),
        post("/4294967296/heartbeat", &beat(1)).is(400, "INVALID_REQUEST").at("id", "0 to 2147483647"),
        post("/101/heartbeat", &strange).is(400, "INVALID_REQUEST").at("want_shutdown", "want_shut_down"),
        post("/101/heartbeat", &json!({})).is(400, "INVALID_REQUEST").at("broker_epoch", "required"),
        post("/101/isr", &odd_isr).is(400, "INVALID_REQUEST").at("changes[0].topic_id", ""),
    ]
}

fn operators() -> Vec<Case> {
    let unknown =
        |method, path: &str| Case::new(method, &format!("{BROKERS}{path}")).is(404, "BROKER_ID_NOT_REGISTERED").at("id", "").held("999");
    vec![
        unknown(Method::GET, "/999"),
        unknown(Method::DELETE, "/999"),
        unknown(Method::POST, "/999/fence"),
        unknown(Method::POST, "/999/unfence"),
        Case::new(Method::GET, "/api/v1/brokers/-1").is(400, "INVALID_REQUEST").at("id", "0 to 2147483647").held("-1"),
    ]
}
