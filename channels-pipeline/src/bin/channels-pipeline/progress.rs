//! Shows how a run goes, and how its threads spent their time.

use crate::count::{Counted, Span};
use crate::status_line::StatusLine;
use crate::timeline::{self, Lane};
use std::ffi::OsString;
use std::fs;
use std::time::{Duration, Instant};

/// Runs that end sooner show nothing.
const DELAY: Duration = Duration::from_millis(500);

/// Ten times a second looks smooth, and costs nothing.
const INTERVAL: Duration = Duration::from_millis(100);

/// What is done and how much of it, on a line on standard error; removed when dropped.
pub struct Progress {
    line: StatusLine,
    start: Instant,
    next: Instant,
}

impl Progress {
    pub fn new() -> Self {
        let start = Instant::now();
        Self {
            line: StatusLine::new(),
            start,
            next: start + DELAY,
        }
    }

    /// Shows the line that `line` makes of the time so far, if it is time for one.
    pub fn show(&mut self, line: impl FnOnce(Duration) -> String) {
        if !self.line.is_visible() {
            return;
        }
        let now = Instant::now();
        if self.next <= now {
            self.next = now + INTERVAL;
            self.line.show(&line(now - self.start));
        }
    }
}

/// The bytes of all files; unknown if one is standard input, a device or a pipe.
pub fn total(files: &[OsString]) -> Option<u64> {
    let size = |file: &OsString| {
        let metadata = fs::metadata(file).ok().filter(|_| file != "-")?;
        metadata.is_file().then_some(metadata.len())
    };
    files.iter().map(size).sum()
}

pub fn counting(read: u64, total: Option<u64>, elapsed: Duration) -> String {
    let megabytes = |bytes: u64| bytes / 1_000_000;
    let of_total = match total {
        Some(total) => format!(" of {} MB", megabytes(total)),
        None => " MB".into(),
    };
    let rate = read as f64 / 1e6 / elapsed.as_secs_f64();
    format!("counted {}{of_total}, {rate:.0} MB/s", megabytes(read))
}

/// Workers that the picture of a run has room for.
const SHOWN: usize = 5;

/// A bar for the source, each worker and the sink, and how much of the time they were busy.
pub fn picture(start: Instant, blocks: &[Counted]) -> String {
    let since_start = |(from, to): Span| (from - start, to - start);
    let lane = |name: String, busy: Vec<(Duration, Duration)>| Lane {
        name,
        busy,
        note: String::new(),
    };
    let workers = blocks.iter().map(|block| block.worker + 1).max();
    let workers = workers.unwrap_or(0);
    let read = blocks.iter().map(|block| since_start(block.read));
    let mut lanes = vec![lane("source".into(), read.collect())];
    for worker in 0..workers.min(SHOWN) {
        let own = blocks.iter().filter(|block| block.worker == worker);
        let counted = own.map(|block| since_start(block.counted)).collect();
        lanes.push(lane(format!("worker {}", worker + 1), counted));
    }
    let used = blocks.iter().map(|block| since_start(block.used));
    lanes.push(lane("sink".into(), used.collect()));

    let spans = lanes.iter().flat_map(|lane| &lane.busy);
    let end = spans.map(|&(_, to)| to).max().unwrap_or_default();
    for lane in &mut lanes {
        let busy: Duration = lane.busy.iter().map(|&(from, to)| to - from).sum();
        let share = 100.0 * busy.as_secs_f64() / end.as_secs_f64();
        lane.note = format!("{share:3.0} % busy");
    }
    if workers > SHOWN {
        lanes[SHOWN].note += &format!(", and {} more", workers - SHOWN);
    }
    timeline::draw(&lanes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_bytes_and_rate() {
        let two_seconds = Duration::from_secs(2);
        assert_eq!(
            counting(250_000_000, Some(881_000_000), two_seconds),
            "counted 250 of 881 MB, 125 MB/s"
        );
        assert_eq!(
            counting(3_999_999, None, two_seconds),
            "counted 3 MB, 2 MB/s"
        );
    }

    #[test]
    fn the_picture_has_room_for_many_workers() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let block = |worker: usize| Counted {
            bytes: 1,
            read: (at(0), at(10)),
            counted: (at(10), at(90)),
            used: (at(90), at(100)),
            worker,
        };
        let blocks: Vec<_> = (0..200).map(block).collect();
        let picture = picture(start, &blocks);
        assert_eq!(picture.lines().count(), 8, "{picture}");
        assert!(
            picture.contains("|  80 % busy, and 195 more\n"),
            "{picture}"
        );
        assert!(
            picture.lines().all(|line| line.chars().count() <= 79),
            "{picture}"
        );
    }
}
