//! Settings from arguments, the environment and files; the stronger one holds. Seen by the host name in the events of
//! stdin, and by what is refused.

use super::running::{Ended, Start};
use crate::services::{Scratch, free_port};

const FILTER: &str = "input { stdin { } } output { stdout { codec => json_lines } }";

/// The host name of an event under settings of three kinds.
#[track_caller]
fn check_host(argument: Option<&str>, variable: Option<&str>, file: Option<&str>, want: &str) {
    let mut arguments = vec!["-e", FILTER, "--path.settings", "."];
    if let Some(name) = argument {
        arguments.extend(["--node.name", name]);
    }
    let mut start = Start::new(&arguments);
    if let Some(name) = variable {
        start = start.env("SAWLOG_NODE_NAME", name);
    }
    if let Some(text) = file {
        start = start.file("sawlog.yml", text);
    }
    let ended = start.run(b"x\n");
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_eq!(ended.events()[0]["host"], want);
}

#[test]
fn arguments_are_stronger_than_the_environment_and_that_than_files() {
    check_host(None, None, Some("node.name: file"), "file");
    check_host(None, Some("variable"), Some("node.name: file"), "variable");
    check_host(
        Some("argument"),
        Some("variable"),
        Some("node.name: file"),
        "argument",
    );
    check_host(Some("argument"), None, Some("node.name: file"), "argument");
}

#[test]
fn keys_of_a_file_may_be_nested() {
    check_host(None, None, Some("node:\n  name: nested"), "nested");
}

#[test]
fn a_file_may_name_variables() {
    check_host(
        None,
        None,
        Some("node.name: \"${NO_SUCH_VARIABLE:spare}\""),
        "spare",
    );
}

#[track_caller]
fn run_with(name: &str, text: &str) -> Ended {
    let start = Start::new(&["-e", FILTER, "--path.settings", "."]);
    start.file(name, text).run(b"x\n")
}

#[test]
fn the_file_of_old_is_read_where_there_is_no_own() {
    let ended = run_with("logstash.yml", "node.name: old\npipeline.batch.size: 125\n");
    assert_eq!(ended.events()[0]["host"], "old");
    assert!(
        ended.stderr.contains("pipeline.batch.size"),
        "{}",
        ended.stderr
    );
    let start = Start::new(&["-e", FILTER, "--path.settings", "."]);
    let start = start.file("logstash.yml", "node.name: old\n");
    let ended = start.file("sawlog.yml", "log.level: info\n").run(b"x\n");
    assert_ne!(ended.events()[0]["host"], "old");
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    let ended = run_with("sawlog.yml", "pipeline.worker: 3\n");
    assert!(matches!(ended.status, Some(1 | 2)), "{}", ended.stderr);
    assert!(ended.stderr.contains("sawlog.yml"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("did you mean `pipeline.workers`"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_value_of_the_wrong_kind_is_refused() {
    let ended = run_with("sawlog.yml", "pipeline.workers: several\n");
    assert!(matches!(ended.status, Some(1 | 2)), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("pipeline.workers: `several`"),
        "{}",
        ended.stderr
    );
}

/// One generator each, so that the run ends by itself.
const PIPELINES: &str = r#"
- pipeline.id: first
  config.string: 'input { generator { lines => ["one"] count => 1 } } output { stdout { codec => json_lines } }'
- pipeline.id: second
  path.config: second.conf
  pipeline.workers: 1
"#;
const SECOND: &str = "input { generator { lines => [\"two\"] count => 1 } } output { stdout { codec => json_lines } }";

#[test]
fn the_pipelines_of_a_list_run_beside_each_other() {
    let start = Start::new(&["run", "--path.settings", "."]);
    let start = start.file("pipelines.yml", PIPELINES);
    let ended = start.file("second.conf", SECOND).run(b"");
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let events = ended.events();
    let mut messages = super::running::messages(&events);
    messages.sort_unstable();
    assert_eq!(messages, ["one", "two"]);
}

#[test]
fn one_broken_pipeline_of_a_list_starts_none() {
    let start = Start::new(&["run", "--path.settings", "."]);
    let start = start.file("pipelines.yml", PIPELINES);
    let ended = start.file("second.conf", "input { no_such { } }").run(b"");
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains("second.conf:1:"), "{}", ended.stderr);
}

#[test]
fn a_named_pipeline_takes_the_place_of_the_list() {
    let start = Start::new(&["run", "--path.settings", ".", "-e", FILTER]);
    let ended = start.file("pipelines.yml", PIPELINES).run(b"three\n");
    assert_eq!(super::running::messages(&ended.events()), ["three"]);
}

/// Two pipelines that read the same file, each with its own positions.
const BESIDE: &str =
    "- pipeline.id: a\n  path.config: a.conf\n- pipeline.id: b\n  path.config: b.conf\n";

#[test]
fn pipelines_that_read_the_same_file_keep_positions_of_their_own() {
    let folder = Scratch::new("beside");
    let log = folder.write("in.log", "one\n");
    let pipeline = |name: &str| {
        format!(
            "input {{ file {{ path => \"{}\" start_position => \"beginning\" type => \"{name}\" }} }}\n\
             output {{ stdout {{ codec => json_lines }} }}\n",
            log.display()
        )
    };
    let data = folder.0.join("data").display().to_string();
    let start = || {
        let start = Start::new(&["run", "--path.settings", ".", "--path.data", &data]);
        let start = start.file("pipelines.yml", BESIDE);
        start
            .file("a.conf", &pipeline("a"))
            .file("b.conf", &pipeline("b"))
            .spawn()
    };
    let lines = |ended: Ended| {
        let mut lines: Vec<String> = ended
            .events()
            .iter()
            .map(|event| {
                format!(
                    "{} {}",
                    event["type"].as_str().unwrap_or(""),
                    event["message"].as_str().unwrap_or("")
                )
            })
            .collect();
        lines.sort();
        lines
    };
    let mut agent = start();
    agent.wait_for_events(2);
    assert_eq!(lines(agent.stop()), ["a one", "b one"]);
    folder.write("in.log", "one\ntwo\n");
    let mut agent = start();
    agent.wait_for_events(2);
    assert_eq!(lines(agent.stop()), ["a two", "b two"]);
}

#[test]
fn two_pipelines_of_one_name_are_refused() {
    let start = Start::new(&["run", "--path.settings", "."]);
    let start = start.file(
        "pipelines.yml",
        "- config.string: 'x'\n- config.string: 'y'\n",
    );
    let ended = start.run(b"");
    assert!(matches!(ended.status, Some(1 | 2)), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("two pipelines have the `pipeline.id` main"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_pipeline_on_the_command_line_takes_the_place_of_the_files() {
    let start = Start::new(&["-e", FILTER, "--path.settings", "."]);
    let ended = start
        .file("sawlog.yml", "path.config: /no/such.conf\n")
        .run(b"here\n");
    assert_eq!(
        super::running::messages(&ended.events()),
        ["here"],
        "{}",
        ended.stderr
    );
}

#[track_caller]
fn check_refused(name: &str, text: &str, told: &str) {
    let start = Start::new(&["run", "--path.settings", "."]).file(name, text);
    let ended = start.run(b"");
    assert!(matches!(ended.status, Some(1 | 2)), "{}", ended.stderr);
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}

#[test]
fn what_a_list_of_pipelines_cannot_hold_is_refused() {
    let with = |line: &str| format!("- pipeline.id: a\n  config.string: 'x'\n  {line}\n");
    check_refused(
        "pipelines.yml",
        &with("path.data: /x"),
        "`path.data` holds for the whole agent",
    );
    check_refused("pipelines.yml", &with("queue.type: heap"), "queue.type");
    check_refused("pipelines.yml", &with("pipeline.id: ../b"), "pipeline.id");
    check_refused("pipelines.yml", "a: b\n", "a list of pipelines is expected");
    check_refused(
        "pipelines.yml",
        "- pipeline.id: a\n",
        "the pipeline a has neither `path.config` nor `config.string`",
    );
    for empty in ["", "# later\n", "[]\n"] {
        check_refused("pipelines.yml", empty, "has no pipeline in it");
    }
}

#[test]
fn files_that_are_no_settings_are_refused() {
    check_refused(
        "sawlog.yml",
        "only a text\n",
        "keys and values are expected",
    );
    check_refused("sawlog.yml", "a: [\n", "sawlog.yml");
    check_refused(
        "sawlog.yml",
        "pipeline.workers: [1, 2]\n",
        "pipeline.workers",
    );
    check_refused("sawlog.yml", "queue.type: heap\n", "queue.type");
}

#[test]
fn sizes_that_logstash_takes_are_taken() {
    for text in [
        "queue.max_bytes: 100mb",
        "queue.max_bytes: 64mb",
        "queue.max_bytes: 250mb\nqueue.page_capacity: 250mb",
        "queue.page_capacity: 1mb",
        "queue.page_capacity: 2gb\nqueue.max_bytes: 8gb",
        "dead_letter_queue.max_bytes: 200kb",
    ] {
        let ended = run_with("logstash.yml", text);
        assert_eq!(ended.status, Some(0), "{text}: {}", ended.stderr);
    }
}

#[test]
fn sizes_in_which_nothing_fits_are_refused_with_the_reason() {
    check_refused(
        "logstash.yml",
        "queue.max_bytes: 1mb\n",
        "at least 8192kb: documents wait in blocks",
    );
    check_refused(
        "logstash.yml",
        "dead_letter_queue.max_bytes: 1\n",
        "at least 64kb: each letter holds its document",
    );
}

/// The first two lines are those of Logstash's image.
const MOOT: &str = r#"
http.host: "0.0.0.0"
xpack.monitoring.elasticsearch.hosts: [ "http://elasticsearch:9200" ]
monitoring.elasticsearch.hosts: [ "http://elasticsearch:9200" ]
pipeline.separate_logs: false
pipeline.buffer.type: heap
allow_superuser: true
config.field_reference.escape_style: none
api.environment: production
path.plugins: []
modules: []
log.format.json.fix_duplicate_message_fields: true
xpack.monitoring.collection.interval: 10s
xpack.geoip.downloader.enabled: false
pipeline.batch.metrics.sampling_mode: disabled
"#;

#[test]
fn settings_of_logstash_without_effect_are_accepted_and_told() {
    let ended = run_with("logstash.yml", MOOT);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_eq!(
        ended.stderr.matches("has no effect here").count(),
        13,
        "{}",
        ended.stderr
    );
    check_refused("logstash.yml", "node.name: [a]\n", "a text is expected");
}

#[test]
fn the_old_names_of_the_api_still_count() {
    let port = free_port();
    let pipeline = super::running::syslog_pipeline(free_port(), "");
    let start = Start::new(&["-e", &pipeline, "--path.settings", "."]);
    let start = start.env("SAWLOG_API_ENABLED", "true");
    let mut agent = start
        .file("logstash.yml", &format!("http.port: {port}\n"))
        .spawn();
    agent.wait_for_log(&format!("http://127.0.0.1:{port}/metrics"));
    agent.stop();
}
