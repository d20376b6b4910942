//! Elasticsearch away: killed and started again with its data, alone or with reloads of the agent meanwhile, stopped so that
//! nothing answers, or behind a network that is cut.

use std::fs;
use std::process::Command;
use std::time::Instant;

use super::agent::Agent;
use super::breakable;
use super::oracle::{Account, Events, Found};
use super::stage::{Plan, SOURCE, Stage, TIMEOUT_SHORT};
use super::trial::Trial;
use crate::services::Scratch;
use crate::services::elasticsearch::Elasticsearch;
use crate::services::process::output_of;

/// Lines before a fault.
const APART: (u64, u64) = (200, 2000);

/// How long the server stands still, in lines: one to twelve seconds; the agent's patience is ten.
const STANDING: (u64, u64) = (2000, 24_000);

/// SIGKILL of Elasticsearch.
pub fn killed(trial: &mut Trial) -> Account {
    let mut server = breakable();
    let stage = Stage::start(&Plan::new("away", server.url()), &server);
    while trial.next().is_some() {
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        stage.kill(&mut server);
        server.start_again();
        stage.recover(trial, &server, Instant::now());
    }
    stage.finish(&server)
}

/// SIGHUP, once to three times, while Elasticsearch is dead: it gets each line once, and so does a file beside it, which would
/// not know one that comes again.
pub fn reloaded(trial: &mut Trial) -> Account {
    let mut server = breakable();
    let folder = Scratch::new("faults-beside");
    let beside = folder.0.join("beside.log");
    let output = format!(
        "output {{ file {{ path => \"{}\" codec => line {{ format => \"%{{message}}\" }} }} }}\n",
        beside.display()
    );
    let plan = Plan::new("reloaded-away", server.url());
    let stage = Stage::start_with(&plan, &server, |pipeline| {
        Agent::start(&(pipeline.to_owned() + &output))
    });
    let mut reloads = 0;
    while trial.next().is_some() {
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        stage.kill(&mut server);
        for _ in 0..trial.random(1, 4) {
            stage.writer.wait_for(trial.random(APART.0, APART.1));
            reloads += 1;
            stage.agent.reload(reloads);
        }
        server.start_again();
        stage.recover(trial, &server, Instant::now());
    }
    let mut account = stage.finish(&server);
    let (mut offered, mut found) = (Events::default(), Found::default());
    offered.add_first(SOURCE, account.offered);
    let text = fs::read_to_string(&beside).expect("the agent writes it");
    text.lines().for_each(|line| found.delivered.add(line));
    account.join(Account::of(&offered, &found));
    account
}

/// SIGSTOP of Elasticsearch: connections stay and nothing is answered.
pub fn stopped(trial: &mut Trial) -> Account {
    let server = breakable();
    let mut plan = Plan::new("stopped", server.url());
    plan.timeout = TIMEOUT_SHORT;
    let stage = Stage::start(&plan, &server);
    while trial.next().is_some() {
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        server.signal("STOP");
        stage.writer.wait_for(trial.random(STANDING.0, STANDING.1));
        server.signal("CONT");
        stage.recover(trial, &server, Instant::now());
    }
    stage.finish(&server)
}

/// The network between agent and Elasticsearch, in a namespace of the test's own: packets that vanish and an interface
/// that is down, in turn.
pub fn cut(trial: &mut Trial) -> Account {
    let server = Elasticsearch::start();
    let mut plan = Plan::new("cut", server.url());
    plan.timeout = TIMEOUT_SHORT;
    let stage = Stage::start(&plan, &server);
    let port = server.port().to_string();
    let drop = |verb| {
        [
            "iptables", verb, "INPUT", "-p", "tcp", "--dport", &port, "-j", "DROP",
        ]
        .map(String::from)
    };
    let link = |state| ["ip", "link", "set", "lo", state].map(String::from);
    while let Some(number) = trial.next() {
        let (cut, mend) = match number % 2 {
            0 => (drop("-I").to_vec(), drop("-D").to_vec()),
            _ => (link("down").to_vec(), link("up").to_vec()),
        };
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        run(&cut);
        stage.writer.wait_for(trial.random(STANDING.0, STANDING.1));
        run(&mend);
        stage.recover(trial, &server, Instant::now());
    }
    stage.finish(&server)
}

fn run(words: &[String]) {
    let (program, arguments) = words.split_first().expect("there are words");
    output_of(Command::new(program).args(arguments));
}
