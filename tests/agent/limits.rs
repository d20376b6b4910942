//! Limits as a user meets them: the table that is printed, what becomes of data beyond them, and connections that take more
//! than their share.

use std::io::Write;
use std::net::TcpStream;

use serde_json::json;

use super::api;
use super::running::{Start, WAIT_MAX, connect, has_tag, syslog_pipeline};
use crate::services::free_port;
use crate::services::sawlog::PROGRAM;

/// Connections that one syslog input serves; `sawlog check --limits` says so too.
const CONNECTIONS_MAX: usize = 1024;

#[test]
fn check_prints_every_limit_with_its_value_and_reason() {
    let ended = Start::new(&["check", "--limits"]).run(b"");
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let value = |name: &str| {
        let line = ended
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name}")).trim()
    };
    assert_eq!(value("LINE_BYTES_MAX"), "1 MiB");
    assert_eq!(value("JSON_DEPTH_MAX"), "128");
    assert_eq!(value("FIELDS_MAX"), "10000");
    assert_eq!(value("SYSLOG_CONNECTIONS_MAX"), CONNECTIONS_MAX.to_string());
    assert!(!ended.stdout.contains("Configuration OK"));
}

#[test]
fn check_prints_limits_beside_what_it_says_of_a_pipeline() {
    let check = |pipeline: &str| Start::new(&["check", "--limits", "-e", pipeline]).run(b"");
    let good = check("input { stdin { } } output { stdout { } }");
    assert_eq!(good.status, Some(0), "{}", good.stderr);
    assert!(good.stdout.contains("LINE_BYTES_MAX") && good.stdout.contains("Configuration OK"));
    assert_eq!(check("input { nothing { } }").status, Some(1));
}

#[test]
fn json_beyond_the_limits_is_kept_as_text_and_tagged() {
    let pipeline = "input { stdin { codec => line } } filter { json { source => message } } \
                    output { stdout { codec => json_lines } }";
    let many: serde_json::Map<_, _> = (0..10_001)
        .map(|number| (format!("f{number}"), json!(0)))
        .collect();
    let many = serde_json::Value::Object(many).to_string();
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(128), "]".repeat(128));
    let good = format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100));
    let lines = format!("{many}\n{deep}\n{good}\n");
    let ended = Start::new(&["-e", pipeline]).run(lines.as_bytes());
    let events = ended.events();
    for (event, text) in events.iter().zip([&many, &deep]) {
        assert_eq!(event["message"], *text);
        assert!(has_tag(event, "_jsontoolarge") && has_tag(event, "_jsonparsefailure"));
        assert_eq!(event.get("f0").or(event.get("a")), None);
    }
    assert_eq!(events[2].get("tags"), None);
    assert!(events[2]["a"].is_array());
}

#[test]
fn the_json_codec_has_the_same_limits() {
    let pipeline =
        "input { stdin { codec => json_lines } } output { stdout { codec => json_lines } }";
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(128), "]".repeat(128));
    let ended = Start::new(&["-e", pipeline]).run(format!("{deep}\n").as_bytes());
    let event = ended.events().remove(0);
    assert_eq!(event["message"], deep);
    assert!(has_tag(&event, "_jsontoolarge"), "{event}");
}

#[test]
fn parameters_of_a_message_end_at_the_limit_with_a_tag() {
    let port = free_port();
    let mut agent = Start::new(&["-f", "pipeline.conf"])
        .file("pipeline.conf", &syslog_pipeline(port, ""))
        .spawn();
    agent.wait_for_syslog(port);
    let parameters: String = (0..10_500)
        .map(|number| format!(" p{number}=\"v\""))
        .collect();
    let mut stream = connect(port);
    let message = format!("<13>1 2026-11-20T18:56:21Z web1 app 1 ID [a@1{parameters}] hello\n");
    stream
        .write_all(message.as_bytes())
        .expect("the agent reads");
    let event = agent.wait_for_events(1).remove(0);
    assert_eq!(event["message"], "hello");
    assert!(has_tag(&event, "_structureddatacut"));
    let kept = event["structured_data"]["a@1"]
        .as_object()
        .map(|all| all.len());
    assert_eq!(kept, Some(10_000));
    agent.stop();
}

/// Opens so many connections, which say nothing.
fn silent(port: u16, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| connect(port)).collect()
}

#[test]
fn when_connections_run_short_new_ones_are_refused_and_silent_ones_make_room() {
    let port = free_port();
    let (mut agent, api) = api::start(&syslog_pipeline(port, ""));
    agent.wait_for_syslog(port);
    let all = silent(port, CONNECTIONS_MAX + 1);
    api::wait_for(
        &mut agent,
        api,
        "sawlog_plugin_tcp_connections_refused_total",
        &[],
        1.0,
    );
    agent.wait_for_log("from 127.0.0.1 is refused: 1024 are open");
    // Those beyond three quarters are closed after their silence; the rest may stay.
    let closed = (CONNECTIONS_MAX / 4) as f64;
    agent.wait("room for others", |_| {
        let mut stream = connect(port);
        let spoke = stream.write_all(b"<13>Nov 20 18:56:21 web1 app: here I am\n");
        spoke.map_err(|fault| fault.to_string())?;
        let page = api::page(api);
        match api::figure(&page, "sawlog_plugin_tcp_connections_idle_total", &[]) {
            Some(count) if closed <= count => Ok(()),
            other => Err(format!("{other:?} were closed")),
        }
    });
    let event = agent.wait_for_events(1).remove(0);
    assert_eq!(event["message"], "here I am");
    drop(all);
    agent.stop();
}

#[test]
fn unfinished_messages_of_many_connections_do_not_fill_the_memory() {
    let port = free_port();
    let (mut agent, api) = api::start(&syslog_pipeline(port, ""));
    agent.wait_for_syslog(port);
    // Of each a megabyte without its end, 24 MiB in all; 16 are allowed.
    let mut half = vec![b'x'; (1 << 20) - 100];
    half[..4].copy_from_slice(b"<13>");
    let mut streams = silent(port, 24);
    for stream in &mut streams {
        stream.write_all(&half).expect("the agent reads");
    }
    let events = agent.wait_for_events(7);
    assert!(events.iter().all(|event| has_tag(event, "_linetruncated")));
    let page = api::page(api);
    let cut = api::figure(&page, "sawlog_plugin_tcp_connections_cut_total", &[]);
    assert!(cut.is_some_and(|cut| 7.0 <= cut), "{cut:?}");
    agent.wait_for_log("one of 127.0.0.1 is cut");
    drop(streams);
    // The others were whole messages, ended by their connections.
    agent.wait("the rest", |agent| match agent.events().len() {
        24 => Ok(()),
        count => Err(format!("{count} events within {WAIT_MAX:?}")),
    });
    agent.stop();
}

#[test]
fn without_file_descriptors_new_connections_wait_and_the_log_stays_quiet() {
    let port = free_port();
    let words = [
        "prlimit",
        "--nofile=48",
        PROGRAM,
        "run",
        "-f",
        "pipeline.conf",
    ];
    let start = Start::other(&words).file("pipeline.conf", &syslog_pipeline(port, ""));
    let mut agent = start.spawn();
    agent.wait_for_syslog(port);
    let mut all = silent(port, 60);
    agent.wait_for_log("a connection for syslog could not be accepted: ");
    let last = all.last_mut().expect("there are sixty");
    last.write_all(b"<13>Nov 20 18:56:21 web1 app: at last\n")
        .expect("the kernel has accepted it");
    // It is tried ten times a second, and the last in the queue has its turn when others end.
    all.drain(..40);
    let event = agent.wait_for_events(1).remove(0);
    assert_eq!(event["message"], "at last");
    let log = agent.stop().stderr;
    assert_eq!(log.matches("could not be accepted").count(), 1, "{log}");
}
