//! carbon under fault. An event is a count of one in the series of its number's last digit, so what those add up to is what
//! was delivered; a loss and a double do not make up for each other unless both have the same digit.

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

/// What all series begin with; a digit follows.
const SERIES: &str = "faults.events";

/// Digits, and so series.
const DIGITS: u64 = 10;

/// What the series of each digit adds up to.
fn sums(carbon: &Carbon) -> Vec<u64> {
    let sum = |digit: u64| {
        let points = carbon.points(&format!("{SERIES}.{digit}"));
        points.iter().map(|(_, value)| *value as u64).sum()
    };
    (0..DIGITS).map(sum).collect()
}

/// What they have to add up to when the first so many events were counted.
fn offered_sums(offered: u64) -> Vec<u64> {
    let with_digit = |digit: u64| offered.saturating_sub(digit).div_ceil(DIGITS);
    (0..DIGITS).map(with_digit).collect()
}

/// Waits until the series add up to so many events.
fn reach(carbon: &Carbon, least: u64) -> Result<(), String> {
    poll(RECOVERY_MAX, || match sums(carbon).iter().sum::<u64>() {
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
         filter {{ grok {{ match => {{ \"message\" => \"^{SOURCE} [0-9]*(?<digit>[0-9]) [0-9a-f]{{16}} \" }} }} }}\n\
         output {{ graphite {{ host => \"127.0.0.1\" port => {} interval => 1 reconnect_interval => 1\n\
         counters => {{ \"{SERIES}.%{{digit}}\" => 1 }} }} }}\n",
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
    account(&offered_sums(offered), &sums(&carbon))
}

/// What became of events that are known by their digits alone.
fn account(offered: &[u64], found: &[u64]) -> Account {
    let pairs = || offered.iter().zip(found);
    let delivered = pairs().map(|(offered, found)| *offered.min(found)).sum();
    let all = offered.iter().sum::<u64>();
    Account {
        offered: all,
        delivered,
        duplicate: pairs()
            .map(|(offered, found)| found.saturating_sub(*offered))
            .sum(),
        dead: 0,
        dropped: BTreeMap::new(),
        pending: 0,
        lost: (all - delivered) as i64,
        wrong: match offered == found {
            true => Vec::new(),
            false => vec![format!("by last digit {found:?} counted of {offered:?}")],
        },
    }
}

#[test]
fn a_loss_and_a_double_do_not_make_up_for_each_other() {
    let offered = offered_sums(23);
    assert_eq!(offered, [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]);
    let mut found = offered.clone();
    assert!(account(&offered, &found).wrong.is_empty());
    (found[0], found[9]) = (2, 3);
    let told = account(&offered, &found);
    assert_eq!((told.delivered, told.duplicate, told.lost), (22, 1, 1));
    assert_eq!(told.wrong.len(), 1);
}
