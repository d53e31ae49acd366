//! loom runs these tests through all interleavings, with every older value that the orderings let a
//! load see:
//!
//! `RUSTFLAGS='--cfg loom' cargo test -p atomics-counter --test loom --release --target-dir
//! target/loom`
//!
//! It does not model a load that is done after a later store of its own thread, and takes `SeqCst`
//! operations for weaker than they are (`SeqCst` fences are right).

#![allow(unexpected_cfgs)] // `--cfg loom` is set by hand
#![cfg(loom)]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

// The files under test say `std`, and get this file: what loom models stands here in std's place.
extern crate self as std;
extern crate std as real_std;

pub use real_std::{collections, fmt, io, iter, num, ops, panic, thread, time};

pub mod sync {
    pub use crate::models::{Mutex, OnceLock};
    pub use loom::sync::{Arc, MutexGuard};
    pub use real_std::sync::{Barrier, PoisonError};

    pub mod atomic {
        pub use crate::models::{AtomicU32, AtomicU64};
        pub use loom::sync::atomic::{AtomicBool, Ordering, fence};
    }
}

#[path = "../examples/high_water_mark.rs"]
#[allow(dead_code)]
mod high_water_mark;
#[path = "../examples/publish.rs"]
#[allow(dead_code)]
mod publish;
#[path = "../src/sharded_counter.rs"]
#[allow(dead_code)]
mod sharded_counter;
#[path = "../examples/store_buffering.rs"]
#[allow(dead_code)]
mod store_buffering;
#[path = "../examples/unique_ids.rs"]
#[allow(dead_code)]
mod unique_ids;

/// What loom lacks: `const` constructors, and a `OnceLock`.
mod models {
    use loom::lazy_static::Lazy;
    use loom::sync::LockResult;
    use loom::sync::atomic::{self, Ordering};
    use real_std::marker::PhantomData;
    use real_std::{mem, ops, sync};

    macro_rules! atomics {
        ($($name:ident: $number:ty),*) => {$(
            /// By `new` made on first use, which has to be before it is shared.
            pub struct $name($number, sync::OnceLock<atomic::$name>);

            impl $name {
                pub const fn new(value: $number) -> Self {
                    Self(value, sync::OnceLock::new())
                }

                pub fn into_inner(self) -> $number {
                    self.load(Ordering::Relaxed)
                }
            }

            impl ops::Deref for $name {
                type Target = atomic::$name;

                fn deref(&self) -> &Self::Target {
                    self.1.get_or_init(|| atomic::$name::new(self.0))
                }
            }

            impl Default for $name {
                fn default() -> Self {
                    Self(0, sync::OnceLock::from(atomic::$name::new(0)))
                }
            }
        )*};
    }

    atomics!(AtomicU32: u32, AtomicU64: u64);

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

use high_water_mark::HighWaterMark;
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicBool, AtomicU64, fence};
use loom::thread::JoinHandle;
use publish::Size;
use real_std::collections::BTreeSet;
use sharded_counter::{Number, Place, ShardedCounter};
use unique_ids::Ids;

/// All that `run` returns, in every execution.
///
/// loom skips executions in which a thread loads and then stores an atomic that later threads have
/// changed, and those in which it reads what later threads change and then adds: of two threads that
/// each `get` and then `add`, the earlier never sees the later's (tokio-rs/loom, issues 166 and 392).
/// So a thread that adds is spawned first and does not read before it adds; a thread that reads or
/// takes comes after it; and the thread of `run` only joins them. Each test asserts the whole set of
/// outcomes, which shows that none is skipped.
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
fn a_subtraction_may_be_seen_without_the_addition_before_it() {
    let seen = outcomes(|| {
        let many = holding(0);
        many.add_at(Place::of(1), 0);
        // As if on two threads, of which the first hands over to the second.
        let adding = spawn(&many, |many| {
            many.add_at(Place::of(0), 1);
            many.add_at(Place::of(1), 1_u64.wrapping_neg());
        });
        let reading = spawn(&many, |many| many.get() as i64);
        adding.join().unwrap();
        reading.join().unwrap()
    });
    assert_eq!(seen, [-1, 0, 1]);
}

#[test]
fn no_two_threads_get_the_same_id() {
    let given = |end| {
        outcomes(move || {
            let ids = Ids::new(6..end);
            assert_eq!(ids.next_id(), Some(6)); // makes the atomic, before it is shared
            let ids = Arc::new(ids);
            join([(); 2].map(|()| spawn(&ids, Ids::next_id)))
        })
    };
    assert_eq!(given(8), [[None, Some(7)], [Some(7), None]]);
    assert_eq!(given(9), [[Some(7), Some(8)], [Some(8), Some(7)]]);
}

#[test]
fn the_maximum_is_not_overwritten_and_each_record_is_known() {
    let seen = outcomes(|| {
        let highest = HighWaterMark::new();
        assert_eq!(highest.get(), 0); // makes the atomic, before it is shared
        let highest = Arc::new(highest);
        let threads = [5, 9].map(|number| spawn(&highest, move |highest| highest.record(number)));
        let records = join(threads);
        (highest.get(), records)
    });
    assert_eq!(seen, [(9, [false, true]), (9, [true, true])]);
}

#[test]
fn a_published_size_is_seen_whole_or_not_at_all() {
    let seen = outcomes(|| {
        let size = Arc::new(Size::default());
        let writing = spawn(&size, |size| size.publish(800, 600));
        let reading = spawn(&size, Size::get);
        assert!(writing.join().unwrap());
        assert_eq!(size.get(), Some((800, 600)));
        reading.join().unwrap()
    });
    assert_eq!(seen, [None, Some((800, 600))]);
}

#[test]
fn of_two_writers_one_publishes() {
    let seen = outcomes(|| {
        let size = Arc::new(Size::default());
        let writing = [1, 2].map(|number| spawn(&size, move |size| size.publish(number, number)));
        let reading = spawn(&size, Size::get);
        let first = join(writing);
        let number = if first[0] { 1 } else { 2 };
        assert_eq!(size.get(), Some((number, number)));
        let read = reading.join().unwrap();
        assert!(read.is_none() || read == Some((number, number)));
        first
    });
    assert_eq!(seen, [[false, true], [true, false]]);
}

// The patterns of the table in src/lib.rs that need more than `Relaxed`: each with its orderings,
// and with each of these weakened.

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

#[test]
fn publishing_needs_release_and_acquire() {
    let all = [(false, 0), (false, 1), (true, 0), (true, 1)];
    assert_eq!(published(Relaxed, Acquire), all);
    assert_eq!(published(Release, Relaxed), all);
    let both_or_none = [(false, 0), (false, 1), (true, 1)];
    assert_eq!(published(Release, Acquire), both_or_none);
}

/// Two threads take an index that leads to data. Returns what the one that gets it sees.
fn taken(store: Ordering, swap: Ordering) -> Vec<Option<u64>> {
    outcomes(move || {
        let shared = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
        let making = spawn(&shared, move |(data, index)| {
            data.store(7, Relaxed);
            index.store(1, store);
        });
        let taking = [(); 2].map(|()| {
            spawn(&shared, move |(data, index)| {
                let is_taken = index.swap(0, swap) == 1;
                is_taken.then(|| data.load(Relaxed))
            })
        });
        join([making]);
        match join(taking) {
            [Some(_), Some(_)] => unreachable!("taken twice"),
            [one, other] => one.or(other),
        }
    })
}

#[test]
fn a_take_that_leads_to_data_needs_release_and_acquire() {
    assert_eq!(taken(Release, Acquire), [None, Some(7)]);
    for (store, swap) in [(Relaxed, Acquire), (Release, Relaxed)] {
        assert_eq!(taken(store, swap), [None, Some(0), Some(7)]);
    }
}

/// Two threads make data and agree on whose is used. Returns what each sees of it.
fn made_once(success: Ordering, failure: Ordering) -> Vec<[u64; 2]> {
    outcomes(move || {
        let shared = Arc::new(([(); 2].map(|()| AtomicU64::new(0)), AtomicU64::new(0)));
        let making = [1, 2].map(|mine| {
            spawn(&shared, move |(data, index)| {
                data[mine as usize - 1].store(1, Relaxed);
                let used = match index.compare_exchange(0, mine, success, failure) {
                    Ok(_) => mine,
                    Err(theirs) => theirs,
                };
                data[used as usize - 1].load(Relaxed)
            })
        });
        join(making)
    })
}

#[test]
fn lazy_data_need_release_and_acquire() {
    assert_eq!(made_once(Release, Acquire), [[1, 1]]);
    for (success, failure) in [(Relaxed, Acquire), (Release, Relaxed)] {
        assert_eq!(made_once(success, failure), [[0, 1], [1, 0], [1, 1]]);
    }
}

/// Two owners write and let go. Returns what the last one sees of both writes.
fn let_go(order: Ordering, last: Ordering) -> Vec<u64> {
    outcomes(move || {
        let shared = Arc::new(([(); 2].map(|()| AtomicU64::new(0)), AtomicU64::new(2)));
        let owners = [0, 1].map(|me: usize| {
            spawn(&shared, move |(data, owners)| {
                data[me].store(1, Relaxed);
                let is_last = owners.fetch_sub(1, order) == 1;
                if is_last && last != Relaxed {
                    fence(last);
                }
                is_last.then(|| data[0].load(Relaxed) + data[1].load(Relaxed))
            })
        });
        join(owners).into_iter().flatten().sum()
    })
}

#[test]
fn a_reference_count_needs_release_and_an_acquire_fence() {
    assert_eq!(let_go(Release, Acquire), [2]);
    assert_eq!(let_go(AcqRel, Relaxed), [2]); // the same in one operation
    assert_eq!(let_go(Relaxed, Acquire), [1, 2]);
    assert_eq!(let_go(Release, Relaxed), [1, 2]);
}

/// The orderings of a sequence lock, in the order of its operations.
#[derive(Clone, Copy)]
struct Sequence {
    writer: (Ordering, Ordering),
    reader: (Ordering, Ordering),
}

/// What a reader sees of two numbers that are written together, unless it has to try again.
fn read_in_sequence(Sequence { writer, reader }: Sequence) -> Vec<Option<[u64; 2]>> {
    let fence = |order: Ordering| {
        if order != Relaxed {
            fence(order);
        }
    };
    outcomes(move || {
        let shared = Arc::new((AtomicU64::new(0), [(); 2].map(|()| AtomicU64::new(0))));
        let writing = spawn(&shared, move |(sequence, data)| {
            sequence.store(1, Relaxed);
            fence(writer.0);
            data[0].store(1, Relaxed);
            data[1].store(1, Relaxed);
            sequence.store(2, writer.1);
        });
        let reading = spawn(&shared, move |(sequence, data)| {
            let before = sequence.load(reader.0);
            let seen = [data[0].load(Relaxed), data[1].load(Relaxed)];
            fence(reader.1);
            let after = sequence.load(Relaxed);
            (before % 2 == 0 && before == after).then_some(seen)
        });
        writing.join().unwrap();
        reading.join().unwrap()
    })
}

#[test]
fn a_sequence_lock_needs_all_of_its_orderings() {
    let right = Sequence {
        writer: (Release, Release),
        reader: (Acquire, Acquire),
    };
    assert_eq!(read_in_sequence(right), [None, Some([0, 0]), Some([1, 1])]);
    for wrong in [
        Sequence {
            writer: (Relaxed, Release),
            ..right
        },
        Sequence {
            writer: (Release, Relaxed),
            ..right
        },
        Sequence {
            reader: (Relaxed, Acquire),
            ..right
        },
        Sequence {
            reader: (Acquire, Relaxed),
            ..right
        },
    ] {
        let seen = read_in_sequence(wrong);
        assert!(seen.iter().flatten().any(|[a, b]| a != b), "{seen:?}");
    }
}

/// Two threads that get the lock (by one try) each add 1 with a load and a store. Returns how often
/// it was locked, and the sum.
fn locked(lock: Ordering, unlock: Ordering) -> Vec<(u64, u64)> {
    outcomes(move || {
        let shared = Arc::new((AtomicBool::new(false), AtomicU64::new(0)));
        let threads = [(); 2].map(|()| {
            spawn(&shared, move |(is_locked, data)| {
                let locked = is_locked.compare_exchange(false, true, lock, Relaxed);
                if locked.is_ok() {
                    data.store(data.load(Relaxed) + 1, Relaxed);
                    is_locked.store(false, unlock);
                }
                u64::from(locked.is_ok())
            })
        });
        let [one, other] = join(threads);
        (one + other, shared.1.load(Relaxed))
    })
}

#[test]
fn a_spin_lock_needs_acquire_and_release() {
    assert_eq!(locked(Acquire, Release), [(1, 1), (2, 2)]);
    assert_eq!(locked(Relaxed, Release), [(1, 1), (2, 1), (2, 2)]);
    assert_eq!(locked(Acquire, Relaxed), [(1, 1), (2, 1), (2, 2)]);
}

/// What two threads see of each other that each store and then load.
fn crosswise(act: fn(&sync::atomic::AtomicU32, &sync::atomic::AtomicU32) -> u32) -> Vec<[u32; 2]> {
    outcomes(move || {
        let cells = [(); 2].map(|()| sync::atomic::AtomicU32::default());
        let cells = Arc::new(cells);
        let threads = [0, 1].map(|me| spawn(&cells, move |cells| act(&cells[me], &cells[1 - me])));
        join(threads)
    })
}

#[test]
fn two_threads_that_store_and_then_load_need_a_fence_in_between() {
    let one_sees_the_other = [[0, 1], [1, 0], [1, 1]];
    let fenced = crosswise(|mine, theirs| store_buffering::store_fence_load(mine, 1, theirs));
    assert_eq!(fenced, one_sees_the_other);
    let weak = crosswise(|mine, theirs| {
        mine.store(1, Release);
        theirs.load(Acquire)
    });
    assert_eq!(weak[0], [0, 0]);
    assert_eq!(weak[1..], one_sees_the_other);
}
