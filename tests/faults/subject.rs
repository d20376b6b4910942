//! Who is struck: the agent, or a peer for comparison. Paths and addresses come in, a configuration and a command line go
//! out.

use std::path::Path;

use regex::Regex;
use serde_json::Value;

use super::oracle::Events;
use super::record;
use super::stage::{PATIENCE, Plan};
use crate::services::sawlog::PROGRAM;

/// Names the peer for a run of comparison.
const PEER: &str = "SAWLOG_FAULTS_PEER";

/// rsyslog as its manual advises for events that must not be lost: a disk-assisted queue that is synced and saved,
/// positions kept after every batch, tries without end, ids so that a repeated document is none, and documents that
/// Elasticsearch could not take for the moment put back into the flow, as the manual's example for `retryfailures` has it.
/// What is refused for good goes to a file.
const RSYSLOG: &str = r#"
global(workDirectory="@DATA@" maxMessageSize="1m" parser.escapeControlCharactersOnReceive="off")
module(load="imfile" mode="inotify")
module(load="omelasticsearch")
template(name="document" type="list") { @DOCUMENT@ }
template(name="again-document" type="list") { property(name="$!all-json") }
template(name="refused" type="list") { property(name="$!all-json") constant(value="\n") }
template(name="id" type="list") { property(name="$.omes!_id") }
template(name="new-id" type="list") { property(name="uuid") }
ruleset(name="again" queue.type="LinkedList" queue.filename="again" queue.saveOnShutdown="on") {
  if ($.omes!status == 200) or ($.omes!status == 201) or
     (($.omes!status == 409) and ($.omes!writeoperation == "create")) then stop
  if ($.omes!writeoperation == "unknown") or (strlen($.omes!error!type) == 0) or (strlen($.omes!error!reason) == 0) or
     ($.omes!status == 400) or ($.omes!status < 200) then {
    action(type="omfile" file="@DATA@/refused" template="refused")
    stop
  }
  action(type="omelasticsearch" server="127.0.0.1" serverport="@PORT@" template="again-document" searchIndex="@INDEX@"
         searchType="" bulkmode="on" writeoperation="create" bulkid="id" dynbulkid="on" retryfailures="on"
         retryruleset="again" action.resumeRetryCount="-1" action.resumeInterval="1" errorFile="@DATA@/refused")
}
ruleset(name="faults" queue.type="LinkedList" queue.filename="faults" queue.size="20000" queue.maxDiskSpace="1g"
        queue.saveOnShutdown="on" queue.syncQueueFiles="on" queue.checkpointInterval="1") {
  set $.text = ltrim($msg);
  action(type="omelasticsearch" server="127.0.0.1" serverport="@PORT@" template="document" searchIndex="@INDEX@"
         searchType="" bulkmode="on" writeoperation="create" bulkid="new-id" dynbulkid="on" retryfailures="on"
         retryruleset="again" action.resumeRetryCount="-1" action.resumeInterval="1" errorFile="@DATA@/refused")
}
@INPUT@
"#;

/// A line as the document's text, and a line that is a document.
const AS_TEXT: &str = r#"constant(value="{\"message\":\"") property(name="$.text" format="json") constant(value="\"}")"#;
const AS_DOCUMENT: &str = r#"property(name="$.text")"#;

/// The program under fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Sawlog,
    Rsyslog,
}

impl Subject {
    /// The one of this run.
    pub fn chosen() -> Subject {
        match std::env::var(PEER).as_deref() {
            Ok("rsyslog") => Subject::Rsyslog,
            _ => Subject::Sawlog,
        }
    }

    /// From a log file to an index.
    pub fn configuration(self, plan: &Plan, log: &Path, index: &str) -> String {
        let log = log.display();
        let port = plan.url.rsplit(':').next().unwrap_or_default();
        match self {
            Subject::Sawlog => format!(
                "input {{ {} }}\n{}\n\
                 output {{ elasticsearch {{ hosts => [\"{}\"] index => \"{index}\" {PATIENCE} timeout => {} }} }}\n",
                input(plan, &log.to_string()),
                plan.filter,
                plan.url,
                plan.timeout,
            ),
            Subject::Rsyslog => RSYSLOG
                .replace("@PORT@", port)
                .replace("@INDEX@", index)
                .replace("@INPUT@", &peers_input(plan, &log.to_string()))
                .replace("@DOCUMENT@", peers_document(plan)),
        }
    }

    /// The words that run a configuration with a data folder and a port for the API.
    pub fn words(
        self,
        program: Option<&Path>,
        configuration: &Path,
        data: &Path,
        port: u16,
    ) -> Vec<String> {
        let program = program.unwrap_or(Path::new(PROGRAM)).display();
        let (configuration, data) = (configuration.display(), data.display());
        let line = match self {
            Subject::Sawlog => format!(
                "{program} run -f {configuration} --path.data {data} --api.http.port {port}"
            ),
            Subject::Rsyslog => format!("rsyslogd -n -iNONE -f {configuration}"),
        };
        line.split(' ').map(String::from).collect()
    }

    /// The events that it kept as refused for good.
    pub fn dead(self, data: &Path) -> Events {
        let mut events = Events::default();
        match self {
            Subject::Sawlog => add_dead_letters(&data.join("dead_letter_queue"), &mut events),
            Subject::Rsyslog => add_refused(&data.join("refused"), &mut events),
        }
        events
    }
}

/// Adds the events of all files below a folder that have one JSON object a line.
fn add_dead_letters(folder: &Path, events: &mut Events) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            add_dead_letters(&path, events);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let letters = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        letters.for_each(|letter: Value| add_texts(&letter, events));
    }
}

/// Adds the texts of a value that are events, also where the value is a text of JSON.
fn add_texts(value: &Value, events: &mut Events) {
    match value {
        Value::String(text) if record::read(text).is_some() => events.add(text),
        Value::String(text) => {
            if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                add_texts(&inner, events);
            }
        }
        Value::Array(values) => values.iter().for_each(|one| add_texts(one, events)),
        Value::Object(fields) => fields.values().for_each(|one| add_texts(one, events)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Adds the events of rsyslog's file, which holds whole requests as texts within texts.
fn add_refused(path: &Path, events: &mut Events) {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let event = Regex::new("([a-z]+) ([0-9]+) ([0-9a-f]{16}) ").expect("it is one");
    for found in event.captures_iter(&text) {
        let number = found[2].parse().unwrap_or_default();
        let line = record::line(&found[1], number);
        if line.starts_with(&found[0]) {
            // The file has whole requests, and some of them more than once.
            if events.times(&found[1], number) == 0 {
                events.add(&line);
            }
        }
    }
}

/// rsyslog's input.
fn peers_input(plan: &Plan, log: &str) -> String {
    match plan.datagrams {
        Some(port) => format!(
            "module(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\" ruleset=\"faults\" \
             rcvbufSize=\"64m\")"
        ),
        None => format!(
            "input(type=\"imfile\" file=\"{log}\" tag=\"app\" ruleset=\"faults\" PersistStateInterval=\"100\" \
             reopenOnTruncate=\"on\")"
        ),
    }
}

/// What rsyslog makes of a line.
fn peers_document(plan: &Plan) -> &'static str {
    match plan.input.contains("json") {
        true => AS_DOCUMENT,
        false => AS_TEXT,
    }
}

/// The agent's input.
fn input(plan: &Plan, log: &str) -> String {
    if let Some(port) = plan.datagrams {
        return format!("syslog {{ host => \"127.0.0.1\" port => {port} }}");
    }
    format!(
        "file {{ path => \"{log}\" start_position => \"beginning\" {} }}",
        plan.input
    )
}
