//! Reads files and standard input and counts them, large files on several threads.

use crate::cli;
use crate::count::{Count, Piece};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek};
use std::num::NonZero;
use std::ops::Range;
use threads_fork_join::fork_join;

/// Bytes read at a time: large against a call into the kernel, and still in the core's own cache
/// when they are counted.
const BLOCK: usize = 128 * 1024;

/// Bytes worth a thread of their own. Measured: on files of twice as much, two threads are as fast
/// as one; below, starting them costs more than they save.
const MIN_RANGE: u64 = 2 * 1024 * 1024;

/// Counts one input after the other, with one buffer for all that it reads itself.
pub struct Counter {
    threads: NonZero<usize>,
    buffer: Vec<u8>,
}

impl Counter {
    /// Counts large files on up to `threads` threads.
    pub fn new(threads: NonZero<usize>) -> Self {
        Self {
            threads,
            buffer: vec![0; BLOCK],
        }
    }

    /// Counts a file, or standard input if it is named `-`.
    pub fn count(&mut self, name: &OsStr) -> io::Result<Count> {
        let piece = if name == "-" {
            count(cli::standard_input()?, &mut self.buffer)?
        } else {
            let file = File::open(name)?;
            match file.metadata() {
                Ok(metadata) if metadata.is_file() => self.count_regular(&file, metadata.len())?,
                // A stream. Windows has no metadata of some, such as its NUL.
                _ => count(&file, &mut self.buffer)?,
            }
        };
        Ok(piece.count)
    }

    fn count_regular(&mut self, mut file: &File, size: u64) -> io::Result<Piece> {
        let ranges = self.ranges(size);
        if ranges.len() > 1 {
            let pieces = fork_join(&ranges, |range| count_range(file, range, size));
            if let Ok(pieces) = pieces {
                let append = |text: Piece, piece: io::Result<Piece>| Ok(text.merge(piece?));
                return pieces.into_iter().try_fold(Piece::default(), append);
            }
            // The system refused a thread, and this one does it all. From the start: on Windows,
            // those that did begin have moved the cursor.
            file.rewind()?;
        }
        let piece = count(file, &mut self.buffer)?;
        if piece.count.bytes < size {
            fail_if_shrunk(file, piece.count.bytes, size)?;
        }
        Ok(piece)
    }

    /// Cuts `0..size` into at most one range per thread, none shorter than `MIN_RANGE` unless it is
    /// the only one.
    fn ranges(&self, size: u64) -> Vec<Range<u64>> {
        let worthwhile = u128::from(size / MIN_RANGE).max(1);
        let count = worthwhile.min(self.threads.get() as u128);
        let cut = |index| (u128::from(size) * index / count) as u64; // at most `size`
        (0..count).map(|i| cut(i)..cut(i + 1)).collect()
    }
}

/// Counts one range of a file of `size` bytes; the last one goes on to wherever the file ends.
fn count_range(file: &File, range: &Range<u64>, size: u64) -> io::Result<Piece> {
    let length = range.end - range.start;
    let limit = if range.end == size { u64::MAX } else { length };
    let reader = ReadAt {
        file,
        position: range.start,
    };
    let piece = count(reader.take(limit), &mut vec![0; BLOCK])?;
    if piece.count.bytes < length {
        fail_if_shrunk(file, range.start + piece.count.bytes, size)?;
    }
    Ok(piece)
}

fn count(mut reader: impl Read, buffer: &mut [u8]) -> io::Result<Piece> {
    let mut piece = Piece::default();
    loop {
        match reader.read(buffer) {
            Ok(0) => return Ok(piece),
            Ok(length) => piece = piece.merge(Piece::of(&buffer[..length])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// For a file of `size` bytes that has ended already after `end`: an error if it has shrunk.
///
/// Many files in /sys hold less than their size says, always. So the size is asked for again.
fn fail_if_shrunk(file: &File, end: u64, size: u64) -> io::Result<()> {
    if file.metadata()?.len() >= size {
        return Ok(());
    }
    let problem = format!("shrank while it was read: ended after {end} of {size} bytes");
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, problem))
}

/// Reads a file that threads share, each from a position of its own.
///
/// Opening the file once per thread would do as well, but not if its name stands for another file
/// by then.
struct ReadAt<'a> {
    file: &'a File,
    position: u64,
}

impl Read for ReadAt<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let length = std::os::unix::fs::FileExt::read_at(self.file, buffer, self.position)?;
        #[cfg(windows)]
        let length = std::os::windows::fs::FileExt::seek_read(self.file, buffer, self.position)?;
        self.position += length as u64;
        Ok(length)
    }
}

/// The width of GNU `wc`'s columns: room for the sizes of all files together, and at least 7 if an
/// input has no size.
pub fn column_width(names: &[OsString]) -> usize {
    let (mut total, mut minimum) = (0_u64, 1);
    for name in names {
        let metadata = if name == "-" {
            metadata_of_standard_input()
        } else {
            fs::metadata(name)
        };
        match metadata {
            Ok(metadata) if metadata.is_file() => total = total.saturating_add(metadata.len()),
            Err(_) if name != "-" => {} // as if it were not there
            _ => minimum = 7,
        }
    }
    total.to_string().len().max(minimum)
}

/// Only Unix tells a redirected file from a pipe; elsewhere, standard input counts as a pipe.
fn metadata_of_standard_input() -> io::Result<Metadata> {
    #[cfg(unix)]
    return File::from(std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?).metadata();
    #[cfg(not(unix))]
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::io::{Seek, SeekFrom};
    use std::path::PathBuf;

    const THREADS: [usize; 4] = [1, 2, 3, 8];

    fn counter(threads: usize) -> Counter {
        Counter::new(NonZero::new(threads).unwrap())
    }

    /// A file of its own for each test, long enough for nearly three threads.
    fn large_file(name: &str) -> (PathBuf, Vec<u8>) {
        let path = std::env::temp_dir().join(format!("{}-{name}", std::process::id()));
        let text = b"some words\n\tand a-rather-long-one ".repeat(3 * MIN_RANGE as usize / 34);
        fs::write(&path, &text).unwrap();
        (path, text)
    }

    #[test]
    fn files_are_cut_into_no_more_ranges_than_threads_and_no_more_than_they_are_worth() {
        let sizes = [0, 1, 2 * MIN_RANGE - 1, 2 * MIN_RANGE, 9 * MIN_RANGE];
        let ranges = |threads| sizes.map(|size| counter(threads).ranges(size).len());
        assert_eq!(ranges(1), [1, 1, 1, 1, 1]);
        assert_eq!(ranges(3), [1, 1, 1, 2, 3]);
        assert_eq!(ranges(512), [1, 1, 1, 2, 9]);
    }

    #[test]
    fn ranges_cover_a_file_without_gap_or_overlap() {
        for size in [0, 1, 2 * MIN_RANGE, 8 * MIN_RANGE + 7, u64::MAX] {
            for threads in THREADS {
                let ranges = counter(threads).ranges(size);
                assert_eq!((ranges[0].start, ranges[ranges.len() - 1].end), (0, size));
                for pair in ranges.windows(2) {
                    assert_eq!(pair[0].end, pair[1].start);
                }
                let length = |range: &Range<u64>| range.end - range.start;
                let lengths = || ranges.iter().map(length);
                assert!(lengths().max().unwrap() - lengths().min().unwrap() <= 1);
            }
        }
    }

    #[test]
    fn a_large_file_is_counted_alike_on_any_number_of_threads() {
        let (path, text) = large_file("alike");
        let expected = Piece::of(&text).count;
        let counts = THREADS.map(|threads| counter(threads).count(path.as_os_str()).unwrap());
        fs::remove_file(path).unwrap();
        assert_eq!(counts, [expected; 4]);
    }

    #[test]
    fn a_file_that_shrinks_is_an_error_and_one_that_grows_is_counted_to_its_end() {
        let (path, text) = large_file("shrinks");
        let size = text.len() as u64;
        // `found` is the size before the file changed.
        let count = |threads, found| {
            let file = File::open(&path).unwrap();
            counter(threads).count_regular(&file, found)
        };
        let (grown, shrunk): (Vec<_>, Vec<_>) = [1, 3]
            .map(|threads| (count(threads, size - 1000), count(threads, size + 1)))
            .into_iter()
            .unzip();
        fs::remove_file(path).unwrap();
        for piece in grown {
            assert_eq!(piece.unwrap(), Piece::of(&text));
        }
        for error in shrunk {
            let expected = format!(
                "shrank while it was read: ended after {size} of {} bytes",
                size + 1
            );
            assert_eq!(error.unwrap_err().to_string(), expected);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_always_holds_less_than_its_size_is_counted() {
        let Ok(file) = File::open("/sys/devices/system/cpu/online") else {
            return; // no /sys here
        };
        let size = file.metadata().unwrap().len();
        let bytes = counter(1).count_regular(&file, size).unwrap().count.bytes;
        assert!(0 < bytes && bytes < size / 2, "{bytes} of {size}");
        // Each half as if it were long enough for a thread.
        let halves = [0..size / 2, size / 2..size];
        let counted = halves.map(|half| count_range(&file, &half, size).unwrap().count.bytes);
        assert_eq!(counted, [bytes, 0]);
    }

    #[test]
    fn threads_read_from_positions_of_their_own() {
        let (path, text) = large_file("positions");
        let mut file = File::open(&path).unwrap();
        file.seek(SeekFrom::End(0)).unwrap(); // leaves nothing to whoever reads from the cursor
        let piece = counter(2).count_regular(&file, text.len() as u64);
        fs::remove_file(path).unwrap();
        assert_eq!(piece.unwrap(), Piece::of(&text));
    }

    #[test]
    fn reading_goes_on_after_an_interruption_and_stops_at_an_error() {
        /// Gives one byte, is interrupted, gives another, fails or ends.
        struct Script(Vec<io::Result<u8>>);
        impl Read for Script {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let next = self.0.pop().transpose()?;
                buffer[..next.iter().len()].copy_from_slice(next.as_slice());
                Ok(next.iter().len())
            }
        }
        let interrupted = || Err(io::ErrorKind::Interrupted.into());
        let buffer = &mut [0; 8];
        let script = Script(vec![Ok(b'c'), interrupted(), Ok(b'b'), Ok(b'a')]);
        assert_eq!(count(script, buffer).unwrap(), Piece::of(b"abc"));
        let script = Script(vec![Err(io::ErrorKind::TimedOut.into()), Ok(b'a')]);
        let error = count(script, buffer).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
