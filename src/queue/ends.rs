//! The two ends of the queue in front of an output: encoders put blocks in, the output's task takes them out. A block goes
//! through memory, or over the disk if it could not be had again. Whoever puts may have to wait, whoever takes never polls.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::limits;
use crate::metrics::Counter;
use crate::queue::ack::Ack;
use crate::queue::block::Block;
use crate::queue::policy::Kind;

/// Where a block waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    #[default]
    Memory,
    Disk,
}

/// Held by every encoder that can put blocks into a queue on disk, or by the outlet. Nothing is ever sent: the other end
/// hears when all of them are gone.
pub type Token = mpsc::Sender<Infallible>;

/// Where encoders put their blocks.
#[derive(Clone)]
pub struct Inlet {
    memory: mpsc::Sender<Block>,
    disk: Option<DiskInlet>,
    kind: Kind,
}

/// Nobody takes blocks any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl Inlet {
    /// Where documents of a batch with this acknowledgement wait.
    pub fn place(&self, ack: &Ack) -> Place {
        match self.kind.keeps(ack.is_pushed()) && self.disk.is_some() {
            true => Place::Disk,
            false => Place::Memory,
        }
    }

    /// Puts a block in; waits while the queue is full.
    pub fn put(&self, block: Block, place: Place) -> Result<(), Closed> {
        self.to(place).blocking_send(block).map_err(|_| Closed)
    }

    /// The same as `put` for a simulated worker, which shares its thread with whoever makes room.
    #[cfg(test)]
    pub async fn put_among_tasks(&self, block: Block, place: Place) -> Result<(), Closed> {
        self.to(place).send(block).await.map_err(|_| Closed)
    }

    fn to(&self, place: Place) -> &mpsc::Sender<Block> {
        match (place, &self.disk) {
            (Place::Disk, Some((disk, _))) => disk,
            _ => &self.memory,
        }
    }
}

/// Where an output's task takes blocks from.
pub struct Outlet {
    /// The end that gave a block last is asked last, so that none starves.
    ends: [Option<End>; 2],
    /// Taken out of memory to make room there.
    soaked: VecDeque<Block>,
    leaves_disk: bool,
    /// The queue on disk is given to another once nobody holds this.
    taker: Option<Token>,
    /// Counts what is left in memory when this ends, and was nowhere else.
    lost: Option<Arc<Counter>>,
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let Some(lost) = &self.lost else { return };
        let soaked = self.soaked.iter().map(Block::alone_here);
        lost.add(soaked.sum());
        for end in self.ends.iter_mut().flatten() {
            end.blocks.close();
            while let Ok(block) = end.blocks.try_recv() {
                lost.add(block.alone_here());
            }
        }
    }
}

struct End {
    place: Place,
    blocks: mpsc::Receiver<Block>,
}

impl Outlet {
    /// Counts there what it has to leave and nobody could send again.
    pub fn counting(mut self, lost: Arc<Counter>) -> Self {
        self.lost = Some(lost);
        self
    }

    /// The next block; none once all encoders are gone and everything was taken. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<Block> {
        if let Some(block) = self.soaked.pop_front() {
            return Some(block);
        }
        loop {
            let [first, second] = &mut self.ends;
            let (is_first, is_second) = (first.is_some(), second.is_some());
            let (place, block) = tokio::select! {
                biased;
                block = take(first), if is_first => (0, block),
                block = take(second), if is_second => (1, block),
                else => return None,
            };
            let Some(block) = block else {
                self.ends[place] = None;
                continue;
            };
            if place == 0 {
                self.ends.swap(0, 1);
            }
            if !self.leaves_disk {
                return Some(block);
            }
            let block = block.without_kept();
            if !block.is_empty() {
                return Some(block);
            }
        }
    }

    /// Takes nothing more of what lies on disk. Another gets that once this outlet is gone, or has nothing in hand from there. What
    /// found no room on disk and comes from there all the same is still taken.
    pub fn leave_disk(&mut self) {
        self.leaves_disk = true;
        let is_disk = |end: &&mut End| end.place == Place::Disk;
        if let Some(end) = self.ends.iter_mut().flatten().find(is_disk) {
            end.blocks.close();
        }
    }

    /// Whether something of what lies on disk may be in hand.
    pub fn holds_disk(&self) -> bool {
        self.taker.is_some()
    }

    /// Nothing is in hand any more that lies on disk: another may take it from there.
    pub fn release_disk(&mut self) {
        self.taker = None;
    }

    /// Makes room for whoever puts blocks into memory: they are kept here.
    pub fn soak(&mut self) {
        let memory = |end: &&mut End| end.place == Place::Memory;
        if let Some(end) = self.ends.iter_mut().flatten().find(memory) {
            while let Ok(block) = end.blocks.try_recv() {
                self.soaked.push_back(block);
            }
        }
    }

    /// Blocks that wait to be taken; what still lies on disk is not among them.
    pub fn waiting(&self) -> usize {
        let ends = self.ends.iter().flatten();
        self.soaked.len() + ends.map(|end| end.blocks.len()).sum::<usize>()
    }
}

async fn take(end: &mut Option<End>) -> Option<Block> {
    match end {
        Some(end) => end.blocks.recv().await,
        None => None,
    }
}

/// What a queue on disk gives a pipeline that begins to use it.
pub struct DiskEnds {
    pub inlet: mpsc::Sender<Block>,
    pub encoders: Token,
    pub taker: Token,
    pub outlet: mpsc::Receiver<Block>,
}

/// Where encoders put blocks that go over the disk.
pub type DiskInlet = (mpsc::Sender<Block>, Token);

impl DiskEnds {
    /// What encoders get of it, and what the output's task gets.
    pub fn split(self) -> (DiskInlet, (mpsc::Receiver<Block>, Token)) {
        ((self.inlet, self.encoders), (self.outlet, self.taker))
    }

    /// A disk that is two channels: what was put in comes out of the one, what goes into the other is taken out.
    #[cfg(test)]
    pub fn of_channels(blocks: usize) -> (Self, mpsc::Receiver<Block>, mpsc::Sender<Block>) {
        let (inlet, incoming) = mpsc::channel(blocks);
        let (forward, outlet) = mpsc::channel(blocks);
        let (encoders, _) = mpsc::channel(1);
        let (taker, _) = mpsc::channel(1);
        let ends = Self {
            inlet,
            encoders,
            taker,
            outlet,
        };
        (ends, incoming, forward)
    }
}

/// A queue, over the disk too if there are ends for it.
pub fn queue(kind: Kind, disk: Option<DiskEnds>) -> (Inlet, Outlet) {
    with_room(limits::BULK_BLOCKS_WAITING_MAX, kind, disk)
}

/// A queue in memory that never makes a test wait.
#[cfg(test)]
pub fn roomy() -> (Inlet, Outlet) {
    with_room(100, Kind::Memory, None)
}

fn with_room(blocks: usize, kind: Kind, disk: Option<DiskEnds>) -> (Inlet, Outlet) {
    let (memory, memory_outlet) = mpsc::channel(blocks);
    let (inlet, outlet) = disk.map(DiskEnds::split).unzip();
    let (outlet, taker) = outlet.unzip();
    let inlet = Inlet {
        memory,
        disk: inlet,
        kind,
    };
    let end = |place, blocks| End { place, blocks };
    let outlet = Outlet {
        ends: [
            Some(end(Place::Memory, memory_outlet)),
            outlet.map(|outlet| end(Place::Disk, outlet)),
        ],
        soaked: VecDeque::new(),
        leaves_disk: false,
        taker,
        lost: None,
    };
    (inlet, outlet)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{DiskEnds, Place, queue};
    use crate::queue::ack::{Ack, Acknowledge};
    use crate::queue::block::Block;
    use crate::queue::policy::Kind;

    struct Nobody;

    impl Acknowledge for Nobody {
        fn acknowledge(&self, _: u64) {}
    }

    #[test]
    fn by_default_only_what_nobody_sends_again_waits_on_disk() {
        let read = Ack::new(Arc::new(Nobody), 0);
        for (kind, of_pushed, of_read) in [
            (Kind::Auto, Place::Disk, Place::Memory),
            (Kind::Memory, Place::Memory, Place::Memory),
            (Kind::Persisted, Place::Disk, Place::Disk),
        ] {
            let (inlet, _) = queue(kind, Some(DiskEnds::of_channels(1).0));
            assert_eq!(inlet.place(&Ack::pushed()), of_pushed, "{kind:?}");
            assert_eq!(inlet.place(&read), of_read, "{kind:?}");
        }
        let (without, _) = queue(Kind::Auto, None);
        assert_eq!(without.place(&Ack::pushed()), Place::Memory);
    }

    #[tokio::test]
    async fn whoever_leaves_the_disk_still_takes_what_found_no_room_there() {
        let (ends, _incoming, forward) = DiskEnds::of_channels(2);
        let (inlet, mut outlet) = queue(Kind::Auto, Some(ends));
        drop(inlet);
        for (text, ack) in [("d", Ack::on_disk()), ("m", Ack::pushed())] {
            let block = Block {
                body: text.into(),
                starts: vec![0],
                acks: vec![(0, ack)],
                ..Block::default()
            };
            forward.send(block).await.expect("the outlet is there");
        }
        outlet.leave_disk();
        assert!(forward.try_reserve().is_err());
        let left = outlet.next().await.map(|block| block.body);
        assert_eq!(left, Some(b"m".to_vec()));
        assert!(outlet.next().await.is_none());
    }

    #[tokio::test]
    async fn blocks_of_both_places_come_out_until_both_are_closed() {
        let (ends, mut incoming, forward) = DiskEnds::of_channels(1);
        let (inlet, mut outlet) = queue(Kind::Auto, Some(ends));
        let put = move || {
            let block = |text: &str| Block {
                body: text.into(),
                ..Block::default()
            };
            inlet.put(block("m"), Place::Memory).is_ok()
                && inlet.put(block("d"), Place::Disk).is_ok()
        };
        let is_put = tokio::task::spawn_blocking(put).await;
        assert!(is_put.expect("it does not panic"));
        let block = incoming.recv().await.expect("it was put in");
        forward.send(block).await.expect("the outlet is there");
        drop(forward);
        let mut taken = Vec::new();
        while let Some(block) = outlet.next().await {
            taken.extend(block.body);
        }
        taken.sort_unstable();
        assert_eq!(taken, b"dm");
    }
}
