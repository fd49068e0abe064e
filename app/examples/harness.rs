//! (Temporary) Serves the pages with a simulated cluster.
use app::heard::Heard;
use app::ssr::{Node, pages};
use axum::extract::{Path, Query, State as S, ws::{Message, WebSocketUpgrade}};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use metadata::frame::*;
use metadata::intent::*;
use metadata::*;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, atomic::{AtomicBool, AtomicU64, Ordering::Relaxed}};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::broadcast;
use uuid::Uuid;

struct Sim { machine: Mutex<Machine>, index: AtomicU64, commits: Mutex<Vec<Arc<Commit>>>, heard: Mutex<Heard>, tx: broadcast::Sender<Frame>, paused: AtomicBool, down: AtomicBool, since: AtomicU64, offset: u64 }
fn now() -> u64 { SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64 }
impl Sim {
    fn run(&self, intent: Intent, who: Principal, groups: Vec<Group>) {
        let at = self.index.fetch_add(1, Relaxed) + 1;
        let at_ms = now() - self.offset;
        let entry = Entry { at_ms, principal: who, intent, key: None, groups };
        let (r, c) = self.machine.lock().unwrap().apply(&entry, at, 7);
        for o in &r.outcomes { if let Err(e) = o { eprintln!("{e}"); } }
        if let Some(c) = c { let c = Arc::new(c); self.commits.lock().unwrap().push(c.clone()); let _ = self.tx.send(Frame::Commit(c)); }
    }
    fn ask(&self, intent: Intent, who: Principal) {
        let state = self.machine.lock().unwrap().state.clone();
        let draw = Draw { now_ms: now(), seed: u128::from(self.index.load(Relaxed)) * 77 };
        match metadata::plan::plan(&state, &self.live(&state), &draw, &intent) { Ok(plan) => { let g = plan.groups(); if !g.is_empty() { self.run(intent, who, g) } } Err(e) => eprintln!("{e}") }
    }
    fn live(&self, state: &State) -> Liveness {
        let mut l = Liveness { now_ms: 10, session_timeout_ms: 9000, ..Liveness::default() };
        for b in state.brokers() { if !b.held { l.sessions.insert(b.id, metadata::liveness::Session { broker_epoch: b.epoch, contact_ms: 9, metadata_index: self.index.load(Relaxed) }); } }
        l
    }
    fn pulse(&self) -> Arc<Pulse> {
        let m = self.machine.lock().unwrap(); let i = self.index.load(Relaxed); let t = now();
        let node = |id: u64, role, last: u64, snap| NodePulse { id, url: format!("http://127.0.0.1:909{id}"), role, voter: true, last_log_index: last, applied_index: last, last_contact_ms: (id != 1).then_some(40 * id), digest: (last == i).then(|| m.state.digest()), snapshot_index: Some(snap) };
        let level = m.state.level();
        Arc::new(Pulse { at_ms: t, age_ms: 8, leader_id: Some(1), term: 7,
            nodes: vec![node(1, Role::Leader, i, 1.max(i.saturating_sub(300))), node(2, Role::Follower, i, 1.max(i.saturating_sub(300))), node(3, if self.down.load(Relaxed) { Role::Unreachable } else { Role::Follower }, i - i.min(3), 1.max(i.saturating_sub(180)))],
            brokers: m.state.brokers().map(|b| BrokerPulse { id: b.id, heartbeat_age_ms: if b.state == BrokerState::Fenced { Some(t - self.since.load(Relaxed)) } else { Some((t + u64::from(b.id.0) * 330) % 2000) }, acknowledged_index: Some(i - u64::from(b.id.0 % 3)) }).collect(),
            backup: Backup::Following { watermark: i - i.min(2) }, since: Some(Since { level, at_ms: self.since.load(Relaxed), index: 3 }), commits_10s: 4 + (t / 1000 % 7) as u32 })
    }
    fn node(&self) -> Node {
        let mut recent = self.commits.lock().unwrap().clone(); recent.reverse();
        Node { id: 2, state: Arc::new(self.machine.lock().unwrap().state.clone()), pulse: self.pulse(), quorum_age_ms: 20, recent, heard: self.heard.lock().unwrap().clone() }
    }
}
fn registration(id: u32, rack: &str) -> Registration { Registration { id: BrokerId(id), incarnation_id: Uuid::from_u128(id.into()), cluster_id: None, rack: Some(rack.into()), endpoints: vec![Endpoint { name: "client".into(), host: format!("storage-{id}.internal"), port: 9092 }], push_url: None, previous_broker_epoch: None } }

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let scenario = args.get(1).cloned().unwrap_or("degraded".into());
    let port: u16 = args.get(2).and_then(|p| p.parse().ok()).unwrap_or(9700);
    let mut machine = Machine::default();
    machine.apply_membership(&metadata::command::Membership { nodes: (1..=3).map(|id| ControllerNode { id, url: format!("http://127.0.0.1:909{id}"), voter: true }).collect(), by: 1 }, 1, 1);
    let sim = Arc::new(Sim { machine: Mutex::new(machine), index: AtomicU64::new(1), commits: Mutex::default(), heard: Mutex::default(), tx: broadcast::channel(1000).0, paused: AtomicBool::new(false), down: AtomicBool::new(false), since: AtomicU64::new(now() - 251_000), offset: 60_000 });
    sim.ask(Intent::BootstrapCluster { identity: metadata::model::Identity { cluster_id: Uuid::from_u128(0xabcdef0123456789), lineage: Uuid::from_u128(9) } }, Principal::controller(1));
    if scenario != "empty" {
        for id in 101..=106u32 {
            let rack = ["eu-1a", "eu-1b", "eu-1c"][(id as usize - 101) / 2];
            sim.ask(Intent::RegisterBroker { registration: registration(id, rack) }, Principal::broker(BrokerId(id)));
            let epoch = sim.machine.lock().unwrap().state.broker(BrokerId(id)).unwrap().epoch;
            sim.ask(Intent::BrokerHeartbeat { heartbeat: Heartbeat { id: BrokerId(id), broker_epoch: epoch, metadata_index: 99999, want_fence: false, want_shut_down: false } }, Principal::broker(BrokerId(id)));
        }
        if scenario != "first" {
            let names = "__consumer_offsets 50|__transaction_state 30|orders.placed 24|orders.fulfilled 24|orders.cancelled 12|payments.authorized 24|payments.captured 24|payments.ledger 16|payments.chargebacks 6|inventory.levels 24|inventory.movements 24|catalog.products 12|catalog.prices 12|catalog.images 6|clickstream.raw 48|clickstream.sessions 24|search.queries 12|search.index-updates 12|customers.profiles 12|customers.consents 6|customers.events 12|shipping.labels 6|shipping.tracking 24|fraud.signals 12|fraud.decisions 12|notifications.email 6|notifications.push 12|metrics.hosts 16|audit.admin 3|logs.gateway 12|dev.playground 3";
            for line in names.split('|') {
                let (name, n) = line.split_once(' ').unwrap();
                let min = if name == "dev.playground" { "1" } else { "2" };
                sim.ask(Intent::CreateTopics { topics: vec![NewTopic { name: name.into(), partitions: Some(n.parse().unwrap()), replication_factor: Some(if name == "dev.playground" { 1 } else { 3 }), configs: [("min.insync.replicas".to_string(), min.to_string()), ("retention.ms".into(), "604800000".into())].into(), ..NewTopic::default() }] }, Principal("user:ci-terraform".into()));
            }
            if scenario == "degraded" || scenario == "offline" { sim.ask(Intent::FenceBroker { id: BrokerId(106), expected: None }, Principal::anonymous()); }
            if scenario == "offline" { sim.ask(Intent::FenceBroker { id: BrokerId(103), expected: None }, Principal::anonymous()); sim.ask(Intent::FenceBroker { id: BrokerId(101), expected: None }, Principal::anonymous()); }
        }
    }
    for k in 0..60u64 { let mut p = Pulse::clone(&sim.pulse()); p.at_ms = p.at_ms - 120_000 + k * 2000; p.commits_10s = 3 + ((k * 7) % 11) as u32; sim.heard.lock().unwrap().take(&p); }
    let ticker = sim.clone();
    tokio::spawn(async move {
        let mut n = 0u64;
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            if ticker.paused.load(Relaxed) { continue; }
            n += 1;
            if n % 6 == 0 && std::env::var("FREEZE").is_err() {
                let state = ticker.machine.lock().unwrap().state.clone();
                if let Some(topic) = state.topics_after(None).nth((n / 6 % 20) as usize + 3) {
                    let name = topic.name.to_string();
                    ticker.ask(Intent::ChangeConfigs { name, ops: vec![ConfigOp { key: "retention.ms".into(), op: ConfigOpKind::Set, value: Some((n * 1000).to_string()) }], expected: None }, Principal("user:ci-terraform".into()));
                } else { ticker.index.fetch_add(1, Relaxed); }
            }
            let p = ticker.pulse();
            if n % 2 == 0 { ticker.heard.lock().unwrap().take(&p); let _ = ticker.tx.send(Frame::Pulse(p)); }
            let _ = ticker.tx.send(Frame::Progress { index: ticker.index.load(Relaxed), quorum_age_ms: 30 });
        }
    });
    let pkg = std::env::var("PKG").unwrap_or("/work/main/target/site/pkg".into());
    let find = |start: &str, end: &str| std::fs::read_dir(&pkg).ok().and_then(|d| d.flatten().map(|e| e.file_name().into_string().unwrap()).find(|n| n.starts_with(start) && n.ends_with(end))).map(|n| format!("/pkg/{n}")).unwrap_or_default();
    let assets = app::Assets { js: find("quorate", ".js"), wasm: find("quorate", ".wasm"), css: find("quorate", ".css") };
    eprintln!("{assets:?} on {port}");
    let s2 = sim.clone();
    let api = Router::new()
        .route("/api/v1/state", get(|S(sim): S<Arc<Sim>>| async move { metadata::snapshot::encode_state(&sim.machine.lock().unwrap().state).unwrap() }))
        .route("/api/v1/feed", get(feed))
        .route("/__fence/{id}", get(|S(sim): S<Arc<Sim>>, Path(id): Path<u32>| async move { sim.since.store(now(), Relaxed); sim.ask(Intent::FenceBroker { id: BrokerId(id), expected: None }, Principal::anonymous()); "ok" }))
        .route("/__unfence/{id}", get(|S(sim): S<Arc<Sim>>, Path(id): Path<u32>| async move { sim.since.store(now(), Relaxed); sim.ask(Intent::UnfenceBroker { id: BrokerId(id), expected: None }, Principal::anonymous()); "ok" }))
        .route("/__pause/{on}", get(|S(sim): S<Arc<Sim>>, Path(on): Path<u32>| async move { sim.paused.store(on == 1, Relaxed); "ok" }))
        .route("/__down/{on}", get(|S(sim): S<Arc<Sim>>, Path(on): Path<u32>| async move { sim.down.store(on == 1, Relaxed); "ok" }))
        .route("/pkg/{*name}", get(move |Path(name): Path<String>| { let pkg = pkg.clone(); async move {
            let Ok(bytes) = std::fs::read(format!("{pkg}/{name}")) else { return (axum::http::StatusCode::NOT_FOUND, "none").into_response() };
            let kind = match name.rsplit('.').next() { Some("js") => "text/javascript", Some("wasm") => "application/wasm", Some("css") => "text/css", _ => "application/octet-stream" };
            ([("content-type", kind)], bytes).into_response() } }))
        .with_state(sim);
    let app = pages(move || s2.node(), assets).merge(api);
    axum::serve(tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap(), app).await.unwrap();
}

async fn feed(S(sim): S<Arc<Sim>>, Query(q): Query<HashMap<String, String>>, ws: WebSocketUpgrade) -> Response {
    let from: u64 = q.get("from").and_then(|f| f.parse().ok()).unwrap_or(0);
    ws.protocols(["quorate.v1.postcard"]).on_upgrade(move |mut socket| async move {
        let mut rx = sim.tx.subscribe();
        let (hello, backlog) = {
            let m = sim.machine.lock().unwrap(); let id = m.state.identity().cloned();
            (Frame::Hello { schema: SCHEMA, cluster_id: id.as_ref().map(|i| i.cluster_id), lineage: id.map(|i| i.lineage), node_id: 2, term: 7, index: sim.index.load(Relaxed) },
             sim.commits.lock().unwrap().iter().filter(|c| c.index > from).cloned().collect::<Vec<_>>())
        };
        let mut seen = from;
        let mut send = vec![hello]; send.extend(backlog.into_iter().map(Frame::Commit)); send.push(Frame::Progress { index: sim.index.load(Relaxed), quorum_age_ms: 10 });
        for f in send { if let Frame::Commit(c) = &f { seen = seen.max(c.index) } if socket.send(Message::Binary(f.encode().unwrap().into())).await.is_err() { return } }
        while let Ok(f) = rx.recv().await {
            if let Frame::Commit(c) = &f { if c.index <= seen { continue } seen = c.index }
            if sim.paused.load(Relaxed) { continue }
            if socket.send(Message::Binary(f.encode().unwrap().into())).await.is_err() { return }
        }
    })
}
