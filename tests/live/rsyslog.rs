//! rsyslog forwards everything to the agent, by UDP and by TCP with the length in front of each message.

use serde_json::{Value, json};

use crate::services::elasticsearch::{self, Elasticsearch};
use crate::services::rsyslog::{Rsyslog, octet_counted};
use crate::services::sawlog::Sawlog;
use crate::services::{ARRIVAL_MAX, free_port, udp_is_bound, wait_until};

/// Messages in a row, besides the one that is looked at closely.
const MESSAGES: u64 = 500;

/// Starts an agent for one index, lets `rule` forward to it, and looks at what arrived.
#[track_caller]
fn check(index: &str, rule: impl Fn(u16) -> String) {
    let server = elasticsearch::shared();
    let port = free_port();
    let agent = Sawlog::start(&format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {port} type => syslog }} }}\n\
         output {{ elasticsearch {{ hosts => [\"{}\"] index => \"{index}\" }} }}\n",
        server.url()
    ));
    wait_until(ARRIVAL_MAX, "the agent's socket", || udp_is_bound(port));
    let rsyslog = Rsyslog::start(&rule(port));
    rsyslog.logger(&[
        "-p",
        "local7.err",
        "-t",
        "close",
        "--id=4321",
        "a [b] \"c\": déjà vu",
    ]);
    let lines: String = (0..MESSAGES)
        .map(|number| format!("number {number}\n"))
        .collect();
    rsyslog.logger_from(&["-t", "many"], &lines);
    wait_for(server, index, "many", MESSAGES);
    let found = wait_for(server, index, "close", 1);
    let document = found
        .first()
        .unwrap_or_else(|| panic!("nothing from close"));
    check_document(document);
    let many = server.documents(index, &json!({"match": {"program": "many"}}));
    let mut numbers: Vec<u64> = many.iter().filter_map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..MESSAGES).collect::<Vec<_>>());
    agent.stop();
    server.delete(index);
}

/// The number in `number 17`.
fn number(document: &Value) -> Option<u64> {
    document["message"]
        .as_str()?
        .strip_prefix("number ")?
        .parse()
        .ok()
}

#[track_caller]
fn check_document(document: &Value) {
    let wanted = json!({
        "message": "a [b] \"c\": déjà vu", "program": "close", "pid": "4321", "type": "syslog",
        "priority": 187, "facility": 23, "facility_label": "local7",
        "severity": 3, "severity_label": "Error", "host": "127.0.0.1", "@version": "1",
    });
    for (name, value) in wanted.as_object().into_iter().flatten() {
        assert_eq!(&document[name], value, "{name} of {document}");
    }
    for name in ["@timestamp", "logsource"] {
        assert!(document[name].is_string(), "{name} of {document}");
    }
    assert!(document["tags"].is_null(), "{document}");
}

/// Waits for the documents of one program.
#[track_caller]
fn wait_for(server: &Elasticsearch, index: &str, program: &str, want: u64) -> Vec<Value> {
    let query = json!({"match": {"program": program}});
    wait_until(
        ARRIVAL_MAX,
        &format!("{want} documents of {program}"),
        || {
            let documents = server.documents(index, &query);
            match documents.len() as u64 == want {
                true => Ok(documents),
                false => Err(format!("{} documents", documents.len())),
            }
        },
    )
}

#[test]
fn everything_forwarded_by_udp_arrives_with_its_facility_and_severity() {
    check("rsyslog-udp", |port| format!("*.* @127.0.0.1:{port}"));
}

#[test]
fn everything_forwarded_by_tcp_with_octet_counting_arrives() {
    check("rsyslog-tcp", octet_counted);
}
