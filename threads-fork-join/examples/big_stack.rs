//! Recursion that overflows the stack: run it on a thread with a larger one.
//!
//! Use it when the depth follows the input, up to a bound; else a loop and a `Vec` are better.
//! Ends: with the result, with the panic of the call, or with an error if the system refuses the
//! thread. An overflow itself aborts the process; nothing can catch it.
//! Needs: std alone.
//!
//! ```text
//! 50000 levels deep
//! the panic comes back: a mere leaf
//! nearly all memory for a stack: refused
//! ```

use std::panic::{catch_unwind, resume_unwind};
use std::{io, thread};

/// Threads have 2 MiB otherwise, the main thread 8 MiB on most systems and 1 MiB on Windows.
fn on_stack_of<R: Send>(bytes: usize, call: impl FnOnce() -> R + Send) -> io::Result<R> {
    // In a scope, so that `call` may borrow.
    thread::scope(|scope| {
        // Where that is refused, the caller's stack would be too small: it is an error.
        let thread = thread::Builder::new()
            .stack_size(bytes)
            .spawn_scoped(scope, call)?;
        Ok(thread
            .join()
            .unwrap_or_else(|payload| resume_unwind(payload)))
    })
}

struct Tree(Vec<Tree>);

fn depth(Tree(children): &Tree) -> usize {
    1 + children.iter().map(depth).max().unwrap_or_default()
}

const LEVELS: usize = 50_000;

/// Measured without optimisation: 250 on x86-64, but nearly 2048 on s390x. What is not used takes
/// addresses, but no memory.
const BYTES_PER_LEVEL: usize = 4096;

/// Makes the tree, uses it and drops it, all on the large stack: dropping it goes just as deep. A
/// tree moved in by the closure would be dropped here, on the small one, if the thread is refused.
fn work() -> usize {
    let tree = (1..LEVELS).fold(Tree(vec![]), |tree, _| Tree(vec![tree]));
    depth(&tree)
}

fn main() -> io::Result<()> {
    let levels = on_stack_of(LEVELS * BYTES_PER_LEVEL, work)?;
    assert_eq!(levels, LEVELS);
    println!("{levels} levels deep");

    // The case that goes wrong: the call panics, or there is no thread for it.
    let leaf = || assert!(depth(&Tree(vec![])) > 1, "a mere leaf");
    let panic = catch_unwind(|| on_stack_of(1 << 20, leaf)).err();
    let text = panic.and_then(|payload| payload.downcast::<&str>().ok());
    assert_eq!(text.as_deref(), Some(&"a mere leaf"));
    println!("the panic comes back: a mere leaf");

    let refused = on_stack_of(usize::MAX / 16 * 15, work);
    assert!(refused.is_err());
    println!("nearly all memory for a stack: refused");
    Ok(())
}
