//! `/health` and `/metrics`: what the agent tells of its own work.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::running::{Agent, Start, connect, send, syslog_pipeline};
use crate::services::http::{self, Response};
use crate::services::{free_port, namespace};

#[track_caller]
fn ask(port: u16, method: &str, path: &str) -> Response {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    http::request(server, method, path, None).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

/// An agent with its API on a port of its own.
#[track_caller]
pub fn start(pipeline: &str) -> (Agent, u16) {
    let api = free_port();
    let start = Start::new(&["-f", "pipeline.conf"]).api(&api.to_string());
    let mut agent = start.file("pipeline.conf", pipeline).spawn();
    agent.wait_for_log("/metrics");
    (agent, api)
}

/// The figures.
#[track_caller]
pub fn page(api: u16) -> String {
    text(&ask(api, "GET", "/metrics"))
}

/// The value of a line that begins with `name` and has all of these parts.
pub fn figure(page: &str, name: &str, parts: &[&str]) -> Option<f64> {
    let wanted = |line: &&str| {
        line.split(['{', ' ']).next() == Some(name) && parts.iter().all(|part| line.contains(part))
    };
    page.lines().find(wanted)?.rsplit(' ').next()?.parse().ok()
}

/// Waits until a figure has a value.
#[track_caller]
pub fn wait_for(agent: &mut Agent, api: u16, name: &str, parts: &[&str], value: f64) {
    agent.wait(name, |_| {
        let page = page(api);
        match figure(&page, name, parts) {
            Some(found) if found == value => Ok(()),
            found => Err(format!(
                "{name}{parts:?} is {found:?}, wanted {value}, in\n{page}"
            )),
        }
    });
}

#[test]
fn health_is_told_as_json() {
    let (agent, api) = start(&syslog_pipeline(free_port(), ""));
    let health = ask(api, "GET", "/health");
    assert_eq!(health.status, 200);
    let body: serde_json::Value = serde_json::from_slice(&health.body).expect("it is JSON");
    assert_eq!(body["status"], "green");
    agent.stop();
}

#[test]
fn only_get_is_answered_and_only_known_paths() {
    let (agent, api) = start(&syslog_pipeline(free_port(), ""));
    for method in ["POST", "PUT", "DELETE"] {
        for path in ["/health", "/metrics", "/"] {
            assert_eq!(ask(api, method, path).status, 405, "{method} {path}");
        }
    }
    assert_eq!(ask(api, "GET", "/no/such").status, 404);
    assert_eq!(ask(api, "GET", "/metrics").status, 200);
    agent.stop();
}

const FILTERS: &str = "grok { match => { \"message\" => \"^%{INT:number}$\" } id => \"numbers\" }";

#[test]
fn each_plugin_counts_its_events() {
    let port = free_port();
    let (mut agent, api) = start(&syslog_pipeline(port, FILTERS));
    agent.wait_for_syslog(port);
    for text in ["1", "2", "none", "4"] {
        send(
            port,
            format!("<13>Nov 20 18:56:21 host app[1]: {text}").as_bytes(),
        );
    }
    agent.wait_for_events(4);
    let input = ["section=\"input\"", "plugin=\"syslog\""];
    let filter = ["section=\"filter\"", "id=\"numbers\""];
    let output = ["section=\"output\"", "plugin=\"stdout\""];
    let total = |name: &str| format!("sawlog_plugin_{name}_total");
    wait_for(&mut agent, api, &total("events_out"), &input, 4.0);
    wait_for(&mut agent, api, &total("events_in"), &filter, 4.0);
    wait_for(&mut agent, api, &total("events_out"), &filter, 4.0);
    wait_for(&mut agent, api, &total("events_failed"), &filter, 1.0);
    wait_for(&mut agent, api, &total("events_in"), &output, 4.0);
    wait_for(&mut agent, api, &total("events_out"), &output, 4.0);
    wait_for(&mut agent, api, &total("udp_datagrams"), &input, 4.0);
    wait_for(&mut agent, api, &total("udp_drops"), &input, 0.0);
    wait_for(&mut agent, api, "sawlog_batches_waiting", &[], 0.0);
    let page = text(&ask(api, "GET", "/metrics"));
    for section in ["filter", "output"] {
        let section = format!("section=\"{section}\"");
        let seconds = figure(&page, &total("seconds"), &[&section]);
        assert!(
            seconds.is_some_and(|seconds| 0.0 < seconds),
            "{section}: {page}"
        );
    }
    for name in ["process_resident_memory_bytes", "sawlog_memory_peak_bytes"] {
        let bytes = figure(&page, name, &[]);
        assert!(bytes.is_some_and(|bytes| 1e6 < bytes), "{name}: {page}");
    }
    agent.stop();
}

/// What a stopped agent cannot take is dropped by the kernel: nothing is missing without being counted.
#[test]
fn datagrams_that_the_kernel_dropped_are_counted() {
    const BURST: u64 = 3000;
    let port = free_port();
    let pipeline = format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {port} receive_buffer_bytes => \"16 KiB\" }} }}\n\
         output {{ null {{ }} }}\n"
    );
    let (mut agent, api) = start(&pipeline);
    agent.wait_for_syslog(port);
    agent.signal("STOP");
    let message = b"<13>Nov 20 18:56:21 host app[1]: one of many";
    (0..BURST).for_each(|_| send(port, message));
    agent.signal("CONT");
    let mut sent = BURST;
    agent.wait("every datagram to be counted", |_| {
        // The kernel tells its sum with the next datagram that it delivers.
        send(port, message);
        sent += 1;
        let page = text(&ask(api, "GET", "/metrics"));
        let count = |name: &str| figure(&page, &format!("sawlog_plugin_{name}_total"), &[]);
        let counts = (count("udp_datagrams"), count("udp_drops"));
        match counts {
            (Some(taken), Some(dropped)) if 0.0 < dropped && taken + dropped == sent as f64 => {
                Ok(())
            }
            counts => Err(format!("{sent} sent, taken and dropped: {counts:?}")),
        }
    });
    agent.stop();
}

/// Each name is announced once, before its samples, which stand together: what Prometheus demands.
#[test]
fn the_page_is_in_the_format_of_prometheus() {
    let two = format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {} }} }}\n",
        free_port()
    );
    let (agent, api) = start(&format!("{two}{}", syslog_pipeline(free_port(), FILTERS)));
    let page = text(&ask(api, "GET", "/metrics"));
    let mut announced: Vec<&str> = Vec::new();
    for line in page.lines().filter(|line| !line.starts_with("# HELP ")) {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            let name = head.split(' ').next().unwrap_or_default();
            assert!(!announced.contains(&name), "{name} is announced twice");
            announced.push(name);
        } else {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            assert_eq!(announced.last(), Some(&name), "{line}");
            let value = line
                .rsplit(' ')
                .next()
                .and_then(|value| value.parse::<f64>().ok());
            assert!(value.is_some(), "{line}");
        }
    }
    assert!(!announced.is_empty());
    agent.stop();
}

#[test]
fn sums_go_on_over_a_reload_and_reloads_are_counted() {
    let port = free_port();
    let (mut agent, api) = start(&syslog_pipeline(port, FILTERS));
    agent.wait_for_syslog(port);
    send(port, b"<13>Nov 20 18:56:21 host app[1]: 1");
    agent.wait_for_events(1);
    agent.signal("HUP");
    agent.wait_for_log("INFO reloaded");
    send(port, b"<13>Nov 20 18:56:21 host app[1]: 2");
    agent.wait_for_events(2);
    let filter = ["id=\"numbers\""];
    wait_for(
        &mut agent,
        api,
        "sawlog_plugin_events_in_total",
        &filter,
        2.0,
    );
    wait_for(&mut agent, api, "sawlog_reloads_total", &[], 1.0);
    agent.folder.write("pipeline.conf", "input {");
    agent.signal("HUP");
    wait_for(&mut agent, api, "sawlog_reloads_failed_total", &[], 1.0);
    agent.stop();
}

#[test]
fn the_first_free_port_from_9600_on_is_taken() {
    // These ports belong to the machine, and here to the test.
    namespace::inside(None, || {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 9600)).expect("the port is free inside");
        let start = Start::new(&["-f", "pipeline.conf"]).env("SAWLOG_API_ENABLED", "true");
        let mut agent = start
            .file("pipeline.conf", &syslog_pipeline(1514, ""))
            .spawn();
        agent.wait_for_log("http://127.0.0.1:9601/metrics");
        assert_eq!(ask(9601, "GET", "/health").status, 200);
        agent.stop();
        drop(held);
    });
}

#[test]
fn without_a_free_port_the_agent_runs_and_says_so() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let api = taken.local_addr().expect("it is bound").port();
    let port = free_port();
    let start = Start::new(&["-f", "pipeline.conf"]).api(&api.to_string());
    let mut agent = start
        .file("pipeline.conf", &syslog_pipeline(port, ""))
        .spawn();
    agent.wait_for_syslog(port);
    agent.wait_for_log(&api.to_string());
    send(port, b"<13>Nov 20 18:56:21 host app[1]: on");
    agent.wait_for_events(1);
    agent.stop();
}

#[test]
fn a_request_that_is_none_does_no_harm() {
    let (agent, api) = start(&syslog_pipeline(free_port(), ""));
    for bytes in [&b"\0\0\0\0"[..], b"GET", &[b'x'; 40_000]] {
        let mut stream = connect(api);
        // The agent may close a connection that it can make nothing of before it has read everything.
        drop(stream.write_all(bytes));
    }
    assert_eq!(ask(api, "GET", "/health").status, 200);
    agent.stop();
}
