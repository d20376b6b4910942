//! Faults of the agent itself: ended by SIGKILL, ended by SIGTERM, reloaded, all under load.

use std::time::Instant;

use super::agent::Agent;
use super::oracle::Account;
use super::stage::{Plan, Stage};
use super::trial::Trial;
use super::writer::Writer;
use crate::services::elasticsearch;

/// Lines between two faults, about: a tenth of a second to a second of them.
const APART: (u64, u64) = (200, 2000);

/// A file for so many lines, and so many that were renamed: twenty seconds of them.
const ROTATION: (u64, u32) = (200, 200);

/// How long the agent stands still or is dead while files are renamed, in lines.
const STANDING: (u64, u64) = (2000, 6000);

/// SIGKILL and a start at once, one in three times again while it starts.
pub fn strike(trial: &mut Trial, agent: &mut Agent, writer: &Writer) {
    agent.kill();
    agent.spawn();
    if trial.random(0, 3) == 0 {
        writer.wait_for(trial.random(1, APART.0));
        agent.kill();
        agent.spawn();
    }
}

/// SIGKILL at any moment.
pub fn file(trial: &mut Trial) -> Account {
    let server = elasticsearch::shared();
    let mut stage = Stage::start(&Plan::new("killed", server.url()), server);
    while trial.next().is_some() {
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        strike(trial, &mut stage.agent, &stage.writer);
        stage.recover(trial, server, Instant::now());
    }
    stage.finish(server)
}

/// SIGTERM, and a start at once.
pub fn ended(trial: &mut Trial) -> Account {
    let server = elasticsearch::shared();
    let mut stage = Stage::start(&Plan::new("ended", server.url()), server);
    while trial.next().is_some() {
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        stage.agent.wait_until_ready();
        stage.agent.stop();
        stage.agent.spawn();
        stage.recover(trial, server, Instant::now());
    }
    stage.finish(server)
}

/// SIGHUP, each with another configuration.
pub fn reloaded(trial: &mut Trial) -> Account {
    let server = elasticsearch::shared();
    let stage = Stage::start(&Plan::new("reloaded", server.url()), server);
    while let Some(number) = trial.next() {
        stage
            .writer
            .wait_for(trial.random(APART.0 / 2, APART.1 / 2));
        let filter =
            format!("filter {{ mutate {{ add_field => {{ \"version\" => \"{number}\" }} }} }}\n");
        stage
            .agent
            .write_pipeline(&(stage.pipeline().to_string() + &filter));
        let start = Instant::now();
        stage.agent.reload(number + 1);
        stage.recover(trial, server, start);
    }
    stage.finish(server)
}

/// Rotation by renaming, ten times a second, while the agent stands still or is killed.
pub fn rotated(trial: &mut Trial) -> Account {
    let server = elasticsearch::shared();
    let mut plan = Plan::new("rotated", server.url());
    plan.rotation = Some(ROTATION);
    let mut stage = Stage::start(&plan, server);
    while let Some(number) = trial.next() {
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        if number % 2 == 0 {
            stage.agent.signal("STOP");
            stage.writer.wait_for(trial.random(STANDING.0, STANDING.1));
            stage.agent.signal("CONT");
        } else {
            stage.agent.kill();
            stage.writer.wait_for(trial.random(STANDING.0, STANDING.1));
            stage.agent.spawn();
        }
        stage.recover(trial, server, Instant::now());
    }
    stage.finish(server)
}
