//! The whole input over a folder and an Engine of our own making.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::mem::MaybeUninit;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use rustix::fs::inotify;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::*;
use crate::event::{Batch, EventId, Names};
use crate::inputs::sockets::Sockets;
use crate::metrics::Metrics;
use crate::outputs::Encoder;
use crate::pipeline::Ecs;
use crate::pipeline::building::Surroundings;
use crate::pipeline::program::{OutputStep, Step};
use crate::pipeline::worker::{self, Program};
use crate::plugin::{Setting, Word};
use crate::queue::ack::Fate;

/// Far more than anything here takes.
const LONG: Duration = Duration::from_secs(20);

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder of one test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("sawlog-docker-{}-{number}", std::process::id()));
        std::fs::create_dir_all(path.join("containers")).expect("the folder can be made");
        Self(path)
    }

    fn text(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }

    /// The input's file of positions.
    fn positions(&self) -> PathBuf {
        self.0.join("state/positions/input_docker_1.json")
    }

    fn container(&self, id: &str) -> PathBuf {
        self.0.join("containers").join(id)
    }

    /// Makes a container's folder and describes it as the daemon does.
    fn create(&self, id: &str, name: &str) {
        std::fs::create_dir(self.container(id)).expect("it is new");
        self.describe(id, name);
    }

    fn describe(&self, id: &str, name: &str) {
        let folder = self.container(id);
        let replace = |file: &str, json: Value| {
            std::fs::write(folder.join(".tmp"), json.to_string()).expect("writable");
            std::fs::rename(folder.join(".tmp"), folder.join(file)).expect("ours");
        };
        replace(
            "hostconfig.json",
            json!({"LogConfig": {"Type": "json-file"}}),
        );
        replace("config.v2.json", inspected(id, name, true));
    }

    fn log(&self, id: &str, message: &str) {
        let path = self.container(id).join(format!("{id}-json.log"));
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .expect("writable");
        let time = "2026-11-20T16:46:09.929Z";
        writeln!(
            file,
            "{}",
            json!({"log": format!("{message}\n"), "stream": "stdout", "time": time})
        )
        .expect("there is room");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the folder is ours");
    }
}

fn inspected(id: &str, name: &str, running: bool) -> Value {
    json!({
        "ID": id, "Id": id, "Name": format!("/{name}"), "State": {"Running": running, "StartedAt": "2026-01-01T00:00:00Z"},
        "Config": {"Tty": false, "Image": "busybox:test", "Labels": {"app": "web"}},
        "HostConfig": {"LogConfig": {"Type": "json-file"}, "AutoRemove": false},
    })
}

struct Collect(mpsc::Sender<Value>);

impl Encoder for Collect {
    fn encode(&mut self, batch: &mut Batch, selected: &[EventId]) {
        for &event in selected {
            let mut out = Vec::new();
            batch.write_json(event, &mut out);
            let event = serde_json::from_slice(&out).expect("events are JSON");
            // The test may have seen enough.
            self.0.send(event).unwrap_or(());
        }
    }

    fn flush(&mut self) {}

    fn fork(&self) -> Box<dyn Encoder> {
        Box::new(Self(self.0.clone()))
    }
}

fn plugin_options(options: &[(&'static str, &str)]) -> Options {
    let text = |(name, value): &(&'static str, &str)| {
        let setting = match *name {
            "include_names" | "exclude_labels" => Setting::List(vec![Word {
                text: (*value).to_owned(),
                ..Word::default()
            }]),
            _ => Setting::Text((*value).to_owned()),
        };
        (*name, setting, Default::default())
    };
    Options {
        plugin: PLUGIN.plugin,
        id: "input_docker_1".to_owned(),
        span: Default::default(),
        settings: options.iter().map(text).collect(),
    }
}

/// A running input and what comes out of it.
struct Running {
    events: mpsc::Receiver<Value>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
    positions: Arc<Mutex<Vec<crate::queue::positions::Positions>>>,
    runtime: tokio::runtime::Runtime,
}

impl Running {
    fn start(data: &Folder, options: &[(&'static str, &str)]) -> Self {
        let options = plugin_options(options);
        let surroundings = Surroundings {
            ecs: Ecs::Disabled,
            support_escapes: false,
            path_data: data.0.join("state"),
            dead_letters: None,
            pipeline: "main".to_owned(),
            host_name: "h".to_owned(),
        };
        let metrics = Arc::new(Metrics::default());
        let (mut names, mut diagnostics) = (Names::default(), Vec::new());
        let mut building = Building {
            names: &mut names,
            diagnostics: &mut diagnostics,
            surroundings: &surroundings,
            metrics: &metrics,
            origins: Vec::new(),
        };
        let input = (PLUGIN.build)(&options, &mut building).expect("the options are good");
        let (sender, events) = mpsc::channel();
        let output = OutputStep {
            encoder: Box::new(Collect(sender)),
            metrics: metrics.plugin(&options),
            fate: Fate::default(),
        };
        let program = Program {
            filters: Vec::new(),
            outputs: vec![Step::Plugin(output)],
        };
        let threads = worker::Threads::spawn(worker::Counts { read: 1, pushed: 0 });
        let (batches, _workers) = threads.expect("threads can be started").run(program);
        let (stop, stopped) = watch::channel(false);
        let positions = Arc::default();
        let flow = Flow {
            batches,
            names: Arc::new(names),
            stop: stopped,
            sockets: Arc::new(Sockets::default()),
            positions: Arc::clone(&positions),
        };
        let runtime = tokio::runtime::Runtime::new().expect("a runtime can be started");
        let task = {
            let _entered = runtime.enter();
            input.start(flow)
        };
        Self {
            events,
            stop,
            task,
            positions,
            runtime,
        }
    }

    #[track_caller]
    fn next(&self) -> Value {
        self.events.recv_timeout(LONG).expect("an event comes")
    }

    #[track_caller]
    fn check(&self, want: &[&str]) {
        for want in want {
            assert_eq!(self.next()["message"], *want);
        }
    }

    /// Waits until the input has noted a position.
    #[track_caller]
    fn wait_for_position(&self, key: &str) {
        let deadline = std::time::Instant::now() + LONG;
        let noted = || {
            let all = self.positions.lock().expect("nobody panics");
            all.iter().any(|positions| positions.safe(key).is_some())
        };
        while !noted() {
            assert!(std::time::Instant::now() < deadline, "{key} is not noted");
            std::thread::yield_now();
        }
    }

    /// Stops, saves positions, and gives what was still on its way.
    #[track_caller]
    fn stop(mut self) -> Vec<Value> {
        self.stop.send_replace(true);
        self.runtime.block_on(async {
            let ended = tokio::time::timeout(LONG, &mut self.task).await;
            ended.expect("it stops").expect("without a panic");
        });
        let rest = self.events.iter().collect();
        for positions in &*self.positions.lock().expect("nobody panics") {
            positions.save().expect("writable");
        }
        rest
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed must not wait for the input's thread.
        self.stop.send_replace(true);
    }
}

fn id(digit: char) -> String {
    String::from(digit).repeat(64)
}

#[test]
fn containers_are_found_named_renamed_and_lost() {
    let data = Folder::new();
    let (one, two) = (id('a'), id('b'));
    data.create(&one, "one");
    data.log(&one, "before");
    let root = data.text();
    let running = Running::start(&data, &[("mode", "files"), ("data_root", &root)]);
    let event = running.next();
    assert_eq!(
        (&event["message"], &event["container"]["name"]),
        (&json!("before"), &json!("one"))
    );
    data.create(&two, "two");
    data.log(&two, "short");
    std::fs::remove_dir_all(data.container(&two)).expect("it is there");
    data.describe(&one, "uno");
    // The new name counts once it is noticed: until then lines come with the old one.
    let mut names = Vec::new();
    while names.last().is_none_or(|name| name != "uno") {
        data.log(&one, "after");
        // What is gone before it could be opened is lost; here the folder stood long enough or not at all.
        let mut events = std::iter::from_fn(|| Some(running.next()));
        let after = events.find(|event| event["message"] != "short");
        names.extend(after.map(|event| event["container"]["name"].clone()));
    }
    assert!(names.iter().all(|name| name == "uno" || name == "one"));
    assert_eq!(running.stop(), Vec::<Value>::new());
}

#[test]
fn containers_left_out_are_not_read() {
    let data = Folder::new();
    let (one, two) = (id('a'), id('b'));
    data.create(&one, "one");
    data.log(&one, "wanted");
    data.create(&two, "two");
    data.log(&two, "unwanted");
    let root = data.text();
    let options = [
        ("mode", "files"),
        ("data_root", &*root),
        ("include_names", "o*"),
    ];
    let running = Running::start(&data, &options);
    running.check(&["wanted"]);
    data.log(&two, "unwanted");
    data.log(&one, "last");
    running.check(&["last"]);
    assert_eq!(running.stop(), Vec::<Value>::new());
}

#[test]
fn files_go_on_where_they_were_left() {
    let data = Folder::new();
    let one = id('a');
    data.create(&one, "one");
    data.log(&one, "1");
    let root = data.text();
    let options = [("mode", "files"), ("data_root", &*root)];
    let running = Running::start(&data, &options);
    running.check(&["1"]);
    assert_eq!(running.stop(), Vec::<Value>::new());
    data.log(&one, "2");
    let running = Running::start(&data, &options);
    running.check(&["2"]);
    assert_eq!(running.stop(), Vec::<Value>::new());
}

#[test]
fn damaged_positions_end_nothing() {
    let data = Folder::new();
    data.create(&id('a'), "one");
    data.log(&id('a'), "read");
    let root = data.text();
    let options = [("mode", "files"), ("data_root", &*root)];
    let running = Running::start(&data, &options);
    running.check(&["read"]);
    assert_eq!(running.stop(), Vec::<Value>::new());
    let positions = data.positions();
    std::fs::write(&positions, "{").expect("the file is ours");
    std::fs::remove_file(positions.with_extension("json.old")).unwrap_or(());
    let running = Running::start(&data, &options);
    running.check(&["read"]);
    assert_eq!(running.stop(), Vec::<Value>::new());
}

#[test]
fn while_positions_cannot_be_read_the_input_waits() {
    let data = Folder::new();
    data.create(&id('a'), "one");
    data.log(&id('a'), "read");
    let root = data.text();
    let positions = data.positions();
    std::fs::create_dir_all(&positions).expect("the folder is ours");
    let opened = inotify::init(inotify::CreateFlags::CLOEXEC).expect("it can be watched");
    let flags = inotify::WatchFlags::OPEN;
    inotify::add_watch(&opened, &positions, flags).expect("it can be watched");
    let running = Running::start(&data, &[("mode", "files"), ("data_root", &root)]);
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut opened = inotify::Reader::new(&opened, &mut buffer);
    // A folder can be opened like a file, and not read.
    opened.next().expect("the input tries");
    std::fs::remove_dir(&positions).expect("it is empty");
    running.check(&["read"]);
    assert_eq!(running.stop(), Vec::<Value>::new());
}

#[test]
fn the_end_as_start_counts_for_containers_of_the_first_start_only() {
    let data = Folder::new();
    let (one, two) = (id('a'), id('b'));
    data.create(&one, "one");
    data.log(&one, "old");
    let root = data.text();
    let options = [
        ("mode", "files"),
        ("data_root", &*root),
        ("start_position", "end"),
    ];
    let running = Running::start(&data, &options);
    running.wait_for_position("started");
    data.create(&two, "two");
    data.log(&two, "new");
    running.check(&["new"]);
    assert_eq!(running.stop(), Vec::<Value>::new());
}

/// An Engine behind a socket. Logs and events are what the test puts there.
#[derive(Clone)]
struct Engine {
    socket: PathBuf,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    containers: HashMap<String, Value>,
    logs: HashMap<String, Vec<u8>>,
    listeners: Vec<UnixStream>,
    asked: Vec<String>,
}

impl Engine {
    fn start(folder: &Path) -> Self {
        let engine = Self {
            socket: folder.join("docker.sock"),
            shared: Arc::default(),
        };
        let listener = UnixListener::bind(&engine.socket).expect("the path is free");
        let serving = engine.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let serving = serving.clone();
                std::thread::spawn(move || serving.serve(stream));
            }
        });
        engine
    }

    /// One answer a connection; its end is the answer's.
    fn serve(&self, mut stream: UnixStream) -> Option<()> {
        let mut lines = BufReader::new(stream.try_clone().ok()?)
            .lines()
            .map_while(Result::ok);
        let request = lines.next()?;
        lines.find(String::is_empty)?;
        let path = request.strip_prefix("GET ")?.split(' ').next()?.to_owned();
        let mut shared = self.shared.lock().expect("nobody panics");
        shared.asked.push(path.clone());
        let parts: Vec<&str> = path.split(['/', '?']).collect();
        let found = |body: Vec<u8>| Some(body);
        let body = match *parts {
            ["", "containers", "json", _] => {
                let list: Vec<Value> = shared
                    .containers
                    .keys()
                    .map(|id| json!({"Id": id}))
                    .collect();
                found(json!(list).to_string().into_bytes())
            }
            ["", "containers", id, "json"] => shared
                .containers
                .get(id)
                .map(|container| container.to_string().into_bytes()),
            ["", "containers", id, "logs", _] => shared.logs.get(id).cloned(),
            ["", "events", _] => {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                    .ok()?;
                shared.listeners.push(stream);
                return None;
            }
            _ => None,
        };
        drop(shared);
        let status = if body.is_some() {
            "200 OK"
        } else {
            "404 Not Found"
        };
        stream
            .write_all(format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n").as_bytes())
            .ok()?;
        stream.write_all(&body.unwrap_or_default()).ok()
    }

    fn put(&self, id: &str, name: &str, running: bool, logs: &[(u8, u64, &str)]) {
        let mut shared = self.shared.lock().expect("nobody panics");
        shared
            .containers
            .insert(id.to_owned(), inspected(id, name, running));
        shared
            .logs
            .insert(id.to_owned(), logs.iter().flat_map(frame).collect());
    }

    /// Tells of something once somebody listens.
    fn tell(&self, action: &str, id: &str, name: &str) {
        let attributes = json!({"name": name, "image": "busybox:test", "app": "web"});
        let actor = json!({"ID": id, "Attributes": attributes});
        let event = json!({"Type": "container", "Action": action, "Actor": actor});
        let deadline = std::time::Instant::now() + LONG;
        loop {
            let mut shared = self.shared.lock().expect("nobody panics");
            if let Some(listener) = shared.listeners.last_mut() {
                writeln!(listener, "{event}").expect("it listens");
                return;
            }
            drop(shared);
            assert!(
                std::time::Instant::now() < deadline,
                "nobody asks for events"
            );
            std::thread::yield_now();
        }
    }
}

fn frame((stream, nanos, text): &(u8, u64, &str)) -> Vec<u8> {
    let payload = format!("2026-11-20T16:46:09.{nanos:09}Z {text}");
    let mut frame = vec![*stream, 0, 0, 0];
    frame.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    frame.extend_from_slice(payload.as_bytes());
    frame
}

fn start_api(data: &Folder, engine: &Engine) -> Running {
    let socket = engine.socket.to_string_lossy().into_owned();
    Running::start(data, &[("mode", "api"), ("socket", &socket)])
}

#[test]
fn the_engines_logs_give_the_same_events_as_files() {
    let data = Folder::new();
    let engine = Engine::start(&data.0);
    engine.put(&id('a'), "one", false, &[(1, 929_000_000, "text\n")]);
    data.create(&id('a'), "one");
    data.log(&id('a'), "text");
    let running = start_api(&data, &engine);
    let by_engine = running.next();
    running.stop();
    std::fs::remove_dir_all(data.0.join("state")).expect("it is ours");
    let root = data.text();
    let running = Running::start(&data, &[("mode", "files"), ("data_root", &root)]);
    assert_eq!(running.next(), by_engine);
    running.stop();
}

#[test]
fn what_the_engine_sends_again_is_left_out() {
    let data = Folder::new();
    let engine = Engine::start(&data.0);
    let first: &[(u8, u64, &str)] = &[(1, 10, "a\n"), (2, 30, "e\n"), (1, 20, "b\n")];
    engine.put(&id('a'), "one", false, first);
    let running = start_api(&data, &engine);
    running.check(&["a", "e", "b"]);
    assert_eq!(running.stop(), Vec::<Value>::new());
    let more: &[(u8, u64, &str)] = &[
        (1, 10, "a\n"),
        (2, 30, "e\n"),
        (1, 20, "b\n"),
        (1, 20, "same time\n"),
        (2, 40, "f\n"),
        (2, 40, "f\n"),
    ];
    engine.put(&id('a'), "one", false, more);
    let running = start_api(&data, &engine);
    running.check(&["same time", "f"]);
    assert_eq!(running.stop(), Vec::<Value>::new());
}

#[test]
fn lines_of_the_engine_that_were_written_after_the_clock_was_set_back_are_read() {
    let data = Folder::new();
    let engine = Engine::start(&data.0);
    let first: &[(u8, u64, &str)] = &[(1, 100, "a\n"), (1, 200, "b\n")];
    engine.put(&id('a'), "one", false, first);
    let running = start_api(&data, &engine);
    running.check(&["a", "b"]);
    assert_eq!(running.stop(), Vec::<Value>::new());
    let back: &[(u8, u64, &str)] = &[(1, 50, "back\n"), (1, 60, "on\n")];
    engine.put(&id('a'), "one", false, &[first, back].concat());
    let running = start_api(&data, &engine);
    running.check(&["back", "on"]);
    assert_eq!(running.stop(), Vec::<Value>::new());
}

#[test]
fn a_long_line_of_the_engine_is_joined_and_an_open_one_flushed_at_the_end() {
    let data = Folder::new();
    let engine = Engine::start(&data.0);
    let logs: &[(u8, u64, &str)] = &[
        (1, 10, "a"),
        (2, 30, "e\n"),
        (1, 10, "b\n"),
        (1, 50, "open"),
    ];
    engine.put(&id('a'), "one", false, logs);
    let running = start_api(&data, &engine);
    running.check(&["e", "ab"]);
    let open = running.next();
    assert_eq!(
        (&open["message"], &open["tags"]),
        (&json!("open"), &json!(["_docker_line_unfinished"]))
    );
    assert_eq!(running.stop(), Vec::<Value>::new());
}

#[test]
fn a_container_that_starts_is_read_at_once_and_can_be_gone_when_it_is_described() {
    let data = Folder::new();
    let engine = Engine::start(&data.0);
    let running = start_api(&data, &engine);
    engine.put(&id('b'), "short", false, &[(1, 10, "gone\n")]);
    engine
        .shared
        .lock()
        .expect("nobody panics")
        .containers
        .clear();
    engine.tell("start", &id('b'), "short");
    let event = running.next();
    assert_eq!(event["message"], "gone");
    let want = json!({
        "id": id('b'), "name": "short", "image": {"name": "busybox:test"}, "labels": {"app": "web"}
    });
    assert_eq!(event["container"], want);
    running.stop();
}

#[test]
fn the_engine_is_only_ever_read() {
    let data = Folder::new();
    let engine = Engine::start(&data.0);
    engine.put(&id('a'), "one", false, &[(1, 10, "a\n")]);
    let running = start_api(&data, &engine);
    running.check(&["a"]);
    running.stop();
    // Other methods are not answered, and would not be noted here.
    let asked = &engine.shared.lock().expect("nobody panics").asked;
    assert!(
        asked
            .iter()
            .any(|path| path.contains("/logs?follow=1&stdout=1&stderr=1&timestamps=1"))
    );
}

#[test]
fn without_docker_the_input_waits_and_stops_when_told() {
    let data = Folder::new();
    let nowhere = data.0.join("nowhere").to_string_lossy().into_owned();
    for mode in ["auto", "files", "api"] {
        let options = [
            ("mode", mode),
            ("data_root", &*nowhere),
            ("socket", &*nowhere),
        ];
        let running = Running::start(&data, &options);
        assert_eq!(running.stop(), Vec::<Value>::new());
    }
}
