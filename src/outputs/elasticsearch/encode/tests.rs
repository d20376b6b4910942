//! Options and events in, the body of a request out.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{BulkEncoder, Shared};
use crate::event::{Batch, EventId, Maker, Names, Provenance, Value};
use crate::lang::diagnostic::{Diagnostic, Severity};
use crate::lang::source::Span;
use crate::limits;
use crate::metrics::{Metrics, PluginMetrics};
use crate::outputs::Encoder;
use crate::outputs::elasticsearch::refusals::{Refusals, Wishes};
use crate::outputs::elasticsearch::{PLUGIN, config};
use crate::pipeline::building::Surroundings;
use crate::pipeline::{Building, Ecs};
use crate::plugin::{Options, Setting, Word};
use crate::queue::ack::{Ack, Acknowledge};
use crate::queue::block::{Block, Spares};
use crate::queue::dead_letters::letter::{Kept, Letter};
use crate::queue::dead_letters::{DeadLetterSettings, DeadLetters, Repeated, StoragePolicy};
use crate::queue::ends::{self, DiskEnds, Inlet, Outlet};
use crate::queue::policy::Kind;

const TIME: i64 = 1_447_200_003_000_000_000;
const WRITTEN: Span = Span {
    source: 0,
    start: 1,
    end: 2,
};

fn text(text: &str) -> Setting {
    Setting::Text(text.to_owned())
}

/// The checked options, the names that they brought, and where the output counts.
fn checked(
    ecs: Ecs,
    settings: Vec<(&'static str, Setting)>,
) -> (config::Config, Names, Arc<PluginMetrics>) {
    let (config, names, diagnostics, metrics) = checked_or_refused(ecs, settings);
    let mut severities = diagnostics.iter().map(|diagnostic| diagnostic.severity);
    assert!(severities.all(|severity| severity != Severity::Error));
    (config.expect("the options are good"), names, metrics)
}

fn checked_or_refused(
    ecs: Ecs,
    settings: Vec<(&'static str, Setting)>,
) -> (
    Option<config::Config>,
    Names,
    Vec<Diagnostic>,
    Arc<PluginMetrics>,
) {
    let hosts = vec![Word {
        text: "localhost".to_owned(),
        ..Word::default()
    }];
    let mut all = vec![
        ("hosts", Setting::List(hosts), Span::default()),
        (
            "data_stream_auto_routing",
            Setting::Boolean(true),
            Span::default(),
        ),
        (
            "data_stream_sync_fields",
            Setting::Boolean(true),
            Span::default(),
        ),
    ];
    all.extend(
        settings
            .into_iter()
            .map(|(name, setting)| (name, setting, WRITTEN)),
    );
    let options = Options {
        plugin: PLUGIN.plugin,
        id: "output_elasticsearch_1".to_owned(),
        span: Span::default(),
        settings: all,
    };
    let (mut names, mut diagnostics) = (Names::default(), Vec::new());
    let metrics = Arc::new(Metrics::default());
    let surroundings = Surroundings {
        ecs,
        support_escapes: false,
        path_data: std::env::temp_dir(),
        dead_letters: None,
        pipeline: "main".to_owned(),
        host_name: "here".to_owned(),
    };
    let mut building = Building {
        names: &mut names,
        diagnostics: &mut diagnostics,
        surroundings: &surroundings,
        metrics: &metrics,
        origins: Vec::new(),
    };
    let config = config::check(&options, &mut building);
    let metrics = metrics.plugin(&options);
    (config, names, diagnostics, metrics)
}

fn encoder(config: config::Config, metrics: &Arc<PluginMetrics>, blocks: Inlet) -> BulkEncoder {
    BulkEncoder::new(Shared {
        plan: Arc::new(config.plan),
        block_bytes: Arc::new(config.schedule.bytes_max.into()),
        block_events: config.schedule.documents_max,
        blocks,
        spares: Spares::default(),
        refusals: Arc::new(Refusals::new(Arc::clone(metrics), None, Wishes::default())),
    })
}

/// What the encoder makes of some events, and what it refused.
fn encoded(
    ecs: Ecs,
    settings: Vec<(&'static str, Setting)>,
    events: &[&str],
) -> (String, Arc<PluginMetrics>) {
    encoded_from(None, ecs, settings, events)
}

/// The same with events that stand one behind the other in a stream.
fn encoded_from(
    from: Option<(Provenance, u64)>,
    ecs: Ecs,
    settings: Vec<(&'static str, Setting)>,
    events: &[&str],
) -> (String, Arc<PluginMetrics>) {
    let (config, names, metrics) = checked(ecs, settings);
    let (blocks, mut sent) = ends::roomy();
    let mut encoder = encoder(config, &metrics, blocks);
    let mut batch = Batch::new(Vec::new(), Arc::new(names), TIME, Ack::none());
    if let Some((provenance, offset)) = from {
        batch.come_from(provenance, offset);
    }
    let ids: Vec<EventId> = events.iter().map(|event| push(&mut batch, event)).collect();
    encoder.encode(&mut batch, &ids);
    encoder.flush();
    let mut body = Vec::new();
    drop(encoder);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime can be had");
    while let Some(block) = runtime.block_on(sent.next()) {
        body.extend_from_slice(&block.body);
    }
    (String::from_utf8(body).expect("bodies are UTF-8"), metrics)
}

fn push(batch: &mut Batch, json: &str) -> EventId {
    let id = batch.push_bare_event();
    batch.append_field(id, crate::event::Name::TIMESTAMP, Value::Time(TIME));
    if let Ok(Value::Map(members)) = batch.parse_json_bytes(json.as_bytes()) {
        let members: Vec<_> = batch.members(members).collect();
        for (name, value) in members {
            batch.set_top(id, name, value);
        }
    }
    id
}

#[track_caller]
fn check_lines(settings: Vec<(&'static str, Setting)>, event: &str, want: &[&str]) {
    let (body, _) = encoded(Ecs::Disabled, settings, &[event]);
    assert_eq!(body.lines().collect::<Vec<_>>(), want);
}

#[track_caller]
fn check_refused(settings: Vec<(&'static str, Setting)>, event: &str) {
    let (body, metrics) = encoded(Ecs::Disabled, settings, &[event]);
    assert_eq!(body, "");
    assert_eq!(
        (
            metrics.failed.value(),
            metrics.counter("confinement_failed").value()
        ),
        (1, 1)
    );
}

#[test]
fn the_index_is_that_of_the_events_day() {
    let want = [
        r#"{"create":{"_index":"logstash-2015.11.11"}}"#,
        r#"{"@timestamp":"2015-11-11T00:00:03.000Z","a":1}"#,
    ];
    check_lines(vec![], r#"{"a":1}"#, &want);
}

#[test]
fn ids_and_pipelines_are_written_as_json() {
    let settings = vec![
        ("index", text("logs-%{type}")),
        ("document_id", text("%{id}")),
        ("pipeline", text("%{pipe}")),
        ("action", text("create")),
    ];
    let event = r#"{"type":"web","id":"a\"},\"x\":{\"","pipe":""}"#;
    let (body, _) = encoded(Ecs::Disabled, settings, &[event]);
    let line = body.lines().next();
    assert_eq!(
        line,
        Some(r#"{"create":{"_index":"logs-web","_id":"a\"},\"x\":{\""}}"#)
    );
}

#[test]
fn a_field_cannot_choose_what_is_no_index() {
    for value in ["../x", ".kibana", "A", "a b", "a\\\",\\\"x", ""] {
        check_refused(
            vec![("index", text("%{v}"))],
            &format!(r#"{{"v":"{value}"}}"#),
        );
    }
    check_refused(vec![("index", text("logs-%{missing}"))], "{}");
    check_refused(vec![("document_id", text("%{missing}"))], "{}");
    check_refused(vec![("document_id", text("%{v}"))], r#"{"v":"a\nb"}"#);
}

#[test]
fn a_refused_event_leaves_the_others_whole() {
    let events = [r#"{"v":"a"}"#, r#"{"v":"A"}"#, r#"{"v":"b"}"#];
    let (body, metrics) = encoded(Ecs::Disabled, vec![("index", text("%{v}"))], &events);
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[2], r#"{"create":{"_index":"b"}}"#);
    assert_eq!(metrics.failed.value(), 1);
}

#[test]
fn actions_have_their_own_lines() {
    let settings = |action| {
        vec![
            ("index", text("x")),
            ("document_id", text("1")),
            ("action", text(action)),
        ]
    };
    let event = r#"{"op":"delete"}"#;
    check_lines(
        settings("%{op}"),
        event,
        &[r#"{"delete":{"_index":"x","_id":"1"}}"#],
    );
    let want = [
        r#"{"update":{"_index":"x","_id":"1","retry_on_conflict":1}}"#,
        r#"{"doc":{"@timestamp":"2015-11-11T00:00:03.000Z","op":"delete"}}"#,
    ];
    check_lines(settings("update"), event, &want);
    check_refused(settings("%{other}"), event);
}

#[test]
fn data_streams_are_created_in_ecs_mode() {
    let events = [
        r#"{"a":1}"#,
        r#"{"data_stream":{"dataset":"nginx"}}"#,
        r#"{"data_stream":{"dataset":"a-b"}}"#,
    ];
    let (body, metrics) = encoded(Ecs::Enabled, vec![], &events);
    let want = [
        r#"{"create":{"_index":"logs-generic-default"}}"#,
        r#"{"@timestamp":"2015-11-11T00:00:03.000Z","a":1,"data_stream":{"type":"logs","dataset":"generic","namespace":"default"}}"#,
        r#"{"create":{"_index":"logs-nginx-default"}}"#,
        r#"{"@timestamp":"2015-11-11T00:00:03.000Z","data_stream":{"dataset":"nginx","type":"logs","namespace":"default"}}"#,
    ];
    assert_eq!(body.lines().collect::<Vec<_>>(), want);
    assert_eq!(metrics.failed.value(), 1);
    let (body, _) = encoded(Ecs::Enabled, vec![("index", text("x"))], &["{}"]);
    assert!(body.starts_with(r#"{"create":{"_index":"x"}}"#), "{body}");
}

#[test]
fn an_event_chooses_a_data_stream_of_a_known_type_only() {
    for known in ["logs", "metrics", "synthetics", "traces"] {
        let event = format!(r#"{{"data_stream":{{"type":"{known}"}}}}"#);
        let (body, _) = encoded(Ecs::Enabled, vec![], &[&event]);
        let want = format!(r#"{{"create":{{"_index":"{known}-generic-default"}}}}"#);
        assert_eq!(body.lines().next(), Some(want.as_str()));
    }
    for other in ["", "secrets", "logs-x", "Logs", ".logs"] {
        let event = format!(r#"{{"data_stream":{{"type":"{other}"}}}}"#);
        let (body, metrics) = encoded(Ecs::Enabled, vec![], &[&event]);
        assert_eq!((body.as_str(), metrics.failed.value()), ("", 1), "{other}");
    }
}

#[test]
fn filters_may_choose_the_ingest_pipeline() {
    // The pipeline speaks of the field: here an option does.
    let settings = vec![
        ("index", text("x")),
        ("routing", text("%{[@metadata][target_ingest_pipeline]}")),
    ];
    let event = r#"{"@metadata":{"target_ingest_pipeline":"geo"}}"#;
    let (body, _) = encoded(Ecs::Disabled, settings, &[event]);
    let line = body.lines().next();
    assert_eq!(
        line,
        Some(r#"{"create":{"_index":"x","pipeline":"geo","routing":"geo"}}"#)
    );
    let (body, _) = encoded(Ecs::Disabled, vec![("index", text("x"))], &[event]);
    assert_eq!(body.lines().next(), Some(r#"{"create":{"_index":"x"}}"#));
}

const FILE: Provenance = Provenance {
    stream: 7,
    since: 1_790_000_000_000,
};

/// The action lines and the ids in them.
fn lines_and_ids(body: &str) -> Vec<(serde_json::Value, Option<String>)> {
    let lines = body.lines().step_by(2);
    lines
        .map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).expect("it is JSON");
            let members = line["create"].as_object_mut().expect("it is a create");
            let id = members.remove("_id");
            (line, id.and_then(|id| Some(id.as_str()?.to_owned())))
        })
        .collect()
}

fn ids(offset: u64, settings: Vec<(&'static str, Setting)>, events: &[&str]) -> Vec<String> {
    let (body, _) = encoded_from(Some((FILE, offset)), Ecs::Disabled, settings, events);
    let all = lines_and_ids(&body).into_iter();
    all.filter_map(|(_, id)| id).collect()
}

#[test]
fn ids_are_made_of_where_an_event_was_read() {
    let events = [r#"{"v":"a"}"#, r#"{"v":"a"}"#, r#"{"v":"a"}"#];
    let first = ids(100, vec![], &events);
    assert_eq!(first.len(), 3);
    assert!(first.iter().all(|id| id.len() == 20), "{first:?}");
    assert!(first[0] != first[1] && first[1] != first[2] && first[0] != first[2]);
    // Read again in other batches, and through the line that no day shares.
    assert_eq!(ids(101, vec![], &events[1..]), first[1..]);
    assert_eq!(ids(100, vec![("index", text("x-%{v}"))], &events), first);
}

#[test]
fn only_the_id_differs_in_the_lines_of_a_day() {
    let events = [r#"{"v":1}"#, r#"{"v":2}"#];
    let settings = vec![("index", text("x-%{+yyyy.MM.dd}")), ("pipeline", text("p"))];
    let (body, _) = encoded_from(Some((FILE, 0)), Ecs::Disabled, settings, &events);
    let want = serde_json::json!({"create": {"_index": "x-2015.11.11", "pipeline": "p"}});
    let got = lines_and_ids(&body);
    assert!(
        got.iter().all(|(line, id)| *line == want && id.is_some()),
        "{body}"
    );
    assert_ne!(got[0].1, got[1].1);
}

#[test]
fn who_chooses_action_or_version_chooses_ids_too() {
    for chosen in [
        vec![("action", text("index"))],
        vec![("action", text("create"))],
        vec![("version", text("3")), ("version_type", text("external"))],
    ] {
        let (body, _) = encoded_from(Some((FILE, 0)), Ecs::Disabled, chosen, &["{}"]);
        assert!(!body.contains("_id"), "{body}");
    }
}

#[test]
fn data_streams_of_logs_take_our_ids_and_those_of_metrics_do_not() {
    let events = ["{}", r#"{"data_stream":{"type":"metrics"}}"#];
    let (body, _) = encoded_from(Some((FILE, 0)), Ecs::Enabled, vec![], &events);
    let ids: Vec<bool> = lines_and_ids(&body)
        .iter()
        .map(|(_, id)| id.is_some())
        .collect();
    assert_eq!(ids, [true, false]);
}

#[test]
fn what_is_sent_again_is_sent_to_the_byte() {
    let (config, _, metrics) = checked(Ecs::Disabled, vec![]);
    let (blocks, mut sent) = ends::roomy();
    let mut encoder = BulkEncoder::new(Shared {
        plan: Arc::new(config.plan),
        block_bytes: Arc::new(config.schedule.bytes_max.into()),
        block_events: config.schedule.documents_max,
        blocks,
        spares: Spares::default(),
        refusals: Arc::new(Refusals::new(metrics, None, Wishes::default())),
    });
    let ack = Ack::none();
    encoder.resend(br#"{"create":{"_index":"a"}}"#, br#"{"n": 1.0}"#, &ack);
    encoder.resend(br#"{"delete":{"_index":"a","_id":"1"}}"#, b"", &ack);
    encoder.resend(br#"{"index":{"_index":"a"}}"#, b"no\njson", &ack);
    encoder.flush();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime can be had");
    let block = runtime.block_on(sent.next());
    let block = block.expect("a block was shipped");
    let want = [
        r#"{"create":{"_index":"a"}}"#,
        r#"{"n": 1.0}"#,
        r#"{"delete":{"_index":"a","_id":"1"}}"#,
        r#"{"index":{"_index":"a"}}"#,
        "no json",
    ];
    let body = String::from_utf8_lossy(&block.body).into_owned();
    assert_eq!(body.lines().collect::<Vec<_>>(), want);
    assert_eq!((block.starts.len(), block.acks.len()), (3, 3));
}

struct Listener(Arc<AtomicBool>);

impl Acknowledge for Listener {
    fn acknowledge(&self, _: u64) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What becomes of an event whose index has no name, where a file stands in the place of the folder for dead letters.
struct Obstructed {
    metrics: Arc<PluginMetrics>,
    acknowledged: Arc<AtomicBool>,
    encoder: BulkEncoder,
    sent: Outlet,
}

impl Obstructed {
    fn encode() -> Self {
        let settings = vec![("index", text("logs-%{missing}"))];
        let (config, names, metrics) = checked(Ecs::Disabled, settings);
        let (blocks, sent) = ends::roomy();
        let letters = DeadLetters::new(DeadLetterSettings {
            folder: PathBuf::from("/dev/null"),
            pipeline: "main".to_owned(),
            bytes_max: 1 << 20,
            policy: StoragePolicy::DropNewer,
            retain: None,
            repeated: Repeated::Known,
        });
        let mut encoder = encoder(config, &metrics, blocks);
        let refusals = Refusals::new(Arc::clone(&metrics), Some(letters), Wishes::default());
        encoder.shared.refusals = Arc::new(refusals);
        let acknowledged = Arc::new(AtomicBool::new(false));
        let ack = Ack::new(Arc::new(Listener(Arc::clone(&acknowledged))), 1);
        let mut batch = Batch::new(Vec::new(), Arc::new(names), TIME, ack);
        let event = push(&mut batch, r#"{"@metadata":{"a":1},"b":2}"#);
        encoder.encode(&mut batch, &[event]);
        // As the worker does it.
        batch.ack.settle();
        Self {
            metrics,
            acknowledged,
            encoder,
            sent,
        }
    }
}

#[test]
fn the_letter_of_an_event_without_a_document_waits_in_the_queue_and_holds_no_worker_up() {
    let mut event = Obstructed::encode();
    event.encoder.flush();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime can be had");
    let block = runtime.block_on(event.sent.next());
    let block = block.expect("a block was shipped");
    assert!(Letter::begins(&block.body));
    let letter = Kept::parse(&block.body).expect("it is a letter");
    let (kind, reason) = (letter.text("kind"), letter.text("reason"));
    assert_eq!(kind.as_deref(), Some("confinement_failed"));
    assert!(reason.is_some_and(|reason| reason.contains("no such field")));
    let want = r#"{"@timestamp":"2015-11-11T00:00:03.000Z","b":2}"#;
    assert_eq!(letter.document(), want);
    assert_eq!(letter.metadata(), Some(r#"{"a":1}"#));
    // It is counted, and acknowledged, when it is kept.
    assert_eq!((block.documents(), event.metrics.failed.value()), (1, 0));
    assert!(!event.acknowledged.load(Ordering::Relaxed));
    Block::settle(block.acks);
    assert!(event.acknowledged.load(Ordering::Relaxed));
}

#[test]
fn it_is_never_acknowledged_if_the_output_ends_before() {
    let mut event = Obstructed::encode();
    drop(event.sent);
    event.encoder.flush();
    assert!(!event.acknowledged.load(Ordering::Relaxed));
    let abandoned = event.metrics.counter("documents_abandoned").value();
    assert_eq!((abandoned, event.metrics.failed.value()), (1, 0));
}

#[test]
fn a_batch_is_acknowledged_when_all_that_was_made_of_its_event_has_its_verdict() {
    let (mut config, names, metrics) = checked(Ecs::Disabled, vec![]);
    config.schedule.documents_max = 2;
    let (blocks, mut sent) = ends::roomy();
    let mut encoder = encoder(config, &metrics, blocks);
    let acknowledged = Arc::new(AtomicBool::new(false));
    let ack = Ack::new(Arc::new(Listener(Arc::clone(&acknowledged))), 1);
    let mut batch = Batch::new(Vec::new(), Arc::new(names), TIME, ack);
    let event = push(&mut batch, "{}");
    let copy = |number| batch.copy_event(event, Maker::of("split"), number);
    let made: Vec<EventId> = (0..5).map(copy).collect();
    batch.drop_event(event);
    encoder.encode(&mut batch, &made);
    batch.ack.settle();
    encoder.flush();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime can be had");
    for documents in [2, 2, 1] {
        assert!(!acknowledged.load(Ordering::Relaxed));
        let block = runtime.block_on(sent.next()).expect("it was shipped");
        assert_eq!(block.documents(), documents);
        block.acks.into_iter().for_each(|(_, ack)| ack.settle());
    }
    assert!(acknowledged.load(Ordering::Relaxed));
}

#[test]
fn a_block_for_the_disk_leaves_memory_at_its_age_and_another_when_it_is_full() {
    for (kind, late) in [(Kind::Persisted, 1), (Kind::Memory, 0)] {
        let (config, names, metrics) = checked(Ecs::Disabled, vec![]);
        let (inlet, mut on_disk) = tokio::sync::mpsc::channel(9);
        let disk = DiskEnds {
            inlet,
            encoders: tokio::sync::mpsc::channel(1).0,
            taker: tokio::sync::mpsc::channel(1).0,
            outlet: tokio::sync::mpsc::channel(1).1,
        };
        let (blocks, _outlet) = ends::queue(kind, Some(disk));
        let mut encoder = encoder(config, &metrics, blocks);
        let names = Arc::new(names);
        let mut encode_after = |age: i64| {
            let mut batch = Batch::new(Vec::new(), Arc::clone(&names), TIME + age, Ack::none());
            let id = push(&mut batch, "{}");
            encoder.encode(&mut batch, &[id]);
            encoder.pass_time(TIME + age);
        };
        let age = limits::QUEUE_BLOCK_AGE.as_nanos() as i64;
        encode_after(0);
        encode_after(age - 1);
        assert!(on_disk.is_empty());
        encode_after(age);
        assert_eq!(on_disk.len(), late);
        // The next block's age begins with its own first document.
        encode_after(age + 1);
        assert_eq!(on_disk.len(), late);
        // Batches without an event for it let time pass as well, and so does a clock that was set back.
        encoder.pass_time(TIME + 3 * age);
        assert_eq!(on_disk.len(), 2 * late);
        let mut documents = || on_disk.try_recv().map_or(0, |block| block.documents());
        assert_eq!([documents(), documents()], [3 * late, late]);
    }
}

#[test]
fn sizes_and_counts_beyond_their_limits_are_refused() {
    for (name, value) in [
        ("requests_max", 0),
        ("requests_max", 65),
        ("batch_events", 0),
    ] {
        let settings = vec![(name, Setting::Integer(value))];
        let (_, _, diagnostics, _) = checked_or_refused(Ecs::Disabled, settings);
        let refused = |diagnostic: &Diagnostic| {
            diagnostic.severity == Severity::Error && diagnostic.message.contains(name)
        };
        assert!(
            diagnostics.iter().any(refused),
            "{name} {value}: {diagnostics:?}"
        );
    }
    checked(Ecs::Disabled, vec![("requests_max", Setting::Integer(64))]);
}

#[test]
fn a_proxy_that_is_none_is_refused() {
    for address in ["::::", "htp://h:1", "proxy:8080", "http://"] {
        let (_, _, diagnostics, _) =
            checked_or_refused(Ecs::Disabled, vec![("proxy", text(address))]);
        let refused = |diagnostic: &Diagnostic| {
            diagnostic.severity == Severity::Error
                && diagnostic.message.contains("write `http://host:port`")
        };
        assert!(diagnostics.iter().any(refused), "{address}");
    }
    for address in ["", "http://h:1", "https://u:p@h"] {
        checked(Ecs::Disabled, vec![("proxy", text(address))]);
    }
}
