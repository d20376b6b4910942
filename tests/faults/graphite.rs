//! carbon under fault. An event is a count of one, so what the series adds up to is what was delivered.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::agent::Agent;
use super::killed;
use super::oracle::Account;
use super::stage::SOURCE;
use super::trial::Trial;
use super::writer::{Place, Writer};
use crate::services::carbon::Carbon;
use crate::services::{Scratch, poll};

/// Lines before a fault, and while it lasts.
const APART: (u64, u64) = (1000, 6000);

/// How soon after a fault what was written before its end has to be in the series.
const RECOVERY_MAX: Duration = Duration::from_secs(60);

const SERIES: &str = "faults.events";

fn sum(carbon: &Carbon) -> u64 {
    let values = carbon.points(SERIES).into_iter();
    values.map(|(_, value)| value as u64).sum()
}

/// Waits until the series adds up to so many events.
fn reach(carbon: &Carbon, least: u64) -> Result<(), String> {
    poll(RECOVERY_MAX, || match sum(carbon) {
        sum if least <= sum => Ok(()),
        sum => Err(format!("{sum} of {least} events in {SERIES}")),
    })
}

/// SIGKILL of carbon: what it had not written to its files is gone with it.
pub fn carbon_killed(trial: &mut Trial) -> Account {
    run(trial, |trial, carbon, _agent, writer| {
        carbon.kill();
        writer.wait_for(trial.random(APART.0, APART.1));
        carbon.start_again();
    })
}

/// SIGKILL of the agent: what it had counted since its last flush is read again.
pub fn agent_killed(trial: &mut Trial) -> Account {
    run(trial, |trial, _carbon, agent, writer| {
        killed::strike(trial, agent, writer);
    })
}

/// Counts lines while something is struck again and again.
fn run(
    trial: &mut Trial,
    mut strike: impl FnMut(&mut Trial, &mut Carbon, &mut Agent, &Writer),
) -> Account {
    let mut carbon = Carbon::start();
    let logs = Scratch::new("faults-logs");
    let path = logs.0.join("app.log");
    let mut agent = Agent::start(&format!(
        "input {{ file {{ path => \"{}\" start_position => \"beginning\" }} }}\n\
         output {{ graphite {{ host => \"127.0.0.1\" port => {} interval => 1 reconnect_interval => 1\n\
         counters => {{ \"{SERIES}\" => 1 }} }} }}\n",
        path.display(),
        carbon.port()
    ));
    let mut writer = Writer::start(SOURCE, Place::File(path));
    for _ in 0..trial.faults {
        writer.wait_for(trial.random(APART.0, APART.1));
        strike(trial, &mut carbon, &mut agent, &writer);
        let end = Instant::now();
        let written = writer.written();
        trial.note(end, reach(&carbon, written), &agent);
    }
    let offered = writer.stop();
    if let Err(state) = reach(&carbon, offered) {
        eprintln!(
            "not everything arrived: {state}; the agent's log:\n{}",
            agent.told()
        );
    }
    agent.stop();
    let delivered = sum(&carbon);
    Account {
        offered,
        delivered: delivered.min(offered),
        duplicate: delivered.saturating_sub(offered),
        dead: 0,
        dropped: BTreeMap::new(),
        pending: 0,
        lost: offered as i64 - delivered.min(offered) as i64,
        wrong: match delivered {
            delivered if delivered == offered => Vec::new(),
            delivered => vec![format!("{delivered} counted of {offered}")],
        },
    }
}
