//! The asynchronous part of the agent, the queue on disk and the sender, between a simulated disk, network and
//! Elasticsearch: one thread, virtual time, every fault chosen by a seed. `docs/simulation.md` tells what is simulated.

mod agent;
mod faults;
mod ledger;
mod letters;
mod server;
mod wire;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::metrics::{Metrics, PluginMetrics};
use crate::outputs::elasticsearch::PLUGIN;
use crate::plugin::Options;
use crate::queue::disk::model::{Dice, Model};
use crate::queue::policy::{Full, Kind, Policy};
use crate::simulation::{self, Course, Faults, Folder};
use faults::End;
use ledger::{Event, Ledger, Source};
use wire::Connections;

/// How often the simulated world looks at its hosts.
const TICK: Duration = Duration::from_millis(10);

/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(60);

/// How long everything may take to arrive once nothing goes wrong any more. A document can wait for
/// `retry_max_interval` before it is tried again, and again behind another one.
const DRAIN: Duration = Duration::from_secs(300);

/// The most that the readable stream may have in memory: two blocks that wait, four requests of `BYTES_MAX`, and as
/// much again that is tried once more or joined for the next request.
const IN_HAND_BYTES_MAX: usize = 12 * agent::BYTES_MAX;

const AGENT: &str = "agent";

const SERVERS: [&str; 2] = ["elastic0", "elastic1"];

/// What one seed decides for its whole run.
#[derive(Clone)]
struct Plan {
    seed: u64,
    policy: Policy,
    /// Events of the stream that is pushed and of the one that can be read again.
    pushed: u64,
    readable: u64,
    /// A document that the servers say they store, and do not: the oracle has to find that out.
    forgotten: Option<Event>,
}

impl Plan {
    fn of(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let full = match dice.roll(12) {
            0 => Full::DropOldest,
            1 => Full::DropNewest,
            _ => Full::Block,
        };
        let kind = match dice.roll(4) {
            0 if full == Full::Block => Kind::Persisted,
            _ => Kind::Auto,
        };
        Self {
            seed,
            policy: Policy {
                kind,
                full,
                bytes_max: 20_000 + 10_000 * dice.roll(8) as u64,
                segment_bytes: 2_000 + 1_000 * dice.roll(8) as u64,
                ..Policy::in_memory()
            },
            pushed: 1_000 + dice.roll(1_000) as u64,
            readable: 1_000 + dice.roll(1_000) as u64,
            forgotten: None,
        }
    }

    fn is_over_disk(&self) -> bool {
        self.policy.kind == Kind::Persisted
    }
}

/// What outlives the agent: the disk, what the servers hold, and what the test knows.
struct World {
    plan: Plan,
    dice: Mutex<Dice>,
    disk: Model,
    ledger: Mutex<Ledger>,
    faults: Mutex<Faults<End>>,
    connections: Mutex<Connections>,
    metrics: Arc<PluginMetrics>,
    /// Where the real file of positions lies; each run has a folder of its own.
    folder: Folder,
}

impl World {
    fn new(plan: Plan) -> Self {
        let options = Options::bare(PLUGIN.plugin, "output_elasticsearch_1");
        Self {
            dice: Mutex::new(Dice(plan.seed ^ 0x5a5a_5a5a)),
            disk: Model::default(),
            ledger: Mutex::new(Ledger::new(plan.clone())),
            faults: Mutex::default(),
            connections: Mutex::default(),
            metrics: Metrics::default().plugin(&options),
            folder: Folder::new(),
            plan,
        }
    }

    fn roll(&self, below: usize) -> usize {
        self.dice.lock().unwrap().roll(below)
    }

    /// Whether something that happens once in so many times happens now; never when the trouble is over.
    fn strikes(&self, kind: &'static str, one_in: usize) -> bool {
        let mut faults = self.faults.lock().unwrap();
        faults.strikes(kind, || self.roll(one_in))
    }

    fn positions(&self) -> PathBuf {
        self.folder.join("positions.json")
    }

    /// Where the real dead letters lie.
    fn letters(&self) -> PathBuf {
        self.folder.join("letters")
    }

    fn counter(&self, name: &'static str) -> u64 {
        self.metrics.counter(name).value()
    }

    /// The sum at the end.
    fn close(&self) -> Result<Outcome, String> {
        let ledger = self.ledger.lock().unwrap();
        let dropped = self.counter("queue_dropped_oldest") + self.counter("queue_dropped_newest");
        let letters = letters::read(&self.letters())?;
        ledger.close(dropped, self.metrics.failed.value(), &letters)
    }
}

/// What a run came to.
#[derive(Default)]
struct Outcome {
    course: Course,
    offered: u64,
    acknowledged: u64,
    delivered: u64,
    duplicates: u64,
    refused: u64,
    letters: u64,
    dropped: u64,
    lost: u64,
    in_hand_bytes_max: usize,
}

impl simulation::Outcome for Outcome {
    fn add(&mut self, other: Self) {
        self.course.add(other.course);
        self.offered += other.offered;
        self.acknowledged += other.acknowledged;
        self.delivered += other.delivered;
        self.duplicates += other.duplicates;
        self.refused += other.refused;
        self.letters += other.letters;
        self.dropped += other.dropped;
        self.lost += other.lost;
        self.in_hand_bytes_max = self.in_hand_bytes_max.max(other.in_hand_bytes_max);
    }
}

impl Outcome {
    fn tell(&self, seeds: usize) {
        println!(
            "simulation: seeds {seeds}, {}, offered {}, acknowledged {}, delivered {}, duplicates {}, refused {}, dead letters {}, dropped \
             and counted {}, most bytes in hand {}, lost {}",
            self.course,
            self.offered,
            self.acknowledged,
            self.delivered,
            self.duplicates,
            self.refused,
            self.letters,
            self.dropped,
            self.in_hand_bytes_max,
            self.lost
        );
    }
}

/// Runs one seed; the error says what went wrong.
fn run(seed: u64) -> Result<Outcome, String> {
    run_plan(Plan::of(seed))
}

fn run_plan(plan: Plan) -> Result<Outcome, String> {
    crate::host::clock::set(0);
    let world = Arc::new(World::new(plan));
    let mut sim = turmoil::Builder::new()
        .rng_seed(world.plan.seed)
        .epoch(std::time::UNIX_EPOCH + simulation::EPOCH)
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(200))
        .simulation_duration(TROUBLE * 100)
        .build();
    for name in SERVERS {
        let shared = Arc::clone(&world);
        sim.host(name, move || server::run(name, Arc::clone(&shared)));
    }
    let shared = Arc::clone(&world);
    sim.host(AGENT, move || agent::run(Arc::clone(&shared)));
    let step = |sim: &mut turmoil::Sim<'_>| sim.step().map(drop).map_err(|error| error.to_string());
    while sim.elapsed() < TROUBLE {
        faults::strike(&mut sim, &world);
        step(&mut sim)?;
        world.ledger.lock().unwrap().verdict()?;
    }
    faults::end(&mut sim, &world);
    let healed = sim.elapsed();
    while !agent::is_drained(&world) {
        if DRAIN < sim.elapsed() - healed {
            let ledger = world.ledger.lock().unwrap();
            return Err(format!("not drained in {DRAIN:?}: {}", ledger.tell()));
        }
        step(&mut sim)?;
        world.ledger.lock().unwrap().verdict()?;
    }
    let mut outcome = world
        .close()
        .map_err(|fault| format!("{fault}; counters {:?}", world.metrics.counters()))?;
    outcome.course = Course {
        virtual_time: sim.elapsed(),
        slowest_drain: sim.elapsed() - healed,
        faults: world.faults.lock().unwrap().counts().clone(),
    };
    Ok(outcome)
}

#[test]
fn nothing_acknowledged_is_lost_in_any_simulation() {
    let seeds = simulation::seeds();
    let test = "nothing_acknowledged_is_lost_in_any_simulation";
    let (outcome, faults) = simulation::run_all(&seeds, test, run);
    outcome.tell(seeds.len());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert_eq!(outcome.lost, 0);
    assert!(outcome.in_hand_bytes_max <= IN_HAND_BYTES_MAX);
    assert!(0 < outcome.delivered && 0 < outcome.course.total());
}

#[test]
fn a_server_that_forgets_one_document_is_found_out() {
    for source in [Source::Pushed, Source::Readable] {
        let forgotten = (source, 100);
        // No policy that drops, and no queue on disk that would be promised in its place.
        let plans = (0..).map(Plan::of);
        let mut plans =
            plans.filter(|plan| plan.policy.full == Full::Block && !plan.is_over_disk());
        let plan = plans.next().expect("there is a seed without them");
        let forgets = run_plan(Plan {
            forgotten: Some(forgotten),
            ..plan
        });
        let told = forgets.err().expect("the document is missed");
        let words = match source {
            Source::Pushed => "missing 1 [(Pushed, 100)]",
            Source::Readable => "passed event 100",
        };
        assert!(told.contains(words), "{told}");
    }
}
