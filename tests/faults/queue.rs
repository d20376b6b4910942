//! The queue on disk under fault: the agent dies at every named point of its write path, and in the middle of datagrams,
//! which nobody sends again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::agent::{Agent, Start};
use super::oracle::Account;
use super::record;
use super::refused;
use super::stage::{Plan, Stage};
use super::trial::Trial;
use super::writer::{BURST_MAX, Sent};
use crate::services::{START_MAX, elasticsearch, free_port, udp_is_bound, wait_until};

/// A queue before every output, with the smallest segments, so that they come and go.
pub const PERSISTED: [(&str, &str); 2] = [
    ("SAWLOG_QUEUE_TYPE", "persisted"),
    ("SAWLOG_QUEUE_PAGE_CAPACITY", "4194304"),
];

/// Lines so long that they fill a segment in one or two seconds.
fn long_line(source: &str, number: u64) -> String {
    record::long_line(source, number, 1500)
}

/// Kills when a point is reached for the first or the second time.
const ACTIONS: [&str; 2] = ["return", "1*off->return"];

/// Datagrams between two faults.
const APART: (u64, u64) = (1000, 4000);

/// What may pass between a datagram's way to the socket and its place on disk.
const WINDOW_MAX: Duration = Duration::from_millis(50);

/// The names of the points that begin so, as the agent's source has them.
fn points(rooms: &[&str]) -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/queue/crash.rs");
    let text = std::fs::read_to_string(&source).expect("the source is there");
    let names = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("=> \"")?;
        let (name, _) = rest.split_once('"')?;
        rooms
            .iter()
            .any(|room| name.starts_with(room))
            .then(|| name.to_owned())
    });
    names.collect()
}

/// The agent with the points compiled in, which `tests/run` puts there.
fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/failpoints/sawlog");
    assert!(
        program.exists(),
        "{} is not there: run tests/run once",
        program.display()
    );
    program
}

/// Dies at each point of the queue and of positions in turn, and is started again.
pub fn crash_points(trial: &mut Trial) -> Account {
    let mut plan = Plan::new("crash-points", elasticsearch::shared().url());
    plan.make = long_line;
    die_in_turn(trial, plan, &points(&["queue-", "file-"]))
}

/// The same at those of dead letters, among documents that do not fit.
pub fn crash_points_of_letters(trial: &mut Trial) -> Account {
    let mut plan = Plan::new("crash-letters", elasticsearch::shared().url());
    refused::make_misfits(&mut plan);
    die_in_turn(trial, plan, &points(&["letters-"]))
}

fn die_in_turn(trial: &mut Trial, plan: Plan, points: &[String]) -> Account {
    let faults = trial.faults as usize;
    assert!(!points.is_empty() && points.len() <= faults, "{points:?}");
    let server = elasticsearch::shared();
    let start = Start {
        program: Some(program()),
        environment: PERSISTED.to_vec(),
        ..Start::default()
    };
    let mut stage = Stage::start_with(&plan, server, |pipeline| Agent::start_as(pipeline, start));
    for point in points.iter().cycle().take(faults) {
        stage.agent.wait_until_ready();
        stage.agent.stop();
        let action = ACTIONS[trial.random(0, ACTIONS.len() as u64) as usize];
        let action = format!("{point}={action}");
        stage.agent.spawn_with(&[("FAILPOINTS", &action)]);
        stage.agent.wait_for_crash(&action);
        stage.agent.spawn();
        stage.recover(trial, server, Instant::now());
    }
    stage.finish(server)
}

/// SIGKILL in the middle of datagrams. Those that were sent while nobody listened, or in the window before the kill, may
/// be missing; they are counted as unheard, and how long the window was is told. None may be missing of those that the
/// agent said were committed just before the kill.
pub fn datagrams(trial: &mut Trial) -> Account {
    let server = elasticsearch::shared();
    let port = free_port();
    let mut plan = Plan::new("pushed-killed", server.url());
    plan.datagrams = Some(port);
    let mut stage = Stage::start(&plan, server);
    // When the agent was killed, and the first number that another one surely heard.
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
        first_heard = next..stage.writer.written() + BURST_MAX;
        kills.push((killed, first_heard.end));
        stage.recover(trial, server, Instant::now());
    }
    let sent = stage.writer.sent();
    let mut unheard = BTreeSet::new();
    for (killed, heard) in &kills {
        unheard.extend(numbers_since(&sent, *killed - WINDOW_MAX).filter(|number| number < heard));
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

/// From the oldest datagram that is missing to the kill after it.
fn window(sent: &Sent, kills: &[(Instant, u64)], missing: &BTreeSet<u64>) -> Duration {
    let mut longest = Duration::ZERO;
    for (killed, heard) in kills {
        let before = sent
            .iter()
            .filter(|(numbers, at)| at <= killed && numbers.end <= *heard);
        let mut recent = before.filter(|(_, at)| *killed - WINDOW_MAX <= *at);
        let oldest = recent.find(|(numbers, _)| numbers.clone().any(|one| missing.contains(&one)));
        longest = longest.max(oldest.map_or(Duration::ZERO, |(_, at)| *killed - *at));
    }
    longest
}
