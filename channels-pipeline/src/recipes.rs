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
    send_and_receive,
    "Send messages between threads: the first program.",
    "../examples/send_and_receive.rs",
    [
        "channel",
        "bounded",
        "send",
        "recv",
        "message passing",
        "Sender",
        "Receiver",
        "SendError",
        "RecvError",
        "receiver never ends",
        "loop never ends",
        "sending on a disconnected channel",
        "disconnected channel",
        "receiving on an empty and disconnected channel",
    ]
);
recipe!(
    worker_pool,
    "Thread pool: submit jobs, get results.",
    "../examples/worker_pool.rs",
    [
        "thread pool",
        "threadpool",
        "ThreadPool",
        "submit",
        "executor",
        "job queue",
        "worker threads",
        "worker pool",
        "catch_unwind",
        "panic in a job",
        "thread panics silently",
        "mpmc",
        "Arc<Mutex<Receiver>>",
        "mpsc::Receiver cannot be shared between threads safely",
    ]
);
recipe!(
    fan_in,
    "Many producers, one consumer (mpsc), that ends.",
    "../examples/fan_in.rs",
    [
        "mpsc",
        "multiple producers",
        "fan-in",
        "merge channels",
        "receiver never ends",
        "drop the sender",
        "backpressure",
        "producer consumer",
    ]
);
recipe!(
    crawl,
    "Jobs that create more jobs: know when all is done (crawler, directory walk).",
    "../examples/crawl.rs",
    [
        "crawler",
        "web crawler",
        "directory walk",
        "walk a directory",
        "recursive jobs",
        "dynamic tasks",
        "work queue",
        "termination detection",
        "know when all jobs are done",
        "pending count",
        "deadlock",
    ]
);
recipe!(
    numbered_grep,
    "Ordered output of a parallel job: lines of a file.",
    "../examples/numbered_grep.rs",
    [
        "ordered output",
        "results in order",
        "preserve order",
        "parallel grep",
        "lines in parallel",
        "batches of lines",
        "BufWriter",
        "flush",
        "stream did not contain valid UTF-8",
        "failed to write whole buffer",
    ]
);
recipe!(
    ctrl_c,
    "Ctrl-C, SIGTERM: graceful shutdown of threads.",
    "../examples/ctrl_c.rs",
    [
        "graceful shutdown",
        "SIGINT",
        "SIGTERM",
        "SIGHUP",
        "signal handler",
        "ctrlc",
        "stop threads",
        "stop a blocking read",
        "stdin in a thread",
        "stop a thread that reads stdin",
        "select_biased",
        "exit code 130",
        "second Ctrl-C",
        "program does not exit",
    ]
);
recipe!(
    select_deadline,
    "`select!` on several channels, with a deadline.",
    "../examples/select_deadline.rs",
    [
        "select",
        "select!",
        "several channels",
        "deadline",
        "timeout",
        "after",
        "never",
        "recv_deadline",
        "disconnected arm spins",
        "100 % CPU",
        "busy loop",
    ]
);
recipe!(
    priority,
    "Priority between channels: urgent first.",
    "../examples/priority.rs",
    [
        "priority queue",
        "priority channel",
        "urgent",
        "select_biased",
        "biased",
        "starvation",
        "control messages",
    ]
);
recipe!(
    ask_and_answer,
    "Request/reply channel: ask a thread, get an answer (oneshot).",
    "../examples/ask_and_answer.rs",
    [
        "oneshot",
        "request response",
        "request reply",
        "actor",
        "rpc",
        "thread that owns a connection",
        "not Send",
        "cannot be sent between threads safely",
        "waits forever for an answer",
    ]
);
recipe!(
    batch,
    "Batching with timeout: by size or time.",
    "../examples/batch.rs",
    [
        "chunks with timeout",
        "chunks_timeout",
        "buffer",
        "bulk insert",
        "flush interval",
        "recv_timeout",
        "linger",
    ]
);
recipe!(
    debounce,
    "Debounce: act once it has been quiet for a while.",
    "../examples/debounce.rs",
    [
        "debouncer",
        "quiet period",
        "coalesce events",
        "file watcher",
        "notify",
        "last event",
        "settle",
    ]
);
recipe!(
    rate_limit,
    "Rate limiter, throttle, token bucket.",
    "../examples/rate_limit.rs",
    [
        "rate limit",
        "rate limiting",
        "throttle",
        "token bucket",
        "leaky bucket",
        "requests per second",
        "GCRA",
        "burst",
        "too many requests",
        "interrupt sleep",
    ]
);
recipe!(
    drop_when_full,
    "`try_send`: drop when the queue is full, and count.",
    "../examples/drop_when_full.rs",
    [
        "try_send",
        "TrySendError",
        "queue full",
        "lossy channel",
        "drop messages",
        "load shedding",
        "logging",
        "metrics",
        "never block",
        "sending on a full channel",
    ]
);
recipe!(
    broadcast,
    "Broadcast channel, pub/sub: every subscriber gets every message.",
    "../examples/broadcast.rs",
    [
        "pub/sub",
        "publish subscribe",
        "fan-out",
        "observer",
        "event bus",
        "slow subscriber",
        "lagged",
        "Lagged",
        "bus",
    ]
);
