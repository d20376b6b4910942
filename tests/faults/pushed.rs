//! Datagrams under fault: nobody can be asked for them again.

use std::time::Instant;

use super::breakable;
use super::oracle::Account;
use super::stage::{Plan, Stage};
use super::trial::Trial;
use crate::services::{elasticsearch, free_port};

/// Datagrams between two faults.
const APART: (u64, u64) = (100, 1000);

/// SIGHUP: the socket stays open.
pub fn reloaded(trial: &mut Trial) -> Account {
    let server = elasticsearch::shared();
    let mut plan = Plan::new("pushed-reloaded", server.url());
    plan.datagrams = Some(free_port());
    let stage = Stage::start(&plan, server);
    while let Some(number) = trial.next() {
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        let start = Instant::now();
        stage.agent.reload(number + 1);
        stage.recover(trial, server, start);
    }
    stage.finish(server)
}

/// SIGHUP while Elasticsearch is dead: the socket is read all the same.
pub fn reloaded_away(trial: &mut Trial) -> Account {
    let mut server = breakable();
    let mut plan = Plan::new("pushed-reloaded-away", server.url());
    plan.datagrams = Some(free_port());
    let stage = Stage::start(&plan, &server);
    while let Some(number) = trial.next() {
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        stage.kill(&mut server);
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        stage.agent.reload(number + 1);
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        server.start_again();
        stage.recover(trial, &server, Instant::now());
    }
    stage.finish(&server)
}

/// SIGKILL of Elasticsearch: datagrams wait for it.
pub fn server_killed(trial: &mut Trial) -> Account {
    let mut server = breakable();
    let mut plan = Plan::new("pushed-away", server.url());
    plan.datagrams = Some(free_port());
    let stage = Stage::start(&plan, &server);
    while trial.next().is_some() {
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        stage.kill(&mut server);
        server.start_again();
        stage.recover(trial, &server, Instant::now());
    }
    stage.finish(&server)
}
