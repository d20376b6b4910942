//! Counters and timers of events, aggregated by the agent, are in carbon's files what was counted.

use std::fmt::Write as _;
use std::path::Path;

use crate::services::carbon::Carbon;
use crate::services::sawlog::Sawlog;
use crate::services::{ARRIVAL_MAX, Scratch, free_port, wait_until};

/// Requests in the file; each has a status and a time in milliseconds.
const REQUESTS: u32 = 1000;

/// One line in four is an error; times are 1 to 1000, each once.
fn requests() -> String {
    let mut text = String::new();
    for number in 0..REQUESTS {
        let status = if number % 4 == 0 { 500 } else { 200 };
        let time = (number * 7) % REQUESTS + 1;
        writeln!(text, "{{\"status\":{status},\"time\":{time}}}").expect("a String takes all text");
    }
    text
}

/// A pipeline that reads this file and counts its requests.
fn pipeline(file: &Path, port: u16) -> String {
    format!(
        "input {{ file {{ path => \"{}\" start_position => \"beginning\" codec => \"json\" }} }}\n\
         output {{ graphite {{ host => \"127.0.0.1\" port => {port} interval => 1 prefix => \"test\"\n\
         counters => {{ \"status.%{{status}}\" => 1 \"milliseconds\" => \"%{{time}}\" }}\n\
         timers => {{ \"time\" => \"%{{time}}\" }} }} }}\n",
        file.display()
    )
}

fn sum(values: &[f64]) -> f64 {
    values.iter().sum()
}

/// Waits until each series adds up to what is in the file; more than that never goes away, and fails.
#[track_caller]
fn wait_for_all(carbon: &Carbon) {
    let requests = f64::from(REQUESTS);
    let milliseconds = requests * (requests + 1.0) / 2.0;
    carbon.wait_for("test.status.200", |values| sum(values) == requests * 0.75);
    carbon.wait_for("test.status.500", |values| sum(values) == requests * 0.25);
    carbon.wait_for("test.milliseconds", |values| sum(values) == milliseconds);
    carbon.wait_for("test.time.count", |values| sum(values) == requests);
}

#[test]
fn counters_and_timers_in_carbon_are_what_was_counted() {
    let carbon = Carbon::start();
    let folder = Scratch::new("graphite");
    let file = folder.write("requests.log", &requests());
    let agent = Sawlog::start(&pipeline(&file, carbon.port()));
    wait_for_all(&carbon);
    check_timer(&carbon);
    agent.stop();
    wait_for_all(&carbon);
}

/// Mean times count of each interval add up to the sum of all times; the extremes are those of all.
#[track_caller]
fn check_timer(carbon: &Carbon) {
    let counts = carbon.points("test.time.count");
    let mut sum = 0.0;
    for (time, mean) in carbon.points("test.time.mean") {
        let count = counts
            .iter()
            .find(|(at, _)| *at == time)
            .map_or(0.0, |(_, count)| *count);
        sum += mean * count;
    }
    let wanted = f64::from(REQUESTS * (REQUESTS + 1) / 2);
    assert!((sum - wanted).abs() < 0.001, "{sum} of {wanted}");
    let extreme = |series: &str, pick: fn(f64, f64) -> f64| {
        let values = carbon.wait_for(series, |values| !values.is_empty());
        values
            .into_iter()
            .filter(|value| *value != 0.0)
            .reduce(pick)
    };
    assert_eq!(extreme("test.time.min", f64::min), Some(1.0));
    assert_eq!(
        extreme("test.time.max", f64::max),
        Some(f64::from(REQUESTS))
    );
    for (series, wanted) in [("p50", 500.0), ("p95", 950.0), ("p99", 990.0)] {
        let values = carbon.wait_for(&format!("test.time.{series}"), |values| !values.is_empty());
        assert!(
            values.iter().all(|value| *value <= f64::from(REQUESTS)),
            "{series} {values:?}"
        );
        // With all requests in one interval the percentile is that of all of them.
        if counts.iter().filter(|(_, count)| 0.0 < *count).count() == 1 {
            let near = values.iter().any(|value| (value - wanted).abs() <= 1.5);
            assert!(near, "{series} {values:?}, wanted about {wanted}");
        }
    }
}

#[test]
fn carbon_away_at_the_start_gets_every_event_when_it_comes() {
    let port = free_port();
    let folder = Scratch::new("graphite");
    let file = folder.write("requests.log", &requests());
    let agent = Sawlog::start(&pipeline(&file, port));
    let carbon = Carbon::start_on(port);
    wait_for_all(&carbon);
    agent.stop();
}

#[test]
fn what_was_counted_when_the_agent_is_stopped_is_in_carbon() {
    let carbon = Carbon::start();
    let folder = Scratch::new("graphite");
    let file = folder.write("requests.log", &requests());
    let pipeline = pipeline(&file, carbon.port()).replace("interval => 1", "interval => 60");
    let agent = Sawlog::start(&pipeline);
    wait_until(ARRIVAL_MAX, "the file to be read", || {
        match agent.ask_api("/metrics") {
            Ok(text) if text.lines().any(is_read) => Ok(()),
            answer => Err(format!("{answer:?}")),
        }
    });
    agent.stop();
    wait_for_all(&carbon);
}

/// Whether a line of the metrics says that the graphite output has seen all requests.
fn is_read(line: &str) -> bool {
    line.starts_with("sawlog_plugin_events_in_total")
        && line.contains("plugin=\"graphite\"")
        && line.ends_with(&format!(" {REQUESTS}"))
}
