//! What Elasticsearch refuses, for now or for good: the rest is stored, and each refusal is counted under its name.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use crate::services::elasticsearch::{self, Elasticsearch};
use crate::services::sawlog::Sawlog;
use crate::services::{ARRIVAL_MAX, Scratch, wait_until};

const LINES: u64 = 2000;

/// Numbers in a row; where `odd` says so something else stands in place of the number.
fn lines(odd: impl Fn(u64) -> Option<String>) -> String {
    let mut text = String::new();
    for number in 0..LINES {
        let value = odd(number).unwrap_or(number.to_string());
        writeln!(text, "{{\"number\":{value}}}").expect("a String takes all text");
    }
    text
}

fn pipeline(file: &Path, server: &Elasticsearch, index: &str) -> String {
    format!(
        "input {{ file {{ path => \"{}\" start_position => \"beginning\" codec => \"json\" }} }}\n\
         output {{ elasticsearch {{ hosts => [\"{}\"] index => \"{index}\" }} }}\n",
        file.display(),
        server.url()
    )
}

/// Waits until a counter of the output has this value.
#[track_caller]
fn wait_for_counter(agent: &Sawlog, name: &str, want: u64) {
    wait_until(ARRIVAL_MAX, &format!("{name} {want}"), || {
        let metrics = agent.ask_api("/metrics")?;
        let start = format!("sawlog_plugin_{name}_total{{");
        let found: Vec<&str> = metrics
            .lines()
            .filter(|line| line.starts_with(&start))
            .collect();
        match found.iter().any(|line| line.ends_with(&format!(" {want}"))) {
            true => Ok(()),
            false => Err(format!("{found:?}; {}", agent.stderr())),
        }
    });
}

#[test]
fn a_document_that_fits_no_mapping_is_counted_and_the_others_are_stored() {
    let server = elasticsearch::shared();
    let index = "refused-mapping";
    let mapping = json!({"mappings": {"properties": {"number": {"type": "long"}}}});
    server.ask("PUT", &format!("/{index}"), Some(&mapping));
    let folder = Scratch::new("refusals");
    let odd = |number| (number % 10 == 3).then(|| String::from("\"three\""));
    let file = folder.write("numbers.log", &lines(odd));
    let agent = Sawlog::start(&pipeline(&file, server, index));
    server.wait_for_count(index, LINES - LINES / 10, ARRIVAL_MAX);
    wait_for_counter(&agent, "refused_mapping", LINES / 10);
    let told = agent.stop();
    assert!(told.contains(index) && told.contains("number"), "{told}");
}

#[test]
fn a_blocked_index_is_waited_for() {
    let server = elasticsearch::shared();
    let index = "refused-for-now";
    server.ask("PUT", &format!("/{index}"), None);
    let block = |blocked| json!({"index.blocks.write": blocked});
    let settings = format!("/{index}/_settings");
    server.ask("PUT", &settings, Some(&block(true)));
    let folder = Scratch::new("refusals");
    let file = folder.write("numbers.log", &lines(|_| None));
    let agent = Sawlog::start(&pipeline(&file, server, index));
    wait_until(ARRIVAL_MAX, "word of the block", || match agent.stderr() {
        told if told.contains("block") => Ok(()),
        told => Err(told),
    });
    assert_eq!(server.count(index), 0);
    server.ask("PUT", &settings, Some(&block(false)));
    server.wait_for_count(index, LINES, ARRIVAL_MAX);
    agent.stop();
}

#[test]
fn a_request_that_is_too_large_is_divided_and_a_line_that_is_too_large_is_counted() {
    let server = Elasticsearch::start_with("http.max_content_length: 64kb\n");
    let folder = Scratch::new("refusals");
    // 100 kB in the middle; the rest comes to more than the server takes at once.
    let odd =
        |number| (number == LINES / 2).then(|| format!("1,\"long\":\"{}\"", "x".repeat(100_000)));
    let file = folder.write("numbers.log", &lines(odd));
    let agent = Sawlog::start(&pipeline(&file, &server, "refused-size"));
    server.wait_for_count("refused-size", LINES - 1, ARRIVAL_MAX);
    wait_for_counter(&agent, "refused_too_large", 1);
    agent.stop();
    server.wait_for_count("refused-size", LINES - 1, ARRIVAL_MAX);
}
