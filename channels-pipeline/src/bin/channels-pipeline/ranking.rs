//! Puts words in order, and prints them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::iter;
use std::mem;

/// A word of up to this length is a [`Short`].
pub const SHORT: usize = 15;

/// The first bytes of a word, the first one highest, then zeros, and in the lowest byte the length,
/// at most one more than fit in: so they compare as words do.
///
/// Two halves, because a `u128` would have to be aligned, and take more room beside a count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Short(u64, u64);

impl From<u128> for Short {
    fn from(bytes: u128) -> Self {
        Self((bytes >> 64) as u64, bytes as u64)
    }
}

impl From<Short> for u128 {
    fn from(Short(high, low): Short) -> Self {
        u128::from(high) << 64 | u128::from(low)
    }
}

/// A word and its count. The most frequent are the least, ties in byte order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Ranked {
    count: Reverse<u64>,
    head: Short,
    /// Empty if the word is short, and else all of it.
    long: Box<[u8]>,
}

/// Words in order.
pub type Ranking = Box<dyn Iterator<Item = Ranked> + Send>;

impl Ranked {
    pub fn short(head: Short, count: u64) -> Self {
        Self {
            count: Reverse(count),
            head,
            long: Box::default(), // allocates nothing
        }
    }

    /// `word` is longer than [`SHORT`].
    pub fn long(word: Box<[u8]>, count: u64) -> Self {
        let head = word.iter().take(SHORT).chain([&(SHORT as u8 + 1)]);
        let head = head.fold(0, |head, &byte| head << 8 | u128::from(byte));
        Self {
            count: Reverse(count),
            head: head.into(),
            long: word,
        }
    }
}

/// The `top` least, in order; most of the others are never compared with each other.
pub fn select<T: Ord>(mut items: Vec<T>, top: usize) -> Vec<T> {
    if top < items.len() {
        items.select_nth_unstable(top);
        items.truncate(top);
    }
    items.sort_unstable();
    items
}

/// All of them in one order.
pub fn merge(mut rankings: Vec<Ranking>) -> impl Iterator<Item = Ranked> {
    let heads = rankings.iter_mut().enumerate();
    let heads = heads.filter_map(|(index, ranking)| Some(Reverse((ranking.next()?, index))));
    let mut heads: BinaryHeap<_> = heads.collect();
    iter::from_fn(move || {
        let mut head = heads.peek_mut()?;
        let Reverse((word, index)) = &mut *head;
        Some(match rankings[*index].next() {
            Some(next) => mem::replace(word, next),
            None => PeekMut::pop(head).0.0,
        })
    })
}

/// Lines as `uniq -c` prints them, many at a time, and how many.
pub fn lines(words: impl Iterator<Item = Ranked>) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let mut words = words.peekable();
    let mut count = (0, Vec::new()); // the last one, as printed: most are that of the word before
    iter::from_fn(move || {
        words.peek()?;
        let (mut lines, mut block) = (0, Vec::with_capacity(BLOCK_SIZE + BLOCK_SIZE / 4));
        while let Some(word) = words.next_if(|_| block.len() < BLOCK_SIZE) {
            if word.count.0 != count.0 {
                count = (word.count.0, format!("{:7} ", word.count.0).into_bytes());
            }
            block.extend_from_slice(&count.1);
            if word.long.is_empty() {
                let bytes = u128::from(word.head).to_be_bytes();
                block.extend_from_slice(&bytes[..usize::from(bytes[SHORT])]);
            } else {
                block.extend_from_slice(&word.long);
            }
            block.push(b'\n');
            lines += 1;
        }
        Some((lines, block))
    })
}

/// Bytes written at a time.
const BLOCK_SIZE: usize = 64 * 1024;
