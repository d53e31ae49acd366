//! Every interleaving, and every value that `Relaxed` lets a load see, as far as loom explores:
//!
//! `RUSTFLAGS='--cfg loom' cargo test -p atomics-counter --test loom --release --target-dir
//! target/loom`

#![allow(unexpected_cfgs)] // `--cfg loom` is set by hand
#![cfg(loom)]

use loom::model;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use loom::thread::{self, JoinHandle};
use std::num::NonZero;

// Once more, on loom's atomics: the library that Cargo links here was built on those of std.
#[allow(dead_code)]
#[path = "../src/lib.rs"]
mod atomics_counter;
use atomics_counter::{Counter, Number, ShardedCounter};

fn counter(start: u64) -> Arc<Counter> {
    let counter = Counter::default();
    counter.add(start);
    Arc::new(counter)
}

fn two_shards() -> Arc<ShardedCounter> {
    Arc::new(ShardedCounter::new(NonZero::new(2).unwrap()))
}

fn spawn<T: Send + Sync + 'static, R: 'static>(
    shared: &Arc<T>,
    body: impl FnOnce(&T) -> R + 'static,
) -> JoinHandle<R> {
    let shared = Arc::clone(shared);
    thread::spawn(move || body(&shared))
}

#[test]
fn additions_by_two_threads_are_all_there_after_join() {
    model(|| {
        let one = counter(0);
        let other = spawn(&one, |one| one.add(1));
        one.add(1);
        other.join().unwrap();
        assert_eq!(one.get(), 2);
    });
}

#[test]
fn a_drain_of_one_atomic_among_additions_loses_and_doubles_nothing() {
    model(|| {
        let one = counter(1);
        let other = spawn(&one, |one| one.add(10));
        let drained = one.drain();
        other.join().unwrap();
        assert_eq!(drained + one.get(), 11);
    });
}

#[test]
fn additions_to_owned_and_shared_shards_are_all_there_after_join() {
    model(|| {
        let many = two_shards();
        let sharing = spawn(&many, |many| many.add_as(2, 1));
        let owner = spawn(&many, |many| many.add_as(1, 10));
        many.add_as(4, 100);
        many.add_as(0, 1000);
        sharing.join().unwrap();
        owner.join().unwrap();
        many.add_as(1, 10_000); // the number of an ended thread
        assert_eq!(many.get(), 11_111);
    });
}

#[test]
fn a_number_may_pass_from_thread_to_thread() {
    model(|| {
        let many = two_shards();
        let add = |many: &ShardedCounter| {
            let number = Number::take();
            many.add_as(number.0, 1);
            number.0
        };
        let others = [spawn(&many, add), spawn(&many, add)];
        let numbers = others.map(|other| other.join().unwrap());
        assert!(numbers.iter().all(|&number| number < 2), "{numbers:?}");
        assert_eq!(many.get(), 2, "lost an update");
    });
}

#[test]
#[should_panic(expected = "lost an update")]
fn two_threads_of_one_number_would_lose_updates() {
    model(|| {
        let many = two_shards();
        let other = spawn(&many, |many| many.add_as(0, 1));
        many.add_as(0, 1);
        other.join().unwrap();
        assert_eq!(many.get(), 2, "lost an update");
    });
}

#[test]
fn reads_lie_between_start_and_end_and_never_go_down() {
    model(|| {
        let many = two_shards();
        many.add_as(0, 10);
        let owner = spawn(&many, |many| many.add_as(1, 1));
        let sharing = spawn(&many, |many| many.add_as(2, 1));
        let (first, second) = (many.get(), many.get());
        assert!(10 <= first && first <= second && second <= 12);
        owner.join().unwrap();
        assert!(many.get() >= 11);
        sharing.join().unwrap();
        assert_eq!(many.get(), 12);
    });
}

#[test]
fn drains_among_additions_lose_and_double_nothing() {
    model(|| {
        let many = two_shards();
        let adding = spawn(&many, |many| (many.add_as(0, 1), many.add_as(2, 10)));
        let draining = spawn(&many, ShardedCounter::drain);
        let drained = [many.drain(), draining.join().unwrap()];
        assert!(drained.iter().all(|&part| part <= 11), "{drained:?}");
        adding.join().unwrap();
        assert_eq!(drained[0] + drained[1] + many.drain(), 11);
        assert_eq!(many.get(), 0);
    });
}

#[test]
fn a_read_among_drains_does_not_fall_below_zero() {
    model(|| {
        let many = two_shards();
        let reading = spawn(&many, ShardedCounter::get);
        many.add_as(0, 1);
        many.drain();
        assert!(reading.join().unwrap() <= 1);
    });
}

#[test]
fn checked_additions_at_the_limit_hand_out_the_last_value_once() {
    model(|| {
        let one = counter(u64::MAX - 1);
        let other = spawn(&one, |one| one.checked_add(1));
        let results = [one.checked_add(1), other.join().unwrap()];
        assert!(results.contains(&Some(u64::MAX)) && results.contains(&None));
        assert_eq!(one.get(), u64::MAX);
    });
}

#[test]
fn saturating_additions_stop_at_the_limit() {
    model(|| {
        let one = counter(u64::MAX - 2);
        let other = spawn(&one, |one| one.saturating_add(2));
        one.saturating_add(1);
        other.join().unwrap();
        assert_eq!(one.get(), u64::MAX);
    });
}

#[test]
#[should_panic(expected = "lost an update")]
fn loom_finds_the_update_that_load_then_store_loses() {
    model(|| {
        let count = Arc::new(AtomicU64::new(0));
        let add = |count: &AtomicU64| {
            count.store(count.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
        };
        let other = spawn(&count, add);
        add(&count);
        other.join().unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 2, "lost an update");
    });
}

/// Whoever sees the flag must see the count that was made before.
fn publish(store: Ordering, load: Ordering) {
    model(move || {
        let shared = Arc::new((Counter::default(), AtomicBool::new(false)));
        let writer = spawn(&shared, move |(counter, done)| {
            counter.add(1);
            done.store(true, store);
        });
        let (counter, done) = &*shared;
        if done.load(load) {
            assert_eq!(counter.get(), 1, "saw the flag without the count");
        }
        writer.join().unwrap();
    });
}

#[test]
fn release_and_acquire_publish_a_count() {
    publish(Ordering::Release, Ordering::Acquire);
}

#[test]
#[should_panic(expected = "saw the flag without the count")]
fn a_relaxed_store_publishes_nothing() {
    publish(Ordering::Relaxed, Ordering::Acquire);
}

#[test]
#[should_panic(expected = "saw the flag without the count")]
fn a_relaxed_load_is_shown_nothing() {
    publish(Ordering::Release, Ordering::Relaxed);
}
