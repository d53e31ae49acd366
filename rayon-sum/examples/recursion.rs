//! Divide and conquer: `join`; deadlock with a `Mutex`.
//!
//! Use it when the work is a tree, or is cut where the data say. For a slice, a
//! parallel iterator cuts by itself; for nodes with many children, there is
//! `rayon::iter::walk_tree`.
//! Ends: when both halves have ended, even if one panics. That panic is
//! re-raised; with two, the one of the first half. While a thread waits for
//! `join`, it runs other jobs: if one wants a lock that it holds, it deadlocks.
//! Needs: `cargo add rayon`.
//!
//! ```text
//! the leaves of both halves at the same time: 10
//! below the cutoff: one thread
//! the lock was free while the leaves were added up: 20
//! the first half panics: the second one has ended
//! a lock held across join: the other half cannot get it
//! ```

use std::sync::{Mutex, PoisonError};

/// A binary tree.
pub enum Tree<T> {
    /// Holds an item.
    Leaf(T),
    /// Holds two trees.
    Node(Box<Tree<T>>, Box<Tree<T>>),
}

/// Adds up a number of each leaf.
///
/// `join` costs far more than an addition, so only the upper `levels` of the
/// tree are split. With 4 there are 16 chunks, enough for a few cores: a thread
/// that has finished steals from the others. With 0, the caller adds alone.
///
/// It recurses as deep as the tree is, on threads of rayon with 2 MiB of stack:
/// for a deep tree, set `ThreadPoolBuilder::stack_size`.
pub fn sum<T: Sync>(tree: &Tree<T>, levels: u32, number: &(impl Fn(&T) -> u64 + Sync)) -> u64 {
    match tree {
        Tree::Leaf(leaf) => number(leaf),
        Tree::Node(left, right) if levels == 0 => sum(left, 0, number) + sum(right, 0, number),
        Tree::Node(left, right) => {
            let below = levels - 1;
            let (left, right) =
                rayon::join(|| sum(left, below, number), || sum(right, below, number));
            left + right
        }
    }
}

/// Adds the sum of a tree to a total that is behind a `Mutex`.
pub fn add_sum<T: Sync>(total: &Mutex<u64>, tree: &Tree<T>, number: &(impl Fn(&T) -> u64 + Sync)) {
    let added = sum(tree, 4, number); // before the lock: a guard across `join` deadlocks
    *total.lock().unwrap_or_else(PoisonError::into_inner) += added;
}

fn main() -> Result<(), rayon::ThreadPoolBuildError> {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::thread;

    let node = |left, right| Tree::Node(Box::new(left), Box::new(right));
    let small = |n| node(Tree::Leaf(n), Tree::Leaf(n + 1));
    let tree = node(small(1), small(3));

    // The first and the last leaf wait for each other.
    let pool_of_2 = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
    let both = Barrier::new(2);
    let number = |&leaf: &u64| {
        if leaf == 1 || leaf == 4 {
            both.wait();
        }
        leaf
    };
    let total = pool_of_2.install(|| sum(&tree, 1, &number));
    println!("the leaves of both halves at the same time: {total}");

    let caller = thread::current().id(); // not of the pool, as `join` would be
    let number = |&leaf: &u64| {
        assert_eq!(thread::current().id(), caller);
        leaf
    };
    assert_eq!(sum(&tree, 0, &number), 10);
    println!("below the cutoff: one thread");

    let shared = Mutex::new(10);
    let number = |&leaf: &u64| {
        assert!(shared.try_lock().is_ok());
        leaf
    };
    let pool_of_1 = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool_of_1.install(|| add_sum(&shared, &tree, &number));
    let total = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("the lock was free while the leaves were added up: {total}");

    // The case that goes wrong: one half panics, or a lock is held.
    let ended = AtomicUsize::new(0); // read after both have ended
    let number = |&leaf: &u64| {
        assert_ne!(leaf, 1, "the first leaf fails");
        ended.fetch_add(1, Relaxed);
        leaf
    };
    let panics = || pool_of_2.install(|| sum(&tree, 4, &number));
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(ended.into_inner(), 3);
    println!("the first half panics: the second one has ended");

    // With `lock` in place of `try_lock`, this would never return.
    let lock = Mutex::new(());
    let ((), fails) = pool_of_1.install(|| {
        let _guard = lock.lock();
        rayon::join(|| (), || lock.try_lock().is_err())
    });
    assert!(fails);
    println!("a lock held across join: the other half cannot get it");
    Ok(())
}
