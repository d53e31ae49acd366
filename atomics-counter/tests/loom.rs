//! The interleavings, with every older value that the orderings let a load see, as loom explores them
//! (it runs no load after a later store of its thread; see the README):
//!
//! `RUSTFLAGS='--cfg loom' cargo test -p atomics-counter --test loom --release --target-dir
//! target/loom`

#![allow(unexpected_cfgs)] // `--cfg loom` is set by hand
#![cfg(loom)]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

// The files under test say `std`, and get this file: what loom models stands here in std's place.
extern crate self as std;
extern crate std as real_std;

pub use real_std::{collections, fmt, num, thread};

pub mod sync {
    pub use crate::models::{Mutex, OnceLock};
    pub use loom::sync::{Arc, MutexGuard};
    pub use real_std::sync::PoisonError;

    pub mod atomic {
        pub use crate::models::AtomicU64;
        pub use loom::sync::atomic::{AtomicBool, Ordering};
    }
}

#[path = "../examples/publish.rs"]
#[allow(dead_code)]
mod publish;
#[path = "../src/sharded_counter.rs"]
#[allow(dead_code)]
mod sharded_counter;

/// What loom lacks: `const` constructors, and a `OnceLock`.
mod models {
    use loom::lazy_static::Lazy;
    use loom::sync::LockResult;
    use loom::sync::atomic::{self, Ordering};
    use real_std::marker::PhantomData;
    use real_std::{mem, ops, sync};

    /// By `new` made on first use, which is to be before it is shared.
    pub struct AtomicU64(u64, sync::OnceLock<atomic::AtomicU64>);

    impl AtomicU64 {
        pub const fn new(value: u64) -> Self {
            AtomicU64(value, sync::OnceLock::new())
        }
    }

    impl ops::Deref for AtomicU64 {
        type Target = atomic::AtomicU64;

        fn deref(&self) -> &Self::Target {
            self.1.get_or_init(|| atomic::AtomicU64::new(self.0))
        }
    }

    impl Default for AtomicU64 {
        fn default() -> Self {
            AtomicU64(0, sync::OnceLock::from(atomic::AtomicU64::new(0)))
        }
    }

    /// As std's: one thread makes the value, the others wait, and see all of it.
    pub struct OnceLock<T> {
        state: AtomicU64,
        value: sync::OnceLock<T>,
    }

    const EMPTY: u64 = 0;
    const BUSY: u64 = 1;
    const FULL: u64 = 2;

    impl<T> OnceLock<T> {
        pub const fn new() -> Self {
            OnceLock {
                state: AtomicU64::new(EMPTY),
                value: sync::OnceLock::new(),
            }
        }

        pub fn get(&self) -> Option<&T> {
            let full = self.state.load(Ordering::Acquire) == FULL;
            full.then(|| self.value.get().unwrap())
        }

        pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
            let state = &self.state;
            let mut found = state.load(Ordering::Acquire);
            if found == EMPTY {
                let (from, to) = (Ordering::Acquire, Ordering::Acquire);
                match state.compare_exchange(EMPTY, BUSY, from, to) {
                    Ok(_) => {
                        let _ = self.value.set(make());
                        state.store(FULL, Ordering::Release);
                        found = FULL;
                    }
                    Err(other) => found = other,
                }
            }
            while found != FULL {
                loom::thread::yield_now();
                found = state.load(Ordering::Acquire);
            }
            self.value.get().unwrap()
        }
    }

    impl<T> Default for OnceLock<T> {
        fn default() -> Self {
            OnceLock {
                state: AtomicU64::default(),
                value: sync::OnceLock::new(),
            }
        }
    }

    /// In a `static`, empty again in each execution.
    pub struct Mutex<T: 'static>(Lazy<loom::sync::Mutex<T>>);

    impl<T: Default> Mutex<T> {
        pub const fn new(empty: T) -> Self {
            mem::forget(empty);
            Mutex(Lazy {
                init: || loom::sync::Mutex::new(T::default()),
                _p: PhantomData,
            })
        }

        pub fn lock(&'static self) -> LockResult<loom::sync::MutexGuard<'static, T>> {
            self.0.get().lock()
        }
    }
}

use loom::sync::Arc;
use loom::sync::atomic::Ordering::{self, Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicBool, AtomicU64, fence};
use loom::thread::JoinHandle;
use publish::Size;
use real_std::collections::BTreeSet;
use sharded_counter::{Number, Place, ShardedCounter};

/// All that `run` returns, in every execution.
///
/// loom skips executions in which a thread loads and then stores an atomic that later threads have
/// changed, and those in which it reads what later threads change and then adds: of two threads that
/// each `get` and then `add`, the earlier never sees the later's (tokio-rs/loom, issues 166 and 392).
/// So whoever adds is spawned first and does not read before it adds, whoever reads or takes comes
/// after it, and the thread of `run` only joins them; and each test asserts all outcomes, to see that
/// none is skipped.
fn outcomes<T: Ord + Send + 'static>(run: impl Fn() -> T + Send + Sync + 'static) -> Vec<T> {
    let all = real_std::sync::Arc::new(real_std::sync::Mutex::new(BTreeSet::new()));
    let inserting = real_std::sync::Arc::clone(&all);
    loom::model(move || {
        let outcome = run();
        inserting.lock().unwrap().insert(outcome);
    });
    real_std::mem::take(&mut *all.lock().unwrap())
        .into_iter()
        .collect()
}

fn spawn<S: 'static, T: 'static>(
    shared: &Arc<S>,
    body: impl FnOnce(&S) -> T + 'static,
) -> JoinHandle<T> {
    let shared = Arc::clone(shared);
    loom::thread::spawn(move || body(&shared))
}

fn join<T, const N: usize>(threads: [JoinHandle<T>; N]) -> [T; N] {
    threads.map(|thread| thread.join().unwrap())
}

/// Adds on a new thread, as the owner of this number.
fn spawn_add(many: &Arc<ShardedCounter>, number: usize, amount: u64) -> JoinHandle<()> {
    spawn(many, move |many| many.add_at(Place::of(number), amount))
}

/// A counter with so much in the cell of number 0.
fn holding(amount: u64) -> Arc<ShardedCounter> {
    let many = ShardedCounter::default(); // not `new`: each atomic is made before it is shared
    many.add_at(Place::of(0), amount);
    Arc::new(many)
}

#[test]
fn a_read_holds_all_from_before_it_and_any_of_the_additions_meanwhile() {
    let seen = outcomes(|| {
        let many = holding(1);
        let adding = [spawn_add(&many, 0, 10), spawn_add(&many, 1, 100)];
        let reading = spawn(&many, ShardedCounter::get);
        join(adding);
        assert_eq!(many.get(), 111);
        reading.join().unwrap()
    });
    assert_eq!(seen, [1, 11, 101, 111]);
}

#[test]
fn a_bucket_is_made_once_whoever_is_first() {
    let seen = outcomes(|| {
        let many = holding(1);
        let adding = [spawn_add(&many, 1, 10), spawn_add(&many, 2, 100)];
        join(adding);
        many.get()
    });
    assert_eq!(seen, [111]);
}

#[test]
fn a_read_meets_a_bucket_that_is_being_made() {
    let seen = outcomes(|| {
        let many = holding(1);
        let adding = spawn(&many, |many| {
            many.add_at(Place::of(1), 10);
            many.add_at(Place::of(2), 100);
        });
        let reading = spawn(&many, ShardedCounter::get);
        join([adding]);
        reading.join().unwrap()
    });
    assert_eq!(seen, [1, 11, 101, 111]);
}

#[test]
fn a_read_may_stop_at_the_first_bucket_that_is_missing() {
    let seen = outcomes(|| {
        let many = holding(1);
        let adding = spawn(&many, |many| {
            many.add_at(Place::of(3), 10); // makes the bucket of 1 and 2 too
            many.add_at(Place::of(1), 100);
        });
        let reading = spawn(&many, ShardedCounter::get);
        adding.join().unwrap();
        assert_eq!(many.get(), 111);
        reading.join().unwrap()
    });
    assert_eq!(seen, [1, 11, 101, 111]);
}

#[test]
fn reads_never_go_down() {
    let seen = outcomes(|| {
        let many = holding(1);
        let adding = spawn_add(&many, 0, 10);
        let reading = spawn(&many, |many| (many.get(), many.get()));
        adding.join().unwrap();
        reading.join().unwrap()
    });
    assert_eq!(seen, [(1, 1), (1, 11), (11, 11)]);
}

#[test]
fn two_threads_that_add_and_then_read_may_both_miss_the_other() {
    let seen = outcomes(|| {
        let many = holding(0);
        many.add_at(Place::of(1), 0);
        let threads = [0, 1].map(|number| {
            spawn(&many, move |many| {
                many.add_at(Place::of(number), 1);
                many.get()
            })
        });
        join(threads)
    });
    assert_eq!(seen, [[1, 1], [1, 2], [2, 1], [2, 2]]);
}

/// A thread adds and then looks at a flag; another one sets the flag and then takes.
fn last_take(between: fn()) -> Vec<(bool, u64)> {
    outcomes(move || {
        let shared = Arc::new((holding(0), AtomicBool::new(false)));
        let adding = spawn(&shared, move |(many, stop)| {
            many.add_at(Place::of(0), 1);
            between();
            stop.load(SeqCst)
        });
        let taking = spawn(&shared, move |(many, stop)| {
            stop.store(true, SeqCst);
            between();
            many.take()
        });
        let (stopped, taken) = (adding.join().unwrap(), taking.join().unwrap());
        assert_eq!(taken + shared.0.get(), 1);
        (stopped, taken)
    })
}

#[test]
fn a_last_take_by_a_flag_needs_fences() {
    let all = [(false, 0), (false, 1), (true, 0), (true, 1)];
    assert_eq!(last_take(|| ()), all);
    assert_eq!(last_take(|| fence(SeqCst)), all[1..]);
}

#[test]
fn takes_lose_and_double_nothing() {
    let seen = outcomes(|| {
        let many = holding(1);
        let adding = spawn_add(&many, 0, 10);
        let taking = [(); 2].map(|()| spawn(&many, ShardedCounter::take));
        adding.join().unwrap();
        let taken = join(taking);
        assert_eq!(taken[0] + taken[1] + many.take(), 11);
        taken
    });
    assert_eq!(seen, [[0, 1], [0, 11], [1, 0], [1, 10], [10, 1], [11, 0]]);
}

#[test]
fn a_take_holds_what_its_thread_added_before() {
    let seen = outcomes(|| {
        let many = holding(0);
        many.add_at(Place::of(1), 0);
        let threads = [0, 1].map(|number| {
            spawn(&many, move |many| {
                many.add_at(Place::of(number), 1);
                many.take()
            })
        });
        let taken = join(threads);
        assert_eq!(many.get(), 0); // each took after its own addition
        taken
    });
    assert_eq!(seen, [[0, 2], [1, 1], [2, 0]]);
}

#[test]
fn a_read_among_takes_does_not_fall_below_zero_but_may_count_again_what_is_taken() {
    let seen = outcomes(|| {
        let many = holding(1);
        let adding = spawn_add(&many, 0, 10);
        let taking = spawn(&many, ShardedCounter::take);
        let reading = spawn(&many, ShardedCounter::get);
        adding.join().unwrap();
        (taking.join().unwrap(), reading.join().unwrap())
    });
    let (of_one, of_both) = (
        [(1, 0), (1, 1), (1, 10), (1, 11)],
        [(11, 0), (11, 1), (11, 11)],
    );
    assert_eq!(seen, [&of_one[..], &of_both].concat());
}

#[test]
fn a_number_may_pass_from_thread_to_thread() {
    let seen = outcomes(|| {
        let many = holding(0);
        let threads = [(); 2].map(|()| {
            spawn(&many, |many| {
                let number = Number::take();
                many.add_at(number.place, 1);
                number.place
            })
        });
        let [one, other] = join(threads);
        assert_eq!(many.get(), 2);
        one == other
    });
    assert_eq!(seen, [false, true]);
}

#[test]
fn two_threads_of_one_number_would_lose_updates() {
    let seen = outcomes(|| {
        let many = holding(0);
        let adding = [spawn_add(&many, 0, 1), spawn_add(&many, 0, 1)];
        join(adding);
        many.get()
    });
    assert_eq!(seen, [1, 2]);
}

#[test]
fn threads_without_a_number_share_a_cell() {
    let seen = outcomes(|| {
        let many = holding(1);
        let adding = [(); 2].map(|()| spawn(&many, |many| many.add_at(Place::SHARED, 1)));
        let reading = spawn(&many, ShardedCounter::get);
        join(adding);
        assert_eq!(many.get(), 3);
        reading.join().unwrap()
    });
    assert_eq!(seen, [1, 2, 3]);
}

#[test]
fn a_published_size_is_seen_whole_or_not_at_all() {
    let seen = outcomes(|| {
        let size = Arc::new(Size::default());
        let writing = spawn(&size, |size| size.publish("800", "600"));
        let reading = spawn(&size, Size::get);
        writing.join().unwrap().unwrap();
        assert_eq!(size.get(), Some((800, 600)));
        reading.join().unwrap()
    });
    assert_eq!(seen, [None, Some((800, 600))]);
}

/// What a reader sees of a flag and of data that was stored before it.
fn published(store: Ordering, load: Ordering) -> Vec<(bool, u64)> {
    outcomes(move || {
        let shared = Arc::new((AtomicU64::new(0), AtomicBool::new(false)));
        let writing = spawn(&shared, move |(data, ready)| {
            data.store(1, Relaxed);
            ready.store(true, store);
        });
        let reading = spawn(&shared, move |(data, ready)| {
            (ready.load(load), data.load(Relaxed))
        });
        join([writing]);
        reading.join().unwrap()
    })
}

/// Why `publish.rs` has both of its orderings; most x86 machines hide it.
#[test]
fn with_relaxed_the_flag_may_be_seen_before_the_data() {
    let all = [(false, 0), (false, 1), (true, 0), (true, 1)];
    assert_eq!(published(Relaxed, Acquire), all);
    assert_eq!(published(Release, Relaxed), all);
    let both_or_none = [(false, 0), (false, 1), (true, 1)];
    assert_eq!(published(Release, Acquire), both_or_none);
}
