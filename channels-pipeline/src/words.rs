//! Counts words in blocks of text.

use foldhash::fast::RandomState;
use std::cmp::Reverse;
use std::collections::HashMap;

/// The length of text that is looked at at once. Must be that of `u128`.
const STEP: usize = 16;

/// Each byte is 1.
const ONES: u128 = u128::MAX / 255;

/// ASCII white space as C's `isspace` has it, with the vertical tab that Rust's leaves out.
pub fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// How often each word occurs.
///
/// A word of up to 15 bytes, as nearly all are, is kept as one integer, first byte lowest and its
/// length in the highest: it is cut out, hashed and compared in a few instructions, without a loop
/// over its bytes.
#[derive(Default)]
pub struct Counts {
    short: HashMap<u128, u64, RandomState>,
    long: HashMap<Box<[u8]>, u64, RandomState>,
}

impl Counts {
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
            }
        }
        length
    }

    /// Adds the counts of `other`.
    pub fn merge(mut self, other: Self) -> Self {
        for (word, count) in other.short {
            *self.short.entry(word).or_insert(0) += count;
        }
        for (word, count) in other.long {
            *self.long.entry(word).or_insert(0) += count;
        }
        self
    }

    /// Returns the `top` most frequent words as `uniq -c` prints them.
    pub fn format(self, top: usize) -> Vec<u8> {
        let mut lines = Vec::new();
        for (word, count) in self.ranked(top) {
            lines.extend_from_slice(format!("{count:7} ").as_bytes());
            lines.extend_from_slice(&word);
            lines.push(b'\n');
        }
        lines
    }

    /// Returns the `top` most frequent words and their counts, ties in byte order.
    pub fn ranked(self, top: usize) -> Vec<(Vec<u8>, u64)> {
        let least = self.count_at(top);
        let short = self.short.into_iter().filter(|entry| entry.1 >= least);
        let long = self.long.into_iter().filter(|entry| entry.1 >= least);
        let short = short.map(|(word, count)| (unpack(word), count));
        let long = long.map(|(word, count)| (word.into_vec(), count));
        let mut words: Vec<_> = short.chain(long).collect();
        words.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        words.truncate(top);
        words
    }

    /// Returns the count at a place in the ranking, so that words far behind it need not be sorted.
    fn count_at(&self, place: usize) -> u64 {
        let counts = self.short.values().chain(self.long.values());
        let mut counts: Vec<_> = counts.copied().map(Reverse).collect();
        if place < counts.len() {
            counts.select_nth_unstable(place).1.0
        } else {
            0
        }
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

fn unpack(word: u128) -> Vec<u8> {
    let bytes = word.to_le_bytes();
    bytes[..usize::from(bytes[STEP - 1])].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(text: &[u8], top: usize) -> Vec<(Vec<u8>, u64)> {
        let mut counts = Counts::default();
        counts.add(&mut text.to_vec());
        counts.ranked(top)
    }

    fn assert_ranks(text: &[u8], expected: &[(&[u8], u64)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(word, count)| (word.to_vec(), *count))
            .collect();
        assert_eq!(ranked(text, usize::MAX), expected);
        for top in 0..=expected.len() {
            assert_eq!(ranked(text, top), expected[..top], "top {top}");
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
                assert_eq!(ranked(&text, 10), expected, "{text:?}");
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
            assert_eq!(ranked(&text, 100), expected);
        }
    }

    #[test]
    fn merged_counts_are_the_counts_of_all() {
        let long = b"a-word-of-more-than-fifteen-bytes";
        let parts = [&b"a b a "[..], long, b"", b"c b b", long];
        let merge = parts.map(|part| {
            let mut counts = Counts::default();
            counts.add(&mut part.to_vec());
            counts
        });
        let merged = merge.into_iter().reduce(Counts::merge).unwrap_or_default();
        assert_eq!(merged.ranked(100), ranked(&parts.join(&b' '), 100));
    }
}
