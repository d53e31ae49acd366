//! How many files and sockets may be open.

/// Raises the limit as far as the system allows. Returns what undoes that, for COMMAND: some programs
/// cannot handle many.
#[cfg(unix)]
pub fn raise_limit() -> impl FnOnce() {
    let before = rlimit::Resource::NOFILE.get();
    let _ = rlimit::increase_nofile_limit(u64::MAX); // if that fails, it stays as it was
    move || {
        if let Ok((soft, hard)) = before {
            let _ = rlimit::Resource::NOFILE.set(soft, hard); // lower is always allowed
        }
    }
}

/// Returns how many more may be opened.
#[cfg(unix)]
pub fn left() -> usize {
    // The smallest default of a system, if this one does not tell.
    let limit = rlimit::Resource::NOFILE.get().map_or(256, |(soft, _)| soft);
    // If there is no such folder, a few.
    let open = std::fs::read_dir("/dev/fd").map_or(32, Iterator::count);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    limit.saturating_sub(open)
}

/// There is no limit to raise.
#[cfg(not(unix))]
pub fn raise_limit() -> impl FnOnce() {
    || ()
}

#[cfg(not(unix))]
pub fn left() -> usize {
    usize::MAX
}
