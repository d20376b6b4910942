//! The simulated agent: the real sender, sums, state and positions, with two streams of samples in the place of inputs and
//! workers. One stream is pushed and never comes again; the other is read again from its position.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::{CARBON, Pushed, Simulated, World};
use crate::host;
use crate::limits;
use crate::outputs::graphite::connection::Connection;
use crate::outputs::graphite::encode::Samples;
use crate::outputs::graphite::points::Protocol;
use crate::outputs::graphite::sender::{self, Settings, State};
use crate::outputs::graphite::slots::{Kind, Slots};
use crate::outputs::graphite::store;
use crate::outputs::graphite::succession::Writers;
use crate::queue::ack::{Ack, Acknowledge};
use crate::queue::positions::Positions;

/// What the paths of the stream begin with that is read again.
pub const READABLE: &str = "readable";

/// What the paths of the stream begin with that is pushed to a life of the agent.
pub fn pushed_in(life: usize) -> String {
    format!("pushed-{life}-")
}

/// Short intervals, so that many of them end in a run.
const INTERVAL: Duration = Duration::from_secs(1);

/// One life of the process after another: each ends by itself, as on SIGTERM, or is killed.
pub async fn run(world: Arc<World>) -> turmoil::Result {
    loop {
        live(&world).await;
        world.strikes("agent ended and started", 1);
    }
}

async fn live(world: &Arc<World>) {
    store::catch_up(&store::path(&world.folder, "a"));
    let positions = Positions::open(&world.folder.join("positions.json")).expect("it can be read");
    assert!(
        world.safe.load(Ordering::Relaxed) <= position(&positions),
        "a position never goes back"
    );
    let life = {
        let mut pushed = world.pushed.lock().unwrap();
        pushed.push(Pushed::default());
        pushed.len() - 1
    };
    let mut saver = JoinSet::new();
    saver.spawn(save(Arc::clone(world), positions.clone()));
    let mut agent = Agent {
        world: Arc::clone(world),
        life,
        positions: positions.clone(),
        writers: Writers::default(),
        pushing: JoinSet::new(),
        reading: JoinSet::new(),
        outputs: Vec::new(),
    };
    let queue = agent.start_output();
    agent.push_to(queue.clone());
    agent.read_to(queue);
    let life = Duration::from_millis(3_000 + world.roll(20_000) as u64);
    let until_end = async {
        tokio::time::sleep(life).await;
        if !world.faults.lock().unwrap().is_on() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = agent.reload_now_and_then() => {}
        () = until_end => {}
    }
    let last = agent.outputs.last().expect("there is one");
    assert!(
        !last.is_finished(),
        "an output runs as long as there are encoders"
    );
    saver.shutdown().await;
    agent.end().await;
    positions.save().expect("the folder can be written");
    note(world, &positions);
}

/// What runs in one life of the process.
struct Agent {
    world: Arc<World>,
    life: usize,
    positions: Positions,
    writers: Writers,
    pushing: JoinSet<()>,
    reading: JoinSet<()>,
    outputs: Vec<JoinHandle<()>>,
}

impl Agent {
    /// Starts an output, which takes over from the one before it; gives the queue before it.
    fn start_output(&mut self) -> mpsc::Sender<Samples> {
        let path = store::path(&self.world.folder, "a");
        let state = State {
            place: self.writers.succeed(&path),
            path,
        };
        let settings = Settings {
            interval: INTERVAL,
            reconnect: Duration::from_secs(2),
            protocol: Protocol::Plaintext,
        };
        let (queue, samples) = mpsc::channel(limits::SAMPLE_BLOCKS_WAITING_MAX);
        self.outputs.push(tokio::spawn(sender::run(
            settings,
            Some(state),
            Slots::new(INTERVAL.as_secs() as i64, &[]),
            Connection::<Simulated>::new(CARBON.to_owned(), super::carbon::PORT),
            Arc::clone(&self.world.metrics),
            samples,
        )));
        queue
    }

    fn push_to(&mut self, queue: mpsc::Sender<Samples>) {
        let input = push(Arc::clone(&self.world), self.life, queue);
        self.pushing.spawn(input);
    }

    fn read_to(&mut self, queue: mpsc::Sender<Samples>) {
        let positions = self.positions.clone();
        self.reading
            .spawn(read(Arc::clone(&self.world), queue, positions));
    }

    /// Reloads after a while, or soon after the last time, as long as there is trouble.
    async fn reload_now_and_then(&mut self) {
        loop {
            let longest = match self.world.roll(4) {
                0 => 50,
                _ => 12_000,
            };
            sleep(&self.world, longest).await;
            match self.world.strikes("reload", 1) {
                true => self.reload().await,
                false => std::future::pending().await,
            }
        }
    }

    /// The new output begins while encoders of the old one still have something; what is read goes on once they are done.
    async fn reload(&mut self) {
        let queue = self.start_output();
        let mut replaced = std::mem::take(&mut self.pushing);
        self.push_to(queue.clone());
        sleep(&self.world, 1_000).await;
        replaced.shutdown().await;
        self.reading.shutdown().await;
        self.read_to(queue);
    }

    /// What an input gave out of its hands reaches the output; then the encoders are gone.
    async fn end(mut self) {
        self.pushing.shutdown().await;
        self.reading.shutdown().await;
        for output in self.outputs {
            output.await.expect("no task panics");
        }
    }
}

fn position(positions: &Positions) -> u64 {
    let position = positions.safe(READABLE);
    position.and_then(|value| value.as_u64()).unwrap_or(0)
}

fn note(world: &World, positions: &Positions) {
    world.safe.fetch_max(position(positions), Ordering::Relaxed);
}

/// Samples of so many events: some come late, and some early.
fn samples(world: &World, stream: &str, events: u64) -> Samples {
    let now = host::now_nanos() / 1_000_000_000;
    let paths: Vec<String> = (0..events)
        .map(|_| format!("{stream}.{}", world.roll(3)))
        .collect();
    let sample = |path: &String| {
        let time = match world.roll(10) {
            0 => now - world.roll(20) as i64,
            1 => now + world.roll(3) as i64,
            _ => now,
        };
        (time, path.clone())
    };
    let all: Vec<(i64, String)> = paths.iter().map(sample).collect();
    let all: Vec<(Kind, &str, i64, f64)> = all
        .iter()
        .map(|(time, path)| (Kind::Counter, path.as_str(), *time, 1.0))
        .collect();
    let mut samples = Samples::of(&all);
    samples.events = events;
    samples
}

/// Hears how many of the events that were pushed to a life are safe.
struct Ear {
    world: Arc<World>,
    life: usize,
}

impl Acknowledge for Ear {
    fn acknowledge(&self, events: u64) {
        if let Some(life) = self.world.pushed.lock().unwrap().get_mut(self.life) {
            life.acknowledged += events;
        }
    }
}

/// Events that nobody sends again.
async fn push(world: Arc<World>, life: usize, queue: mpsc::Sender<Samples>) {
    while world.faults.lock().unwrap().is_on() {
        let permit = queue.reserve().await.expect("the output is there");
        let events = 1 + world.roll(10) as u64;
        let mut block = samples(&world, &pushed_in(life), events);
        let ear = Ear {
            world: Arc::clone(&world),
            life,
        };
        block.acks.push(Ack::new(Arc::new(ear), events));
        if let Some(life) = world.pushed.lock().unwrap().get_mut(life) {
            life.offered += events;
        }
        permit.send(block);
        pause(&world).await;
    }
    std::future::pending().await
}

/// Events that are read from the position on.
async fn read(world: Arc<World>, queue: mpsc::Sender<Samples>, positions: Positions) {
    let reached = positions.reached(READABLE);
    let mut next = reached.and_then(|value| value.as_u64()).unwrap_or(0);
    let stream = positions.stream(READABLE);
    while next < world.plan.readable {
        let permit = queue.reserve().await.expect("the output is there");
        let end = (next + 1 + world.roll(20) as u64).min(world.plan.readable);
        let mut block = samples(&world, READABLE, end - next);
        block.is_rereadable = true;
        let ack = stream.ack(json!(end));
        let other = ack.clone();
        block.acks.push(ack);
        permit.send(block);
        next = end;
        // Another output has the batch too, and needs a while.
        let slow = Duration::from_millis(world.roll(1_500) as u64);
        match world.roll(3) {
            0 => drop(tokio::spawn(async move {
                tokio::time::sleep(slow).await;
                other.settle();
            })),
            _ => other.settle(),
        }
        pause(&world).await;
    }
    std::future::pending().await
}

/// Writes positions down, as the agent does.
async fn save(world: Arc<World>, positions: Positions) {
    loop {
        tokio::time::sleep(limits::POSITIONS_SAVE_INTERVAL).await;
        positions.save().expect("the folder can be written");
        note(&world, &positions);
    }
}

/// The next events come soon, or after a while.
async fn pause(world: &World) {
    let longest = match world.roll(20) {
        0 => 4_000,
        _ => 400,
    };
    sleep(world, longest).await;
}

async fn sleep(world: &World, longest_millis: usize) {
    tokio::time::sleep(Duration::from_millis(world.roll(longest_millis) as u64)).await;
}
