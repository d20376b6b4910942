//! The three pipelines of a book on Docker, byte for byte as it prints them, end in a real Elasticsearch.
//!
//! They say `elasticsearch`, port 1514 and `/etc/logstash/patterns`, so each test runs in namespaces of its own, where
//! those names and ports are free. They write to the default index, `logstash-` and the day.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::services::docker::{BUSYBOX, Docker};
use crate::services::elasticsearch::Elasticsearch;
use crate::services::namespace;
use crate::services::nginx;
use crate::services::process::output_of;
use crate::services::rsyslog::Rsyslog;
use crate::services::sawlog::{Sawlog, data, pipelines};
use crate::services::{ARRIVAL_MAX, START_MAX, Scratch, udp_is_bound, wait_until};

/// What the pipelines listen on.
const SYSLOG: u16 = 1514;
const INDEX: &str = "logstash-*";

/// The book's run.
const REQUESTS: u64 = 120_000;

/// From the last request to the last document.
const DRAIN_MAX: Duration = Duration::from_secs(180);

/// Starts Elasticsearch where the book has it and the agent with one of its pipelines.
fn start(pipeline: &str) -> (Elasticsearch, Sawlog) {
    let server = Elasticsearch::start_on(9200);
    let agent = Sawlog::start_with(&pipelines(pipeline));
    wait_until(START_MAX, "the agent's socket", || udp_is_bound(SYSLOG));
    (server, agent)
}

/// `docker run` with the driver that sends to the agent, under this program name.
fn run(docker: &Docker, tag: &str, arguments: &[&str]) -> String {
    let tag = format!("tag={tag}");
    let driver = [
        "--log-driver",
        "syslog",
        "--log-opt",
        "syslog-address=udp://127.0.0.1:1514",
    ];
    docker.run(&[&driver[..], &["--log-opt", &tag], arguments].concat())
}

#[track_caller]
fn check_fields(document: &Value, wanted: &Value) {
    for (name, value) in wanted.as_object().into_iter().flatten() {
        assert_eq!(&document[name], value, "{name} of {document}");
    }
}

#[test]
fn a_logged_message_is_found_with_its_facility_severity_and_program() {
    namespace::inside(None, || {
        let (server, agent) = start("syslog.conf");
        let rsyslog = Rsyslog::start("*.* @127.0.0.1:1514");
        rsyslog.logger(&["-t", "test", "message to elasticsearch"]);
        let found = wait_until(ARRIVAL_MAX, "the message", || {
            let found = server.documents(INDEX, &json!({"match": {"program": "test"}}));
            found
                .into_iter()
                .next()
                .ok_or(format!("{} documents", server.count(INDEX)))
        });
        let wanted = json!({
            "message": "message to elasticsearch", "program": "test", "type": "syslog",
            "priority": 13, "facility": 1, "facility_label": "user-level",
            "severity": 5, "severity_label": "Notice", "host": "127.0.0.1", "@version": "1",
        });
        check_fields(&found, &wanted);
        assert!(
            found["logsource"].is_string() && found["tags"].is_null(),
            "{found}"
        );
        check_index_is_of_the_event_day(&server, &found);
        let told = agent.stop();
        assert!(
            told.contains("hosts"),
            "the new name of `host` is to be told: {told}"
        );
    });
}

/// The index that holds the document is named by the day of its time.
#[track_caller]
fn check_index_is_of_the_event_day(server: &Elasticsearch, document: &Value) {
    let day = document["@timestamp"]
        .as_str()
        .and_then(|time| time.get(..10))
        .unwrap_or_default();
    let index = format!("logstash-{}", day.replace('-', "."));
    assert!(0 < server.count(&index), "{index} is empty, {document}");
}

#[test]
fn requests_of_a_containers_nginx_are_counted_and_timed() {
    namespace::inside(Some(&pipelines("patterns")), || {
        let (server, agent) = start("nginx.conf");
        let docker = Docker::start();
        check_given_lines(&server, &docker);
        server.delete(INDEX);
        let logs = Scratch::new("nginx-logs");
        start_nginx(&docker, &logs.0);
        let total = REQUESTS.to_string();
        let load = [
            "-q",
            "-k",
            "-n",
            &total,
            "-c",
            "32",
            "http://127.0.0.1:8080/cart?item=7",
        ];
        let report = output_of(Command::new("ab").args(load));
        assert!(
            report.contains(&format!("Complete requests:      {REQUESTS}")),
            "{report}"
        );
        server.wait_for_count(INDEX, REQUESTS, DRAIN_MAX);
        let written = read_access_log(&logs.0.join("access.log"));
        check_all_parsed(&server);
        check_seconds_of_requests(&server, &written);
        check_seconds_of_events(&server);
        agent.stop();
    });
}

/// The lines given with the pipeline become the fields given with it.
#[track_caller]
fn check_given_lines(server: &Elasticsearch, docker: &Docker) {
    let mount = format!("{}:/lines:ro", data("book/nginx-access.log").display());
    run(
        docker,
        "docker/nginx",
        &["--network", "none", "-v", &mount, BUSYBOX, "cat", "/lines"],
    );
    let text = fs::read_to_string(data("book/nginx-access.expected.ndjson"));
    let text = text.expect("the expected fields lie beside the lines");
    let parse = |line| serde_json::from_str(line).expect("one JSON object a line");
    let wanted: Vec<Value> = text.lines().map(parse).collect();
    server.wait_for_count(INDEX, wanted.len() as u64, ARRIVAL_MAX);
    let found = server.documents(INDEX, &json!({"match_all": {}}));
    for fields in &wanted {
        let same = |document: &&Value| {
            ["client", "requested_at"]
                .iter()
                .all(|name| document[name] == fields[name])
        };
        let document = found
            .iter()
            .find(same)
            .unwrap_or_else(|| panic!("{fields} in {found:?}"));
        check_fields(document, fields);
        check_fields(
            document,
            &json!({"program": "docker/nginx", "type": "syslog"}),
        );
    }
}

/// nginx in a container on this network, which logs to its stdout and, to compare with, to a file.
fn start_nginx(docker: &Docker, logs: &Path) {
    let root = Scratch::new("nginx-root");
    let access_log = "access_log /dev/stdout book; access_log /var/log/nginx/access.log book;";
    nginx::fill_root(&root.0, 8080, access_log);
    docker.import(&root.0, "nginx:test");
    let mount = format!("{}:/var/log/nginx", logs.display());
    let program = [
        "/usr/sbin/nginx",
        "-c",
        "/etc/nginx/book.conf",
        "-e",
        "/dev/stderr",
    ];
    let options = [
        "--network",
        "host",
        "--name",
        "ngx",
        "-v",
        &mount,
        "nginx:test",
    ];
    run(
        docker,
        "docker/nginx",
        &[&options[..], &program[..]].concat(),
    );
    wait_until(START_MAX, "the container's nginx", || {
        nginx::answers(8080).map_err(|state| format!("{state}; {}", docker.logs("ngx")))
    });
}

/// Requests and the sum of their times, by the second in which nginx wrote them.
type Seconds = BTreeMap<String, (u64, f64)>;

#[track_caller]
fn read_access_log(path: &Path) -> Seconds {
    let text = fs::read_to_string(path).unwrap_or_else(|fault| panic!("{path:?}: {fault}"));
    let mut seconds = Seconds::new();
    for line in text.lines() {
        let second = line
            .split_once('[')
            .and_then(|(_, rest)| rest.split_once(']'));
        let time = line
            .rsplit(' ')
            .next()
            .and_then(|time| time.parse::<f64>().ok());
        let (Some((second, _)), Some(time)) = (second, time) else {
            panic!("nginx wrote {line:?}");
        };
        let entry = seconds.entry(second.to_string()).or_default();
        *entry = (entry.0 + 1, entry.1 + time);
    }
    seconds
}

/// No line failed to match, and numbers are numbers.
#[track_caller]
fn check_all_parsed(server: &Elasticsearch) {
    let failed = server.documents(INDEX, &json!({"exists": {"field": "tags"}}));
    assert_eq!(failed.first(), None, "{} documents with tags", failed.len());
    let query = json!({"size": 0, "track_total_hits": true, "query": {"bool": {"filter": [
        {"match": {"method": "GET"}}, {"match": {"response_code": "200"}},
        {"term": {"bytes_sent": 12}}, {"exists": {"field": "response_time"}}]}}});
    let answer = server.search(INDEX, &query);
    assert_eq!(answer["hits"]["total"]["value"], REQUESTS, "{answer}");
    let mapping = server.ask("GET", &format!("/{INDEX}/_mapping"), None);
    for (index, mapping) in mapping.as_object().into_iter().flatten() {
        let fields = &mapping["mappings"]["properties"];
        assert_eq!(fields["bytes_sent"]["type"], "long", "{index}");
        assert_eq!(fields["response_time"]["type"], "float", "{index}");
    }
}

/// By nginx's own seconds, Elasticsearch counts and averages what nginx wrote to its file.
#[track_caller]
fn check_seconds_of_requests(server: &Elasticsearch, written: &Seconds) {
    let average = json!({"time": {"avg": {"field": "response_time"}}});
    let query = json!({"size": 0, "aggs": {"seconds": {
        "terms": {"field": "requested_at.keyword", "size": 10_000}, "aggs": average}}});
    let answer = server.search(INDEX, &query);
    let buckets = answer["aggregations"]["seconds"]["buckets"]
        .as_array()
        .expect("buckets");
    let found: Seconds = buckets
        .iter()
        .map(|bucket| {
            let count = bucket["doc_count"].as_u64().expect("a count");
            let average = bucket["time"]["value"].as_f64().expect("an average");
            (
                bucket["key"].as_str().unwrap_or_default().to_string(),
                (count, average),
            )
        })
        .collect();
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        written.keys().collect::<Vec<_>>()
    );
    for (second, (count, sum)) in written {
        let (found_count, found_average) = found[second];
        assert_eq!(found_count, *count, "{second}");
        // Elasticsearch keeps the times as 32 bit numbers.
        let average = sum / *count as f64;
        assert!(
            (found_average - average).abs() < 1e-6,
            "{second}: {found_average}, {average}"
        );
    }
    assert!(
        written.values().any(|(_, sum)| 0.0 < *sum),
        "no request took a millisecond"
    );
}

/// By the event's own time, there is an average for each second in which there are documents, and no document is missing.
#[track_caller]
fn check_seconds_of_events(server: &Elasticsearch) {
    let histogram = json!({"field": "@timestamp", "fixed_interval": "1s", "min_doc_count": 1});
    let average = json!({"time": {"avg": {"field": "response_time"}}});
    let query = json!({"size": 0, "aggs": {
        "seconds": {"date_histogram": histogram, "aggs": average}}});
    let answer = server.search(INDEX, &query);
    let buckets = answer["aggregations"]["seconds"]["buckets"]
        .as_array()
        .expect("buckets");
    let counts = buckets
        .iter()
        .filter_map(|bucket| bucket["doc_count"].as_u64());
    assert_eq!(counts.sum::<u64>(), REQUESTS);
    assert!(
        buckets
            .iter()
            .all(|bucket| bucket["time"]["value"].is_f64()),
        "{answer}"
    );
}

#[test]
fn a_blue_green_change_is_counted_by_name_and_version() {
    namespace::inside(None, || {
        let (server, agent) = start("webapp.conf");
        let docker = Docker::start();
        let mut wanted = Tally::default();
        let mount = format!("{}:/lines:ro", data("book/webapp.log").display());
        run(
            &docker,
            "docker/webapp",
            &["--network", "none", "-v", &mount, BUSYBOX, "cat", "/lines"],
        );
        for (name, version) in [
            ("greenhost00", "1.0.0"),
            ("greenhost01", "1.0.0"),
            ("bluehost03", "2.0.0"),
        ] {
            wanted.add(name, version, 1);
        }
        for (host, lines) in ["greenhost00", "greenhost01", "greenhost02"]
            .into_iter()
            .zip(30..)
        {
            run_webapp(&docker, host, "1.0.0", lines);
            wanted.add(host, "1.0.0", lines);
        }
        let blue = [
            "bluehost00",
            "bluehost01",
            "bluehost02",
            "bluehost03",
            "bluehost04",
        ];
        for (host, lines) in blue.into_iter().zip(70..) {
            run_webapp(&docker, host, "2.0.0", lines);
            wanted.add(host, "2.0.0", lines);
        }
        server.wait_for_count(INDEX, wanted.total, ARRIVAL_MAX);
        assert_eq!(server.count_by(INDEX, "name.keyword"), wanted.names);
        assert_eq!(server.count_by(INDEX, "version.keyword"), wanted.versions);
        let document = server.documents(INDEX, &json!({"match": {"name": "bluehost04"}}));
        let fields = json!({"header": "mywebapp", "program": "docker/webapp", "version": "2.0.0"});
        check_fields(document.first().expect("bluehost04 has lines"), &fields);
        agent.stop();
    });
}

/// What was sent, by name and by version.
#[derive(Default)]
struct Tally {
    names: BTreeMap<String, u64>,
    versions: BTreeMap<String, u64>,
    total: u64,
}

impl Tally {
    fn add(&mut self, name: &str, version: &str, lines: u64) {
        *self.names.entry(name.to_string()).or_default() += lines;
        *self.versions.entry(version.to_string()).or_default() += lines;
        self.total += lines;
    }
}

/// A host of the application, which writes `lines` lines and ends.
fn run_webapp(docker: &Docker, host: &str, version: &str, lines: u64) {
    let line = json!({"header": "mywebapp", "name": host, "version": version});
    let script = format!("for i in $(seq {lines}); do echo '{line}'; done");
    let options = [
        "--network",
        "none",
        "--name",
        host,
        BUSYBOX,
        "sh",
        "-c",
        &script,
    ];
    let id = run(docker, "docker/webapp", &options);
    docker.wait_for_exit(&id);
}
