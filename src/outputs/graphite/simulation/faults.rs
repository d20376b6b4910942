//! What goes wrong around the agent: its link, carbon, its clock, and its own death. Each fault is struck by the dice and ends
//! by itself, or when the trouble is over.

use std::time::Duration;

use super::{AGENT, CARBON, World};
use crate::host;

/// Where a fault strikes, and what its end mends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Link,
    Carbon,
    Agent,
}

/// Ends what is due, and begins something else now and then.
pub fn strike(sim: &mut turmoil::Sim<'_>, world: &World) {
    let due = world.faults.lock().unwrap().take_due(sim.elapsed());
    due.into_iter().for_each(|end| stop(sim, end));
    // About every other second, at ticks of ten milliseconds.
    if world.roll(200) == 0 {
        begin(sim, world);
    }
}

fn begin(sim: &mut turmoil::Sim<'_>, world: &World) {
    match world.roll(8) {
        0 => last(sim, world, "partition", End::Link, |sim| {
            sim.partition(AGENT, CARBON);
        }),
        1 => last(
            sim,
            world,
            "one-way partition",
            End::Link,
            |sim| match world.roll(2) {
                0 => sim.partition_oneway(AGENT, CARBON),
                _ => sim.partition_oneway(CARBON, AGENT),
            },
        ),
        2 => last(sim, world, "held messages", End::Link, |sim| {
            sim.hold(AGENT, CARBON);
        }),
        3 | 4 => last(sim, world, "carbon killed", End::Carbon, |sim| {
            sim.crash(CARBON);
            let now = sim.elapsed();
            let mut carbon = world.carbon.lock().unwrap();
            carbon.crash(now, || world.roll(2) == 0);
        }),
        5 | 6 => kill(sim, world),
        _ if world.plan.jumps => {
            world.faults.lock().unwrap().count("clock jump");
            let seconds = world.roll(200) as i64 - 100;
            host::clock::set(seconds * 1_000_000_000);
        }
        _ => {}
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
    let until = sim.elapsed() + Duration::from_millis(100 + world.roll(8_000) as u64);
    world.faults.lock().unwrap().begin(kind, until, end);
}

/// The agent dies and is started again, later than all that it had sent has arrived or is held up.
fn kill(sim: &mut turmoil::Sim<'_>, world: &World) {
    if world.faults.lock().unwrap().goes_on(End::Agent) {
        return;
    }
    sim.crash(AGENT);
    let until = sim.elapsed() + Duration::from_millis(200 + world.roll(1_000) as u64);
    let mut faults = world.faults.lock().unwrap();
    faults.begin("agent killed", until, End::Agent);
}

fn stop(sim: &mut turmoil::Sim<'_>, end: End) {
    match end {
        End::Link => {
            sim.repair(AGENT, CARBON);
            sim.release(AGENT, CARBON);
        }
        End::Carbon => sim.bounce(CARBON),
        End::Agent => sim.bounce(AGENT),
    }
}

/// The trouble is over: what was broken is mended.
pub fn end(sim: &mut turmoil::Sim<'_>, world: &World) {
    let ends = world.faults.lock().unwrap().end();
    ends.into_iter().for_each(|end| stop(sim, end));
}
