//! A small cluster for the tests of the pages: three brokers in three racks, three topics, one of them under-replicated.

use metadata::model::Configs;
use metadata::{Broker, BrokerId, BrokerState, Change, Endpoint, Partition, RecoveryState, State, TopicId};
use std::sync::Arc;
use uuid::Uuid;

/// A broker of the sample.
pub fn broker(id: u32, rack: &str, state: BrokerState) -> Change {
    let broker = Broker {
        id: BrokerId(id),
        epoch: u64::from(id),
        changed_index: u64::from(id),
        incarnation_id: Uuid::from_u128(id.into()),
        rack: Some(rack.to_owned()),
        endpoints: vec![Endpoint { name: "client".to_owned(), host: format!("storage-{id}"), port: 9_092 }],
        push_url: None,
        state,
        held: false,
        shutdown_index: None,
    };
    Change::BrokerRegistered { broker: Arc::new(broker) }
}

/// A partition with these replicas, the first of which leads; `isr` of them are in sync.
pub fn partition(number: u32, replicas: &[u32], isr: usize) -> Partition {
    let replicas: Vec<BrokerId> = replicas.iter().copied().map(BrokerId).collect();
    Partition {
        partition: number,
        leader: replicas.first().copied().filter(|_| isr > 0),
        leader_epoch: 0,
        partition_epoch: 0,
        isr: replicas.iter().copied().take(isr).collect(),
        replicas,
        elr: Vec::new(),
        last_known_leader: None,
        recovery_state: RecoveryState::Recovered,
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
    }
}

/// The id of the `n`th topic.
pub fn topic_id(n: u128) -> TopicId {
    TopicId(Uuid::from_u128(n))
}

/// The cluster.
pub fn state() -> State {
    let mut state = State::default();
    let mut index = 0;
    let mut take = |change: &Change| {
        index += 1;
        state.absorb(index, 1_000 * index, change);
    };
    for (id, rack) in [(1, "a"), (2, "b"), (3, "c")] {
        take(&broker(id, rack, BrokerState::Online));
    }
    let topics =
        [("audit", vec![(&[1, 2, 3], 3)]), ("metrics", vec![(&[2, 3, 1], 3); 4]), ("orders", vec![(&[3, 1, 2], 3), (&[1, 2, 3], 2)])];
    for (n, (name, partitions)) in topics.into_iter().enumerate() {
        let topic_id = topic_id(n as u128 + 1);
        take(&Change::TopicCreated { topic_id, name: name.into(), configs: Configs::new() });
        for (number, (replicas, isr)) in partitions.into_iter().enumerate() {
            let partition = Arc::new(partition(number as u32, replicas, isr));
            take(&Change::PartitionChanged { topic_id, partition });
        }
    }
    state
}
