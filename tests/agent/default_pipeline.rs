//! `sawlog` without arguments: every container of the host and syslog, to stdout.

use super::running::{Start, send};
use crate::services::free_port;

#[test]
fn without_arguments_a_line_of_syslog_is_printed() {
    let port = free_port();
    let start = Start::new(&[])
        .env("SYSLOG_HOST", "127.0.0.1")
        .env("SYSLOG_PORT", &port.to_string())
        // This host's Docker is none of the test's business.
        .env("DOCKER_HOST", "unix:///no/such/docker.sock");
    let mut agent = start.spawn();
    agent.wait_for_syslog(port);
    send(port, b"<13>Nov 20 18:56:21 web1 app[7]: hello");
    let line = br#"<30>Nov 20 18:56:22 docker/nginx[7]: 203.0.113.9 - - [20/Nov/2026:18:56:21 +0100] "GET / HTTP/1.1" 200 612"#;
    send(port, line);
    let by_message = |start: &str, events: &[serde_json::Value]| {
        let starts = |event: &&serde_json::Value| {
            event["message"]
                .as_str()
                .is_some_and(|text| text.starts_with(start))
        };
        events.iter().find(starts).cloned().unwrap_or_default()
    };
    // Containers of a host whose files can be read may speak in between.
    let (hello, request) = agent.wait("both lines", |agent| {
        let events = agent.events();
        let found = (
            by_message("hello", &events),
            by_message("203.0.113.9", &events),
        );
        match found.0.is_null() || found.1.is_null() {
            true => Err(format!("{events:?}")),
            false => Ok(found),
        }
    });
    assert_eq!(hello["program"], "app");
    assert_eq!(hello["type"], "syslog");
    assert_eq!(request["verb"], "GET");
    assert_eq!(request["@timestamp"], "2026-11-20T17:56:21.000Z");
    agent.stop();
}
