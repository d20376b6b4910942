//! The output as a whole, from a pipeline's text to the lines that carbon reads.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::PLUGIN;
use crate::event::{Batch, EventId, Name, Names, Reference};
use crate::metrics::{Metrics, PluginMetrics};
use crate::outputs::Successions;
use crate::outputs::leave::Notice;
use crate::outputs::{Opening, Output};
use crate::pipeline::Building;
use crate::pipeline::Ecs;
use crate::pipeline::building::Surroundings;
use crate::plugin::{Arg, ArgValue, Options, Setting, Word};
use crate::queue::ack::Ack;
use crate::queue::policy::Policy;
use crate::queue::queues::Queues;

const TIME: i64 = 1_447_200_003;

fn word(text: &str) -> Word {
    Word {
        text: text.to_owned(),
        ..Word::default()
    }
}

fn hash(pairs: &[(&str, &str)]) -> Setting {
    let pair = |(key, value): &(&str, &str)| {
        let value = Arg {
            value: ArgValue::Text((*value).to_owned()),
            span: Default::default(),
        };
        (word(key), value)
    };
    Setting::Hash(pairs.iter().map(pair).collect())
}

/// An output of these settings that sends to a port, the names that they brought, and where it counts.
fn built(
    port: u16,
    settings: Vec<(&'static str, Setting)>,
    path_data: PathBuf,
) -> (Box<dyn Output>, Names, Arc<PluginMetrics>) {
    let mut all = vec![
        ("host", Setting::Text("127.0.0.1".to_owned())),
        ("port", Setting::Integer(port.into())),
        ("percentiles", Setting::List(vec![word("50"), word("95")])),
        ("include_metrics", Setting::List(vec![word(".*")])),
        ("exclude_metrics", Setting::List(vec![word("%\\{[^}]+\\}")])),
    ];
    for (name, setting) in settings {
        all.retain(|(known, _)| *known != name);
        all.push((name, setting));
    }
    let settings = all
        .into_iter()
        .map(|(name, setting)| (name, setting, Default::default()));
    let options = Options {
        plugin: PLUGIN.plugin,
        id: "output_graphite_1".to_owned(),
        span: Default::default(),
        settings: settings.collect(),
    };
    let (mut names, mut diagnostics) = (Names::default(), Vec::new());
    let metrics = Arc::new(Metrics::default());
    let surroundings = Surroundings {
        ecs: Ecs::Disabled,
        support_escapes: false,
        path_data,
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
    let output = (PLUGIN.build)(&options, &mut building).expect("the options are good");
    (output, names, metrics.plugin(&options))
}

/// Sends one event after another through an output of these settings; gives the lines that carbon read, sorted.
async fn sent(
    settings: Vec<(&'static str, Setting)>,
    events: &[&str],
) -> (Vec<String>, Arc<PluginMetrics>) {
    let carbon = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("ports are free");
    let port = carbon.local_addr().expect("it is bound").port();
    let (mut output, names, metrics) = built(port, settings, std::env::temp_dir());
    output.keep_nothing();
    let task = given(output, names, events).await;
    let (mut stream, _) = carbon.accept().await.expect("it connects");
    let mut text = String::new();
    stream
        .read_to_string(&mut text)
        .await
        .expect("lines are text");
    drop(stream);
    task.await.expect("the task ends");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    (lines, metrics)
}

/// Starts an output and gives it all its events; its task ends when it is done with them.
async fn given(output: Box<dyn Output>, names: Names, events: &[&str]) -> JoinHandle<()> {
    let opening = Opening {
        queues: &Queues::default(),
        successions: &Successions::default(),
        policy: &Policy::in_memory(),
        notice: Notice::default(),
    };
    let started = output.start(&opening);
    let events: Vec<String> = events.iter().map(|event| (*event).to_owned()).collect();
    let mut encoder = started.encoder;
    let worker = tokio::task::spawn_blocking(move || {
        let mut batch = Batch::new(
            Vec::new(),
            Arc::new(names),
            TIME * 1_000_000_000,
            Ack::none(),
        );
        let ids: Vec<EventId> = events.iter().map(|event| push(&mut batch, event)).collect();
        encoder.encode(&mut batch, &ids);
        encoder.flush();
    });
    worker.await.expect("encoding does not fail");
    started.task
}

/// Lets other tasks run until a condition holds.
pub async fn until(mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), waiting)
        .await
        .expect("the condition holds at last");
}

fn push(batch: &mut Batch, json: &str) -> EventId {
    let id = batch.push_event(TIME * 1_000_000_000);
    let whole = Reference::top(Name::MESSAGE);
    let parsed = batch
        .parse_json_bytes(json.as_bytes())
        .expect("this is JSON");
    if let crate::event::Value::Map(members) = parsed {
        let members: Vec<_> = batch.members(members).collect();
        for (name, value) in members {
            batch.set_top(id, name, value);
        }
    }
    batch.remove(id, &whole);
    id
}

#[tokio::test]
async fn counters_and_timers_are_a_line_of_configuration_each() {
    let settings = vec![
        ("prefix", Setting::Text("web".to_owned())),
        (
            "counters",
            hash(&[
                ("nginx.status.%{response_code}", "1"),
                ("nginx.bytes", "%{bytes}"),
            ]),
        ),
        (
            "timers",
            hash(&[("nginx.response_time", "%{response_time}")]),
        ),
    ];
    let events = [
        r#"{"response_code":200,"bytes":10,"response_time":"0.5"}"#,
        r#"{"response_code":200,"bytes":"5","response_time":1.5}"#,
        r#"{"response_code":404,"bytes":1,"response_time":"-"}"#,
    ];
    let (lines, metrics) = sent(settings, &events).await;
    let want = [
        "web.nginx.bytes 16 1447200000",
        "web.nginx.response_time.count 2 1447200000",
        "web.nginx.response_time.max 1.5 1447200000",
        "web.nginx.response_time.mean 1 1447200000",
        "web.nginx.response_time.min 0.5 1447200000",
        "web.nginx.response_time.p50 0.5 1447200000",
        "web.nginx.response_time.p95 1.5 1447200000",
        "web.nginx.response_time.rate 0.2 1447200000",
        "web.nginx.status.200 2 1447200000",
        "web.nginx.status.404 1 1447200000",
    ];
    assert_eq!(lines, want);
    assert_eq!(metrics.counter("values_not_numeric").value(), 1);
    assert_eq!((metrics.events_out.value(), metrics.failed.value()), (3, 0));
}

#[tokio::test]
async fn a_field_in_a_path_cannot_leave_its_part() {
    let settings = vec![("counters", hash(&[("a.%{v}.b", "1")]))];
    let events = [r#"{"v":"x.y z\n1 2 3\n"}"#, r#"{"v":""}"#, r#"{"other":1}"#];
    let (lines, metrics) = sent(settings, &events).await;
    assert_eq!(lines, ["a.x_y_z_1_2_3_.b 1 1447200000"]);
    assert_eq!(metrics.counter("confinement_failed").value(), 2);
    assert_eq!(metrics.failed.value(), 2);
}

/// Of an event with some samples too many it is the others that count.
#[tokio::test]
async fn an_event_without_room_for_its_paths_is_dropped_by_name() {
    let most = crate::limits::METRIC_PATHS_MAX;
    let settings = vec![("counters", hash(&[("a.%{v}", "1"), ("b.%{w}", "1")]))];
    let both = |number: usize| format!(r#"{{"v":{number},"w":1}}"#);
    let mut events: Vec<String> = (0..most).map(both).collect();
    // One path of two has room, none has, none would be one.
    events.extend([both(most), r#"{"v":-1,"w":2}"#.to_owned(), "{}".to_owned()]);
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let (lines, metrics) = sent(settings, &events).await;
    assert_eq!(lines.len(), most);
    let value = |name| metrics.counter(name).value();
    // `b.1` is one of the paths.
    assert_eq!(value("samples_over_path_limit"), 4);
    assert_eq!(value("dropped_over_path_limit"), 1);
    assert_eq!(metrics.events_out.value(), most as u64 + 1);
    assert_eq!(metrics.failed.value(), 1);
}

#[tokio::test]
async fn a_time_too_far_ahead_is_that_of_the_receipt() {
    let settings = vec![
        ("counters", hash(&[("%{host}", "1")])),
        ("timestamp_field", Setting::Text("time".to_owned())),
    ];
    let ahead = crate::limits::SAMPLE_AHEAD_SECONDS_MAX;
    let event = |host: &str, time: i64| format!(r#"{{"host":"{host}","time":{time}}}"#);
    let events = [
        event("good", TIME - 10),
        event("ahead", TIME + ahead),
        event("wrong", TIME + ahead + 1),
        event("wrong", i64::MAX),
    ];
    let (lines, metrics) = sent(settings, &events.each_ref().map(|event| &**event)).await;
    let ahead = format!("ahead 1 {}", (TIME + ahead) / 10 * 10);
    let want = [&*ahead, "good 1 1447199990", "wrong 2 1447200000"];
    assert_eq!(lines, want);
    assert_eq!(metrics.counter("samples_too_early").value(), 2);
    assert_eq!(metrics.events_out.value(), 4);
}

#[tokio::test]
async fn metrics_are_those_of_logstash() {
    let settings = vec![
        (
            "metrics",
            hash(&[
                ("%{host}.load", "%{load}"),
                ("text", "%{word}"),
                ("map", "%{inner}"),
                ("no", "%{host}"),
            ]),
        ),
        ("exclude_metrics", Setting::List(vec![word("^no$")])),
        ("metrics_format", Setting::Text("logs.*.now".to_owned())),
    ];
    let events = [
        r#"{"host":"web-01.example","load":"0.75x","word":"abc","inner":{"a":1,"b":{"c":2.5},"l":[1]}}"#,
    ];
    let (lines, _) = sent(settings, &events).await;
    let want = [
        "logs.map.a.now 1 1447200000",
        "logs.map.b.c.now 2.5 1447200000",
        "logs.text.now 0 1447200000",
        "logs.web-01_example.load.now 0.75 1447200000",
    ];
    assert_eq!(lines, want);
}

#[tokio::test]
async fn every_field_with_a_number_can_be_a_metric() {
    let settings = vec![
        ("fields_are_metrics", Setting::Boolean(true)),
        ("include_metrics", Setting::List(vec![word("^(a|m)")])),
    ];
    let (lines, _) = sent(settings, &[r#"{"a":1,"b":2,"m":{"x":3,"y":"text"}}"#]).await;
    assert_eq!(lines, ["a 1 1447200000", "m.x 3 1447200000"]);
}

#[tokio::test]
async fn sums_of_a_run_without_carbon_are_sent_by_the_next() {
    let folder = std::env::temp_dir().join(format!("sawlog-sums-{}", std::process::id()));
    let settings = || vec![("counters", hash(&[("a", "1")]))];
    let nobody = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("ports are free");
    let port = nobody.local_addr().expect("it is bound").port();
    drop(nobody);
    let (output, names, metrics) = built(port, settings(), folder.clone());
    let task = given(output, names, &["{}", "{}"]).await;
    task.await.expect("the task ends, since the sums are saved");
    assert_eq!(metrics.events_out.value(), 2);
    let carbon = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("ports are free");
    let port = carbon.local_addr().expect("it is bound").port();
    let (output, names, _) = built(port, settings(), folder.clone());
    let task = given(output, names, &["{}"]).await;
    let (mut stream, _) = carbon.accept().await.expect("it connects");
    let mut text = String::new();
    stream
        .read_to_string(&mut text)
        .await
        .expect("lines are text");
    drop(stream);
    task.await.expect("the task ends");
    assert_eq!(text, "a 3 1447200000\n");
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

#[tokio::test]
async fn without_a_disk_metrics_are_sent_and_nothing_is_acknowledged() {
    let folder = std::env::temp_dir().join(format!("sawlog-no-disk-{}", std::process::id()));
    std::fs::write(&folder, "a file, where a folder should be").expect("the folder is ours");
    let carbon = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("ports are free");
    let port = carbon.local_addr().expect("it is bound").port();
    let settings = vec![("counters", hash(&[("a", "1")]))];
    let (output, names, metrics) = built(port, settings, folder.clone());
    let task = given(output, names, &["{}", "{}"]).await;
    let (mut stream, _) = carbon.accept().await.expect("it connects");
    let mut text = String::new();
    stream
        .read_to_string(&mut text)
        .await
        .expect("lines are text");
    drop(stream);
    task.await.expect("the task ends");
    assert_eq!(text, "a 2 1447200000\n");
    assert_eq!(metrics.events_out.value(), 0);
    assert!(0 < metrics.counter("saves_failed").value());
    std::fs::remove_file(folder).expect("the file is ours");
}
