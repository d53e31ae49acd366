//! Counts files and standard input, large files on several threads.

use crate::cli;
use crate::count::{Chunk, Count};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::num::NonZero;
use std::ops::Range;
use threads_fork_join::fork_join::fork_join;

/// Bytes read at a time: enough that the cost of a system call does not matter, few enough to stay
/// in a core's own cache until they are counted.
pub const BUFFER: usize = 128 * 1024;

/// The smallest range that is given to a thread, in bytes. Measured: on a file of twice this size,
/// two threads take as long as one.
const MIN_RANGE: u64 = 2 * 1024 * 1024;

/// Counts a file on up to `threads` threads, or standard input if it is named `-`.
///
/// # Errors
///
/// If it cannot be read to its end.
pub fn count_input(name: &OsStr, threads: NonZero<usize>, buffer: &mut [u8]) -> io::Result<Count> {
    if name == "-" {
        return Ok(count_reader(cli::standard_input()?, buffer)?.count);
    }
    let file = File::open(name)?;
    let size = match file.metadata() {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        // A stream. On Windows some, such as NUL, have no metadata.
        _ => return Ok(count_reader(file, buffer)?.count),
    };

    let ranges = ranges(size, threads);
    if ranges.len() > 1 {
        let forked = fork_join(ranges, |range| {
            count_range(&file, range, &mut vec![0; BUFFER])
        });
        if let Ok(chunks) = forked {
            let mut text = Chunk::default();
            for chunk in chunks {
                text = text.merge(chunk?);
            }
            return Ok(text.count);
        }
        // A thread could not be spawned, so this one counts the whole file.
    }
    Ok(count_range(&file, 0..u64::MAX, buffer)?.count)
}

/// Cuts a file into at most one range per thread, each of at least `MIN_RANGE` bytes if there are
/// several. The last has no end, as the file may grow.
fn ranges(size: u64, threads: NonZero<usize>) -> Vec<Range<u64>> {
    let count = (size / MIN_RANGE).clamp(1, threads.get() as u64);
    let length = size.div_ceil(count);
    let mut ranges: Vec<_> = (0..count).map(|i| i * length..(i + 1) * length).collect();
    if let Some(last) = ranges.last_mut() {
        last.end = u64::MAX;
    }
    ranges
}

/// Counts one range of a file that several threads read.
fn count_range(file: &File, range: Range<u64>, buffer: &mut [u8]) -> io::Result<Chunk> {
    let reader = ReadAt {
        file,
        offset: range.start,
    };
    count_reader(reader.take(range.end - range.start), buffer)
}

fn count_reader(mut reader: impl Read, buffer: &mut [u8]) -> io::Result<Chunk> {
    let mut text = Chunk::default();
    loop {
        match reader.read(buffer) {
            Ok(0) => return Ok(text),
            Ok(length) => text = text.merge(Chunk::of(&buffer[..length])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads from an offset of its own, so that threads can share one open file.
struct ReadAt<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for ReadAt<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let length = std::os::unix::fs::FileExt::read_at(self.file, buffer, self.offset)?;
        #[cfg(windows)]
        let length = std::os::windows::fs::FileExt::seek_read(self.file, buffer, self.offset)?;
        self.offset += length as u64;
        Ok(length)
    }
}

/// The column width of GNU `wc`: the digits of all file sizes together, and at least 7 if an input
/// has no size.
pub fn column_width(names: &[OsString]) -> usize {
    let (mut total, mut minimum) = (0_u64, 1);
    for name in names {
        // A redirected file has a size too. Windows has no such path: standard input is a stream.
        let path = if name == "-" {
            OsStr::new("/dev/stdin")
        } else {
            name
        };
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => total = total.saturating_add(metadata.len()),
            Err(_) if name != "-" => {} // a missing file has no line
            _ => minimum = 7,
        }
    }
    total.to_string().len().max(minimum)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ranges_of(size: u64, threads: usize) -> Vec<Range<u64>> {
        ranges(size, NonZero::new(threads).unwrap())
    }

    #[test]
    fn there_are_at_most_as_many_ranges_as_threads_and_none_is_too_small() {
        let sizes = [0, 1, 2 * MIN_RANGE - 1, 2 * MIN_RANGE, 9 * MIN_RANGE];
        let counts = |threads| sizes.map(|size| ranges_of(size, threads).len());
        assert_eq!(counts(1), [1, 1, 1, 1, 1]);
        assert_eq!(counts(3), [1, 1, 1, 2, 3]);
        assert_eq!(counts(512), [1, 1, 1, 2, 9]);
        assert_eq!(MIN_RANGE, 2 << 20, "the README names it");
    }

    #[test]
    fn ranges_cover_a_file_without_gap_or_overlap_to_wherever_it_ends() {
        for size in [0, 1, 2 * MIN_RANGE, 8 * MIN_RANGE + 7, i64::MAX as u64] {
            for threads in [1, 2, 3, 8, 512] {
                let ranges = ranges_of(size, threads);
                assert_eq!(ranges[0].start, 0);
                assert_eq!(ranges[ranges.len() - 1].end, u64::MAX);
                for pair in ranges.windows(2) {
                    assert_eq!(pair[0].end, pair[1].start);
                    assert!(pair[1].start < size);
                }
            }
        }
    }

    #[test]
    fn reading_goes_on_after_an_interruption_and_stops_at_an_error() {
        /// From the last to the first: gives a byte, is interrupted, or fails.
        struct Script(Vec<io::Result<u8>>);
        impl Read for Script {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let Some(next) = self.0.pop().transpose()? else {
                    return Ok(0);
                };
                buffer[0] = next;
                Ok(1)
            }
        }
        let interrupted = || Err(io::ErrorKind::Interrupted.into());
        let script = Script(vec![Ok(b'c'), interrupted(), Ok(b'b'), Ok(b'a')]);
        let count = count_reader(script, &mut [0; 8]).unwrap();
        assert_eq!(count, Chunk::of(b"abc"));
        let script = Script(vec![Err(io::ErrorKind::TimedOut.into()), Ok(b'a')]);
        let error = count_reader(script, &mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
