//! Blocks of documents: the body of a request as the worker wrote it, where each document begins in it, and the
//! acknowledgements of the batches they came from. Splitting, merging and picking out of documents live here, sending
//! does not.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::time::Instant;

use crate::limits;
use crate::queue::ack::Ack;

/// Documents that travel together. The body is sent as it is.
#[derive(Default)]
pub struct Block {
    /// Action line and source of every document, in order.
    pub body: Vec<u8>,
    /// Where each document's action line begins.
    pub starts: Vec<u32>,
    /// For each batch: the place in `starts` of its first document here, and its handle.
    pub acks: Vec<(u32, Ack)>,
    /// How often these documents were refused for the moment.
    pub attempt: u32,
    /// When the first of them was received, in nanoseconds since 1970; of use until they are on disk.
    pub received: i64,
    /// When they were first sent in vain.
    pub since: Option<Instant>,
    /// Whether they came out of a request that was refused as a whole: with others, nobody would see which one is guilty.
    pub alone: bool,
}

impl Block {
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    pub fn documents(&self) -> usize {
        self.starts.len()
    }

    /// Documents that nobody could send again and that lie nowhere else.
    pub fn alone_here(&self) -> u64 {
        alone_here(&self.acks, self.starts.len())
    }

    /// Adds another block's documents at the end. Gives back the emptied buffer.
    pub fn merge(&mut self, other: Self) -> Vec<u8> {
        let (bytes, documents) = (self.body.len() as u32, self.starts.len() as u32);
        self.body.extend_from_slice(&other.body);
        self.starts
            .extend(other.starts.iter().map(|start| start + bytes));
        let moved = other.acks.into_iter();
        self.acks
            .extend(moved.map(|(first, ack)| (first + documents, ack)));
        self.attempt = self.attempt.max(other.attempt);
        self.since = self.since.or(other.since).min(other.since.or(self.since));
        other.body
    }

    /// Whether some of its documents lie on disk, for whoever takes them from there next.
    pub fn has_kept(&self) -> bool {
        has_kept(&self.acks)
    }

    /// What of it does not lie on disk.
    pub fn without_kept(self) -> Self {
        if !self.has_kept() {
            return self;
        }
        let sealed = self.seal();
        let mut acks = sealed.acks.iter().peekable();
        let mut stays = false;
        let places: Vec<usize> = (0..sealed.documents())
            .filter(|place| {
                while let Some((_, ack)) = acks.next_if(|(first, _)| *first as usize <= *place) {
                    stays = ack.stays_on_disk();
                }
                !stays
            })
            .collect();
        let rest = Self {
            alone: sealed.alone,
            ..sealed.pick(&places)
        };
        let others = sealed.acks.into_iter();
        let others = others.filter(|(_, ack)| !ack.stays_on_disk());
        Self::settle(others.collect());
        rest
    }

    /// As a keeper hands it on that is a channel.
    #[cfg(test)]
    pub fn kept_on_disk(self) -> Self {
        Self::settle(self.acks);
        Self {
            acks: vec![(0, Ack::on_disk())],
            ..self
        }
    }

    /// Everything was decided: the batches are told.
    pub fn settle(acks: Vec<(u32, Ack)>) {
        acks.into_iter().for_each(|(_, ack)| ack.settle());
    }

    /// The block as it is sent, its body shared with the request.
    pub fn seal(self) -> Sealed {
        Sealed {
            body: Bytes::from(self.body),
            starts: self.starts,
            acks: self.acks,
            attempt: self.attempt,
            since: self.since,
            alone: self.alone,
        }
    }
}

fn has_kept(acks: &[(u32, Ack)]) -> bool {
    acks.iter().any(|(_, ack)| ack.stays_on_disk())
}

fn alone_here(acks: &[(u32, Ack)], documents: usize) -> u64 {
    let ends = acks.iter().skip(1).map(|(first, _)| *first);
    let spans = acks.iter().zip(ends.chain([documents as u32]));
    let alone = spans.filter(|((_, ack), _)| !ack.comes_again());
    alone
        .map(|((first, _), end)| u64::from(end.saturating_sub(*first)))
        .sum()
}

/// A block whose body no longer changes.
pub struct Sealed {
    pub body: Bytes,
    pub starts: Vec<u32>,
    pub acks: Vec<(u32, Ack)>,
    pub attempt: u32,
    pub since: Option<Instant>,
    pub alone: bool,
}

impl Sealed {
    /// As of a block.
    pub fn alone_here(&self) -> u64 {
        alone_here(&self.acks, self.starts.len())
    }

    /// As of a block.
    pub fn has_kept(&self) -> bool {
        has_kept(&self.acks)
    }

    pub fn documents(&self) -> usize {
        self.starts.len()
    }

    /// One document's action line and source.
    pub fn document(&self, place: usize) -> &[u8] {
        let offset = |place: usize| self.starts.get(place).map(|&start| start as usize);
        let start = offset(place).unwrap_or(self.body.len());
        let end = offset(place + 1).unwrap_or(self.body.len());
        self.body.get(start..end).unwrap_or(b"")
    }

    /// Copies of some documents, with shares in the batches that they came from.
    pub fn pick(&self, places: &[usize]) -> Block {
        let mut picked = Block {
            attempt: self.attempt,
            since: self.since,
            ..Block::default()
        };
        let mut acks = self.acks.iter().peekable();
        let mut current: Option<&Ack> = None;
        for &place in places {
            let mut moved = false;
            while let Some((_, ack)) = acks.next_if(|(first, _)| *first as usize <= place) {
                current = Some(ack);
                moved = true;
            }
            if let Some(ack) = current.filter(|_| moved) {
                picked.acks.push((picked.starts.len() as u32, ack.clone()));
            }
            picked.starts.push(picked.body.len() as u32);
            picked.body.extend_from_slice(self.document(place));
        }
        picked
    }

    /// Two halves, each with shares in its batches. They go on alone.
    pub fn halve(self) -> [Block; 2] {
        let middle = self.documents() / 2;
        let first: Vec<usize> = (0..middle).collect();
        let second: Vec<usize> = (middle..self.documents()).collect();
        let half = |places: &[usize]| Block {
            alone: true,
            ..self.pick(places)
        };
        let halves = [half(&first), half(&second)];
        Block::settle(self.acks);
        halves
    }

    /// Back to a block. The body is copied only if somebody still holds it.
    pub fn open(self) -> Block {
        Block {
            body: Vec::from(self.body),
            starts: self.starts,
            acks: self.acks,
            attempt: self.attempt,
            received: 0,
            since: self.since,
            alone: self.alone,
        }
    }
}

/// Buffers to use again: a new one of this size costs the kernel a fault for each of its pages.
#[derive(Clone, Default)]
pub struct Spares {
    buffers: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Spares {
    /// An empty buffer with room for a block.
    pub fn take(&self) -> Vec<u8> {
        let spare = self
            .buffers
            .lock()
            .expect("no holder of this lock panics")
            .pop();
        spare.unwrap_or_else(|| {
            Vec::with_capacity(limits::BULK_BLOCK_BYTES + limits::BULK_BLOCK_SLACK_BYTES)
        })
    }

    /// Gives a buffer back; those of unusual sizes are freed.
    pub fn give(&self, mut buffer: Vec<u8>) {
        let usual = limits::BULK_BLOCK_BYTES..=limits::BULK_BLOCK_BYTES * 2;
        if !usual.contains(&buffer.capacity()) {
            return;
        }
        buffer.clear();
        let mut buffers = self.buffers.lock().expect("no holder of this lock panics");
        if buffers.len() < limits::BULK_SPARES_MAX {
            buffers.push(buffer);
        }
    }

    /// Gives a sent body back, if nobody holds it any more.
    pub fn give_bytes(&self, mut body: Bytes) {
        if body.is_unique() {
            body.truncate(0);
            self.give(Vec::from(body));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Block;
    use crate::queue::ack::{Ack, Acknowledge};

    struct Count(AtomicU64);

    impl Acknowledge for Count {
        fn acknowledge(&self, _: u64) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn block(documents: &[&str]) -> Block {
        let mut block = Block::default();
        for document in documents {
            block.starts.push(block.body.len() as u32);
            block.body.extend_from_slice(document.as_bytes());
        }
        block
    }

    #[test]
    fn a_merged_block_has_the_documents_of_both() {
        let mut one = block(&["a\n", "bb\n"]);
        one.merge(block(&["ccc\n"]));
        let sealed = one.seal();
        assert_eq!(sealed.document(1), b"bb\n");
        assert_eq!(sealed.document(2), b"ccc\n");
        assert_eq!(sealed.document(3), b"");
    }

    #[test]
    fn picked_documents_keep_their_batches_waiting() {
        let count = Arc::new(Count(AtomicU64::new(0)));
        let (first, second) = (Ack::new(count.clone(), 1), Ack::new(count.clone(), 2));
        let mut all = block(&["a", "b", "c", "d"]);
        all.acks = vec![(0, first), (2, second)];
        let sealed = all.seal();
        let picked = sealed.pick(&[3]);
        assert_eq!(picked.body, b"d");
        Block::settle(sealed.acks);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        Block::settle(picked.acks);
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_lies_on_disk_can_be_left_out() {
        let count = Arc::new(Count(AtomicU64::new(0)));
        let acks = [Ack::new(count.clone(), 1), Ack::on_disk(), Ack::pushed()];
        let mut all = block(&["a", "b", "c", "d"]);
        all.acks = [0, 1, 3].into_iter().zip(acks).collect();
        let left = all.without_kept();
        assert_eq!((left.body, left.starts), (b"ad".to_vec(), vec![0, 1]));
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        Block::settle(left.acks);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn halves_hold_everything_once() {
        let [first, second] = block(&["a", "b", "c"]).seal().halve();
        assert_eq!((first.body, second.body), (b"a".to_vec(), b"bc".to_vec()));
    }

    #[test]
    fn a_halved_block_settles_when_both_halves_have() {
        let count = Arc::new(Count(AtomicU64::new(0)));
        let mut all = block(&["a", "b"]);
        all.acks = vec![(0, Ack::new(count.clone(), 1))];
        let [first, second] = all.seal().halve();
        Block::settle(first.acks);
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        Block::settle(second.acks);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }
}
