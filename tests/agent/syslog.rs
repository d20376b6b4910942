//! Syslog over the wire: the fields of a message in the old names and in ECS's, both framings, and what Docker's log driver
//! sends.

use std::io::Write;

use serde_json::{Value, json};

use super::running::{Agent, Start, connect, has_tag, messages, send, syslog_pipeline};
use crate::services::free_port;

const OLD: &[u8] = b"<30>Nov 20 18:56:21 web1 docker/nginx[2219]: hello";
const NEW: &[u8] =
    b"<165>1 2026-11-20T18:56:21.5+01:00 web1 app 812 ID47 [a@1 k=\"v\" l=\"w\"][b@2 m=\"n\"] hello";

/// One datagram's event, as it was received with these settings.
#[track_caller]
fn receive(settings: &[&str], message: &[u8]) -> Value {
    let port = free_port();
    let arguments = [&["-f", "pipeline.conf"], settings].concat();
    let start = Start::new(&arguments).file("pipeline.conf", &syslog_pipeline(port, ""));
    let mut agent = start.spawn();
    agent.wait_for_syslog(port);
    send(port, message);
    let event = agent.wait_for_events(1).remove(0);
    agent.stop();
    event
}

/// The event has exactly these fields; a time without a year is asked for by its end.
#[track_caller]
fn check_exactly(mut event: Value, time: &str, wanted: Value) {
    let found = event["@timestamp"].as_str().unwrap_or_default();
    assert!(found.ends_with(time), "{found}, wanted {time}");
    let fields = event.as_object_mut().expect("an event is an object");
    fields.remove("@timestamp");
    assert_eq!(event, wanted);
}

const ECS: [&str; 2] = ["--pipeline.ecs_compatibility", "v8"];

#[test]
fn a_message_of_old_has_the_old_names() {
    let event = receive(&[], OLD);
    check_exactly(
        event,
        "-11-20T18:56:21.000Z",
        json!({
            "@version": "1", "message": "hello", "host": "127.0.0.1",
            "priority": 30, "facility": 3, "severity": 6,
            "facility_label": "system", "severity_label": "Informational",
            "logsource": "web1", "program": "docker/nginx", "pid": "2219",
            "timestamp": "Nov 20 18:56:21",
        }),
    );
}

#[test]
fn a_message_of_old_has_the_names_of_ecs_where_they_are_asked_for() {
    let event = receive(&ECS, OLD);
    check_exactly(
        event,
        "-11-20T18:56:21.000Z",
        json!({
            "@version": "1", "message": "hello",
            "host": {"ip": "127.0.0.1", "hostname": "web1"},
            "log": {"syslog": {
                "priority": 30,
                "facility": {"code": 3, "name": "system"},
                "severity": {"code": 6, "name": "Informational"},
            }},
            "process": {"name": "docker/nginx", "pid": 2219},
            "service": {"type": "system"},
            "event": {"original": String::from_utf8_lossy(OLD)},
        }),
    );
}

#[test]
fn a_new_message_has_the_old_names_and_its_id_and_data() {
    let event = receive(&[], NEW);
    check_exactly(
        event,
        "2026-11-20T17:56:21.500Z",
        json!({
            "@version": "1", "message": "hello", "host": "127.0.0.1",
            "priority": 165, "facility": 20, "severity": 5,
            "facility_label": "local4", "severity_label": "Notice",
            "logsource": "web1", "program": "app", "pid": "812",
            "message_id": "ID47",
            "structured_data": {"a@1": {"k": "v", "l": "w"}, "b@2": {"m": "n"}},
            "timestamp": "2026-11-20T18:56:21.5+01:00",
            "timestamp8601": "2026-11-20T18:56:21.5+01:00",
        }),
    );
}

#[test]
fn a_new_message_has_the_names_of_ecs_where_they_are_asked_for() {
    let event = receive(&ECS, NEW);
    check_exactly(
        event,
        "2026-11-20T17:56:21.500Z",
        json!({
            "@version": "1", "message": "hello",
            "host": {"ip": "127.0.0.1", "hostname": "web1"},
            "log": {"syslog": {
                "priority": 165,
                "facility": {"code": 20, "name": "local4"},
                "severity": {"code": 5, "name": "Notice"},
                "msgid": "ID47",
                "structured_data": {"a@1": {"k": "v", "l": "w"}, "b@2": {"m": "n"}},
            }},
            "process": {"name": "app", "pid": 812},
            "service": {"type": "system"},
            "event": {"original": String::from_utf8_lossy(NEW)},
        }),
    );
}

/// Program, process id, host of the header and text.
#[track_caller]
fn check_docker(message: &str, wanted: [&str; 4]) {
    let port = free_port();
    let mut agent = Agent::start(&syslog_pipeline(port, ""));
    agent.wait_for_syslog(port);
    send(port, message.as_bytes());
    let event = agent.wait_for_events(1).remove(0);
    let found =
        ["program", "pid", "logsource", "message"].map(|name| event[name].as_str().unwrap_or(""));
    assert_eq!(found, wanted, "{event}");
    assert!(event["tags"].is_null(), "{event}");
    agent.stop();
}

#[test]
fn dockers_driver_may_name_no_host() {
    check_docker(
        "<30>Nov 20 16:44:52 docker/nginx[7]: GET /\n",
        ["docker/nginx", "7", "", "GET /"],
    );
    check_docker(
        "<30>Nov 20 16:44:52 71ecc687f4f8[25336]: hello\n",
        ["71ecc687f4f8", "25336", "", "hello"],
    );
    check_docker(
        "<30>Nov 20 16:44:52 bb:1.25/x[1]: a: b",
        ["bb:1.25/x", "1", "", "a: b"],
    );
}

#[test]
fn dockers_driver_may_write_rfc_3164() {
    check_docker(
        "<27>Nov 20 16:44:56 vm docker/nginx[7]: x",
        ["docker/nginx", "7", "vm", "x"],
    );
    check_docker(
        "<27>Nov 20 16:44:56 vm bb:1.25/x[1]: y",
        ["bb:1.25/x", "1", "vm", "y"],
    );
    check_docker(
        "<27>Nov 20 16:44:56 vm 541af639d1c4[25336]: z",
        ["541af639d1c4", "25336", "vm", "z"],
    );
}

#[test]
fn dockers_driver_may_write_rfc_5424() {
    let id = "0cd666dd5348";
    check_docker(
        &format!("<30>1 2026-11-20T16:45:00Z vm {id} 25336 {id} -   indented\n"),
        [id, "25336", "vm", "  indented"],
    );
    check_docker(
        "<30>1 2026-11-20T17:45:04.214837+01:00 vm bb:1.25/x 1 bb:1.25/x - micro",
        ["bb:1.25/x", "1", "vm", "micro"],
    );
    check_docker(
        "<30>1 2026-11-20T16:45:00Z vm docker/nginx 7 docker/nginx - x",
        ["docker/nginx", "7", "vm", "x"],
    );
}

/// A message in the framing that counts octets.
fn counted(message: &str) -> String {
    format!("{} {message}", message.len())
}

#[test]
fn counted_messages_and_lines_are_told_apart_on_one_connection() {
    let port = free_port();
    let mut agent = Agent::start(&syslog_pipeline(port, ""));
    agent.wait_for_syslog(port);
    let head = "<13>Nov 20 18:56:21 host app[1]:";
    let stream = [
        counted(&format!("{head} one")),
        format!("{head} two\n"),
        counted(&format!("{head} with\nnewline")),
        format!("{head} three\r\n"),
        counted("<165>1 2026-11-20T18:56:21Z web1 app 812 ID47 - four"),
        counted(&format!("{head} five\n")),
        format!("{head} six\n"),
    ]
    .concat();
    let mut connection = connect(port);
    // Piece by piece, so that messages arrive in parts.
    for piece in stream.as_bytes().chunks(7) {
        connection
            .write_all(piece)
            .and_then(|()| connection.flush())
            .expect("it is open");
    }
    let events = agent.wait_for_events(7);
    let wanted = [
        "one",
        "two",
        "with\nnewline",
        "three",
        "four",
        "five",
        "six",
    ];
    assert_eq!(messages(&events), wanted);
    assert!(events.iter().all(|event| event["host"] == "127.0.0.1"));
    agent.stop();
}

#[test]
fn a_last_line_without_its_end_is_kept() {
    let port = free_port();
    let mut agent = Agent::start(&syslog_pipeline(port, ""));
    agent.wait_for_syslog(port);
    let mut connection = connect(port);
    connection
        .write_all(b"<13>Nov 20 18:56:21 host app[1]: the last")
        .expect("it is open");
    drop(connection);
    assert_eq!(messages(&agent.wait_for_events(1)), ["the last"]);
    agent.stop();
}

#[test]
fn an_impossible_time_is_tagged() {
    let event = receive(&[], b"<13>1 2026-13-45T99:99:99Z host app 1 - - x");
    assert!(
        has_tag(&event, "_dateparsefailure") || has_tag(&event, "_grokparsefailure_sysloginput"),
        "{event}"
    );
}
