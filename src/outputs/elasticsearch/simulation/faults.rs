//! What goes wrong around the agent: links, servers, its disk, and its own death. Each fault is struck by the dice and ends
//! by itself, or when the trouble is over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{AGENT, SERVERS, TICK, World};
use crate::host;

/// Faults that are going on, and how many of each kind there were.
#[derive(Default)]
pub struct Faults {
    is_over: bool,
    counts: BTreeMap<&'static str, u64>,
    /// What is to end, and when.
    ends: Vec<(Duration, End)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Link(usize),
    Server(usize),
    Agent,
    Room,
}

impl Faults {
    pub fn is_on(&self) -> bool {
        !self.is_over
    }

    pub fn count(&mut self, kind: &'static str) {
        *self.counts.entry(kind).or_default() += 1;
    }

    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    fn goes_on(&self, end: End) -> bool {
        self.ends.iter().any(|(_, known)| *known == end)
    }
}

/// Ends what is due, and begins something else now and then.
pub fn strike(sim: &mut turmoil::Sim<'_>, world: &Arc<World>) {
    let now = sim.elapsed();
    let due = {
        let mut faults = world.faults.lock().unwrap();
        let all = std::mem::take(&mut faults.ends).into_iter();
        let (due, later): (Vec<_>, Vec<_>) = all.partition(|(end, _)| *end <= now);
        faults.ends = later;
        due
    };
    for (_, end) in due {
        stop(sim, world, end);
    }
    // About every other second, at ticks of ten milliseconds.
    if world.roll(200) == 0 {
        begin(sim, world);
    }
}

fn begin(sim: &mut turmoil::Sim<'_>, world: &Arc<World>) {
    let server = world.roll(SERVERS.len());
    match world.roll(11) {
        0 | 1 => last(sim, world, "partition", End::Link(server), |sim| {
            sim.partition(AGENT, SERVERS[server]);
        }),
        2 => last(sim, world, "one-way partition", End::Link(server), |sim| {
            sim.partition_oneway(SERVERS[server], AGENT);
        }),
        3 => last(sim, world, "held messages", End::Link(server), |sim| {
            sim.hold(AGENT, SERVERS[server]);
        }),
        4 => last(sim, world, "server crash", End::Server(server), |sim| {
            sim.crash(SERVERS[server]);
        }),
        5 => die(sim, world, "agent killed"),
        6 => {
            let (operations, ticks) = (world.roll(8) as u64, world.roll(100) as u64);
            let mut faults = world.faults.lock().unwrap();
            if !faults.goes_on(End::Agent) {
                // Nothing is written from then on; the agent itself goes a little later.
                world.disk.die_after(operations);
                faults.count("power cut");
                faults
                    .ends
                    .push((sim.elapsed() + TICK * ticks as u32, End::Agent));
            }
        }
        7 => die(sim, world, "agent and page cache lost"),
        8 => {
            // By up to twenty years, either way; it stays so until the next jump.
            let days = world.roll(2 * 20 * 365) as i64 - 20 * 365;
            host::clock::set(days * 86_400 * 1_000_000_000);
            world.faults.lock().unwrap().count("clock jump");
        }
        9 => {
            world.disk.fail_syncs(1 + world.roll(3) as u32);
            world.faults.lock().unwrap().count("failed syncs");
        }
        _ => last(sim, world, "disk full", End::Room, |_| {
            world.disk.fill(Some(world.roll(3_000) as u64));
        }),
    }
}

/// Begins a fault of some seconds, unless one of its place is going on.
fn last(
    sim: &mut turmoil::Sim<'_>,
    world: &World,
    kind: &'static str,
    end: End,
    begin: impl FnOnce(&mut turmoil::Sim<'_>),
) {
    if world.faults.lock().unwrap().goes_on(end) {
        return;
    }
    begin(sim);
    let until = sim.elapsed() + Duration::from_millis(100 + world.roll(15_000) as u64);
    let mut faults = world.faults.lock().unwrap();
    faults.count(kind);
    faults.ends.push((until, end));
}

/// The agent dies and is started again at once.
fn die(sim: &mut turmoil::Sim<'_>, world: &World, kind: &'static str) {
    if world.faults.lock().unwrap().goes_on(End::Agent) {
        return;
    }
    world.faults.lock().unwrap().count(kind);
    sim.crash(AGENT);
    if kind != "agent killed" {
        world.disk.crash(&mut world.dice.lock().unwrap());
    }
    restart(sim, world);
}

fn restart(sim: &mut turmoil::Sim<'_>, world: &World) {
    world.ledger.lock().unwrap().empty_hands();
    sim.bounce(AGENT);
}

fn stop(sim: &mut turmoil::Sim<'_>, world: &World, end: End) {
    match end {
        End::Link(server) => {
            sim.repair(AGENT, SERVERS[server]);
            sim.release(AGENT, SERVERS[server]);
        }
        End::Server(server) => sim.bounce(SERVERS[server]),
        End::Agent => {
            sim.crash(AGENT);
            world.disk.crash(&mut world.dice.lock().unwrap());
            restart(sim, world);
        }
        End::Room => world.disk.fill(None),
    }
}

/// The trouble is over: what was broken is mended.
pub fn end(sim: &mut turmoil::Sim<'_>, world: &World) {
    let ends = {
        let mut faults = world.faults.lock().unwrap();
        faults.is_over = true;
        std::mem::take(&mut faults.ends)
    };
    for (_, end) in ends {
        stop(sim, world, end);
    }
    world.disk.fail_syncs(0);
}
