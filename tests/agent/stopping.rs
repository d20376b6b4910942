//! An agent that is told to stop: what had come by then is read and kept, whatever state it is in, and it ends as soon as that
//! is done.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::running::{Agent, Start, connect, messages, send, syslog_pipeline};
use crate::services::free_port;

/// Far below the grace that the agent would give an output, and room for a busy machine.
const AT_ONCE: Duration = Duration::from_secs(6);

const GRACE: &str = "20s";

/// Connections that have each sent a message, whole or not.
fn connections(port: u16, end: &str) -> Vec<TcpStream> {
    let open = |number: u32| {
        let mut stream = connect(port);
        let message = format!("<13>Nov 20 18:56:21 host app[1]: {number}{end}");
        stream
            .write_all(message.as_bytes())
            .expect("the agent takes it");
        stream
    };
    (0..30).map(open).collect()
}

/// Waits for the end; all numbers have come.
#[track_caller]
fn check_all_came(agent: Agent) {
    let ended = agent.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let events = ended.events();
    let mut numbers = messages(&events);
    numbers.sort_by_key(|number| number.parse::<u32>().ok());
    let want: Vec<_> = (0..30).map(|number| number.to_string()).collect();
    assert_eq!(numbers, want, "{}", ended.stderr);
}

#[test]
fn an_output_that_is_away_does_not_keep_an_agent_from_its_end() {
    let (port, nobody) = (free_port(), free_port());
    let pipeline = format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {port} }} }}\n\
         output {{ elasticsearch {{ hosts => [\"http://127.0.0.1:{nobody}\"] }} }}\n"
    );
    let arguments = ["run", "-f", "pipeline.conf", "--shutdown.grace", GRACE];
    let mut agent = Start::new(&arguments)
        .file("pipeline.conf", &pipeline)
        .spawn();
    agent.wait_for_syslog(port);
    send(port, b"<13>Nov 20 18:56:21 host app[1]: kept");
    agent.wait_for_log("is not to be had");
    let told = Instant::now();
    agent.signal("TERM");
    let ended = agent.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(told.elapsed() < AT_ONCE, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("stays in the queue on disk"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("are lost"), "{}", ended.stderr);
}

#[test]
fn a_connection_to_an_address_that_a_reload_gives_up_is_read() {
    let (port, other) = (free_port(), free_port());
    let mut agent = Agent::start(&syslog_pipeline(port, ""));
    agent.wait_for_syslog(port);
    let streams = connections(port, "\n<13>Nov 20 18:56:22 host app[1]: unfinished");
    agent.wait_for_events(streams.len());
    let pipeline = syslog_pipeline(other, "");
    agent.folder.write("pipeline.conf", &pipeline);
    agent.signal("HUP");
    let events = agent.wait_for_events(2 * streams.len());
    let unfinished = |message: &&str| **message == *"unfinished";
    assert_eq!(
        messages(&events).iter().copied().filter(unfinished).count(),
        streams.len()
    );
    agent.stop();
}

#[test]
fn connections_on_their_way_to_a_new_configuration_are_read_when_the_agent_ends() {
    let port = free_port();
    let mut agent = Agent::start(&syslog_pipeline(port, ""));
    agent.wait_for_syslog(port);
    // They are unfinished, so that each one has something that goes with it.
    let streams = connections(port, "");
    let stream = connections(port, "\n");
    agent.wait_for_events(stream.len());
    drop(stream);
    agent.signal("HUP");
    agent.signal("TERM");
    let ended = agent.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_eq!(ended.events().len(), 2 * streams.len(), "{}", ended.stderr);
}

#[test]
fn connections_that_nobody_has_accepted_yet_are_read_when_the_agent_ends() {
    let port = free_port();
    let mut agent = Agent::start(&syslog_pipeline(port, ""));
    agent.wait_for_syslog(port);
    agent.signal("STOP");
    drop(connections(port, "\n"));
    agent.signal("TERM");
    agent.signal("CONT");
    check_all_came(agent);
}

/// A filter of a thousand steps, each of which goes through the whole message.
fn slow_filters() -> String {
    r#"mutate { gsub => ["message", "a(.*)b", "b\1a"] }"#.repeat(1000)
}

#[test]
fn what_a_slow_filter_does_not_come_to_the_end_of_is_counted() {
    const MESSAGES: u64 = 7;
    let port = free_port();
    let pipeline = syslog_pipeline(port, &slow_filters());
    let start = Start::new(&["-f", "pipeline.conf", "--shutdown.grace", "0s", "-w", "1"]);
    let mut agent = start.file("pipeline.conf", &pipeline).spawn();
    agent.wait_for_syslog(port);
    for number in 0..MESSAGES {
        let long = "ab".repeat(20_000);
        let text = format!("<13>Nov 20 18:56:21 host app[1]: {number} {long}");
        send(port, text.as_bytes());
        // Each in a batch of its own.
        std::thread::sleep(Duration::from_millis(50));
    }
    let told = Instant::now();
    let ended = agent.stop();
    assert!(
        told.elapsed() < Duration::from_secs(20),
        "{:?}",
        told.elapsed()
    );
    let written = ended.stdout.lines().count() as u64;
    let lost = ended.stderr.split(" on no disk ").nth(1);
    let lost = lost.and_then(|text| text.split(' ').next()?.parse().ok());
    let lost: u64 = lost.unwrap_or(0);
    assert_eq!(written + lost, MESSAGES, "{}", ended.stderr);
    assert!(0 < lost, "all was done in time");
}
