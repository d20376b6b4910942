//! Tests of writers that another takes the place of.

use std::convert::Infallible;
use std::fs;
use std::io::{self, Read};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Folder, WAIT_MAX, below, chunk, end, metrics, piped, way, writer};
use crate::limits;
use crate::outputs::file::opened::Behavior;
use crate::outputs::file::overflow::{self, Inlet, Outlet};
use crate::outputs::file::path::PathPlan;
use crate::outputs::file::text::Text;
use crate::outputs::file::writer::{Way, Writer};
use crate::outputs::leave::{Leave, Notice};
use crate::outputs::succession::{Newer, Ways};
use crate::queue::ack::{Ack, Acknowledge};
use crate::queue::block::Block;
use crate::queue::ends::DiskEnds;
use crate::queue::policy::Kind;

/// What became of batches.
#[derive(Default)]
struct Heard {
    acknowledged: AtomicU64,
    abandoned: AtomicU64,
    is_on_disk: bool,
}

impl Acknowledge for Heard {
    fn acknowledge(&self, _: u64) {
        self.acknowledged.fetch_add(1, Ordering::SeqCst);
    }

    fn abandon(&self, _: u64) {
        self.abandoned.fetch_add(1, Ordering::SeqCst);
    }

    fn stays_on_disk(&self) -> bool {
        self.is_on_disk
    }
}

fn text(event: &str, ack: Ack) -> Text {
    Text {
        chunks: vec![chunk("a", &[event]).into()],
        acks: vec![ack],
    }
}

/// A writer that runs, before a queue whose disk is two channels.
struct Trial {
    /// Where a test fails, its writer is not waited for.
    runtime: ManuallyDrop<Runtime>,
    inlet: Inlet,
    teller: watch::Sender<Leave>,
    incoming: mpsc::Receiver<Block>,
    forward: mpsc::Sender<Block>,
    /// Ends when the queue on disk is given to another.
    released: mpsc::Receiver<Infallible>,
    is_mended: Arc<AtomicBool>,
    /// How often it tried to sync.
    tries: Arc<AtomicU64>,
    writing: JoinHandle<()>,
}

impl Trial {
    /// Its disk fails until it is mended.
    fn start(mut writer: Writer) -> Self {
        let (is_mended, tries) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (mended, tried) = (Arc::clone(&is_mended), Arc::clone(&tries));
        writer.sync_data = Box::new(move |file| {
            tried.fetch_add(1, Ordering::SeqCst);
            match mended.load(Ordering::SeqCst) {
                true => file.sync_data(),
                false => Err(io::Error::from_raw_os_error(28)),
            }
        });
        let runtime = Runtime::new().expect("there are threads");
        let inside = runtime.enter();
        let (mut ends, incoming, forward) = DiskEnds::of_channels(20);
        let (taker, released) = mpsc::channel(1);
        ends.taker = taker;
        let (inlet, outlet) = overflow::queue(Kind::Auto, Some(ends));
        let (teller, notice) = Notice::new();
        writer = writer.told_by(notice);
        writer.outlet = outlet;
        let writing = runtime.spawn_blocking(|| writer.run());
        drop(inside);
        Self {
            runtime: ManuallyDrop::new(runtime),
            inlet,
            teller,
            incoming,
            forward,
            released,
            is_mended,
            tries,
            writing,
        }
    }

    /// Puts texts as a worker does, which must not wait for long.
    #[track_caller]
    fn put(&self, texts: Vec<Text>) {
        let inlet = self.inlet.clone();
        let putting = self
            .runtime
            .spawn_blocking(move || texts.into_iter().all(|text| inlet.put(text).is_ok()));
        let put = self
            .runtime
            .block_on(async { timeout(WAIT_MAX, putting).await });
        assert!(put.expect("there is room").expect("it does not panic"));
    }

    fn tell(&self, leave: Leave) {
        self.teller.send_replace(leave);
    }

    fn mend(&self) {
        self.is_mended.store(true, Ordering::SeqCst);
    }

    #[track_caller]
    fn wait_until_stuck(&self) {
        wait_until(|| 0 < self.tries.load(Ordering::SeqCst));
    }

    #[track_caller]
    fn wait_until_released(&mut self) {
        let released = async { timeout(WAIT_MAX, self.released.recv()).await };
        let released = self.runtime.block_on(released);
        assert!(released.expect("it is given to another").is_none());
    }

    /// What goes over the disk.
    #[track_caller]
    fn moved(&mut self) -> Block {
        let moved = async { timeout(WAIT_MAX, self.incoming.recv()).await };
        let moved = self.runtime.block_on(moved).expect("it is moved");
        moved.expect("the queue is open")
    }

    /// Its workers are gone.
    #[track_caller]
    fn end(self) {
        drop((self.inlet, self.forward));
        end(ManuallyDrop::into_inner(self.runtime), self.writing);
    }
}

#[track_caller]
fn wait_until(holds: impl Fn() -> bool) {
    let since = std::time::Instant::now();
    while !holds() {
        assert!(since.elapsed() < WAIT_MAX, "it does not come to that");
        std::thread::yield_now();
    }
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(path).expect("it was written")
}

#[test]
fn a_stuck_writer_gives_back_what_came_from_disk_and_keeps_what_is_in_memory() {
    let folder = Folder::new("replaced");
    let mut trial = Trial::start(writer(&folder, Behavior::Append));
    let [from_disk, from_memory] = [true, false].map(|is_on_disk| {
        Arc::new(Heard {
            is_on_disk,
            ..Heard::default()
        })
    });
    let block = text("disk\n", Ack::new(from_disk.clone(), 0)).into_block();
    trial.forward.try_send(block).expect("there is room");
    trial.wait_until_stuck();
    trial.put(vec![text("memory\n", Ack::new(from_memory.clone(), 0))]);
    trial.tell(Leave::Replaced);
    trial.wait_until_released();
    assert_eq!(from_disk.abandoned.load(Ordering::SeqCst), 1);
    let tries = trial.tries.load(Ordering::SeqCst);
    wait_until(|| tries < trial.tries.load(Ordering::SeqCst));
    assert_eq!(from_memory.abandoned.load(Ordering::SeqCst), 0);
    trial.mend();
    trial.end();
    assert_eq!(read(folder.0.join("a")), "memory\n");
    assert_eq!(from_memory.acknowledged.load(Ordering::SeqCst), 1);
}

#[test]
fn a_writer_that_is_stuck_with_what_is_in_memory_releases_the_disk() {
    let folder = Folder::new("released");
    let mut trial = Trial::start(writer(&folder, Behavior::Append));
    trial.put(vec![text("memory\n", Ack::none())]);
    trial.wait_until_stuck();
    trial.tell(Leave::Replaced);
    trial.wait_until_released();
    trial.mend();
    trial.end();
    assert_eq!(read(folder.0.join("a")), "memory\n");
}

#[test]
fn no_worker_waits_for_room_where_a_stuck_writer_finishes() {
    let folder = Folder::new("soaked");
    let mut trial = Trial::start(writer(&folder, Behavior::Append));
    trial.put(vec![text("0\n", Ack::none())]);
    trial.wait_until_stuck();
    trial.tell(Leave::Finishing);
    let numbers = 1..=3 * limits::TEXTS_WAITING_MAX;
    let read_again = numbers
        .clone()
        .map(|number| text(&format!("{number}\n"), Ack::none()));
    trial.put(read_again.collect());
    // The queue on disk has room for twenty, and nobody takes anything there.
    let pushed = (0..40).map(|number| text(&format!("p{number}\n"), Ack::pushed()));
    trial.put(pushed.collect());
    trial.mend();
    let incoming = std::mem::replace(&mut trial.incoming, mpsc::channel(1).1);
    trial.end();
    let text = read(folder.0.join("a"));
    let (pushed, others): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with('p'));
    let numbers = (0..1).chain(numbers).map(|number| number.to_string());
    assert!(numbers.eq(others));
    assert_eq!(pushed.len() + incoming.len(), 40);
}

/// How a writer learns of another way.
fn succeed(ways: &Ways<Way>, plan: PathPlan, behavior: Behavior) -> (Way, Newer<Way>) {
    let mut way = way(plan, behavior);
    let newer = ways.succeed(PathBuf::from("output"), |before| {
        way = way.clone().after(before);
        way.clone()
    });
    (way, newer)
}

fn start_on(ways: &Ways<Way>, plan: PathPlan) -> Trial {
    let (way, newer) = succeed(ways, plan, Behavior::Append);
    Trial::start(Writer::new(way, metrics(), Outlet::empty()).going(newer))
}

#[test]
fn a_path_that_is_mended_is_gone_for_what_waits() {
    let folder = Folder::new("mended");
    fs::write(folder.0.join("file"), "").expect("it is ours");
    let ways = Ways::default();
    let trial = start_on(&ways, below(&folder.0.join("file")));
    trial.mend();
    let heard = Arc::new(Heard::default());
    let texts = |numbers: std::ops::Range<usize>| {
        let texts = numbers.map(|number| text(&format!("{number}\n"), Ack::new(heard.clone(), 0)));
        texts.collect::<Vec<_>>()
    };
    trial.put(texts(0..5));
    trial.tell(Leave::Finishing);
    trial.put(texts(5..20));
    succeed(&ways, below(&folder.0.join("good")), Behavior::Append);
    // Rendered by the path of before.
    trial.put(texts(20..22));
    trial.end();
    let want: String = (0..22).map(|number| format!("{number}\n")).collect();
    assert_eq!(read(folder.0.join("good/a")), want);
    assert_eq!(heard.acknowledged.load(Ordering::SeqCst), 22);
}

#[test]
fn what_was_not_synced_is_taken_back_where_a_newer_way_is_gone() {
    let folder = Folder::new("taken-back");
    let ways = Ways::default();
    let trial = start_on(&ways, below(&folder.0.join("bad")));
    trial.put(vec![text("one\n", Ack::none())]);
    trial.wait_until_stuck();
    trial.mend();
    succeed(
        &ways,
        PathPlan::Fixed(folder.0.join("good")),
        Behavior::Append,
    );
    trial.end();
    let both = read(folder.0.join("bad/a")) + &read(folder.0.join("good"));
    assert_eq!(both, "one\n");
}

#[test]
fn what_a_pipe_took_is_not_written_again_on_a_newer_way() {
    let folder = Folder::new("left-pipe");
    let (writer, mut reader, text) = piped(&folder);
    let plan = writer.way.plan.clone();
    drop(writer);
    let ways = Ways::default();
    let trial = start_on(&ways, plan);
    trial.mend();
    trial.put(vec![text]);
    let mut taken = Vec::new();
    while taken.len() < 1500 {
        let mut part = [0; 500];
        match reader.read(&mut part) {
            Ok(read) => taken.extend_from_slice(&part[..read]),
            Err(_) => std::thread::yield_now(),
        }
    }
    let good = PathPlan::Fixed(folder.0.join("good"));
    succeed(&ways, good, Behavior::Append);
    trial.end();
    reader.read_to_end(&mut taken).expect("the writer is gone");
    let is_whole = |line: &&[u8]| line.len() == 999;
    let whole = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').filter(is_whole).count();
    let rest = read(folder.0.join("good"));
    assert!(0 < whole(&taken) && 0 < whole(rest.as_bytes()));
    assert_eq!(whole(&taken) + whole(rest.as_bytes()), 1000);
}

#[test]
fn what_is_begun_goes_on_where_a_newer_way_leads_to_the_same_file() {
    let ways = Ways::default();
    let [same, other] =
        ["same", "other"].map(|name| PathPlan::Fixed(Path::new("/logs").join(name)));
    let (way, newer) = succeed(&ways, same.clone(), Behavior::Append);
    let mut writer = Writer::new(way, metrics(), Outlet::empty()).going(newer);
    succeed(&ways, same, Behavior::Overwrite);
    assert!(writer.look_for_newer().is_ok());
    assert_eq!(writer.way.behavior, Behavior::Overwrite);
    succeed(&ways, other, Behavior::Append);
    assert!(writer.look_for_newer().is_err());
}

/// Two writers of one name.
fn two(folder: &Path) -> (Trial, Trial) {
    let ways = Ways::default();
    let [old, new] = [(); 2].map(|()| start_on(&ways, below(folder)));
    new.mend();
    (old, new)
}

#[test]
fn a_writer_does_not_write_while_another_has_something_under_way() {
    let folder = Folder::new("one-at-a-time");
    let (old, mut new) = two(&folder.0);
    old.put(vec![text("old\n", Ack::none())]);
    old.wait_until_stuck();
    new.put(vec![text("new\n", Ack::pushed())]);
    let moved = new.moved();
    new.forward
        .try_send(moved.kept_on_disk())
        .expect("there is room");
    old.mend();
    old.end();
    new.end();
    assert_eq!(read(folder.0.join("a")), "old\nnew\n");
}

#[test]
fn a_writer_that_finishes_comes_first_with_all_that_it_has() {
    let folder = Folder::new("oldest-first");
    let (old, mut new) = two(&folder.0);
    old.put(vec![text("one\n", Ack::none())]);
    old.wait_until_stuck();
    old.tell(Leave::Finishing);
    let more = (0..limits::TEXTS_WAITING_MAX * 2).map(|_| text("two\n", Ack::none()));
    old.put(more.collect());
    new.put(vec![text("new\n", Ack::pushed())]);
    let moved = new.moved();
    new.forward
        .try_send(moved.kept_on_disk())
        .expect("there is room");
    old.mend();
    old.end();
    new.end();
    let two = "two\n".repeat(limits::TEXTS_WAITING_MAX * 2);
    assert_eq!(read(folder.0.join("a")), format!("one\n{two}new\n"));
}

#[test]
fn a_writer_without_work_holds_up_no_other() {
    let folder = Folder::new("idle");
    let (old, new) = two(&folder.0);
    old.mend();
    old.tell(Leave::Finishing);
    new.put(vec![text("new\n", Ack::none())]);
    wait_until(|| folder.0.join("a").exists() && read(folder.0.join("a")) == "new\n");
    old.end();
    new.end();
}

#[test]
fn a_writer_leaves_while_it_waits_for_its_turn() {
    for (number, leave) in [Leave::Safe, Leave::Now].into_iter().enumerate() {
        let folder = Folder::new(&format!("leaves-line-{number}"));
        let (old, new) = two(&folder.0);
        old.put(vec![text("old\n", Ack::none())]);
        old.wait_until_stuck();
        let heard = Arc::new(Heard::default());
        new.put(vec![text("new\n", Ack::new(heard.clone(), 0))]);
        new.tell(leave);
        let inlet = new.inlet.clone();
        new.end();
        drop(inlet);
        assert_eq!(heard.abandoned.load(Ordering::SeqCst), 1);
        old.mend();
        old.end();
        assert_eq!(read(folder.0.join("a")), "old\n");
    }
}
