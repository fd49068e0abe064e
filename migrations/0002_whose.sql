-- Whose backup this is: another cluster is refused.
CREATE TABLE backup (
    id BIGINT PRIMARY KEY,
    cluster_id TEXT NOT NULL
);

-- What the cluster's earlier histories left, as it was when the next one began.
CREATE TABLE archived_watermark (
    lineage TEXT PRIMARY KEY,
    term BIGINT NOT NULL,
    log_index BIGINT NOT NULL
);

CREATE TABLE archived_brokers (
    lineage TEXT NOT NULL,
    id BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    rack TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (lineage, id)
);

CREATE TABLE archived_topics (
    lineage TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_index BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    configs TEXT NOT NULL,
    PRIMARY KEY (lineage, id)
);

CREATE TABLE archived_partitions (
    lineage TEXT NOT NULL,
    topic_id TEXT NOT NULL,
    partition_no BIGINT NOT NULL,
    leader BIGINT NOT NULL,
    leader_epoch BIGINT NOT NULL,
    partition_epoch BIGINT NOT NULL,
    replicas TEXT NOT NULL,
    isr TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (lineage, topic_id, partition_no)
);

CREATE TABLE archived_history (
    lineage TEXT NOT NULL,
    log_index BIGINT NOT NULL,
    prev_index BIGINT NOT NULL,
    term BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    principal TEXT NOT NULL,
    kind TEXT NOT NULL,
    intent TEXT NOT NULL,
    changes TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (lineage, log_index)
);
