//! When to try again: exponential waiting with full jitter, and the documents that wait. Time is an argument.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::queue::block::Block;

/// Waiting times between `initial` and `max`.
#[derive(Clone, Debug)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    random: u64,
}

impl Backoff {
    pub fn new(initial: Duration, max: Duration) -> Self {
        Self {
            initial,
            max: max.max(initial),
            random: RandomState::new().hash_one(0),
        }
    }

    /// Makes the waits those of a seed.
    #[cfg(test)]
    pub fn seed(&mut self, seed: u64) {
        self.random = seed;
    }

    /// The longest wait after so many failures: doubled by each.
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doubled = 1u32.checked_shl(failures).unwrap_or(u32::MAX);
        self.initial.saturating_mul(doubled).min(self.max)
    }

    /// A wait after so many failures: anything up to the longest, so that many agents do not come back at once, but
    /// never so short that a server that is down is asked without a pause.
    pub fn wait(&mut self, failures: u32) -> Duration {
        const SHORTEST: Duration = Duration::from_millis(50);
        let ceiling = self.ceiling(failures);
        let shortest = SHORTEST.min(ceiling);
        shortest + (ceiling - shortest).mul_f64(self.next_fraction())
    }

    /// A number from 0 to 1, by splitmix64; it only has to differ between agents.
    fn next_fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Documents that wait for their next try, by time.
#[derive(Default)]
pub struct Waiting {
    blocks: BTreeMap<(Instant, u64), Block>,
    next: u64,
    bytes: usize,
}

impl Waiting {
    pub fn push(&mut self, due: Instant, block: Block) {
        self.bytes += block.body.len();
        self.blocks.insert((due, self.next), block);
        self.next += 1;
    }

    /// Documents that nobody could send again and that lie nowhere else.
    pub fn alone_here(&self) -> u64 {
        self.blocks.values().map(Block::alone_here).sum()
    }

    /// When the first is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.blocks.first_key_value().map(|((due, _), _)| *due)
    }

    /// Documents that are due, as one block of at most so many bytes and documents; never more than one block above it.
    pub fn pop_due(
        &mut self,
        now: Instant,
        bytes_max: usize,
        documents_max: usize,
    ) -> Option<Block> {
        let mut taken: Option<Block> = None;
        while let Some(first) = self.blocks.first_entry() {
            if now < first.key().0 {
                break;
            }
            if let Some(taken) = &taken {
                let more = first.get();
                let full = bytes_max < taken.body.len() + more.body.len()
                    || documents_max < taken.documents() + more.documents();
                if full || taken.alone || more.alone || !are_of_one_age(taken, more) {
                    break;
                }
            }
            let block = first.remove();
            self.bytes -= block.body.len();
            match &mut taken {
                Some(taken) => drop(taken.merge(block)),
                None => taken = Some(block),
            }
        }
        taken
    }

    /// Documents that were tried for longer than `age`.
    pub fn pop_older(&mut self, now: Instant, age: Duration) -> Option<Block> {
        let is_old = |block: &Block| block.since.is_some_and(|since| since + age <= now);
        let (&key, _) = self.blocks.iter().find(|(_, block)| is_old(block))?;
        let block = self.blocks.remove(&key)?;
        self.bytes -= block.body.len();
        Some(block)
    }

    /// Has all of them be due.
    pub fn hasten(&mut self, now: Instant) {
        for block in std::mem::take(self).blocks.into_values() {
            self.push(now, block);
        }
    }

    /// Keeps only what does not lie on disk as well.
    pub fn leave_kept(&mut self) {
        for ((due, _), block) in std::mem::take(self).blocks {
            let left = block.without_kept();
            if !left.is_empty() {
                self.push(due, left);
            }
        }
    }

    /// Has every document begin its age anew.
    pub fn forget_ages(&mut self) {
        self.blocks
            .values_mut()
            .for_each(|block| block.since = None);
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Blocks that wait.
    pub fn count(&self) -> usize {
        self.blocks.len()
    }
}

/// Whether blocks may be joined: the older one's age holds for both from then on.
fn are_of_one_age(one: &Block, other: &Block) -> bool {
    const APART: Duration = Duration::from_secs(1);
    match (one.since, other.since) {
        (Some(one), Some(other)) => one.max(other) - one.min(other) <= APART,
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Backoff, Waiting};
    use crate::queue::block::Block;

    fn block(text: &str) -> Block {
        Block {
            body: text.as_bytes().to_vec(),
            starts: vec![0],
            ..Block::default()
        }
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(64));
        let ceilings: Vec<u64> = (0..8).map(|n| backoff.ceiling(n).as_secs()).collect();
        assert_eq!(ceilings, [2, 4, 8, 16, 32, 64, 64, 64]);
        assert_eq!(backoff.ceiling(400).as_secs(), 64);
    }

    #[test]
    fn waits_lie_anywhere_below_their_ceiling() {
        let mut backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(64));
        let waits: Vec<Duration> = (0..200).map(|_| backoff.wait(2)).collect();
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(8)));
        assert!(waits.iter().any(|wait| *wait < Duration::from_secs(2)));
        assert!(waits.iter().any(|wait| Duration::from_secs(6) < *wait));
    }

    #[test]
    fn documents_come_out_when_they_are_due() {
        let start = Instant::now();
        let mut waiting = Waiting::default();
        waiting.push(start + Duration::from_secs(4), block("late"));
        waiting.push(start + Duration::from_secs(2), block("soon"));
        waiting.push(start + Duration::from_secs(2), block("er"));
        assert_eq!(waiting.bytes(), 10);
        assert!(waiting.pop_due(start, 100, 100).is_none());
        assert_eq!(waiting.next_due(), Some(start + Duration::from_secs(2)));
        let due = waiting.pop_due(start + Duration::from_secs(3), 100, 100);
        assert_eq!(due.map(|block| block.body), Some(b"sooner".to_vec()));
        assert_eq!((waiting.bytes(), waiting.count()), (4, 1));
    }

    #[test]
    fn due_documents_are_joined_up_to_the_limits() {
        let start = Instant::now();
        let mut waiting = Waiting::default();
        for text in ["aa", "bb", "cc"] {
            waiting.push(start, block(text));
        }
        let due = waiting.pop_due(start, 4, 100);
        assert_eq!(due.map(|block| block.body), Some(b"aabb".to_vec()));
        let due = waiting.pop_due(start, 1, 100);
        assert_eq!(due.map(|block| block.body), Some(b"cc".to_vec()));
        assert_eq!(waiting.count(), 0);
    }

    #[test]
    fn documents_of_different_ages_stay_apart_and_old_ones_are_found() {
        let start = Instant::now();
        let second = |number| start + Duration::from_secs(number);
        let mut waiting = Waiting::default();
        for (since, text) in [(0, "a"), (1, "b"), (5, "c")] {
            let mut block = block(text);
            block.since = Some(second(since));
            waiting.push(second(6), block);
        }
        let age = Duration::from_secs(10);
        assert!(waiting.pop_older(second(9), age).is_none());
        let old = waiting.pop_older(second(10), age);
        assert_eq!(old.map(|block| block.body), Some(b"a".to_vec()));
        assert_eq!((waiting.count(), waiting.bytes()), (2, 2));
        let due = waiting.pop_due(second(10), 100, 100);
        assert_eq!(due.map(|block| block.body), Some(b"b".to_vec()));
    }
}
