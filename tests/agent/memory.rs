//! Memory stays small whatever waits: for an output that takes nothing, or for the ends of lines. The agent tells its own peak.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::time::Duration;

use super::api;
use super::running::{Agent, Start, connect};
use crate::services::{Scratch, free_port};

/// Far above what an agent needs with an output away, far below what these tests send it.
const PEAK_MAX: usize = 64 << 20;

/// What is sent through.
const SENT: usize = 96 << 20;

#[track_caller]
fn check_peak(api: u16, bytes_max: usize) {
    let page = api::page(api);
    let peak = api::figure(&page, "sawlog_memory_peak_bytes", &[]).expect("it is told");
    assert!(peak < bytes_max as f64, "{} MB", peak / 1e6);
}

/// Syslog to these outputs.
fn pipeline(port: u16, outputs: &str) -> String {
    format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {port} }} }} output {{ {outputs} }}\n"
    )
}

/// A server that takes connections and reads nothing.
fn deaf() -> (TcpListener, u16) {
    let server = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    let port = server.local_addr().expect("it is bound").port();
    (server, port)
}

/// Messages of a kilobyte until all are sent or the agent takes no more.
fn flood(port: u16) {
    let message = format!("<13>Nov 20 18:56:21 host app[1]: {}\n", "x".repeat(1000));
    let part = message.repeat(1000);
    let mut stream = connect(port);
    stream
        .set_write_timeout(Some(Duration::from_secs(1)))
        .expect("a socket takes a time-out");
    for _ in 0..SENT / part.len() {
        match stream.write_all(part.as_bytes()) {
            Ok(()) => {}
            Err(fault) if fault.kind() == ErrorKind::WouldBlock => return,
            Err(fault) => panic!("the agent reads: {fault}"),
        }
    }
}

#[test]
fn tcp_waits_for_a_server_that_does_not_answer() {
    for queue in ["memory", "persisted"] {
        let (silent, server) = deaf();
        let (port, api) = (free_port(), free_port());
        let output = format!("elasticsearch {{ hosts => [\"http://127.0.0.1:{server}\"] }}");
        let start = Start::new(&["-f", "pipeline.conf", "--shutdown.grace", "0s"])
            .env("SAWLOG_QUEUE_TYPE", queue)
            .api(&api.to_string());
        let mut agent = start
            .file("pipeline.conf", &pipeline(port, &output))
            .spawn();
        agent.wait_for_syslog(port);
        flood(port);
        check_peak(api, PEAK_MAX);
        drop((agent, silent));
    }
}

#[test]
fn what_nobody_reads_from_stdout_waits_on_disk() {
    let (reader, writer) = std::io::pipe().expect("the system has pipes");
    let (port, api) = (free_port(), free_port());
    let start = Start::new(&["-f", "pipeline.conf"])
        .env("SAWLOG_QUEUE_TYPE", "persisted")
        .api(&api.to_string());
    let mut agent = start
        .file("pipeline.conf", &pipeline(port, "stdout { }"))
        .stdout(writer.into())
        .spawn();
    agent.wait_for_syslog(port);
    flood(port);
    check_peak(api, PEAK_MAX);
    drop((agent, reader));
}

#[test]
fn a_carbon_that_never_reads_is_given_what_there_is_room_for() {
    let (deaf, carbon) = deaf();
    let pipeline = format!(
        "input {{ generator {{ }} }} output {{ graphite {{ host => \"127.0.0.1\" port => {carbon} interval => 1 \
         counters => {{ \"requests.of.host.%{{sequence}}\" => 1 }} }} }}\n"
    );
    let (mut agent, api) = api::start(&pipeline);
    // The generator waits when there is no more room.
    agent.wait("values without room", |agent| {
        let waiting = api::figure(&api::page(api), "sawlog_batches_waiting", &[]);
        let is_full = waiting.is_some_and(|waiting| 8.0 <= waiting);
        (is_full && agent.stderr().contains("is not to be had"))
            .then_some(())
            .ok_or_else(|| format!("{waiting:?} batches wait"))
    });
    check_peak(api, PEAK_MAX);
    drop((agent, deaf));
}

/// Of the beginning of a line: with a few more bytes it is still a whole one.
const LENGTH: usize = (1 << 20) - 100;

/// Long beginnings of lines in many files, of which all are read.
fn begin_lines(folder: &Scratch, agent: &mut Agent, count: usize) {
    let part = "x".repeat(LENGTH);
    for number in 0..count {
        folder.write(&format!("{number}.log"), &format!("begun\n{part}"));
    }
    agent.wait("all files being read", |agent| {
        match agent.stdout().matches("begun ").count() {
            begun if begun == count => Ok(()),
            begun => Err(format!("{begun} are")),
        }
    });
}

#[test]
fn lines_without_an_end_in_many_files_come_as_a_whole_and_take_little_memory() {
    const FILES: usize = 120;
    let (folder, api) = (Scratch::new("memory"), free_port());
    let pipeline = format!(
        "input {{ file {{ path => \"{}/*.log\" start_position => beginning }} }}\n\
         output {{ stdout {{ codec => line {{ format => \"%{{message}} %{{tags}}\" }} }} }}\n",
        folder.0.display()
    );
    let start = Start::new(&["-f", "pipeline.conf"]).api(&api.to_string());
    let mut agent = start.file("pipeline.conf", &pipeline).spawn();
    agent.wait_for_log("/metrics");
    begin_lines(&folder, &mut agent, FILES);
    check_peak(api, PEAK_MAX);
    for number in 0..FILES {
        let path = folder.0.join(format!("{number}.log"));
        let file = OpenOptions::new().append(true).open(path);
        file.and_then(|mut file| writeln!(file, "{number}"))
            .expect("the folder is writable");
    }
    let written = ["plugin=\"stdout\""];
    let events = "sawlog_plugin_events_out_total";
    api::wait_for(&mut agent, api, events, &written, 2.0 * FILES as f64);
    // Those that are on their way, a megabyte each, come to it.
    check_peak(api, 2 * PEAK_MAX);
    let ended = agent.stop();
    let lines = ended.stdout.lines().filter(|line| LENGTH < line.len());
    let mut ends: Vec<&str> = lines.map(|line| &line[LENGTH..]).collect();
    ends.sort_unstable();
    // A field that is not there stays as it is written: no line has a tag.
    let mut want: Vec<String> = (0..FILES)
        .map(|number| format!("{number} %{{tags}}"))
        .collect();
    want.sort_unstable();
    assert_eq!(ends, want);
}
