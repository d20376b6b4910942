//! What Elasticsearch refuses, for now or for good: the rest is stored, and each refusal is counted under its name.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::services::elasticsearch::{self, Elasticsearch};
use crate::services::process::output_of;
use crate::services::sawlog::{PROGRAM, Sawlog};
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

/// What `sawlog dlq` says, with exit code 0.
#[track_caller]
fn dlq(arguments: &[&str], data: &Path) -> String {
    let mut command = Command::new(PROGRAM);
    command
        .arg("dlq")
        .args(arguments)
        .arg("--path.data")
        .arg(data);
    output_of(&mut command)
}

/// Sends dead letters again, of which some are refused again; gives what it says of them.
#[track_caller]
fn replay(pipeline: &str, data: &Path) -> String {
    let mut command = Command::new(PROGRAM);
    command.args(["dlq", "replay", "-f", pipeline, "--path.data"]);
    let output = command.arg(data).output().expect("the agent is built");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A tenth of the lines was refused for each reason, and can be looked at.
#[track_caller]
fn check_letters(data: &Path) {
    let listed = dlq(&["ls"], data);
    for kind in ["refused_mapping", "confinement_failed"] {
        let row = listed.lines().find(|line| line.contains(kind));
        let words: Vec<&str> = row.unwrap_or_default().split_whitespace().collect();
        assert_eq!(words.get(3), Some(&&*(LINES / 10).to_string()), "{listed}");
    }
    let shown = dlq(
        &["show", "--reason", "refused_mapping", "--limit", "2"],
        data,
    );
    assert_eq!(
        shown.matches("refused_mapping, status 400").count(),
        2,
        "{shown}"
    );
    assert!(shown.contains("\"number\":\"three\""), "{shown}");
}

#[test]
fn dead_letters_are_shown_and_sent_again_once_the_mapping_is_right() {
    let server = elasticsearch::shared();
    let index = "refused-replay";
    let mapping = |kind| json!({"mappings": {"properties": {"number": {"type": kind}}}});
    server.ask("PUT", &format!("/{index}"), Some(&mapping("long")));
    let folder = Scratch::new("refusals");
    let odd = |number| match number % 10 {
        3 => Some(String::from("\"three\"")),
        // An index that is none: it is refused before it is sent.
        7 => Some(format!("{number},\"suffix\":\"-X\"")),
        _ => None,
    };
    let file = folder.write("numbers.log", &lines(odd));
    let text = pipeline(&file, server, &format!("{index}%{{suffix}}")).replace(
        "output {",
        "filter { mutate { add_field => { \"suffix\" => \"\" } } }\noutput {",
    );
    let pipeline = folder.write("pipeline.conf", &text);
    let data = Scratch::new("refusals-data");
    let agent = Sawlog::start_in(&data.0, &text);
    server.wait_for_count(index, LINES - LINES / 5, ARRIVAL_MAX);
    wait_for_counter(&agent, "dead_letters", LINES / 5);
    agent.kill();
    check_letters(&data.0);
    // Sent again as things are, they come back.
    let pipeline = pipeline.display().to_string();
    let told = replay(&pipeline, &data.0);
    let want = format!(
        "main: 0 stored, 0 were there before, {} refused again",
        LINES / 5
    );
    assert!(told.contains(&want), "{told}");
    check_letters(&data.0);
    server.delete(index);
    server.ask("PUT", &format!("/{index}"), Some(&mapping("keyword")));
    let told = replay(&pipeline, &data.0);
    let want = format!(
        "main: {} stored, 0 were there before, {} refused again",
        LINES / 10,
        LINES / 10
    );
    assert!(told.contains(&want), "{told}");
    server.wait_for_count(index, LINES / 10, ARRIVAL_MAX);
    let left = dlq(&["ls"], &data.0);
    assert!(
        !left.contains("refused_mapping") && left.contains("confinement_failed"),
        "{left}"
    );
    server.delete(index);
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
