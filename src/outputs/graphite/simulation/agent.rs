//! The simulated agent: the real sender, sums, state and positions, with two streams of samples in the place of inputs and
//! workers. One stream is pushed and never comes again; the other is read again from its position.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{CARBON, Pushed, Simulated, World};
use crate::host;
use crate::limits;
use crate::outputs::graphite::connection::Connection;
use crate::outputs::graphite::encode::Samples;
use crate::outputs::graphite::points::Protocol;
use crate::outputs::graphite::sender::{self, Settings, State};
use crate::outputs::graphite::slots::{Kind, Slots};
use crate::outputs::graphite::store;
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
    let state = store::path(&world.folder, "a");
    store::catch_up(&state);
    let positions = Positions::open(&world.folder.join("positions.json")).expect("it can be read");
    let next = position(&positions);
    assert!(
        world.safe.load(Ordering::Relaxed) <= next,
        "a position never goes back"
    );
    let (queue, samples) = mpsc::channel(limits::SAMPLE_BLOCKS_WAITING_MAX);
    let (_no_heir, heirs) = mpsc::channel(1);
    let settings = Settings {
        interval: INTERVAL,
        reconnect: Duration::from_secs(2),
        protocol: Protocol::Plaintext,
    };
    let connection = Connection::<Simulated>::new(CARBON.to_owned(), super::carbon::PORT);
    let mut output = tokio::spawn(sender::run(
        settings,
        Some(State { path: state, heirs }),
        Slots::new(INTERVAL.as_secs() as i64, &[]),
        connection,
        Arc::clone(&world.metrics),
        samples,
    ));
    let life = {
        let mut pushed = world.pushed.lock().unwrap();
        pushed.push(Pushed::default());
        pushed.len() - 1
    };
    let mut inputs = JoinSet::new();
    inputs.spawn(push(Arc::clone(world), life, queue.clone()));
    inputs.spawn(read(
        Arc::clone(world),
        queue.clone(),
        positions.clone(),
        next,
    ));
    inputs.spawn(save(Arc::clone(world), positions.clone()));
    drop(queue);
    let life = Duration::from_millis(3_000 + world.roll(20_000) as u64);
    let until_end = async {
        tokio::time::sleep(life).await;
        if !world.faults.lock().unwrap().is_on() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        _ = &mut output => panic!("an output runs as long as there are encoders"),
        () = until_end => {}
    }
    // What an input gave out of its hands reaches the output; then the encoders are gone.
    inputs.shutdown().await;
    output.await.expect("no task panics");
    positions.save().expect("the folder can be written");
    note(world, &positions);
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
async fn read(world: Arc<World>, queue: mpsc::Sender<Samples>, positions: Positions, next: u64) {
    let stream = positions.stream(READABLE);
    let mut next = next;
    while next < world.plan.readable {
        let end = (next + 1 + world.roll(20) as u64).min(world.plan.readable);
        let mut block = samples(&world, READABLE, end - next);
        block.is_rereadable = true;
        let ack = stream.ack(json!(end));
        let other = ack.clone();
        block.acks.push(ack);
        queue.send(block).await.expect("the output is there");
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
    tokio::time::sleep(Duration::from_millis(world.roll(longest) as u64)).await;
}
