//! Shows on standard error how a run goes, and what its stages did.

use channels_pipeline::Report;
use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Runs that end sooner show nothing.
const DELAY: Duration = Duration::from_millis(500);

/// Ten times a second looks smooth, and costs nothing.
const INTERVAL: Duration = Duration::from_millis(100);

/// A line on standard error, if that is a terminal; removed when dropped.
pub struct Progress {
    total: Option<u64>,
    read: u64,
    start: Instant,
    /// When to show the line next; never if standard error is no terminal.
    next: Option<Instant>,
    /// Characters of the line on the screen.
    width: usize,
}

impl Progress {
    /// Of reading these files, from now on.
    pub fn new(files: &[OsString]) -> Self {
        let start = Instant::now();
        // Unknown if one is standard input, a device or a pipe.
        let size = |file: &OsString| {
            if file == "-" {
                return None;
            }
            let metadata = fs::metadata(file).ok()?;
            metadata.is_file().then_some(metadata.len())
        };
        Self {
            total: files.iter().map(size).sum(),
            read: 0,
            start,
            next: io::stderr().is_terminal().then_some(start + DELAY),
            width: 0,
        }
    }

    /// Adds to the bytes read so far.
    pub fn add(&mut self, bytes: usize) {
        self.read += bytes as u64;
        let now = Instant::now();
        if self.next.is_some_and(|next| next <= now) {
            self.next = Some(now + INTERVAL);
            self.show(&line(self.read, self.total, now - self.start));
        }
    }

    fn show(&mut self, line: &str) {
        // Overwrites all of the last line. A progress line that cannot be written is not missed.
        let _ = write!(io::stderr(), "\r{line:<0$}", self.width);
        self.width = line.len();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.width > 0 {
            self.show("");
            let _ = write!(io::stderr(), "\r");
        }
    }
}

fn line(read: u64, total: Option<u64>, elapsed: Duration) -> String {
    let megabytes = |bytes: u64| bytes / 1_000_000;
    let of_total = match total {
        Some(total) => format!(" of {} MB", megabytes(total)),
        None => " MB".into(),
    };
    let rate = read as f64 / 1e6 / elapsed.as_secs_f64();
    format!("{}{of_total}, {rate:.0} MB/s", megabytes(read))
}

/// The stages of a pipeline, one per line.
pub fn table(report: &Report) -> String {
    let mut table = "stage    items   working receiving   sending\n".to_string();
    for (name, stage) in [
        ("source", report.source),
        ("workers", report.workers),
        ("sink", report.sink),
    ] {
        table += &format!(
            "{name:7} {:6} {:>9.1?} {:>9.1?} {:>9.1?}\n",
            stage.items, stage.working, stage.receiving, stage.sending
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_bytes_and_rate() {
        let two_seconds = Duration::from_secs(2);
        assert_eq!(
            line(250_000_000, Some(881_000_000), two_seconds),
            "250 of 881 MB, 125 MB/s"
        );
        assert_eq!(line(3_999_999, None, two_seconds), "3 MB, 2 MB/s");
    }
}
