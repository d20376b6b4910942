//! What agents keep of how far they are, where several inputs or pipelines could take it for theirs, or none does.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use super::running::{
    Agent, Start, TWO_PIPELINES, WAIT_MAX, count_of, send, slow_filters, syslog_pipeline,
};
use crate::services::{free_port, wait_until};

/// Two pipelines, each with a log of its own, that name the same file of positions.
struct Twins {
    folder: PathBuf,
    agent: Agent,
}

const NAMES: [&str; 2] = ["a", "b"];

impl Twins {
    fn start(lines: &str) -> Twins {
        let mut start =
            Start::new(&["run", "--path.settings", "."]).file("pipelines.yml", TWO_PIPELINES);
        let folder = start.folder().to_owned();
        for name in NAMES {
            let folder = folder.display();
            let input = format!(
                "path => \"{folder}/{name}.log\" start_position => \"beginning\" sincedb_path => \"{folder}/positions.db\""
            );
            let output = format!(
                "path => \"{folder}/{name}.out\" codec => line {{ format => \"%{{message}}\" }}"
            );
            let pipeline =
                format!("input {{ file {{ {input} }} }}\noutput {{ file {{ {output} }} }}\n");
            start = start
                .file(&format!("{name}.conf"), &pipeline)
                .file(&format!("{name}.log"), lines);
        }
        Twins {
            folder,
            agent: start.spawn(),
        }
    }

    fn append(&self, lines: &str) {
        for name in NAMES {
            let path = self.folder.join(format!("{name}.log"));
            let opened = OpenOptions::new().append(true).open(path);
            let mut log = opened.expect("it was written");
            log.write_all(lines.as_bytes()).expect("the folder is ours");
        }
    }

    #[track_caller]
    fn wait_for_lines(&self, count: usize) {
        for name in NAMES {
            let out = self.folder.join(format!("{name}.out"));
            wait_until(WAIT_MAX, "the lines", || {
                let found = fs::read_to_string(&out).unwrap_or_default().lines().count();
                match found == count {
                    true => Ok(()),
                    false => Err(format!(
                        "{found} of {count} in {name}: {}",
                        self.agent.stderr()
                    )),
                }
            });
        }
    }
}

#[test]
fn pipelines_that_name_the_same_file_of_positions_keep_their_own() {
    let lines = "a line of the log\n".repeat(200);
    let twins = Twins::start(&lines);
    twins.wait_for_lines(200);
    // Both read on from where they are, not from where the other one is.
    twins.append(&lines);
    twins.agent.signal("HUP");
    twins.wait_for_lines(400);
    twins.agent.signal("TERM");
    for name in ["", ".2"] {
        let positions = twins.folder.join(format!("positions.db{name}"));
        wait_until(WAIT_MAX, "each its own positions", || {
            let found = fs::read_to_string(&positions).unwrap_or_default();
            match count_of(&found, ".log") {
                1 => Ok(()),
                _ => Err(found),
            }
        });
    }
}

#[test]
fn sums_that_no_output_has_any_more_are_told_of() {
    let (port, nobody) = (free_port(), free_port());
    let pipeline = |id: &str| {
        format!(
            "input {{ syslog {{ host => \"127.0.0.1\" port => {port} }} }}\n\
             output {{ graphite {{ id => \"{id}\" port => {nobody} counters => {{ \"a.b\" => 1 }} }} }}\n"
        )
    };
    let start = Start::new(&["run", "-f", "pipeline.conf"]);
    let mut agent = start.file("pipeline.conf", &pipeline("old")).spawn();
    agent.wait_for_syslog(port);
    let state = agent.folder.0.join("data/graphite/old.state");
    send(port, b"<13>Nov 20 18:56:21 host app[1]: counted");
    wait_until(WAIT_MAX, "the sums", || match state.exists() {
        true => Ok(()),
        false => Err(agent.stderr()),
    });
    agent.folder.write("pipeline.conf", &pipeline("new"));
    agent.signal("HUP");
    let told = format!("the sums in {} are not sent", state.display());
    agent.wait_for_log(&told);
    agent.folder.write("pipeline.conf", &pipeline("old"));
    agent.signal("HUP");
    agent.wait("the second reload", |agent| {
        match count_of(&agent.stderr(), "INFO reloaded") {
            2 => Ok(()),
            times => Err(format!("{times} reloads")),
        }
    });
    let ended = agent.stop();
    assert_eq!(count_of(&ended.stderr, &told), 1, "{}", ended.stderr);
}

#[test]
fn a_reload_that_is_asked_for_before_the_agent_has_started_is_made() {
    let port = free_port();
    let pipeline = syslog_pipeline(port, &slow_filters(2000));
    let start = Start::new(&["run", "-f", "pipeline.conf"]);
    let mut agent = start.file("pipeline.conf", &pipeline).spawn();
    let status = format!("/proc/{}/status", agent.pid());
    wait_until(WAIT_MAX, "a handler of SIGHUP", || {
        let status = fs::read_to_string(&status).map_err(|fault| fault.to_string())?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
        match caught.is_some_and(|caught| caught & 1 == 1) {
            true => Ok(()),
            false => Err(status),
        }
    });
    agent.signal("HUP");
    assert!(!agent.stderr().contains("syslog over"), "it has started");
    agent.wait_for_log("INFO reloaded");
    agent.stop();
}
