//! Progress bar with rayon.
//!
//! Use it when a person waits. Nothing is drawn if standard error is not a
//! terminal. For items that take less than a microsecond, work on `par_chunks`,
//! and count with `bar.inc(chunk.len() as u64)`.
//! Ends: when all items are done; then the bar is gone. A panic stops the other
//! threads soon, clears the bar and is re-raised.
//! Needs: `cargo add rayon`, `cargo add indicatif --features rayon`.
//!
//! ```text
//! the bar counts what is done: 0 1 2 3, then it is gone
//! a panic: 1 of 4 done, and the bar is gone
//! ```

use indicatif::{ParallelProgressIterator, ProgressBar};
use rayon::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Maps all items under a bar such as `ProgressBar::new(0)`, in any style. To
/// print meanwhile, call `println` on a clone of it.
pub fn map_with_bar<'a, T: Sync, R: Send>(
    items: &'a [T],
    bar: ProgressBar,
    map: impl Fn(&'a T) -> R + Sync + Send,
) -> Vec<R> {
    bar.set_length(items.len() as u64);
    let mapped = catch_unwind(AssertUnwindSafe(|| {
        items
            .par_iter()
            .panic_fuse()
            .map(map)
            .progress_with(bar.clone()) // before `map`, it would count what begins
            .collect()
    }));
    // Not in a destructor: indicatif draws nothing while the thread unwinds.
    bar.finish_and_clear();
    match mapped {
        Ok(results) => results,
        Err(payload) => resume_unwind(payload),
    }
}

fn main() -> Result<(), rayon::ThreadPoolBuildError> {
    use indicatif::ProgressDrawTarget;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    // One thread goes from the left to the right.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let screen = Screen::default();
    let new_bar = || {
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        ProgressBar::with_draw_target(None, target)
    };

    let bar = new_bar();
    let seen = pool.install(|| {
        map_with_bar(&[0, 1, 2, 3], bar.clone(), |item| {
            let is_drawn = screen.text().contains(&format!(" {item}/4"));
            (bar.position(), is_drawn)
        })
    });
    assert_eq!(seen, [(0, true), (1, true), (2, true), (3, true)]);
    assert_eq!(screen.text(), "");
    println!("the bar counts what is done: 0 1 2 3, then it is gone");

    // The case that goes wrong: an item panics.
    let bar = new_bar();
    let done = AtomicUsize::new(0);
    let panics = || {
        map_with_bar(&[0, 1, 2, 3], bar.clone(), |&item| {
            assert_ne!(item, 1, "the second item fails");
            done.fetch_add(1, Relaxed)
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(|| pool.install(panics))).is_err());
    assert_eq!((done.into_inner(), screen.text().as_str()), (1, ""));
    println!("a panic: 1 of 4 done, and the bar is gone");
    Ok(())
}

use indicatif::TermLike;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A terminal of one line.
#[derive(Clone, Debug, Default)]
struct Screen(Arc<Mutex<String>>);

impl Screen {
    fn line(&self) -> MutexGuard<'_, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self) -> String {
        self.line().trim().into()
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        80
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.line().push_str(text);
        Ok(())
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }
    fn clear_line(&self) -> io::Result<()> {
        self.line().clear();
        Ok(())
    }
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
