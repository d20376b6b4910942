//! Elasticsearch away: a file's lines wait for it, and none is lost or there twice.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::services::elasticsearch::Elasticsearch;
use crate::services::namespace;
use crate::services::sawlog::Sawlog;
use crate::services::{ARRIVAL_MAX, Scratch, free_port, wait_until};

/// More lines than one bulk request holds.
const LINES: u64 = 20_000;

/// From Elasticsearch's start to the last document: the agent's pause between two tries may have grown to a minute.
const RECOVERY_MAX: Duration = Duration::from_secs(180);

fn lines(from: u64, to: u64) -> String {
    let mut text = String::new();
    for number in from..to {
        writeln!(text, "{{\"number\":{number}}}").expect("a String takes all text");
    }
    text
}

fn pipeline(file: &Path, port: u16) -> String {
    format!(
        "input {{ file {{ path => \"{}\" start_position => \"beginning\" codec => \"json\" }} }}\n\
         output {{ elasticsearch {{ hosts => [\"http://127.0.0.1:{port}\"] index => \"outage\" }} }}\n",
        file.display()
    )
}

/// How often each number is there.
#[track_caller]
fn times(server: &Elasticsearch) -> BTreeMap<u64, u64> {
    let counts = server.count_by("outage", "number").into_iter();
    counts
        .filter_map(|(number, times)| Some((number.parse().ok()?, times)))
        .collect()
}

/// Every number from 0 is there, and once.
#[track_caller]
fn check_once(server: &Elasticsearch, want: u64) {
    let times = times(server);
    let twice: Vec<_> = times
        .iter()
        .filter(|(_, times)| **times != 1)
        .take(10)
        .collect();
    assert!(
        twice.is_empty(),
        "there more than once: {twice:?} and perhaps more"
    );
    check_all(&times, want);
}

/// Every number from 0 is there, and no other.
#[track_caller]
fn check_all(times: &BTreeMap<u64, u64>, want: u64) {
    let lost: Vec<_> = (0..want)
        .filter(|number| !times.contains_key(number))
        .take(10)
        .collect();
    assert!(lost.is_empty(), "lost: {lost:?} and perhaps more");
    assert_eq!(times.len() as u64, want);
}

#[test]
fn lines_written_while_elasticsearch_is_away_all_arrive_once() {
    let folder = Scratch::new("outage");
    let file = folder.write("application.log", &lines(0, LINES));
    let port = free_port();
    let agent = Sawlog::start(&pipeline(&file, port));
    let quiet = agent.stderr();
    wait_until(
        ARRIVAL_MAX,
        "word that Elasticsearch is away",
        || match agent.stderr() {
            text if text.contains(&port.to_string()) => Ok(()),
            text => Err(text),
        },
    );
    let server = Elasticsearch::start_on(port);
    server.wait_for_count("outage", LINES, RECOVERY_MAX);
    let mut open = OpenOptions::new()
        .append(true)
        .open(&file)
        .expect("the file is ours");
    open.write_all(lines(LINES, LINES + 1000).as_bytes())
        .expect("the file is ours");
    server.wait_for_count("outage", LINES + 1000, ARRIVAL_MAX);
    check_once(&server, LINES + 1000);
    let told = agent.stop();
    assert!(told.len() > quiet.len(), "{told}");
}

#[test]
fn an_agent_killed_while_elasticsearch_is_away_loses_no_line() {
    let folder = Scratch::new("outage");
    let file = folder.write("application.log", &lines(0, LINES));
    let data = Scratch::new("outage-data");
    let port = free_port();
    let agent = Sawlog::start_in(&data.0, &pipeline(&file, port));
    wait_until(
        ARRIVAL_MAX,
        "word that Elasticsearch is away",
        || match agent.stderr() {
            text if text.contains(&port.to_string()) => Ok(()),
            text => Err(text),
        },
    );
    agent.kill();
    let server = Elasticsearch::start_on(port);
    let agent = Sawlog::start_in(&data.0, &pipeline(&file, port));
    server.wait_for_count("outage", LINES, RECOVERY_MAX);
    check_once(&server, LINES);
    agent.stop();
}

#[test]
fn an_agent_killed_while_it_sends_has_every_line_there_once() {
    let folder = Scratch::new("outage");
    let file = folder.write("application.log", &lines(0, LINES));
    let data = Scratch::new("outage-data");
    let server = Elasticsearch::start();
    let pipeline = pipeline(&file, server.port());
    // Killed at its first documents, at about half of them, and at the end.
    for least in [1, LINES / 2, LINES] {
        let agent = Sawlog::start_in(&data.0, &pipeline);
        wait_until(ARRIVAL_MAX, "documents", || match server.count("outage") {
            count if least <= count => Ok(()),
            count => Err(format!("{count} documents")),
        });
        agent.kill();
    }
    let agent = Sawlog::start_in(&data.0, &pipeline);
    wait_until(ARRIVAL_MAX, "every line", || {
        match times(&server).len() as u64 {
            LINES => Ok(()),
            count => Err(format!("{count} numbers")),
        }
    });
    agent.stop();
    check_once(&server, LINES);
}

/// What stands at another address in front of a server, until it is told to go.
struct Relay {
    is_gone: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    #[track_caller]
    fn start(address: SocketAddr, server: SocketAddr) -> Relay {
        let listener = TcpListener::bind(address).expect("the namespace is our own");
        let relay = Relay {
            is_gone: Arc::default(),
            open: Arc::default(),
        };
        let (is_gone, open) = (Arc::clone(&relay.is_gone), Arc::clone(&relay.open));
        thread::spawn(move || {
            for client in listener.incoming() {
                // The listener goes with this thread, once somebody knocks.
                if is_gone.load(Ordering::Acquire) {
                    return;
                }
                let client = client.expect("the listener is good");
                let server = TcpStream::connect(server).expect("the server listens");
                let ends = [&client, &server].map(|end| end.try_clone().expect("it can be shared"));
                open.lock().expect("nobody panics").extend(ends);
                pass_on(&client, &server);
                pass_on(&server, &client);
            }
        });
        relay
    }

    /// Closes all connections and takes no more. Gives how many there were.
    fn go(self, address: SocketAddr) -> usize {
        self.is_gone.store(true, Ordering::Release);
        drop(TcpStream::connect(address));
        let open = self.open.lock().expect("nobody panics");
        for end in open.iter() {
            end.shutdown(Shutdown::Both).unwrap_or(());
        }
        open.len() / 2
    }
}

fn pass_on(from: &TcpStream, to: &TcpStream) {
    let [mut from, mut to] = [from, to].map(|end| end.try_clone().expect("it can be shared"));
    thread::spawn(move || {
        // An end that is closed ends the other.
        std::io::copy(&mut from, &mut to).unwrap_or(0);
        to.shutdown(Shutdown::Both).unwrap_or(());
    });
}

/// Has the name `moving` stand for an address, in this namespace.
fn point_to(hosts: &str, address: Ipv4Addr) {
    std::fs::write("/etc/hosts", format!("{hosts}\n{address} moving\n")).expect("it is ours");
}

#[test]
fn a_name_that_moves_to_another_address_is_followed() {
    namespace::inside(None, || {
        let server = Elasticsearch::start();
        let port = server.port();
        let (old, new) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::LOCALHOST);
        let address = SocketAddr::from((old, port));
        let relay = Relay::start(address, SocketAddr::from((new, port)));
        let hosts = std::fs::read_to_string("/etc/hosts").expect("it is there");
        point_to(&hosts, old);
        let folder = Scratch::new("moving");
        let file = folder.write("application.log", &lines(0, LINES));
        let agent = Sawlog::start(&pipeline(&file, port).replace("127.0.0.1", "moving"));
        server.wait_for_count("outage", LINES, ARRIVAL_MAX);
        point_to(&hosts, new);
        assert!(0 < relay.go(address), "the old address was used");
        let mut log = OpenOptions::new()
            .append(true)
            .open(&file)
            .expect("it is ours");
        log.write_all(lines(LINES, 2 * LINES).as_bytes())
            .expect("there is room");
        server.wait_for_count("outage", 2 * LINES, RECOVERY_MAX);
        check_once(&server, 2 * LINES);
        agent.stop();
    });
}
