//! A count spread over a cell per thread, so that threads that add do not wait for each other.
//!
//! # When to use it
//!
//! For what several threads count millions of times a second and few read: packets, cache hits,
//! steps of progress.
//!
//! # When not to use it
//!
//! - The count can wait: count in a local variable and add once per batch, or return it from `join`.
//!   Nothing is faster.
//! - It is counted now and then, or there are thousands of counts: use a `Counter` (`counter.rs`).
//!   This one takes 640 bytes, and up to 256 for each thread that was alive at the same time and had
//!   counted, on any such counter, even if it is idle now; a read looks at all of these cells.
//! - A decision hangs on the count, such as "I was the first" or "the last": use what `Counter::add`
//!   returns.
//! - In a signal handler or a global allocator: it may lose counts there, or deadlock.
//! - After `fork` without `exec` in a process of several threads: an addition, or the exit, may
//!   block for ever.
//!
//! # How it ends
//!
//! Adding and reading wait for nobody, except that a thread's first addition, an addition whose
//! cell does not exist yet, and the thread's end take a lock for a moment. `take` starts over when
//! another `take` was faster. What a thread added before it ended or panicked stays counted, also
//! what its thread-local destructors add.
//!
//! # What other threads see
//!
//! - After the threads that add are joined, the count is exact. The end of a `thread::scope` is such
//!   a join of its closures, but not of their thread-local destructors: for these, `join` each
//!   handle.
//! - A read holds every addition that happens before it (less what was taken), and none that happens
//!   after it. "Happens before" is Rust's word: earlier on the same thread, or on another one that was
//!   joined or that handed something over since, by a channel, a lock, or a `Release` store and an
//!   `Acquire` load. Of the other additions, a read holds any: of two in different cells maybe the
//!   later alone.
//! - Of two reads, the second gives no less than the first if the first happens before it, and
//!   nobody takes. By the clock alone that is not so, between two threads.
//! - Two threads that each add and then read may both miss the other's addition, on x86 too: the
//!   stores are still on their way.
//! - For the same reason, a thread that adds and then looks at a flag, and one that sets the flag
//!   and then takes, may both miss the other's doing, whatever the ordering of the flag. Take the
//!   rest after a `join`; or put `fence(SeqCst)` between the two steps of both
//!   (`store_buffering.rs`).
//! - Two threads that each read and then add may even both see the other's addition: a read of 0 does
//!   not tell who was the first. To tell who was the first or the last to add, use a `Counter`: what
//!   its `add` returns.
//! - What is added is returned by exactly one [`take`](ShardedCounter::take), or still there. A read
//!   may count again what was taken by a `take` that does not happen before it, even if that one has
//!   ended: use what `take` returns.
//! - All of this is modulo 2^64: overflow wraps around.
//!
//! # Why it is exact
//!
//! An owner adds by a load and a store, which is faster than `fetch_add` and right only as long as
//! nobody else writes to its cell. So the numbering of threads is part of the proof: a number belongs
//! to one living thread at a time, and passes to another one by a lock, which makes the last store of
//! the old owner happen before the first load of the new. Elsewhere, as in a map of shards with locks,
//! a wrong index costs time; here it would lose counts.
//!
//! Needs: std alone.

#![allow(unexpected_cfgs)] // `--cfg loom`, set by hand, leaves the tests out for tests/loom.rs

#[cfg(not(target_has_atomic = "64"))]
compile_error!(
    "this target has no 64-bit atomics: replace `AtomicU64` and `u64` by `AtomicUsize` and `usize`, \
     or take `AtomicU64` from the crate `portable-atomic`"
);

use std::collections::BTreeSet;
use std::fmt;
// Relaxed unless a comment says otherwise: a count publishes nothing but itself.
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// A count spread over a cell per thread; in a `static` too.
///
/// # Examples
///
/// ```
/// use atomics_counter::ShardedCounter;
/// use std::thread;
///
/// static HITS: ShardedCounter = ShardedCounter::new();
/// thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| (0..1000).for_each(|_| HITS.add(1)));
///     }
/// });
/// assert_eq!(HITS.get(), 4000);
/// assert_eq!(HITS.take(), 4000);
/// assert_eq!(HITS.get(), 0);
/// ```
#[derive(Default)]
pub struct ShardedCounter {
    /// Of doubling size: number 0 has its cell in the first, 1 and 2 in the second, 3 to 6 in the
    /// third. Each is made when a thread first needs a cell in it or in a larger one, and stays where
    /// it is.
    buckets: [OnceLock<Box<[Padded]>>; BUCKETS],
    /// The cell of all threads without one of their own.
    shared: Padded,
    /// What `take` has returned so far.
    taken: Padded,
}

/// Room for 65,535 threads at a time; further ones share a cell.
const BUCKETS: usize = 16;

/// Alone on its cache lines, as each write takes the whole line away from the other cores.
///
/// 128 bytes: the length of a line on Apple's CPUs, and of two on x86-64, which fetches them in
/// pairs.
#[derive(Default)]
#[repr(align(128))]
struct Padded(AtomicU64);

impl ShardedCounter {
    /// Starts at 0.
    #[must_use]
    pub const fn new() -> Self {
        ShardedCounter {
            buckets: [const { OnceLock::new() }; BUCKETS],
            shared: Padded(AtomicU64::new(0)),
            taken: Padded(AtomicU64::new(0)),
        }
    }

    /// Adds, wrapping around at 2^64.
    #[inline] // into other crates too: the call alone would take twice as long
    pub fn add(&self, amount: u64) {
        // In the last destructors of a thread its number is gone.
        let place = NUMBER
            .try_with(|number| number.place)
            .unwrap_or(Place::SHARED);
        self.add_at(place, amount);
    }

    /// Adds as the owner of this place. Apart from `add` for the tests.
    #[inline]
    pub(crate) fn add_at(&self, place: Place, amount: u64) {
        match self.buckets.get(place.bucket) {
            Some(bucket) => {
                let bucket = bucket.get_or_init(|| self.cells(place.bucket));
                let Padded(own) = &bucket[place.index];
                // No other thread has the place, so nobody stores between this load and this store.
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
        // Acquire, so that every cell is seen at least as large as the `take` that stored this saw
        // it. Otherwise the difference could fall below 0.
        let taken = self.taken.0.load(Acquire);
        self.ever_added().wrapping_sub(taken)
    }

    /// Returns the count and starts again at 0: nothing is lost or returned twice, even while
    /// threads add and take.
    pub fn take(&self) -> u64 {
        // No cell is set to 0, for that could come between its owner's load and store. They only
        // grow, and what was returned is remembered.
        let mut taken = self.taken.0.load(Acquire); // as in `get`
        loop {
            let added = self.ever_added();
            // Release, for the loads of `taken` with Acquire, of which the one on failure begins the
            // next round.
            match self
                .taken
                .0
                .compare_exchange_weak(taken, added, Release, Acquire)
            {
                Ok(_) => return added.wrapping_sub(taken),
                Err(changed) => taken = changed,
            }
        }
    }

    fn ever_added(&self) -> u64 {
        let add = |sum: u64, cell: &Padded| sum.wrapping_add(cell.0.load(Relaxed));
        // Who sees an addition sees its bucket, and the smaller ones, which were made before.
        let buckets = self.buckets.iter().map_while(OnceLock::get);
        buckets.fold(add(0, &self.shared), |sum, cells| {
            cells.iter().fold(sum, add)
        })
    }

    /// For a bucket; makes the smaller ones first, so that a read may stop at one that is missing.
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

/// Where the cell of one number is, in every counter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    bucket: usize,
    index: usize,
}

impl Place {
    /// In no bucket.
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

/// A number that no other thread has while this value lives.
pub(crate) struct Number {
    number: usize,
    /// Found once, not in each addition.
    pub(crate) place: Place,
}

static NUMBERS: Mutex<Numbers> = Mutex::new(Numbers {
    given_back: BTreeSet::new(),
    next: 0,
});

/// Which numbers are free: those given back, and all from `next` on.
#[derive(Default)]
struct Numbers {
    given_back: BTreeSet<usize>,
    next: usize,
}

impl Numbers {
    fn lock() -> MutexGuard<'static, Self> {
        // Nothing panics while it holds the lock; if something did, the numbers would still be whole.
        NUMBERS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The low ones, so that counters stay small.
    fn take_lowest(&mut self) -> usize {
        self.given_back.pop_first().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }
}

impl Number {
    /// The lock orders what the last thread of this number stored before what the next one loads.
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

#[cfg(all(test, not(loom)))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::fence;
    use std::thread;
    use std::time::{Duration, Instant};

    /// Runs `body` on `threads` threads, which start together, and returns the results.
    fn on_threads<R: Send>(threads: usize, body: impl Fn() -> R + Sync) -> Vec<R> {
        let start = Barrier::new(threads);
        let run = || {
            start.wait();
            body()
        };
        thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            let results = running.into_iter().map(|thread| thread.join());
            results.map(Result::unwrap).collect()
        })
    }

    /// A counter at 0 of so many cells that a read takes long: others come between its steps, even
    /// on one core.
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
        const EACH: u64 = 100_000; // long enough for threads to meet
        for threads in [1, 2, 3, 16, 100] {
            let many = ShardedCounter::new();
            on_threads(threads, || (0..EACH).for_each(|_| many.add(3)));
            assert_eq!(many.get(), threads as u64 * EACH * 3);
        }
    }

    #[test]
    fn threads_without_a_cell_of_their_own_lose_nothing() {
        let many = ShardedCounter::new();
        let begin = Instant::now();
        let added = on_threads(4, || {
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
    }

    #[test]
    fn it_wraps_around_at_the_maximum() {
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
    }

    #[test]
    fn a_read_holds_what_happened_before_it_and_nothing_from_after_it() {
        const EACH: u64 = 20_000;
        let many = ShardedCounter::new();
        let (begun, ended) = (AtomicU64::new(0), AtomicU64::new(0));
        on_threads(4, || {
            let mut last = 0;
            for _ in 0..EACH {
                // With the fences: who sees the later of these three sees the earlier ones too.
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
    }

    #[test]
    fn takes_among_additions_and_takes_lose_and_double_nothing() {
        const EACH: u64 = 20;
        for _ in 0..300 {
            let many = slow_to_read();
            let parts = on_threads(4, || {
                let take = |_| {
                    many.add(1);
                    let part = many.take();
                    assert!(part <= 4 * EACH, "{part}"); // less than 0 would be nearly 2^64
                    part
                };
                (0..EACH).map(take).sum::<u64>()
            });
            assert_eq!(parts.iter().sum::<u64>(), 4 * EACH);
            assert_eq!(many.get(), 0); // each took after its last addition
        }
    }

    #[test]
    fn a_take_holds_what_its_thread_added_before() {
        let many = slow_to_read();
        let begin = Instant::now();
        let next = AtomicU64::new(0);
        on_threads(3, || {
            let own = 16 * next.fetch_add(1, Relaxed); // the lowest of this thread's bits
            for _ in 0..0xffff {
                many.add(1 << own);
                many.take();
                assert_eq!((many.get() >> own) & 0xffff, 0);
                if begin.elapsed() > Duration::from_millis(200) {
                    break; // enough to meet, where there are two cores
                }
            }
        });
    }

    #[test]
    fn a_read_among_takes_does_not_fall_below_zero() {
        const EACH: u64 = 4000;
        let many = slow_to_read();
        on_threads(2, || {
            for round in 0..EACH {
                many.add(1);
                if round % 2 == 0 {
                    many.take();
                }
                // What the other thread takes may be counted again, but no more than that.
                let read = many.get();
                assert!(read <= 2 * EACH, "{read}");
            }
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
        // The last one that has a place, then one too many.
        let last = 65_534;
        many.add_at(Place::of(last), 1);
        assert_eq!(many.shared.0.load(Relaxed), 0);
        many.add_at(Place::of(last + 1), 1);
        assert_eq!(many.shared.0.load(Relaxed), 1);
        assert_eq!(many.get(), 3);
    }

    #[test]
    fn cells_lie_on_cache_lines_of_their_own() {
        let many = ShardedCounter::new();
        let cells = many.buckets[1].get_or_init(|| many.cells(1));
        let parts = [&cells[0], &cells[1], &many.shared, &many.taken];
        for part in parts {
            assert_eq!(&raw const *part as usize % 128, 0);
        }
        assert_eq!(size_of::<Padded>(), 128);
        assert_eq!(size_of::<ShardedCounter>() % 128, 0);
    }

    #[test]
    fn threads_alive_have_different_cells_and_keep_them() {
        let own_place = || NUMBER.with(|number| (number.place.bucket, number.place.index));
        let all_have_one = Barrier::new(8);
        let mut places = on_threads(8, || {
            let place = own_place();
            all_have_one.wait();
            assert_eq!(own_place(), place);
            place
        });
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 8, "{places:?}");
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
