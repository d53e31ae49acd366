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
    count_together,
    "Count from several threads with one atomic: the first program.",
    "../examples/count_together.rs",
    [
        "fetch_add",
        "shared counter",
        "lost update",
        "race condition",
        "load then store",
        "increment from threads",
        "Rc cannot be sent between threads safely",
        "cannot borrow as mutable more than once at a time",
        "cannot assign, as it is a captured variable in a Fn closure",
    ]
);
recipe!(
    progress,
    "Progress bar of worker threads.",
    "../examples/progress.rs",
    [
        "progress bar",
        "status line",
        "indicatif",
        "percent",
        "IsTerminal",
        "failed printing to stderr",
        "how far",
        "Broken pipe",
    ]
);
recipe!(
    stop_flag,
    "Stop a thread: `AtomicBool` flag and join.",
    "../examples/stop_flag.rs",
    [
        "stop a thread",
        "AtomicBool",
        "kill a thread",
        "cancel a thread",
        "terminate a thread",
        "interrupt a thread",
        "shutdown flag",
        "stop accept",
        "blocked in accept",
        "blocked on stdin",
        "volatile",
    ]
);
recipe!(
    unique_ids,
    "Unique id generator.",
    "../examples/unique_ids.rs",
    [
        "id generator",
        "unique id",
        "sequence number",
        "ticket",
        "auto increment",
        "compare_exchange_weak",
        "compare_exchange",
        "compare and swap",
        "CAS loop",
        "fetch_update",
        "try_update",
        "use of deprecated method fetch_update",
        "overflow",
        "wrap around",
    ]
);
recipe!(
    high_water_mark,
    "Atomic maximum: `fetch_max`, peak.",
    "../examples/high_water_mark.rs",
    [
        "fetch_max",
        "fetch_min",
        "maximum",
        "minimum",
        "peak",
        "high water mark",
        "record",
        "gauge"
    ]
);
recipe!(
    publish,
    "Acquire/Release: publish data through a flag.",
    "../examples/publish.rs",
    [
        "Acquire",
        "Release",
        "AcqRel",
        "ready flag",
        "message passing",
        "happens before",
        "synchronizes with",
        "memory barrier",
        "test and set",
        "ARM",
        "weak memory",
    ]
);
recipe!(
    store_buffering,
    "`SeqCst`: when it is needed.",
    "../examples/store_buffering.rs",
    [
        "SeqCst",
        "sequentially consistent",
        "sequential consistency",
        "fence",
        "memory fence",
        "store buffer",
        "Dekker",
        "lost wakeup",
    ]
);
