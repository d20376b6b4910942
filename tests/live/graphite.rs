//! Counters and timers of events, aggregated by the agent, are in carbon's files what was counted.

use std::fmt::Write as _;

use crate::services::carbon::Carbon;
use crate::services::sawlog::Sawlog;
use crate::services::{Scratch, free_port};

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

/// Runs the requests through an agent whose graphite output has these settings, then looks at carbon.
#[track_caller]
fn check(port: impl Fn(&Carbon) -> u16, protocol: &str) {
    let carbon = Carbon::start();
    let folder = Scratch::new("graphite");
    let file = folder.write("requests.log", &requests());
    let agent = Sawlog::start(&format!(
        "input {{ file {{ path => \"{}\" start_position => \"beginning\" codec => \"json\" }} }}\n\
         output {{ graphite {{ host => \"127.0.0.1\" port => {} protocol => \"{protocol}\"\n\
         interval => 1 prefix => \"test\" counters => {{ \"status.%{{status}}\" => 1 }}\n\
         timers => {{ \"time\" => \"%{{time}}\" }} }} }}\n",
        file.display(),
        port(&carbon)
    ));
    let sum = |values: &[f64]| values.iter().sum::<f64>();
    carbon.wait_for("test.status.200.count", |values| sum(values) == 750.0);
    carbon.wait_for("test.status.500.count", |values| sum(values) == 250.0);
    carbon.wait_for("test.time.count", |values| {
        sum(values) == f64::from(REQUESTS)
    });
    check_timer(&carbon);
    agent.stop();
    assert_eq!(
        sum(&carbon.wait_for("test.status.200.count", |_| true)),
        750.0
    );
    assert_eq!(
        sum(&carbon.wait_for("test.time.count", |_| true)),
        f64::from(REQUESTS)
    );
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
fn counters_and_timers_sent_as_text_are_what_was_counted() {
    check(Carbon::port, "plaintext");
}

#[test]
fn counters_and_timers_sent_as_pickles_are_what_was_counted() {
    check(Carbon::pickle_port, "pickle");
}

#[test]
fn carbon_away_at_the_start_gets_every_event_when_it_comes() {
    let port = free_port();
    let folder = Scratch::new("graphite");
    let file = folder.write("requests.log", &requests());
    let agent = Sawlog::start(&format!(
        "input {{ file {{ path => \"{}\" start_position => \"beginning\" codec => \"json\" }} }}\n\
         output {{ graphite {{ host => \"127.0.0.1\" port => {port} interval => 1\n\
         prefix => \"late\" counters => {{ \"status.%{{status}}\" => 1 }} }} }}\n",
        file.display()
    ));
    let carbon = Carbon::start_on(port);
    carbon.wait_for("late.status.200.count", |values| {
        values.iter().sum::<f64>() == 750.0
    });
    agent.stop();
}
