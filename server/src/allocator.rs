//! What the allocator does with memory that nobody uses any more: docs/adr/0017-memory-goes-back.md.

/// It asks for huge pages, and in a small process most of each is never used.
#[cfg(target_os = "linux")]
pub fn without_huge_pages() {
    // Only memory is at stake: where it is not allowed the process is larger.
    nix::sys::prctl::set_thp_disable(true).unwrap_or_default();
}

#[cfg(not(target_os = "linux"))]
pub fn without_huge_pages() {}

/// Has memory go back to the system a tenth of a second after its last use, and not a second, after which a node whose
/// load has ended does nothing that would remind the allocator of it.
///
/// The allocator reads its settings before `main` and from the environment only, so the process begins anew with this one,
/// under the same id; one that the operator has set stays.
#[cfg(unix)]
pub fn give_memory_back() {
    use std::os::unix::process::CommandExt;
    const SETTING: &str = "MIMALLOC_PURGE_DELAY";
    const MILLISECONDS: &str = "100";
    if std::env::var_os(SETTING).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut again = std::process::Command::new(program);
    let mut arguments = std::env::args_os();
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // Comes back only when it failed. Only memory is at stake then, too.
    drop(again.args(arguments).env(SETTING, MILLISECONDS).exec());
}

#[cfg(not(unix))]
pub fn give_memory_back() {}
