//! What goes wrong around the agent: links, servers, its disk, and its own death. Each fault is struck by the dice and ends
//! by itself, or when the trouble is over.

use std::sync::Arc;
use std::time::Duration;

use super::{AGENT, SERVERS, TICK, World};
use crate::host;

/// Where a fault strikes, and what its end mends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Link(usize),
    Server(usize),
    Agent,
    Room,
}

/// Ends what is due, and begins something else now and then.
pub fn strike(sim: &mut turmoil::Sim<'_>, world: &Arc<World>) {
    let due = world.faults.lock().unwrap().take_due(sim.elapsed());
    for end in due {
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
                let until = sim.elapsed() + TICK * ticks as u32;
                faults.begin("power cut", until, End::Agent);
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
    world.faults.lock().unwrap().begin(kind, until, end);
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
    let ends = world.faults.lock().unwrap().end();
    for end in ends {
        stop(sim, world, end);
    }
    world.disk.fail_syncs(0);
}
