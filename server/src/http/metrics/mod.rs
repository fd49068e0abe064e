//! `GET /metrics`: numbers about this node, in Prometheus' text format 0.0.4. Labels have few values, all known beforehand: no name that a caller chose.
//!
//! Most numbers are read when they are asked for; `requests` is what is counted along, `text` the format.

mod requests;
mod text;

#[cfg(test)]
mod tests;

use super::Node;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use controller::Controller;
use http::header;
use metadata::frame::Backup;
use metadata::views::{self, Health, Known, Level, Quorum, Reason};
pub use requests::{Requests, Subscribers};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use text::Text;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What this process counts of its edge.
pub struct Counters {
    pub requests: Requests,
    pub subscribers: Subscribers,
    began: Instant,
    began_at: SystemTime,
}

impl Counters {
    /// Nothing counted yet; so many feeds may be open.
    pub fn new(most_feeds: u64) -> Self {
        let (requests, subscribers) = (Requests::new(), Subscribers::new(most_feeds));
        Counters { requests, subscribers, began: Instant::now(), began_at: SystemTime::now() }
    }
}

pub async fn get(State(node): State<Node>) -> Response {
    let mut out = Text::default();
    raft(&mut out, &node.controller);
    cluster(&mut out, &node.controller);
    backup(&mut out, &node.controller);
    history(&mut out, &node.controller);
    out.gauge("quorate_connections", "Open connections to this node, of all kinds.", node.places.taken());
    out.gauge("quorate_connections_limit", "How many connections may be open to this node.", node.places.most());
    out.gauge("quorate_feed_subscribers", "Open feeds on this node.", node.counters.subscribers.count());
    out.gauge("quorate_feed_subscribers_limit", "How many feeds may be open on this node.", node.counters.subscribers.most());
    node.counters.requests.write(&mut out);
    if let Some(certificates) = &node.certificates {
        tls(&mut out, &certificates.status());
    }
    process(&mut out, &node.counters);
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], out.finish()).into_response()
}

fn leads(controller: &Controller) -> bool {
    controller.leader_id() == Some(controller.node_id())
}

fn raft(out: &mut Text, controller: &Controller) {
    out.gauge("quorate_applied_index", "The log index applied on this node.", controller.applied_index());
    out.gauge("quorate_last_log_index", "The last index in this node's log, committed or not.", controller.last_log_index());
    out.gauge("quorate_term", "The Raft term.", controller.term());
    out.gauge("quorate_is_leader", "1 on the node that leads.", u8::from(leads(controller)));
    out.gauge("quorate_leader_id", "The node that leads, as this node knows it; 0 for none.", controller.leader_id().unwrap_or(0));
    out.gauge("quorate_quorum_age_ms", "How long ago this node last heard a majority's leader, ms.", controller.quorum_age_ms());
    out.gauge("quorate_ready", "1 while /readyz answers 200.", u8::from(controller.ready()));
    out.counter("quorate_overloaded_total", "Intents that this node, leading, refused with OVERLOADED.", controller.overloads());
    let late = "Heartbeats of brokers that this node, leading, only took as a sign of life: their change of state did not come in time.";
    out.counter("quorate_heartbeats_late_total", late, controller.late_heartbeats());
    out.family("quorate_commits_total", "counter", "Commits applied by this process, those replayed at its start included.");
    for (kind, count) in controller.commits_by_kind() {
        out.sample("quorate_commits_total", &[("kind", kind)], count);
    }
}

fn cluster(out: &mut Text, controller: &Controller) {
    let (state, pulse, fault) = (controller.state(), controller.pulse(), controller.fault().map(|fault| fault.to_string()));
    let (node_id, quorum_age_ms) = (controller.node_id(), controller.quorum_age_ms());
    let view = views::cluster(&state, &Known { node_id, pulse: Some(&pulse), quorum_age_ms, fault: fault.as_deref() });
    out.gauge("quorate_topics", "Topics.", view.topics);
    out.gauge("quorate_partitions", "Partitions of all topics.", view.partitions);
    quorum(out, &view.quorum);
    health(out, &view.health);
    moves(out, &state);
    out.family("quorate_brokers", "gauge", "Registered brokers by state.");
    let brokers = view.brokers;
    for (state, count) in
        [("online", brokers.online), ("fencing", brokers.fencing), ("fenced", brokers.fenced), ("shutting_down", brokers.shutting_down)]
    {
        out.sample("quorate_brokers", &[("state", state)], count);
    }
}

fn moves(out: &mut Text, state: &metadata::State) {
    let open: Vec<_> = state.reassignments().filter(|each| each.ended_at_ms.is_none()).collect();
    out.gauge("quorate_reassignments", "Reassignments that have not ended.", open.len());
    let (mut moving, mut waiting) = (0_u64, 0_u64);
    for each in open {
        let progress = state.progress(each.id);
        moving += u64::from(progress.moving);
        // What is not written down yet waits as well.
        waiting += u64::from(progress.waiting) + u64::from(each.total.saturating_sub(each.planned));
    }
    out.family("quorate_moves", "gauge", "Partitions that reassignments have still to move, by state.");
    for (state, count) in [("moving", moving), ("waiting", waiting)] {
        out.sample("quorate_moves", &[("state", state)], count);
    }
}

fn quorum(out: &mut Text, quorum: &Quorum) {
    out.gauge("quorate_quorum_voters", "Controllers that vote.", quorum.voters);
    out.gauge("quorate_quorum_needed_voters", "How many of them are a majority.", quorum.needed);
    out.gauge("quorate_quorum_reachable_voters", "Voters that answer the leader, or this node where it hears none.", quorum.reachable);
    let available = u8::from(quorum.available);
    out.gauge("quorate_quorum_available", "1 while this node takes part and heard a majority in the last 3 s.", available);
}

fn health(out: &mut Text, health: &Health) {
    let level = match health.verdict {
        Level::Healthy => 0,
        Level::Warning => 1,
        Level::Critical => 2,
    };
    out.gauge("quorate_health", "The verdict of this node: 0 healthy, 1 warning, 2 critical.", level);
    out.family("quorate_health_reason", "gauge", "1 for each reason that the verdict has.");
    for reason in Reason::ALL {
        let holds = health.reasons.iter().any(|finding| finding.reason == reason);
        out.sample("quorate_health_reason", &[("reason", reason.name())], u8::from(holds));
    }
    out.gauge("quorate_offline_partitions", "Partitions without a leader.", health.offline);
    out.gauge("quorate_below_min_isr_partitions", "Partitions with fewer in sync than min.insync.replicas.", health.below_min_isr);
    out.gauge("quorate_at_min_isr_partitions", "Partitions with exactly min.insync.replicas in sync.", health.at_min_isr);
    out.gauge("quorate_under_replicated_partitions", "Partitions with a replica that is not in sync.", health.under_replicated);
    out.gauge("quorate_not_preferred_partitions", "Partitions that another than their preferred leader leads.", health.not_preferred);
}

/// The journal of this node, where it keeps one.
fn history(out: &mut Text, controller: &Controller) {
    let Some(status) = controller.history_status() else { return };
    let lag = controller.state().revision().saturating_sub(status.upto);
    out.gauge("quorate_history_bytes", "Bytes of this node's history on its disk.", status.bytes);
    out.gauge("quorate_history_oldest_index", "This node's history begins after this index.", status.after);
    out.gauge("quorate_history_lag_indexes", "How many indexes this node's history is behind what it has applied.", lag);
    out.gauge("quorate_history_gaps", "Stretches that are missing within this node's history.", status.gaps);
    out.gauge("quorate_history_failing", "1 while this node's history cannot be written.", u8::from(status.trouble.is_some()));
}

/// Only the leader writes the backup, and only there it says something.
fn backup(out: &mut Text, controller: &Controller) {
    let (watermark, failing) = match controller.pulse().backup {
        _ if !leads(controller) => return,
        Backup::Off => return,
        Backup::Following { watermark } => (watermark, false),
        Backup::Failing { watermark, .. } => (watermark, true),
    };
    let lag = controller.state().revision().saturating_sub(watermark);
    out.gauge("quorate_backup_watermark_index", "Everything up to this index is in the SQL backup. On the leader.", watermark);
    out.gauge("quorate_backup_lag_indexes", "How many indexes the SQL backup is behind the last commit. On the leader.", lag);
    out.gauge(
        "quorate_backup_failing",
        "1 while the SQL backup cannot be written, or is not what the cluster has. On the leader.",
        u8::from(failing),
    );
    let Some(proof) = controller.backup_proof() else { return };
    out.gauge("quorate_backup_proof_index", "Up to which index this node, leading, looked through the SQL backup last.", proof.index);
    out.gauge("quorate_backup_proof_timestamp_ms", "When it did that, ms since the Unix epoch.", proof.at_ms);
    out.gauge("quorate_backup_proof_failed", "1 if what it found is not what the cluster has.", u8::from(proof.flaw.is_some()));
}

fn tls(out: &mut Text, status: &tls::Status) {
    let help = "When the certificate of a file ends, in seconds since the Unix epoch.";
    out.family("quorate_tls_certificate_not_after_seconds", "gauge", help);
    for (file, ends) in &status.ends {
        let seconds = ends.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        out.sample("quorate_tls_certificate_not_after_seconds", &[("file", file)], seconds);
    }
    let failing = u8::from(status.failing.is_some());
    out.gauge("quorate_tls_reload_failing", "1 while the certificates on disk cannot be used, and older ones are in use.", failing);
    out.counter("quorate_tls_reloads_total", "How often other certificates were taken up.", status.reloads);
}

fn process(out: &mut Text, counters: &Counters) {
    out.family("quorate_build_info", "gauge", "Always 1; the version is its label.");
    out.sample("quorate_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    out.gauge("quorate_uptime_seconds", "How long this process has run.", counters.began.elapsed().as_secs());
    let began = counters.began_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    out.gauge("process_start_time_seconds", "When this process began, in seconds since the Unix epoch.", began);
    if let Some(bytes) = resident_bytes() {
        out.gauge("process_resident_memory_bytes", "Memory of this process that is in RAM.", bytes);
    }
}

/// As Linux says; other systems say nothing.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}
