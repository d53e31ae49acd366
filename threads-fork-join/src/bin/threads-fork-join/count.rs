//! Counts lines, words and bytes of a text, chunk by chunk.

/// What `wc` prints about a text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    pub lines: u64,
    pub words: u64,
    pub bytes: u64,
}

impl Count {
    /// The count of two separate texts: no word goes from one to the other.
    pub fn plus(self, other: Self) -> Self {
        Self {
            lines: self.lines + other.lines,
            words: self.words + other.words,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// The count of one chunk of a text, and whether its edges may cut a word in two.
///
/// `merge` is associative and the default, an empty chunk, is its identity. So a text may be cut
/// anywhere and its chunks merged in any grouping, as long as their order is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Chunk {
    pub count: Count,
    starts_in_word: bool,
    ends_in_word: bool,
}

impl Chunk {
    /// Counts a chunk that stands in memory.
    pub fn of(bytes: &[u8]) -> Self {
        let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
            return Self::default();
        };
        let mut count = Count {
            lines: u64::from(first == b'\n'),
            words: u64::from(!is_space(first)),
            bytes: bytes.len() as u64,
        };
        // Every other byte together with the one before it.
        let before = bytes[..bytes.len() - 1].chunks(STEP);
        for (before, bytes) in before.zip(bytes[1..].chunks(STEP)) {
            let (lines, words) = lines_and_words(before, bytes);
            count.lines += u64::from(lines);
            count.words += u64::from(words);
        }
        Self {
            count,
            starts_in_word: !is_space(first),
            ends_in_word: !is_space(last),
        }
    }

    /// Appends the chunk that follows in the text.
    pub fn merge(self, next: Self) -> Self {
        if self.count.bytes == 0 {
            return next;
        }
        if next.count.bytes == 0 {
            return self;
        }
        let mut count = self.count.plus(next.count);
        // Both have counted a word that the cut divides.
        count.words -= u64::from(self.ends_in_word && next.starts_in_word);
        Self {
            count,
            starts_in_word: self.starts_in_word,
            ends_in_word: next.ends_in_word,
        }
    }
}

/// Bytes counted at a time: few enough for counts of one byte, and a whole number of vectors of
/// up to 32 bytes.
const STEP: usize = 224;

/// Counts the line ends, and the words that begin, among at most `STEP` bytes; `before` holds the
/// byte in front of each.
///
/// Without a branch and without a type wider than a byte, so that the compiler vectorises it. The
/// sums cannot overflow; `wrapping_add` avoids the check, a branch, in debug builds.
fn lines_and_words(before: &[u8], bytes: &[u8]) -> (u8, u8) {
    let (mut lines, mut words) = (0_u8, 0_u8);
    for (&before, &byte) in before.iter().zip(bytes) {
        lines = lines.wrapping_add(u8::from(byte == b'\n'));
        words = words.wrapping_add(u8::from(is_space(before) & !is_space(byte)));
    }
    (lines, words)
}

/// White space as in the C locale: space, and tab to carriage return, vertical tab included.
fn is_space(byte: u8) -> bool {
    byte == b' ' || byte.wrapping_sub(b'\t') < 5
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition: line ends; maximal runs of bytes that are not white space.
    fn count(text: &[u8]) -> Count {
        let words = text.split(|byte| b" \t\n\x0b\x0c\r".contains(byte));
        Count {
            lines: text.iter().filter(|&&byte| byte == b'\n').count() as u64,
            words: words.filter(|word| !word.is_empty()).count() as u64,
            bytes: text.len() as u64,
        }
    }

    /// Marsaglia's xorshift64: all of `u64` but 0, the same on every run.
    fn random(seed: u64) -> impl Iterator<Item = u64> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        })
    }

    /// Every byte there is, half of them white space.
    fn random_text(length: usize, seed: u64) -> Vec<u8> {
        let byte = |bits: u64| match bits >> 60 {
            0..8 => (bits >> 32) as u8,
            kind => b" \t\n\x0b\x0c\r \n"[kind as usize - 8],
        };
        random(seed).take(length).map(byte).collect()
    }

    #[test]
    fn every_byte_is_white_space_or_part_of_a_word() {
        for byte in 0..=u8::MAX {
            let words = u64::from(!b" \t\n\x0b\x0c\r".contains(&byte));
            let of = Chunk::of(&[byte; 3]).count;
            assert_eq!((of.words, of.bytes), (words, 3), "byte {byte}");
            assert_eq!(of.lines, if byte == b'\n' { 3 } else { 0 }, "byte {byte}");
        }
    }

    #[test]
    fn random_texts_of_every_length_are_counted_by_the_definition() {
        for length in 0..4 * STEP {
            let text = random_text(length, 1 + length as u64);
            assert_eq!(Chunk::of(&text).count, count(&text), "{length} bytes");
        }
    }

    #[test]
    fn a_vector_full_of_hits_does_not_overflow() {
        for text in [&b"\n"[..], b"a ", b" a", b"a\n", b"a"] {
            let text = text.repeat(5 * STEP);
            assert_eq!(Chunk::of(&text).count, count(&text));
        }
    }

    #[test]
    fn a_word_cut_in_two_is_counted_once() {
        let text = b"over the fence";
        for cut in 0..=text.len() {
            let (left, right) = text.split_at(cut);
            let merged = Chunk::of(left).merge(Chunk::of(right));
            assert_eq!(merged, Chunk::of(text), "cut at {cut}");
            assert_eq!(merged.count.words, 3, "cut at {cut}");
        }
    }

    #[test]
    fn pieces_merge_in_any_grouping() {
        let text = random_text(24, 7);
        for i in 0..=text.len() {
            for j in i..=text.len() {
                let [a, b, c] = [&text[..i], &text[i..j], &text[j..]].map(Chunk::of);
                assert_eq!(a.merge(b).merge(c), Chunk::of(&text), "cut at {i} and {j}");
                assert_eq!(a.merge(b.merge(c)), Chunk::of(&text), "cut at {i} and {j}");
            }
        }
    }

    #[test]
    fn separate_texts_share_no_word() {
        let total = Chunk::of(b"a").count.plus(Chunk::of(b"b").count);
        assert_eq!((total.lines, total.words, total.bytes), (0, 2, 2));
    }
}
