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
    map_filter_reduce,
    "Parallel sum, map, filter, reduce with `par_iter`: the first program.",
    "../examples/map_filter_reduce.rs",
    [
        "par_iter",
        "into_par_iter",
        "parallel iterator",
        "parallel for",
        "parallel map",
        "map",
        "filter",
        "reduce",
        "sum",
        "collect",
        "data parallelism",
        "multithreaded loop",
        "how to use rayon"
    ]
);
recipe!(
    fallible_map,
    "`par_iter` with `Result`: first error, stop early.",
    "../examples/fallible_map.rs",
    [
        "par_iter Result",
        "first error",
        "collect Result",
        "try_map",
        "try_for_each",
        "question mark in par_iter",
        "error handling in rayon",
        "fail fast",
        "stop on error",
        "find_map_first"
    ]
);
recipe!(
    pool_size,
    "Number of rayon threads: `ThreadPoolBuilder`, `install`, nested pools.",
    "../examples/pool_size.rs",
    [
        "ThreadPoolBuilder",
        "install",
        "num_threads",
        "number of threads",
        "RAYON_NUM_THREADS",
        "limit threads",
        "thread pool",
        "nested pools",
        "nested par_iter",
        "The global thread pool has already been initialized",
        "GlobalPoolAlreadyInitialized",
        "build_global",
        "in_place_scope",
        "blocking in rayon",
        "rayon channel deadlock",
        "rayon hangs"
    ]
);
recipe!(
    cancel,
    "Cancel a rayon job, early exit.",
    "../examples/cancel.rs",
    [
        "cancel a job",
        "early exit",
        "break out of par_iter",
        "break",
        "stop",
        "find_any",
        "find_first",
        "panic_fuse",
        "try_for_each",
        "abort"
    ]
);
recipe!(
    histogram,
    "Count into buckets: `fold` and `reduce` into a HashMap.",
    "../examples/histogram.rs",
    [
        "fold",
        "reduce",
        "HashMap",
        "group by",
        "count by key",
        "frequencies",
        "parallel HashMap",
        "map reduce",
        "merge maps"
    ]
);
recipe!(
    scratch,
    "Reuse a buffer per job: `map_init`.",
    "../examples/scratch.rs",
    [
        "map_init",
        "map_with",
        "for_each_init",
        "buffer",
        "thread local",
        "allocate once",
        "random number generator per thread",
        "connection per thread"
    ]
);
recipe!(
    in_place,
    "Parallel sort, `par_iter_mut`.",
    "../examples/in_place.rs",
    [
        "par_sort",
        "par_sort_by_key",
        "par_sort_unstable",
        "parallel sort",
        "par_iter_mut",
        "mutate in parallel",
        "par_chunks_mut",
        "unstable sort",
        "stable sort"
    ]
);
recipe!(
    recursion,
    "Divide and conquer: `join`; deadlock with a `Mutex`.",
    "../examples/recursion.rs",
    [
        "join",
        "rayon::join",
        "divide and conquer",
        "recursive",
        "quicksort",
        "tree",
        "walk_tree",
        "deadlock",
        "Mutex",
        "rayon deadlock",
        "lock held across join",
        "rayon hangs",
        "work stealing"
    ]
);
recipe!(
    progress_bar,
    "Progress bar with rayon.",
    "../examples/progress_bar.rs",
    [
        "progress bar",
        "progress",
        "indicatif",
        "ParallelProgressIterator",
        "progress_with",
        "progress_count",
        "finish_and_clear"
    ]
);
