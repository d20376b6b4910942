//! Queues on disk as an output sees them: in a folder of their own, opened and closed, full and changing hands.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Queues;
use crate::metrics::{Metrics, PluginMetrics};
use crate::outputs::elasticsearch::PLUGIN;
use crate::plugin::Options;
use crate::queue::ack::{Ack, Acknowledge};
use crate::queue::block::{Block, Spares};
use crate::queue::ends::{self, Inlet, Outlet, Place};
use crate::queue::policy::{Full, Kind, Policy};

/// How long anything may take on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// A queue's folder, policy and counters; the folder goes with it.
struct Trial {
    policy: Policy,
    metrics: Arc<PluginMetrics>,
    queues: Queues,
    acknowledged: Arc<Acknowledged>,
}

#[derive(Default)]
struct Acknowledged(Mutex<Vec<u64>>);

impl Acknowledge for Acknowledged {
    fn acknowledge(&self, token: u64) {
        self.0.lock().expect("no holder panics").push(token);
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.policy.folder) {
            eprintln!("{}: {error}", self.policy.folder.display());
        }
    }
}

fn new_folder() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("sawlog-queues-{}-{number}", std::process::id()))
}

impl Trial {
    fn new(full: Full, bytes_max: u64) -> Self {
        let options = Options::bare(PLUGIN.plugin, "output_elasticsearch_1");
        let trial = Self {
            policy: Policy {
                kind: Kind::Persisted,
                full,
                bytes_max,
                segment_bytes: bytes_max / 8,
                folder: new_folder(),
            },
            metrics: Metrics::default().plugin(&options),
            queues: Queues::default(),
            acknowledged: Arc::default(),
        };
        trial.open();
        trial
    }

    fn open(&self) {
        let opened = self.queues.open(&self.policy, &self.metrics);
        opened.expect("the folder is ours");
    }

    /// What a pipeline that starts gets of it.
    fn attach(&self) -> (Inlet, Outlet) {
        let folder = self.policy.folder_of(&self.metrics.id);
        let ends = self.queues.attach(&folder, &Spares::default());
        ends::queue(self.policy.kind, Some(ends.expect("it is open")))
    }

    async fn put(&self, inlet: &Inlet, token: u64, text: &str) {
        let block = Block {
            body: text.into(),
            starts: vec![0],
            acks: vec![(0, Ack::new(Arc::clone(&self.acknowledged) as _, token))],
            received: crate::host::now_nanos(),
            ..Block::default()
        };
        let inlet = inlet.clone();
        let put = tokio::task::spawn_blocking(move || inlet.put(block, Place::Disk));
        assert_eq!(put.await.expect("it does not panic"), Ok(()));
    }

    async fn wait_for_acknowledged(&self, want: &[u64]) {
        // What is dropped is settled before what is synced.
        self.wait(|| {
            let mut heard = self
                .acknowledged
                .0
                .lock()
                .expect("no holder panics")
                .clone();
            heard.sort_unstable();
            heard == want
        })
        .await;
    }

    async fn wait(&self, is_there: impl Fn() -> bool) {
        let reached = async {
            while !is_there() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(WAIT_MAX, reached).await;
        assert!(waited.is_ok(), "it comes in time; {:?}", self.metrics);
    }
}

async fn take(outlet: &mut Outlet) -> (String, Block) {
    let block = tokio::time::timeout(WAIT_MAX, outlet.next()).await;
    let block = block.expect("it comes in time").expect("it is open");
    (String::from_utf8_lossy(&block.body).into_owned(), block)
}

async fn ends(outlet: &mut Outlet) -> bool {
    let next = tokio::time::timeout(WAIT_MAX, outlet.next()).await;
    next.expect("it ends in time").is_none()
}

#[tokio::test]
async fn what_is_on_disk_is_acknowledged_before_it_is_delivered() {
    let trial = Trial::new(Full::Block, 1 << 20);
    let (inlet, mut outlet) = trial.attach();
    trial.put(&inlet, 1, "one\n").await;
    trial.put(&inlet, 2, "two\n").await;
    trial.wait_for_acknowledged(&[1, 2]).await;
    let (one, first) = take(&mut outlet).await;
    let (two, second) = take(&mut outlet).await;
    assert_eq!((one.as_str(), two.as_str()), ("one\n", "two\n"));
    Block::settle(first.acks);
    Block::settle(second.acks);
    drop(inlet);
    assert!(ends(&mut outlet).await);
}

#[tokio::test]
async fn the_next_pipeline_gets_what_was_not_delivered() {
    let trial = Trial::new(Full::Block, 1 << 20);
    let (inlet, mut outlet) = trial.attach();
    for (token, text) in [(1, "one\n"), (2, "two\n"), (3, "three\n")] {
        trial.put(&inlet, token, text).await;
    }
    let first = take(&mut outlet).await.1;
    let second = take(&mut outlet).await.1;
    Block::settle(second.acks);
    drop((first, outlet));
    let (_inlet, mut outlet) = trial.attach();
    let (again, first) = take(&mut outlet).await;
    let (third, last) = take(&mut outlet).await;
    assert_eq!((again.as_str(), third.as_str()), ("one\n", "three\n"));
    Block::settle(first.acks);
    Block::settle(last.acks);
}

#[tokio::test]
async fn the_next_pipeline_puts_in_at_once_and_takes_out_when_the_one_before_has_ended() {
    let trial = Trial::new(Full::Block, 1 << 20);
    let (inlet, mut outlet) = trial.attach();
    trial.put(&inlet, 1, "under way\n").await;
    let under_way = take(&mut outlet).await.1;
    outlet.leave_disk();
    drop(inlet);
    let (inlet, mut next) = trial.attach();
    trial.put(&inlet, 2, "two\n").await;
    trial.wait_for_acknowledged(&[1, 2]).await;
    assert_eq!(next.waiting(), 0);
    Block::settle(under_way.acks);
    drop(outlet);
    let (text, block) = take(&mut next).await;
    assert_eq!(text, "two\n");
    Block::settle(block.acks);
}

#[tokio::test]
async fn what_comes_out_was_acknowledged_by_then() {
    let trial = Trial::new(Full::Block, 1 << 20);
    let (inlet, mut outlet) = trial.attach();
    trial.put(&inlet, 1, "one\n").await;
    assert_eq!(take(&mut outlet).await.0, "one\n");
    assert_eq!(*trial.acknowledged.0.lock().expect("no holder panics"), [1]);
}

#[tokio::test]
async fn what_was_not_delivered_outlives_the_process_and_what_was_does_not() {
    let trial = Trial::new(Full::Block, 1 << 20);
    let (inlet, mut outlet) = trial.attach();
    trial.put(&inlet, 1, "delivered\n").await;
    trial.put(&inlet, 2, "waiting\n").await;
    Block::settle(take(&mut outlet).await.1.acks);
    drop((inlet, outlet));
    trial.queues.close();
    trial.open();
    let (_inlet, mut outlet) = trial.attach();
    let (text, block) = take(&mut outlet).await;
    assert_eq!(text, "waiting\n");
    Block::settle(block.acks);
}

#[tokio::test]
async fn a_full_queue_makes_its_encoders_wait() {
    let trial = Trial::new(Full::Block, 16 << 10);
    let (inlet, mut outlet) = trial.attach();
    let long = "x".repeat(5000);
    for token in 1..=3 {
        trial.put(&inlet, token, &long).await;
    }
    trial.wait_for_acknowledged(&[1, 2, 3]).await;
    // This one finds no room until others are delivered.
    trial.put(&inlet, 4, &long).await;
    trial
        .wait(|| 0 < trial.metrics.counter("queue_full").value())
        .await;
    for _ in 0..3 {
        Block::settle(take(&mut outlet).await.1.acks);
    }
    trial.wait_for_acknowledged(&[1, 2, 3, 4]).await;
    Block::settle(take(&mut outlet).await.1.acks);
    let dropped = |name| trial.metrics.counter(name).value();
    assert_eq!(
        (
            dropped("queue_dropped_newest"),
            dropped("queue_dropped_oldest")
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn what_finds_no_room_when_a_queue_is_closed_is_counted() {
    let trial = Trial::new(Full::Block, 16 << 10);
    let (inlet, outlet) = trial.attach();
    let long = "x".repeat(5000);
    for token in 1..=4 {
        trial.put(&inlet, token, &long).await;
    }
    trial
        .wait(|| 0 < trial.metrics.counter("queue_full").value())
        .await;
    drop((inlet, outlet));
    trial.queues.close();
    let dropped = trial.metrics.counter("queue_dropped_at_end").value();
    assert_eq!(dropped, 1);
}

#[tokio::test]
async fn the_newest_are_dropped_and_counted_if_the_policy_says_so() {
    let trial = Trial::new(Full::DropNewest, 16 << 10);
    let (inlet, mut outlet) = trial.attach();
    for token in 1..=8 {
        trial
            .put(&inlet, token, &format!("{token}{}", "x".repeat(4000)))
            .await;
    }
    trial.wait_for_acknowledged(&[1, 2, 3, 4, 5, 6, 7, 8]).await;
    let dropped = trial.metrics.counter("queue_dropped_newest").value();
    assert_eq!(
        trial.metrics.counter("queue_documents").value() + dropped,
        8
    );
    assert!(4 <= dropped, "{dropped}");
    assert!(take(&mut outlet).await.0.starts_with('1'));
}

#[tokio::test]
async fn the_oldest_are_dropped_and_counted_if_the_policy_says_so() {
    let trial = Trial::new(Full::DropOldest, 16 << 10);
    let (inlet, outlet) = trial.attach();
    drop(outlet);
    for token in 1..=8 {
        trial
            .put(&inlet, token, &format!("{token}{}", "x".repeat(4000)))
            .await;
    }
    trial.wait_for_acknowledged(&[1, 2, 3, 4, 5, 6, 7, 8]).await;
    drop(inlet);
    let (inlet, mut outlet) = trial.attach();
    drop(inlet);
    let mut left = Vec::new();
    while let Ok(Some(block)) = tokio::time::timeout(WAIT_MAX, outlet.next()).await {
        left.extend(block.body.first().copied());
        Block::settle(block.acks);
    }
    let dropped = trial.metrics.counter("queue_dropped_oldest").value();
    assert_eq!(dropped + left.len() as u64, 8);
    assert!(0 < dropped);
    assert_eq!(left.last(), Some(&b'8'));
}

#[tokio::test]
async fn what_is_delivered_after_it_was_dropped_is_counted() {
    let trial = Trial::new(Full::DropOldest, 16 << 10);
    let (inlet, mut outlet) = trial.attach();
    let long = "x".repeat(4000);
    trial.put(&inlet, 1, &long).await;
    trial.put(&inlet, 2, &long).await;
    let (first, second) = (take(&mut outlet).await.1, take(&mut outlet).await.1);
    for token in 3..=8 {
        trial.put(&inlet, token, &long).await;
    }
    trial.wait_for_acknowledged(&[1, 2, 3, 4, 5, 6, 7, 8]).await;
    // The first two were dropped meanwhile: one is delivered, the other ends with its output.
    Block::settle(first.acks);
    drop((second, outlet, inlet));
    let (inlet, mut outlet) = trial.attach();
    drop(inlet);
    let mut delivered = 1;
    while let Ok(Some(block)) = tokio::time::timeout(WAIT_MAX, outlet.next()).await {
        delivered += 1;
        Block::settle(block.acks);
    }
    let count = |name| trial.metrics.counter(name).value();
    let (dropped, both) = (
        count("queue_dropped_oldest"),
        count("queue_dropped_and_delivered"),
    );
    assert!(1 < dropped, "{dropped}");
    assert_eq!(both, 1);
    assert_eq!(dropped + delivered - both, 8);
}

#[tokio::test]
async fn a_folder_in_the_place_of_a_file_is_named() {
    let trial = Trial::new(Full::Block, 1 << 20);
    trial.queues.close();
    for name in ["lock", "state"] {
        let path = trial.policy.folder_of(&trial.metrics.id).join(name);
        std::fs::remove_file(&path).unwrap_or(());
        std::fs::create_dir(&path).expect("the folder is ours");
        let error = trial.queues.open(&trial.policy, &trial.metrics);
        let told = error.expect_err("it is no file").to_string();
        let place = path.display().to_string();
        assert!(told.starts_with(&place), "{told}");
        std::fs::remove_dir(&path).expect("the folder is ours");
    }
}
