//! The measurements as a table for people and as CSV for programs.

use crate::measure::{Job, ROUNDS, Row};
use crate::ways::Way;
use std::time::Duration;

/// Characters of the longest bar, so that lines stay under 100.
const BAR: f64 = 32.0;

/// Times the speed of one atomic from which another way is worth the trouble.
const WORTH_IT: f64 = 1.5;

/// Time per thread that one atomic has to take for ratios to mean something: many times what waking
/// a thread takes, which the times include.
const LONG_ENOUGH: Duration = Duration::from_micros(500);

/// What one job measured.
pub struct Report {
    pub job: Job,
    pub rows: [Row; Way::ALL.len()],
}

impl Report {
    /// The time of one increment, all threads together: two threads at 4 ns each make it 2 ns.
    fn nanoseconds(&self, way: Way) -> f64 {
        // A clock may be too coarse to see a few increments, and a time of 0 has no ratio.
        let time = self.rows[way as usize].time.as_nanos().max(1);
        time as f64 / self.job.increments as f64
    }

    /// How many times as fast as `base` a way is.
    fn speed(&self, way: Way, base: Way) -> f64 {
        self.nanoseconds(base) / self.nanoseconds(way)
    }

    fn lost(&self, row: &Row) -> u64 {
        self.job.increments.saturating_sub(row.total)
    }

    pub fn table(&self) -> String {
        let Job {
            threads,
            increments,
        } = self.job;
        let s = if threads.get() == 1 { "" } else { "s" };
        let mut text = format!(
            "{increments} increments by {threads} thread{s}, medians of {ROUNDS} rounds\n\n\
             {:<21} {:>10} {:>9} {:>8}  time\n",
            "way of counting", "total", "ns each", "speed",
        );
        let slowest = Way::ALL.map(|way| self.nanoseconds(way));
        let slowest = slowest.into_iter().fold(0.0, f64::max);
        for row in &self.rows {
            let nanoseconds = self.nanoseconds(row.way);
            text += &format!(
                "{:<21} {:>10} {nanoseconds:>9.2} {:>7.1}x  {}",
                row.way,
                row.total,
                self.speed(row.way, Way::Mutex),
                "#".repeat((nanoseconds / slowest * BAR).ceil() as usize),
            );
            if !row.way.is_exact() {
                text += &format!(" lost {}", self.lost(row));
            }
            text.push('\n');
        }
        text + "\n" + &self.advice() + "\n"
    }

    fn advice(&self) -> String {
        let sharded = self.speed(Way::Sharded, Way::OneAtomic);
        let local = self.speed(Way::Local, Way::OneAtomic);
        let threads = self.job.threads.get() as u32; // 512 at most
        if self.rows[Way::OneAtomic as usize].time < LONG_ENOUGH * threads {
            return "Too short to compare: raise --increments.".into();
        }
        if self.job.threads.get() == 1 {
            let one = self.nanoseconds(Way::OneAtomic);
            format!(
                "One thread has nobody to wait for: one atomic takes {one:.1} ns, \
                 counting locally is {local:.1} times as fast."
            )
        } else if local.max(sharded) < WORTH_IT {
            format!(
                "Keep one atomic: counting locally is {local:.1} times as fast here, \
                 sharding {sharded:.1} times."
            )
        } else if local * WORTH_IT < sharded {
            format!(
                "Shard, {sharded:.1} times as fast as one atomic; \
                 counting locally is {local:.1} times as fast."
            )
        } else if sharded >= WORTH_IT {
            format!(
                "Count locally and add once, {local:.1} times as fast as one atomic; \
                 if each count must show at once, shard: {sharded:.1} times."
            )
        } else {
            format!(
                "Count locally and add once, {local:.1} times as fast as one atomic; \
                 sharding is not worth it here: {sharded:.1} times."
            )
        }
    }

    pub fn csv(&self) -> String {
        let mut text = "way,threads,increments,total,lost,ns_per_increment,speed\n".to_owned();
        for row in &self.rows {
            text += &format!(
                "{},{},{},{},{},{:.4},{:.4}\n",
                row.way,
                self.job.threads,
                self.job.increments,
                row.total,
                self.lost(row),
                self.nanoseconds(row.way),
                self.speed(row.way, Way::Mutex),
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::num::NonZero;

    /// A million increments that took so many ms, which are then nanoseconds each, in the order of
    /// the table.
    fn report(threads: usize, millis: [u64; 7]) -> Report {
        Report {
            job: Job {
                threads: NonZero::new(threads).unwrap(),
                increments: 1_000_000,
            },
            rows: Way::ALL.map(|way| Row {
                way,
                total: if way.is_exact() { 1_000_000 } else { 600_000 },
                time: Duration::from_millis(millis[way as usize]),
            }),
        }
    }

    #[test]
    fn the_table_shows_every_way_to_scale() {
        let expected = "\
1000000 increments by 2 threads, medians of 7 rounds

way of counting            total   ns each    speed  time
Mutex                    1000000     32.00     1.0x  ################################
one atomic fetch_add     1000000     12.00     2.7x  ############
compare-exchange loop    1000000     16.00     2.0x  ################
adjacent atomics         1000000     10.00     3.2x  ##########
sharded counter          1000000      2.00    16.0x  ##
local then one add       1000000      1.00    32.0x  #
load then store (bug)     600000      4.00     8.0x  #### lost 400000

Count locally and add once, 12.0 times as fast as one atomic; if each count must show at \
once, shard: 6.0 times.
";
        assert_eq!(report(2, [32, 12, 16, 10, 2, 1, 4]).table(), expected);
    }

    #[test]
    fn the_advice_follows_the_numbers() {
        let advice = |threads, sharded, local| {
            let table = report(threads, [32, 12, 16, 10, sharded, local, 4]).table();
            table.lines().last().unwrap().to_owned()
        };
        assert_eq!(
            advice(2, 10, 1),
            "Count locally and add once, 12.0 times as fast as one atomic; \
             sharding is not worth it here: 1.2 times."
        );
        assert!(advice(2, 8, 1).ends_with("shard: 1.5 times."));
        assert_eq!(
            advice(2, 10, 10),
            "Keep one atomic: counting locally is 1.2 times as fast here, sharding 1.2 times."
        );
        assert_eq!(
            advice(2, 4, 10),
            "Shard, 3.0 times as fast as one atomic; counting locally is 1.2 times as fast."
        );
        assert_eq!(
            advice(1, 8, 1),
            "One thread has nobody to wait for: one atomic takes 12.0 ns, \
             counting locally is 12.0 times as fast."
        );
    }

    #[test]
    fn a_short_run_gives_no_advice() {
        let mut report = report(2, [32, 12, 16, 10, 2, 1, 4]);
        report.rows[Way::OneAtomic as usize].time = 2 * LONG_ENOUGH - Duration::from_nanos(1);
        assert_eq!(report.advice(), "Too short to compare: raise --increments.");
        report.rows[Way::OneAtomic as usize].time = 2 * LONG_ENOUGH;
        assert!(report.advice().contains("times as fast"));
    }

    #[test]
    fn a_way_is_found_at_its_own_index_and_needs_no_quotes() {
        for (index, way) in Way::ALL.into_iter().enumerate() {
            assert_eq!(way as usize, index);
            assert!(!way.to_string().contains([',', '"', '\n']), "{way}");
        }
    }

    #[test]
    fn csv_has_the_same_fields_in_every_line() {
        let csv = report(3, [32, 12, 16, 10, 2, 1, 4]).csv();
        let fields: Vec<_> = csv.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(fields, [7; 8]);
        assert!(
            csv.contains("\nMutex,3,1000000,1000000,0,32.0000,1.0000\n"),
            "{csv}"
        );
        assert!(csv.ends_with("\nload then store (bug),3,1000000,600000,400000,4.0000,8.0000\n"));
    }
}
