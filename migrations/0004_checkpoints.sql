-- The whole state at some indexes, to rebuild any later one from: base64 of a deflated encoding, in parts. The first is where the history
-- begins or goes on behind a gap.
CREATE TABLE checkpoints (
    log_index BIGINT NOT NULL,
    part BIGINT NOT NULL,
    -- How many there are.
    parts BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    digest TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (log_index, part)
);

CREATE TABLE archived_checkpoints (
    lineage TEXT NOT NULL,
    log_index BIGINT NOT NULL,
    part BIGINT NOT NULL,
    parts BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    digest TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (lineage, log_index, part)
);
