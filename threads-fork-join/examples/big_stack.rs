//! Stack overflow in deep recursion: a thread with a larger stack.
//!
//! Use it when the depth follows the input, up to a bound. Without a bound, use
//! a loop and a `Vec`.
//! Ends: with the result or the panic of the call, or with an error if the
//! thread cannot be spawned. An overflow aborts the process; it cannot be
//! caught.
//! Needs: std alone.
//!
//! ```text
//! 100000 levels deep
//! the panic comes back: a mere leaf
//! nearly all memory for a stack: an error
//! ```

use std::panic::resume_unwind;
use std::{io, thread};

/// Runs `call` on a thread with a stack of that many bytes. (By default,
/// threads have 2 MiB; the main thread has 8 MiB, on Windows 1 MiB.) Stack that
/// is never used takes no physical memory. Where overcommit is off, it counts.
///
/// Returns the OS error if spawning fails.
///
/// A deep structure must be dropped on the large stack too, as its destructor
/// recurses just as deep: `call` should make it, use it and drop it.
pub fn on_stack_of<R: Send>(bytes: usize, call: impl FnOnce() -> R + Send) -> io::Result<R> {
    // A scoped thread, so that `call` may borrow.
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("big stack".into());
        let builder = builder.stack_size(bytes);
        let handle = builder.spawn_scoped(scope, call)?;
        match handle.join() {
            Ok(result) => Ok(result),
            Err(payload) => resume_unwind(payload),
        }
    })
}

fn main() -> io::Result<()> {
    // On a stack so small that only the larger one can hold the recursion.
    on_stack_of(1 << 20, demonstrate)?
}

struct Tree(Vec<Tree>);

fn depth(tree: &Tree) -> usize {
    1 + tree.0.iter().map(depth).max().unwrap_or(0)
}

fn demonstrate() -> io::Result<()> {
    use std::panic::catch_unwind;

    const LEVELS: usize = 100_000;
    // Measured without optimisation: 250 on x86-64, nearly 2048 on s390x.
    const BYTES_PER_LEVEL: usize = 3072;

    let levels = on_stack_of(LEVELS * BYTES_PER_LEVEL, || {
        let mut tree = Tree(vec![]);
        for _ in 1..LEVELS {
            tree = Tree(vec![tree]);
        }
        depth(&tree)
    })?;
    assert_eq!(levels, LEVELS);
    println!("{levels} levels deep");

    // The case that goes wrong: the call panics, or there is no such stack.
    let leaf = || assert!(depth(&Tree(vec![])) > 1, "a mere leaf");
    let payload = catch_unwind(|| on_stack_of(1 << 20, leaf)).err();
    let text = payload.and_then(|payload| payload.downcast::<&str>().ok());
    assert_eq!(text.as_deref(), Some(&"a mere leaf"));
    println!("the panic comes back: a mere leaf");

    assert!(on_stack_of(usize::MAX / 16 * 15, || ()).is_err());
    println!("nearly all memory for a stack: an error");
    Ok(())
}
