//! The queue on disk under fault: the agent dies in the middle of datagrams, which nobody sends again. Not here: its death
//! at the named points of the queue (`crash`).

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::oracle::Account;
use super::stage::{Plan, Stage};
use super::trial::Trial;
use super::writer::{BURST_MAX, Sent};
use crate::services::{START_MAX, elasticsearch, free_port, udp_is_bound, wait_until};

/// A queue before every output, with the smallest segments, so that they come and go.
pub const PERSISTED: [(&str, &str); 2] = [
    ("SAWLOG_QUEUE_TYPE", "persisted"),
    ("SAWLOG_QUEUE_PAGE_CAPACITY", "4194304"),
];

/// Datagrams between two faults.
const APART: (u64, u64) = (1000, 4000);

/// What may pass between a datagram's way to the socket and its place on disk, where others keep disk and processors busy. How
/// long it is on a machine at rest is measured by `sawlog-bench`.
const WINDOW_MAX: Duration = Duration::from_secs(2);

/// SIGKILL in the middle of datagrams. Those that were sent while nobody listened, or in the window before the kill, may
/// be missing; they are counted as unheard, and how long the window was is told. None may be missing of those that the
/// agent said were committed just before the kill.
pub fn datagrams(trial: &mut Trial) -> Account {
    let server = elasticsearch::shared();
    let port = free_port();
    let mut plan = Plan::new("pushed-killed", server.url());
    plan.datagrams = Some(port);
    let mut stage = Stage::start(&plan, server);
    let mut kills = Vec::new();
    // What each life had surely committed. It hears all datagrams in order from some number between these two on.
    let mut committed = Vec::new();
    let mut first_heard = 0..0;
    for _ in 0..trial.faults {
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        let count = stage.agent.counters()["queue_documents"];
        committed.push(first_heard.end..first_heard.start + count);
        let killed = Instant::now();
        stage.agent.kill();
        let next = stage.writer.written();
        stage.agent.spawn();
        wait_until(START_MAX, "the agent's socket", || udp_is_bound(port));
        let heard_before = first_heard.end;
        first_heard = next..stage.writer.written() + BURST_MAX;
        kills.push(Kill {
            at: killed,
            heard: heard_before..first_heard.end,
        });
        stage.recover(trial, server, Instant::now());
    }
    let sent = stage.writer.sent();
    let mut unheard = BTreeSet::new();
    for kill in &kills {
        let since = numbers_since(&sent, kill.at - WINDOW_MAX);
        unheard.extend(since.filter(|number| *number < kill.heard.end));
    }
    let told: u64 = committed
        .iter()
        .map(|numbers| numbers.clone().count() as u64)
        .sum();
    assert!(0 < told, "the agent told of what it had committed");
    unheard.retain(|number| !committed.iter().any(|numbers| numbers.contains(number)));
    let account = stage.finish_without(server, &mut unheard);
    eprintln!(
        "the longest window before a kill was {:?}",
        window(&sent, &kills, &unheard)
    );
    account
}

fn numbers_since(sent: &Sent, from: Instant) -> impl Iterator<Item = u64> {
    let later = sent.iter().filter(move |(_, at)| from <= *at);
    later.flat_map(|(numbers, _)| numbers.clone())
}

/// A kill.
struct Kill {
    at: Instant,
    /// From the first number that the agent surely heard on, to the first that the next one did.
    heard: Range<u64>,
}

/// From the oldest datagram that was heard and is missing to the kill after it.
fn window(sent: &Sent, kills: &[Kill], missing: &BTreeSet<u64>) -> Duration {
    let mut longest = Duration::ZERO;
    for Kill { at: killed, heard } in kills {
        let mut before = sent.iter().filter(|(numbers, at)| {
            at <= killed && heard.start <= numbers.start && numbers.end <= heard.end
        });
        let oldest = before.find(|(numbers, _)| numbers.clone().any(|one| missing.contains(&one)));
        longest = longest.max(oldest.map_or(Duration::ZERO, |(_, at)| *killed - *at));
    }
    longest
}
