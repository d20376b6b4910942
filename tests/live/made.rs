//! Events that filters make of others, in Elasticsearch: after kills each is there once, and when all lines are read again the
//! server has all of them already.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::services::elasticsearch::{self, Elasticsearch};
use crate::services::sawlog::Sawlog;
use crate::services::{Scratch, wait_until};

const INDEX: &str = "made";

/// More documents than one bulk request holds.
const LINES: u64 = 3000;

/// Three parts, of the event and of its clone.
const OF_A_LINE: u64 = 6;

/// From a start to the last document.
const ARRIVAL_MAX: Duration = Duration::from_secs(120);

fn lines(from: u64, to: u64) -> String {
    let mut text = String::new();
    for number in from..to {
        writeln!(text, "{{\"number\":{number},\"part\":\"a,b,,c\"}}").expect("a String takes all");
    }
    text
}

fn pipeline(file: &Path, port: u16) -> String {
    format!(
        "input {{ file {{ path => \"{}\" start_position => \"beginning\" codec => \"json\" }} }}\n\
         filter {{\n  clone {{ clones => [\"copy\"] }}\n  split {{ field => \"part\" terminator => \",\" }}\n  \
         mutate {{ add_field => {{ \"key\" => \"%{{number}} %{{part}} %{{type}}\" }} }}\n}}\n\
         output {{ elasticsearch {{ hosts => [\"http://127.0.0.1:{port}\"] index => \"{INDEX}\" }} }}\n",
        file.display()
    )
}

/// A figure of a plugin.
fn figure(agent: &Sawlog, plugin: &str, name: &str) -> Result<u64, String> {
    let metrics = agent.ask_api("/metrics")?;
    let (start, plugin) = (
        format!("sawlog_plugin_{name}_total{{"),
        format!("plugin=\"{plugin}\""),
    );
    let is_it = |line: &&str| line.starts_with(&start) && line.contains(&plugin);
    let line = metrics.lines().find(is_it);
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.ok_or_else(|| format!("there is no {name} of {plugin}; {}", agent.stderr()))
}

/// Every document that the lines make is there, and once.
#[track_caller]
fn check_once(server: &Elasticsearch) {
    server.wait_for_count(INDEX, LINES * OF_A_LINE, ARRIVAL_MAX);
    let times = server.count_by(INDEX, "key.keyword");
    assert_eq!(times.len() as u64, LINES * OF_A_LINE);
    for number in [0, LINES - 1] {
        for part in ["a", "b", "c"] {
            for name in ["%{type}", "copy"] {
                let key = format!("{number} {part} {name}");
                assert!(times.contains_key(&key), "{key} is not there");
            }
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder is ours");
    for entry in fs::read_dir(from).expect("the folder is ours").flatten() {
        let copy = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &copy);
        } else if entry.path().is_file() {
            fs::copy(entry.path(), copy).expect("the folder is ours");
        }
    }
}

#[test]
fn clones_and_parts_outlive_kills_and_are_there_once() {
    let server = elasticsearch::shared();
    let folder = Scratch::new("made");
    let file = folder.write("application.log", &lines(0, 1));
    let pipeline = pipeline(&file, server.port());
    let (data, early) = (folder.0.join("data"), folder.0.join("early"));
    let agent = Sawlog::start_in(&data, &pipeline);
    server.wait_for_count(INDEX, OF_A_LINE, ARRIVAL_MAX);
    agent.stop();
    copy_folder(&data, &early);
    // Each life has a third of the lines before it, and ends once some of them have arrived.
    for end in [LINES / 3, 2 * LINES / 3, LINES] {
        let begin = (end - LINES / 3).max(1);
        let log = OpenOptions::new().append(true).open(&file);
        log.and_then(|mut log| log.write_all(lines(begin, end).as_bytes()))
            .expect("the file is ours");
        let agent = Sawlog::start_in(&data, &pipeline);
        wait_until(ARRIVAL_MAX, "documents", || match server.count(INDEX) {
            count if begin * OF_A_LINE < count => Ok(()),
            count => Err(format!("{count} documents; {}", agent.stderr())),
        });
        agent.kill();
    }
    let agent = Sawlog::start_in(&data, &pipeline);
    check_once(server);
    agent.stop();
    // As if no position had been saved since the first line: all others are read again.
    fs::remove_dir_all(&data).expect("the folder is ours");
    copy_folder(&early, &data);
    let agent = Sawlog::start_in(&data, &pipeline);
    let again = (LINES - 1) * OF_A_LINE;
    wait_until(ARRIVAL_MAX, "every document to be known", || {
        let of_output = |name| figure(&agent, "elasticsearch", name);
        match (of_output("events_out")?, of_output("documents_duplicate")?) {
            (0, known) if known == again => Ok(()),
            state => Err(format!("{state:?}; {}", agent.stderr())),
        }
    });
    check_once(server);
    check_sums(&agent);
    agent.stop();
}

/// Everything that went into the filters and was made there came out, or went into what was made.
#[track_caller]
fn check_sums(agent: &Sawlog) {
    let of = |plugin, name| figure(agent, plugin, name).expect("it was counted");
    let read = of("file", "events_out");
    assert_eq!(read, LINES - 1);
    assert_eq!(of("clone", "events_created"), read);
    assert_eq!(of("split", "events_in"), 2 * read);
    assert_eq!(of("split", "events_split"), 2 * read);
    assert_eq!(of("split", "events_created"), OF_A_LINE * read);
    assert_eq!(of("split", "events_out"), OF_A_LINE * read);
    assert_eq!(of("elasticsearch", "events_in"), OF_A_LINE * read);
}
