//! Short slices are added up on the calling thread, long ones in the pool. Alone in its file, because
//! it needs a process whose global pool it can block.

#![allow(clippy::unwrap_used)]

use rayon_sum::{exact_sum, reproducible_sum};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

#[test]
fn only_long_slices_wait_for_a_busy_pool() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
    pool.build_global().unwrap();
    let (release, blocked) = mpsc::channel::<()>();
    rayon::spawn(move || _ = blocked.recv());

    // Would these need the pool, they would hang here, and the test with them.
    assert_eq!(exact_sum(&vec![1; (1 << 17) - 1]), (1 << 17) - 1);
    assert_eq!(reproducible_sum(&vec![1.0; 3 << 13]), f64::from(3 << 13));

    let (sender, sums) = mpsc::channel();
    let (integers, floats) = (sender.clone(), sender);
    thread::spawn(move || integers.send(exact_sum(&vec![1; 1 << 17])));
    thread::spawn(move || floats.send(reproducible_sum(&vec![1.0; (3 << 13) + 1]) as i128));
    // Sequentially they would take far less than this.
    let waiting = sums.recv_timeout(Duration::from_millis(300));
    assert_eq!(waiting, Err(mpsc::RecvTimeoutError::Timeout));
    drop(release);
    assert_eq!(sums.iter().sum::<i128>(), (1 << 17) + (3 << 13) + 1);
}
