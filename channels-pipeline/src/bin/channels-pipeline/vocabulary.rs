//! The counts of all words, and their order.

use crate::words::Word;
use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::cmp::Reverse;
use std::hash::BuildHasher;
use std::io;

/// A word with its count: in order, the most frequent come first, ties by bytes.
pub type Ranked = (Reverse<u64>, Word);

/// How often each word occurs.
///
/// A table of indices is small, also while it grows, and the words can be sorted where they are.
#[derive(Default)]
pub struct Vocabulary {
    indices: HashTable<u32>,
    words: Vec<Ranked>,
    hasher: DefaultHashBuilder,
}

impl Vocabulary {
    /// Adds counts. Fails if there are too many words for the indices: over 4 billion, which take
    /// 200 GB.
    pub fn add(&mut self, counts: Vec<(Word, u64)>) -> io::Result<()> {
        let words = &mut self.words;
        for (word, count) in counts {
            let hash = self.hasher.hash_one(&word);
            let is_word = |index: &u32| words[*index as usize].1 == word;
            let hash_of = |index: &u32| self.hasher.hash_one(&words[*index as usize].1);
            match self.indices.entry(hash, is_word, hash_of) {
                Entry::Occupied(entry) => words[*entry.get() as usize].0.0 += count,
                Entry::Vacant(entry) => {
                    let index = u32::try_from(words.len());
                    entry.insert(index.map_err(|_| io::Error::other("too many distinct words"))?);
                    words.push((Reverse(count), word));
                }
            }
        }
        Ok(())
    }

    /// What hashes the words. Counts that were made with the same one come in an order in which
    /// they are added twice as fast, as the table is then walked through and not jumped about in.
    pub fn hasher(&self) -> DefaultHashBuilder {
        self.hasher.clone()
    }

    /// The `top` most frequent words, in order.
    pub fn ranked(self, top: usize) -> Vec<Ranked> {
        let mut words = self.words;
        if top < words.len() {
            words.select_nth_unstable(top); // does not order all the others
            words.truncate(top);
        }
        words.sort_unstable();
        words
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::words::Counts;
    use crossbeam_channel::unbounded;

    /// The `top` most frequent words of texts that a worker each has counted.
    fn ranked(texts: &[&[u8]], top: usize) -> Vec<(u64, String)> {
        let mut vocabulary = Vocabulary::default();
        for text in texts {
            let (sender, counts) = unbounded();
            Counts::new(vocabulary.hasher(), sender).add(text.to_vec());
            for counts in counts {
                vocabulary.add(counts).unwrap();
            }
        }
        let line = |(Reverse(count), word): Ranked| {
            let mut bytes = Vec::new();
            word.append_to(&mut bytes);
            (count, String::from_utf8(bytes).unwrap())
        };
        vocabulary.ranked(top).into_iter().map(line).collect()
    }

    #[test]
    fn counts_are_added_and_ranked_with_ties_by_bytes() {
        let long = &b"a-word-of-more-than-fifteen-bytes"[..];
        let parts = [&b"b a b "[..], long, b"", b"c b ab b", long];
        let expected = [(4, "b"), (2, "a-word-of-more-than-fifteen-bytes")];
        let expected = [&expected[..], &[(1, "a"), (1, "ab"), (1, "c")]].concat();
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(n, word)| (n, word.into()))
            .collect();
        for top in 0..=expected.len() {
            assert_eq!(ranked(&parts, top), expected[..top]);
        }
        assert_eq!(ranked(&parts, usize::MAX), expected);
        assert_eq!(ranked(&[], 10), []);
    }
}
