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
    join_two,
    "Run two futures at once and compose them: the first program.",
    "../examples/join_two.rs",
    [
        "join",
        "join!",
        "try_join!",
        "async await",
        "await",
        "first async program",
        "hello async",
        "async fn",
    ]
);
recipe!(
    limit,
    "Concurrency limit: semaphore, `buffer_unordered`, JoinSet; errors kept.",
    "../examples/limit.rs",
    [
        "semaphore",
        "Semaphore",
        "buffer_unordered",
        "buffered",
        "concurrency limit",
        "at most n at a time",
        "JoinSet",
        "too many open files",
        "buffered(0)",
        "bounded concurrency",
        "rate of requests",
    ]
);
recipe!(
    first_error,
    "`try_join_all`, cancel the rest on the first error.",
    "../examples/first_error.rs",
    [
        "try_join_all",
        "try_join!",
        "fail fast",
        "first error",
        "cancel the rest",
        "JoinSet",
        "JoinHandle",
        "abort",
        "structured concurrency",
    ]
);
recipe!(
    timeout,
    "Timeout for a future (`tokio::time::timeout`).",
    "../examples/timeout.rs",
    [
        "timeout_at",
        "deadline",
        "deadline has elapsed",
        "Elapsed",
        "give up",
        "AbortOnDropHandle",
    ]
);
recipe!(
    periodic,
    "`interval`, missed ticks: every n ms.",
    "../examples/periodic.rs",
    [
        "interval",
        "MissedTickBehavior",
        "periodic task",
        "every second",
        "tick",
        "timer",
        "cron",
        "drift",
    ]
);
recipe!(
    select_loop,
    "`tokio::select!` in a loop: cancellation safety.",
    "../examples/select_loop.rs",
    [
        "select!",
        "select",
        "cancellation safety",
        "cancel safety",
        "futurelock",
        "lost message",
        "read_exact",
        "reserve",
        "select loop",
    ]
);
recipe!(
    shared_state,
    r#"tokio `Mutex` or std `Mutex`? Guard across await, "future is not `Send`"."#,
    "../examples/shared_state.rs",
    [
        "Mutex",
        "tokio::sync::Mutex",
        "MutexGuard across await",
        "future is not Send",
        "future cannot be sent between threads safely",
        "within this impl Future, the trait Send is not implemented for MutexGuard",
        "await_holding_lock",
        "shared state",
        "PoisonError",
        "HashMap",
        "deadlock",
        "std Mutex or tokio Mutex",
    ]
);
recipe!(
    actor,
    "Actor: one task owns the state.",
    "../examples/actor.rs",
    [
        "mailbox",
        "oneshot",
        "request reply",
        "message passing",
        "handle",
        "one task owns the state",
    ]
);
recipe!(
    newest_value,
    "`watch` channel: latest value, reload a configuration (SIGHUP).",
    "../examples/newest_value.rs",
    [
        "watch",
        "watch channel",
        "latest value",
        "SIGHUP",
        "reload configuration",
        "hot reload",
        "config",
        "wait_for",
        "changed",
    ]
);
recipe!(
    lagging_subscriber,
    "tokio `broadcast`: slow subscriber, `Lagged`, missed messages.",
    "../examples/lagging_subscriber.rs",
    [
        "broadcast",
        "Lagged",
        "RecvError::Lagged",
        "pub/sub",
        "subscriber",
        "missed messages",
        "channel lagged",
    ]
);
recipe!(
    work_queue,
    "Several tasks on one queue (async MPMC).",
    "../examples/work_queue.rs",
    [
        "mpmc",
        "work queue",
        "job queue",
        "worker tasks",
        "async-channel",
        "several consumers",
        "shared receiver",
        "Receiver cannot be cloned",
    ]
);
recipe!(
    thread_to_task,
    "Channel between a thread and a task, both directions.",
    "../examples/thread_to_task.rs",
    [
        "blocking_send",
        "blocking_recv",
        "thread and task",
        "sync to async channel",
        "bridge",
        "Cannot block the current thread from within a runtime",
        "mpsc",
        "backpressure",
    ]
);
recipe!(
    from_sync,
    r#"Call async from sync: `block_on`, "Cannot start a runtime from within"."#,
    "../examples/from_sync.rs",
    [
        "block_on",
        "Cannot start a runtime from within a runtime",
        "call async from sync",
        "async in sync",
        "Handle::block_on",
        "blocking client",
        "Cannot drop a runtime in a context where blocking is not allowed",
        "nested runtime",
        "there is no reactor running",
    ]
);
recipe!(
    compute,
    "`spawn_blocking`, CPU-bound work, rayon from async.",
    "../examples/compute.rs",
    [
        "spawn_blocking",
        "CPU-bound",
        "rayon",
        "blocking the executor",
        "block_in_place",
        "blocking call",
        "compute in async",
    ]
);
recipe!(
    tcp_server,
    "TCP server: accept loop, a task per connection, slow clients, stop.",
    "../examples/tcp_server.rs",
    [
        "server",
        "TCP server",
        "TcpListener",
        "accept",
        "accept loop",
        "too many open files",
        "EMFILE",
        "slow client",
        "echo server",
        "connection",
        "lines",
        "Ctrl-C",
    ]
);
recipe!(
    graceful_shutdown,
    "Graceful shutdown: Ctrl-C/SIGTERM, finish, give up after a while.",
    "../examples/graceful_shutdown.rs",
    [
        "graceful shutdown",
        "Ctrl-C",
        "ctrl_c",
        "SIGTERM",
        "SIGINT",
        "CancellationToken",
        "TaskTracker",
        "drain",
        "signal",
        "shutdown",
        "stop a server",
    ]
);
recipe!(
    supervisor,
    "A background task panics silently: notice, restart, or shut down.",
    "../examples/supervisor.rs",
    [
        "task panics silently",
        "panic in a task",
        "JoinHandle",
        "JoinError",
        "restart",
        "background task",
        "restart with backoff",
        "watchdog",
    ]
);
recipe!(
    does_not_exit,
    "The program does not exit: `spawn_blocking`, stdin, `shutdown_timeout`.",
    "../examples/does_not_exit.rs",
    [
        "program does not exit",
        "hangs at exit",
        "shutdown_timeout",
        "shutdown_background",
        "stdin",
        "tokio::io::stdin",
        "spawn_blocking",
        "process does not end",
    ]
);
recipe!(
    async_drop,
    "Async cleanup, async `Drop`.",
    "../examples/async_drop.rs",
    [
        "async drop",
        "AsyncDrop",
        "async cleanup",
        "Drop",
        "close",
        "flush on drop",
        "destructor",
        "rollback",
    ]
);
