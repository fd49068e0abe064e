//! A leader's decisions about its followers, case by case.

use crate::cluster::Cluster;
use anyhow::{Context, Result};
use metadata::intent::IsrChange;
use metadata::{BrokerId, Index, Intent, Partition, RecoveryState, TopicId};
use std::time::Duration;
use storage::followers::{Led, decide};
use storage::peers::{PeerTable, ReplicasAnswer};
use storage::replica::Touched;
use tokio::time::Instant;

const ME: BrokerId = BrokerId(101);
const LAG: Duration = Duration::from_secs(3);

/// Broker 101 leads `orders` 0, which 102 and 103 follow.
struct Case {
    cluster: Cluster,
    topic: TopicId,
    led: Led,
    peers: PeerTable,
    start: Instant,
}

impl Case {
    fn new() -> Result<Self> {
        let mut cluster = Cluster::new(1, 2)?;
        for id in [101, 102, 103] {
            cluster.broker(id)?;
        }
        let topic = cluster.topic("orders", &[&[101, 102, 103]])?;
        let start = Instant::now();
        let (mut led, mut peers) = (Led::new(ME), PeerTable::new(LAG));
        led.update(cluster.state(), &Touched::All, start);
        peers.watch(led.followers(), start);
        Ok(Case { cluster, topic, led, peers, start })
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    /// A good answer of this broker, then changed by `edit`.
    fn hear(&mut self, id: u32, millis: u64, edit: impl Fn(&mut ReplicasAnswer)) -> Result<()> {
        let broker = self.cluster.state().broker(BrokerId(id)).context("no such broker")?.clone();
        let metadata_index = self.cluster.state().revision();
        let mut answer = ReplicasAnswer { broker_id: broker.id, broker_epoch: Some(broker.epoch), metadata_index, replicas_online: true };
        edit(&mut answer);
        self.peers.heard(&broker, &answer, self.at(millis));
        Ok(())
    }

    fn partition(&self) -> Result<Partition> {
        Ok(Partition::clone(self.cluster.state().partition(self.topic, 0).context("no partition")?))
    }

    fn force(&mut self, edit: impl FnOnce(&mut Partition), millis: u64) -> Result<()> {
        let mut partition = self.partition()?;
        partition.partition_epoch += 1;
        edit(&mut partition);
        self.cluster.force(self.topic, partition);
        let now = self.at(millis);
        self.led.update(self.cluster.state(), &Touched::Topics([self.topic].into()), now);
        Ok(())
    }

    fn decide(&self, millis: u64) -> Vec<IsrChange> {
        decide(self.cluster.state(), &self.led, &self.peers, self.at(millis))
    }

    /// The proposed ISR, if there is exactly one proposal.
    fn isr(&self, millis: u64) -> Option<Vec<u32>> {
        let changes = self.decide(millis);
        assert!(changes.len() <= 1, "{changes:?}");
        changes.first().map(|change| change.isr.iter().map(|member| member.broker.0).collect())
    }
}

#[test]
fn who_answers_stays_and_who_is_silent_leaves_after_the_timeout() -> Result<()> {
    let mut case = Case::new()?;
    assert_eq!(case.isr(3_000), None, "a new leader gives everybody the whole timeout");
    case.hear(102, 2_900, |_| ())?;
    assert_eq!(case.isr(3_001), Some(vec![101, 102]));
    case.hear(103, 3_002, |_| ())?;
    assert_eq!(case.isr(3_003), None);
    assert_eq!(case.isr(5_901), Some(vec![101, 103]));
    assert_eq!(case.isr(6_003), Some(vec![101]));
    Ok(())
}

#[test]
fn a_proposal_carries_every_epoch_that_it_rests_on() -> Result<()> {
    let case = Case::new()?;
    let changes = case.decide(3_001);
    let [change] = changes.as_slice() else { anyhow::bail!("{changes:?}") };
    let partition = case.partition()?;
    assert_eq!((change.topic_id, change.partition), (case.topic, 0));
    assert_eq!((change.leader_epoch, change.partition_epoch), (partition.leader_epoch, partition.partition_epoch));
    assert_eq!(change.isr[0].broker_epoch, case.cluster.state().broker(ME).map(|me| me.epoch));
    assert_eq!(change.recovery_state, None);
    Ok(())
}

#[test]
fn an_answer_counts_only_if_everything_in_it_is_right() -> Result<()> {
    type Edit = fn(&mut ReplicasAnswer);
    let cases: [(&str, Edit); 5] = [
        ("another epoch", |answer| answer.broker_epoch = Some(1)),
        ("not registered", |answer| answer.broker_epoch = None),
        ("somebody else at its address", |answer| answer.broker_id = BrokerId(999)),
        ("replicas not on disk", |answer| answer.replicas_online = false),
        ("before this leader epoch", |answer| answer.metadata_index -= 1),
    ];
    for (name, edit) in cases {
        let mut case = Case::new()?;
        case.hear(103, 3_000, |_| ())?;
        case.hear(102, 3_000, edit)?;
        assert_eq!(case.isr(3_001), Some(vec![101, 103]), "{name}");
        case.force(|partition| partition.isr.retain(|id| id.0 != 102), 0)?;
        assert_eq!(case.isr(3_001), None, "{name}: it does not join either");
    }
    Ok(())
}

#[test]
fn who_answers_joins_again() -> Result<()> {
    let mut case = Case::new()?;
    case.force(|partition| partition.isr = vec![ME], 0)?;
    assert_eq!(case.isr(0), None, "nobody was heard");
    case.hear(103, 100, |_| ())?;
    assert_eq!(case.isr(200), Some(vec![101, 103]));
    case.hear(102, 150, |_| ())?;
    assert_eq!(case.isr(200), Some(vec![101, 102, 103]), "in the order of the replicas");
    assert_eq!(case.isr(1_700), None, "so long ago that it might have to leave at once");
    Ok(())
}

#[test]
fn who_is_not_active_is_the_controllers_business() -> Result<()> {
    let mut case = Case::new()?;
    case.force(|partition| partition.isr = vec![ME, BrokerId(102)], 0)?;
    case.cluster.submit(Intent::FenceBroker { id: BrokerId(103), expected: None })?;
    case.hear(103, 100, |_| ())?;
    assert_eq!(case.isr(100), None, "a fenced one does not join");

    // In the course of a large fencing, a broker is inactive while some ISRs still hold it.
    case.force(|partition| partition.isr = vec![ME, BrokerId(102), BrokerId(103)], 0)?;
    case.hear(102, 3_050, |_| ())?;
    assert_eq!(case.isr(5_000), None, "it is no reason for a proposal");
    assert_eq!(case.isr(7_000), Some(vec![101]), "and left out of the one that 102 causes (D9)");

    case.cluster.submit(Intent::FenceBroker { id: ME, expected: None })?;
    assert_eq!(case.decide(7_000), Vec::new(), "an inactive leader has nothing to propose");
    Ok(())
}

#[test]
fn d8_a_recovering_leader_reports_recovery_alone_and_first() -> Result<()> {
    let mut case = Case::new()?;
    case.force(
        |partition| {
            partition.isr = vec![ME];
            partition.recovery_state = RecoveryState::Recovering;
        },
        0,
    )?;
    case.hear(102, 100, |_| ())?;
    let changes = case.decide(100);
    let [change] = changes.as_slice() else { anyhow::bail!("{changes:?}") };
    assert_eq!(change.recovery_state, Some(RecoveryState::Recovered));
    assert_eq!(case.isr(100), Some(vec![101]));
    case.force(|partition| partition.recovery_state = RecoveryState::Recovered, 0)?;
    assert_eq!(case.isr(100), Some(vec![101, 102]), "then others join");
    Ok(())
}

#[test]
fn a_new_leader_epoch_asks_everybody_anew() -> Result<()> {
    let mut case = Case::new()?;
    let before: Index = case.cluster.state().revision();
    for id in [102, 103] {
        case.hear(id, 4_000, |_| ())?;
    }
    case.force(|partition| partition.leader_epoch += 1, 4_000)?;
    case.hear(103, 6_990, |_| ())?;
    case.hear(102, 6_990, |answer| answer.metadata_index = before)?;
    assert_eq!(case.isr(7_000), None, "102 has the whole timeout to follow");
    assert_eq!(case.isr(7_001), Some(vec![101, 103]), "but it still follows the leader before");
    Ok(())
}

#[test]
fn after_a_pause_silence_says_nothing() -> Result<()> {
    let mut case = Case::new()?;
    case.peers.reseed(case.at(60_000));
    assert_eq!(case.isr(63_000), None);
    assert_eq!(case.isr(63_001), Some(vec![101]));
    Ok(())
}

#[test]
fn who_is_not_watched_is_left_as_it_is() -> Result<()> {
    let mut case = Case::new()?;
    case.hear(102, 60_000, |_| ())?;
    case.peers.watch([BrokerId(102)], case.at(0));
    assert_eq!(case.isr(60_000), None);
    Ok(())
}

#[test]
fn what_others_lead_is_none_of_its_business() -> Result<()> {
    let mut case = Case::new()?;
    case.cluster.topic("payments", &[&[102, 101]])?;
    case.led.update(case.cluster.state(), &Touched::All, case.start);
    assert_eq!(case.decide(60_000).len(), 1);
    case.force(|partition| (partition.leader, partition.leader_epoch) = (Some(BrokerId(102)), 1), 0)?;
    assert_eq!(case.decide(60_000), Vec::new(), "it lost the leadership");
    case.cluster.delete("orders")?;
    case.led.update(case.cluster.state(), &Touched::Topics([case.topic].into()), case.start);
    assert_eq!(case.led.followers().count(), 0);
    Ok(())
}
