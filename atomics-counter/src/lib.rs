//! Counters shared by threads: one atomic, and a sharded one for counting all the time.
//!
//! | counter | one addition | reading | memory |
//! |---|---|---|---|
//! | [`Counter`] | one atomic addition, on a cache line that all threads want | one load | 8 bytes |
//! | [`ShardedCounter`] | a load and a store, on a cache line of the thread's own, while there are shards enough | two loads per shard | 256 bytes per shard |
//!
//! # When to use it
//!
//! Count locally first: a plain `let mut count` per thread, or per batch, and one [`Counter::add`]
//! at the end beat everything here. A [`Counter`] is for counts that others must see as they grow;
//! a [`ShardedCounter`] for those that several threads increment millions of times a second and
//! few read.
//!
//! # When not to use it
//!
//! - The count must agree with other data (a sum and its length), or you decide by it and the
//!   decision must still hold a moment later: use a `Mutex` around all of it.
//! - The count may be late: return it from `join`, or send it through a channel.
//! - In a signal handler or a global allocator, a [`ShardedCounter`] may lose counts or deadlock; a
//!   [`Counter`] is fine.
//!
//! # Ordering
//!
//! | what the atomic is for | ordering | why |
//! |---|---|---|
//! | a plain count | `Relaxed` | no addition is lost under any ordering, and nothing else is read on the strength of the count |
//! | publishing data: "it is ready" | `Release` store, `Acquire` load | who sees the flag must see what was written before it |
//! | one order of changes to several atomics, the same for all threads | `SeqCst` | nothing weaker gives it; rare, and a `Mutex` says it more plainly |
//!
//! The counts here are `Relaxed`: never use one as the flag of the second row. `join` is such a
//! publication itself: after it, `get` returns everything that the joined threads added. The end of
//! a `thread::scope` covers the closures of its threads, but not the destructors of their
//! thread-local values; to count what those add, `join` each handle. (These destructors also give
//! back the threads' shards, so the threads of a next scope may find them still taken.)
//!
//! # Why not load, then store
//!
//! `count.store(count.load(SeqCst) + 1, SeqCst)` is two operations under any ordering: two threads
//! may both load 0, then both store 1, and one update is lost. `fetch_add` is one indivisible
//! operation; `compare_exchange` stores only if nobody else did since the load. Where one thread
//! alone writes, as to a shard here, load and store are right, and several times as fast.
//!
//! # Targets without 64-bit atomics
//!
//! Some 32-bit targets (`cfg(not(target_has_atomic = "64"))`: PowerPC, MIPS, older ARM) have no
//! `AtomicU64`, and this file does not compile there. Replace it with `AtomicUsize`, and `u64` with
//! `usize`, if 2^32 is enough; otherwise take `AtomicU64` from the crate `portable-atomic`.
//!
//! # How it ends
//!
//! Adding and reading wait for no other thread (`checked_add`, `saturating_add` and `drain` start
//! over when others were faster), and what a thread added before it ended or panicked stays
//! counted. Only a thread's first addition to a sharded counter, and its end, lock a list for a
//! moment.

// `--cfg loom` is set by hand for tests/loom.rs, which compiles this file on loom's atomics.
#![allow(unexpected_cfgs)]

#[cfg(all(test, loom))]
use loom::sync::{Mutex, MutexGuard, atomic::AtomicU64};
use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::PoisonError;
#[cfg(not(all(test, loom)))]
use std::sync::atomic::AtomicU64;
// Relaxed unless a comment says otherwise: a count publishes nothing but itself.
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
#[cfg(not(all(test, loom)))]
use std::sync::{Mutex, MutexGuard};

/// A count on one atomic.
///
/// # Examples
///
/// ```
/// use atomics_counter::{Counter, ShardedCounter};
/// use std::{num::NonZero, sync::LazyLock, thread};
///
/// static REQUESTS: Counter = Counter::new();
/// // A shard for each of eight workers and the main thread.
/// static HITS: LazyLock<ShardedCounter> =
///     LazyLock::new(|| ShardedCounter::new(NonZero::new(9).unwrap()));
/// thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| (0..1000).for_each(|_| HITS.add(1)));
///     }
///     REQUESTS.add(1);
/// });
/// assert_eq!((REQUESTS.get(), HITS.get()), (1, 4000));
/// ```
#[derive(Debug, Default)]
pub struct Counter {
    value: AtomicU64,
}

impl Counter {
    /// Starts at 0.
    #[cfg(not(all(test, loom)))] // loom's atomics have no `const` constructor
    pub const fn new() -> Self {
        Counter {
            value: AtomicU64::new(0),
        }
    }

    /// Adds, wrapping around at 2^64 as `u64::wrapping_add` does.
    ///
    /// One by one, that is 584 years away at an addition per nanosecond; for other amounts see
    /// [`saturating_add`](Self::saturating_add) and [`checked_add`](Self::checked_add).
    pub fn add(&self, amount: u64) {
        self.value.fetch_add(amount, Relaxed);
    }

    /// Adds, stopping at `u64::MAX`.
    pub fn saturating_add(&self, amount: u64) {
        self.update(|value| Some(value.saturating_add(amount)));
    }

    /// Adds and returns the new value; or changes nothing and returns `None` if it would exceed
    /// `u64::MAX`.
    ///
    /// # Examples
    ///
    /// ```
    /// let bytes = atomics_counter::Counter::new();
    /// assert_eq!(bytes.checked_add(u64::MAX), Some(u64::MAX));
    /// assert_eq!(bytes.checked_add(1), None);
    /// bytes.saturating_add(1);
    /// assert_eq!(bytes.get(), u64::MAX);
    /// bytes.add(1);
    /// assert_eq!(bytes.get(), 0);
    /// ```
    #[must_use = "on overflow nothing is added"]
    pub fn checked_add(&self, amount: u64) -> Option<u64> {
        self.update(|value| value.checked_add(amount))
    }

    /// Replaces the value by `next` of it, in one step, and returns the new one; `None` leaves it.
    ///
    /// The loop is that of `AtomicU64::fetch_update`, which newer compilers deprecate for
    /// `try_update`, which older ones lack.
    fn update(&self, next: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let mut seen = self.value.load(Relaxed);
        loop {
            let new = next(seen)?;
            // The weak form may fail for no reason, and spares some CPUs a loop within this one.
            match self
                .value
                .compare_exchange_weak(seen, new, Relaxed, Relaxed)
            {
                Ok(_) => return Some(new),
                Err(changed) => seen = changed,
            }
        }
    }

    /// Returns the count so far; exact once the threads that add are joined.
    pub fn get(&self) -> u64 {
        self.value.load(Relaxed)
    }

    /// Returns the count and starts again at 0, in one step: every addition shows in one drain, or
    /// in a later `get`, and in no two.
    pub fn drain(&self) -> u64 {
        self.value.swap(0, Relaxed)
    }
}

/// A count spread over several atomics, so that threads that add do not wait for each other's
/// cache line.
///
/// It counts exactly for any number of threads on any number of shards. Threads that add to sharded
/// counters are numbered, from 0. A thread keeps its number until it ends, even if it adds only
/// once. With s shards, the threads of numbers 0 to s - 1 own one each; all others share further
/// atomics: as exactly, at the price of a [`Counter`].
///
/// # Contract
///
/// - Once the threads that add are joined, [`get`](Self::get) is exact.
/// - While they add, and nobody drains, a read is a value between the count when it began and the
///   count when it ended; one read after another never goes down. It is no snapshot: of two
///   additions by different threads it may see the later one alone.
/// - While somebody drains, a read may count again what was drained meanwhile: use what `drain`
///   returns.
/// - Everything that is added is returned by exactly one [`drain`](Self::drain), or still there.
/// - All of this is modulo 2^64: overflow wraps around, as in [`Counter::add`]. There is no checked
///   form, because no shard knows the total.
///
/// # Examples
///
/// ```
/// use atomics_counter::ShardedCounter;
/// use std::thread;
///
/// let workers = thread::available_parallelism()?;
/// let lines = ShardedCounter::new(workers); // one each; this thread only drains
/// thread::scope(|scope| {
///     for _ in 0..workers.get() {
///         scope.spawn(|| (0..1000).for_each(|_| lines.add(1)));
///     }
/// });
/// assert_eq!(lines.drain(), 1000 * workers.get() as u64);
/// assert_eq!(lines.get(), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct ShardedCounter {
    /// Each is written by the one thread of its number.
    owned: Box<[Padded]>,
    /// For the threads that own none: number n adds to index n modulo the length.
    shared: Box<[Padded]>,
    /// What `drain` has returned so far.
    drained: AtomicU64,
}

/// Alone on its cache lines, as each write takes the whole line away from the other cores.
///
/// 128 bytes: the length of a line on Apple's CPUs, and of two on x86-64, which fetches them in
/// pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded(AtomicU64);

impl ShardedCounter {
    /// Starts at 0. There should be a shard for every thread alive that has ever added to any
    /// sharded counter, the main thread included; for a pool of workers, one more than cores.
    ///
    /// A `static` one needs a `LazyLock`, see the example of [`Counter`].
    ///
    /// # Panics
    ///
    /// If so many shards exceed the address space; where there is merely no memory for them, the
    /// process aborts.
    pub fn new(shards: NonZero<usize>) -> Self {
        let zeros = || (0..shards.get()).map(|_| Padded::default()).collect();
        ShardedCounter {
            owned: zeros(),
            shared: zeros(),
            drained: AtomicU64::default(),
        }
    }

    /// Adds, wrapping around at 2^64.
    #[inline] // into other crates too: the call alone would take twice as long
    pub fn add(&self, amount: u64) {
        // In the last destructors of a thread its number is gone; `MAX` owns no shard.
        let number = NUMBER.try_with(|number| number.0).unwrap_or(usize::MAX);
        self.add_as(number, amount);
    }

    /// Adds as the thread of this number; loses updates if another thread does so at the same time.
    /// Apart from `add` for the tests alone: loom's threads have no `thread_local!` values.
    #[inline]
    pub(crate) fn add_as(&self, number: usize, amount: u64) {
        match self.owned.get(number) {
            // No other thread has the number, so nobody stores between this load and this store.
            Some(Padded(own)) => own.store(own.load(Relaxed).wrapping_add(amount), Relaxed),
            None => {
                let Padded(shared) = &self.shared[number % self.shared.len()];
                shared.fetch_add(amount, Relaxed);
            }
        }
    }

    /// Returns the count so far; exact once the threads that add are joined.
    pub fn get(&self) -> u64 {
        // Acquire, so that every shard is seen at least as large as the `drain` that stored this saw
        // it. Otherwise the difference could fall below 0.
        let drained = self.drained.load(Acquire);
        self.ever_added().wrapping_sub(drained)
    }

    /// Returns the count and takes it off: nothing is lost or returned twice, even while threads
    /// add and drain.
    pub fn drain(&self) -> u64 {
        // No shard is set to 0, for that could come between its owner's load and store. They only
        // grow, and what was returned is remembered.
        let mut drained = self.drained.load(Acquire); // as in `get`
        loop {
            let added = self.ever_added();
            // Release, for the loads of `drained` with Acquire, of which the one on failure begins
            // the next round.
            match self
                .drained
                .compare_exchange_weak(drained, added, Release, Acquire)
            {
                Ok(_) => return added.wrapping_sub(drained),
                Err(changed) => drained = changed,
            }
        }
    }

    fn ever_added(&self) -> u64 {
        let parts = self.owned.iter().chain(&self.shared);
        parts.fold(0, |sum, part| sum.wrapping_add(part.0.load(Relaxed)))
    }
}

/// A number that no other thread has while this value lives.
pub(crate) struct Number(pub(crate) usize);

thread_local! {
    static NUMBER: Number = Number::take();
}

/// Which numbers are free: those given back, and all from `next` on.
#[derive(Default)]
struct Numbers {
    given_back: BTreeSet<usize>,
    next: usize,
}

impl Numbers {
    fn take_lowest(&mut self) -> usize {
        self.given_back.pop_first().unwrap_or_else(|| {
            let number = self.next;
            self.next += 1;
            number
        })
    }
}

#[cfg(not(all(test, loom)))]
static NUMBERS: Mutex<Numbers> = Mutex::new(Numbers {
    given_back: BTreeSet::new(),
    next: 0,
});
#[cfg(all(test, loom))]
loom::lazy_static! {
    static ref NUMBERS: Mutex<Numbers> = Mutex::default();
}

impl Number {
    /// Takes the lowest free number, because the low ones own shards. The lock orders what the last
    /// thread of this number stored before what the next one loads.
    pub(crate) fn take() -> Self {
        Number(Self::lock().take_lowest())
    }

    fn lock() -> MutexGuard<'static, Numbers> {
        // Nothing panics while it holds the lock; if something did, the numbers would still be whole.
        NUMBERS.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        Self::lock().given_back.insert(self.0);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, Ordering, fence};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    /// Runs `body` on a thread of its own, so that a hang fails the test instead of blocking it.
    fn within_deadline<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
        let (sender, receiver) = mpsc::channel();
        let runner = thread::spawn(move || sender.send(body()));
        match receiver.recv_timeout(Duration::from_secs(20)) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("did not end within 20 s"),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                std::panic::resume_unwind(runner.join().expect_err("ended without a result"))
            }
        }
    }

    fn sharded(shards: usize) -> ShardedCounter {
        ShardedCounter::new(NonZero::new(shards).unwrap())
    }

    /// Runs `body` on `threads` threads, which start together, and returns the results.
    fn on_threads<R: Send>(threads: usize, body: impl Fn() -> R + Sync) -> Vec<R> {
        let start = Barrier::new(threads);
        thread::scope(|scope| {
            let run = || {
                start.wait();
                body()
            };
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            running
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        })
    }

    #[test]
    fn counters_are_exact_after_join_on_any_number_of_threads_and_shards() {
        for threads in [1, 2, 3, 16] {
            let one = Counter::new();
            on_threads(threads, || (0..1000).for_each(|_| one.add(3)));
            assert_eq!(one.get(), threads as u64 * 3000);
            assert_eq!(one.drain(), threads as u64 * 3000);
            assert_eq!(one.get(), 0);
            for shards in [1, 2, 3, 8, 64] {
                let many = sharded(shards);
                on_threads(threads, || (0..1000).for_each(|_| many.add(3)));
                assert_eq!(many.get(), threads as u64 * 3000, "{threads} on {shards}");
            }
        }
    }

    #[test]
    fn a_new_counter_and_one_never_added_to_are_zero() {
        assert_eq!((Counter::new().get(), Counter::default().drain()), (0, 0));
        assert_eq!((sharded(5).get(), sharded(1).drain()), (0, 0));
    }

    #[test]
    fn load_then_store_loses_an_update_that_fetch_add_keeps() {
        within_deadline(|| {
            // Both threads load before either stores, on every run.
            let (count, both_loaded) = (AtomicU64::new(0), Barrier::new(2));
            on_threads(2, || {
                let loaded = count.load(Ordering::SeqCst);
                both_loaded.wait();
                count.store(loaded + 1, Ordering::SeqCst);
            });
            assert_eq!(count.into_inner(), 1);

            // The same schedule, but the addition does not rely on what was loaded.
            let count = AtomicU64::new(0);
            on_threads(2, || {
                count.load(Ordering::SeqCst);
                both_loaded.wait();
                count.fetch_add(1, Ordering::SeqCst);
            });
            assert_eq!(count.into_inner(), 2);
        });
    }

    #[test]
    fn an_update_starts_over_when_another_thread_was_faster() {
        within_deadline(|| {
            let (counter, loaded, added) = (Counter::new(), Barrier::new(2), Barrier::new(2));
            let seen = Mutex::new(Vec::new());
            thread::scope(|scope| {
                scope.spawn(|| {
                    counter.update(|value| {
                        let mut seen = seen.lock().unwrap();
                        seen.push(value);
                        if seen.len() == 1 {
                            loaded.wait();
                            added.wait();
                        }
                        value.checked_add(1)
                    })
                });
                loaded.wait();
                counter.add(10);
                added.wait();
            });
            assert_eq!(counter.get(), 11);
            let seen = seen.into_inner().unwrap();
            assert_eq!((seen[0], seen[1]), (0, 10));
        });
    }

    #[test]
    fn add_wraps_around_at_the_maximum() {
        let one = Counter::new();
        one.add(u64::MAX - 1);
        on_threads(4, || (0..100).for_each(|_| one.add(1)));
        assert_eq!(one.get(), 398);

        // No part overflows, but their sum does; then an owned part and a shared one do.
        let many = sharded(2);
        many.add_as(0, u64::MAX);
        many.add_as(1, 5);
        assert_eq!(many.drain(), 4);
        many.add_as(0, 2);
        many.add_as(2, u64::MAX);
        many.add_as(2, 2);
        assert_eq!((many.get(), many.drain(), many.get()), (3, 3, 0));
    }

    #[test]
    fn saturating_add_stays_at_the_maximum() {
        within_deadline(|| {
            let counter = Counter::new();
            counter.add(u64::MAX - 101);
            on_threads(4, || (0..100).for_each(|_| counter.saturating_add(2)));
            assert_eq!(counter.get(), u64::MAX);
        });
    }

    #[test]
    fn checked_add_hands_out_each_of_the_last_values_once() {
        within_deadline(|| {
            let counter = Counter::new();
            counter.add(u64::MAX - 150);
            let handed_out = on_threads(4, || {
                let values: Vec<_> = (0..100).filter_map(|_| counter.checked_add(1)).collect();
                values
            });
            let mut values = handed_out.concat();
            values.sort_unstable();
            assert_eq!(values, Vec::from_iter(u64::MAX - 149..=u64::MAX));
            assert_eq!(counter.get(), u64::MAX);
            assert_eq!(counter.checked_add(0), Some(u64::MAX));
        });
    }

    #[test]
    fn a_read_lies_between_the_count_at_its_start_and_at_its_end() {
        within_deadline(|| {
            let many = sharded(2);
            let (begun, ended) = (Counter::new(), Counter::new());
            let (enough, start) = (AtomicBool::new(false), Barrier::new(4));
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        start.wait();
                        while !enough.load(Ordering::Relaxed) {
                            begun.add(1);
                            // With the fences below: who sees the later one sees the earlier one too.
                            fence(Ordering::Release);
                            many.add(1);
                            fence(Ordering::Release);
                            ended.add(1);
                            thread::yield_now(); // on one core, the reader has its turn
                        }
                    });
                }
                let (mut last, mut changes) = (0, 0);
                start.wait();
                while changes < 1000 {
                    let at_start = ended.get();
                    fence(Ordering::Acquire);
                    let read = many.get();
                    fence(Ordering::Acquire);
                    let at_end = begun.get();
                    let is_between = at_start <= read && read <= at_end;
                    // Ends the other threads in any case.
                    enough.store(!is_between || read < last, Ordering::Relaxed);
                    assert!(is_between, "{at_start} {read} {at_end}");
                    assert!(last <= read, "went down from {last} to {read}");
                    changes += u64::from(last < read);
                    last = read;
                    thread::yield_now();
                }
                enough.store(true, Ordering::Relaxed);
            });
            assert_eq!(many.get(), begun.get());
        });
    }

    #[test]
    fn drains_among_additions_lose_and_double_nothing() {
        within_deadline(|| {
            const EACH: u64 = 20_000;
            let (one, many) = (Counter::new(), sharded(2));
            let drained = Counter::new();
            on_threads(4, || {
                for added in 1..=EACH {
                    one.add(1);
                    many.add(1);
                    if added % 8 == 0 {
                        let parts = [one.drain(), many.drain()];
                        // Less than 0 would be nearly 2^64.
                        assert!(parts.iter().all(|&part| part <= 4 * EACH), "{parts:?}");
                        drained.add(parts.iter().sum());
                    }
                    // What others drain meanwhile may be counted again, but no more than that.
                    assert!(many.get() <= 4 * EACH);
                }
            });
            one.add(1); // so that something is left
            assert_eq!(drained.get() + one.get() + many.get(), 8 * EACH + 1);
        });
    }

    #[test]
    fn shards_lie_on_cache_lines_of_their_own() {
        let many = sharded(3);
        for parts in [&many.owned, &many.shared] {
            let address = |part: &Padded| &raw const *part as usize;
            let addresses: Vec<_> = parts.iter().map(address).collect();
            assert_eq!(addresses[0] % 128, 0);
            assert_eq!(addresses[1] - addresses[0], 128);
            assert_eq!(addresses[2] - addresses[1], 128);
        }
    }

    #[test]
    fn low_numbers_own_a_shard_and_high_ones_share_them() {
        let many = sharded(2);
        for number in [0, 1, 1, 2, 3, 4, usize::MAX] {
            many.add_as(number, 1);
        }
        let [owned, shared] = [&many.owned, &many.shared].map(|parts| {
            let parts = parts.iter().map(|part| part.0.load(Ordering::Relaxed));
            parts.collect::<Vec<_>>()
        });
        assert_eq!((owned, shared), (vec![1, 2], vec![2, 2]));
    }

    #[test]
    fn threads_alive_have_different_numbers_and_keep_them() {
        let own_number = || NUMBER.with(|number| number.0);
        let all_have_one = Barrier::new(8);
        let numbers = on_threads(8, || {
            let number = own_number();
            all_have_one.wait();
            assert_eq!(own_number(), number);
            number
        });
        let different: std::collections::HashSet<_> = numbers.iter().collect();
        assert_eq!(different.len(), 8, "{numbers:?}");
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
            let number = thread::spawn(|| NUMBER.with(|number| number.0));
            assert!(number.join().unwrap() < 1000);
        }
    }

    #[test]
    fn the_end_of_a_thread_may_still_add() {
        // Shards enough for all threads of the tests, so that only a thread without a number shares.
        static MANY: std::sync::LazyLock<ShardedCounter> =
            std::sync::LazyLock::new(|| sharded(1000));
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
        {
            let shared = MANY
                .shared
                .iter()
                .map(|part| part.0.load(Ordering::Relaxed));
            assert_eq!(shared.sum::<u64>(), 1);
        }
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn what_a_panicking_thread_added_stays_counted() {
        let many = sharded(2);
        thread::scope(|scope| {
            let panicking = scope.spawn(|| {
                many.add(3);
                panic!("after three");
            });
            assert!(panicking.join().is_err());
        });
        many.add(1);
        assert_eq!(many.get(), 4);
    }
}
