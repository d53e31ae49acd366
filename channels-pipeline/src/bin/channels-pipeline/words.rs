//! Counts words in blocks of text.

use crate::ranking::SHORT;
use crate::vocabulary::Vocabulary;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// The length of text that is looked at at once. Must be that of `u128`.
const STEP: usize = SHORT + 1;

/// Each byte is 1.
const ONES: u128 = u128::MAX / 255;

/// The words that a worker counts by itself. More than an ordinary text has, and they stay in the
/// core's cache: two MB of table.
const OWN_WORDS: usize = 56 * 1024;

/// The bytes of long words that a worker keeps by itself: each of the workers may have the same.
const OWN_BYTES: usize = 2 << 20;

/// ASCII white space as C's `isspace` has it, with the vertical tab that Rust's leaves out.
pub fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// What one worker counts, before it adds it to the vocabulary of all: when there is much, and when
/// it is dropped.
///
/// A word of up to 15 bytes, as nearly all are, is kept as one integer, first byte lowest and its
/// length in the highest: it is cut out, hashed and compared in a few instructions, without a loop
/// over its bytes.
pub struct Counts<'a> {
    vocabulary: &'a Vocabulary,
    short: HashMap<u128, u64, RandomState>,
    long: HashMap<Box<[u8]>, u64, RandomState>,
    long_bytes: usize,
}

impl<'a> Counts<'a> {
    pub fn new(vocabulary: &'a Vocabulary) -> Self {
        Self {
            vocabulary,
            short: HashMap::default(),
            long: HashMap::default(),
            long_bytes: 0,
        }
    }

    /// Counts the words of `text`, in lower case; leaves it in lower case, with spaces for white
    /// space.
    pub fn add(&mut self, text: &mut Vec<u8>) {
        let length = text.len();
        // Ends the last word, and is long enough to look at a whole step from its end.
        text.resize(length + STEP, b' ');
        for byte in text.iter_mut() {
            *byte = if is_space(byte) {
                b' '
            } else {
                byte.to_ascii_lowercase()
            };
        }
        let mut rest = text.as_slice();
        while let Some(&head) = rest.first_chunk::<STEP>() {
            let head = u128::from_le_bytes(head);
            let used = match first_space(head) {
                0 => 0,
                STEP => self.add_long(rest),
                length => {
                    let word = head & !(u128::MAX << (8 * length));
                    *self.short.entry(pack(word, length)).or_insert(0) += 1;
                    length
                }
            };
            rest = &rest[used + 1..]; // with its space
        }
        text.truncate(length);
        if self.short.len() + self.long.len() > OWN_WORDS || self.long_bytes > OWN_BYTES {
            self.hand_over();
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

    fn hand_over(&mut self) {
        let short = self.short.drain();
        let short = short.map(|(word, count)| (word.swap_bytes().into(), count));
        self.vocabulary.add(short, self.long.drain());
        self.long_bytes = 0;
    }
}

impl Drop for Counts<'_> {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// Returns how many bytes come before the first space, the lowest byte being the first.
fn first_space(bytes: u128) -> usize {
    // Subtracting 1 from each byte sets the highest bit of the lowest that is 0, as `is_space` is
    // after the exclusive or; bytes above that may be wrong, because of the borrow.
    let nonspace = bytes ^ (ONES * u128::from(b' '));
    let zeros = nonspace.wrapping_sub(ONES) & !nonspace & (ONES << 7);
    zeros.trailing_zeros() as usize / 8
}

fn pack(word: u128, length: usize) -> u128 {
    word | (length as u128) << (8 * (STEP - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::lines;
    use crate::ranking::merge;

    /// The `top` most frequent words of `parts`, each counted by another worker.
    fn ranked_parts(parts: &[&[u8]], top: usize) -> Vec<u8> {
        let mut vocabulary = Vocabulary::new();
        for part in parts {
            Counts::new(&vocabulary).add(&mut part.to_vec());
        }
        let distinct = vocabulary.len();
        let rankings = vocabulary.into_shards().flat_map(|shard| shard.ranked(top));
        let words = merge(rankings.collect()).take(top);
        let blocks: Vec<_> = lines(words).collect();
        let printed: usize = blocks.iter().map(|(lines, _)| lines).sum();
        assert_eq!(printed, top.min(distinct));
        blocks.into_iter().flat_map(|(_, block)| block).collect()
    }

    fn ranked(text: &[u8], top: usize) -> Vec<u8> {
        ranked_parts(&[text], top)
    }

    fn printed(words: &[(impl AsRef<[u8]>, u64)]) -> Vec<u8> {
        let line = |(word, count): &(_, u64)| {
            let word: &[u8] = AsRef::as_ref(word);
            [format!("{count:7} ").as_bytes(), word, b"\n"].concat()
        };
        words.iter().flat_map(line).collect()
    }

    fn assert_ranks(text: &[u8], expected: &[(&[u8], u64)]) {
        assert_eq!(ranked(text, usize::MAX), printed(expected));
        for top in 0..=expected.len() {
            assert_eq!(ranked(text, top), printed(&expected[..top]), "top {top}");
        }
    }

    #[test]
    fn words_are_ranked_by_count_then_by_bytes() {
        assert_ranks(b"", &[]);
        assert_ranks(b" \t\n\x0b\x0c\r ", &[]);
        assert_ranks(b"b a b", &[(b"b", 2), (b"a", 1)]);
        assert_ranks(
            b"b ab a B a abc",
            &[(b"a", 2), (b"b", 2), (b"ab", 1), (b"abc", 1)],
        );
    }

    #[test]
    fn only_ascii_letters_have_a_case() {
        assert_ranks(
            b"AZ[ az[ @ ` Zz",
            &[(b"az[", 2), (b"@", 1), (b"`", 1), (b"zz", 1)],
        );
        assert_ranks(
            "É é".as_bytes(),
            &[("É".as_bytes(), 1), ("é".as_bytes(), 1)],
        );
    }

    #[test]
    fn every_byte_but_white_space_makes_a_word() {
        for byte in 0..=255 {
            for text in [vec![byte], vec![b'x', byte], vec![byte; 15], vec![byte; 40]] {
                let word = text.to_ascii_lowercase();
                let expected = match byte {
                    b' ' | 9..=13 if text[0] == b'x' => vec![(b"x".to_vec(), 1)],
                    b' ' | 9..=13 => vec![],
                    _ => vec![(word, 1)],
                };
                assert_eq!(ranked(&text, 10), printed(&expected), "{text:?}");
            }
        }
    }

    #[test]
    fn words_of_every_length_are_told_apart() {
        // NUL, so that only the length tells short words apart.
        for fill in [b'a', 0] {
            let words: Vec<_> = (1..=50).map(|length| vec![fill; length]).collect();
            let text = words.join(&b' ');
            let expected: Vec<_> = words.into_iter().map(|word| (word, 1)).collect();
            assert_eq!(ranked(&text, 100), printed(&expected));
        }
    }

    #[test]
    fn merged_counts_are_the_counts_of_all() {
        let long = b"a-word-of-more-than-fifteen-bytes";
        let parts = [&b"a b a "[..], long, b"", b"c b b", long];
        assert_eq!(ranked_parts(&parts, 100), ranked(&parts.join(&b' '), 100));
    }

    #[test]
    fn a_worker_keeps_few_words_and_few_bytes_of_long_ones_by_itself() {
        let vocabulary = Vocabulary::new();
        let mut counts = Counts::new(&vocabulary);
        for (words, length, times, kept) in [
            (100, 30_000, 1, 0),  // 3 MB
            (10, 30_000, 20, 10), // 6 MB, but 0.3 MB of words
            (60_000, 10, 1, 0),
            (10, 10, 10_000, 10),
        ] {
            let text: String = (0..words).map(|n| format!("{n:0length$} ")).collect();
            counts.add(&mut text.repeat(times).into_bytes());
            assert_eq!(counts.short.len() + counts.long.len(), kept, "{words}");
        }
    }

    #[test]
    fn words_that_start_alike_are_in_byte_order() {
        let fourteen = [b'a'; 14];
        let with = |end: &[u8]| [&fourteen[..], end].concat();
        let ends = [
            &b""[..],
            b"\0",
            b"\0\0",
            b"\0\0b",
            b"\0b",
            b"a",
            b"a\0",
            b"aa",
            b"ab",
            b"b",
            b"\xff",
        ];
        let words = ends.map(with);
        let mut text = words.clone();
        text.reverse();
        let expected = words.map(|word| (word, 1));
        assert_eq!(ranked(&text.join(&b' '), 100), printed(&expected));
        assert_eq!(
            ranked(b"b a\0\0 a a\0", 9),
            printed(&[(&b"a"[..], 1), (b"a\0", 1), (b"a\0\0", 1), (b"b", 1)])
        );
    }
}
