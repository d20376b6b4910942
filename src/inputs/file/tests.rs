//! Files that do what files do, and what comes out. A test's input runs as in the agent; the test is the worker.

mod gone;
mod unfinished;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::event::{Batch, EventId};
use crate::inputs::file::known;
use crate::inputs::{self, Flow};
use crate::lang::source::{Source, Sources};
use crate::limits;
use crate::metrics::Metrics;
use crate::pipeline::building::Surroundings;
use crate::pipeline::worker::Batches;
use crate::pipeline::{Ecs, compile};
use crate::queue::positions::Positions;

/// A folder for files and positions, over several runs of the input.
struct Rig {
    folder: PathBuf,
    ecs: Ecs,
}

/// An input at work.
struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    batches: mpsc::Receiver<Batch>,
    flow: Flow,
    metrics: Arc<Metrics>,
    /// What came and was not asked for yet: events as JSON.
    events: Vec<serde_json::Value>,
    /// Identifiers of all events that came.
    identifiers: Vec<[u8; 20]>,
    /// Batches are acknowledged as they come.
    acknowledges: bool,
    runtime: Runtime,
}

/// Long enough for the slowest machine; a test that passes does not wait for it.
const DEADLINE: Duration = Duration::from_secs(20);

impl Rig {
    fn new(name: &str) -> Self {
        let name = format!("sawlog-file-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(folder.join("logs")).expect("temporary files can be made");
        Self {
            folder,
            ecs: Ecs::Disabled,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join("logs").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the folder is writable");
    }

    fn append(&self, name: &str, text: &str) {
        append(&self.path(name), text);
    }

    /// Packs a file, as rotation does: the archive has its time, and the file goes. Its lines can be seen in the archive.
    fn pack(&self, name: &str) {
        let text = fs::read(self.path(name)).expect("it is there");
        let modified = fs::metadata(self.path(name)).and_then(|metadata| metadata.modified());
        let file = File::create(self.path(&format!("{name}.gz"))).expect("the folder is writable");
        let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::none());
        packed.write_all(&text).expect("the folder is writable");
        let file = packed.finish().expect("the folder is writable");
        file.set_modified(modified.expect("files have one"))
            .expect("it is ours");
        fs::remove_file(self.path(name)).expect("it is there");
    }

    /// Renames a log to `.1`, that to `.2` and so on, as `logrotate` does.
    fn rotate(&self, name: &str) {
        for number in (1..9).rev() {
            for ending in ["", ".gz"] {
                let old = format!("{name}.{number}{ending}");
                if self.path(&old).exists() {
                    self.rename(&old, &format!("{name}.{}{ending}", number + 1));
                }
            }
        }
        self.rename(name, &format!("{name}.1"));
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("the folder is writable");
    }

    /// Starts an input for `pattern` with more options; looks are far apart, so that only the kernel's word counts.
    fn start(&self, pattern: &str, options: &str) -> Running {
        self.start_all(&[(pattern, options)])
    }

    fn text_of(&self, (pattern, options): &(&str, &str)) -> String {
        let path = self.path(pattern);
        let interval = match options.contains("stat_interval") {
            true => "",
            false => "stat_interval => 3600",
        };
        format!(
            "file {{ path => '{}' {interval} {options} }}\n",
            path.display()
        )
    }

    /// Starts several inputs in one pipeline.
    fn start_all(&self, inputs: &[(&str, &str)]) -> Running {
        let inputs: String = inputs.iter().map(|input| self.text_of(input)).collect();
        let text = format!("input {{ {inputs} }} output {{ stdout {{ }} }}");
        let name = "test".to_owned();
        let sources = Sources {
            all: vec![Source { name, text }],
        };
        let surroundings = Surroundings {
            ecs: self.ecs,
            support_escapes: true,
            path_data: self.folder.join("data"),
            dead_letters: None,
            pipeline: "main".to_owned(),
            host_name: "web1".to_owned(),
        };
        let metrics = Arc::new(Metrics::default());
        let mut remarks = Vec::new();
        let compiled = compile::compile(&sources, &surroundings, &metrics, &mut remarks);
        let Some(mut compiled) = compiled else {
            panic!("the options are refused: {remarks:?}");
        };
        inputs::tell_apart(compiled.inputs.iter_mut());
        let (sender, batches) = mpsc::channel(limits::BATCHES_WAITING_MAX);
        let (stop, stopping) = watch::channel(false);
        let flow = Flow {
            batches: Batches::to(vec![sender]),
            names: compiled.names,
            stop: stopping,
            sockets: Arc::default(),
            positions: Arc::new(Mutex::new(Vec::new())),
        };
        let runtime = Runtime::new().expect("a runtime can be made");
        let guard = runtime.enter();
        let inputs = compiled.inputs.into_iter();
        let tasks: Vec<JoinHandle<()>> = inputs.map(|input| input.start(flow.clone())).collect();
        drop(guard);
        let task = runtime.spawn(async move {
            for task in tasks {
                task.await.expect("the input does not panic");
            }
        });
        Running {
            stop,
            task,
            batches,
            flow,
            metrics,
            events: Vec::new(),
            identifiers: Vec::new(),
            acknowledges: true,
            runtime,
        }
    }
}

/// Changes what positions are kept on disk.
fn edit(path: &Path, change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) {
    let text = fs::read_to_string(path).expect("positions are on disk");
    // Behind them is a checksum, which what is written by hand has not.
    let line = text.lines().next().unwrap_or_default();
    let mut positions = serde_json::from_str(line).expect("they are an object");
    change(&mut positions);
    let text = serde_json::to_vec(&positions).expect("it is JSON");
    fs::write(path, text).expect("the folder is writable");
}

/// A test that fails must not wait for ever.
impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.batches.close();
        if !self.task.is_finished() {
            let task = &mut self.task;
            let ended = self
                .runtime
                .block_on(async { tokio::time::timeout(DEADLINE, task).await });
            assert!(ended.is_ok() || std::thread::panicking(), "the input ends");
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn append(path: &Path, text: &str) {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .expect("the folder is writable");
}

fn message(event: &serde_json::Value) -> String {
    event["message"]
        .as_str()
        .expect("there is a message")
        .to_owned()
}

impl Running {
    /// Takes the next batch. False if there is none within `wait`.
    fn take_batch(&mut self, wait: Duration) -> bool {
        let received = self
            .runtime
            .block_on(async { tokio::time::timeout(wait, self.batches.recv()).await });
        let Ok(Some(mut batch)) = received else {
            return false;
        };
        let decode = batch
            .decode
            .take()
            .expect("the input leaves it to the worker");
        decode.decode(&mut batch);
        for index in 0..batch.event_count() {
            let identifier = batch.identifier(EventId(index as u32));
            self.identifiers
                .push(identifier.expect("events of files have one"));
            let mut json = Vec::new();
            batch.write_json(EventId(index as u32), &mut json);
            self.events
                .push(serde_json::from_slice(&json).expect("events are JSON"));
        }
        if self.acknowledges {
            batch.ack.settle();
        }
        true
    }

    /// The next events, so many of them.
    #[track_caller]
    fn next(&mut self, count: usize) -> Vec<serde_json::Value> {
        let deadline = Instant::now() + DEADLINE;
        while self.events.len() < count {
            let wait = deadline.saturating_duration_since(Instant::now());
            assert!(self.take_batch(wait), "only {:?} came", self.events);
        }
        self.events.drain(..count).collect()
    }

    /// The next events have these messages, in this order.
    #[track_caller]
    fn check(&mut self, want: &[&str]) {
        let got: Vec<String> = self.next(want.len()).iter().map(message).collect();
        assert_eq!(got, want);
    }

    #[track_caller]
    fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !condition(self) {
            assert!(Instant::now() < deadline, "{what} did not happen");
            std::thread::yield_now();
        }
    }

    /// So many files have been begun.
    #[track_caller]
    fn wait_for_files(&self, count: usize) {
        self.wait_until("a file being begun", |running| {
            let all = running.flow.positions.lock().expect("nobody panics");
            let keys = all.first().map(Positions::keys).unwrap_or_default();
            count <= keys.iter().filter(|key| *key != known::STARTED).count()
        });
    }

    /// The input has noticed that a file was emptied.
    #[track_caller]
    fn wait_until_truncated(&self) {
        self.wait_until("a file being emptied", |running| {
            running.counter("truncations") == 1
        });
    }

    /// The file of its positions.
    fn positions_path(&self) -> PathBuf {
        let all = self.flow.positions.lock().expect("nobody panics");
        all.first().expect("they are open").path().to_owned()
    }

    fn counter(&self, name: &str) -> u64 {
        let plugins = self.metrics.plugins();
        let all = plugins.iter().flat_map(|plugin| plugin.counters());
        all.filter(|(known, _)| *known == name)
            .map(|(_, value)| value)
            .sum()
    }

    /// How often this process has a file open.
    fn open_files(&self, path: &Path) -> usize {
        let open = fs::read_dir("/proc/self/fd").expect("there is one");
        open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .filter(|to| to == path)
            .count()
    }

    /// Stops the input; nothing more may have come than was asked for.
    #[track_caller]
    fn stop(mut self) {
        self.stop.send(true).expect("the input listens");
        self.end();
    }

    /// Waits for the end of the input.
    #[track_caller]
    fn end(&mut self) {
        let task = &mut self.task;
        let ended = self
            .runtime
            .block_on(async { tokio::time::timeout(DEADLINE, task).await });
        ended
            .expect("the input ends in time")
            .expect("the input does not panic");
        while self.take_batch(Duration::ZERO) {}
        let left: Vec<String> = self.events.iter().map(message).collect();
        assert_eq!(left, [""; 0]);
        for positions in self.flow.positions.lock().expect("nobody panics").iter() {
            positions.save().expect("the folder is writable");
        }
    }
}

const BEGINNING: &str = "start_position => beginning";

#[test]
fn lines_of_all_files_that_fit_are_read() {
    let rig = Rig::new("fit");
    rig.write("a.log", "one\ntwo\r\n\nincomplete");
    rig.write("a.txt", "other\n");
    fs::create_dir(rig.path("folder.log")).expect("the folder is writable");
    let mut running = rig.start("*.log", BEGINNING);
    running.check(&["one", "two", ""]);
    rig.append("a.log", " no more\nnext\n");
    running.check(&["incomplete no more", "next"]);
    running.stop();
}

#[test]
fn events_name_their_file_and_host() {
    let mut rig = Rig::new("fields");
    rig.write("a.log", "one\n");
    let path = rig.path("a.log").display().to_string();
    let options =
        format!("{BEGINNING} type => nginx tags => ['x'] add_field => {{ 'env' => 'live' }}");

    let mut running = rig.start("a.log", &options);
    let mut event = running.next(1).remove(0);
    event
        .as_object_mut()
        .expect("it is one")
        .remove("@timestamp");
    let want = serde_json::json!({
        "@version": "1", "message": "one", "type": "nginx", "host": "web1", "path": path, "env": "live",
        "tags": ["x"],
    });
    assert_eq!(event, want);
    running.stop();

    rig.ecs = Ecs::Enabled;
    rig.append("a.log", "two\n");
    let mut running = rig.start("a.log", BEGINNING);
    let mut event = running.next(1).remove(0);
    event
        .as_object_mut()
        .expect("it is one")
        .remove("@timestamp");
    let want = serde_json::json!({
        "@version": "1", "message": "two", "event": {"original": "two"}, "host": {"name": "web1"},
        "log": {"file": {"path": path}},
    });
    assert_eq!(event, want);
    running.stop();
}

#[test]
fn codec_json_reads_a_document_a_line() {
    let rig = Rig::new("json");
    rig.write("a.log", "{\"message\":\"one\",\"host\":\"db\"}\n");
    let mut running = rig.start("a.log", &format!("{BEGINNING} codec => json"));
    assert_eq!(running.next(1)[0]["host"], "db");
    running.stop();
}

#[test]
fn by_default_only_what_is_new_is_read() {
    let rig = Rig::new("end");
    rig.write("a.log", "old\nbegun");
    let mut running = rig.start("*.log", "");
    running.wait_for_files(1);
    rig.append("a.log", " before\nnew\n");
    running.check(&["begun before", "new"]);
    // A file that appears later is new as a whole.
    rig.write("b.log", "first\n");
    running.check(&["first"]);
    running.stop();
}

#[test]
fn a_renamed_file_is_read_to_its_end_and_the_new_one_from_its_beginning() {
    let rig = Rig::new("rename");
    rig.write("a.log", "one\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one"]);
    let mut old = OpenOptions::new()
        .append(true)
        .open(rig.path("a.log"))
        .expect("it is there");
    rig.rename("a.log", "a.log.1");
    old.write_all(b"two\n").expect("it is open");
    rig.write("a.log", "three\n");
    let mut got: Vec<String> = running.next(2).iter().map(message).collect();
    got.sort();
    assert_eq!(got, ["three", "two"]);
    // The writer has not noticed yet.
    old.write_all(b"four\n").expect("it is open");
    running.check(&["four"]);
    rig.append("a.log", "five\n");
    running.check(&["five"]);
    running.stop();
}

#[test]
fn a_renamed_file_that_still_fits_is_not_read_again() {
    let rig = Rig::new("rename-fits");
    rig.write("a.log", "one\n");
    let mut running = rig.start("a.log*", BEGINNING);
    running.check(&["one"]);
    rig.rename("a.log", "a.log.1");
    rig.write("a.log", "two\n");
    running.check(&["two"]);
    rig.append("a.log.1", "three\n");
    running.check(&["three"]);
    running.stop();
}

#[test]
fn a_removed_file_is_read_to_its_end() {
    let rig = Rig::new("remove");
    rig.write("a.log", "one\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one"]);
    let mut old = OpenOptions::new()
        .append(true)
        .open(rig.path("a.log"))
        .expect("it is there");
    fs::remove_file(rig.path("a.log")).expect("it is there");
    old.write_all(b"two\n").expect("it is open");
    running.check(&["two"]);
    rig.write("a.log", "three\n");
    running.check(&["three"]);
    running.stop();
}

#[test]
fn an_emptied_file_is_read_from_its_beginning() {
    let rig = Rig::new("truncate");
    rig.write("a.log", "one\ntwo\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one", "two"]);
    rig.write("a.log", "x\n");
    running.check(&["x"]);
    assert_eq!(running.counter("truncations"), 1);
    running.stop();
}

#[test]
fn a_file_that_was_emptied_and_outgrew_its_old_size_is_read_from_its_beginning() {
    let rig = Rig::new("outgrow");
    rig.write("a.log", "one\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one"]);
    // In one go, as far as the input can see: it was told to look only after the file is whole.
    rig.write("b.tmp", "another beginning\nand more\n");
    let text = fs::read(rig.path("b.tmp")).expect("it is there");
    let file = OpenOptions::new().write(true).open(rig.path("a.log"));
    file.and_then(|mut file| file.write_all(&text))
        .expect("it is there");
    running.check(&["another beginning", "and more"]);
    running.stop();
}

#[test]
fn a_file_that_was_emptied_and_outgrew_its_old_size_is_told_by_what_is_behind_its_header() {
    let rig = Rig::new("outgrow-header");
    let header = "#".repeat(400);
    rig.write("a.log", &format!("{header}\none\n"));
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&[&header, "one"]);
    // In one go, as in the test above.
    let file = OpenOptions::new().write(true).open(rig.path("a.log"));
    file.and_then(|mut file| file.write_all(format!("{header}\ntwo\nthree\n").as_bytes()))
        .expect("it is there");
    running.check(&[&header, "two", "three"]);
    running.stop();
}

#[test]
fn the_hole_that_copytruncate_leaves_is_skipped() {
    let rig = Rig::new("copytruncate");
    let mut writer = File::create(rig.path("a.log")).expect("the folder is writable");
    let line = format!("{}\n", "x".repeat(299));
    writer.write_all(line.as_bytes()).expect("it is open");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&[line.trim_end()]);
    fs::copy(rig.path("a.log"), rig.path("a.log.1")).expect("the folder is writable");
    writer.set_len(0).expect("it is open");
    // The writer goes on where it was: before it there are NUL bytes now.
    writer.write_all(b"two\n").expect("it is open");
    running.check(&["two"]);
    rig.append("a.log", "three\n");
    running.check(&["three"]);
    running.stop();
}

#[test]
fn a_restart_goes_on_where_everything_was_safe() {
    let rig = Rig::new("resume");
    rig.write("a.log", "one\ntwo\npart");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one", "two"]);
    running.stop();
    rig.append("a.log", "ial\nthree\n");
    let mut running = rig.start("a.log", "");
    running.check(&["partial", "three"]);
    running.acknowledges = false;
    rig.append("a.log", "four\n");
    running.check(&["four"]);
    running.stop();
    let mut running = rig.start("a.log", "");
    running.check(&["four"]);
    running.stop();
}

#[test]
fn lines_that_come_again_have_their_identifiers_again() {
    let rig = Rig::new("identifiers");
    rig.write("a.log", "same\nsame\n\nsa");
    let mut running = rig.start("a.log*", BEGINNING);
    running.acknowledges = false;
    running.check(&["same", "same", ""]);
    let first = running.identifiers.clone();
    running.stop();
    rig.append("a.log", "me\n");
    rig.rename("a.log", "a.log.1");
    let mut running = rig.start("a.log*", BEGINNING);
    running.acknowledges = false;
    running.check(&["same", "same", "", "same"]);
    assert_eq!(running.identifiers[..3], first);
    let all: HashSet<[u8; 20]> = running.identifiers.iter().copied().collect();
    assert_eq!(all.len(), 4);
    running.stop();
}

#[test]
fn inputs_that_read_the_same_lines_give_other_identifiers() {
    let rig = Rig::new("identifiers-inputs");
    rig.write("a.log", "one\n");
    let identifier = |options: &str| {
        let mut running = rig.start("a.log", &format!("{BEGINNING} {options}"));
        running.acknowledges = false;
        running.check(&["one"]);
        let identifier = running.identifiers[0];
        running.stop();
        identifier
    };
    let first = identifier("id => 'a'");
    assert_ne!(identifier("id => 'b'"), first);
    assert_eq!(identifier("id => 'a'"), first);
}

#[test]
fn a_file_that_was_emptied_gives_other_identifiers() {
    let rig = Rig::new("identifiers-truncate");
    rig.write("a.log", "one\n\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one", ""]);
    rig.write("a.log", "");
    running.wait_until_truncated();
    rig.write("a.log", "one\n");
    running.check(&["one"]);
    assert_ne!(running.identifiers[0], running.identifiers[2]);
    running.stop();
}

#[test]
fn a_new_file_is_on_disk_before_its_first_line_goes_out() {
    let rig = Rig::new("identifiers-first");
    rig.write("a.log", "one\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.acknowledges = false;
    running.check(&["one"]);
    let path = running.flow.positions.lock().expect("nobody panics")[0]
        .path()
        .to_owned();
    let kept = fs::read_to_string(path).expect("positions are on disk");
    assert!(
        kept.contains("a.log") && kept.contains("\"offset\":0"),
        "{kept}"
    );
    running.stop();
}

#[test]
fn a_file_seen_at_its_end_only_is_known_after_a_restart() {
    let rig = Rig::new("resume-end");
    rig.write("a.log", "old\n");
    rig.write("empty.log", "");
    let running = rig.start("*.log", "");
    running.wait_for_files(2);
    running.stop();
    rig.append("a.log", "one\n");
    rig.append("empty.log", "two\n");
    let mut running = rig.start("*.log", "file_sort_by => path");
    running.check(&["one", "two"]);
    running.stop();
}

#[test]
fn a_rotation_between_two_runs_loses_nothing() {
    let rig = Rig::new("resume-rename");
    rig.write("a.log", "one\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one"]);
    running.stop();
    rig.append("a.log", "two\n");
    rig.rename("a.log", "a.log.1");
    rig.write("a.log", "three\n");
    let mut running = rig.start("a.log", "");
    let mut got: Vec<String> = running.next(2).iter().map(message).collect();
    got.sort();
    assert_eq!(got, ["three", "two"]);
    running.stop();
}

#[test]
fn a_copy_made_between_two_runs_is_known_again() {
    let rig = Rig::new("resume-copy");
    let line = format!("{}\n", "x".repeat(299));
    rig.write("a.log", &line);
    let mut running = rig.start("a.log*", BEGINNING);
    running.check(&[line.trim_end()]);
    running.stop();
    rig.append("a.log", "two\n");
    fs::copy(rig.path("a.log"), rig.path("a.log.1")).expect("the folder is writable");
    rig.write("a.log", "three\n");
    let mut running = rig.start("a.log*", "file_sort_by => path file_sort_direction => desc");
    let mut got: Vec<String> = running.next(2).iter().map(message).collect();
    got.sort();
    assert_eq!(got, ["three", "two"]);
    running.stop();
}

#[test]
fn another_file_in_the_same_inode_is_read_from_its_beginning() {
    let rig = Rig::new("inode");
    rig.write("a.log", "one\nmore of it\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one", "more of it"]);
    running.stop();
    // Written over: the inode stays, and the text is longer than the position.
    rig.write("a.log", "two\nand still more of it\n");
    let mut running = rig.start("a.log", "");
    running.check(&["two", "and still more of it"]);
    running.stop();
}

#[test]
fn files_that_begin_alike_are_told_apart() {
    let rig = Rig::new("alike");
    let header = format!("{}\n", "#".repeat(400));
    rig.write("a.log", &format!("{header}one\n"));
    let mut running = rig.start("*.log", BEGINNING);
    running.check(&[header.trim_end(), "one"]);
    running.stop();
    rig.write("b.log", &format!("{header}two\n"));
    let mut running = rig.start("*.log", BEGINNING);
    running.check(&[header.trim_end(), "two"]);
    running.stop();
}

#[test]
fn without_a_path_for_positions_every_start_is_the_first() {
    let rig = Rig::new("sincedb");
    rig.write("a.log", "one\n");
    let options = format!("{BEGINNING} sincedb_path => '/dev/null'");
    for _ in 0..2 {
        let mut running = rig.start("a.log", &options);
        running.check(&["one"]);
        running.stop();
    }
    assert!(!rig.folder.join("data").exists());
}

#[test]
fn excluded_names_are_left_out() {
    let rig = Rig::new("exclude");
    rig.write("a.log", "one\n");
    rig.write("a.gz", "two\n");
    let options = format!("{BEGINNING} exclude => ['*.gz', 'debug*']");
    let mut running = rig.start("*", &options);
    running.check(&["one"]);
    rig.write("debug.log", "three\n");
    rig.write("z.log", "four\n");
    running.check(&["four"]);
    running.stop();
}

#[test]
fn new_folders_are_found() {
    let rig = Rig::new("folders");
    let mut running = rig.start("**/app/*.log", BEGINNING);
    let folder = rig.path("x").join("y").join("app");
    fs::create_dir_all(&folder).expect("the folder is writable");
    append(&folder.join("a.log"), "one\n");
    running.check(&["one"]);
    append(&folder.join("b.log"), "two\n");
    running.check(&["two"]);
    running.stop();
}

#[test]
fn a_folder_that_is_not_there_yet_is_waited_for() {
    let rig = Rig::new("later");
    let mut running = rig.start("later/on/a.log", BEGINNING);
    let folder = rig.path("later").join("on");
    fs::create_dir_all(&folder).expect("the folder is writable");
    append(&folder.join("a.log"), "one\n");
    running.check(&["one"]);
    running.stop();
}

#[test]
fn a_linked_file_is_read_once_and_followed() {
    let rig = Rig::new("link");
    let target = rig.folder.join("target");
    append(&target, "one\n");
    for link in ["a.log", "b.log"] {
        std::os::unix::fs::symlink(&target, rig.path(link)).expect("the folder is writable");
    }
    let mut running = rig.start("*.log", BEGINNING);
    running.check(&["one"]);
    append(&target, "two\n");
    running.check(&["two"]);
    running.stop();
}

#[test]
fn a_thousand_files_are_followed() {
    let rig = Rig::new("thousand");
    let name = |number: usize| format!("{number}.log");
    for number in 0..1000 {
        rig.write(&name(number), "same in all\n");
    }
    let mut running = rig.start("*.log", &format!("{BEGINNING} max_open_files => 100"));
    running.next(1000);
    for round in 0..3 {
        for number in (0..1000).step_by(7) {
            rig.append(&name(number), &format!("{round} {number}\n"));
        }
        let count = (0..1000).step_by(7).count();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for event in running.next(count) {
            let path = event["path"].as_str().expect("there is a path").to_owned();
            let line = message(&event);
            let number = line
                .rsplit(' ')
                .next()
                .expect("there is a number")
                .to_owned();
            assert!(path.ends_with(&format!("/{number}.log")), "{path}: {line}");
            *seen.entry(line).or_default() += 1;
        }
        assert_eq!(seen.len(), count);
    }
    running.stop();
}

#[test]
fn lines_longer_than_a_read_and_than_the_limit_come_out() {
    let rig = Rig::new("long");
    let long = "x".repeat(3 * limits::READ_BYTES);
    let endless = "y".repeat(10 << 20);
    rig.write("a.log", &format!("{long}\n{endless}\nnext\n"));
    let mut running = rig.start("a.log", BEGINNING);
    let events = running.next(3);
    assert_eq!(message(&events[0]), long);
    assert_eq!(message(&events[1]).len(), limits::LINE_BYTES_MAX);
    assert_eq!(events[1]["tags"], serde_json::json!(["_linetruncated"]));
    assert_eq!(message(&events[2]), "next");
    assert_eq!(running.counter("lines_truncated"), 1);
    running.stop();
}

#[test]
fn a_position_inside_a_cut_line_is_resumed_behind_it() {
    let rig = Rig::new("long-resume");
    rig.write("a.log", &"y".repeat(2 * limits::LINE_BYTES_MAX));
    let mut running = rig.start("a.log", BEGINNING);
    assert_eq!(
        running.next(1)[0]["tags"],
        serde_json::json!(["_linetruncated"])
    );
    running.stop();
    rig.append("a.log", "yyy\nnext\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["next"]);
    running.stop();
}

#[test]
fn another_delimiter_ends_lines() {
    let rig = Rig::new("delimiter");
    rig.write("a.log", "one\nstill||two||three");
    let mut running = rig.start("a.log", &format!("{BEGINNING} delimiter => '||'"));
    running.check(&["one\nstill", "two"]);
    running.stop();
}

#[test]
fn what_is_no_regular_file_is_left_alone() {
    let rig = Rig::new("fifo");
    let path = rig.path("pipe.log");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0)
        .expect("the folder is writable");
    rig.write("a.log", "one\n");
    let mut running = rig.start("*.log", BEGINNING);
    running.check(&["one"]);
    running.stop();
}

#[test]
fn mode_read_deletes_a_file_when_everything_is_safe() {
    let rig = Rig::new("read");
    rig.write("a.log", "one\nlast without end");
    rig.write("b.log", "");
    let options = "mode => read exit_after_read => true file_sort_by => path";
    let mut running = rig.start("*.log", options);
    running.check(&["one", "last without end"]);
    running.end();
    assert!(!rig.path("a.log").exists());
    assert!(!rig.path("b.log").exists());
}

#[test]
fn mode_read_keeps_a_file_that_is_not_safe() {
    let rig = Rig::new("read-unsafe");
    rig.write("a.log", "one\n");
    let mut running = rig.start("*.log", "mode => read");
    running.acknowledges = false;
    running.check(&["one"]);
    running.stop();
    assert!(rig.path("a.log").exists());
}

#[test]
fn mode_read_logs_what_it_has_read_and_reads_it_once() {
    let rig = Rig::new("read-log");
    rig.write("a.log", "one\n");
    let log = rig.folder.join("done");
    let options = format!(
        "mode => read exit_after_read => true file_completed_action => log file_completed_log_path => '{}'",
        log.display()
    );
    let mut running = rig.start("*.log", &options);
    running.check(&["one"]);
    running.end();
    let want = format!("{}\n", rig.path("a.log").display());
    assert_eq!(fs::read_to_string(&log).expect("it was written"), want);
    let mut running = rig.start("*.log", &options);
    running.end();
    assert_eq!(fs::read_to_string(&log).expect("it is there"), want);
}

/// An input in mode `read` that is held up in its second file; the first one's batch, which nobody has acknowledged.
fn read_and_held_up(rig: &Rig) -> (Running, Batch) {
    rig.write("a.log", "one\n");
    let filler = format!("{}\n", "x".repeat(limits::READ_BYTES - 1));
    rig.write("b.log", &filler.repeat(limits::BATCHES_WAITING_MAX + 4));
    let mut running = rig.start("*.log", "mode => read file_sort_by => path");
    let batch = running.runtime.block_on(running.batches.recv());
    running.wait_until("the input being held up", |running| {
        running.batches.len() == limits::BATCHES_WAITING_MAX
    });
    (running, batch.expect("the input runs"))
}

#[test]
fn mode_read_deletes_no_other_file_that_took_the_place_of_the_one_it_read() {
    let rig = Rig::new("read-replaced");
    let (mut running, batch) = read_and_held_up(&rig);
    // Elsewhere first, so that it has another inode for sure.
    rig.write("c.tmp", "two\n");
    rig.rename("c.tmp", "a.log");
    batch.ack.settle();
    check_in_order(&mut running, &["two"]);
    running.wait_until("the new file's end", |_| !rig.path("a.log").exists());
}

#[test]
fn mode_read_reads_on_in_a_file_that_grew_before_everything_was_safe() {
    let rig = Rig::new("read-grown");
    let (mut running, batch) = read_and_held_up(&rig);
    rig.append("a.log", "two\n");
    batch.ack.settle();
    check_in_order(&mut running, &["two"]);
    running.wait_until("the file's end", |_| !rig.path("a.log").exists());
}

#[test]
fn mode_read_unpacks_archives() {
    let rig = Rig::new("gzip");
    let file = File::create(rig.path("a.log.gz")).expect("the folder is writable");
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packed
        .write_all(b"one\ntwo\n")
        .expect("the folder is writable");
    packed.finish().expect("the folder is writable");
    rig.write("b.log.gz", "this is no archive");
    let options = "mode => read check_archive_validity => true";
    let mut running = rig.start("*.gz", options);
    running.check(&["one", "two"]);
    running.stop();
    assert!(rig.path("b.log.gz").exists());
}

#[test]
fn mode_read_keeps_an_archive_that_differs_from_its_checksum() {
    for (option, want) in [("true", [].as_slice()), ("false", &["one", "two"])] {
        let rig = Rig::new(&format!("gzip-spoilt-{option}"));
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"one\ntwo\n").expect("it takes it");
        let mut packed = packed.finish().expect("it takes it");
        let checksum = packed.len() - 6;
        packed[checksum] ^= 1;
        fs::write(rig.path("a.log.gz"), packed).expect("the folder is writable");
        let options = format!("mode => read check_archive_validity => {option}");
        let mut running = rig.start("*.gz", &options);
        running.check(want);
        running.wait_until("the fault being told", |running| {
            running.counter("read_errors") == 1
        });
        running.stop();
        assert!(rig.path("a.log.gz").exists(), "{option}");
    }
}

#[test]
fn positions_of_logstash_are_taken_over() {
    use std::os::unix::fs::MetadataExt;

    let rig = Rig::new("logstash");
    rig.write("a.log", "one\ntwo\n");
    rig.write("b.log", "old\n");
    let metadata = fs::metadata(rig.path("a.log")).expect("it is there");
    let (major, minor) = (
        rustix::fs::major(metadata.dev()),
        rustix::fs::minor(metadata.dev()),
    );
    let sincedb = rig.folder.join("sincedb");
    let text = format!(
        "{} {major} {minor} 4 1790000000.5 /some/path\n",
        metadata.ino()
    );
    fs::write(&sincedb, &text).expect("the folder is writable");
    let options = format!("sincedb_path => '{}'", sincedb.display());
    let mut running = rig.start("*.log", &options);
    running.check(&["two"]);
    running.stop();
    assert_eq!(fs::read_to_string(&sincedb).expect("it is there"), text);
    rig.append("a.log", "three\n");
    let mut running = rig.start("*.log", &options);
    running.check(&["three"]);
    running.stop();
}

#[test]
fn a_file_that_came_while_no_agent_ran_is_read_from_its_beginning() {
    let rig = Rig::new("started");
    let running = rig.start("*.log", "");
    running.wait_until("the start being noted", |running| {
        let all = running.flow.positions.lock().expect("nobody panics");
        all.iter()
            .any(|positions| positions.safe(known::STARTED).is_some())
    });
    running.stop();
    rig.write("a.log", "one\n");
    let mut running = rig.start("*.log", "");
    running.check(&["one"]);
    running.stop();
}

#[test]
fn positions_without_a_mark_are_those_of_an_input_that_ran_before() {
    let rig = Rig::new("unmarked");
    rig.write("a.log", "one\n");
    let mut running = rig.start("*.log", BEGINNING);
    running.check(&["one"]);
    let path = running.positions_path();
    running.stop();
    edit(&path, |positions| drop(positions.remove(known::STARTED)));
    rig.write("b.log", "two\n");
    let mut running = rig.start("*.log", "");
    running.check(&["two"]);
    running.stop();
}

#[test]
fn a_position_is_kept_for_as_long_as_its_file_is_there() {
    let rig = Rig::new("clean-after");
    rig.write("quiet.log", "one\n");
    rig.write("gone.log", "two\n");
    let mut running = rig.start("*.log", &format!("{BEGINNING} file_sort_by => path"));
    running.check(&["two", "one"]);
    let path = running.positions_path();
    running.stop();
    // Both were read a year ago.
    edit(&path, |positions| {
        let of_files = positions
            .values_mut()
            .filter(|position| position.is_object());
        of_files.for_each(|position| position["time"] = serde_json::json!(1_700_000_000));
    });
    fs::remove_file(rig.path("gone.log")).expect("it is there");
    rig.append("quiet.log", "three\n");
    let mut running = rig.start("*.log", BEGINNING);
    running.check(&["three"]);
    running.wait_until("a position being forgotten", |running| {
        let all = running.flow.positions.lock().expect("nobody panics");
        all.iter().all(|positions| positions.keys().len() == 2)
    });
    running.stop();
}

/// Rounds of a log that is read while it is rotated: enough that the input is held up.
fn held_up(rig: &Rig, running: &mut Running) {
    // As many batches as can wait, and one that nobody takes.
    let filler = format!("{}\n", "x".repeat(limits::READ_BYTES - 1));
    rig.append("a.log", &filler.repeat(limits::BATCHES_WAITING_MAX + 4));
    running.wait_until("the input being held up", |running| {
        running.batches.len() == limits::BATCHES_WAITING_MAX
    });
}

#[track_caller]
fn check_in_order(running: &mut Running, want: &[&str]) {
    let mut got = Vec::new();
    while got.len() < want.len() {
        let next = message(&running.next(1)[0]);
        got.extend((!next.starts_with('x')).then_some(next));
    }
    assert_eq!(got, want);
}

#[test]
fn files_renamed_while_the_outputs_are_away_are_read_in_their_order() {
    for is_packed in [false, true] {
        let rig = Rig::new(&format!("held-up-{is_packed}"));
        rig.write("a.log", "one\n");
        let mut running = rig.start("a.log", BEGINNING);
        running.check(&["one"]);
        held_up(&rig, &mut running);
        for text in ["two\n", "three\n", "four\n", "five\n"] {
            rig.append("a.log", text);
            rig.rotate("a.log");
            if is_packed && rig.path("a.log.2").exists() {
                rig.pack("a.log.2");
            }
        }
        rig.append("a.log", "six\n");
        check_in_order(&mut running, &["two", "three", "four", "five", "six"]);
        rig.append("a.log", "seven\n");
        running.check(&["seven"]);
        rig.rotate("a.log");
        rig.append("a.log", "eight\n");
        running.check(&["eight"]);
        running.stop();
        let mut running = rig.start("a.log", "");
        rig.append("a.log", "nine\n");
        running.check(&["nine"]);
        assert_eq!(running.counter("rotations_missed"), 0);
        running.stop();
    }
}

#[test]
fn files_renamed_while_no_agent_ran_are_read_in_their_order() {
    for pattern in ["a.log", "a.log*"] {
        for packed in [&[][..], &["a.log.2"], &["a.log.1", "a.log.2", "a.log.3"]] {
            let rig = Rig::new("resume-rotated");
            if pattern == "a.log" {
                rig.write("a.log", "zero\n");
                rig.rotate("a.log");
            }
            rig.write("a.log", "one\n");
            let options = format!("{BEGINNING} exclude => ['a.log.1']");
            let mut running = rig.start(pattern, &options);
            running.check(&["one"]);
            running.stop();
            rig.append("a.log", "two\n");
            rig.rotate("a.log");
            rig.write("a.log", "three\nand more\n");
            rig.rotate("a.log");
            rig.write("a.log", "four\n");
            rig.rotate("a.log");
            packed.iter().for_each(|name| rig.pack(name));
            rig.write("a.log", "five\n");
            let mut running = rig.start(pattern, "exclude => ['a.log.1']");
            let mut want = ["two", "three", "and more", "four", "five"];
            let mut got: Vec<String> = running.next(want.len()).iter().map(message).collect();
            if pattern != "a.log" {
                // Files that fit by themselves come in the order of their times, which can be equal here.
                want.sort_unstable();
                got.sort_unstable();
            }
            assert_eq!(got, want);
            assert_eq!(running.counter("rotations_missed"), 0);
            running.stop();
            // Everything is known now.
            rig.append("a.log", "six\n");
            let mut running = rig.start(pattern, "exclude => ['a.log.1']");
            running.check(&["six"]);
            running.stop();
        }
    }
}

#[test]
fn the_rest_of_a_log_that_was_packed_is_read_and_its_lines_keep_their_identifiers() {
    let rig = Rig::new("resume-packed");
    rig.write("a.log", "one\ntwo\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.acknowledges = false;
    running.check(&["one", "two"]);
    let first = running.identifiers.clone();
    running.stop();
    rig.append("a.log", "three\nno end");
    rig.rename("a.log", "a.log-20261128");
    rig.pack("a.log-20261128");
    let mut running = rig.start("a.log", "");
    running.check(&["one", "two", "three", "no end"]);
    assert_eq!(running.identifiers[..2], first);
    rig.write("a.log", "four\n");
    running.check(&["four"]);
    running.stop();
}

#[test]
fn a_file_begun_empty_and_renamed_is_read() {
    let rig = Rig::new("resume-empty");
    rig.write("a.log", "");
    let running = rig.start("a.log", BEGINNING);
    running.wait_for_files(1);
    running.stop();
    rig.append("a.log", "one\n");
    rig.rotate("a.log");
    rig.write("a.log", "two\n");
    let mut running = rig.start("a.log", "");
    running.check(&["one", "two"]);
    running.stop();
}

#[test]
fn logs_that_begin_alike_are_told_apart_when_they_were_renamed() {
    let rig = Rig::new("resume-header");
    let header = format!("{}\n", "#".repeat(400));
    let header_line = header.trim_end();
    rig.write("a.log", &format!("{header}one\n"));
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&[header_line, "one"]);
    running.stop();
    rig.append("a.log", "two\n");
    rig.rotate("a.log");
    rig.write("a.log", &format!("{header}three\n"));
    rig.rotate("a.log");
    rig.pack("a.log.2");
    rig.write(
        "a.log",
        &format!("{header}four, and longer than the first\n"),
    );
    let mut running = rig.start("a.log", "");
    running.check(&[
        "two",
        header_line,
        "three",
        header_line,
        "four, and longer than the first",
    ]);
    running.stop();
}

#[test]
fn what_was_rotated_before_the_first_start_is_left_alone() {
    let rig = Rig::new("rotated-before");
    for text in ["one\n", "two\n", "three\n"] {
        rig.write("a.log", text);
        rig.rotate("a.log");
    }
    rig.pack("a.log.3");
    rig.write("a.log.bak", "copy\n");
    rig.write("a.log", "four\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["four"]);
    rig.rotate("a.log");
    rig.write("a.log", "five\n");
    running.check(&["five"]);
    running.stop();
}

#[test]
fn a_log_that_is_gone_when_the_agent_comes_back_is_told() {
    let rig = Rig::new("missed");
    rig.write("a.log", "one\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one"]);
    running.stop();
    // Another inode for sure: the old one is still taken.
    rig.rename("a.log", "elsewhere");
    rig.write("a.log", "two\n");
    fs::remove_file(rig.path("elsewhere")).expect("it is there");
    let mut running = rig.start("a.log", "");
    running.check(&["two"]);
    running.wait_until("a missed rotation", |running| {
        running.counter("rotations_missed") == 1
    });
    running.stop();
}

#[test]
fn archives_are_no_lines_in_mode_tail() {
    let rig = Rig::new("tail-archive");
    rig.write("old.log", "old\n");
    rig.pack("old.log");
    rig.write("plain.gz", "plain\n");
    rig.write("z.log", "one\n");
    let mut running = rig.start("*", &format!("{BEGINNING} file_sort_by => path"));
    running.check(&["plain", "one"]);
    rig.write("later.log", "two\n");
    running.check(&["two"]);
    rig.pack("later.log");
    rig.write("z.log2", "three\n");
    running.check(&["three"]);
    running.stop();
}

#[test]
fn closed_files_that_were_renamed_are_found_again() {
    let rig = Rig::new("crowded");
    for name in ["a.log", "b.log", "c.log"] {
        rig.write(name, "begun\n");
    }
    let mut running = rig.start("?.log", &format!("{BEGINNING} max_open_files => 1"));
    running.check(&["begun", "begun", "begun"]);
    for name in ["a.log", "b.log", "c.log"] {
        rig.append(name, &format!("{name} rest\n"));
        rig.rotate(name);
        rig.write(name, &format!("{name} next\n"));
    }
    let mut got: Vec<String> = running.next(6).iter().map(message).collect();
    got.sort();
    let want = [
        "a.log next",
        "a.log rest",
        "b.log next",
        "b.log rest",
        "c.log next",
        "c.log rest",
    ];
    assert_eq!(got, want);
    running.stop();
}

#[test]
fn two_inputs_of_one_path_keep_their_positions_and_identifiers_apart() {
    let rig = Rig::new("twins");
    rig.write("a.log", "one\n");
    let sincedb = format!("sincedb_path => '{}'", rig.folder.join("shared").display());
    for options in [BEGINNING, &format!("{BEGINNING} {sincedb}")] {
        let both = [("a.log", options); 2];
        let mut running = rig.start_all(&both);
        running.check(&["one", "one"]);
        running.stop();
        rig.append("a.log", "two\n");
        let mut running = rig.start_all(&both);
        running.check(&["two", "two"]);
        rig.append("a.log", "three\n");
        running.check(&["three", "three"]);
        let all: HashSet<[u8; 20]> = running.identifiers.iter().copied().collect();
        assert_eq!(all.len(), 4);
        running.stop();
        rig.write("a.log", "one\n");
    }
}

#[test]
fn positions_that_two_inputs_shared_are_understood() {
    let rig = Rig::new("twins-shared");
    rig.write("a.log", "one\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one"]);
    let path = running.positions_path();
    running.stop();
    edit(&path, |positions| drop(positions.remove(known::STARTED)));
    rig.append("a.log", "two\n");
    let both = [("a.log", BEGINNING); 2];
    let mut running = rig.start_all(&both);
    running.check(&["two", "two"]);
    assert_ne!(running.identifiers[0], running.identifiers[1]);
    running.stop();
    // One that is added later has read nothing.
    let mut running = rig.start_all(&[("a.log", BEGINNING); 3]);
    running.check(&["one", "two"]);
    running.stop();
}

#[test]
fn what_a_link_led_to_is_found_when_it_was_renamed() {
    let rig = Rig::new("link-rotated");
    rig.write("0.log", "one\n");
    let link = rig.folder.join("links");
    fs::create_dir(&link).expect("the folder is writable");
    std::os::unix::fs::symlink(rig.path("0.log"), link.join("a.log")).expect("it is writable");
    let mut running = rig.start("../links/a.log", BEGINNING);
    running.check(&["one"]);
    running.stop();
    for (text, date) in [("two\n", "20261128-120000"), ("three\n", "20261128-130000")] {
        rig.append("0.log", text);
        rig.rename("0.log", &format!("0.log.{date}"));
    }
    rig.pack("0.log.20261128-120000");
    rig.write("0.log", "four\n");
    let mut running = rig.start("../links/a.log", "");
    running.check(&["two", "three", "four"]);
    running.stop();
}

#[test]
fn a_closed_file_that_was_packed_is_read_to_its_end() {
    let rig = Rig::new("crowded-packed");
    rig.write("a.log", "one\n");
    rig.write("b.log", "one\n");
    let mut running = rig.start("?.log", &format!("{BEGINNING} max_open_files => 1"));
    running.check(&["one", "one"]);
    held_up(&rig, &mut running);
    rig.append("b.log", "two\n");
    rig.rotate("b.log");
    rig.pack("b.log.1");
    rig.write("b.log", "three\n");
    check_in_order(&mut running, &["two", "three"]);
}

/// A log that was empty when the agent stopped, and what was rotated and packed past it then. An older one lies beside it.
fn packed_past_an_empty_log(rig: &Rig) -> PathBuf {
    rig.write("a.log", "zero\n");
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    let old = File::options().append(true).open(rig.path("a.log"));
    old.and_then(|old| old.set_modified(long_ago))
        .expect("it is ours");
    rig.rotate("a.log");
    rig.write("a.log", "");
    let running = rig.start("a.log", BEGINNING);
    running.wait_for_files(1);
    let positions = running.positions_path();
    running.stop();
    for text in ["one\n", "two\n"] {
        rig.append("a.log", text);
        // Another inode for sure: the old one is still taken.
        rig.rotate("a.log");
        rig.write("a.log", "");
        rig.pack("a.log.1");
    }
    rig.append("a.log", "three\n");
    positions
}

#[test]
fn the_inode_of_an_empty_log_is_used_again_and_nothing_is_lost() {
    use std::os::unix::fs::MetadataExt;

    for name in ["a.log", "a.log.1.gz", "a.log.2.gz"] {
        for is_from_earlier_version in [false, true] {
            let rig = Rig::new(&format!("inode-again-{name}-{is_from_earlier_version}"));
            let positions = packed_past_an_empty_log(&rig);
            let metadata = fs::metadata(rig.path(name)).expect("it is there");
            if metadata.created().is_err() {
                // This file system does not tell.
                return;
            }
            edit(&positions, |positions| {
                let of_files = positions
                    .values_mut()
                    .filter_map(|position| position.as_object_mut());
                for position in of_files {
                    position.insert("inode".to_owned(), metadata.ino().into());
                    if is_from_earlier_version {
                        position.remove("born");
                    }
                }
            });
            let mut running = rig.start("a.log", "");
            running.check(&["one", "two", "three"]);
            assert_eq!(running.counter("rotations_missed"), 0);
            running.stop();
        }
    }
}

#[test]
fn logs_packed_past_an_empty_one_are_read_and_no_loss_is_told() {
    let rig = Rig::new("packed-past-empty");
    packed_past_an_empty_log(&rig);
    let mut running = rig.start("a.log", "");
    running.check(&["one", "two", "three"]);
    rig.append("a.log", "four\n");
    running.check(&["four"]);
    assert_eq!(running.counter("rotations_missed"), 0);
    running.stop();
    let mut running = rig.start("a.log", "");
    rig.append("a.log", "five\n");
    running.check(&["five"]);
    running.stop();
}

#[test]
fn what_an_empty_log_became_is_not_certain_when_no_older_one_is_there() {
    let rig = Rig::new("packed-past-empty-first");
    packed_past_an_empty_log(&rig);
    // As if rotation kept no more: the first after the empty one may be gone too.
    fs::remove_file(rig.path("a.log.3")).expect("it is there");
    fs::remove_file(rig.path("a.log.2.gz")).expect("it is there");
    let mut running = rig.start("a.log", "");
    running.check(&["two", "three"]);
    running.wait_until("a missed rotation", |running| {
        running.counter("rotations_missed") == 1
    });
    running.stop();
}

#[test]
fn a_log_found_empty_and_packed_at_once_is_read_once() {
    let rig = Rig::new("empty-packed-open");
    rig.write("a.log", "");
    rig.write("b.log", "x\n");
    let mut running = rig.start("?.log", BEGINNING);
    running.check(&["x"]);
    running.wait_for_files(2);
    // The input is held up, so that it has read nothing of the log before it is packed.
    let filler = format!("{}\n", "x".repeat(limits::READ_BYTES - 1));
    rig.append("b.log", &filler.repeat(limits::BATCHES_WAITING_MAX + 4));
    running.wait_until("the input being held up", |running| {
        running.batches.len() == limits::BATCHES_WAITING_MAX
    });
    // Alike for longer than a fingerprint.
    let header = format!("{}\n", "#".repeat(400));
    let header_line = header.trim_end();
    for text in ["one\n", "two\n"] {
        rig.append("a.log", &format!("{header}{text}"));
        rig.rotate("a.log");
        rig.write("a.log", "");
        rig.pack("a.log.1");
    }
    rig.append("a.log", "three\n");
    let want = [header_line, "one", header_line, "two", "three"];
    check_in_order(&mut running, &want);
    rig.append("a.log", "four\n");
    running.check(&["four"]);
    running.stop();
}

#[test]
fn the_unended_last_line_of_a_removed_file_goes_out_at_the_stop() {
    let rig = Rig::new("remove-unended");
    rig.write("a.log", "one\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one"]);
    rig.append("a.log", "two\nno end");
    fs::remove_file(rig.path("a.log")).expect("it is there");
    running.stop.send(true).expect("the input listens");
    running.check(&["two", "no end"]);
    running.stop();
    // All of it was read: other files at the path are no sign of a loss, and they are read.
    rig.write("a.log", "three\n");
    rig.rotate("a.log");
    rig.write("a.log", "four\n");
    let mut running = rig.start("a.log", "");
    running.check(&["three", "four"]);
    assert_eq!(running.counter("rotations_missed"), 0);
    running.stop();
}

/// Lines that say which they are.
fn numbered(name: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{name} {number:04}"))
        .collect()
}

/// A file's text: lines behind a header, which is longer than a fingerprint.
fn table(lines: &[String]) -> String {
    format!("{}\n{}\n", "#".repeat(400), lines.join("\n"))
}

impl Running {
    /// The next events are these, in any order, but for headers.
    #[track_caller]
    fn check_lines(&mut self, headers: usize, want: &[&[String]]) {
        let mut want: Vec<String> = want.concat();
        let mut got: Vec<String> = self
            .next(want.len() + headers)
            .iter()
            .map(message)
            .collect();
        got.retain(|line| !line.starts_with('#'));
        got.sort();
        want.sort();
        assert_eq!(got, want);
    }
}

/// An input that has read a table: the file of its positions, and lines that were appended since it was stopped.
fn read_table(rig: &Rig, pattern: &str) -> (PathBuf, Vec<String>) {
    let old = numbered("old", 100);
    rig.write("a.csv", &table(&old));
    let mut running = rig.start(pattern, BEGINNING);
    running.check_lines(1, &[&old]);
    let positions = running.positions_path();
    running.stop();
    let rest = numbered("rest", 50);
    rig.append("a.csv", &format!("{}\n", rest.join("\n")));
    (positions, rest)
}

#[test]
fn a_new_log_with_the_header_of_the_renamed_one_is_read_from_its_beginning() {
    for pattern in ["a.csv", "a.csv*"] {
        for count in [50, 100, 300] {
            let rig = Rig::new("alike-renamed");
            let (_, rest) = read_table(&rig, pattern);
            let new = numbered("new", count);
            rig.rotate("a.csv");
            rig.write("a.csv", &table(&new));
            let mut running = rig.start(pattern, "");
            running.check_lines(1, &[&rest, &new]);
            assert_eq!(running.counter("rotations_missed"), 0);
            running.stop();
        }
    }
}

#[test]
fn a_new_log_with_the_header_of_one_that_is_gone_is_read_from_its_beginning() {
    for (pattern, name) in [("*.csv", "a.csv"), ("*.csv", "b.csv"), ("a.csv", "a.csv")] {
        let rig = Rig::new("alike-gone");
        read_table(&rig, pattern);
        let new = numbered("new", 300);
        rig.write("c", &table(&new));
        fs::remove_file(rig.path("a.csv")).expect("it is there");
        rig.rename("c", name);
        let mut running = rig.start(pattern, "");
        running.check_lines(1, &[&new]);
        running.stop();
        // The inode is used again.
        let new = numbered("anew", 300);
        rig.write(name, &table(&new));
        let mut running = rig.start(pattern, "");
        running.check_lines(1, &[&new]);
        running.stop();
    }
}

#[test]
fn an_archive_that_merely_begins_as_the_log_did_is_read_from_its_beginning() {
    let rig = Rig::new("alike-packed");
    read_table(&rig, "a.csv");
    fs::remove_file(rig.path("a.csv")).expect("it is there");
    let (packed, new) = (numbered("packed", 300), numbered("new", 300));
    rig.write("a.csv", &table(&packed));
    rig.rotate("a.csv");
    rig.pack("a.csv.1");
    rig.write("a.csv", &table(&new));
    let mut running = rig.start("a.csv", "");
    running.check_lines(2, &[&packed, &new]);
    running.stop();
}

#[test]
fn archives_with_one_header_are_told_apart_though_older_ones_are_gone() {
    let rig = Rig::new("alike-archives");
    let mut running = rig.start("a.csv", BEGINNING);
    for round in 1..5 {
        let lines = numbered(&format!("round {round}"), 20 * round);
        rig.write("a.csv", &table(&lines));
        running.check_lines(1, &[&lines]);
        if round < 4 {
            rig.rotate("a.csv");
            rig.pack("a.csv.1");
        }
    }
    running.stop();
    let (rest, missed, new) = (
        numbered("rest", 9),
        numbered("missed", 7),
        numbered("new", 5),
    );
    rig.append("a.csv", &format!("{}\n", rest.join("\n")));
    rig.rotate("a.csv");
    rig.pack("a.csv.1");
    rig.write("a.csv", &table(&missed));
    rig.rotate("a.csv");
    rig.pack("a.csv.1");
    for name in ["a.csv.5.gz", "a.csv.4.gz"] {
        fs::remove_file(rig.path(name)).expect("it is there");
    }
    rig.write("a.csv", &table(&new));
    let mut running = rig.start("a.csv", "");
    running.check_lines(2, &[&rest, &missed, &new]);
    assert_eq!(running.counter("rotations_missed"), 0);
    running.stop();
    rig.append("a.csv", "later\n");
    let mut running = rig.start("a.csv", "");
    running.check(&["later"]);
    running.stop();
}

#[test]
fn a_copy_in_the_place_of_a_log_is_the_log() {
    for (pattern, name) in [("a.csv", "a.csv"), ("*.csv", "b.csv")] {
        let rig = Rig::new("restored");
        let (_, rest) = read_table(&rig, pattern);
        fs::copy(rig.path("a.csv"), rig.path("copy")).expect("the folder is writable");
        fs::remove_file(rig.path("a.csv")).expect("it is there");
        rig.rename("copy", name);
        let mut running = rig.start(pattern, "");
        running.check_lines(0, &[&rest]);
        running.stop();
    }
}

#[test]
fn a_position_of_an_earlier_version_goes_on_in_its_file_only() {
    for is_renamed in [false, true] {
        let rig = Rig::new(&format!("no-last-{is_renamed}"));
        let (positions, rest) = read_table(&rig, "a.csv");
        edit(&positions, |positions| {
            let of_files = positions.values_mut().filter_map(|one| one.as_object_mut());
            of_files.for_each(|position| drop(position.remove("last")));
        });
        let new = match is_renamed {
            true => numbered("new", 300),
            false => Vec::new(),
        };
        if is_renamed {
            rig.rotate("a.csv");
            rig.write("a.csv", &table(&new));
        }
        let mut running = rig.start("a.csv", "");
        running.check_lines(usize::from(is_renamed), &[&rest, &new]);
        running.stop();
    }
}

#[test]
fn a_log_that_was_copied_emptied_and_outgrew_its_old_size_is_told_by_what_is_behind_its_header() {
    for pattern in ["a.csv", "a.csv*"] {
        let rig = Rig::new("alike-copied");
        let (_, rest) = read_table(&rig, pattern);
        fs::copy(rig.path("a.csv"), rig.path("a.csv.1")).expect("the folder is writable");
        let new = numbered("new", 300);
        rig.write("a.csv", &table(&new));
        let mut running = rig.start(pattern, "");
        running.check_lines(1, &[&rest, &new]);
        assert_eq!(running.counter("rotations_missed"), 0);
        running.stop();
    }
}

/// Copies a log and empties it, as a script does that rotates by hand.
fn copy_and_empty(rig: &Rig) {
    fs::copy(rig.path("a.log"), rig.path("a.log.1")).expect("the folder is writable");
    rig.write("a.log", "");
}

#[test]
fn a_copy_that_is_made_anew_is_not_read_again() {
    let rig = Rig::new("copied-twice");
    rig.write("a.log", &format!("{}\n", "x".repeat(299)));
    let mut running = rig.start("a.log", BEGINNING);
    running.next(1);
    running.stop();
    rig.append("a.log", "one\n");
    copy_and_empty(&rig);
    rig.append("a.log", "two\n");
    let mut running = rig.start("a.log", "");
    running.check(&["one", "two"]);
    for number in 1..4 {
        copy_and_empty(&rig);
        running.wait_until("a file being emptied", |running| {
            running.counter("truncations") == number
        });
        rig.append("a.log", "three\n");
        running.check(&["three"]);
    }
    assert_eq!(running.counter("rotations_missed"), 0);
    running.stop();
}

#[test]
fn a_short_log_that_was_copied_and_emptied_is_read_once() {
    let rig = Rig::new("short-copy");
    rig.write("a.log", "one\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one"]);
    running.stop();
    rig.append("a.log", "two\n");
    copy_and_empty(&rig);
    rig.append("a.log", "three\n");
    let mut running = rig.start("a.log", "");
    running.check(&["two", "three"]);
    assert_eq!(running.counter("rotations_missed"), 0);
    running.stop();
}

#[test]
fn a_log_begun_empty_keeps_its_identifiers_when_it_was_renamed_to_what_fits_too() {
    let rig = Rig::new("begun-empty");
    rig.write("a.log", "");
    if fs::metadata(rig.path("a.log")).is_ok_and(|metadata| metadata.created().is_err()) {
        // This file system does not tell.
        return;
    }
    let mut running = rig.start("a.log*", BEGINNING);
    running.wait_for_files(1);
    running.acknowledges = false;
    rig.append("a.log", "one\n");
    running.check(&["one"]);
    let first = running.identifiers.clone();
    running.stop();
    rig.rotate("a.log");
    rig.write("a.log", "two\n");
    let mut running = rig.start("a.log*", "file_sort_by => path file_sort_direction => desc");
    running.check(&["one", "two"]);
    assert_eq!(running.identifiers[..1], first);
    assert_eq!(running.counter("rotations_missed"), 0);
    running.stop();
}
