-- The backup of a cluster's metadata. The Raft log is the source of truth; these tables follow it.

-- Up to where the backup is, and who may write it.
CREATE TABLE watermark (
    id BIGINT PRIMARY KEY,
    lineage TEXT NOT NULL,
    term BIGINT NOT NULL,
    log_index BIGINT NOT NULL
);

CREATE TABLE brokers (
    id BIGINT PRIMARY KEY,
    epoch BIGINT NOT NULL,
    rack TEXT NOT NULL,
    -- The whole broker as JSON.
    state TEXT NOT NULL
);

CREATE TABLE topics (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_index BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    configs TEXT NOT NULL
);

CREATE TABLE partitions (
    topic_id TEXT NOT NULL,
    partition_no BIGINT NOT NULL,
    -- -1 for none.
    leader BIGINT NOT NULL,
    leader_epoch BIGINT NOT NULL,
    partition_epoch BIGINT NOT NULL,
    replicas TEXT NOT NULL,
    isr TEXT NOT NULL,
    -- The whole partition as JSON.
    state TEXT NOT NULL,
    PRIMARY KEY (topic_id, partition_no)
);

-- Every commit. A row of kind `gap` says that what lies between prev_index and log_index is not here.
CREATE TABLE history (
    log_index BIGINT PRIMARY KEY,
    prev_index BIGINT NOT NULL,
    term BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    principal TEXT NOT NULL,
    kind TEXT NOT NULL,
    intent TEXT NOT NULL,
    changes TEXT NOT NULL,
    digest TEXT NOT NULL
);
