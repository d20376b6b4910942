//! What goes wrong around the agent: its link, carbon, its clock, and its own death. Each fault is struck by the dice and ends
//! by itself, or when the trouble is over.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{AGENT, CARBON, World};
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
    Link,
    Carbon,
    Agent,
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
}

/// Ends what is due, and begins something else now and then.
pub fn strike(sim: &mut turmoil::Sim<'_>, world: &World) {
    let now = sim.elapsed();
    let all = std::mem::take(&mut world.faults.lock().unwrap().ends);
    let (due, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|(end, _)| *end <= now);
    world.faults.lock().unwrap().ends = later;
    due.into_iter().for_each(|(_, end)| stop(sim, end));
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
    let goes_on = |(_, known): &(Duration, End)| *known == end;
    if world.faults.lock().unwrap().ends.iter().any(goes_on) {
        return;
    }
    begin(sim);
    let until = sim.elapsed() + Duration::from_millis(100 + world.roll(8_000) as u64);
    let mut faults = world.faults.lock().unwrap();
    faults.count(kind);
    faults.ends.push((until, end));
}

/// The agent dies and is started again, later than all that it had sent has arrived or is held up.
fn kill(sim: &mut turmoil::Sim<'_>, world: &World) {
    let goes_on = |(_, known): &(Duration, End)| *known == End::Agent;
    if world.faults.lock().unwrap().ends.iter().any(goes_on) {
        return;
    }
    sim.crash(AGENT);
    let until = sim.elapsed() + Duration::from_millis(200 + world.roll(1_000) as u64);
    let mut faults = world.faults.lock().unwrap();
    faults.count("agent killed");
    faults.ends.push((until, End::Agent));
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
    let ends = {
        let mut faults = world.faults.lock().unwrap();
        faults.is_over = true;
        std::mem::take(&mut faults.ends)
    };
    ends.into_iter().for_each(|(_, end)| stop(sim, end));
}
