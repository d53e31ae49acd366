//! Finds the words of a text, and counts them.

use crossbeam_channel::Sender;
use hashbrown::{DefaultHashBuilder, HashMap};
use std::hash::{Hash, Hasher};

/// The length of text that is looked at at once: the bytes of a `u128`.
const STEP: usize = 16;

/// A word of up to this length fits into a [`Head`].
const SHORT: usize = STEP - 1;

/// Each byte is 1.
const ONES: u128 = u128::MAX / 255;

/// The words that a worker counts by itself: more than an ordinary text has, and their table of
/// 2 MB stays in a core's own cache.
const OWN_WORDS: usize = 56 * 1024;

/// The bytes of long words that a worker keeps by itself: each worker may have the same ones.
const OWN_BYTES: usize = 2 << 20;

/// ASCII white space as C's `isspace` has it, with the vertical tab that Rust's leaves out.
pub fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The first 15 bytes of a word, the first one highest, then zeros, and in the lowest byte the
/// length of the word, at most 16. So they compare as words do.
///
/// Two halves, because a `u128` has to be aligned and takes more room beside a count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Head(u64, u64);

/// A word, ordered by its bytes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    head: Head,
    /// What does not fit into the head. If empty, it allocates nothing.
    tail: Box<[u8]>,
}

impl Head {
    fn new(bytes: u128) -> Self {
        Self((bytes >> 64) as u64, bytes as u64)
    }

    fn to_bytes(self) -> [u8; STEP] {
        (u128::from(self.0) << 64 | u128::from(self.1)).to_be_bytes()
    }
}

impl Hash for Word {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.head.hash(state);
        if !self.tail.is_empty() {
            self.tail.hash(state);
        }
    }
}

impl Word {
    fn short(head: Head) -> Self {
        let tail = Box::default();
        Self { head, tail }
    }

    /// Of more than 15 bytes.
    fn long(word: &[u8]) -> Self {
        let mut bytes = [STEP as u8; STEP];
        bytes[..SHORT].copy_from_slice(&word[..SHORT]);
        Self {
            head: Head::new(u128::from_be_bytes(bytes)),
            tail: word[SHORT..].into(),
        }
    }

    /// Appends its bytes.
    pub fn append_to(&self, line: &mut Vec<u8>) {
        let bytes = self.head.to_bytes();
        let length = usize::from(bytes[SHORT]).min(SHORT);
        line.extend_from_slice(&bytes[..length]);
        line.extend_from_slice(&self.tail);
    }
}

/// What one worker counts. It sends its counts on when there are many, and when it is dropped.
///
/// A word of up to 15 bytes, as nearly all are, is cut out, hashed and compared in a few
/// instructions, without a loop over its bytes.
pub struct Counts {
    short: HashMap<Head, u64>,
    long: HashMap<Box<[u8]>, u64>,
    long_bytes: usize,
    counts: Sender<Vec<(Word, u64)>>,
}

impl Counts {
    pub fn new(hasher: DefaultHashBuilder, counts: Sender<Vec<(Word, u64)>>) -> Self {
        Self {
            short: HashMap::with_hasher(hasher),
            long: HashMap::default(),
            long_bytes: 0,
            counts,
        }
    }

    /// Counts the words of `text`, in lower case.
    pub fn add(&mut self, mut text: Vec<u8>) {
        // Ends the last word, and is long enough to look at a whole step from its end.
        text.resize(text.len() + STEP, b' ');
        for byte in &mut text {
            *byte = if is_space(byte) {
                b' '
            } else {
                byte.to_ascii_lowercase()
            };
        }
        let mut rest = text.as_slice();
        while let Some(&step) = rest.first_chunk::<STEP>() {
            let step = u128::from_le_bytes(step);
            let length = match first_space(step) {
                0 => 0,
                STEP => self.add_long(rest),
                length => {
                    let word = (step & !(u128::MAX << (8 * length))).swap_bytes();
                    let head = Head::new(word | length as u128);
                    *self.short.entry(head).or_insert(0) += 1;
                    length
                }
            };
            rest = &rest[length + 1..]; // with its space
        }
        if self.short.len() + self.long.len() > OWN_WORDS || self.long_bytes > OWN_BYTES {
            self.send();
        }
    }

    /// Counts the word at the start of `text`; returns its length.
    fn add_long(&mut self, text: &[u8]) -> usize {
        let length = text.iter().position(is_space).unwrap_or(text.len());
        let word = &text[..length];
        // Not `entry`, which would have to allocate the word each time.
        match self.long.get_mut(word) {
            Some(count) => *count += 1,
            None => {
                self.long.insert(word.into(), 1);
                self.long_bytes += length;
            }
        }
        length
    }

    fn send(&mut self) {
        let mut counts = Vec::with_capacity(self.short.len() + self.long.len());
        for (head, count) in self.short.drain() {
            counts.push((Word::short(head), count));
        }
        for (word, count) in self.long.drain() {
            counts.push((Word::long(&word), count));
        }
        self.long_bytes = 0;
        let _ = self.counts.send(counts); // fails after an error, when no count is of use
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        self.send();
    }
}

/// Returns how many bytes come before the first space, the lowest byte being the first.
fn first_space(bytes: u128) -> usize {
    // Subtracting 1 from each byte sets the highest bit of the lowest that is 0, as a space is after
    // the exclusive or. Bytes above that may be wrong, because of the borrow.
    let nonspace = bytes ^ (ONES * u128::from(b' '));
    let zeros = nonspace.wrapping_sub(ONES) & !nonspace & (ONES << 7);
    zeros.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crossbeam_channel::unbounded;
    use std::collections::BTreeMap;

    fn bytes(word: &Word) -> Vec<u8> {
        let mut line = Vec::new();
        word.append_to(&mut line);
        line
    }

    fn counted(text: &[u8]) -> BTreeMap<Vec<u8>, u64> {
        let (sender, counts) = unbounded();
        Counts::new(DefaultHashBuilder::default(), sender).add(text.to_vec());
        let mut all = BTreeMap::new();
        for (word, count) in counts.iter().flatten() {
            assert_eq!(all.insert(bytes(&word), count), None);
        }
        all
    }

    #[track_caller]
    fn assert_counts(text: &[u8], expected: &[(&[u8], u64)]) {
        let expected = expected.iter().map(|&(word, count)| (word.to_vec(), count));
        assert_eq!(counted(text), expected.collect());
    }

    #[test]
    fn every_byte_but_white_space_makes_a_word() {
        for byte in 0..=255 {
            for text in [vec![byte], vec![b'x', byte], vec![byte; 15], vec![byte; 40]] {
                let word = text.to_ascii_lowercase();
                match byte {
                    b' ' | 9..=13 if text[0] == b'x' => assert_counts(&text, &[(b"x", 1)]),
                    b' ' | 9..=13 => assert_counts(&text, &[]),
                    _ => assert_counts(&text, &[(&word, 1)]),
                }
            }
        }
    }

    #[test]
    fn only_ascii_letters_have_a_case() {
        let expected: &[(&[u8], u64)] = &[(b"az[", 2), (b"@", 1), (b"`", 1), (b"zz", 1)];
        assert_counts(b"AZ[ az[ @ ` Zz", expected);
        let expected = &[("É".as_bytes(), 1), ("é".as_bytes(), 1)];
        assert_counts("É é".as_bytes(), expected);
    }

    #[test]
    fn words_of_every_length_are_told_apart() {
        // NUL, so that only the length tells short words apart.
        for fill in [b'a', 0] {
            let words: Vec<_> = (1..=50).map(|length| vec![fill; length]).collect();
            let expected = words.iter().map(|word| (word.clone(), 1)).collect();
            assert_eq!(counted(&words.join(&b' ')), expected);
        }
    }

    #[test]
    fn words_are_ordered_by_their_bytes() {
        let mut all: Vec<Vec<u8>> = vec![b"a".into(), b"a\0".into(), b"a\0\0".into(), b"b".into()];
        let ends = [
            &b""[..],
            b"\0",
            b"\0\0",
            b"\0\0b",
            b"\0b",
            b"a",
            b"a\0",
            b"aa",
            b"b",
            b"\xff",
        ];
        for length in [13, 14, 15] {
            all.extend(ends.map(|end| [&vec![b'a'; length][..], end].concat()));
        }
        all.sort();
        all.dedup();
        let (sender, counts) = unbounded();
        Counts::new(DefaultHashBuilder::default(), sender).add(all.join(&b' '));
        let mut words: Vec<Word> = counts.iter().flatten().map(|(word, _)| word).collect();
        words.sort();
        assert!(words.iter().map(bytes).eq(all));
    }

    #[test]
    fn a_worker_keeps_few_words_and_few_bytes_of_long_ones_by_itself() {
        let (sender, sent) = unbounded();
        let mut counts = Counts::new(DefaultHashBuilder::default(), sender);
        for (words, length, times, kept) in [
            (100, 30_000, 1, 0),  // 3 MB
            (10, 30_000, 20, 10), // 6 MB, but 0.3 MB of words
            (60_000, 10, 1, 0),
            (10, 10, 10_000, 10),
        ] {
            let text: String = (0..words).map(|n| format!("{n:0length$} ")).collect();
            counts.add(text.repeat(times).into_bytes());
            assert_eq!(counts.short.len() + counts.long.len(), kept, "{words}");
        }
        drop(counts);
        let sent: Vec<usize> = sent.iter().map(|counts| counts.len()).collect();
        assert_eq!(sent, [100, 60_010, 10]);
    }
}
