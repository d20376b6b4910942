//! A reload while an output is away: what was read by then is delivered once that output is back or mended, and an output beside
//! it that knows no ids gets nothing twice.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::bulk_server::Server;
use super::running::{Agent, Start, count_of, figure};
use crate::services::free_port;

/// An agent that reads a log to a server that is away, and to a file.
struct Trial {
    agent: Agent,
    log: PathBuf,
    written: usize,
    reloads: usize,
    api: SocketAddr,
}

/// The output that is away.
fn elasticsearch(options: &str, port: u16) -> String {
    format!(
        "elasticsearch {{ {options} hosts => [\"http://127.0.0.1:{port}\"] index => \"i\" action => \"index\"\n\
         resurrect_delay => \"300ms\" retry_initial_interval => \"100ms\" }}\n"
    )
}

fn pipeline(folder: &Path, outputs: &str) -> String {
    let folder = folder.display();
    format!(
        "input {{ file {{ path => \"{folder}/in.log\" start_position => \"beginning\" }} }}\n\
         output {{ {outputs}\n\
         file {{ id => \"beside\" path => \"{folder}/out.log\" codec => line {{ format => \"%{{message}}\" }} }} }}\n"
    )
}

impl Trial {
    fn new(outputs: &str) -> Trial {
        let api = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let start = Start::new(&["run", "-f", "pipeline.conf", "--shutdown.grace", "60s"])
            .api(&api.port().to_string());
        let log = start.folder().join("in.log");
        let text = pipeline(start.folder(), outputs);
        let mut trial = Trial {
            agent: start
                .file("pipeline.conf", &text)
                .file("in.log", "")
                .spawn(),
            log,
            written: 0,
            reloads: 0,
            api,
        };
        trial.write(100, 0);
        trial
    }

    /// Writes numbered lines, each so much longer.
    fn write(&mut self, lines: usize, padding: usize) {
        let opened = OpenOptions::new().append(true).create(true).open(&self.log);
        let mut log = opened.expect("the folder is ours");
        let more = self.written..self.written + lines;
        let padding = ".".repeat(padding);
        let text: String = more
            .map(|number| format!("{number:06}{padding}\n"))
            .collect();
        log.write_all(text.as_bytes()).expect("it can be written");
        self.written += lines;
    }

    /// What the output beside has written.
    fn beside(agent: &Agent) -> Vec<String> {
        let text = fs::read_to_string(agent.folder.0.join("out.log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn wait_for_beside(&mut self, lines: usize) {
        self.agent.wait("the lines beside", |agent| {
            let found = Self::beside(agent).len();
            match lines <= found {
                true => Ok(()),
                false => Err(format!("{found} of {lines}")),
            }
        });
    }

    /// Loads these outputs in place of those before.
    #[track_caller]
    fn reload(&mut self, outputs: &str) {
        let text = pipeline(&self.agent.folder.0, outputs);
        self.agent.folder.write("pipeline.conf", &text);
        self.agent.signal("HUP");
        self.reloads += 1;
        let reloads = self.reloads;
        self.agent.wait("the reload", |agent| {
            match reloads <= count_of(&agent.stderr(), "INFO reloaded") {
                true => Ok(()),
                false => Err("not yet".to_owned()),
            }
        });
    }

    /// All lines come to the server and to the output beside, each once and in order.
    #[track_caller]
    fn check(mut self, server: &Server) -> Agent {
        let stored = server.store(self.written);
        self.check_stored(&stored);
        self.check_beside();
        self.agent
    }

    #[track_caller]
    fn check_stored(&self, stored: &BTreeMap<String, u32>) {
        let twice: Vec<_> = stored.iter().filter(|(_, times)| **times != 1).collect();
        assert!(
            twice.is_empty(),
            "{} twice: {:?}",
            twice.len(),
            twice.first()
        );
        assert_eq!(stored.len(), self.written);
    }

    #[track_caller]
    fn check_beside(&mut self) {
        self.wait_for_beside(self.written);
        let beside = Self::beside(&self.agent);
        let numbers: Vec<usize> = beside
            .iter()
            .map(|line| line[..6].parse().expect("a number"))
            .collect();
        let want: Vec<usize> = (0..self.written).collect();
        let first = numbers
            .iter()
            .zip(&want)
            .position(|(one, other)| one != other);
        assert_eq!(first, None, "{} lines", numbers.len());
        assert_eq!(numbers.len(), want.len());
    }

    fn lost(&self) -> u64 {
        figure(self.api, "elasticsearch", "documents_lost_total")
    }
}

#[test]
fn what_was_read_before_reloads_reaches_a_server_that_was_away_and_no_file_twice() {
    let port = free_port();
    let away = elasticsearch("", port);
    let mut trial = Trial::new(&away);
    trial.wait_for_beside(100);
    for _ in 0..3 {
        trial.reload(&away);
        trial.write(100, 0);
    }
    let agent = trial.check(&Server::at(port));
    agent.stop();
}

#[test]
fn a_wrong_address_is_mended_by_a_reload_for_what_waits_too() {
    let server = Server::start();
    let mut trial = Trial::new(&elasticsearch("", free_port()));
    trial.wait_for_beside(100);
    trial.reload(&elasticsearch("", free_port()));
    trial.write(100, 0);
    trial.reload(&elasticsearch("", server.port));
    let agent = trial.check(&server);
    agent.stop();
}

#[test]
fn lines_of_a_log_that_is_gone_by_the_reload_are_delivered() {
    let port = free_port();
    let away = elasticsearch("", port);
    let mut trial = Trial::new(&away);
    trial.wait_for_beside(100);
    fs::remove_file(&trial.log).expect("it is there");
    trial.reload(&away);
    trial.write(100, 0);
    let agent = trial.check(&Server::at(port));
    agent.stop();
}

#[test]
fn more_than_the_outputs_hold_is_read_once_over_reloads() {
    let port = free_port();
    let away = elasticsearch("", port);
    let mut trial = Trial::new(&away);
    trial.write(40_000, 1000);
    trial.wait_for_beside(2_000);
    for _ in 0..3 {
        trial.reload(&away);
    }
    trial.write(1_000, 0);
    let agent = trial.check(&Server::at(port));
    agent.stop();
}

#[test]
fn an_agent_ends_soon_while_configurations_wait_for_each_other() {
    let away = elasticsearch("", free_port());
    let mut trial = Trial::new(&away);
    trial.write(20_000, 1000);
    trial.wait_for_beside(2_000);
    for _ in 0..3 {
        trial.reload(&away);
    }
    let told = Instant::now();
    trial.agent.signal("TERM");
    let ended = trial.agent.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    // Nothing waits for the grace period.
    assert!(told.elapsed() < Duration::from_secs(40), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("is read again where it still can be"),
        "{}",
        ended.stderr
    );
}

#[test]
fn an_output_that_gets_a_name_keeps_what_waits_for_it() {
    let server = Server::start();
    let mut trial = Trial::new(&elasticsearch("", free_port()));
    trial.wait_for_beside(100);
    trial.reload(&elasticsearch("id => \"named\"", server.port));
    let agent = trial.check(&server);
    agent.stop();
}

#[test]
fn an_output_that_is_put_before_another_does_not_get_what_waits_for_that() {
    let (port, first) = (free_port(), Server::start());
    let away = elasticsearch("", port);
    let mut trial = Trial::new(&away);
    trial.wait_for_beside(100);
    trial.reload(&(elasticsearch("", first.port) + &away));
    trial.write(100, 0);
    let of_first = first.store(100);
    assert!(
        of_first.keys().all(|line| "000100" <= line.as_str()),
        "{of_first:?}"
    );
    let agent = trial.check(&Server::at(port));
    agent.stop();
}

#[test]
fn what_waits_for_an_output_that_is_gone_is_given_up_and_counted_and_nothing_comes_twice() {
    let mut trial = Trial::new(&elasticsearch("", free_port()));
    trial.wait_for_beside(100);
    trial.reload("");
    trial.agent.wait_for_log("100 events are given up");
    assert_eq!(trial.lost(), 100);
    trial.write(100, 0);
    trial.check_beside();
    // Positions are as far: after a restart nothing comes again.
    trial.agent.wait("the position", |agent| {
        let folder = agent.folder.0.join("data/positions");
        let kept = fs::read_dir(folder).map_err(|fault| fault.to_string())?;
        let texts = kept.flatten().map(|one| fs::read_to_string(one.path()));
        let texts: String = texts.flatten().collect();
        match texts.contains("\"offset\":1400") {
            true => Ok(()),
            false => Err(texts),
        }
    });
    trial.agent.stop();
}
