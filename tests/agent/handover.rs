//! A reload while requests are under way: they are finished and nothing is sent twice, the socket is read meanwhile, and one
//! pipeline does not wait for another. The server answers when the test says so.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::bulk_server::{Request, Server};
use super::running::{Agent, Start, TWO_PIPELINES, figure, send};
use crate::services::free_port;

fn output(port: u16) -> String {
    format!(
        "output {{ elasticsearch {{ hosts => [\"http://127.0.0.1:{port}\"] index => \"i\" action => \"index\" }} }}\n"
    )
}

fn datagram(port: u16, text: &str) {
    send(
        port,
        format!("<13>Nov 20 18:56:21 host app[1]: {text}").as_bytes(),
    );
}

#[test]
fn a_reload_reads_the_socket_on_while_a_request_is_under_way_and_sends_nothing_twice() {
    let (port, server) = (free_port(), Server::start());
    let pipeline = format!("input {{ syslog {{ host => \"127.0.0.1\" port => {port} }} }}\n")
        + &output(server.port);
    let mut agent = Agent::start(&pipeline);
    agent.wait_for_syslog(port);
    datagram(port, "one");
    let first = server.next();
    agent.signal("HUP");
    agent.wait_for_log("INFO reloaded");
    datagram(port, "two");
    assert_eq!(first.messages, ["one"]);
    first
        .answer
        .send(())
        .expect("the request is still under way");
    let second = server.next();
    assert_eq!(second.messages, ["two"]);
    second.answer.send(()).expect("it is under way");
    agent.stop();
    assert!(server.requests.try_recv().is_err(), "nothing is sent again");
}

fn file_input(path: &std::path::Path) -> String {
    let path = path.display();
    format!("file {{ path => \"{path}\" start_position => \"beginning\" }}")
}

/// An input whose buffer has room for some fifty datagrams.
fn narrow_syslog(port: u16) -> String {
    format!("syslog {{ host => \"127.0.0.1\" port => {port} receive_buffer_bytes => \"16 KiB\" }}")
}

/// Reloads an agent that waits for a server's answer to what came from a file, and sends datagrams all the while.
#[track_caller]
fn reload_under_datagrams(start: Start, server: &Server, port: u16) {
    let api = free_port();
    let start = start
        .file("pipelines.yml", TWO_PIPELINES)
        .file("a.log", "waits for its answer\n");
    let mut agent = start.api(&api.to_string()).spawn();
    agent.wait_for_syslog(port);
    let _unanswered = server.next();
    agent.signal("HUP");
    let mut sent = 0;
    while !agent.stderr().contains("INFO reloaded") {
        datagram(port, "one of many");
        sent += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    let api = SocketAddr::from((Ipv4Addr::LOCALHOST, api));
    let plugin = "syslog";
    agent.wait("all datagrams", |_| {
        match figure(api, plugin, "udp_datagrams_total") {
            read if read == sent => Ok(()),
            read => Err(format!("{read} of {sent} were read")),
        }
    });
    assert_eq!(figure(api, plugin, "udp_drops_total"), 0);
    assert!(50 < sent, "the reload was over after {sent} datagrams");
}

#[test]
fn a_reload_reads_the_socket_on_while_a_file_of_the_pipeline_waits_for_its_server() {
    let (port, server) = (free_port(), Server::start());
    let start = Start::new(&["run", "--path.settings", "."]);
    let file = file_input(&start.folder().join("a.log"));
    let both = format!("input {{ {file} {} }}\n", narrow_syslog(port));
    let start = start.file("a.conf", &(both + &output(server.port))).file(
        "b.conf",
        "input { generator { count => 0 } } output { null {} }\n",
    );
    reload_under_datagrams(start, &server, port);
}

#[test]
fn a_reload_reads_the_socket_on_while_another_pipeline_waits_for_its_server() {
    let (port, server) = (free_port(), Server::start());
    let start = Start::new(&["run", "--path.settings", "."]);
    let file = file_pipeline(&start.folder().join("a.log"), server.port);
    let syslog = format!(
        "input {{ {} }} output {{ null {{}} }}\n",
        narrow_syslog(port)
    );
    let start = start.file("a.conf", &file).file("b.conf", &syslog);
    reload_under_datagrams(start, &server, port);
}

fn file_pipeline(path: &std::path::Path, port: u16) -> String {
    format!("input {{ {} }}\n", file_input(path)) + &output(port)
}

/// Numbered lines, some hundred a second.
fn write_lines(path: &std::path::Path, done: &AtomicBool) -> u64 {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    let mut file = opened.expect("the folder is ours");
    let mut count = 0;
    while !done.load(Ordering::Acquire) {
        writeln!(file, "{count}").expect("the file can be written");
        count += 1;
        std::thread::sleep(Duration::from_millis(3));
    }
    count
}

#[test]
fn a_pipeline_whose_server_stands_still_does_not_cut_the_requests_of_another() {
    let (still, slow) = (Server::start(), Server::start());
    let start = Start::new(&["run", "--path.settings", ".", "--shutdown.grace", "500ms"]);
    let (a, b) = (start.folder().join("a.log"), start.folder().join("b.log"));
    let agent = start
        .file("pipelines.yml", TWO_PIPELINES)
        .file("a.log", "never answered\n")
        .file("a.conf", &file_pipeline(&a, still.port))
        .file("b.conf", &file_pipeline(&b, slow.port))
        .spawn();
    let done = AtomicBool::new(false);
    let mut times = BTreeMap::new();
    let _never_answered = still.next();
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_lines(&b, &done));
        let answer = |request: Request, times: &mut BTreeMap<String, u32>| {
            for message in request.messages {
                *times.entry(message).or_default() += 1;
            }
            std::thread::sleep(Duration::from_millis(100));
            // One that was cut is sent again, and counted twice.
            request.answer.send(()).unwrap_or(());
        };
        answer(slow.next(), &mut times);
        agent.signal("HUP");
        while !agent.stderr().contains("INFO reloaded") {
            answer(slow.next(), &mut times);
        }
        done.store(true, Ordering::Release);
        let written = writer.join().expect("it does not panic");
        while times.len() < written as usize {
            answer(slow.next(), &mut times);
        }
        written
    });
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times != 1).collect();
    assert!(
        twice.is_empty(),
        "of {written} lines more than once: {twice:?}"
    );
    agent.stop();
}
