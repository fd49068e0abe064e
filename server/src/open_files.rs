//! How many files and connections this process may have open, and how many of them feeds may take.

/// Kept for files, and for connections to peers and brokers, however many come in.
const KEPT: u64 = 256;
/// Kept beside these for connections that are no feeds.
const KEPT_FOR_CALLS: u64 = 256;
/// Readers of one node, whatever the system would allow.
const MOST_FEEDS: u64 = 100_000;
/// Where the system does not say.
const USUAL: u64 = 1_024;

/// Raises the limit to the highest that needs no permission, and returns it.
#[cfg(target_os = "linux")]
pub fn raise() -> u64 {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return USUAL };
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_or(soft, |()| hard)
}

/// Elsewhere it is left as it is.
#[cfg(not(target_os = "linux"))]
pub fn raise() -> u64 {
    USUAL
}

/// How many connections may come in: those of all callers, of peers and of feeds.
pub fn connections(open_files: u64) -> u64 {
    open_files.saturating_sub(KEPT).max(open_files / 2).min(MOST_FEEDS + KEPT_FOR_CALLS)
}

/// How many of them may be feeds: readers who take every connection there is would cut a node off from its peers.
pub fn feeds(open_files: u64) -> u64 {
    open_files.saturating_sub(KEPT + KEPT_FOR_CALLS).max(open_files / 4).min(MOST_FEEDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_leave_room_for_everything_else() {
        for (open_files, of_all, of_feeds) in
            [(0, 0, 0), (256, 128, 64), (1_024, 768, 512), (20_000, 19_744, 19_488), (u64::MAX, 100_256, 100_000)]
        {
            assert_eq!((connections(open_files), feeds(open_files)), (of_all, of_feeds), "{open_files}");
        }
    }
}
