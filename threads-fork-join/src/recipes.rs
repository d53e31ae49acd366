// For the documentation alone: a page for each file in `examples/`.

/// A page with the code of a recipe, found by its words.
macro_rules! recipe {
    ($name:ident, $row:literal, $file:literal, [$($word:literal),* $(,)?]) => {
        #[doc = $row]
        ///
        /// ```
        #[doc = include_str!($file)]
        /// ```
        #[doc(alias($($word),*))]
        pub mod $name {}
    };
}

recipe!(
    hello_threads,
    "Spawn threads and join them: the first program.",
    "../examples/hello_threads.rs",
    [
        "thread::spawn",
        "spawn",
        "join",
        "JoinHandle",
        "move closure",
        "start a thread"
    ]
);
recipe!(
    background_worker,
    "Background thread: runs until its owner is dropped, then is joined.",
    "../examples/background_worker.rs",
    [
        "background thread",
        "worker thread",
        "join on drop",
        "Drop",
        "sync_channel",
        "stop a thread"
    ]
);
recipe!(
    restart_worker,
    "A worker thread panics: report it, restart it, or end the program.",
    "../examples/restart_worker.rs",
    [
        "thread panics silently",
        "panic in a thread",
        "panic hook",
        "set_hook",
        "catch_unwind",
        "supervisor",
        "restart",
        "abort on panic",
        "panic message",
        "thread panicked at",
    ]
);
recipe!(
    pause_resume,
    "Pause and resume a worker thread.",
    "../examples/pause_resume.rs",
    ["pause", "resume", "suspend a thread", "pause a thread"]
);
recipe!(
    every_second,
    "Timer thread: run something periodically, stop at once.",
    "../examples/every_second.rs",
    [
        "timer",
        "periodic",
        "interval",
        "every second",
        "scheduler",
        "interrupt sleep",
        "recv_timeout",
        "stop a timer",
        "missed ticks",
    ]
);
recipe!(
    give_up,
    "Timeout for a blocking call.",
    "../examples/give_up.rs",
    [
        "timeout",
        "blocking call",
        "TimedOut",
        "cancel a thread",
        "kill a thread",
        "detach"
    ]
);
recipe!(
    child_process,
    "Run a child process (subprocess) with a timeout: read stdout and stderr.",
    "../examples/child_process.rs",
    [
        "Command",
        "subprocess",
        "wait_timeout",
        "kill a process",
        "zombie",
        "pipe deadlock",
        "read stdout and stderr",
        "wait_with_output",
        "process timeout",
    ]
);
recipe!(
    wait_until,
    "Wait until something is ready: `Condvar`, wait/notify, latch, event.",
    "../examples/wait_until.rs",
    [
        "Condvar",
        "condition variable",
        "notify",
        "notify_all",
        "spurious wakeup",
        "latch",
        "event",
        "wait for a thread",
        "lost wakeup",
    ]
);
recipe!(
    semaphore,
    "Semaphore for threads, concurrency limit: at most n at a time.",
    "../examples/semaphore.rs",
    [
        "permit",
        "concurrency limit",
        "limit threads",
        "counting semaphore",
        "acquire"
    ]
);
recipe!(
    shared_map,
    "Share a HashMap between threads (`Mutex`, guard lifetimes, poisoning).",
    "../examples/shared_map.rs",
    [
        "Mutex",
        "Arc<Mutex>",
        "data race",
        "HashMap",
        "shared state",
        "global mutable state",
        "deadlock",
        "PoisonError",
        "poisoned lock",
        "MutexGuard",
        "concurrent map",
        "try_lock",
        "cannot borrow as mutable more than once at a time",
        "cannot borrow as mutable",
    ]
);
recipe!(
    once_per_key,
    "Compute once per key: cache, memoize, single flight, no stampede.",
    "../examples/once_per_key.rs",
    [
        "cache",
        "memoize",
        "single flight",
        "cache stampede",
        "thundering herd",
        "lazy map"
    ]
);
recipe!(
    compute_once,
    "Lazy static, `OnceLock`, `LazyLock`: compute once, on first use.",
    "../examples/compute_once.rs",
    [
        "lazy_static",
        "OnceLock",
        "LazyLock",
        "OnceCell",
        "singleton",
        "global",
        "static",
        "initialize once",
        "get_or_try_init",
        "call_once",
    ]
);
recipe!(
    snapshot,
    "Hot-reload configuration: `RwLock<Arc<T>>`, many readers.",
    "../examples/snapshot.rs",
    [
        "RwLock",
        "ArcSwap",
        "reload",
        "configuration",
        "hot reload",
        "read copy update",
        "RCU",
        "many readers",
        "writer starvation",
    ]
);
recipe!(
    slice_in_place,
    "Mutate a slice in parallel: `chunks_mut`, scoped threads.",
    "../examples/slice_in_place.rs",
    [
        "chunks_mut",
        "split_at_mut",
        "mutate a slice",
        "mutate a Vec from threads",
        "parallel for"
    ]
);
recipe!(
    as_they_finish,
    "Results as threads complete (as completed).",
    "../examples/as_they_finish.rs",
    [
        "as_completed",
        "unordered results",
        "results as completed",
        "collect results of threads"
    ]
);
recipe!(
    parallel_search,
    "Parallel search: the first hit, error or panic stops the other threads.",
    "../examples/parallel_search.rs",
    [
        "find any",
        "find_any",
        "search",
        "first result",
        "stop the other threads",
        "brute force"
    ]
);
recipe!(
    big_stack,
    "Stack overflow in deep recursion: a thread with a larger stack.",
    "../examples/big_stack.rs",
    [
        "stack overflow",
        "has overflowed its stack",
        "stack_size",
        "RUST_MIN_STACK",
        "recursion",
        "thread main has overflowed its stack",
    ]
);
