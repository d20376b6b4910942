//! A queue on disk that is full, by each policy, with settings from `logstash.yml` as well. Nobody takes anything out, so that
//! what was put in, dropped and made to wait adds up.

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::running::{Agent, Start, connect, figure};
use crate::services::free_port;

/// The smallest queue that can be had.
const BYTES_MAX: u64 = 8 << 20;

const SETTINGS: &str = "queue.type: persisted\nqueue.page_capacity: 4mb\nqueue.max_bytes: 8mb\n";

/// A message's text.
const MESSAGE_BYTES: usize = 4000;

/// Messages of thrice as many bytes as the queue holds.
const MESSAGES: u64 = 3 * BYTES_MAX / MESSAGE_BYTES as u64;

/// The grace, the time that a worker and an output have behind it, and room for a busy machine.
const END_MAX: Duration = Duration::from_secs(8);

/// How long the agent takes nothing before a sender calls it waiting.
const SILENCE: Duration = Duration::from_secs(5);

struct Filled {
    agent: Agent,
    api: SocketAddr,
    /// How many messages the agent took from its sender.
    taken: u64,
}

impl Filled {
    /// Starts an agent with these settings whose output is away, and sends it more than its queue holds.
    #[track_caller]
    fn with(file: &str, settings: &str) -> Filled {
        let (syslog, nobody, port) = (free_port(), free_port(), free_port());
        let pipeline = format!(
            "input {{ syslog {{ host => \"127.0.0.1\" port => {syslog} }} }}\n\
             output {{ elasticsearch {{ hosts => [\"http://127.0.0.1:{nobody}\"] }} }}\n"
        );
        let arguments = [
            "run",
            "-f",
            "pipeline.conf",
            "--path.settings",
            ".",
            "--shutdown.grace",
            "500ms",
        ];
        let start = Start::new(&arguments).file("pipeline.conf", &pipeline);
        let mut agent = start.file(file, settings).api(&port.to_string()).spawn();
        agent.wait_for_syslog(syslog);
        let mut stream = connect(syslog);
        let bound = stream.set_write_timeout(Some(SILENCE));
        bound.expect("a socket takes a time-out");
        let text = "x".repeat(MESSAGE_BYTES);
        let mut taken = 0;
        for number in 0..MESSAGES {
            let message = format!("<13>Nov 20 18:56:21 host app[1]: {number} {text}\n");
            match stream.write_all(message.as_bytes()) {
                Ok(()) => taken += 1,
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => break,
                Err(fault) => panic!("{fault}; {}", agent.stderr()),
            }
        }
        let api = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Filled { agent, api, taken }
    }

    fn figure(&self, name: &str) -> u64 {
        figure(self.api, "elasticsearch", name)
    }

    /// Waits until the output has been given all messages, and what became of them is known.
    #[track_caller]
    fn wait_for_all(&mut self, ended: fn(&Filled) -> u64) {
        crate::services::wait_until(
            super::running::WAIT_MAX,
            "an end of every message",
            || match (self.figure("events_in_total"), ended(self)) {
                (MESSAGES, MESSAGES) => Ok(()),
                (taken, ended) => Err(format!(
                    "{taken} came, {ended} ended; {}",
                    self.agent.stderr()
                )),
            },
        );
        assert!(self.figure("queue_disk_bytes") <= BYTES_MAX);
    }
}

#[test]
fn the_newest_are_dropped_by_settings_of_old() {
    let mut filled = Filled::with(
        "logstash.yml",
        &format!("{SETTINGS}queue.full: drop_newest\n"),
    );
    assert_eq!(filled.taken, MESSAGES);
    filled.wait_for_all(|filled| {
        filled.figure("queue_disk_documents") + filled.figure("queue_dropped_newest_total")
    });
    assert!(MESSAGES / 3 < filled.figure("queue_dropped_newest_total"));
    assert_eq!(filled.figure("queue_dropped_oldest_total"), 0);
    let log = filled.agent.stop().stderr;
    assert!(log.contains("new documents are dropped"), "{log}");
}

#[test]
fn the_oldest_are_dropped_where_the_settings_say_so() {
    let mut filled = Filled::with(
        "sawlog.yml",
        &format!("{SETTINGS}queue.full: drop_oldest\n"),
    );
    assert_eq!(filled.taken, MESSAGES);
    filled.wait_for_all(|filled| {
        filled.figure("queue_disk_documents") + filled.figure("queue_dropped_oldest_total")
    });
    assert!(MESSAGES / 3 < filled.figure("queue_dropped_oldest_total"));
    assert_eq!(filled.figure("queue_dropped_newest_total"), 0);
    let log = filled.agent.stop().stderr;
    assert!(log.contains("the oldest documents are dropped"), "{log}");
}

#[test]
fn senders_wait_by_default_and_nothing_is_dropped() {
    let mut filled = Filled::with("logstash.yml", SETTINGS);
    assert!(filled.taken < MESSAGES, "the sender had to wait");
    filled
        .agent
        .wait_for_log("inputs wait until the output has taken some");
    assert!(0 < filled.figure("queue_disk_documents"));
    assert!(filled.figure("queue_disk_bytes") <= BYTES_MAX);
    for policy in ["newest", "oldest"] {
        assert_eq!(filled.figure(&format!("queue_dropped_{policy}_total")), 0);
    }
    // A worker that waits for room does not hold up a reload.
    filled.agent.signal("HUP");
    filled.agent.wait_for_log("INFO reloaded");
    let waiting = filled.figure("queue_disk_documents");
    let told = Instant::now();
    filled.agent.signal("TERM");
    let ended = filled.agent.end();
    assert_eq!(ended.status, Some(0));
    assert!(told.elapsed() < END_MAX, "{:?}", told.elapsed());
    // What found no room is said, not called safe.
    assert!(
        ended.stderr.contains("are lost (`documents_lost`)"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert!(0 < waiting);
}
