//! Elasticsearch away: a file's lines wait for it, and none is lost or there twice.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::services::elasticsearch::Elasticsearch;
use crate::services::sawlog::Sawlog;
use crate::services::{ARRIVAL_MAX, Scratch, free_port, wait_until};

/// More lines than one bulk request holds.
const LINES: u64 = 20_000;

/// From Elasticsearch's start to the last document: the agent's pause between two tries may have grown to a minute.
const RECOVERY_MAX: Duration = Duration::from_secs(180);

fn lines(from: u64, to: u64) -> String {
    let mut text = String::new();
    for number in from..to {
        writeln!(text, "{{\"number\":{number}}}").expect("a String takes all text");
    }
    text
}

fn pipeline(file: &Path, port: u16) -> String {
    format!(
        "input {{ file {{ path => \"{}\" start_position => \"beginning\" codec => \"json\" }} }}\n\
         output {{ elasticsearch {{ hosts => [\"http://127.0.0.1:{port}\"] index => \"outage\" }} }}\n",
        file.display()
    )
}

/// Every number from 0 is there once: as many documents as numbers, as many distinct ones, and the last is the last.
#[track_caller]
fn check_numbers(server: &Elasticsearch, want: u64) {
    let answer = server.search(
        "outage",
        &json!({"size": 0, "aggs": {
            "distinct": {"cardinality": {"field": "number", "precision_threshold": 40_000}},
            "last": {"max": {"field": "number"}},
            "sum": {"sum": {"field": "number"}}}}),
    );
    let found = &answer["aggregations"];
    assert_eq!(found["last"]["value"], json!((want - 1) as f64), "{found}");
    assert_eq!(
        found["sum"]["value"],
        json!((want * (want - 1) / 2) as f64),
        "{found}"
    );
    // The estimate of distinct numbers is within a few in a thousand; the sum above is exact.
    let distinct = found["distinct"]["value"].as_f64().unwrap_or_default();
    assert!(
        (distinct - want as f64).abs() <= 0.02 * want as f64,
        "{found}"
    );
}

#[test]
fn lines_written_while_elasticsearch_is_away_all_arrive_once() {
    let folder = Scratch::new("outage");
    let file = folder.write("application.log", &lines(0, LINES));
    let port = free_port();
    let agent = Sawlog::start(&pipeline(&file, port));
    let quiet = agent.stderr();
    wait_until(
        ARRIVAL_MAX,
        "word that Elasticsearch is away",
        || match agent.stderr() {
            text if text.contains(&port.to_string()) => Ok(()),
            text => Err(text),
        },
    );
    let server = Elasticsearch::start_on(port);
    server.wait_for_count("outage", LINES, RECOVERY_MAX);
    let mut open = OpenOptions::new()
        .append(true)
        .open(&file)
        .expect("the file is ours");
    open.write_all(lines(LINES, LINES + 1000).as_bytes())
        .expect("the file is ours");
    server.wait_for_count("outage", LINES + 1000, ARRIVAL_MAX);
    check_numbers(&server, LINES + 1000);
    let told = agent.stop();
    assert!(told.len() > quiet.len(), "{told}");
}

#[test]
fn an_agent_killed_while_elasticsearch_is_away_loses_no_line() {
    let folder = Scratch::new("outage");
    let file = folder.write("application.log", &lines(0, LINES));
    let data = Scratch::new("outage-data");
    let port = free_port();
    let agent = Sawlog::start_in(&data.0, &pipeline(&file, port));
    wait_until(
        ARRIVAL_MAX,
        "word that Elasticsearch is away",
        || match agent.stderr() {
            text if text.contains(&port.to_string()) => Ok(()),
            text => Err(text),
        },
    );
    agent.kill();
    let server = Elasticsearch::start_on(port);
    let agent = Sawlog::start_in(&data.0, &pipeline(&file, port));
    server.wait_for_count("outage", LINES, RECOVERY_MAX);
    check_numbers(&server, LINES);
    agent.stop();
}
