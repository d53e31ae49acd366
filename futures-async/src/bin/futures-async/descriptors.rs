//! How many descriptors there are: each socket is one.

/// Raises the limit of this process as far as the system allows. Returns what undoes that, for
/// another program: some cannot handle many.
#[cfg(unix)]
pub fn raise_limit() -> impl FnOnce() {
    let before = rlimit::Resource::NOFILE.get();
    let _ = rlimit::increase_nofile_limit(u64::MAX); // if refused, it stays as it was
    move || {
        if let Ok((soft, hard)) = before {
            let _ = rlimit::Resource::NOFILE.set(soft, hard); // lower is always allowed
        }
    }
}

/// Returns how many more may be opened.
#[cfg(unix)]
pub fn left() -> usize {
    // The least that systems have by default, should this one not tell.
    let limit = rlimit::Resource::NOFILE.get().map_or(256, |(soft, _)| soft);
    // Those of this process; a few, where the folder is missing.
    let open = std::fs::read_dir("/dev/fd").map_or(32, Iterator::count);
    usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .saturating_sub(open)
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
