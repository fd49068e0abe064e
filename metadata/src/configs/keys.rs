//! Every key of a topic's configuration: the thirty-three of Kafka 4 with its defaults and ranges, and our own. Many of them
//! only brokers act on; all of them are kept and shown.

use super::{DELETION_PROTECTION, Key, Kind, LABELS, MIN_INSYNC_REPLICAS, Unit};

const fn key(name: &'static str, default: &'static str, kind: Kind, unit: Unit, help: &'static str) -> Key {
    Key { name, default, kind, unit, help }
}

const fn from(min: i64) -> Kind {
    Kind::Integer { min, max: i64::MAX }
}

const fn int(min: i64) -> Kind {
    Kind::Integer { min, max: i32::MAX as i64 }
}

const fn time(name: &'static str, default: &'static str, min: i64, help: &'static str) -> Key {
    key(name, default, from(min), Unit::Milliseconds, help)
}

const fn size(name: &'static str, default: &'static str, kind: Kind, help: &'static str) -> Key {
    key(name, default, kind, Unit::Bytes, help)
}

const fn plain(name: &'static str, default: &'static str, kind: Kind, help: &'static str) -> Key {
    key(name, default, kind, Unit::None, help)
}

const NO_END: &str = "9223372036854775807";

/// Every key, in the order in which a form shows them.
pub const KEYS: &[Key] = &[
    plain(
        "cleanup.policy",
        "delete",
        Kind::ListOf(&["delete", "compact"]),
        "Delete old segments after retention, or keep the last record of every key.",
    ),
    time("retention.ms", "604800000", -1, "How long records are kept. -1 keeps them for ever."),
    plain(
        MIN_INSYNC_REPLICAS,
        "1",
        int(1),
        "How many replicas must be in sync for an acks=all write. Two of three means a write survives the loss of any one broker.",
    ),
    size("max.message.bytes", "1048588", int(0), "Largest record batch that a producer may send."),
    plain(DELETION_PROTECTION, "false", Kind::Boolean, "Refuse to delete this topic until it is taken off."),
    size("retention.bytes", "-1", from(-1), "How large a partition may grow. -1 sets no limit."),
    size("segment.bytes", "1073741824", int(1_048_576), "How large a segment file grows before a new one begins."),
    time("segment.ms", "604800000", 1, "How long a segment stays open at most."),
    plain(
        "compression.type",
        "producer",
        Kind::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "How records are compressed on disk.",
    ),
    time("delete.retention.ms", "86400000", 0, "How long deletion markers stay in a compacted topic."),
    time("min.compaction.lag.ms", "0", 0, "How long a record stays uncompacted at least."),
    time("max.compaction.lag.ms", NO_END, 1, "How long a record stays uncompacted at most."),
    plain("min.cleanable.dirty.ratio", "0.5", Kind::Ratio, "How much of a compacted log may be dirty before it is compacted again."),
    plain("message.timestamp.type", "CreateTime", Kind::OneOf(&["CreateTime", "LogAppendTime"]), "Whose clock stamps a record."),
    plain(
        "unclean.leader.election.enable",
        "false",
        Kind::Boolean,
        "Let a replica lead that may lack acknowledged records. Data can be lost.",
    ),
    plain(
        "compression.gzip.level",
        "-1",
        Kind::IntegerOr { other: -1, min: 1, max: 9 },
        "How hard gzip tries, when compression.type is gzip. -1 leaves it to gzip.",
    ),
    plain(
        "compression.lz4.level",
        "9",
        Kind::Integer { min: 1, max: 17 },
        "How hard lz4 tries, when compression.type is lz4: more is smaller and slower.",
    ),
    plain(
        "compression.zstd.level",
        "3",
        Kind::Integer { min: -131_072, max: 22 },
        "How hard zstd tries, when compression.type is zstd: more is smaller and slower.",
    ),
    time("message.timestamp.before.max.ms", NO_END, 0, "How far a record's time may lie before the broker's clock."),
    time("message.timestamp.after.max.ms", "3600000", 0, "How far a record's time may lie after the broker's clock."),
    time("segment.jitter.ms", "0", 0, "By how much segments end earlier at random, so that they do not all end at once."),
    size("segment.index.bytes", "10485760", int(4), "How large the index of a segment may grow."),
    size("index.interval.bytes", "4096", int(0), "How many bytes of records lie between two entries of an index."),
    plain("preallocate", "false", Kind::Boolean, "Give a new segment its whole room on disk at once."),
    plain("flush.messages", NO_END, from(1), "After how many records a log is flushed to disk. Replication protects better than flushing."),
    time("flush.ms", NO_END, 0, "After how long a log is flushed to disk. Replication protects better than flushing."),
    time("file.delete.delay.ms", "60000", 0, "How long a deleted segment's file stays on disk."),
    plain("remote.storage.enable", "false", Kind::Boolean, "Move old segments to remote storage."),
    time("local.retention.ms", "-2", -2, "How long records stay on the broker's own disk. -2 is retention.ms, -1 sets no limit."),
    size(
        "local.retention.bytes",
        "-2",
        from(-2),
        "How much of a partition stays on the broker's own disk. -2 is retention.bytes, -1 sets no limit.",
    ),
    plain("remote.log.copy.disable", "false", Kind::Boolean, "Copy nothing more to remote storage; what is there stays readable."),
    plain("remote.log.delete.on.disable", "false", Kind::Boolean, "Delete what is in remote storage when it is switched off."),
    plain(
        "leader.replication.throttled.replicas",
        "",
        Kind::Replicas,
        "Replicas whose leader slows replication down, as PARTITION:BROKER, or * for all.",
    ),
    plain(
        "follower.replication.throttled.replicas",
        "",
        Kind::Replicas,
        "Replicas that slow their own replication down, as PARTITION:BROKER, or * for all.",
    ),
    plain(LABELS, "", Kind::Labels, "What the topic belongs to, as app=orders,team=blue. Files and tools select by it."),
];
