//! The sender with its sums and its state between a simulated network and a simulated carbon: one thread, virtual time, every
//! fault chosen by a seed. `docs/simulation.md` tells what is simulated.

mod agent;
mod carbon;
mod faults;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::ReadBuf;
use turmoil::net::TcpStream;

use crate::host;
use crate::metrics::{Metrics, PluginMetrics};
use crate::outputs::graphite::PLUGIN;
use crate::outputs::graphite::outside::Outside;
use crate::plugin::Options;
use crate::queue::disk::model::Dice;
use crate::simulation::{self, Course, Faults, Folder};
use carbon::Carbon;
use faults::End;

/// How often the simulated world looks at its hosts.
const TICK: Duration = Duration::from_millis(10);

/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(40);

/// How long everything may take to arrive once nothing goes wrong any more: what is held up waits for a time-out of ten
/// seconds, two flushes that fail after each other for two.
const DRAIN: Duration = Duration::from_secs(60);

const AGENT: &str = "agent";
const CARBON: &str = "carbon";

/// What one seed decides for its whole run.
struct Plan {
    readable: u64,
    /// Whether the time of day may jump. What belongs to an interval that is closed is then refused and counted.
    jumps: bool,
}

/// Events that were pushed to one life of the agent.
#[derive(Default)]
struct Pushed {
    offered: u64,
    /// Those that no kill may cost.
    acknowledged: u64,
}

/// What outlives the agent: what carbon holds, and what the test knows.
struct World {
    plan: Plan,
    dice: Mutex<Dice>,
    carbon: Mutex<Carbon>,
    /// Held by the one of carbon's connections that goes on next.
    turn: tokio::sync::Mutex<()>,
    /// By the agent's lives.
    pushed: Mutex<Vec<Pushed>>,
    faults: Mutex<Faults<End>>,
    /// The furthest position that was on disk.
    safe: AtomicU64,
    metrics: Arc<PluginMetrics>,
    /// Where the real files of positions and sums lie.
    folder: Folder,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed ^ 0x0c0a_4b04);
        let plan = Plan {
            readable: 300 + dice.roll(500) as u64,
            jumps: dice.roll(4) == 0,
        };
        let options = Options::bare(PLUGIN.plugin, "output_graphite_1");
        Self {
            plan,
            dice: Mutex::new(dice),
            carbon: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            pushed: Mutex::default(),
            faults: Mutex::default(),
            safe: AtomicU64::new(0),
            metrics: Metrics::default().plugin(&options),
            folder: Folder::new(),
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

    fn is_drained(&self) -> bool {
        let sums = self.carbon.lock().unwrap();
        let refused = self.refused();
        self.safe.load(Ordering::Relaxed) == self.plan.readable
            && self.plan.readable <= sums.sum(agent::READABLE) + refused
    }

    fn refused(&self) -> u64 {
        self.metrics.counter("samples_too_late").value()
    }

    /// The sum at the end: every event that is promised was counted once.
    fn close(&self) -> Result<Outcome, String> {
        let carbon = self.carbon.lock().unwrap();
        let refused = self.refused();
        if !self.plan.jumps && refused != 0 {
            return Err(format!("{refused} refused though the clock did not jump"));
        }
        // Each sample is an event here.
        let dropped = self.metrics.counter("dropped_too_late").value();
        if dropped != refused {
            return Err(format!("{dropped} events dropped, {refused} samples"));
        }
        let mut missing = 0;
        let mut outcome = Outcome {
            refused,
            ..Outcome::default()
        };
        let mut count = |stream: &str, offered: u64, endangered: u64| {
            let counted = carbon.sum(stream);
            outcome.offered += offered;
            outcome.counted += counted;
            outcome.endangered += endangered;
            match offered.checked_sub(counted) {
                Some(away) => missing += away.saturating_sub(endangered),
                None => return Err(format!("{stream}: {counted} counted of {offered}")),
            }
            Ok(offered - counted)
        };
        count(agent::READABLE, self.plan.readable, 0)?;
        let mut missing_pushed = 0;
        for (life, pushed) in self.pushed.lock().unwrap().iter().enumerate() {
            let endangered = pushed.offered - pushed.acknowledged;
            missing_pushed += count(&agent::pushed_in(life), pushed.offered, endangered)?;
        }
        if refused < missing {
            return Err(format!("{missing} lost, {refused} refused"));
        }
        outcome.missing_pushed = missing_pushed;
        Ok(outcome)
    }
}

/// The simulated network, as a sender sees it.
struct Simulated;

impl Outside for Simulated {
    type Stream = TcpStream;

    async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
        TcpStream::connect((host, port)).await
    }

    /// Held messages arrive in the order of their sending here, whatever their connection.
    fn reset_when_dropped(_: &TcpStream) -> io::Result<()> {
        Ok(())
    }

    fn is_ended(stream: &mut TcpStream) -> bool {
        let (mut byte, mut context) = ([0], Context::from_waker(Waker::noop()));
        match stream.poll_peek(&mut context, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Ok(bytes)) => bytes == 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        }
    }
}

/// What a run came to.
#[derive(Default)]
struct Outcome {
    course: Course,
    offered: u64,
    counted: u64,
    endangered: u64,
    missing_pushed: u64,
    refused: u64,
}

impl simulation::Outcome for Outcome {
    fn add(&mut self, other: Self) {
        self.course.add(other.course);
        self.offered += other.offered;
        self.counted += other.counted;
        self.endangered += other.endangered;
        self.missing_pushed += other.missing_pushed;
        self.refused += other.refused;
    }
}

impl Outcome {
    fn tell(&self, seeds: usize, failed: usize) {
        println!(
            "simulation of carbon: seeds {seeds}, {}, offered {}, counted {}, pushed and missing {} of {} that a kill may cost, \
             refused {}, seeds with a loss or a double {failed}",
            self.course,
            self.offered,
            self.counted,
            self.missing_pushed,
            self.endangered,
            self.refused,
        );
    }
}

/// Runs one seed; the error says what went wrong.
fn run(seed: u64) -> Result<Outcome, String> {
    run_world(seed, World::new(seed))
}

fn run_world(seed: u64, world: World) -> Result<Outcome, String> {
    host::clock::set(0);
    let world = Arc::new(world);
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .epoch(std::time::UNIX_EPOCH + simulation::EPOCH)
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(100))
        .simulation_duration(TROUBLE * 100)
        .build();
    let shared = Arc::clone(&world);
    sim.host(CARBON, move || carbon::run(Arc::clone(&shared)));
    let shared = Arc::clone(&world);
    sim.host(AGENT, move || agent::run(Arc::clone(&shared)));
    let step = |sim: &mut turmoil::Sim<'_>| sim.step().map(drop).map_err(|error| error.to_string());
    while sim.elapsed() < TROUBLE {
        faults::strike(&mut sim, &world);
        step(&mut sim)?;
    }
    faults::end(&mut sim, &world);
    let healed = sim.elapsed();
    while !world.is_drained() && sim.elapsed() - healed < DRAIN {
        step(&mut sim)?;
    }
    let drained = sim.elapsed();
    // What is sent once more, or late, must change nothing.
    while sim.elapsed() < drained + Duration::from_secs(15) {
        step(&mut sim)?;
    }
    if !world.is_drained() {
        let safe = world.safe.load(Ordering::Relaxed);
        let sums = world.close().err().unwrap_or_default();
        return Err(format!("not drained in {DRAIN:?}: position {safe}; {sums}"));
    }
    let mut outcome = world.close()?;
    outcome.course = Course {
        virtual_time: sim.elapsed(),
        slowest_drain: drained - healed,
        faults: world.faults.lock().unwrap().counts().clone(),
    };
    Ok(outcome)
}

#[test]
fn every_event_is_counted_once_in_any_simulation_of_carbon() {
    let seeds = simulation::seeds();
    let test = "every_event_is_counted_once_in_any_simulation_of_carbon";
    let (outcome, faults) = simulation::run_all(&seeds, test, run);
    outcome.tell(seeds.len(), faults.len());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(0 < outcome.counted && 0 < outcome.course.total());
}

#[test]
fn a_carbon_that_forgets_one_value_is_found_out() {
    let seed = 0;
    let world = World::new(seed);
    world.carbon.lock().unwrap().forgets = true;
    let told = run_world(seed, world).err().expect("the value is missed");
    assert!(told.contains("lost, 0 refused"), "{told}");
}
