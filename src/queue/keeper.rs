//! The thread that keeps one queue on disk: blocks that encoders put in are written and synced, and only then acknowledged;
//! the output's task gets them in order, from memory if it keeps up, else read back; what it has delivered is given up.
//! Blocks that came together share one sync. What the files look like is in `log`.

mod delivered;
mod desk;
mod figures;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

use crate::limits;
use crate::metrics::PluginMetrics;
use crate::queue::block::Block;
use crate::queue::disk::{Disk, Folder};
use crate::queue::ends::Closed;
use crate::queue::log::{Entry, Limits, Log, Refusal};
use crate::queue::payload;
use crate::queue::policy::{Full, Policy};
use delivered::Delivered;
use figures::Figures;

pub use desk::{Desk, Using};

/// Opens the queue and starts its thread, which ends once nobody can put blocks in any more.
pub fn spawn(
    folder: &Path,
    policy: &Policy,
    metrics: &Arc<PluginMetrics>,
    incoming: mpsc::Receiver<Block>,
    desk: Arc<Desk>,
) -> io::Result<JoinHandle<()>> {
    let keeper = Keeper::open(Folder::open(folder)?, policy, metrics, incoming, desk)?;
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new()
        .name("queue".to_owned())
        .spawn(move || runtime.block_on(keeper.run()))
}

/// The keeper itself, on whatever disk. It is done once nobody can put blocks in any more.
pub struct Keeper<D: Disk> {
    log: Log<D>,
    full: Full,
    incoming: mpsc::Receiver<Block>,
    desk: Arc<Desk>,
    using: Option<Using>,
    /// Gets the queue once the present user's output has ended: what that has under way is not sent twice.
    successor: Option<Using>,
    delivered: Arc<Delivered>,
    /// Reused for what is delivered.
    settled: Vec<u64>,
    /// Dropped while the output had them, with their documents: it may still deliver them.
    in_hand: HashMap<u64, u32>,
    /// Appended and not yet synced.
    written: Vec<Block>,
    /// Found no room.
    held: Option<Block>,
    /// Not even the disk has room for it.
    is_disk_full: bool,
    scratch: Vec<u8>,
    /// Whether the state on disk says how far everything is committed and delivered.
    is_saved: bool,
    /// A record could not be read: the next try has to wait.
    read_failed: bool,
    figures: Figures,
}

/// Why the thread woke up.
enum Event {
    Block(Option<Block>),
    Called,
    Left,
    EncodersGone,
    Delivered,
    Room,
    Time,
}

impl<D: Disk> Keeper<D> {
    /// Opens the queue on a disk, whatever an earlier run left there.
    pub fn open(
        disk: D,
        policy: &Policy,
        metrics: &Arc<PluginMetrics>,
        incoming: mpsc::Receiver<Block>,
        desk: Arc<Desk>,
    ) -> io::Result<Self> {
        let limits = Limits {
            segment_bytes: policy.segment_bytes,
            bytes_max: policy.bytes_max,
            record_bytes_max: limits::QUEUE_RECORD_BYTES_MAX,
            free_reserve: limits::QUEUE_FREE_RESERVE_BYTES,
        };
        let label = disk.label();
        let (log, recovery) = Log::open(disk, limits)?;
        let mut figures = Figures::new(metrics, label);
        figures.found(&recovery, &log);
        Ok(Self {
            log,
            full: policy.full,
            incoming,
            desk,
            using: None,
            successor: None,
            delivered: Arc::default(),
            settled: Vec::new(),
            in_hand: HashMap::new(),
            written: Vec::new(),
            held: None,
            is_disk_full: false,
            scratch: Vec::new(),
            is_saved: true,
            read_failed: false,
            figures,
        })
    }

    pub async fn run(mut self) {
        let mut save_at = Instant::now();
        loop {
            self.change_hands();
            self.hand_over();
            self.figures.pending(&self.log);
            self.refuse_at_last();
            if self.is_over() {
                return self.end();
            }
            match self.event(save_at).await {
                Event::Block(Some(block)) => self.take_in(block),
                Event::Block(None) | Event::Room | Event::Left => {}
                Event::Called => self.listen(),
                Event::EncodersGone => self.let_go(),
                Event::Delivered => self.give_up(),
                Event::Time => {
                    self.save();
                    self.try_again();
                    self.read_failed = false;
                    save_at = Instant::now() + limits::QUEUE_SAVE_INTERVAL;
                }
            }
        }
    }

    /// Whether nobody can put blocks in any more, and none waits that could be written.
    fn is_over(&self) -> bool {
        self.incoming.is_closed() && (self.incoming.is_empty() || self.is_stuck())
    }

    /// Nobody makes room any more: those who wait for it are told. What is in the queue's way to the disk still goes there.
    fn refuse_at_last(&mut self) {
        if self.desk.is_closed() || self.is_stuck() && self.desk.is_last_call() {
            self.incoming.close();
        }
    }

    fn is_stuck(&self) -> bool {
        self.held.is_some() || !self.written.is_empty()
    }

    /// Waits for what happens next.
    async fn event(&mut self, save_at: Instant) -> Event {
        let is_stuck = self.is_stuck();
        let has_unread = self.log.has_unread();
        let is_succeeded = self.successor.is_some();
        let can_read = has_unread && !self.read_failed || self.can_pass();
        let is_drained = !has_unread && !is_stuck && self.incoming.is_empty();
        let (mut forward, mut encoders, mut taker) = (None, None, None);
        if let Some(using) = &mut self.using {
            forward = using.forward.as_ref();
            encoders = forward.is_some().then_some(&mut using.encoders);
            taker = Some(&mut using.taker);
        }
        tokio::select! {
            biased;
            () = self.desk.called() => Event::Called,
            // Before blocks and deliveries, of which there may always be more.
            () = tokio::time::sleep_until(save_at), if is_stuck || self.read_failed || !self.is_saved => Event::Time,
            () = self.delivered.any() => Event::Delivered,
            _ = optional(taker.map(mpsc::Receiver::recv)), if is_succeeded => Event::Left,
            _ = optional(forward.map(mpsc::Sender::reserve)), if can_read && !is_succeeded => Event::Room,
            block = self.incoming.recv(), if !is_stuck => Event::Block(block),
            _ = optional(encoders.map(mpsc::Receiver::recv)), if is_drained => Event::EncodersGone,
        }
    }

    /// Writes a block and those that wait behind it, and syncs them together.
    fn take_in(&mut self, first: Block) {
        let mut next = Some(first);
        let mut bytes = 0;
        while let Some(block) = next.take() {
            bytes += block.body.len();
            self.append(block);
            if self.held.is_none() && bytes < limits::QUEUE_COMMIT_BYTES {
                next = self.incoming.try_recv().ok();
            }
        }
        self.commit();
    }

    /// Appends a block; what finds no room is held, or dropped by the policy.
    fn append(&mut self, block: Block) {
        self.scratch.clear();
        payload::encode(&block.starts, &block.body, &mut self.scratch);
        loop {
            let entry = Entry {
                flags: 0,
                documents: block.starts.len() as u32,
                written: unix_millis(),
                payload: &self.scratch,
            };
            match self.log.append(entry) {
                Ok(_) => return self.written.push(block),
                Err(Refusal::TooLarge) => return self.figures.too_large(block),
                Err(Refusal::QueueFull) => match self.full {
                    Full::DropOldest => {
                        if !self.drop_oldest() {
                            return self.hold(block, false);
                        }
                    }
                    Full::DropNewest => return self.figures.dropped_newest(block),
                    Full::Block => return self.hold(block, false),
                },
                Err(Refusal::DiskFull) => return self.hold(block, true),
            }
        }
    }

    fn hold(&mut self, block: Block, is_disk_full: bool) {
        match is_disk_full {
            true => self.figures.disk_full(),
            false => self.figures.full(),
        }
        self.is_disk_full = is_disk_full;
        self.held = Some(block);
    }

    /// Whether a block that the disk has no room for may go on in memory: nothing on disk is before it.
    fn can_pass(&self) -> bool {
        let is_first = self.written.is_empty() && !self.log.has_unread();
        self.held.is_some() && self.is_disk_full && is_first
    }

    /// Makes room for what is in `scratch`. False if nothing could be dropped.
    fn drop_oldest(&mut self) -> bool {
        match self.log.drop_oldest(self.scratch.len() as u64) {
            Ok(dropped) => {
                self.figures.dropped_oldest(dropped.documents);
                self.in_hand.extend(dropped.in_hand);
                0 < dropped.records
            }
            Err(error) => {
                self.figures.fault(&error);
                false
            }
        }
    }

    /// Syncs what was appended and acknowledges it.
    fn commit(&mut self) {
        if self.written.is_empty() {
            return;
        }
        match self.log.commit() {
            Ok(committed) => {
                if let Some(error) = committed.abandoned {
                    self.figures.fault(&error);
                }
            }
            Err(error) => return self.figures.fault(&error),
        }
        self.is_saved = false;
        let now = crate::host::now_nanos();
        for block in self.written.drain(..) {
            self.figures.kept(&block, now);
            Block::settle(block.acks);
            if let Some(using) = &self.using {
                using.spares.give(block.body);
            }
        }
    }

    /// Hands over what lies on disk while the output's task takes it.
    fn hand_over(&mut self) {
        if self.successor.is_none()
            && let Some(mut using) = self.using.take()
        {
            if self.hand_to(&using).is_err() {
                using.forward = None;
            }
            self.using = Some(using);
        }
    }

    fn hand_to(&mut self, using: &Using) -> Result<(), Closed> {
        while self.log.has_unread() && !self.read_failed {
            let Some(forward) = &using.forward else {
                break;
            };
            let permit = match forward.try_reserve() {
                Ok(permit) => permit,
                Err(TrySendError::Full(())) => break,
                Err(TrySendError::Closed(())) => return Err(Closed),
            };
            let record = match self.log.read(&mut self.scratch) {
                Ok(Some(record)) => record,
                Ok(None) => {
                    // All that was left is lost: it is counted, and is not to be at the next start.
                    self.is_saved = false;
                    break;
                }
                Err(error) => {
                    self.figures.fault(&error);
                    self.read_failed = true;
                    break;
                }
            };
            let ack = self.delivered.ack(record.sequence);
            match payload::decode(&self.scratch) {
                Some((starts, body)) => {
                    // Many small records may wait for one request: each in a buffer of its own length.
                    let is_small = body.len() < limits::BULK_BLOCK_BYTES / 2;
                    let buffer = match is_small {
                        true => Vec::with_capacity(body.len()),
                        false => using.spares.take(),
                    };
                    let mut block = Block {
                        body: buffer,
                        starts: starts.collect(),
                        acks: vec![(0, ack)],
                        ..Block::default()
                    };
                    block.body.extend_from_slice(body);
                    permit.send(block);
                }
                None => {
                    self.figures.unreadable(record.documents);
                    ack.settle();
                }
            }
        }
        self.pass(using)
    }

    /// A block for which the disk has no room goes on in memory; it is acknowledged when it is delivered.
    fn pass(&mut self, using: &Using) -> Result<(), Closed> {
        if !self.can_pass() {
            return Ok(());
        }
        match using.forward.as_ref().map(mpsc::Sender::try_reserve) {
            Some(Ok(permit)) => self.held.take().map_or((), |block| permit.send(block)),
            Some(Err(TrySendError::Closed(()))) => return Err(Closed),
            Some(Err(TrySendError::Full(()))) | None => {}
        }
        Ok(())
    }

    /// The output's task has everything, and need not wait for more.
    fn let_go(&mut self) {
        if let Some(using) = &mut self.using {
            using.forward = None;
        }
    }

    /// Takes note of the pipeline that uses the queue next.
    fn listen(&mut self) {
        if let Some(next) = self.desk.next() {
            self.successor = Some(next);
        }
    }

    /// Another pipeline uses the queue, as soon as the present one has let go: it gets everything that is not delivered.
    fn change_hands(&mut self) {
        let is_held = |using: &Using| !using.taker.is_closed();
        if self.successor.is_none() || self.using.as_ref().is_some_and(is_held) {
            return;
        }
        self.using = self.successor.take();
        self.give_up();
        self.in_hand.clear();
        self.delivered = Arc::default();
        self.log.rewind();
    }

    /// Gives up what is delivered; the state on disk follows.
    fn give_up(&mut self) {
        self.delivered.take(&mut self.settled);
        for sequence in self.settled.drain(..) {
            if let Some(documents) = self.in_hand.remove(&sequence) {
                self.figures.dropped_and_delivered(documents);
            }
            self.log.settle(sequence);
            self.is_saved = false;
        }
        if self.held.is_some() {
            self.try_again();
        }
    }

    fn save(&mut self) {
        match self.log.save_state() {
            Ok(()) => self.is_saved = true,
            Err(error) => self.figures.fault(&error),
        }
    }

    /// Tries what could not be written.
    fn try_again(&mut self) {
        self.commit();
        if let Some(block) = self.held.take() {
            self.append(block);
            self.commit();
        }
    }

    /// Nobody puts blocks in any more.
    fn end(mut self) {
        self.try_again();
        let mut dropped = Vec::new();
        while let Ok(block) = self.incoming.try_recv() {
            match self.is_stuck() {
                true => dropped.push(block),
                false => {
                    self.append(block);
                    self.commit();
                }
            }
        }
        dropped.append(&mut self.written);
        dropped.extend(self.held.take());
        if !dropped.is_empty() {
            self.figures.dropped_at_end(&dropped);
        }
        self.give_up();
        self.save();
        self.figures.pending(&self.log);
    }
}

/// The future's output; never, if there is none.
async fn optional<F: Future>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

fn unix_millis() -> u64 {
    u64::try_from(crate::host::now_nanos() / 1_000_000).unwrap_or(0)
}

#[cfg(test)]
mod tests;
