//! The counts of all words, in little memory, and many threads may add to them.

use crate::ranking::{Ranked, Ranking, Short, select};
use foldhash::fast::RandomState;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::iter;
use std::mem;
use std::sync::{Mutex, PoisonError};

/// So many that threads seldom meet at one, and that each is sorted in a moment.
pub const SHARDS: usize = 64;

/// How often each word occurs. A word belongs to one of the shards, by its hash.
pub struct Vocabulary {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
}

impl Vocabulary {
    pub fn new() -> Self {
        Self {
            shards: iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            hasher: RandomState::default(),
        }
    }

    /// Adds many words at once, shard by shard, so that each is locked once and stays in the cache.
    pub fn add(
        &self,
        short: impl Iterator<Item = (Short, u64)>,
        long: impl Iterator<Item = (Box<[u8]>, u64)>,
    ) {
        let shard = |hash: u64| (hash >> 32) as usize % SHARDS;
        let mut batches: Vec<_> = iter::repeat_with(|| (vec![], vec![]))
            .take(SHARDS)
            .collect();
        for (word, count) in short {
            let hash = self.hasher.hash_one(u128::from(word));
            // The lower half, which did not choose the shard.
            batches[shard(hash)].0.push((hash as u32, word, count));
        }
        for (word, count) in long {
            batches[shard(self.hasher.hash_one(&word))]
                .1
                .push((word, count));
        }
        for (shard, (short, long)) in self.shards.iter().zip(batches) {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (hash, word, count) in short {
                shard.add_short(hash, word, count);
            }
            for (word, count) in long {
                *shard.long.entry(word).or_insert(0) += count;
            }
        }
    }

    /// How many words there are.
    pub fn len(&mut self) -> usize {
        let shards = self.shards.iter_mut();
        let shards = shards.map(|shard| shard.get_mut().unwrap_or_else(PoisonError::into_inner));
        shards
            .map(|shard| shard.short.len() + shard.long.len())
            .sum()
    }

    pub fn into_shards(self) -> impl ExactSizeIterator<Item = Shard> + Send {
        let shards = self.shards.into_iter();
        shards.map(|shard| shard.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A part of the vocabulary.
#[derive(Default)]
pub struct Shard {
    /// A hash table of where the words are in `short`: a power of two of slots, each of them 0, if
    /// free, or the place plus 1, and the hash in the higher half. A slot is looked for from where
    /// the hash says, one after the other.
    slots: Vec<u64>,
    short: Vec<(Reverse<u64>, Short)>,
    long: HashMap<Box<[u8]>, u64, RandomState>,
}

impl Shard {
    fn add_short(&mut self, hash: u32, word: Short, count: u64) {
        // Three quarters full, a slot is found within a few steps.
        if self.short.len() >= self.slots.len() / 4 * 3 {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != 0 {
            if (self.slots[slot] >> 32) as u32 == hash {
                // The lower half of a slot. More words do not fit into the memory of a machine.
                let known = &mut self.short[self.slots[slot] as u32 as usize - 1];
                if known.1 == word {
                    known.0.0 += count;
                    return;
                }
            }
            slot = (slot + 1) & mask;
        }
        if self.short.len() == self.short.capacity() {
            // Not twice as much, as `push` does: this is most of the memory.
            self.short.reserve_exact(self.short.len() / 4 + 16);
        }
        self.short.push((Reverse(count), word));
        self.slots[slot] = u64::from(hash) << 32 | self.short.len() as u64;
    }

    fn grow(&mut self) {
        let length = (2 * self.slots.len()).max(64);
        let slots = mem::replace(&mut self.slots, vec![0; length]);
        for entry in slots.into_iter().filter(|&entry| entry != 0) {
            let mut slot = (entry >> 32) as usize & (length - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (length - 1);
            }
            self.slots[slot] = entry;
        }
    }

    /// The `top` most frequent words, in order: the short ones, and the long ones.
    pub fn ranked(self, top: usize) -> [Ranking; 2] {
        drop(self.slots); // as much memory as is now needed
        let long = self.long.into_iter();
        let long = long
            .map(|(word, count)| Ranked::long(word, count))
            .collect();
        let short = select(self.short, top).into_iter();
        let short = short.map(|(Reverse(count), word)| Ranked::short(word, count));
        [Box::new(short), Box::new(select(long, top).into_iter())]
    }
}
