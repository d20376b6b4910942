//! An agent that is told to stop: what had come by then is read and kept, whatever state it is in, and it ends as soon as that
//! is done.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::api;
use super::running::{Agent, Start, connect, messages, send, slow_filters, syslog_pipeline};
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

/// Stops all of its threads where they are.
#[track_caller]
fn freeze(agent: &mut Agent) {
    agent.signal("STOP");
    let threads = format!("/proc/{}/task", agent.pid());
    agent.wait("all threads being stopped", |_| {
        let threads = fs::read_dir(&threads).map_err(|fault| fault.to_string())?;
        for thread in threads.flatten() {
            let stat = fs::read_to_string(thread.path().join("stat"));
            let stat = stat.map_err(|fault| fault.to_string())?;
            // The state stands behind the name, which is in brackets.
            if !stat.contains(") T ") {
                return Err(stat);
            }
        }
        Ok(())
    });
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
    freeze(&mut agent);
    drop(connections(port, "\n"));
    agent.signal("TERM");
    agent.signal("CONT");
    check_all_came(agent);
}

#[test]
fn what_a_slow_filter_does_not_come_to_the_end_of_is_counted() {
    const MESSAGES: u64 = 7;
    let port = free_port();
    let pipeline = syslog_pipeline(port, &slow_filters(1000));
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

/// Sends until the agent takes no more, as its output is not read.
fn fill(port: u16) {
    let message = format!("<13>Nov 20 18:56:21 host app[1]: {}\n", "x".repeat(1000));
    let mut stream = connect(port);
    stream
        .set_write_timeout(Some(Duration::from_millis(500)))
        .expect("a socket takes a time-out");
    while stream.write_all(message.as_bytes()).is_ok() {}
}

#[test]
fn datagrams_that_nobody_has_read_yet_are_read_when_the_agent_ends() {
    const COUNT: usize = 30;
    let (port, api) = (free_port(), free_port());
    let (mut reader, writer) = std::io::pipe().expect("the system has pipes");
    let output = "output { stdout { codec => line { format => \"%{message}\" } } }";
    let pipeline =
        format!("input {{ syslog {{ host => \"127.0.0.1\" port => {port} }} }} {output}");
    let start = Start::new(&["run", "-f", "pipeline.conf", "-w", "1"])
        .env("SAWLOG_QUEUE_TYPE", "memory")
        .api(&api.to_string());
    let start = start.file("pipeline.conf", &pipeline);
    let mut agent = start.stdout(writer.into()).spawn();
    agent.wait_for_syslog(port);
    fill(port);
    // The first one is held by the reader, which waits for room; so the others stay with the kernel.
    let datagram = |text: &str| format!("<13>Nov 20 18:56:21 host app[1]: {text}");
    send(port, datagram("first").as_bytes());
    let read = "sawlog_plugin_udp_datagrams_total";
    api::wait_for(&mut agent, api, read, &[], 1.0);
    for number in 0..COUNT {
        send(port, datagram(&number.to_string()).as_bytes());
    }
    agent.signal("TERM");
    agent.wait_for_log("stopping");
    let page = api::page(api);
    assert_eq!(api::figure(&page, read, &[]), Some(1.0), "they are read");
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("lines are text");
    let ended = agent.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let numbers = text.lines().filter_map(|line| line.parse::<usize>().ok());
    let numbers: Vec<usize> = numbers.collect();
    assert_eq!(numbers, (0..COUNT).collect::<Vec<_>>(), "{}", ended.stderr);
}
