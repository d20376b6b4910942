//! What systemd and the agent are to each other: it holds the sockets, so that a restart loses nothing, and is told when
//! the agent is ready, reloads, ends and lives. The tests stand in systemd's place, by its rules; one starts the agent by a
//! tool of systemd's own.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::running::{Agent, Start, WAIT_MAX, connect, messages, syslog_pipeline};
use crate::services::sawlog::PROGRAM;
use crate::services::{Scratch, free_port};

/// Makes its stdin the first socket that is handed over, and becomes the program.
const HAND_OVER: &str =
    "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" run -f pipeline.conf";

/// An agent that was handed this socket, and reads its port.
fn start_with(socket: &UdpSocket, pipeline: &str) -> Agent {
    let socket = socket.try_clone().expect("a socket can be shared");
    Start::other(&["sh", "-c", HAND_OVER, PROGRAM])
        .file("pipeline.conf", pipeline)
        .stdin(socket.into())
        .spawn()
}

fn port_of(socket: &UdpSocket) -> u16 {
    socket.local_addr().expect("it is bound").port()
}

/// Numbers in the messages of events.
fn numbers(events: &[Value]) -> Vec<usize> {
    let parse = |text: &&str| text.parse().ok();
    messages(events).iter().filter_map(parse).collect()
}

#[test]
fn a_restart_loses_no_datagram_while_systemd_holds_the_socket() {
    const TOTAL: usize = 10_000;
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = port_of(&socket);
    let pipeline = syslog_pipeline(port, "");
    let mut first = start_with(&socket, &pipeline);
    first.wait_for_log("systemd holds a socket of UDP at 127.0.0.1:");
    first.wait_for_syslog(port);
    let sent = AtomicUsize::new(0);
    let (before, events) = std::thread::scope(|scope| {
        scope.spawn(|| {
            let sender = UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
            for number in 0..TOTAL {
                let message = format!("<13>Nov 20 18:56:21 web1 app: {number}");
                sender
                    .send_to(message.as_bytes(), ("127.0.0.1", port))
                    .expect("a datagram can be sent");
                sent.store(number + 1, Ordering::Release);
                if number % 10 == 0 {
                    // Some thousand a second, so that the restart lies in their midst.
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        });
        first.wait_for_events(500);
        let before = first.stop();
        let at_restart = sent.load(Ordering::Acquire);
        assert!(at_restart < TOTAL, "the restart came too late");
        let mut second = start_with(&socket, &pipeline);
        let before = numbers(&before.events());
        let events = second.wait_for_events(TOTAL - before.len());
        second.stop();
        (before, numbers(&events))
    });
    assert!(!before.is_empty() && !events.is_empty());
    let all: BTreeSet<usize> = before.iter().chain(&events).copied().collect();
    assert_eq!(before.len() + events.len(), TOTAL);
    assert_eq!(all.len(), TOTAL);
}

#[test]
fn a_socket_for_both_families_shows_senders_of_ipv4_as_such() {
    let socket = UdpSocket::bind("[::]:0").expect("a port is free");
    let port = port_of(&socket);
    let pipeline = format!(
        "input {{ syslog {{ port => {port} }} }} output {{ stdout {{ codec => json_lines }} }}"
    );
    let mut agent = start_with(&socket, &pipeline);
    agent.wait_for_log("INFO syslog over UDP");
    super::running::send(port, b"<13>Nov 20 18:56:21 web1 app: hello");
    let event = agent.wait_for_events(1).remove(0);
    assert_eq!(event["host"], "127.0.0.1");
    agent.stop();
}

#[test]
fn a_large_receive_buffer_of_systemd_s_stays_large_without_the_right_to_make_it_so() {
    const LARGE: usize = 64 << 20;
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
    rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, LARGE)
        .expect("the tests run as root");
    let without = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec setpriv --bounding-set -net_admin \
                   --inh-caps -net_admin -- \"$0\" run -f pipeline.conf";
    let shared = socket.try_clone().expect("a socket can be shared");
    let mut agent = Start::other(&["sh", "-c", without, PROGRAM])
        .file("pipeline.conf", &syslog_pipeline(port_of(&socket), ""))
        .stdin(shared.into())
        .spawn();
    agent.wait_for_syslog(port_of(&socket));
    let size = rustix::net::sockopt::socket_recv_buffer_size(&socket);
    assert_eq!(size.expect("it is a socket"), 2 * LARGE);
    let log = agent.stop().stderr;
    assert!(!log.contains("the receive buffer for syslog has"), "{log}");
}

#[test]
fn a_socket_that_no_input_reads_is_told() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = port_of(&socket);
    let mut agent = start_with(&socket, &syslog_pipeline(free_port(), ""));
    agent.wait_for_log(&format!("at 127.0.0.1:{port} that no input reads"));
    agent.stop();
}

#[test]
fn a_listener_of_systemd_s_own_tool_is_taken_over() {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let words = [
        "systemd-socket-activate",
        "-l",
        &address,
        PROGRAM,
        "run",
        "-f",
        "pipeline.conf",
    ];
    let start = Start::other(&words).file("pipeline.conf", &syslog_pipeline(port, ""));
    let mut agent = start.spawn();
    agent.wait_for_log("Listening on 127.0.0.1:");
    // The first connection starts the agent, and is its first.
    let mut stream = connect(port);
    stream
        .write_all(b"<13>Nov 20 18:56:21 web1 app: woken\n")
        .expect("somebody listens");
    let events = agent.wait_for_events(1);
    assert_eq!(messages(&events), ["woken"]);
    assert!(
        agent
            .stderr()
            .contains("systemd holds a socket of TCP at 127.0.0.1:")
    );
    drop(stream);
    agent.stop();
}

/// The socket at which the agent tells its state.
struct Notified {
    socket: UnixDatagram,
    folder: Scratch,
}

impl Notified {
    fn new() -> Notified {
        let folder = Scratch::new("notify");
        let socket = UnixDatagram::bind(folder.0.join("socket")).expect("the folder is ours");
        let set = socket.set_read_timeout(Some(WAIT_MAX));
        set.expect("a time-out can be set");
        Notified { socket, folder }
    }

    fn start(&self, port: u16) -> Start {
        let path = self.folder.0.join("socket");
        let path = path.to_str().expect("our paths are text").to_owned();
        Start::new(&["-f", "pipeline.conf"])
            .file("pipeline.conf", &syslog_pipeline(port, ""))
            .env("NOTIFY_SOCKET", &path)
    }

    /// The next state that is told.
    #[track_caller]
    fn next(&self) -> String {
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).expect("something is told");
        String::from_utf8_lossy(&message[..length])
            .trim()
            .to_owned()
    }
}

#[test]
fn systemd_is_told_of_readiness_reload_and_end() {
    let (notified, port) = (Notified::new(), free_port());
    let agent = notified.start(port).spawn();
    assert_eq!(notified.next(), "READY=1");
    // Ready means bound: no datagram from now on is lost.
    assert_eq!(crate::services::udp_is_bound(port), Ok(()));
    agent.signal("HUP");
    let reloading = notified.next();
    assert!(reloading.starts_with("RELOADING=1"), "{reloading}");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    assert_eq!(notified.next(), "READY=1");
    // A broken file is a reload that ends too.
    agent.folder.write("pipeline.conf", "input {");
    agent.signal("HUP");
    assert!(notified.next().starts_with("RELOADING=1"));
    assert_eq!(notified.next(), "READY=1");
    agent.signal("TERM");
    assert_eq!(notified.next(), "STOPPING=1");
    assert_eq!(agent.end().status, Some(0));
}

#[test]
fn a_refused_configuration_is_never_ready() {
    let notified = Notified::new();
    let ended = notified
        .start(free_port())
        .file("pipeline.conf", "input {")
        .run(b"");
    assert_eq!(ended.status, Some(1));
    let set = notified.socket.set_nonblocking(true);
    set.expect("a socket can be made not to block");
    assert!(notified.socket.recv(&mut [0; 64]).is_err());
}

#[test]
fn systemd_s_watchdog_is_told_that_the_agent_lives() {
    let notified = Notified::new();
    let agent = notified
        .start(free_port())
        .env("WATCHDOG_USEC", "100000")
        .spawn();
    assert_eq!(notified.next(), "READY=1");
    for _ in 0..3 {
        assert_eq!(notified.next(), "WATCHDOG=1");
    }
    agent.stop();
}
