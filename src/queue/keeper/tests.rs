//! The keeper on a disk that has no room, and beside an output that is away.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Desk, Keeper, Using};
use crate::limits;
use crate::metrics::{Metrics, PluginMetrics};
use crate::outputs::elasticsearch::PLUGIN;
use crate::plugin::Options;
use crate::queue::ack::Ack;
use crate::queue::block::{Block, Spares};
use crate::queue::disk::model::Model;
use crate::queue::log::Log;
use crate::queue::policy::{Full, Kind, Policy};

fn block(text: &str) -> Block {
    Block {
        body: text.into(),
        starts: vec![0],
        acks: vec![(0, Ack::pushed())],
        ..Block::default()
    }
}

fn policy() -> Policy {
    Policy {
        kind: Kind::Persisted,
        full: Full::Block,
        bytes_max: 1 << 20,
        segment_bytes: 1 << 17,
        folder: "/queue".into(),
    }
}

/// A keeper at work on a disk.
struct Running {
    inlet: mpsc::Sender<Block>,
    desk: Arc<Desk>,
    metrics: Arc<PluginMetrics>,
    keeper: JoinHandle<()>,
}

impl Running {
    fn new(disk: &Model) -> Self {
        let metrics = Metrics::default().plugin(&Options::bare(PLUGIN.plugin, "out"));
        let (inlet, incoming) = mpsc::channel(8);
        let desk = Arc::new(Desk::default());
        let keeper = Keeper::open(
            disk.clone(),
            &policy(),
            &metrics,
            incoming,
            Arc::clone(&desk),
        );
        Self {
            inlet,
            desk,
            metrics,
            keeper: tokio::spawn(keeper.expect("there is room").run()),
        }
    }

    async fn put(&self, text: &str) {
        let sent = self.inlet.send(block(text)).await;
        sent.expect("the keeper is there");
    }

    /// Ends it before it can save anything more.
    async fn kill(self) {
        self.keeper.abort();
        assert!(self.keeper.await.is_err());
    }
}

fn spoil_last_record(disk: &Model) {
    let segment = "00000000000000000001.seg";
    disk.corrupt(segment, disk.bytes(segment).len() - 1, 1);
}

/// What is damaged after the last commits is told from a write that was cut short by the state alone.
#[tokio::test(start_paused = true)]
async fn the_state_knows_soon_what_is_committed_while_the_output_is_away_and_is_not_saved_again() {
    let disk = Model::default();
    let running = Running::new(&disk);
    for text in ["one", "two", "three"] {
        running.put(text).await;
        tokio::time::sleep(limits::QUEUE_SAVE_INTERVAL / 4).await;
    }
    tokio::time::sleep(limits::QUEUE_SAVE_INTERVAL).await;
    let syncs = disk.syncs();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(disk.syncs(), syncs);
    running.kill().await;
    spoil_last_record(&disk);
    let (log, recovery) = Log::view(disk).expect("it can be read");
    assert_eq!((recovery.torn_bytes, log.pending().records), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_behind_all_others_is_counted_once() {
    let disk = Model::default();
    let running = Running::new(&disk);
    running.put("one").await;
    tokio::time::sleep(limits::QUEUE_SAVE_INTERVAL).await;
    running.kill().await;
    spoil_last_record(&disk);
    let running = Running::new(&disk);
    let (forward, _outlet) = mpsc::channel(1);
    let (_encoders, encoders) = mpsc::channel(1);
    let (_taker, taker) = mpsc::channel(1);
    running.desk.put(Using {
        forward: Some(forward),
        encoders,
        taker,
        spares: Spares::default(),
    });
    tokio::time::sleep(limits::QUEUE_SAVE_INTERVAL * 2).await;
    let lost = running.metrics.counter("queue_dropped_damaged").value();
    assert_eq!(lost, 1);
    running.kill().await;
    let (log, _) = Log::view(disk).expect("it can be read");
    assert_eq!(log.pending().documents, 0);
}

#[tokio::test]
async fn what_a_full_disk_has_no_room_for_goes_on_in_memory_behind_what_is_there() {
    let disk = Model::default();
    disk.fill(Some(limits::QUEUE_FREE_RESERVE_BYTES + 4000));
    let running = Running::new(&disk);
    let (forward, mut outlet) = mpsc::channel(1);
    let (encoders, encoders_end) = mpsc::channel(1);
    let (taker, taker_end) = mpsc::channel(1);
    for text in ["one", "two", "three"] {
        running.put(text).await;
    }
    while running.metrics.counter("queue_documents").value() < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    disk.fill(Some(0));
    // Too long for what was free before, so that it is looked again.
    for text in ["four", "five"] {
        running.put(&format!("{text}{}", " ".repeat(5000))).await;
    }
    running.desk.put(Using {
        forward: Some(forward),
        encoders: encoders_end,
        taker: taker_end,
        spares: Spares::default(),
    });
    for want in ["one", "two", "three", "four", "five"] {
        let block = outlet.recv().await.expect("the keeper hands it on");
        assert_eq!(String::from_utf8_lossy(&block.body).trim(), want);
        // From the disk it is acknowledged by the queue, else by the input.
        assert_eq!(block.alone_here() == 1, matches!(want, "four" | "five"));
        Block::settle(block.acks);
    }
    assert!(0 < running.metrics.counter("queue_full").value());
    assert_eq!(running.metrics.counter("queue_documents").value(), 3);
    drop((running.inlet, encoders, taker));
    running.keeper.await.expect("it ends");
    assert_eq!(running.metrics.counter("documents_lost").value(), 0);
}
