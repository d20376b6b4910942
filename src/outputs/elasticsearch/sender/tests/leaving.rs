//! A sender that is told to leave: what it still sends, and what it leaves to others.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::{Acknowledged, Answer, Script, block, folder_of_run, metrics, sender, way};
use crate::limits;
use crate::metrics::{DOCUMENTS_LOST, PluginMetrics};
use crate::outputs::elasticsearch::Way;
use crate::outputs::leave::{Leave, Notice};
use crate::outputs::succession::Ways;
use crate::queue::ack::{Ack, Acknowledge};
use crate::queue::block::Block;
use crate::queue::ends::{self, DiskEnds, Inlet, Place};
use crate::queue::policy::Kind;
use crate::queue::positions::Positions;

/// How long anything may take on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(30);

fn script(answers: Vec<Answer>) -> Arc<Script> {
    Arc::new(Script {
        answers: std::sync::Mutex::new(answers.into()),
        ..Script::default()
    })
}

/// A server that is away for longer than any test takes.
fn away() -> Vec<Answer> {
    (0..100_000).map(|_| Answer::Gone).collect()
}

struct Running {
    teller: watch::Sender<Leave>,
    encoder: Inlet,
    /// The keeper's end of the queue on disk.
    disk: mpsc::Sender<Block>,
    /// Closed once another may take from it.
    taker: mpsc::Receiver<Infallible>,
    ways: Ways<Way>,
    script: Arc<Script>,
    metrics: Arc<PluginMetrics>,
    acknowledged: Arc<Acknowledged>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(answers: Vec<Answer>) -> Self {
        let script = script(answers);
        let metrics = metrics();
        let (teller, notice) = Notice::new();
        let (disk, outlet) = mpsc::channel(2);
        let (held, taker) = mpsc::channel(1);
        let ends = DiskEnds {
            inlet: mpsc::channel(1).0,
            encoders: mpsc::channel(1).0,
            taker: held,
            outlet,
        };
        let (encoder, blocks) = ends::queue(Kind::Auto, Some(ends));
        let ways = Ways::default();
        let newer = ways.succeed(PathBuf::new(), |_| {
            way(&metrics, &script, 1, &folder_of_run())
        });
        let sender = sender(&metrics, &script, 1, None, &folder_of_run());
        let sender = sender.told_by(notice).going(newer);
        Self {
            teller,
            encoder,
            disk,
            taker,
            ways,
            script,
            metrics,
            acknowledged: Arc::default(),
            task: tokio::spawn(sender.run(blocks)),
        }
    }

    fn block(&self, document: &str) -> Block {
        let acknowledged = Arc::clone(&self.acknowledged) as Arc<dyn Acknowledge>;
        block(&[document], Ack::new(acknowledged, 1))
    }

    async fn put(&self, document: &str) {
        let put = self
            .encoder
            .put_among_tasks(self.block(document), Place::Memory)
            .await;
        put.expect("the sender is there");
    }

    /// A newer way leads to a server that stores everything.
    fn mend(&self) -> Arc<Script> {
        let good = script(Vec::new());
        self.ways.succeed(PathBuf::new(), |_| {
            way(&self.metrics, &good, 1, &folder_of_run())
        });
        good
    }

    async fn wait_for_requests(&self, count: usize) {
        self.wait(|| count <= self.script.seen.lock().expect("no holder panics").len())
            .await;
    }

    async fn wait(&self, is_there: impl Fn() -> bool) {
        let reached = async {
            while !is_there() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let reached = tokio::time::timeout(WAIT_MAX, reached).await;
        assert!(reached.is_ok(), "it comes in time");
    }

    /// Waits for the sender's end; gives what was stored, acknowledged and asked for.
    async fn end(self) -> (u64, u64, usize) {
        drop(self.encoder);
        let ended = tokio::time::timeout(WAIT_MAX, self.task).await;
        ended.expect("it ends in time").expect("it does not panic");
        let seen = self.script.seen.lock().expect("no holder panics").len();
        let acknowledged = self.acknowledged.count.load(Ordering::Relaxed);
        (self.metrics.events_out.value(), acknowledged, seen)
    }
}

#[tokio::test]
async fn whoever_is_succeeded_finishes_its_requests_and_takes_nothing_more_from_disk() {
    let running = Running::start(vec![Answer::After(Duration::from_millis(200))]);
    running.put("under way").await;
    running.wait_for_requests(1).await;
    running.teller.send_replace(Leave::Succeeded);
    running.put("in memory").await;
    let on_disk = block(&["on disk"], Ack::on_disk());
    let taken = running.disk.try_send(on_disk);
    assert!(taken.is_ok(), "it is told, and has not heard it yet");
    assert_eq!(running.end().await, (2, 2, 2));
}

#[tokio::test]
async fn whoever_is_succeeded_does_not_wait_for_a_server_that_is_away() {
    let answers = (0..1000).map(|_| Answer::Gone).collect();
    let running = Running::start(answers);
    running.put("never").await;
    running.wait_for_requests(2).await;
    running.teller.send_replace(Leave::Succeeded);
    let (stored, acknowledged, _) = running.end().await;
    assert_eq!((stored, acknowledged), (0, 0));
}

#[tokio::test]
async fn whoever_is_replaced_goes_a_newer_way_with_what_it_has() {
    let running = Running::start(away());
    running.put("waiting").await;
    running.wait_for_requests(1).await;
    running.teller.send_replace(Leave::Replaced);
    running.put("later").await;
    running.wait_for_requests(3).await;
    assert!(!running.task.is_finished());
    let good = running.mend();
    let (stored, acknowledged, _) = running.end().await;
    assert_eq!((stored, acknowledged), (2, 2));
    assert!(!good.seen.lock().expect("no holder panics").is_empty());
}

#[tokio::test]
async fn a_request_to_a_host_of_before_does_not_speak_against_those_of_now() {
    let running = Running::start(vec![Answer::GoneAfter(Duration::from_millis(200))]);
    running.put("under way").await;
    running.wait_for_requests(1).await;
    running.teller.send_replace(Leave::Replaced);
    running.mend();
    assert_eq!(running.end().await, (1, 1, 1));
}

#[tokio::test]
async fn whoever_is_replaced_gives_back_what_lies_on_disk() {
    let mut running = Running::start(away());
    running.put("in memory").await;
    let kept = Arc::new(OnDisk::default());
    let listener = Arc::clone(&kept) as Arc<dyn Acknowledge>;
    let on_disk = block(&["on disk"], Ack::new(listener, 1));
    running.disk.send(on_disk).await.expect("it takes it");
    running.wait_for_requests(2).await;
    assert!(!running.taker.is_closed());
    running.teller.send_replace(Leave::Replaced);
    let released = tokio::time::timeout(WAIT_MAX, running.taker.recv()).await;
    assert_eq!(released, Ok(None));
    let ends = kept.0.each_ref().map(|count| count.load(Ordering::Relaxed));
    assert_eq!(ends, [0, 1]);
    assert!(!running.task.is_finished());
    let good = running.mend();
    let (stored, acknowledged, _) = running.end().await;
    assert_eq!((stored, acknowledged), (1, 1));
    let sent = good.seen.lock().expect("no holder panics").clone();
    assert_eq!(sent, [(0, vec!["in memory".to_owned()])]);
}

#[tokio::test]
async fn whoever_is_finishing_takes_more_than_it_has_room_for() {
    let running = Running::start(away());
    let document = "x".repeat(limits::BULK_HELD_BYTES_MAX / 4);
    running.teller.send_replace(Leave::Finishing);
    for _ in 0..8 {
        let put = tokio::time::timeout(WAIT_MAX, running.put(&document)).await;
        assert!(put.is_ok(), "there is room");
    }
    running
        .wait(|| running.metrics.gauge("queue_blocks").value() == 8)
        .await;
    running.task.abort();
}

#[tokio::test]
async fn whoever_has_to_leave_now_finishes_what_is_under_way_and_begins_nothing() {
    let running = Running::start(vec![Answer::After(Duration::from_millis(200))]);
    running.put("under way").await;
    running.wait_for_requests(1).await;
    running.teller.send_replace(Leave::Now);
    running.put("left").await;
    assert_eq!(running.end().await, (1, 1, 1));
}

/// A record of a queue on disk: how often it was settled and abandoned.
#[derive(Default)]
struct OnDisk([AtomicU64; 2]);

impl Acknowledge for OnDisk {
    fn acknowledge(&self, _: u64) {
        self.0[0].fetch_add(1, Ordering::Relaxed);
    }

    fn abandon(&self, _: u64) {
        self.0[1].fetch_add(1, Ordering::Relaxed);
    }

    fn stays_on_disk(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn what_is_under_way_and_can_be_read_no_more_is_counted() {
    let positions = Positions::open(Path::new("")).expect("there is nothing to read");
    for is_gone in [false, true] {
        let running = Running::start(vec![Answer::After(WAIT_MAX)]);
        let stream = positions.stream("a");
        let sent = block(&["under way"], stream.ack(serde_json::json!(1)));
        let put = running.encoder.put_among_tasks(sent, Place::Memory).await;
        put.expect("the sender is there");
        running.wait_for_requests(1).await;
        if is_gone {
            stream.give_up();
        }
        running.task.abort();
        assert!(running.task.await.is_err(), "it was ended");
        let lost = running.metrics.counter(DOCUMENTS_LOST).value();
        assert_eq!(lost, u64::from(is_gone));
    }
}
