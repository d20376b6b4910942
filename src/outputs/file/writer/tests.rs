//! Tests of the thread that writes, with disks that fail.

mod reload;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, OFlags};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Held, Way, Writer};
use crate::event::{Names, Template};
use crate::metrics::{Metrics, PluginMetrics};
use crate::outputs::file::PLUGIN;
use crate::outputs::file::opened::{Behavior, Modes, Unopened, open_below, open_file};
use crate::outputs::file::overflow::{self, Outlet};
use crate::outputs::file::path::PathPlan;
use crate::outputs::file::text::{Chunk, Text};
use crate::outputs::leave::{Leave, Notice};
use crate::plugin::Options;
use crate::queue::ack::{Ack, Acknowledge};
use crate::queue::block::Block;
use crate::queue::ends::DiskEnds;
use crate::queue::policy::Kind;

const MODES: Modes = Modes {
    folder: None,
    file: Some(0o640),
};

/// How long a test waits for another thread.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// A folder of this test alone, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sawlog-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("the temporary folder is writable");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the folder is ours");
    }
}

fn metrics() -> Arc<PluginMetrics> {
    let options = Options::bare(PLUGIN.plugin, "output_file_1");
    Metrics::default().plugin(&options)
}

fn below(folder: &Path) -> PathPlan {
    let rest = Template::compile("%{host}", &mut Names::default()).expect("the template is good");
    PathPlan::Below {
        folder: folder.to_owned(),
        rest,
        failure: "_failures".to_owned(),
    }
}

fn way(plan: PathPlan, behavior: Behavior) -> Way {
    Way {
        plan,
        modes: MODES,
        behavior,
        recreate: true,
        turn: Arc::default(),
    }
}

fn writer(folder: &Folder, behavior: Behavior) -> Writer {
    Writer::new(way(below(&folder.0), behavior), metrics(), Outlet::empty())
}

fn chunk(path: &str, events: &[&str]) -> Chunk {
    let mut chunk = Chunk {
        path: path.as_bytes().to_vec(),
        ..Chunk::default()
    };
    for event in events {
        chunk.starts.push(chunk.bytes.len() as u32);
        chunk.bytes.extend_from_slice(event.as_bytes());
    }
    chunk
}

fn write(writer: &mut Writer, chunk: Chunk) {
    let text = Text {
        chunks: vec![Arc::new(chunk)],
        ..Text::default()
    };
    writer
        .write_group(&mut [text])
        .expect("nobody tells it to leave");
}

/// Has a writer take texts that wait, without a queue on disk.
fn run(mut writer: Writer, texts: Vec<Text>) {
    let runtime = Runtime::new().expect("there are threads");
    let inside = runtime.enter();
    let (inlet, outlet) = overflow::queue(Kind::Memory, None);
    for text in texts {
        inlet.put(text).expect("there is room");
    }
    drop((inlet, inside));
    writer.outlet = outlet;
    let writing = runtime.spawn_blocking(|| writer.run());
    end(runtime, writing);
}

/// Waits for a writer; one that does not end must not hold up the test.
#[track_caller]
fn end(runtime: Runtime, writing: JoinHandle<()>) {
    let ended = runtime.block_on(async { timeout(WAIT_MAX, writing).await });
    runtime.shutdown_background();
    let ended = ended.expect("the writer ends");
    ended.expect("the writer does not panic");
}

/// A disk whose first syncs fail, after the writes were taken. `forgets` is what becomes of the text then.
fn failing(writer: &mut Writer, failures: usize, forgets: fn(&fs::File)) {
    let mut left = failures;
    writer.sync_data = Box::new(move |file| {
        if left == 0 {
            return file.sync_data();
        }
        left -= 1;
        forgets(file);
        Err(io::Error::from_raw_os_error(5))
    });
}

#[track_caller]
fn check_failed_sync(name: &str, behavior: Behavior, forgets: fn(&fs::File), want: &str) {
    let folder = Folder::new(name);
    let mut writer = writer(&folder, behavior);
    write(&mut writer, chunk("a", &["before\n"]));
    failing(&mut writer, 2, forgets);
    let metrics = Arc::clone(&writer.metrics);
    let acknowledged = Arc::new(Acknowledged::default());
    let texts = ["one\n", "two\n"].map(|number| Text {
        chunks: vec![chunk("a", &[number]).into()],
        acks: vec![Ack::new(Arc::clone(&acknowledged) as _, 0)],
    });
    run(writer, texts.into());
    let text = fs::read_to_string(folder.0.join("a")).expect("it was written");
    assert_eq!(text, want);
    assert_eq!(acknowledged.0.load(Ordering::Relaxed), 2);
    assert_eq!(metrics.events_out.value(), 2);
    assert_eq!(metrics.counter("sync_failed").value(), 2);
}

#[derive(Default)]
struct Acknowledged(AtomicU64);

impl Acknowledge for Acknowledged {
    fn acknowledge(&self, _: u64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn what_a_failed_sync_lost_is_written_again_before_it_is_acknowledged() {
    let forget = |file: &fs::File| file.set_len(7).expect("it is ours");
    check_failed_sync("lost", Behavior::Append, forget, "before\none\ntwo\n");
    check_failed_sync("overwritten", Behavior::Overwrite, forget, "two\n");
}

#[test]
fn what_a_failed_sync_did_not_lose_is_there_once() {
    check_failed_sync("not-lost", Behavior::Append, |_| {}, "before\none\ntwo\n");
}

#[test]
fn a_writer_that_has_to_leave_acknowledges_nothing_and_leaves_nothing_that_is_read_again() {
    let folder = Folder::new("leave");
    let writer = writer(&folder, Behavior::Append);
    let (teller, notice) = Notice::new();
    let acknowledged = Arc::new(Acknowledged::default());
    let text = Text {
        chunks: vec![chunk("a", &["one\n"]).into()],
        acks: vec![Ack::new(Arc::clone(&acknowledged) as _, 0)],
    };
    let mut writer = writer.told_by(notice);
    writer.sync_data = Box::new(move |_| {
        teller.send_replace(Leave::Now);
        Err(io::Error::from_raw_os_error(5))
    });
    run(writer, vec![text]);
    let text = fs::read_to_string(folder.0.join("a")).expect("it was made");
    assert_eq!(
        (text.as_str(), acknowledged.0.load(Ordering::Relaxed)),
        ("", 0)
    );
}

#[test]
fn the_name_of_a_new_file_is_synced_once_in_each_folder_that_has_something_new() {
    let folder = Folder::new("names");
    let synced = Arc::new(Mutex::new(Vec::new()));
    let mut writer = writer(&folder, Behavior::Append);
    let (noted, mut failures) = (Arc::clone(&synced), 1);
    writer.sync_all = Box::new(move |made_in| {
        if failures != 0 {
            failures -= 1;
            return Err(io::Error::from_raw_os_error(5));
        }
        let path = format!("/proc/self/fd/{}", made_in.as_raw_fd());
        let path = fs::read_link(path).expect("it is open");
        noted.lock().expect("nobody panics").push(path);
        Ok(())
    });
    for path in ["a/b/c.log", "a/b/c.log", "a/d.log"] {
        write(&mut writer, chunk(path, &["x\n"]));
    }
    let base = &folder.0;
    let want = [
        base.clone(),
        base.join("a"),
        base.join("a/b"),
        base.join("a"),
    ];
    assert_eq!(*synced.lock().expect("nobody panics"), want);
    let text = fs::read_to_string(base.join("a/b/c.log")).expect("it was written");
    assert_eq!(text, "x\nx\n");
}

#[test]
fn text_goes_to_the_end_of_its_file() {
    let folder = Folder::new("append");
    let mut writer = writer(&folder, Behavior::Append);
    write(&mut writer, chunk("a/b.log", &["one\n", "two\n"]));
    write(&mut writer, chunk("c.log", &["x\n"]));
    write(&mut writer, chunk("a/b.log", &["three\n"]));
    let text = fs::read_to_string(folder.0.join("a/b.log")).expect("it was written");
    assert_eq!(text, "one\ntwo\nthree\n");
    assert_eq!(
        fs::read_to_string(folder.0.join("c.log")).expect("it was written"),
        "x\n"
    );
}

#[test]
fn overwriting_keeps_the_newest_event() {
    let folder = Folder::new("overwrite");
    let mut writer = writer(&folder, Behavior::Overwrite);
    write(&mut writer, chunk("a", &["a long one\n", "two\n"]));
    write(&mut writer, chunk("a", &["three\n"]));
    assert_eq!(
        fs::read_to_string(folder.0.join("a")).expect("it was written"),
        "three\n"
    );
}

#[test]
fn no_link_is_followed_below_the_folder() {
    let (folder, outside) = (Folder::new("links"), Folder::new("outside"));
    std::os::unix::fs::symlink(&outside.0, folder.0.join("link")).expect("links can be made");
    std::os::unix::fs::symlink(outside.0.join("f"), folder.0.join("file"))
        .expect("links can be made");
    assert!(open_below(&folder.0, b"link/f", MODES).is_err());
    assert!(open_below(&folder.0, b"file", MODES).is_err());
    assert!(open_below(&folder.0, b"sub/f", MODES).is_ok());
    assert_eq!(fs::read_dir(&outside.0).expect("it is there").count(), 0);
}

fn make_pipe(path: &Path) {
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0)
        .expect("pipes can be made");
}

/// Each of these would have stopped the output for good.
#[test]
fn a_path_that_leads_to_no_file_is_confined_and_the_others_are_written() {
    let folder = Folder::new("confined");
    let base = &folder.0;
    fs::write(base.join("file"), "").expect("it is ours");
    fs::create_dir(base.join("folder")).expect("it is ours");
    std::os::unix::fs::symlink("/", base.join("link")).expect("links can be made");
    std::os::unix::fs::symlink("file", base.join("file-link")).expect("links can be made");
    make_pipe(&base.join("pipe"));
    let _socket = UnixListener::bind(base.join("socket")).expect("it is ours");
    let _reader = File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(base.join("pipe"))
        .expect("a pipe can be read");
    let bad = ["file/x", "folder", "link/x", "file-link", "pipe", "socket"];
    let paths = ["first"].into_iter().chain(bad).chain(["last"]);
    let text = Text {
        chunks: paths
            .map(|path| chunk(path, &[path, "\n"]).into())
            .collect(),
        acks: vec![Ack::pushed()],
    };
    let writer = writer(&folder, Behavior::Append);
    let metrics = Arc::clone(&writer.metrics);
    run(writer, vec![text]);
    let read = |name: &str| fs::read_to_string(base.join(name)).expect("it was written");
    assert_eq!(read("first") + &read("last"), "first\nlast\n");
    assert_eq!(read("_failures").lines().collect::<Vec<_>>(), bad);
    let confined = metrics.counter("confinement_failed").value();
    assert_eq!((confined, metrics.events_out.value()), (12, 16));
}

#[test]
fn the_file_for_failures_is_waited_for() {
    let folder = Folder::new("failures");
    fs::create_dir(folder.0.join("_failures")).expect("it is ours");
    fs::create_dir(folder.0.join("other")).expect("it is ours");
    let plan = below(&folder.0);
    for (name, waits) in [("_failures", true), ("other", false)] {
        match open_file(&plan, name.as_bytes(), MODES) {
            Err(Unopened::Away(_)) => assert!(waits),
            Err(Unopened::Confined(_)) => assert!(!waits),
            Ok(_) => panic!("{name} is no file"),
        }
    }
}

/// A text that no pipe takes at once, and an output that writes to one.
fn piped(folder: &Folder) -> (Writer, File, Text) {
    let path = folder.0.join("pipe");
    make_pipe(&path);
    let reader = File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(&path)
        .expect("a pipe can be read");
    let way = way(PathPlan::Fixed(path), Behavior::Append);
    let writer = Writer::new(way, metrics(), Outlet::empty());
    let line = "x".repeat(999) + "\n";
    let text = Text {
        chunks: vec![chunk("", &[&*line; 1000]).into()],
        acks: vec![Ack::none()],
    };
    (writer, reader, text)
}

#[test]
fn a_pipe_gets_all_its_reader_takes() {
    let folder = Folder::new("pipe");
    let (writer, mut reader, text) = piped(&folder);
    let mut taken = Vec::new();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| run(writer, vec![text]));
        let mut part = vec![0; 50_000];
        while taken.len() < 1_000_000 && !writing.is_finished() {
            match reader.read(&mut part) {
                Ok(read) => taken.extend_from_slice(&part[..read]),
                Err(_) => std::thread::yield_now(),
            }
        }
    });
    reader.read_to_end(&mut taken).expect("the writer is gone");
    let text = String::from_utf8(taken).expect("it is text");
    assert_eq!(text.lines().filter(|line| line.len() == 999).count(), 1000);
}

#[test]
fn a_writer_whose_pipe_nobody_reads_leaves() {
    let folder = Folder::new("unread");
    let (writer, reader, text) = piped(&folder);
    let (teller, notice) = Notice::new();
    teller.send_replace(Leave::Safe);
    let writer = writer.told_by(notice);
    let metrics = Arc::clone(&writer.metrics);
    run(writer, vec![text]);
    assert_eq!(metrics.events_out.value(), 0);
    drop(reader);
}

#[test]
fn no_more_files_are_open_than_allowed() {
    let folder = Folder::new("many");
    let mut writer = writer(&folder, Behavior::Append);
    for number in 0..crate::limits::FILES_OPEN_MAX + 20 {
        write(&mut writer, chunk(&format!("{number}"), &["x\n"]));
    }
    assert!(writer.open.len() <= crate::limits::FILES_OPEN_MAX);
    let made = fs::read_dir(&folder.0).expect("it is there").count();
    assert_eq!(made, crate::limits::FILES_OPEN_MAX + 20);
}

/// A text for two files, of which one cannot be synced.
#[test]
fn what_is_on_disk_does_not_go_to_the_queue_as_well() {
    let folder = Folder::new("moved");
    let mut writer = writer(&folder, Behavior::Append);
    writer.sync_data = Box::new(|file| {
        let path = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        match path.ends_with("b") {
            true => Err(io::Error::from_raw_os_error(5)),
            false => file.sync_data(),
        }
    });
    let metrics = Arc::clone(&writer.metrics);
    let runtime = Runtime::new().expect("there are threads");
    let _inside = runtime.enter();
    let (ends, mut incoming, _forward) = DiskEnds::of_channels(4);
    let (_inlet, outlet) = overflow::queue(Kind::Auto, Some(ends));
    writer.outlet = outlet;
    let text = Text {
        chunks: vec![chunk("a", &["one\n"]).into(), chunk("b", &["two\n"]).into()],
        acks: vec![Ack::pushed()],
    };
    let delivered = writer.deliver(vec![text], Held::Movable);
    assert!(delivered.is_ok());
    let block = incoming.try_recv().expect("b is moved");
    let moved = String::from_utf8_lossy(&block.body).into_owned();
    let read = |name: &str| fs::read_to_string(folder.0.join(name)).expect("it was made");
    assert!(moved.contains("file b\ntwo\n"), "{moved}");
    // It depends on whose turn came first.
    assert_eq!(moved.matches("one").count() + read("a").lines().count(), 1);
    assert_eq!(read("b"), "");
    assert_eq!(metrics.events_out.value(), read("a").lines().count() as u64);
}

/// The writer has a text of the queue on disk in hand, so that nothing of it lies there any more.
#[test]
fn what_comes_while_a_text_of_the_queue_cannot_be_written_goes_to_disk_one_by_one() {
    let folder = Folder::new("stuck");
    let (teller, notice) = Notice::new();
    let mut writer = writer(&folder, Behavior::Append).told_by(notice);
    writer.sync_data = Box::new(|_| Err(io::Error::from_raw_os_error(28)));
    let runtime = Runtime::new().expect("there are threads");
    let inside = runtime.enter();
    let (ends, mut incoming, forward) = DiskEnds::of_channels(4);
    let (inlet, outlet) = overflow::queue(Kind::Auto, Some(ends));
    writer.outlet = outlet;
    let text = |event: &str| Text {
        chunks: vec![chunk("a", &[event]).into()],
        acks: vec![Ack::pushed()],
    };
    let block = text("0\n").into_block().kept_on_disk();
    forward.try_send(block).expect("there is room");
    let writing = runtime.spawn_blocking(|| writer.run());
    let events = ["1\n", "2\n", "3\n"];
    let moved = events.into_iter().map_while(|event| {
        inlet.put(text(event)).ok()?;
        let moved = async { timeout(WAIT_MAX, incoming.recv()).await };
        runtime.block_on(moved).ok()?
    });
    let moved: Vec<Block> = moved.collect();
    drop(inside);
    teller.send_replace(Leave::Now);
    end(runtime, writing);
    assert_eq!(moved.len(), 3, "the others stayed in memory");
    for (block, event) in moved.iter().zip(events) {
        assert!(block.body.ends_with(event.as_bytes()));
    }
}

#[test]
fn half_a_line_that_a_kill_left_does_not_spoil_the_next() {
    let folder = Folder::new("torn");
    fs::write(folder.0.join("a"), "one\n{\"mess").expect("it is ours");
    fs::write(folder.0.join("b"), "one\n").expect("it is ours");
    let mut writer = writer(&folder, Behavior::Append);
    for name in ["a", "b", "a"] {
        write(&mut writer, chunk(name, &["two\n"]));
    }
    let read = |name: &str| fs::read_to_string(folder.0.join(name)).expect("it is there");
    assert_eq!(read("a"), "one\n{\"mess\ntwo\ntwo\n");
    assert_eq!(read("b"), "one\ntwo\n");
}
