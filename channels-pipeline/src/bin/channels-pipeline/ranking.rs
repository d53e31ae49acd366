//! Puts words in order.

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

    pub fn count(&self) -> u64 {
        self.count.0
    }

    pub fn append_to(&self, line: &mut Vec<u8>) {
        if self.long.is_empty() {
            let bytes = u128::from(self.head).to_be_bytes();
            line.extend_from_slice(&bytes[..usize::from(bytes[SHORT])]);
        } else {
            line.extend_from_slice(&self.long);
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
