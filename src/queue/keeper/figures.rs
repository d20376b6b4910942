//! What a queue on disk tells: gauges of what it holds, counters of what came in and of what was dropped, and a message in
//! plain words when something begins, never one per block.

use std::sync::Arc;
use std::time::Instant;

use crate::limits;
use crate::metrics::{Counter, DOCUMENTS_LOST, Gauge, PluginMetrics};
use crate::queue::block::Block;
use crate::queue::disk::Disk;
use crate::queue::log::{Log, Recovery, StateFound};
use crate::quiet::Quiet;

/// Figures of one queue.
pub struct Figures {
    metrics: Arc<PluginMetrics>,
    /// What messages call its folder.
    folder: String,
    kept: Arc<Counter>,
    dropped_oldest: Arc<Counter>,
    dropped_and_delivered: Arc<Counter>,
    dropped_newest: Arc<Counter>,
    too_large: Arc<Counter>,
    dropped_at_end: Arc<Counter>,
    unreadable: Arc<Counter>,
    faults: Arc<Counter>,
    full: Arc<Counter>,
    bytes: Arc<Gauge>,
    documents: Arc<Gauge>,
    damaged_files: Arc<Gauge>,
    /// The longest time from receipt to disk so far, in milliseconds.
    window: Arc<Gauge>,
    /// Documents that the disk spoilt, as far as they are counted.
    lost: u64,
    /// A message of each kind that was said.
    said: Vec<(&'static str, Quiet)>,
}

impl Figures {
    pub fn new(metrics: &Arc<PluginMetrics>, folder: String) -> Self {
        let counter = |name| metrics.counter(name);
        Self {
            kept: counter("queue_documents"),
            dropped_oldest: counter("queue_dropped_oldest"),
            dropped_and_delivered: counter("queue_dropped_and_delivered"),
            dropped_newest: counter("queue_dropped_newest"),
            too_large: counter("queue_dropped_too_large"),
            dropped_at_end: counter("queue_dropped_at_end"),
            unreadable: counter("queue_dropped_damaged"),
            faults: counter("queue_faults"),
            full: counter("queue_full"),
            bytes: metrics.gauge("queue_disk_bytes"),
            documents: metrics.gauge("queue_disk_documents"),
            damaged_files: metrics.gauge("queue_damaged_files"),
            window: metrics.gauge("queue_window_millis_max"),
            metrics: Arc::clone(metrics),
            folder,
            lost: 0,
            said: Vec::new(),
        }
    }

    /// Tells what an earlier run left.
    pub fn found<D: Disk>(&mut self, recovery: &Recovery, log: &Log<D>) {
        let (id, folder) = (&self.metrics.id, &self.folder);
        if recovery.state == StateFound::Rebuilt {
            tracing::warn!(
                "{id}: the queue in {folder} did not know how far it was sent; all that is in it is sent once more"
            );
        }
        if 0 < recovery.torn_bytes {
            let torn = recovery.torn_bytes;
            tracing::warn!(
                "{id}: the queue in {folder} ended with {torn} bytes of a write that was cut short; nothing says that it \
                 came to its end, and it is removed"
            );
        }
        if 0 < recovery.damaged_files {
            let files = recovery.damaged_files;
            tracing::warn!(
                "{id}: {files} damaged files lie in {folder}; `sawlog queue verify` tells of them"
            );
        }
        let documents = recovery.pending.documents;
        self.metrics.counter("queue_documents_found").add(documents);
        if 0 < documents {
            tracing::info!(
                "{id}: {documents} documents of an earlier run wait in {folder} and are sent first"
            );
        }
        self.pending(log);
    }

    /// What the queue holds now, and what the disk spoilt.
    pub fn pending<D: Disk>(&mut self, log: &Log<D>) {
        let pending = log.pending();
        self.bytes.set(pending.bytes);
        self.documents.set(pending.documents);
        self.damaged_files.set(log.damaged_files());
        let lost = log.lost().documents;
        if self.lost < lost {
            self.spoilt(lost - self.lost, lost);
        }
        self.lost = lost;
    }

    /// Documents that the disk spoilt are passed over; of what it spoils in the next minute only the sum is told.
    fn spoilt(&mut self, more: u64, all: u64) {
        self.unreadable.add(more);
        if self.is_time_for("spoilt") {
            let (id, folder) = (&self.metrics.id, &self.folder);
            tracing::error!(
                "{id}: documents in the queue in {folder} that cannot be read any more and are lost: {more}, since the \
                 start: {all}; they are counted as queue_dropped_damaged"
            );
        }
    }

    /// A block is on disk.
    pub fn kept(&mut self, block: &Block, now: i64) {
        self.kept.add(block.documents() as u64);
        let window = u64::try_from((now - block.received) / 1_000_000).unwrap_or(0);
        // A block that was put together anew has no time of its own.
        if 0 < block.received {
            self.window.raise(window);
        }
    }

    /// Drops a block for which there is no room.
    pub fn dropped_newest(&mut self, block: Block) {
        let documents = block.documents() as u64;
        self.dropped_newest.add(documents);
        self.warn_dropped("dropped_newest", "new");
        Block::settle(block.acks);
    }

    pub fn dropped_oldest(&mut self, documents: u64) {
        self.dropped_oldest.add(documents);
        self.warn_dropped("dropped_oldest", "the oldest");
    }

    /// A record that was dropped while a request had it came to its end all the same. The counter of what was dropped is not
    /// taken back: should the agent be killed before the verdict, nobody would have counted the loss.
    pub fn dropped_and_delivered(&mut self, documents: u32) {
        self.dropped_and_delivered.add(documents.into());
    }

    fn warn_dropped(&mut self, kind: &'static str, which: &str) {
        if self.is_time_for(kind) {
            let (id, folder) = (&self.metrics.id, &self.folder);
            tracing::warn!(
                "{id}: the queue in {folder} is full: {which} documents are dropped and counted as queue_{kind}, as \
                 `queue.full` says"
            );
        }
    }

    /// Drops a block that no record can hold.
    pub fn too_large(&mut self, block: Block) {
        let (documents, bytes) = (block.documents() as u64, block.body.len());
        self.too_large.add(documents);
        if self.is_time_for("too_large") {
            let id = &self.metrics.id;
            tracing::error!(
                "{id}: {documents} documents of {bytes} bytes together are longer than a queue on disk takes at once; \
                 they are dropped and counted as queue_dropped_too_large"
            );
        }
        Block::settle(block.acks);
    }

    /// A record whose content makes no sense, though its checksum is right.
    pub fn unreadable(&mut self, documents: u32) {
        self.unreadable.add(documents.into());
        if self.is_time_for("unreadable") {
            let (id, folder) = (&self.metrics.id, &self.folder);
            tracing::error!(
                "{id}: the queue in {folder} holds a record that another version wrote; it is dropped"
            );
        }
    }

    pub fn full(&mut self) {
        self.full.add(1);
        if self.is_time_for("full") {
            let (id, folder) = (&self.metrics.id, &self.folder);
            tracing::warn!(
                "{id}: the queue in {folder} is full: inputs wait until the output has taken some. More room: \
                 `queue.max_bytes`, or free space on the disk"
            );
        }
    }

    pub fn disk_full(&mut self) {
        self.full.add(1);
        if self.is_time_for("disk_full") {
            let (id, folder) = (&self.metrics.id, &self.folder);
            tracing::warn!(
                "{id}: the disk with the queue in {folder} is full ({} MiB stay free for others): once that is sent which \
                 waits there, documents go from memory to the output, and inputs wait for it",
                limits::QUEUE_FREE_RESERVE_BYTES >> 20
            );
        }
    }

    pub fn fault(&mut self, error: &std::io::Error) {
        self.faults.add(1);
        if self.is_time_for("fault") {
            let (id, folder) = (&self.metrics.id, &self.folder);
            tracing::error!(
                "{id}: the queue in {folder} cannot be written or read: {error}; inputs wait, and it is tried again"
            );
        }
    }

    /// The queue is closed and the disk takes no more.
    pub fn dropped_at_end(&self, blocks: &[Block]) {
        let documents: usize = blocks.iter().map(Block::documents).sum();
        self.dropped_at_end.add(documents as u64);
        let lost = blocks.iter().map(Block::alone_here).sum();
        self.metrics.counter(DOCUMENTS_LOST).add(lost);
        let (id, folder) = (&self.metrics.id, &self.folder);
        tracing::error!(
            "{id}: {documents} documents could not be written to the queue in {folder} before it was closed. None is \
             acknowledged: files are read again, and what came over the network is lost; they are counted as \
             queue_dropped_at_end"
        );
    }

    fn is_time_for(&mut self, kind: &'static str) -> bool {
        let place = match self.said.iter().position(|(known, _)| *known == kind) {
            Some(place) => place,
            None => {
                self.said.push((kind, Quiet::default()));
                self.said.len() - 1
            }
        };
        let said = self.said.get(place);
        said.is_some_and(|(_, quiet)| quiet.passes(Instant::now()))
    }
}
