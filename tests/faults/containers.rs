//! Containers under fault: the agent that reads their json-file logs is killed, their logs are rotated faster than they
//! are read, the Engine is killed and started again.
//!
//! With the Engine killed, what Docker logged is what was offered: a line that was on its way to it was never in a log.

use std::process::Command;
use std::time::Instant;

use super::agent::Agent;
use super::oracle::{Account, Events};
use super::stage::{
    DRAIN_MAX, PATIENCE, SOURCE, events_of, make_index, recovered, wait_for_the_rest,
    wait_until_found,
};
use super::trial::Trial;
use super::writer::{Place, Writer};
use crate::services::docker::{BUSYBOX, Docker};
use crate::services::elasticsearch::{self, Elasticsearch};
use crate::services::process::output_of;
use crate::services::{START_MAX, Scratch, wait_until};

/// Lines between two faults.
const APART: (u64, u64) = (200, 2000);

/// How long the agent stands still while logs are rotated, in lines; some ten rotations.
const STANDING: (u64, u64) = (2000, 6000);

/// A container that writes what comes by a pipe, and an agent that reads its log.
struct Stage {
    server: &'static Elasticsearch,
    docker: Docker,
    container: String,
    writer: Writer,
    agent: Agent,
    index: String,
    _pipe: Scratch,
}

impl Stage {
    #[track_caller]
    fn start(name: &str, mode: &str, options: &[&str]) -> Stage {
        let server = elasticsearch::shared();
        let docker = Docker::start();
        let index = format!("faults-{name}");
        let mapping = serde_json::json!({
            "dynamic": false, "properties": {"message": {"type": "text"}}});
        make_index(server, &index, &mapping);
        let pipe = Scratch::new("faults-pipe");
        output_of(Command::new("mkfifo").arg(pipe.0.join("pipe")));
        let mount = format!("{}:/in", pipe.0.display());
        let plain = ["--network", "none", "--restart", "always", "-v", &mount];
        let program = [BUSYBOX, "cat", "/in/pipe"];
        let container = docker.run(&[&plain[..], options, &program[..]].concat());
        let agent = Agent::start(&format!(
            "input {{ docker {{ socket => \"{}\" data_root => \"{}\" mode => \"{mode}\" }} }}\n\
             output {{ elasticsearch {{ hosts => [\"{}\"] index => \"{index}\" {PATIENCE} }} }}\n",
            docker.socket().display(),
            docker.data_root().display(),
            server.url()
        ));
        let writer = Writer::start(SOURCE, Place::Pipe(pipe.0.join("pipe")));
        wait_until_found(server, &index, 0);
        Stage {
            server,
            docker,
            container,
            writer,
            agent,
            index,
            _pipe: pipe,
        }
    }

    /// Waits for an event that was written after the fault's end; some before it may have gone with their container.
    #[track_caller]
    fn recover(&self, trial: &mut Trial, end: Instant) {
        let found = recovered(self.server, &self.index, || self.writer.written() + 10);
        trial.note(end, found, &self.agent);
    }

    /// What Docker logged, once it is all that was written.
    #[track_caller]
    fn logged(&mut self) -> Events {
        let last = self.writer.stop() - 1;
        wait_until(START_MAX, "the container's last line", || {
            let mut events = Events::default();
            let logs = self.docker.logs(&self.container);
            logs.lines().for_each(|line| events.add(line));
            match events.times(SOURCE, last) {
                0 => Err(format!("{} lines, not {last}", events.distinct())),
                _ => Ok(events),
            }
        })
    }

    /// What was written; the oldest of it may be deleted from Docker's logs.
    #[track_caller]
    fn written(&mut self) -> Events {
        let mut events = Events::default();
        events.add_first(SOURCE, self.writer.stop());
        events
    }

    #[track_caller]
    fn finish(mut self, offered: &Events) -> Account {
        self.agent.wait_until_ready();
        let (server, index) = (self.server, &self.index);
        let mut found = wait_for_the_rest(server, index, offered, &self.agent, DRAIN_MAX);
        self.agent.stop();
        found.delivered = events_of(server, index);
        server.delete(index);
        Account::of(offered, &found)
    }
}

/// SIGKILL of the agent.
pub fn agent_killed(trial: &mut Trial) -> Account {
    let mut stage = Stage::start("docker-killed", "files", &[]);
    for _ in 0..trial.faults {
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        stage.agent.kill();
        stage.agent.spawn();
        stage.recover(trial, Instant::now());
    }
    let offered = stage.written();
    stage.finish(&offered)
}

/// SIGKILL of the Engine and all containers.
pub fn engine_killed(trial: &mut Trial) -> Account {
    strike_engine(trial, "docker-engine", "files")
}

/// The same while the agent reads from the Engine, and not its files.
pub fn engine_killed_under_api(trial: &mut Trial) -> Account {
    strike_engine(trial, "docker-engine-api", "api")
}

fn strike_engine(trial: &mut Trial, name: &str, mode: &str) -> Account {
    let mut stage = Stage::start(name, mode, &[]);
    for _ in 0..trial.faults {
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        stage.docker.kill();
        stage.docker.start_again();
        stage.recover(trial, Instant::now());
    }
    let offered = stage.logged();
    stage.finish(&offered)
}

/// Rotation several times a second, while the agent stands still.
pub fn rotated(trial: &mut Trial) -> Account {
    let rotation = ["max-size=100k", "max-file=300", "compress=true"];
    let rotation: Vec<&str> = rotation
        .iter()
        .flat_map(|option| ["--log-opt", *option])
        .collect();
    let mut stage = Stage::start("docker-rotated", "files", &rotation);
    for _ in 0..trial.faults {
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        stage.agent.signal("STOP");
        stage.writer.wait_for(trial.random(STANDING.0, STANDING.1));
        stage.agent.signal("CONT");
        stage.recover(trial, Instant::now());
    }
    let offered = stage.written();
    stage.finish(&offered)
}
