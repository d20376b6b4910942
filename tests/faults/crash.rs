//! The agent dies by its own hand at every named point of the way to disk: of the queue, of positions, of dead letters, of
//! Graphite's sums. Each point strikes when it is passed for the first time and for the second, in turn.

use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::agent::{Agent, Start};
use super::graphite;
use super::oracle::Account;
use super::queue::PERSISTED;
use super::record;
use super::refused;
use super::stage::{Plan, Stage};
use super::trial::Trial;
use crate::services::elasticsearch;

/// Kills when a point is reached for the first or the second time.
const ACTIONS: [&str; 2] = ["return", "1*off->return"];

/// A point, and when it kills.
struct Death {
    point: String,
    /// The place in `ACTIONS`.
    passage: usize,
}

/// So many deaths at the points that begin so, one after the other: with as many deaths as points each has one, with twice
/// as many each has both of its own.
fn deaths(rooms: &[&str], count: u32) -> Vec<Death> {
    let (points, count) = (points(rooms), count as usize);
    assert!(!points.is_empty() && points.len() <= count, "{points:?}");
    let death = |number: usize| Death {
        point: points[number % points.len()].clone(),
        passage: (number % points.len() + number / points.len()) % ACTIONS.len(),
    };
    (0..count).map(death).collect()
}

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
fn start() -> Start {
    let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/failpoints/sawlog");
    assert!(
        program.exists(),
        "{} is not there: run tests/run once",
        program.display()
    );
    Start {
        program: Some(program),
        ..Start::default()
    }
}

/// Starts it again so that it dies there, and waits for that.
fn die(agent: &mut Agent, death: &Death) {
    die_at(
        agent,
        &format!("{}={}", death.point, ACTIONS[death.passage]),
    );
}

fn die_at(agent: &mut Agent, action: &str) {
    agent.wait_until_ready();
    agent.stop();
    agent.spawn_with(&[("FAILPOINTS", action)]);
    agent.wait_for_crash(action);
}

/// Lines so long that they fill a segment in one or two seconds.
fn long_line(source: &str, number: u64) -> String {
    record::long_line(source, number, 1500)
}

/// At each point of the queue and of positions.
pub fn queue(trial: &mut Trial) -> Account {
    let mut plan = Plan::new("crash-points", elasticsearch::shared().url());
    plan.make = long_line;
    let start = Start {
        environment: PERSISTED.to_vec(),
        ..start()
    };
    die_in_turn(trial, &plan, start, &["queue-", "file-"])
}

/// At each point of positions, without a queue on disk.
pub fn positions(trial: &mut Trial) -> Account {
    let plan = Plan::new("crash-positions", elasticsearch::shared().url());
    die_in_turn(trial, &plan, start(), &["file-"])
}

/// At those of dead letters, among documents that do not fit.
pub fn letters(trial: &mut Trial) -> Account {
    let mut plan = Plan::new("crash-letters", elasticsearch::shared().url());
    refused::make_misfits(&mut plan);
    let start = Start {
        environment: PERSISTED.to_vec(),
        ..start()
    };
    die_in_turn(trial, &plan, start, &["letters-"])
}

fn die_in_turn(trial: &mut Trial, plan: &Plan, start: Start, rooms: &[&str]) -> Account {
    let server = elasticsearch::shared();
    let mut stage = Stage::start_with(plan, server, |pipeline| Agent::start_as(pipeline, start));
    for death in deaths(rooms, trial.faults) {
        die(&mut stage.agent, &death);
        stage.agent.spawn();
        stage.recover(trial, server, Instant::now());
    }
    stage.finish(server)
}

/// At each point, once while Graphite's sums are saved and once while the positions that go with them are.
pub fn sums(trial: &mut Trial) -> Account {
    let mut deaths = deaths(&["file-"], trial.faults).into_iter();
    graphite::run_as(trial, start(), |_trial, _carbon, agent, _writer| {
        let death = deaths.next().expect("there is one for each fault");
        die_in_folder(agent, &death.point, SAVED[death.passage]);
        agent.spawn();
    })
}

/// Where the two files lie that pass the same points, mostly in turn.
const SAVED: [&str; 2] = ["graphite", "positions"];

/// So many passages are tried until the wanted file is met.
const PASSAGES_MAX: usize = 8;

fn die_in_folder(agent: &mut Agent, point: &str, folder: &str) {
    for passed in 0..PASSAGES_MAX {
        die_at(agent, &format!("{point}={passed}*off->return"));
        if last_written(&agent.data(), &SAVED) == folder {
            return;
        }
        agent.spawn();
    }
    panic!("{point}: {PASSAGES_MAX} passages, none of them in {folder}");
}

/// The folder with the file that was written to last.
fn last_written<'a>(data: &Path, folders: &[&'a str]) -> &'a str {
    let newest = |folder: &&&str| {
        let entries = std::fs::read_dir(data.join(folder)).into_iter().flatten();
        let written = |entry: DirEntry| entry.metadata().and_then(|found| found.modified()).ok();
        entries.flatten().filter_map(written).max()
    };
    folders.iter().max_by_key(newest).copied().unwrap_or("none")
}

#[test]
fn each_point_kills_when_it_is_passed_first_and_when_it_is_passed_again() {
    for (rooms, least) in [(&["queue-", "file-"][..], 14), (&["letters-"], 2)] {
        let mut told: Vec<_> = deaths(rooms, 2 * least)
            .into_iter()
            .map(|death| (death.point, death.passage))
            .collect();
        assert!(told.iter().take(2).any(|(_, passage)| *passage == 1));
        told.sort();
        told.dedup();
        assert_eq!(told.len(), 2 * least as usize, "{told:?}");
    }
}
