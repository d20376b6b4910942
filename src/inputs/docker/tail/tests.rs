//! A container's folder of our own making: records are written, files are rotated as the daemon does it, and readers come
//! and go with the position that was acknowledged.

use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use flate2::write::GzEncoder;
use serde_json::Value;

use super::*;
use crate::docker::container::Label;
use crate::docker::fields::Fields;
use crate::inputs::origin::Origin;
use crate::inputs::unfinished::Unfinished;
use crate::pipeline::building::Surroundings;
use crate::pipeline::{Building, Ecs};
use crate::plugin::Options;
use crate::queue::positions::Positions;

struct Host {
    folder: PathBuf,
    container: Container,
    positions: Positions,
    shape: Arc<Shape>,
    names: Arc<Names>,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Drop for Host {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).expect("the folder is ours");
    }
}

impl Host {
    fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("sawlog-tail-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("the folder can be made");
        let (shape, names) = shape();
        let label = Label {
            key: "a.b".into(),
            field: "a_b".into(),
            value: "1".into(),
        };
        Self {
            positions: Positions::open(&folder.join("positions")).expect("there is none"),
            container: Container {
                id: "ab".repeat(32),
                name: "web".to_owned(),
                image: "nginx:1".to_owned(),
                labels: vec![label],
                running: true,
                ..Container::default()
            },
            folder,
            shape,
            names,
        }
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.folder
            .join(format!("{}-json.log{ending}", self.container.id))
    }

    fn write(&self, text: &str) {
        let mut options = fs::OpenOptions::new();
        let mut live = options
            .create(true)
            .append(true)
            .open(self.path(""))
            .expect("writable");
        live.write_all(text.as_bytes()).expect("there is room");
    }

    /// Writes whole lines, each with the number as its text and time.
    fn count(&self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            self.write(&record("stdout", &format!("{number}\\n"), number));
        }
    }

    fn rotate(&self) {
        for number in (1..9).rev() {
            for ending in ["", ".gz"] {
                let from = self.path(&format!(".{number}{ending}"));
                if from.exists() {
                    fs::rename(from, self.path(&format!(".{}{ending}", number + 1))).expect("ours");
                }
            }
        }
        fs::rename(self.path(""), self.path(".1")).expect("there is a live file");
        fs::write(self.path(""), "").expect("writable");
    }

    fn compress(&self, number: u32) {
        let plain = self.path(&format!(".{number}"));
        let mut out = fs::File::create(self.path(&format!(".{number}.gz"))).expect("writable");
        let mut encoder = GzEncoder::new(&mut out, flate2::Compression::fast());
        encoder
            .write_all(&fs::read(&plain).expect("it is there"))
            .expect("there is room");
        encoder.finish().expect("there is room");
        fs::remove_file(plain).expect("it is there");
    }

    fn open(&self) -> Tail {
        let position = self
            .positions
            .safe("id")
            .map(|json| Position::from_json(&json));
        Tail::open(
            LogPaths::new(self.folder.clone(), &self.container.id),
            Arc::new(self.container.clone()),
            Arc::clone(&self.shape),
            Arc::clone(&self.names),
            self.positions.stream("id"),
            position.as_ref(),
        )
        .expect("the folder can be read")
    }
}

fn shape() -> (Arc<Shape>, Arc<Names>) {
    shape_in("main")
}

/// What an input of that pipeline makes of lines.
fn shape_in(pipeline: &str) -> (Arc<Shape>, Arc<Names>) {
    let options = Options::bare(crate::inputs::docker::PLUGIN.plugin, "docker");
    let surroundings = Surroundings {
        ecs: Ecs::Disabled,
        support_escapes: false,
        path_data: std::env::temp_dir(),
        dead_letters: None,
        pipeline: pipeline.to_owned(),
        host_name: "h".to_owned(),
    };
    let mut names = Names::default();
    let mut building = Building {
        names: &mut names,
        diagnostics: &mut Vec::new(),
        surroundings: &surroundings,
        metrics: &Arc::default(),
        origins: Vec::new(),
    };
    let origin = Origin::of_messages(&options, &mut building).expect("the codec is plain");
    let host = building.known("host");
    let shape = Shape {
        origin: origin.with_text(&host, b"h"),
        fields: Fields::intern(building.names),
        stream: building.known("stream"),
        line_bytes_max: 100_000,
        unfinished: Unfinished::new(150_000),
    };
    (Arc::new(shape), Arc::new(names))
}

fn record(stream: &str, escaped: &str, time: u32) -> String {
    format!(
        "{{\"log\":\"{escaped}\",\"stream\":\"{stream}\",\"time\":\"2026-11-20T16:46:09.{time:09}Z\"}}\n"
    )
}

/// Whether what is handed over gets acknowledged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Settle,
    Lose,
}

fn take(mut batch: Batch, then: Then, events: &mut Vec<Value>) -> Result<(), ()> {
    let decode = batch.decode.take().expect("its worker makes the events");
    decode.decode(&mut batch);
    for id in batch.live_events() {
        let mut out = Vec::new();
        batch.write_json(id, &mut out);
        events.push(serde_json::from_slice(&out).expect("events are JSON"));
    }
    match then {
        Then::Settle => batch.ack.settle(),
        Then::Lose => drop(batch.ack),
    }
    Ok(())
}

fn events(tail: &mut Tail, then: Then) -> Vec<Value> {
    let mut events = Vec::new();
    loop {
        let progress = tail
            .read(|batch| take(batch, then, &mut events))
            .expect("it is taken");
        if progress.expect("the files can be read") == Progress::Idle {
            return events;
        }
    }
}

fn messages(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["message"].as_str().expect("it has one"))
        .collect()
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[track_caller]
fn check(tail: &mut Tail, want: &[&str]) {
    assert_eq!(messages(&events(tail, Then::Settle)), want);
}

#[test]
fn an_event_carries_its_container() {
    let host = Host::new();
    host.write(&record("stderr", "a \\\"b\\\"\\u003c\\n", 929_473_720));
    let all = events(&mut host.open(), Then::Settle);
    let want = serde_json::json!({
        "@timestamp": all[0]["@timestamp"], "@version": "1", "message": "a \"b\"<", "stream": "stderr", "host": "h",
        "container": {
            "id": host.container.id, "name": "web", "image": {"name": "nginx:1"}, "labels": {"a_b": "1"}
        }
    });
    assert_eq!(all, [want]);
    assert!(
        all[0]["@timestamp"]
            .as_str()
            .is_some_and(|time| time.starts_with("2026-11-20T16:46:09.929"))
    );
}

#[test]
fn a_reader_follows_what_is_written() {
    let host = Host::new();
    let mut tail = host.open();
    check(&mut tail, &[]);
    host.count(0..3);
    check(&mut tail, &["0", "1", "2"]);
    host.write("{\"log\":\"half");
    check(&mut tail, &[]);
    host.write(" and half\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-20T16:46:09Z\"}\n");
    check(&mut tail, &["half and half"]);
}

#[test]
fn chunks_are_joined_per_stream() {
    let host = Host::new();
    let mut tail = host.open();
    host.write(&record("stdout", "one ", 1));
    host.write(&record("stderr", "other\\n", 2));
    host.write(&record("stdout", "line\\n", 1));
    check(&mut tail, &["other", "one line"]);
}

#[test]
fn a_stream_that_went_on_after_a_line_without_end_gives_two() {
    let host = Host::new();
    let mut tail = host.open();
    host.write(&record("stdout", "prompt$ ", 1));
    host.write(&record("stdout", "new\\n", 2));
    let all = events(&mut tail, Then::Settle);
    assert_eq!(messages(&all), ["prompt$ ", "new"]);
    assert_eq!(
        all[0]["tags"],
        serde_json::json!(["_docker_line_unfinished"])
    );
    assert_eq!(all[1].get("tags"), None);
}

#[test]
fn the_end_of_the_container_flushes_with_a_tag() {
    let host = Host::new();
    let mut tail = host.open();
    host.write(&record("stdout", "no newline", 1));
    check(&mut tail, &[]);
    assert!(tail.is_open());
    let mut all = Vec::new();
    tail.flush(|batch| take(batch, Then::Settle, &mut all))
        .expect("it is taken");
    assert_eq!(messages(&all), ["no newline"]);
    assert_eq!(
        all[0]["tags"],
        serde_json::json!(["_docker_line_unfinished"])
    );
    check(&mut host.open(), &[]);
}

#[test]
fn what_all_streams_hold_of_lines_in_pieces_has_a_limit() {
    let host = Host::new();
    let mut tail = host.open();
    let piece = "x".repeat(16_000);
    for _ in 0..6 {
        host.write(&record("stdout", &piece, 1));
    }
    for _ in 0..6 {
        host.write(&record("stderr", &piece, 2));
    }
    check(&mut tail, &[]);
    for (stream, time) in [("stderr", 2), ("stdout", 1), ("stderr", 3)] {
        host.write(&record(stream, "end\\n", time));
    }
    let all = events(&mut tail, Then::Settle);
    let lengths: Vec<usize> = messages(&all).iter().map(|message| message.len()).collect();
    // The fourth piece of the second stream would have been beyond it.
    assert_eq!(lengths, [3 * 16_000, 6 * 16_000 + 3, 3]);
    assert_eq!(all[0]["tags"], serde_json::json!(["_linetruncated"]));
    assert_eq!((all[1].get("tags"), all[2].get("tags")), (None, None));
    // Both have given back what they held.
    for _ in 0..6 {
        host.write(&record("stderr", &piece, 4));
    }
    host.write(&record("stderr", "\\n", 4));
    check(&mut tail, &[piece.repeat(6).as_str()]);
}

#[test]
fn a_joined_line_over_the_limit_is_cut_and_tagged() {
    let host = Host::new();
    for part in 0..8 {
        let end = if part == 7 { "\\n" } else { "" };
        host.write(&record(
            "stdout",
            &format!("{}{end}", "x".repeat(16_384)),
            1,
        ));
    }
    let all = events(&mut host.open(), Then::Settle);
    assert_eq!(messages(&all)[0].len(), 100_000);
    assert_eq!(all[0]["tags"], serde_json::json!(["_linetruncated"]));
}

#[test]
fn a_stop_loses_nothing_and_doubles_nothing() {
    let host = Host::new();
    host.count(0..1000);
    let all = events(&mut host.open(), Then::Settle);
    assert_eq!(messages(&all), numbers(0..1000));
    host.count(1000..2000);
    let all = events(&mut host.open(), Then::Settle);
    assert_eq!(messages(&all), numbers(1000..2000));
    check(&mut host.open(), &[]);
}

#[test]
fn what_was_not_acknowledged_is_read_again() {
    let host = Host::new();
    host.count(0..5);
    check(&mut host.open(), &["0", "1", "2", "3", "4"]);
    host.count(5..8);
    let all = events(&mut host.open(), Then::Lose);
    assert_eq!(messages(&all), ["5", "6", "7"]);
    check(&mut host.open(), &["5", "6", "7"]);
}

#[test]
fn an_unfinished_line_holds_its_place_and_doubles_no_other() {
    let host = Host::new();
    host.write(&record("stdout", "one ", 1));
    host.write(&record("stderr", "other\\n", 2));
    check(&mut host.open(), &["other"]);
    host.write(&record("stderr", "third\\n", 3));
    check(&mut host.open(), &["third"]);
    host.write(&record("stdout", "line\\n", 1));
    check(&mut host.open(), &["one line"]);
    check(&mut host.open(), &[]);
}

#[test]
fn a_stream_that_says_nothing_more_holds_no_place_back() {
    let host = Host::new();
    host.write(&record("stderr", "starting\\n", 0));
    host.count(1..3);
    check(&mut host.open(), &["starting", "1", "2"]);
    host.count(3..5);
    check(&mut host.open(), &["3", "4"]);
    let position = host.positions.safe("id").expect("it was acknowledged");
    assert_eq!(Position::from_json(&position).open, [None, None]);
    host.count(5..6);
    check(&mut host.open(), &["5"]);
}

#[test]
fn an_unfinished_line_is_found_again_behind_a_rotation() {
    let host = Host::new();
    host.count(10..12);
    host.write(&record("stdout", "one ", 20));
    host.write(&record("stderr", "other\\n", 21));
    host.rotate();
    host.write(&record("stderr", "third\\n", 22));
    check(&mut host.open(), &["10", "11", "other", "third"]);
    host.compress(1);
    host.rotate();
    host.write(&record("stdout", "line\\n", 20));
    check(&mut host.open(), &["one line"]);
}

#[test]
fn rotations_are_followed_while_reading() {
    let host = Host::new();
    let mut tail = host.open();
    let mut all = Vec::new();
    for round in 0..20 {
        host.count(round * 10..round * 10 + 7);
        if round % 3 == 0 {
            all.extend(events(&mut tail, Then::Settle));
        }
        host.count(round * 10 + 7..round * 10 + 10);
        host.rotate();
        if round % 2 == 0 {
            host.compress(1);
        }
    }
    all.extend(events(&mut tail, Then::Settle));
    assert_eq!(messages(&all), numbers(0..200));
    assert_eq!(tail.losses, Losses::default());
}

#[test]
fn rotations_while_the_agent_was_away_are_read_from_compressed_files_too() {
    let host = Host::new();
    host.count(0..300);
    let all = events(&mut host.open(), Then::Settle);
    assert_eq!(all.len(), 300);
    for round in 3..7 {
        host.count(round * 100..round * 100 + 50);
        host.rotate();
        host.compress(1);
        host.count(round * 100 + 50..round * 100 + 100);
    }
    let mut tail = host.open();
    let all = events(&mut tail, Then::Settle);
    assert_eq!(messages(&all), numbers(300..700));
    assert_eq!(tail.losses, Losses::default());
    check(&mut host.open(), &[]);
}

#[test]
fn a_file_that_takes_the_inode_of_another_is_read_from_its_beginning() {
    let host = Host::new();
    host.count(0..5);
    check(&mut host.open(), &["0", "1", "2", "3", "4"]);
    // The same file, same length, other content: what a reused inode looks like.
    let text: String = (5..10)
        .map(|number| record("stdout", &format!("{number}\\n"), number))
        .collect();
    fs::write(host.path(""), text).expect("writable");
    check(&mut host.open(), &["5", "6", "7", "8", "9"]);
}

#[test]
fn a_rotation_that_was_missed_is_noted() {
    let host = Host::new();
    host.count(0..5);
    let mut tail = host.open();
    check(&mut tail, &["0", "1", "2", "3", "4"]);
    host.rotate();
    host.count(5..7);
    host.rotate();
    host.count(7..9);
    fs::remove_file(host.path(".2")).expect("it is there");
    check(&mut tail, &["5", "6", "7", "8"]);
    assert_eq!(tail.losses.rotations_missed, 1);
}

#[test]
fn an_open_file_is_read_to_its_end_after_it_is_gone() {
    let host = Host::new();
    host.count(0..1);
    let mut tail = host.open();
    host.count(1..3);
    fs::remove_file(host.path("")).expect("it is there");
    check(&mut tail, &["0", "1", "2"]);
}

#[test]
fn a_hole_of_nuls_is_skipped() {
    let host = Host::new();
    host.count(0..3);
    let mut tail = host.open();
    check(&mut tail, &["0", "1", "2"]);
    // copytruncate: the daemon goes on writing at its old offset.
    let live = fs::OpenOptions::new()
        .write(true)
        .open(host.path(""))
        .expect("it is there");
    let end = live.metadata().expect("it is open").len();
    live.set_len(0).expect("writable");
    check(&mut tail, &[]);
    assert_eq!(tail.losses.truncations, 1);
    live.write_all_at(record("stdout", "after\\n", 7).as_bytes(), end)
        .expect("there is room");
    check(&mut tail, &["after"]);
    check(&mut host.open(), &[]);
}

#[test]
fn what_is_no_record_is_kept_with_a_tag() {
    let host = Host::new();
    host.write("{\"log\":\"cut\n\n[1]\n");
    host.count(1..2);
    let mut tail = host.open();
    let all = events(&mut tail, Then::Settle);
    assert_eq!(messages(&all), ["{\"log\":\"cut", "[1]", "1"]);
    assert_eq!(all[0]["tags"], serde_json::json!(["_dockerparsefailure"]));
    assert_eq!(all[0]["container"]["name"], "web");
    assert_eq!(tail.take_counts().0.damaged, 2);
}

#[test]
fn a_packed_log_that_differs_from_its_checksum_is_told_and_gone_on_behind() {
    let host = Host::new();
    host.count(0..3);
    host.rotate();
    host.compress(1);
    let path = host.path(".1.gz");
    let mut bytes = fs::read(&path).expect("it is there");
    let checksum = bytes.len() - 8;
    bytes[checksum] ^= 1;
    fs::write(&path, bytes).expect("writable");
    host.count(3..4);
    let mut tail = host.open();
    let (mut events, mut faults) = (Vec::new(), 0);
    loop {
        let read = tail.read(|batch| take(batch, Then::Settle, &mut events));
        match read.expect("it is taken") {
            Ok(Progress::Read(_)) => {}
            Ok(Progress::Idle) => break,
            Err(_) => faults += 1,
        }
        assert!(faults < 10);
    }
    assert_eq!((faults, messages(&events)), (1, vec!["0", "1", "2", "3"]));
}

#[test]
fn a_record_behind_half_a_record_is_read() {
    let host = Host::new();
    host.write("{\"log\":\"cut\\n\",\"str");
    host.count(1..2);
    check(&mut host.open(), &["{\"log\":\"cut\\n\",\"str", "1"]);
}

#[test]
fn a_file_without_any_newline_is_bounded() {
    let host = Host::new();
    host.write(&"y".repeat(1 << 20));
    host.write("\n");
    host.count(1..2);
    let all = events(&mut host.open(), Then::Settle);
    assert_eq!(messages(&all).len(), 2);
    assert_eq!(all[0]["tags"].as_array().map(Vec::len), Some(2));
    assert_eq!(all[1]["message"], "1");
}

#[test]
fn a_terminals_carriage_return_is_no_text() {
    let mut host = Host::new();
    host.container.terminal = true;
    host.write(&record("stdout", "a\\r\\n", 1));
    host.write(&record("stdout", "b\\n", 2));
    check(&mut host.open(), &["a", "b"]);
    host.container.terminal = false;
    host.write(&record("stdout", "c\\r\\n", 3));
    check(&mut host.open(), &["c\r"]);
}

#[test]
fn the_end_as_start_leaves_out_what_is_there() {
    let host = Host::new();
    host.count(0..5);
    host.rotate();
    host.count(5..8);
    let mut tail = host.open();
    let end = tail
        .skip_to_end()
        .expect("it can be read")
        .expect("there is a file");
    host.positions.set("id", end.to_json());
    host.count(8..10);
    check(&mut tail, &["8", "9"]);
    host.count(10..11);
    check(&mut host.open(), &["10"]);
}

#[test]
fn a_position_of_the_engines_logs_holds_for_files_too() {
    let host = Host::new();
    host.count(0..5);
    host.write(&record("stderr", "early\\n", 2));
    let last = Last {
        time: parsed_time(3),
        count: 1,
        lines: Vec::new(),
    };
    let position = Position {
        last: [Some(last), None],
        ..Position::default()
    };
    host.positions.set("id", position.to_json());
    check(&mut host.open(), &["4", "early"]);
}

#[test]
fn behind_a_position_of_the_engines_logs_the_clock_may_have_been_set_back() {
    for (last_line, want) in [(5, ["1", "2", "6"]), (4, ["5", "1", "2"])] {
        let host = Host::new();
        host.count(0..6);
        host.count(1..3);
        host.count(6..7);
        let last = Last {
            time: parsed_time(last_line),
            count: 1,
            lines: Vec::new(),
        };
        let position = Position {
            last: [Some(last), None],
            ..Position::default()
        };
        host.positions.set("id", position.to_json());
        let found = events(&mut host.open(), Then::Settle);
        assert_eq!(messages(&found)[..3], want, "{last_line}");
    }
}

fn parsed_time(number: u32) -> i64 {
    let record = record("stdout", "x", number);
    docker_json::parse(record.as_bytes())
        .and_then(|record| record.time)
        .expect("it has a time")
}

#[test]
fn inputs_of_the_same_container_give_other_identifiers() {
    let mut host = Host::new();
    host.count(0..3);
    let mut identifiers = |pipeline| {
        (host.shape, host.names) = shape_in(pipeline);
        let mut all = Vec::new();
        let read = host.open().read(|mut batch: Batch| {
            let decode = batch.decode.take().expect("its worker makes the events");
            decode.decode(&mut batch);
            let events = batch.live_events();
            all.extend(events.filter_map(|event| batch.identifier(event)));
            Ok::<_, ()>(())
        });
        assert!(read.is_ok_and(|read| read.is_ok()));
        all
    };
    let main = identifiers("main");
    assert_eq!(main.len(), 3);
    assert_eq!(identifiers("main"), main);
    let other = identifiers("other");
    assert!(other.iter().all(|identifier| !main.contains(identifier)));
}

#[test]
fn a_compressed_file_that_is_too_long_is_counted_and_the_next_one_read() {
    let host = Host::new();
    host.count(0..3);
    host.rotate();
    host.compress(1);
    host.count(3..4);
    let mut tail = host.open();
    let record_bytes = record("stdout", "0\\n", 0).len() as u64;
    let oldest = tail.current.as_mut().expect("there are two files");
    oldest.limit(2 * record_bytes);
    let all = events(&mut tail, Then::Settle);
    assert_eq!(messages(&all), ["0", "1", "3"]);
    assert_eq!(tail.losses.archives_cut, 1);
}
