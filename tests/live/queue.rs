//! The queue on disk in front of Elasticsearch: datagrams that were taken in outlive a kill, a stop and a reload while
//! Elasticsearch is away, and none is there twice.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::services::elasticsearch;
use crate::services::sawlog::Sawlog;
use crate::services::{ARRIVAL_MAX, Scratch, free_port, udp_is_bound, wait_until};

/// Fewer than a receive buffer holds, more than one bulk request.
const DATAGRAMS: u64 = 5000;

/// From a start to the last document.
const RECOVERY_MAX: Duration = Duration::from_secs(120);

fn pipeline(syslog: u16, elasticsearch: u16, index: &str) -> String {
    format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {syslog} }} }}\n\
         output {{ elasticsearch {{ hosts => [\"http://127.0.0.1:{elasticsearch}\"] index => \"{index}\" \
         retry_max_interval => 2 }} }}\n"
    )
}

fn send(port: u16, numbers: std::ops::Range<u64>) {
    wait_until(ARRIVAL_MAX, "the agent's socket", || udp_is_bound(port));
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    for number in numbers {
        let datagram = format!("<13>Nov 20 17:27:44 host counter[1]: {number}");
        socket
            .send_to(datagram.as_bytes(), (Ipv4Addr::LOCALHOST, port))
            .expect("loopback takes datagrams");
    }
}

/// The value of a figure of the output.
fn figure(agent: &Sawlog, name: &str) -> Result<u64, String> {
    let metrics = agent.ask_api("/metrics")?;
    let start = format!("sawlog_plugin_{name}{{");
    let of_output =
        |line: &&str| line.starts_with(&start) && line.contains("plugin=\"elasticsearch\"");
    let line = metrics.lines().find(of_output);
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.ok_or_else(|| format!("there is no {name}; {}", agent.stderr()))
}

/// Waits until a figure has that value.
#[track_caller]
fn wait_for(agent: &Sawlog, name: &str, want: u64) {
    wait_until(ARRIVAL_MAX, &format!("{name} {want}"), || {
        match figure(agent, name)? {
            value if value == want => Ok(()),
            value => Err(format!("{value}; {}", agent.stderr())),
        }
    });
}

#[track_caller]
fn check_once(index: &str, want: u64) {
    let server = elasticsearch::shared();
    server.wait_for_count(index, want, RECOVERY_MAX);
    let times = server.count_by(index, "message.keyword");
    assert_eq!(times.len() as u64, want);
    assert!(times.values().all(|times| *times == 1));
}

/// What is there while the agent takes datagrams in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    Away,
    /// It takes connections and never answers.
    Silent,
}

/// Takes datagrams in while nobody answers, ends the agent, and starts it again with Elasticsearch there.
#[track_caller]
fn outlive(index: &str, server: Server, end: impl FnOnce(Sawlog)) {
    let (syslog, nobody) = (free_port(), free_port());
    let silent = || TcpListener::bind(("127.0.0.1", nobody)).expect("the port is free");
    let _silent = (server == Server::Silent).then(silent);
    let data = Scratch::new("queue");
    let agent = Sawlog::start_in(&data.0, &pipeline(syslog, nobody, index));
    send(syslog, 0..DATAGRAMS);
    wait_for(&agent, "queue_disk_documents", DATAGRAMS);
    end(agent);
    let port = elasticsearch::shared().port();
    let agent = Sawlog::start_in(&data.0, &pipeline(syslog, port, index));
    check_once(index, DATAGRAMS);
    wait_for(&agent, "queue_disk_documents", 0);
    agent.stop();
    // Nothing is left to be sent once more.
    let agent = Sawlog::start_in(&data.0, &pipeline(syslog, port, index));
    send(syslog, DATAGRAMS..DATAGRAMS + 1);
    check_once(index, DATAGRAMS + 1);
    agent.stop();
}

#[test]
fn datagrams_taken_in_outlive_a_kill() {
    outlive("queue-kill", Server::Away, Sawlog::kill);
}

#[test]
fn datagrams_taken_in_outlive_a_stop_while_elasticsearch_is_away() {
    outlive("queue-stop", Server::Away, |agent| {
        let told = agent.stop();
        assert!(told.contains("stays in the queue on disk"), "{told}");
        assert!(!told.contains("are lost"), "{told}");
    });
}

#[test]
fn datagrams_taken_in_outlive_a_second_signal_while_elasticsearch_is_away() {
    outlive("queue-stop-twice", Server::Silent, |agent| {
        let told = agent.stop_at_once();
        assert!(told.contains("told twice to stop"), "{told}");
        assert!(told.contains("nothing is lost"), "{told}");
    });
}

#[test]
fn a_reload_with_the_right_host_sends_what_waited() {
    let (syslog, nobody) = (free_port(), free_port());
    let folder = Scratch::new("queue");
    let file = folder.write("pipeline.conf", &pipeline(syslog, nobody, "queue-reload"));
    let agent = Sawlog::start_with(Path::new(&file));
    send(syslog, 0..DATAGRAMS);
    wait_for(&agent, "queue_disk_documents", DATAGRAMS);
    let port = elasticsearch::shared().port();
    folder.write("pipeline.conf", &pipeline(syslog, port, "queue-reload"));
    agent.reload();
    send(syslog, DATAGRAMS..2 * DATAGRAMS);
    check_once("queue-reload", 2 * DATAGRAMS);
    wait_for(&agent, "queue_disk_documents", 0);
    agent.stop();
}

/// Changes one byte of this text in the segment of the only queue.
fn spoil(data: &Path, text: &str) {
    let queues = data.join("queue/main");
    let queue = only(&queues, |_| true);
    let segment = only(&queue, |path| {
        path.extension().is_some_and(|it| it == "seg")
    });
    let mut bytes = fs::read(&segment).expect("the segment is ours");
    let found = bytes
        .windows(text.len())
        .position(|part| part == text.as_bytes());
    bytes[found.expect("the datagram lies in it")] ^= 1;
    fs::write(&segment, bytes).expect("the segment is ours");
}

/// The only entry of a folder that is wanted.
fn only(folder: &Path, is_wanted: impl Fn(&Path) -> bool) -> PathBuf {
    let entries = fs::read_dir(folder).expect("the folder is ours");
    let paths = entries.map(|entry| entry.expect("the folder is ours").path());
    let wanted: Vec<PathBuf> = paths.filter(|path| is_wanted(path)).collect();
    assert_eq!(wanted.len(), 1, "{wanted:?}");
    wanted.into_iter().next().expect("there is one")
}

#[test]
fn what_the_disk_spoilt_is_told_counted_and_kept_and_the_rest_delivered() {
    let (syslog, nobody) = (free_port(), free_port());
    let data = Scratch::new("queue");
    let agent = Sawlog::start_in(&data.0, &pipeline(syslog, nobody, "queue-spoilt"));
    // What is spoilt at the end of the last segment would be taken for a write that was cut short.
    for half in [0..DATAGRAMS / 2, DATAGRAMS / 2..DATAGRAMS] {
        let end = half.end;
        send(syslog, half);
        wait_for(&agent, "queue_disk_documents", end);
    }
    agent.kill();
    spoil(&data.0, "\"1200\"");
    let server = elasticsearch::shared();
    let agent = Sawlog::start_in(&data.0, &pipeline(syslog, server.port(), "queue-spoilt"));
    let lost = wait_until(RECOVERY_MAX, "an end of every datagram", || {
        let lost = figure(&agent, "queue_dropped_damaged_total")?;
        match figure(&agent, "events_out_total")? + lost {
            DATAGRAMS => Ok(lost),
            ended => Err(format!("{ended}, {lost} of them lost; {}", agent.stderr())),
        }
    });
    assert!(0 < lost && lost < DATAGRAMS, "{lost}");
    server.wait_for_count("queue-spoilt", DATAGRAMS - lost, RECOVERY_MAX);
    wait_for(&agent, "queue_damaged_files", 1);
    let told = agent.stop();
    assert!(told.contains("is damaged at record"), "{told}");
}

#[test]
fn a_queue_whose_output_is_gone_is_told_and_kept() {
    let (syslog, nobody) = (free_port(), free_port());
    let data = Scratch::new("queue");
    let with = pipeline(syslog, nobody, "queue-orphan");
    let agent = Sawlog::start_in(&data.0, &with);
    send(syslog, 0..10);
    wait_for(&agent, "queue_disk_documents", 10);
    agent.stop();
    let other = with.replace("hosts", "id => \"another\" hosts");
    let told = Sawlog::start_in(&data.0, &other).stop();
    assert!(told.contains("10 documents wait in"), "{told}");
    let agent = Sawlog::start_in(&data.0, &with);
    wait_for(&agent, "queue_disk_documents", 10);
    agent.stop();
}

#[test]
fn what_waits_is_sent_though_no_input_wants_a_queue_any_more() {
    let (syslog, nobody) = (free_port(), free_port());
    let data = Scratch::new("queue");
    let agent = Sawlog::start_in(&data.0, &pipeline(syslog, nobody, "queue-rest"));
    send(syslog, 0..10);
    wait_for(&agent, "queue_disk_documents", 10);
    agent.stop();
    let log = data.write("in.log", "");
    let with = pipeline(syslog, elasticsearch::shared().port(), "queue-rest");
    let (_, output) = with.split_once('\n').expect("it has two lines");
    let files = format!(
        "input {{ file {{ path => \"{}\" }} }}\n{output}",
        log.display()
    );
    let agent = Sawlog::start_in(&data.0, &files);
    check_once("queue-rest", 10);
    wait_for(&agent, "queue_disk_documents", 0);
    agent.stop();
}
