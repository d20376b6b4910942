//! The simulated agent: its real queue on disk, sender and positions, with two streams of documents in the place of inputs
//! and workers. One stream is pushed and promised when the queue has it; the other is read again from its position.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::ledger::{self, Source};
use super::wire::Wire;
use super::{AGENT, SERVERS, World};
use crate::host;
use crate::limits;
use crate::outputs::elasticsearch::refusals::{Refusals, Wishes};
use crate::outputs::elasticsearch::secrets::Secrets;
use crate::outputs::elasticsearch::sender::Way;
use crate::outputs::elasticsearch::sender::{Learned, Report, Schedule, Sender};
use crate::outputs::elasticsearch::verdict::Rules;
use crate::outputs::leave::{Leave, Notice};
use crate::outputs::succession::Ways;
use crate::queue::ack::{Ack, Acknowledge};
use crate::queue::block::{Block, Spares};
use crate::queue::dead_letters::{DeadLetterSettings, DeadLetters, Repeated, StoragePolicy};
use crate::queue::disk::model::Model;
use crate::queue::ends::{self, DiskEnds, Inlet, Place};
use crate::queue::keeper::{Desk, Keeper, Using};
use crate::queue::positions::Positions;

const STREAM: &str = "readable";

/// A request has at most so much.
pub const BYTES_MAX: usize = 16_000;

fn schedule() -> Schedule {
    Schedule {
        bytes_max: BYTES_MAX,
        documents_max: 100,
        delay: Duration::from_millis(100),
        requests_max: 4,
        retry_initial: Duration::from_secs(2),
        retry_max: Duration::from_secs(64),
        resurrect_delay: Duration::from_secs(5),
        retry_age_max: None,
        rules: Rules::default(),
        secrets: Secrets::default(),
    }
}

/// One life of the process, with reloads in it. Most give what the output has in memory the time that it takes; some end with a
/// cut, and what was read and not acknowledged is read again.
pub async fn run(world: Arc<World>) -> turmoil::Result {
    let (inlet, desk, keeper) = open(&world).await;
    let keeper = tokio::spawn(keeper.run());
    let positions = Positions::open(&world.positions()).expect("the file can be read");
    world.ledger.lock().unwrap().position(position(&positions));
    let life = Life {
        world,
        inlet,
        desk,
        positions,
        ways: Ways::default(),
    };
    let saving = tokio::spawn(save(Arc::clone(&life.world), life.positions.clone()));
    let mut behind = JoinSet::new();
    let mut before = None;
    loop {
        let mut running = life.start(before.take());
        if life.lasts(&mut running, &mut behind).await == Lasts::Finishes {
            before = Some(running.give_way(&mut behind));
        } else {
            running.tasks.shutdown().await;
            behind.shutdown().await;
            life.world.ledger.lock().unwrap().empty_hands();
            life.world.connections.lock().unwrap().close_all(AGENT);
        }
        assert!(!keeper.is_finished(), "the keeper goes on");
        assert!(!saving.is_finished(), "positions are saved");
    }
}

/// What a process has beside its pipelines.
struct Life {
    world: Arc<World>,
    inlet: mpsc::Sender<Block>,
    desk: Arc<Desk>,
    positions: Positions,
    ways: Ways<Way>,
}

/// A pipeline.
struct Running {
    tasks: JoinSet<()>,
    teller: watch::Sender<Leave>,
    stop: watch::Sender<bool>,
    /// Where reading ended.
    reached: oneshot::Receiver<u64>,
}

/// How a reload ends a pipeline.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lasts {
    Finishes,
    IsCut,
}

impl Running {
    /// It delivers what it has read, in the background. Gives where reading will have ended.
    fn give_way(mut self, behind: &mut JoinSet<()>) -> oneshot::Receiver<u64> {
        self.teller.send_replace(Leave::Finishing);
        self.stop.send_replace(true);
        behind.spawn(async move {
            while let Some(ended) = self.tasks.join_next().await {
                ended.expect("no task panics");
            }
        });
        self.reached
    }
}

impl Life {
    /// Returns when a pipeline is replaced, and how. It goes on as long as one before it has something to deliver.
    async fn lasts(&self, running: &mut Running, behind: &mut JoinSet<()>) -> Lasts {
        let world = &self.world;
        let until_reload = Duration::from_millis(5_000 + world.roll(40_000) as u64);
        let reload = tokio::time::sleep(until_reload);
        tokio::pin!(reload);
        loop {
            tokio::select! {
                biased;
                Some(ended) = running.tasks.join_next() => ended.expect("no task panics"),
                Some(ended) = behind.join_next() => ended.expect("no task panics"),
                () = &mut reload, if !reload.is_elapsed() => match world.roll(4) {
                    0 if world.strikes("reload that cuts", 1) => return Lasts::IsCut,
                    1.. if behind.is_empty() && world.strikes("reload", 1) => return Lasts::Finishes,
                    _ => {}
                },
                // Everything is delivered.
                else => return std::future::pending().await,
            }
        }
    }

    /// Starts what a configuration starts: inputs and the output's task. What is read goes on where reading `before` ended.
    fn start(&self, before: Option<oneshot::Receiver<u64>>) -> Running {
        let spares = Spares::default();
        let (forward, outlet) = mpsc::channel(limits::BULK_BLOCKS_WAITING_MAX);
        let (encoders, encoders_end) = mpsc::channel(1);
        let (taker, taker_end) = mpsc::channel(1);
        self.desk.put(Using {
            forward: Some(forward),
            encoders: encoders_end,
            taker: taker_end,
            spares: spares.clone(),
        });
        let disk = DiskEnds {
            inlet: self.inlet.clone(),
            encoders,
            taker,
            outlet,
        };
        let world = &self.world;
        let (queue, waiting) = ends::queue(world.plan.policy.kind, Some(disk));
        let (teller, notice) = Notice::new();
        let (stop, stopped) = watch::channel(false);
        let (reach, reached) = oneshot::channel();
        let sender = self.sender(spares).told_by(notice);
        let mut tasks = JoinSet::new();
        tasks.spawn(sender.run(waiting));
        tasks.spawn(push(Arc::clone(world), queue.clone(), stopped.clone()));
        let reading = Reading {
            world: Arc::clone(world),
            queue,
            stop: stopped,
            positions: self.positions.clone(),
        };
        tasks.spawn(async move {
            let end = reading.run(before).await;
            // Nobody goes on from there in a life that ends.
            reach.send(end).unwrap_or(());
        });
        Running {
            tasks,
            teller,
            stop,
            reached,
        }
    }

    fn sender(&self, spares: Spares) -> Sender {
        let world = &self.world;
        let refusals = Arc::new(Refusals::new(
            Arc::clone(&world.metrics),
            Some(letters(world)),
            Wishes::default(),
        ));
        let names = SERVERS.map(str::to_owned).to_vec();
        let way = Way {
            schedule: schedule(),
            transport: Arc::new(Wire(Arc::clone(world))),
            hosts: names.clone(),
            refusals: Arc::clone(&refusals),
        };
        let metrics = Arc::clone(&world.metrics);
        let report = Report::new(metrics, refusals, names, false);
        let learned = Learned {
            spares,
            ..Learned::default()
        };
        let seed = world.roll(usize::MAX) as u64;
        let report = report.in_one_thread();
        let sender = Sender::new(&way, learned, report);
        let newer = self.ways.succeed(PathBuf::new(), |_| way);
        sender.going(newer).seeded(seed)
    }
}

/// Opens the queue. While the disk does not let it, the agent is started again each second, as a supervisor does.
async fn open(world: &World) -> (mpsc::Sender<Block>, Arc<Desk>, Keeper<Model>) {
    loop {
        let (inlet, incoming) = mpsc::channel(limits::BULK_BLOCKS_WAITING_MAX);
        let desk = Arc::new(Desk::default());
        let (disk, policy) = (world.disk.clone(), &world.plan.policy);
        match Keeper::open(disk, policy, &world.metrics, incoming, Arc::clone(&desk)) {
            Ok(keeper) => return (inlet, desk, keeper),
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

fn letters(world: &World) -> DeadLetters {
    let settings = DeadLetterSettings {
        folder: world.letters(),
        pipeline: "main".to_owned(),
        bytes_max: u64::MAX,
        policy: StoragePolicy::DropNewer,
        retain: None,
        repeated: Repeated::Known,
    };
    DeadLetters::with_own_ids(settings, &world.metrics.id)
}

fn position(positions: &Positions) -> u64 {
    let position = positions.safe(STREAM);
    position.and_then(|value| value.as_u64()).unwrap_or(0)
}

/// Events that nobody sends again: each is offered once.
async fn push(world: Arc<World>, queue: Inlet, stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let mut block = Block {
            received: host::now_nanos(),
            ..Block::default()
        };
        for _ in 0..1 + world.roll(3) {
            let most = 1 + world.roll(12) as u64;
            let events = world.ledger.lock().unwrap().offer_to_push(most);
            let promise = Promise {
                world: Arc::clone(&world),
                events: events.clone(),
            };
            fill(
                &mut block,
                &world,
                Source::Pushed,
                events,
                Ack::new(Arc::new(promise), 0),
            );
        }
        if block.is_empty() {
            return;
        }
        let put = queue.put_among_tasks(block, Place::Disk).await;
        assert!(put.is_ok(), "the queue is there");
        pause(&world).await;
    }
}

/// Events that are read from the position on.
struct Reading {
    world: Arc<World>,
    queue: Inlet,
    stop: watch::Receiver<bool>,
    positions: Positions,
}

impl Reading {
    /// Gives how far it has read.
    async fn run(self, before: Option<oneshot::Receiver<u64>>) -> u64 {
        let world = &self.world;
        let ended = match before {
            Some(before) => before.await.ok(),
            None => None,
        };
        let reached = self.positions.reached(STREAM);
        let mut next = reached.and_then(|value| value.as_u64()).unwrap_or(0);
        if let Some(ended) = ended.filter(|ended| *ended != next) {
            let what = format!("read to {ended}, and gone on with from {next}");
            world.ledger.lock().unwrap().break_with(what);
        }
        let stream = self.positions.stream(STREAM);
        while next < world.plan.readable && !*self.stop.borrow() {
            let end = (next + 1 + world.roll(30) as u64).min(world.plan.readable);
            world.ledger.lock().unwrap().offer_to_read(end);
            let position = stream.ack(json!(end));
            let place = self.queue.place(&position);
            let mut block = Block::default();
            let held = Arc::new(Held {
                world: Arc::clone(world),
                position: Mutex::new(Some(position)),
            });
            fill(&mut block, world, Source::Readable, next..end, Ack::none());
            let bytes = block.body.len();
            block.acks = vec![(0, Ack::new(held, bytes as u64))];
            world.ledger.lock().unwrap().take_in_hand(bytes);
            let put = self.queue.put_among_tasks(block, place).await;
            assert!(put.is_ok(), "the queue is there");
            next = end;
            pause(world).await;
        }
        next
    }
}

/// Writes positions down, as the agent does.
async fn save(world: Arc<World>, positions: Positions) {
    loop {
        tokio::time::sleep(limits::POSITIONS_SAVE_INTERVAL).await;
        let safe = position(&positions);
        positions.save().expect("the folder can be written");
        world.ledger.lock().unwrap().position(safe);
    }
}

/// The next events come soon, or after a while.
async fn pause(world: &World) {
    let longest = match world.roll(20) {
        0 => 8_000,
        _ => 400,
    };
    tokio::time::sleep(Duration::from_millis(world.roll(longest) as u64)).await;
}

/// Appends a batch of documents.
fn fill(block: &mut Block, world: &World, source: Source, events: Range<u64>, ack: Ack) {
    if events.is_empty() {
        return ack.settle();
    }
    block.acks.push((block.starts.len() as u32, ack));
    for number in events {
        let event = (source, number);
        let (id, document) = (ledger::id(event), ledger::source(world.plan.seed, event));
        block.starts.push(block.body.len() as u32);
        let lines = format!("{{\"create\":{{\"_index\":\"sim\",\"_id\":\"{id}\"}}}}\n{document}\n");
        block.body.extend_from_slice(lines.as_bytes());
    }
}

/// Notes what the queue on disk has promised.
struct Promise {
    world: Arc<World>,
    events: Range<u64>,
}

impl Acknowledge for Promise {
    fn acknowledge(&self, _: u64) {
        let mut ledger = self.world.ledger.lock().unwrap();
        ledger.acknowledge(Source::Pushed, self.events.clone());
    }
}

/// Lets the position move, and notes that so many bytes are no longer held.
struct Held {
    world: Arc<World>,
    position: Mutex<Option<Ack>>,
}

impl Acknowledge for Held {
    fn acknowledge(&self, bytes: u64) {
        self.world.ledger.lock().unwrap().let_go(bytes as usize);
        if let Some(position) = self.position.lock().unwrap().take() {
            position.settle();
        }
    }
}

/// Whether everything that was promised is where it belongs, and nothing waits on disk.
pub fn is_drained(world: &World) -> bool {
    let ledger = world.ledger.lock().unwrap();
    let waiting = world.metrics.gauge("queue_disk_documents").value();
    ledger.is_everything_read() && waiting == 0
}
