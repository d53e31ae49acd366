//! The measurements as a table with bars.

use crate::measure::{Counted, Job, ROUNDS};
use crate::ways::{BUG, EXACT, ONE_ATOMIC};

/// Characters of the longest bar, so that lines have at most 79.
const BAR: f64 = 32.0;

/// A line for each way: the faster it is, the longer is its bar.
pub fn table(job: Job, times: &[f64; EXACT.len()], bug: &Counted) -> String {
    let (threads, millis) = (job.threads.get(), job.time.as_millis());
    let s = if threads == 1 { "" } else { "s" };
    let mut table = format!(
        "{threads} thread{s} counting, medians of {ROUNDS} rounds of {millis} ms\n\n\
         way of counting         ns/increment    speed\n"
    );
    let fastest = times.iter().copied().fold(f64::INFINITY, f64::min);
    for (way, time) in EXACT.into_iter().zip(times) {
        let speed = times[ONE_ATOMIC] / time;
        let bar = "#".repeat((fastest / time * BAR).ceil() as usize);
        table += &format!("{way:21} {time:14.2} {speed:7.1}x {bar}\n");
    }
    let Counted {
        lost, increments, ..
    } = bug;
    let outcome = match (lost, threads) {
        (0, 1) => "needs several threads to lose an increment".into(),
        (0, _) => format!("lost none of {increments}: the threads never met"),
        _ => format!("lost {lost} of {increments} increments"),
    };
    table + &format!("{BUG:21}   {outcome}\n")
}

/// What this run has shown.
pub fn verdict(bug: &Counted) -> &'static str {
    if bug.lost > 0 {
        "All ways but \"load then store\" count every increment.\n"
    } else {
        "All ways counted every increment; \"load then store\" did so by chance.\n"
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::num::NonZero;
    use std::time::Duration;

    const TIMES: [f64; 7] = [31.0, 12.0, 16.0, 10.0, 2.5, 2.0, 1.0];

    fn table_of(threads: usize, lost: u64) -> String {
        let job = Job {
            threads: NonZero::new(threads).unwrap(),
            time: Duration::from_millis(10),
        };
        table(job, &TIMES, &bug(lost))
    }

    fn bug(lost: u64) -> Counted {
        Counted {
            increments: 1_000_000,
            lost,
            nanoseconds: 4.0,
        }
    }

    #[test]
    fn the_table_shows_every_way_and_the_fastest_has_the_longest_bar() {
        let expected = "\
2 threads counting, medians of 7 rounds of 10 ms

way of counting         ns/increment    speed
Mutex                          31.00     0.4x ##
one atomic fetch_add           12.00     1.0x ###
compare-exchange loop          16.00     0.8x ##
adjacent fetch_add             10.00     1.2x ####
padded fetch_add                2.50     4.8x #############
sharded counter                 2.00     6.0x ################
local then one add              1.00    12.0x ################################
load then store (bug)   lost 400000 of 1000000 increments
";
        assert_eq!(table_of(2, 400_000), expected);
        assert!(expected.lines().all(|line| line.len() <= 79));
    }

    #[test]
    fn that_nothing_was_lost_is_not_said_to_be_exact() {
        for (threads, outcome) in [
            (1, "  needs several threads to lose an increment\n"),
            (2, "  lost none of 1000000: the threads never met\n"),
        ] {
            assert!(table_of(threads, 0).ends_with(outcome), "{threads}");
        }
        assert!(verdict(&bug(1)).starts_with("All ways but \"load then store\" "));
        assert!(verdict(&bug(0)).ends_with(" \"load then store\" did so by chance.\n"));
    }
}
