//! The measurements as a table for people and as CSV for programs.

use crate::measure::{Job, ROUNDS, Row};
use crate::ways::Way;

/// Characters of the longest bar, so that lines have at most 79.
const BAR: f64 = 31.0;

/// Times the speed of one atomic from which another way is worth the trouble.
const WORTH_IT: f64 = 1.5;

/// What is the same on every run: else there is no report.
pub const VERDICT: &str = "All ways but \"load then store\" count every increment.\n";

/// What one job measured.
pub struct Report {
    pub job: Job,
    /// One for each way, in order, the bug last.
    pub rows: Vec<Row>,
}

impl Report {
    fn nanoseconds(&self, way: Way) -> f64 {
        self.rows[way as usize].nanoseconds
    }

    /// How many times as fast as `base` a way is.
    fn speed(&self, way: Way, base: Way) -> f64 {
        self.nanoseconds(base) / self.nanoseconds(way)
    }

    pub fn table(&self) -> String {
        let (threads, millis) = (self.job.threads.get(), self.job.time.as_millis());
        let s = if threads == 1 { "" } else { "s" };
        let mut text = format!(
            "{threads} thread{s} counting for {millis} ms, medians of {ROUNDS} rounds\n\n\
             {:21}{:>18}\n\
             {:21}{:>18}{:>8}\n",
            "", "ns per increment,", "way of counting", "all threads", "speed"
        );
        let slowest = Way::EXACT.map(|way| self.nanoseconds(way));
        let slowest = slowest.into_iter().fold(0.0, f64::max);
        for row in &self.rows {
            text += &if row.way == Way::LoadThenStore {
                format!("{:21}  {}\n", row.way, self.lost(row))
            } else {
                format!(
                    "{:21}{:>18.2}{:>7.1}x {}\n",
                    row.way,
                    row.nanoseconds,
                    self.speed(row.way, Way::Mutex),
                    "#".repeat((row.nanoseconds / slowest * BAR).ceil() as usize),
                )
            };
        }
        text + "\n" + &self.advice() + "\n"
    }

    fn lost(&self, row: &Row) -> String {
        let Row {
            lost, increments, ..
        } = row;
        match (lost, self.job.threads.get()) {
            (0, 1) => "one thread has nobody to lose an increment to".into(),
            (0, _) => "no increment lost by chance: the threads hardly met".into(),
            _ => format!("lost {lost} of {increments} increments"),
        }
    }

    fn advice(&self) -> String {
        let speed = |way| (self.speed(way, Way::OneAtomic) * 10.0).round() / 10.0; // as it is shown
        let (sharded, local) = (speed(Way::Sharded), speed(Way::Local));
        if self.job.threads.get() == 1 {
            let one = self.nanoseconds(Way::OneAtomic);
            format!(
                "One thread has nobody to wait for: one atomic takes {one:.1} ns,\n\
                 counting locally is {local:.1} times as fast."
            )
        } else if local.max(sharded) < WORTH_IT {
            format!(
                "Keep one atomic: counting locally is {local:.1} times as fast here,\n\
                 sharding {sharded:.1} times."
            )
        } else if local * WORTH_IT < sharded {
            format!(
                "Shard, {sharded:.1} times as fast as one atomic;\n\
                 counting locally is {local:.1} times as fast."
            )
        } else if sharded >= WORTH_IT {
            format!(
                "Count locally and add once, {local:.1} times as fast as one atomic;\n\
                 if each count must show soon, shard: {sharded:.1} times."
            )
        } else {
            format!(
                "Count locally and add once, {local:.1} times as fast as one atomic;\n\
                 sharding is not worth it here: {sharded:.1} times."
            )
        }
    }

    pub fn csv(&self) -> String {
        let mut text = "way,threads,increments,lost,ns_per_increment,speed\n".to_owned();
        for row in &self.rows {
            let (way, threads) = (row.way, self.job.threads);
            text += &format!("{way},{threads},{},{},", row.increments, row.lost);
            text += &if way == Way::LoadThenStore {
                ",\n".into() // a wrong result has no speed
            } else {
                let speed = self.speed(way, Way::Mutex);
                format!("{:.4},{speed:.4}\n", row.nanoseconds)
            };
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::num::NonZero;
    use std::time::Duration;

    fn report(threads: usize, nanoseconds: [f64; 7], lost: u64) -> Report {
        let row = |(way, nanoseconds)| Row {
            way,
            increments: 1_000_000,
            lost: 0,
            nanoseconds,
        };
        let mut rows: Vec<_> = Way::EXACT.into_iter().zip(nanoseconds).map(row).collect();
        rows.push(Row {
            lost,
            ..row((Way::LoadThenStore, 4.0))
        });
        Report {
            job: Job {
                threads: NonZero::new(threads).unwrap(),
                time: Duration::from_millis(10),
            },
            rows,
        }
    }

    const TIMES: [f64; 7] = [31.0, 12.0, 16.0, 10.0, 2.5, 2.0, 1.0];

    #[test]
    fn the_table_shows_every_way_to_scale() {
        let expected = "\
2 threads counting for 10 ms, medians of 7 rounds

                      ns per increment,
way of counting             all threads   speed
Mutex                             31.00    1.0x ###############################
one atomic fetch_add              12.00    2.6x ############
compare-exchange loop             16.00    1.9x ################
adjacent fetch_add                10.00    3.1x ##########
padded fetch_add                   2.50   12.4x ###
sharded counter                    2.00   15.5x ##
local then one add                 1.00   31.0x #
load then store (bug)  lost 400000 of 1000000 increments

Count locally and add once, 12.0 times as fast as one atomic;
if each count must show soon, shard: 6.0 times.
";
        assert_eq!(report(2, TIMES, 400_000).table(), expected);
    }

    #[test]
    fn nothing_lost_is_explained() {
        let lost_by = |threads| {
            let table = report(threads, TIMES, 0).table();
            table.lines().nth(11).unwrap()[23..].to_owned()
        };
        assert_eq!(lost_by(1), "one thread has nobody to lose an increment to");
        assert_eq!(
            lost_by(2),
            "no increment lost by chance: the threads hardly met"
        );
    }

    #[test]
    fn the_advice_follows_the_numbers() {
        let advice = |threads, sharded, local| {
            let [a, b, c, d, e, ..] = TIMES;
            let advice = report(threads, [a, b, c, d, e, sharded, local], 1).advice();
            assert!(advice.lines().all(|line| line.len() <= 79), "{advice}");
            advice
        };
        assert_eq!(
            advice(2, 10.0, 1.0),
            "Count locally and add once, 12.0 times as fast as one atomic;\n\
             sharding is not worth it here: 1.2 times."
        );
        for shown_as_the_same in [8.0, 8.05] {
            assert!(advice(2, shown_as_the_same, 1.0).ends_with("shard: 1.5 times."));
        }
        assert_eq!(
            advice(2, 10.0, 10.0),
            "Keep one atomic: counting locally is 1.2 times as fast here,\nsharding 1.2 times."
        );
        assert_eq!(
            advice(2, 4.0, 10.0),
            "Shard, 3.0 times as fast as one atomic;\ncounting locally is 1.2 times as fast."
        );
        assert_eq!(
            advice(1, 8.0, 1.0),
            "One thread has nobody to wait for: one atomic takes 12.0 ns,\n\
             counting locally is 12.0 times as fast."
        );
    }

    #[test]
    fn a_way_is_found_at_its_own_index_and_needs_no_quotes() {
        for (index, row) in report(2, TIMES, 0).rows.iter().enumerate() {
            assert_eq!(row.way as usize, index);
            let name = row.way.to_string();
            assert!(!name.contains([',', '"', '\n']), "{name}");
        }
    }

    #[test]
    fn csv_has_the_same_fields_in_every_line() {
        let csv = report(3, TIMES, 400_000).csv();
        let fields: Vec<_> = csv.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(fields, [6; 9]);
        assert!(
            csv.contains("\nMutex,3,1000000,0,31.0000,1.0000\n"),
            "{csv}"
        );
        assert!(csv.ends_with("\nload then store (bug),3,1000000,400000,,\n"));
    }
}
