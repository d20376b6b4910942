//! Positions of inputs that can be read again: where each stream stands, moved only by acknowledgements, kept in one
//! small file per input. A stream's position is the end of its last batch before which every batch is acknowledged.

mod file;
#[cfg(test)]
mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use serde_json::Value;

use crate::queue::ack::{Ack, Acknowledge, Ahead};
use crate::queue::disk::Disk;
use file::{Damage, File};

/// All positions of one input.
#[derive(Clone)]
pub struct Positions {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    write: Box<Write>,
    safe: Mutex<BTreeMap<String, Value>>,
    /// Streams of which somebody still holds a batch, or that are read.
    streams: Mutex<BTreeMap<String, Weak<Inner>>>,
    dirty: AtomicBool,
    /// How many positions were set without a batch.
    sets: AtomicU64,
    /// What the file holds. Locked while it is written.
    saved: Mutex<Saved>,
}

/// Writes the file, on whatever disk it is.
type Write = dyn Fn(&BTreeMap<String, Value>) -> io::Result<()> + Send + Sync;

/// The positions in a file.
#[derive(Default)]
pub struct Saved {
    pub positions: BTreeMap<String, Value>,
    /// How many of the positions that were set without a batch are in it.
    sets: u64,
}

impl Shared {
    fn set(&self, key: &str, position: Value) {
        self.safe().insert(key.to_owned(), position);
        self.sets.fetch_add(1, Ordering::AcqRel);
        self.dirty.store(true, Ordering::Release);
    }

    fn note(&self, key: &str, change: impl FnOnce(&Value) -> Option<Value>) {
        let mut safe = self.safe();
        // No acknowledgement comes between: it would be undone.
        if let Some(position) = safe.get_mut(key)
            && let Some(changed) = change(position)
        {
            *position = changed;
            self.dirty.store(true, Ordering::Release);
        }
    }

    fn save(&self, saved: &mut Saved) -> io::Result<()> {
        let sets = self.sets.load(Ordering::Acquire);
        if !self.dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let positions = self.safe().clone();
        let written = (self.write)(&positions);
        match written {
            Ok(()) => *saved = Saved { positions, sets },
            Err(_) => self.dirty.store(true, Ordering::Release),
        }
        written
    }

    fn saved(&self) -> MutexGuard<'_, Saved> {
        self.saved.lock().expect("no holder of this lock panics")
    }

    fn safe(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.safe.lock().expect("no holder of this lock panics")
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<String, Weak<Inner>>> {
        self.streams.lock().expect("no holder of this lock panics")
    }

    /// A stream that outputs still hold batches of.
    fn open(&self, key: &str) -> Option<Arc<Inner>> {
        self.streams().get(key).and_then(Weak::upgrade)
    }
}

impl Positions {
    /// Reads the file of an earlier run, if there is one. A damaged one is set aside, and that is said: the positions that
    /// were saved before are taken in its place. What cannot be read at all is an error, not a fresh start.
    /// Without a path nothing is read, and nothing can be saved.
    pub fn open(path: &Path) -> io::Result<Self> {
        if path.as_os_str().is_empty() {
            let write = Box::new(|_: &_| Err(io::ErrorKind::InvalidFilename.into()));
            return Ok(Self::new(path, BTreeMap::new(), write));
        }
        let (positions, damage) = Self::open_file(path, File::at(path)?)?;
        tell(damage.as_ref());
        Ok(positions)
    }

    fn open_file<D>(path: &Path, file: File<D>) -> io::Result<(Self, Option<Damage>)>
    where
        D: Disk + Send + Sync + 'static,
    {
        let found = file.read()?;
        let is_durable = file.is_durable();
        let write = Box::new(move |positions: &_| file.write(positions));
        let positions = Self::new(path, found.positions, write);
        if !is_durable {
            // As if all of them were set just now.
            positions.shared.sets.store(1, Ordering::Release);
            positions.shared.dirty.store(true, Ordering::Release);
        }
        Ok((positions, found.damage))
    }

    fn new(path: &Path, safe: BTreeMap<String, Value>, write: Box<Write>) -> Self {
        let shared = Shared {
            path: path.into(),
            write,
            saved: Mutex::new(Saved {
                positions: safe.clone(),
                sets: 0,
            }),
            safe: Mutex::new(safe),
            streams: Mutex::default(),
            dirty: AtomicBool::new(false),
            sets: AtomicU64::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The safe position of a stream.
    pub fn safe(&self, key: &str) -> Option<Value> {
        self.shared.safe().get(key).cloned()
    }

    /// How far a stream was read. That is its safe position at a start; after a reload outputs may still hold what was read
    /// beyond it, and will deliver it.
    pub fn reached(&self, key: &str) -> Option<Value> {
        let held = self.held(key).map(|(_, reached)| reached);
        held.or_else(|| self.safe(key))
    }

    /// How far all streams were read, by their keys.
    pub fn all_reached(&self) -> BTreeMap<String, Value> {
        let keys = self.keys().into_iter();
        let reached = keys.filter_map(|key| Some((key.clone(), self.reached(&key)?)));
        reached.collect()
    }

    /// Keys of all streams that have a position.
    pub fn keys(&self) -> Vec<String> {
        self.shared.safe().keys().cloned().collect()
    }

    /// A stream whose batches are to be acknowledged. Nobody else may read the same key. If outputs still hold batches of whoever
    /// read it before, its batches come behind those; where one of them was lost, it is read again, and they do not count.
    pub fn stream(&self, key: &str) -> Stream {
        self.resume(key).0
    }

    /// The same, and how far it was read: to be asked for at once, since a batch may be lost in between.
    pub fn resume(&self, key: &str) -> (Stream, Option<Value>) {
        if let Some((stream, reached)) = self.held(key) {
            return (stream, Some(reached));
        }
        if let Some(before) = self.shared.open(key) {
            before.waiting().is_replaced = true;
        }
        let inner = Arc::new(Inner {
            key: key.to_owned(),
            positions: Arc::clone(&self.shared),
            waiting: Mutex::new(Waiting::default()),
            is_gone: AtomicBool::new(false),
        });
        let mut streams = self.shared.streams();
        streams.insert(key.to_owned(), Arc::downgrade(&inner));
        drop(streams);
        (Stream { inner }, self.safe(key))
    }

    /// A stream that outputs still hold batches of, and how far it was read.
    pub fn held(&self, key: &str) -> Option<(Stream, Value)> {
        let inner = self.shared.open(key)?;
        let reached = inner.waiting().reached()?;
        Some((Stream { inner }, reached))
    }

    /// Sets a position without a batch; behind those of the stream that outputs still hold.
    pub fn set(&self, key: &str, position: Value) {
        let open = self.shared.open(key);
        let is_behind = open.is_some_and(|stream| stream.waiting().set_behind(&position));
        if !is_behind {
            self.shared.set(key, position);
        }
    }

    /// Changes what the position of a stream says, but for where it stands.
    pub fn note(&self, key: &str, change: impl FnOnce(&Value) -> Option<Value>) {
        self.shared.note(key, change);
    }

    /// Removes a stream that will not be read again.
    pub fn forget(&self, key: &str) {
        if self.shared.safe().remove(key).is_some() {
            self.shared.dirty.store(true, Ordering::Release);
        }
    }

    /// Writes the file if a position moved since the last time: a new file, synced, renamed over the old one.
    pub fn save(&self) -> io::Result<()> {
        self.shared.save(&mut self.shared.saved())
    }

    /// Nobody else writes the file while this is held. It tells what the file holds.
    pub fn lock_file(&self) -> MutexGuard<'_, Saved> {
        self.shared.saved()
    }

    /// Writes the file if a position moved since the last time.
    pub fn save_locked(&self, saved: &mut Saved) -> io::Result<()> {
        self.shared.save(saved)
    }
}

/// Reads a file of positions; one that is not there has none. A damaged one is replaced by what was saved before it.
pub fn read(path: &Path) -> io::Result<BTreeMap<String, Value>> {
    let found = File::at(path)?.read()?;
    tell(found.damage.as_ref());
    Ok(found.positions)
}

/// Writes a file of positions. The one that was there is kept beside it.
pub fn write(path: &Path, positions: &BTreeMap<String, Value>) -> io::Result<()> {
    File::at(path)?.write(positions)
}

fn tell(damage: Option<&Damage>) {
    if let Some(damage) = damage {
        tracing::error!("{damage}");
    }
}

/// One stream: a file, a container's output.
#[derive(Clone)]
pub struct Stream {
    inner: Arc<Inner>,
}

struct Inner {
    key: String,
    positions: Arc<Shared>,
    waiting: Mutex<Waiting>,
    /// What its batches were read from is gone.
    is_gone: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    /// Token of the next batch.
    next: u64,
    /// By their tokens, the batches that are not acknowledged, and the last of each run of acknowledged ones behind such a one:
    /// its end stands for the run. So what passes a batch that waits costs no memory.
    batches: BTreeMap<u64, Batch>,
    /// A holder of this one was lost. No later one will move the position, so none is kept.
    lost: Option<u64>,
    /// What was lost is read again by another stream, which alone moves the position.
    is_replaced: bool,
}

struct Batch {
    /// JSON, which as text is a tenth of its size.
    end: Box<str>,
    stage: Stage,
}

impl Batch {
    fn position(&self) -> Value {
        serde_json::from_str(&self.end).expect("it was made of a value")
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    UnderWay,
    /// Only a patient holder is left, and every batch before is as far.
    Ripe,
    Acknowledged,
}

impl Waiting {
    fn push(&mut self, end: &Value) -> u64 {
        let token = self.next;
        self.next += 1;
        if self.lost.is_none() {
            let batch = Batch {
                end: end.to_string().into(),
                stage: Stage::UnderWay,
            };
            self.batches.insert(token, batch);
        }
        token
    }

    /// Where the last of the batches ends, if there are some and none was lost.
    fn reached(&self) -> Option<Value> {
        let last = self.batches.last_key_value();
        last.filter(|_| self.lost.is_none())
            .map(|(_, batch)| batch.position())
    }

    /// Has the stream stand there once all batches are acknowledged. False if there are none, or one was lost.
    fn set_behind(&mut self, position: &Value) -> bool {
        let waits = self.reached().is_some();
        if waits {
            let token = self.push(position);
            let moved = self.acknowledge(token);
            debug_assert!(moved.is_none(), "a batch before it is not acknowledged");
        }
        waits
    }

    /// Notes that a batch is acknowledged; gives where the stream stands then, if it moved.
    fn acknowledge(&mut self, token: u64) -> Option<Value> {
        self.batches.get_mut(&token)?.stage = Stage::Acknowledged;
        let is_done =
            |(token, batch): (&u64, &Batch)| (batch.stage == Stage::Acknowledged).then_some(*token);
        let behind = (Bound::Excluded(token), Bound::Unbounded);
        let behind = self.batches.range(behind).next().and_then(is_done);
        let before = self.batches.range(..token).next_back().and_then(is_done);
        let covered = [before, behind.map(|_| token)];
        for token in covered.into_iter().flatten() {
            self.batches.remove(&token);
        }
        let first = self.batches.first_entry()?;
        // Behind the first of a run there is none of it.
        (first.get().stage == Stage::Acknowledged).then(|| first.remove().position())
    }

    fn abandon(&mut self, token: u64) {
        let first = self.lost.map_or(token, |lost| lost.min(token));
        self.lost = Some(first);
        self.batches.split_off(&(first + 1));
    }

    fn is_behind_lost(&self, token: u64) -> bool {
        self.is_replaced || self.lost.is_some_and(|lost| lost < token)
    }

    fn follows(&mut self, token: u64) -> bool {
        if self.is_behind_lost(token) {
            return false;
        }
        let mut earlier = self.batches.range(..token).rev();
        // All before a ripe one are as far, so that the last of them tells.
        let first_open = earlier.find(|(_, batch)| batch.stage != Stage::Acknowledged);
        let follows = first_open.is_none_or(|(_, batch)| batch.stage == Stage::Ripe);
        if follows && let Some(batch) = self.batches.get_mut(&token) {
            batch.stage = Stage::Ripe;
        }
        follows
    }

    /// Where the stream will stand once these are acknowledged, if it will move.
    fn ahead(&self, tokens: &BTreeSet<u64>) -> Option<Value> {
        let is_done = |(token, batch): &(&u64, &Batch)| {
            batch.stage == Stage::Acknowledged || tokens.contains(token)
        };
        let done = self.batches.iter().take_while(is_done);
        done.last().map(|(_, batch)| batch.position())
    }
}

impl Stream {
    /// The handle for the stream's next batch, which ends at `end`.
    pub fn ack(&self, end: Value) -> Ack {
        let token = self.inner.waiting().push(&end);
        Ack::new(Arc::clone(&self.inner) as Arc<dyn Acknowledge>, token)
    }

    /// Changes what the position says, but for where it stands.
    pub fn note(&self, change: impl FnOnce(&Value) -> Option<Value>) {
        self.inner.positions.note(&self.inner.key, change);
    }

    /// Has every position that was set on disk. Those that only moved can wait.
    pub fn save(&self) -> io::Result<()> {
        let positions = &self.inner.positions;
        let mut saved = positions.saved();
        // Positions without a file are not kept.
        let is_saved = positions.sets.load(Ordering::Acquire) <= saved.sets;
        match is_saved || positions.path.as_os_str().is_empty() {
            true => Ok(()),
            false => positions.save(&mut saved),
        }
    }

    /// What its batches were read from is gone: those that are not acknowledged cannot be read again.
    pub fn give_up(&self) {
        self.inner.is_gone.store(true, Ordering::Release);
    }

    /// Whether every batch is acknowledged.
    pub fn is_settled(&self) -> bool {
        self.inner.waiting().batches.is_empty()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let mut streams = self.positions.streams();
        let is_over = |stream: &Weak<Self>| stream.strong_count() == 0;
        if streams.get(&self.key).is_some_and(is_over) {
            streams.remove(&self.key);
        }
    }
}

impl Inner {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no holder of this lock panics")
    }
}

impl Acknowledge for Inner {
    fn acknowledge(&self, token: u64) {
        let mut waiting = self.waiting();
        if let Some(end) = waiting.acknowledge(token)
            && !waiting.is_replaced
        {
            // The lock on `waiting` is held on purpose: a later position must not be overtaken by this one.
            self.positions.safe().insert(self.key.clone(), end);
            self.positions.dirty.store(true, Ordering::Release);
        }
    }

    fn abandon(&self, token: u64) {
        self.waiting().abandon(token);
    }

    fn comes_again(&self) -> bool {
        !self.is_gone.load(Ordering::Acquire)
    }

    fn follows(&self, token: u64) -> bool {
        self.waiting().follows(token)
    }

    fn is_behind_lost(&self, token: u64) -> bool {
        self.waiting().is_behind_lost(token)
    }

    fn ahead(&self, tokens: &BTreeSet<u64>) -> Option<Ahead> {
        let waiting = self.waiting();
        let end = waiting.ahead(tokens).filter(|_| !waiting.is_replaced)?;
        Some(Ahead {
            positions: Positions {
                shared: Arc::clone(&self.positions),
            },
            key: self.key.clone(),
            end,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Positions;
    use super::file::{File, Instead};
    use crate::queue::ack::{Ack, Others};

    fn beside(path: &std::path::Path, ending: &str) -> std::path::PathBuf {
        format!("{}{ending}", path.display()).into()
    }

    fn open(name: &str) -> (Positions, std::path::PathBuf) {
        let folder = std::env::temp_dir().join(format!("sawlog-{name}-{}", std::process::id()));
        let path = folder.join("positions.json");
        (
            Positions::open(&path).expect("the folder can be read"),
            folder,
        )
    }

    #[test]
    fn a_position_moves_over_acknowledged_batches_only() {
        let (positions, _) = open("order");
        let stream = positions.stream("a");
        let (first, second, third) = (
            stream.ack(json!(10)),
            stream.ack(json!(20)),
            stream.ack(json!(30)),
        );
        second.settle();
        assert_eq!(positions.safe("a"), None);
        first.settle();
        assert_eq!(positions.safe("a"), Some(json!(20)));
        drop(third);
        assert_eq!(positions.safe("a"), Some(json!(20)));
        assert!(!stream.is_settled());
    }

    #[test]
    fn another_reader_goes_on_behind_what_outputs_still_hold() {
        let (positions, _) = open("on");
        let old = positions.stream("a");
        let [first, second] = [10, 20].map(|end| old.ack(json!(end)));
        drop(old);
        assert_eq!(positions.reached("a"), Some(json!(20)));
        let new = positions.stream("a");
        let third = new.ack(json!(30));
        positions.set("a", json!(40));
        third.settle();
        second.settle();
        assert_eq!(positions.safe("a"), None);
        first.settle();
        assert_eq!(positions.safe("a"), Some(json!(40)));
        assert_eq!(positions.reached("a"), Some(json!(40)));
        drop(new);
        assert!(positions.shared.streams().is_empty());
    }

    #[test]
    fn what_was_lost_is_read_again_and_those_of_before_count_no_more() {
        let (positions, _) = open("again");
        let old = positions.stream("a");
        let [first, second, third] = [10, 20, 30].map(|end| old.ack(json!(end)));
        drop(second);
        assert_eq!(positions.reached("a"), None);
        let third = third.patient();
        assert_eq!(third.others(), Others::Lost);
        let new = positions.stream("a");
        new.ack(json!(15)).settle();
        first.settle();
        third.settle();
        assert_eq!(positions.safe("a"), Some(json!(15)));
    }

    #[test]
    fn a_stream_saves_what_was_set_and_not_what_moved() {
        let (positions, folder) = open("set");
        let on_disk = || {
            let text = std::fs::read_to_string(positions.path()).unwrap_or_default();
            text.lines().next().unwrap_or_default().to_owned()
        };
        let stream = positions.stream("a");
        stream.ack(json!(1)).settle();
        stream.save().expect("nothing is to be written");
        assert_eq!(on_disk(), "");
        positions.set("b", json!(2));
        stream.save().expect("the folder can be written");
        assert_eq!(on_disk(), r#"{"a":1,"b":2}"#);
        stream.ack(json!(3)).settle();
        stream.save().expect("nothing is to be written");
        assert_eq!(on_disk(), r#"{"a":1,"b":2}"#);
        positions.set("a", json!(4));
        stream.save().expect("the folder can be written");
        assert_eq!(on_disk(), r#"{"a":4,"b":2}"#);
        std::fs::remove_dir_all(folder).expect("the folder is ours");
    }

    #[test]
    fn a_batch_is_ripe_when_all_before_it_are() {
        let (positions, _) = open("ripe");
        let stream = positions.stream("a");
        let [first, second, third] = [10, 20, 30].map(|end| stream.ack(json!(end)));
        let patient = [&first, &third].map(|ack| ack.clone().patient());
        third.settle();
        assert_eq!(patient[1].others(), Others::Waiting);
        first.settle();
        assert_eq!(patient[0].others(), Others::Done);
        assert_eq!(patient[1].others(), Others::Waiting);
        second.settle();
        assert_eq!(patient[1].others(), Others::Done);
        let [first, third] = patient;
        third.settle();
        assert_eq!(positions.safe("a"), None);
        first.settle();
        assert_eq!(positions.safe("a"), Some(json!(30)));
    }

    #[test]
    fn positions_outlive_the_process() {
        let (positions, folder) = open("outlive");
        positions.stream("a").ack(json!({"offset": 7})).settle();
        positions.save().expect("the folder can be written");
        let again = Positions::open(positions.path()).expect("the file can be read");
        assert_eq!(again.safe("a"), Some(json!({"offset": 7})));
        std::fs::remove_dir_all(folder).expect("the folder is ours");
    }

    #[test]
    fn what_passes_a_batch_that_waits_costs_no_memory() {
        let (positions, _) = open("pass");
        let stream = positions.stream("a");
        let kept = || stream.inner.waiting().batches.len();
        let first = stream.ack(json!(0));
        for end in 1..1000 {
            stream.ack(json!(end)).settle();
        }
        assert_eq!(kept(), 2);
        // From the middle to both sides.
        let early: Vec<Ack> = (1000..1050).map(|end| stream.ack(json!(end))).collect();
        let late: Vec<Ack> = (1050..1100).map(|end| stream.ack(json!(end))).collect();
        for (early, late) in early.into_iter().rev().zip(late) {
            early.settle();
            late.settle();
        }
        assert_eq!(kept(), 2);
        first.settle();
        assert_eq!((kept(), positions.safe("a")), (0, Some(json!(1099))));
    }

    #[test]
    fn behind_a_batch_that_is_lost_nothing_is_kept() {
        let (positions, _) = open("lost");
        let stream = positions.stream("a");
        let [first, second, third] = [10, 20, 30].map(|end| stream.ack(json!(end)));
        drop(second);
        let later: Vec<Ack> = (31..100).map(|end| stream.ack(json!(end))).collect();
        assert_eq!(stream.inner.waiting().batches.len(), 2);
        later.into_iter().for_each(Ack::settle);
        third.settle();
        first.settle();
        assert_eq!(positions.safe("a"), Some(json!(10)));
        assert!(!stream.is_settled());
    }

    #[test]
    fn damaged_positions_are_set_aside_for_those_saved_before() {
        let (positions, folder) = open("damaged");
        let path = positions.path().to_owned();
        for end in [1, 2] {
            positions.set("a", json!(end));
            positions.save().expect("the folder can be written");
        }
        let whole = std::fs::read_to_string(&path).expect("it was saved");
        let damaged = whole.replacen('2', "3", 1);
        std::fs::write(&path, &damaged).expect("the file is ours");
        let before = Positions::open(&path).expect("there is one before it");
        assert_eq!(before.safe("a"), Some(json!(1)));
        let aside = beside(&path, ".damaged");
        assert_eq!(std::fs::read_to_string(aside).expect("it is kept"), damaged);
        let again = Positions::open(&path).expect("it was replaced");
        assert_eq!(again.safe("a"), Some(json!(1)));
        for bytes in ["", "{\"a\":", "[1]", "{}\n00000000"] {
            std::fs::write(&path, bytes).expect("the file is ours");
            std::fs::remove_file(beside(&path, ".old")).unwrap_or(());
            let fresh = Positions::open(&path).expect("what is damaged is set aside");
            assert!(fresh.keys().is_empty(), "{bytes}");
        }
        std::fs::remove_dir_all(folder).expect("the folder is ours");
    }

    #[test]
    fn positions_that_are_missing_are_replaced_by_those_saved_before() {
        let (positions, folder) = open("missing");
        let path = positions.path().to_owned();
        for end in [1, 2] {
            positions.set("a", json!(end));
            positions.save().expect("the folder can be written");
        }
        std::fs::remove_file(&path).expect("it was saved");
        let found = File::at(&path).and_then(|file| file.read());
        let damage = found.expect("there is one before it").damage;
        let told = damage.map(|damage| damage.to_string()).unwrap_or_default();
        assert!(told.contains("positions.json is missing, and"), "{told}");
        assert!(told.contains("goes on from"), "{told}");
        let before = Positions::open(&path).expect("it was replaced");
        assert_eq!(before.safe("a"), Some(json!(1)));
        std::fs::remove_file(&path).expect("it was replaced");
        std::fs::write(beside(&path, ".old"), "{").expect("the file is ours");
        let found = File::at(&path).and_then(|file| file.read());
        let damage = found.expect("it is no error").damage;
        assert_eq!(
            damage.map(|one| one.instead),
            Some(Instead::NothingReadable)
        );
        std::fs::remove_dir_all(folder).expect("the folder is ours");
    }

    #[test]
    fn positions_without_a_checksum_are_read() {
        let (positions, folder) = open("by-hand");
        std::fs::create_dir_all(&folder).expect("the folder is ours");
        for text in ["{\"a\":5}", "{\"a\":5}\n", "{\n  \"a\": 5\n}\n"] {
            std::fs::write(positions.path(), text).expect("the file is ours");
            let read = Positions::open(positions.path()).expect("it can be read");
            assert_eq!(read.safe("a"), Some(json!(5)), "{text}");
        }
        std::fs::remove_dir_all(folder).expect("the folder is ours");
    }
}
