//! What most kinds share: a writer, an agent that follows its log, and an index of Elasticsearch of their own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use super::agent::Agent;
use super::oracle::{Account, Events, Found};
use super::record;
use super::subject::Subject;
use super::trial::Trial;
use super::writer::{Make, Place, RATE, Writer};
use crate::services::elasticsearch::Elasticsearch;
use crate::services::{START_MAX, Scratch, poll, udp_is_bound, wait_until};

/// How soon after a fault an event that was written after it has to be found. Waits between tries grow to two seconds
/// here, a debug build starts in one, what was written meanwhile goes first, and other tests take their share of the machine.
const RECOVERY_MAX: Duration = Duration::from_secs(120);

/// When an event that is waited for may be lost, and a later one will do as well.
const CHOICE: Duration = Duration::from_secs(2);

/// How long the rest may take to be delivered.
pub const DRAIN_MAX: Duration = Duration::from_secs(120);

/// Waits of the output, shorter than by default so that many faults fit into a test.
pub const PATIENCE: &str =
    "retry_initial_interval => 1 retry_max_interval => 2 resurrect_delay => 1";

/// An output's time-out where a server does not answer, in seconds. A long request takes Elasticsearch seconds as well on
/// a machine that compiles beside it.
pub const TIMEOUT_SHORT: u32 = 10;

/// The one source of most runs.
pub const SOURCE: &str = "app";

/// How a run differs from a plain one: a log file, lines as they are, Elasticsearch asked directly.
pub struct Plan<'a> {
    /// The index.
    pub name: &'a str,
    /// Where the agent is told that Elasticsearch is.
    pub url: String,
    /// Options of the file input.
    pub input: &'a str,
    /// Lines come by syslog to this port of UDP, and not by a file.
    pub datagrams: Option<u16>,
    /// Rotate after so many lines, and keep so many files.
    pub rotation: Option<(u64, u32)>,
    pub make: Make,
    pub mapping: serde_json::Value,
    /// The output's time-out in seconds.
    pub timeout: u32,
    /// A filter section.
    pub filter: &'a str,
    /// How long the rest may take to be delivered.
    pub drain: Duration,
}

impl<'a> Plan<'a> {
    pub fn new(name: &'a str, url: String) -> Plan<'a> {
        Plan {
            name,
            url,
            input: "",
            datagrams: None,
            rotation: None,
            make: record::line,
            timeout: 60,
            filter: "",
            drain: DRAIN_MAX,
            mapping: json!({"dynamic": false, "properties": {"message": {"type": "text"}}}),
        }
    }
}

/// A running set.
pub struct Stage {
    pub agent: Agent,
    pub writer: Writer,
    pub index: String,
    pipeline: String,
    drain: Duration,
    _logs: Scratch,
}

impl Stage {
    /// Makes the index, starts the writer and an agent that reads from it, and waits for the first event to be found.
    #[track_caller]
    pub fn start(plan: &Plan, server: &Elasticsearch) -> Stage {
        Stage::start_with(plan, server, Agent::start)
    }

    /// The same with an agent of the caller's making.
    #[track_caller]
    pub fn start_with(
        plan: &Plan,
        server: &Elasticsearch,
        start: impl FnOnce(&str) -> Agent,
    ) -> Stage {
        let index = format!("faults-{}", plan.name);
        make_index(server, &index, &plan.mapping);
        let logs = Scratch::new("faults-logs");
        let path = logs.0.join("app.log");
        let file = path.clone();
        let place = match (plan.datagrams, plan.rotation) {
            (Some(port), _) => Place::Datagrams(port),
            (None, None) => Place::File(file),
            (None, Some((lines, kept))) => Place::Rotated {
                path: file,
                lines,
                kept,
            },
        };
        let pipeline = Subject::chosen().configuration(plan, &path, &index);
        let agent = start(&pipeline);
        if let Some(port) = plan.datagrams {
            wait_until(START_MAX, "the agent's socket", || udp_is_bound(port));
        }
        let writer = Writer::start_with(SOURCE, place, RATE, plan.make);
        let stage = Stage {
            agent,
            writer,
            index,
            pipeline,
            drain: plan.drain,
            _logs: logs,
        };
        wait_until_found(server, &stage.index, 0);
        stage
    }

    pub fn pipeline(&self) -> &str {
        &self.pipeline
    }

    /// SIGKILL of Elasticsearch. At its start it reads its translog again, of the whole run if that was never flushed.
    #[track_caller]
    pub fn kill(&self, server: &mut Elasticsearch) {
        server.ask("POST", &format!("/{}/_flush", self.index), None);
        server.kill();
    }

    /// Waits until an event is found that was written after the fault's end, which was `end`.
    #[track_caller]
    pub fn recover(&self, trial: &mut Trial, server: &Elasticsearch, end: Instant) {
        let found = recovered(server, &self.index, || self.writer.written());
        trial.note(end, found, &self.agent);
    }

    /// Ends the load, waits for the rest, ends the agent, and gives the account.
    #[track_caller]
    pub fn finish(self, server: &Elasticsearch) -> Account {
        self.finish_without(server, &mut BTreeSet::new())
    }

    /// The same where these events may be missing: those that are there are taken out of the set, the others are counted
    /// as dropped by a name of their own.
    #[track_caller]
    pub fn finish_without(
        mut self,
        server: &Elasticsearch,
        unheard: &mut BTreeSet<u64>,
    ) -> Account {
        let written = self.writer.stop();
        let mut offered = Events::default();
        (0..written)
            .filter(|number| !unheard.contains(number))
            .for_each(|number| {
                offered.add_one(SOURCE, number);
            });
        self.agent.wait_until_ready();
        let mut found = wait_for_the_rest(server, &self.index, &offered, &self.agent, self.drain);
        self.agent.check_sums();
        self.agent.stop();
        found.delivered = events_of(server, &self.index);
        found.dead = self.agent.dead();
        server.delete(&self.index);
        unheard.retain(|number| found.delivered.times(SOURCE, *number) == 0);
        let mut all = Events::default();
        all.add_first(SOURCE, written);
        if !unheard.is_empty() {
            found
                .dropped
                .insert(String::from("unheard"), unheard.len() as u64);
        }
        Account::of(&all, &found)
    }
}

/// Makes an index that one node can hold without a second.
#[track_caller]
pub fn make_index(server: &Elasticsearch, index: &str, mapping: &serde_json::Value) {
    let settings = json!({"number_of_replicas": 0, "number_of_shards": 1});
    let index_of = json!({"settings": settings, "mappings": mapping});
    server.ask("PUT", &format!("/{index}"), Some(&index_of));
}

/// Waits until a document with this event is there.
#[track_caller]
pub fn wait_until_found(server: &Elasticsearch, index: &str, number: u64) {
    wait_until(RECOVERY_MAX, "the first event", || {
        any_is_found(server, index, &[number])
    });
}

/// Waits until a new event is found: the one that is written next, or, should that be lost, one that is written later.
pub fn recovered(
    server: &Elasticsearch,
    index: &str,
    next: impl Fn() -> u64,
) -> Result<(), String> {
    let (mut numbers, mut chosen) = (vec![next()], Instant::now());
    poll(RECOVERY_MAX, || {
        if CHOICE < chosen.elapsed() {
            numbers.push(next());
            chosen = Instant::now();
        }
        any_is_found(server, index, &numbers)
    })
}

fn any_is_found(server: &Elasticsearch, index: &str, numbers: &[u64]) -> Result<(), String> {
    let phrase = |number: &u64| json!({"match_phrase": {"message": format!("{SOURCE} {number}")}});
    let phrases: Vec<_> = numbers.iter().map(phrase).collect();
    let query = json!({"size": 0, "terminate_after": 1, "query": {"bool": {"should": phrases}}});
    let answer = server.search(index, &query);
    match answer["hits"]["total"]["value"].as_u64() {
        Some(1..) => Ok(()),
        _ => Err(format!(
            "none of {numbers:?} in {} documents of {index}",
            server.count(index)
        )),
    }
}

/// Waits until everything offered is delivered or given up. When the time is over it goes on: the oracle tells what is
/// missing. Gives what was given up.
#[track_caller]
pub fn wait_for_the_rest(
    server: &Elasticsearch,
    index: &str,
    offered: &Events,
    agent: &Agent,
    within: Duration,
) -> Found {
    let mut found = Found::default();
    let mut looked_at = 0;
    let arrived = poll(within, || {
        found.dropped = agent.given_up();
        found.dead = agent.dead();
        let gone = found.dropped.values().sum::<u64>() + found.dead.distinct();
        let count = server.count(index);
        // All documents are read again only when there are more of them.
        if offered.distinct() <= gone + count && looked_at < count {
            looked_at = count;
            if offered.without(&events_of(server, index)).len() as u64 <= gone {
                return Ok(());
            }
        }
        Err(format!(
            "{count} documents, {gone} given up, of {}",
            offered.distinct()
        ))
    });
    if let Err(state) = arrived {
        found.pending = agent.pending();
        found.is_late = true;
        eprintln!(
            "not everything arrived: {state}; the agent's log:\n{}",
            agent.told()
        );
    }
    found
}

/// All events of an index.
#[track_caller]
pub fn events_of(server: &Elasticsearch, index: &str) -> Events {
    let mut events = Events::default();
    server.for_each(index, &["message"], |document| {
        events.add(document["message"].as_str().unwrap_or_default());
    });
    events
}
