//! Sharded counter: count on many threads without contention or false sharing.
//!
//! ```ignore
//! use sharded_counter::ShardedCounter;
//! use std::thread;
//!
//! static HITS: ShardedCounter = ShardedCounter::new();
//!
//! fn main() {
//!     thread::scope(|scope| {
//!         for _ in 0..4 {
//!             scope.spawn(|| {
//!                 for _ in 0..1000 {
//!                     HITS.add(1);
//!                 }
//!             });
//!         }
//!     });
//!     assert_eq!(HITS.get(), 4000);
//!     assert_eq!(HITS.take(), 4000);
//!     assert_eq!(HITS.get(), 0);
//! }
//! ```
//!
//! - Once the threads that add have been joined, the count is exact.
//! - Until then, a read is approximate: it may include an addition and miss an earlier one.
//! - `take` returns the count and restarts it at 0; nothing is lost or counted twice.
//! - Never decide on a read, such as on who was the first: decide on what `Counter::add` returns
//!   (`counter.rs`). A threshold ("grow at about n") is fine.
//!
//! # When to use it
//!
//! For what several threads count millions of times a second and few read: packets, cache hits, the
//! length of a concurrent map. (LongAdder is its name in Java.)
//!
//! # When not to use it
//!
//! - The count can wait: count in a local variable and add once per batch, or return the count from
//!   the thread. Nothing is faster.
//! - Threads count now and then, or there are thousands of counters: use `counter.rs`. A sharded
//!   counter takes 640 bytes, and up to 256 more for each thread.
//! - The count is read as often as it changes: a read looks at the cells of all threads. It takes 9
//!   to 20 ns for up to 8 threads, and 100 to 300 ns for 128; a read of one atomic takes 3. A read
//!   after each addition, to see whether a limit is reached, is such a case.
//! - In a signal handler or a global allocator: an addition may be lost or deadlock.
//! - After `fork` without `exec`: an addition or the end of the thread may deadlock.
//!
//! # How it ends
//!
//! Additions and reads never wait for each other. A thread's first addition, its first addition to
//! each counter, and its end may wait for a lock for a moment. `take` repeats its read if another
//! `take` came first. What a thread added before it panicked stays counted, and so does what its
//! thread-local destructors add.
//!
//! # To use it
//!
//! Declare it with `#[allow(dead_code, unreachable_pub)] mod sharded_counter;`. The tests start at
//! `#[cfg(test)]`; cut them off if you do not want them.
//!
//! Needs: std alone.
//!
//! Its tests: std alone.
//!
//! # Details
//!
//! - To subtract n, add `n.wrapping_neg()`. For a signed n, add `n as u64`. Read `get() as i64`; it may
//!   include a subtraction without the addition before it, and is negative then.
//! - A read includes every addition that happens before it, and none that happens after it. (What
//!   another thread did happened before if a join, a channel, a lock, or a `Release` store and an
//!   `Acquire` load came in between.)
//! - If one read happens before another, the later one is not smaller, unless a thread subtracts or
//!   calls `take`.
//! - Two threads that each add and then read may both miss the other's addition, on x86 too. Two that
//!   each read and then add may both see it.
//! - One thread adds and then looks at a flag; another sets the flag and then calls `take`: both may
//!   miss what the other did, whatever the ordering of the flag. Call the last `take` after a join,
//!   or put `fence(SeqCst)` between the two steps on both sides (see `store_buffering.rs`).
//! - A read may still include what another thread's `take` has returned, unless that `take` happens
//!   before it. No two `take` return the same addition.
//! - The end of a `thread::scope` joins its closures, but not their thread-local destructors. If
//!   those add, join each handle.
//! - Memory grows with the number of threads alive at the same time that have used any sharded
//!   counter. Up to 65,535 threads have cells of their own; further ones share one.
//! - The count wraps around at 2^64.
//!
//! Why it is exact: a thread adds to its own cell with a load and a store. That is faster than
//! `fetch_add`, and exact only if no other thread writes to the cell. Which cell it is follows from
//! the thread's number, which belongs to one living thread at a time. A lock hands the number on, so
//! the last store of its old owner happens before the first load of the new one.

#![allow(unexpected_cfgs)] // at the tests: `cfg(loom)` is set by hand and leaves them out

#[cfg(not(target_has_atomic = "64"))]
compile_error!(
    "this target has no 64-bit atomics: replace `AtomicU64` and `u64` by `AtomicUsize` and `usize`, \
     or take `AtomicU64` from the crate `portable-atomic`"
);

use std::collections::BTreeSet;
use std::fmt;
// Relaxed unless a comment says otherwise: the count publishes only itself.
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// A number that threads add to, each in a cell of its own. It may be a `static`.
#[derive(Default)]
pub struct ShardedCounter {
    /// Each twice as large as the one before: number 0 has its cell in the first, 1 and 2 in the
    /// second, 3 to 6 in the third. A bucket is made when a thread needs a cell in it or in a larger
    /// one, and is never moved.
    buckets: [OnceLock<Box<[Padded]>>; BUCKETS],
    /// For all threads without a cell of their own.
    shared: Padded,
    /// The sum of what `take` has returned.
    taken: Padded,
}

/// Room for 65,535 threads at a time; further ones share a cell.
const BUCKETS: usize = 16;

/// Alone on its cache lines: each write takes the whole line away from the other cores (false
/// sharing).
///
/// 128 bytes are one line of Apple's CPUs, and two of x86-64, which fetches them in pairs.
#[derive(Default)]
#[repr(align(128))]
struct Padded(AtomicU64);

impl ShardedCounter {
    /// Starts at 0.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buckets: [const { OnceLock::new() }; BUCKETS],
            shared: Padded(AtomicU64::new(0)),
            taken: Padded(AtomicU64::new(0)),
        }
    }

    /// Adds, wrapping around at 2^64.
    #[inline] // into other crates too: a call would take twice as long
    pub fn add(&self, amount: u64) {
        // The number is gone when the last thread-local destructors of a thread run.
        let place = NUMBER
            .try_with(|number| number.place)
            .unwrap_or(Place::SHARED);
        self.add_at(place, amount);
    }

    /// Adds as the owner of this place. A method of its own for the tests.
    #[inline]
    pub(crate) fn add_at(&self, place: Place, amount: u64) {
        match self.buckets.get(place.bucket) {
            Some(bucket) => {
                let bucket = bucket.get_or_init(|| self.cells(place.bucket));
                let Padded(own) = &bucket[place.index];
                // No other thread has this place and could store between this load and this store.
                own.store(own.load(Relaxed).wrapping_add(amount), Relaxed);
            }
            None => {
                self.shared.0.fetch_add(amount, Relaxed);
            }
        }
    }

    /// Returns the count.
    #[must_use]
    pub fn get(&self) -> u64 {
        // Acquire: each cell is then at least as large as when it was read by the `take` that stored
        // this. Otherwise the difference could fall below 0.
        let taken = self.taken.0.load(Acquire);
        self.ever_added().wrapping_sub(taken)
    }

    /// Returns the count and restarts it at 0. Nothing is lost or returned twice, even while other
    /// threads add and take.
    pub fn take(&self) -> u64 {
        // The cells keep growing, and `taken` follows: to set a cell to 0 could fall between its
        // owner's load and store.
        let mut taken = self.taken.0.load(Acquire); // as in `get`
        loop {
            let added = self.ever_added();
            // Release: for the Acquire loads of `taken`. One of these is this Acquire on failure,
            // for the next round.
            let exchanged = self
                .taken
                .0
                .compare_exchange_weak(taken, added, Release, Acquire);
            match exchanged {
                Ok(_) => return added.wrapping_sub(taken),
                Err(newer) => taken = newer,
            }
        }
    }

    fn ever_added(&self) -> u64 {
        let mut sum = self.shared.0.load(Relaxed);
        // Where an addition is visible, so are its bucket and the smaller ones: they were made before.
        for bucket in self.buckets.iter().map_while(OnceLock::get) {
            for cell in bucket {
                sum = sum.wrapping_add(cell.0.load(Relaxed));
            }
        }
        sum
    }

    /// The cells of a bucket. Makes the smaller buckets first: a read stops at one that is missing.
    #[cold]
    fn cells(&self, bucket: usize) -> Box<[Padded]> {
        if let Some(smaller) = bucket.checked_sub(1) {
            self.buckets[smaller].get_or_init(|| self.cells(smaller));
        }
        (0..1 << bucket).map(|_| Padded::default()).collect()
    }
}

/// Shows the count.
impl fmt::Debug for ShardedCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ShardedCounter").field(&self.get()).finish()
    }
}

/// Where the cell of a number is, in every counter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    bucket: usize,
    index: usize,
}

impl Place {
    /// The cell that is shared, in no bucket.
    pub(crate) const SHARED: Place = Place {
        bucket: BUCKETS,
        index: 0,
    };

    pub(crate) fn of(number: usize) -> Self {
        let bucket = (number + 1).ilog2() as usize;
        let index = number + 1 - (1 << bucket);
        Place { bucket, index }
    }
}

thread_local! {
    static NUMBER: Number = Number::take();
}

/// A number that belongs to this thread alone until it is dropped.
pub(crate) struct Number {
    number: usize,
    /// Computed once, not in each addition.
    pub(crate) place: Place,
}

static NUMBERS: Mutex<Numbers> = Mutex::new(Numbers {
    given_back: BTreeSet::new(),
    next: 0,
});

/// The free numbers: those given back, and all from `next` on.
#[derive(Default)]
struct Numbers {
    given_back: BTreeSet<usize>,
    next: usize,
}

impl Numbers {
    fn lock() -> MutexGuard<'static, Self> {
        // Nothing panics while the lock is held.
        NUMBERS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lowest, so that counters stay small.
    fn take_lowest(&mut self) -> usize {
        self.given_back.pop_first().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }
}

impl Number {
    /// The lock makes all stores of the number's last owner happen before the loads of this one.
    pub(crate) fn take() -> Self {
        let number = Numbers::lock().take_lowest();
        let place = Place::of(number);
        Number { number, place }
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        Numbers::lock().given_back.insert(self.number);
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use std::sync::atomic::fence;
    use std::sync::{Barrier, mpsc};
    use std::thread;
    use std::time::{Duration, Instant};

    /// Runs a test on a thread of its own, so that a hang fails the test instead of blocking it.
    fn within_deadline(test: impl FnOnce() + Send + 'static) {
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || {
            test();
            sender.send(())
        });
        let ended = ended.recv_timeout(Duration::from_secs(60));
        assert_eq!(ended, Ok(()), "it hangs, or has panicked");
    }

    /// Runs `body` on threads that start together, and returns their results.
    fn on_threads<R: Send>(threads: usize, body: impl Fn(usize) -> R + Sync) -> Vec<R> {
        let (start, body) = (&Barrier::new(threads), &body);
        thread::scope(|scope| {
            let mut handles = Vec::new();
            for index in 0..threads {
                handles.push(scope.spawn(move || {
                    start.wait();
                    body(index)
                }));
            }
            handles
                .into_iter()
                .map(|handle| handle.join().unwrap())
                .collect()
        })
    }

    /// A counter at 0 with so many cells that a read takes long: other threads come between its
    /// steps, even on one core.
    fn slow_to_read() -> ShardedCounter {
        let many = ShardedCounter::new();
        many.add_at(Place::of(2046), 0);
        many
    }

    #[test]
    fn a_new_counter_is_zero_and_shows_its_count() {
        static COUNT: ShardedCounter = ShardedCounter::new();
        assert_eq!((COUNT.get(), COUNT.take()), (0, 0));
        COUNT.add(2);
        COUNT.add(3);
        assert_eq!(format!("{COUNT:?}"), "ShardedCounter(5)");
        assert_eq!((COUNT.take(), COUNT.get(), COUNT.take()), (5, 0, 0));
        assert_eq!(ShardedCounter::default().get(), 0);
    }

    #[test]
    fn it_is_exact_after_join_on_any_number_of_threads() {
        const EACH: u64 = 30_000; // long enough for threads to meet
        within_deadline(|| {
            for threads in [1, 2, 3, 16, 100] {
                let many = ShardedCounter::new();
                on_threads(threads, |_| {
                    for _ in 0..EACH {
                        many.add(3);
                    }
                });
                assert_eq!(many.get(), threads as u64 * EACH * 3);
            }
        });
    }

    #[test]
    fn threads_without_a_cell_of_their_own_lose_nothing() {
        within_deadline(|| {
            let many = ShardedCounter::new();
            let begin = Instant::now();
            let added = on_threads(4, |_| {
                let mut added = 0;
                while begin.elapsed() < Duration::from_millis(100) {
                    for _ in 0..1000 {
                        many.add_at(Place::SHARED, 1);
                    }
                    added += 1000;
                }
                added
            });
            assert_eq!(many.get(), added.iter().sum::<u64>());
        });
    }

    #[test]
    fn it_wraps_around_at_2_to_the_64_so_that_a_negated_number_subtracts() {
        let many = ShardedCounter::new();
        many.add(u64::MAX);
        assert_eq!(many.take(), u64::MAX);
        many.add(2);
        assert_eq!(many.get(), 2);
        // No cell overflows, but their sum does; then the shared one does.
        many.add_at(Place::of(7), u64::MAX);
        assert_eq!(many.take(), 1);
        many.add_at(Place::SHARED, u64::MAX);
        many.add_at(Place::SHARED, 4);
        assert_eq!((many.get(), many.take(), many.get()), (3, 3, 0));

        many.add_at(Place::of(1), 4_u64.wrapping_neg());
        assert_eq!(many.get() as i64, -4);
        many.add_at(Place::of(0), 10);
        assert_eq!((many.get() as i64, many.take()), (6, 6));
    }

    #[test]
    fn a_read_includes_what_happened_before_it_and_nothing_from_after_it() {
        const EACH: u64 = 20_000;
        within_deadline(|| {
            let many = ShardedCounter::new();
            let (begun, ended) = (AtomicU64::new(0), AtomicU64::new(0));
            on_threads(4, |_| {
                let mut last = 0;
                for _ in 0..EACH {
                    // The fences: a thread that sees the later of these three sees the earlier ones.
                    begun.fetch_add(1, Relaxed);
                    fence(Release);
                    many.add(1);
                    fence(Release);
                    ended.fetch_add(1, Relaxed);

                    let before = ended.load(Relaxed); // this thread's own are among them
                    fence(Acquire);
                    let read = many.get();
                    fence(Acquire);
                    let after = begun.load(Relaxed);
                    assert!(before <= read && read <= after, "{before} {read} {after}");
                    assert!(last <= read, "went down from {last} to {read}");
                    last = read;
                }
            });
            assert_eq!(many.get(), 4 * EACH);
        });
    }

    #[test]
    fn takes_among_additions_and_takes_lose_and_double_nothing() {
        const EACH: u64 = 20;
        within_deadline(|| {
            for _ in 0..100 {
                let many = slow_to_read();
                let taken = on_threads(4, |_| {
                    let mut taken = 0;
                    for _ in 0..EACH {
                        many.add(1);
                        let part = many.take();
                        assert!(part <= 4 * EACH, "{part}"); // less than 0 would be nearly 2^64
                        taken += part;
                    }
                    taken
                });
                assert_eq!(taken.iter().sum::<u64>(), 4 * EACH);
                assert_eq!(many.get(), 0); // each took after its last addition
            }
        });
    }

    #[test]
    fn a_take_includes_what_its_thread_added_before() {
        within_deadline(|| {
            let many = slow_to_read();
            let begin = Instant::now();
            on_threads(3, |index| {
                let lowest_bit = 16 * index; // of the 16 that this thread adds to
                for _ in 0..0xffff {
                    many.add(1 << lowest_bit);
                    many.take();
                    assert_eq!((many.get() >> lowest_bit) & 0xffff, 0);
                    if begin.elapsed() > Duration::from_millis(200) {
                        break; // enough to meet, where there are two cores
                    }
                }
            });
        });
    }

    #[test]
    fn a_read_among_takes_does_not_fall_below_zero() {
        const EACH: u64 = 4000;
        within_deadline(|| {
            let many = slow_to_read();
            on_threads(2, |_| {
                for round in 0..EACH {
                    many.add(1);
                    if round % 2 == 0 {
                        many.take();
                    }
                    // It may include what the other thread takes, but not more.
                    let read = many.get();
                    assert!(read <= 2 * EACH, "{read}");
                }
            });
        });
    }

    #[test]
    fn each_number_has_a_cell_of_its_own_in_the_smallest_buckets() {
        let places: Vec<_> = (0..7).map(Place::of).collect();
        let place = |(bucket, index)| Place { bucket, index };
        let expected = [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2), (2, 3)];
        assert_eq!(places, expected.map(place));

        let many = ShardedCounter::new();
        let made = |bucket: usize| many.buckets[bucket].get().map(|cells| cells.len());
        many.add_at(Place::of(5), 1);
        assert_eq!([0, 1, 2, 3].map(made), [Some(1), Some(2), Some(4), None]);
    }

    #[test]
    fn up_to_65_535_threads_have_cells_of_their_own_and_further_ones_share_one() {
        let many = ShardedCounter::new();
        many.add_at(Place::of(65_534), 1);
        assert_eq!(many.shared.0.load(Relaxed), 0);
        many.add_at(Place::of(65_535), 1);
        assert_eq!(many.shared.0.load(Relaxed), 1);
        assert_eq!(many.get(), 2);
    }

    #[test]
    fn it_takes_640_bytes_and_up_to_256_for_each_thread() {
        #[cfg(target_pointer_width = "64")]
        assert_eq!(size_of::<ShardedCounter>(), 640);
        for threads in 1..1000 {
            let many = ShardedCounter::new();
            many.add_at(Place::of(threads - 1), 1);
            let made = many.buckets.iter().filter_map(OnceLock::get);
            let bytes: usize = made.map(|cells| size_of_val(&**cells)).sum();
            assert!(bytes >= 128 * threads && bytes < 256 * threads, "{bytes}");
        }
    }

    #[test]
    fn cells_lie_on_cache_lines_of_their_own() {
        let many = ShardedCounter::new();
        let cells = many.buckets[1].get_or_init(|| many.cells(1));
        for part in [&cells[0], &cells[1], &many.shared, &many.taken] {
            assert_eq!(&raw const *part as usize % 128, 0);
        }
        assert_eq!(size_of::<Padded>(), 128);
        assert_eq!(size_of::<ShardedCounter>() % 128, 0);
    }

    #[test]
    fn threads_alive_have_different_cells_and_keep_them() {
        within_deadline(|| {
            let own_place = || NUMBER.with(|number| (number.place.bucket, number.place.index));
            let all_have_one = Barrier::new(8);
            let mut places = on_threads(8, |_| {
                let place = own_place();
                all_have_one.wait();
                assert_eq!(own_place(), place);
                place
            });
            places.sort_unstable();
            places.dedup();
            assert_eq!(places.len(), 8, "{places:?}");
        });
    }

    #[test]
    fn the_lowest_free_number_is_taken() {
        let mut numbers = Numbers::default();
        let mut take = |given_back: &[usize]| {
            numbers.given_back.extend(given_back);
            numbers.take_lowest()
        };
        let taken = [&[][..], &[], &[], &[2, 0], &[], &[]].map(&mut take);
        assert_eq!(taken, [0, 1, 2, 0, 2, 3]);
    }

    #[test]
    fn numbers_of_ended_threads_are_given_out_again() {
        // Other tests take numbers too, but no thousand at a time.
        for _ in 0..2000 {
            let number = thread::spawn(|| NUMBER.with(|number| number.number));
            assert!(number.join().unwrap() < 1000);
        }
    }

    #[test]
    fn the_end_of_a_thread_may_still_add() {
        static MANY: ShardedCounter = ShardedCounter::new();
        struct AddsWhenDropped;
        impl Drop for AddsWhenDropped {
            fn drop(&mut self) {
                MANY.add(1);
            }
        }
        thread_local! {
            static FIRST: AddsWhenDropped = const { AddsWhenDropped };
            static LAST: AddsWhenDropped = const { AddsWhenDropped };
        }
        // The number is made between the two, so one of them is dropped after it.
        let adding = thread::spawn(|| {
            FIRST.with(|_| MANY.add(1));
            LAST.with(|_| MANY.add(1));
        });
        adding.join().unwrap();
        assert_eq!(MANY.get(), 4);
        // The one after the number was dropped must not have added as its owner. Elsewhere,
        // destructors may run in another order.
        #[cfg(target_os = "linux")]
        assert_eq!(MANY.shared.0.load(Relaxed), 1);
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn what_a_panicking_thread_added_stays_counted() {
        let many = ShardedCounter::new();
        let panicking = || {
            many.add(3);
            std::panic::resume_unwind(Box::new("after three"));
        };
        assert!(thread::scope(|scope| scope.spawn(panicking).join()).is_err());
        many.add(1);
        assert_eq!(many.get(), 4);
    }
}
