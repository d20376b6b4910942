//! Positions of inputs that can be read again: where each stream stands, moved only by acknowledgements, kept in one
//! small file per input. A stream's position is the end of its last batch before which every batch is acknowledged.

#[cfg(test)]
mod model;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;

use crate::queue::ack::{Ack, Acknowledge, Ahead};
use crate::queue::whole_file;

/// All positions of one input.
#[derive(Clone)]
pub struct Positions {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    safe: Mutex<BTreeMap<String, Value>>,
    dirty: AtomicBool,
    /// How many positions were set without a batch.
    sets: AtomicU64,
    /// What the file holds. Locked while it is written.
    saved: Mutex<Saved>,
}

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

    fn save(&self, saved: &mut Saved) -> io::Result<()> {
        let sets = self.sets.load(Ordering::Acquire);
        if !self.dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let positions = self.safe().clone();
        let written = write(&self.path, &positions);
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
}

impl Positions {
    /// Reads the file of an earlier run, if there is one. A file that is no JSON object is an error, not a fresh start.
    pub fn open(path: &Path) -> io::Result<Self> {
        let safe = read(path)?;
        let shared = Shared {
            path: path.into(),
            saved: Mutex::new(Saved {
                positions: safe.clone(),
                sets: 0,
            }),
            safe: Mutex::new(safe),
            dirty: AtomicBool::new(false),
            sets: AtomicU64::new(0),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The safe position of a stream.
    pub fn safe(&self, key: &str) -> Option<Value> {
        self.shared.safe().get(key).cloned()
    }

    /// Keys of all streams that have a position.
    pub fn keys(&self) -> Vec<String> {
        self.shared.safe().keys().cloned().collect()
    }

    /// A stream whose batches are to be acknowledged. The same key must not be open twice.
    pub fn stream(&self, key: &str) -> Stream {
        let inner = Inner {
            key: key.to_owned(),
            positions: Arc::clone(&self.shared),
            waiting: Mutex::new(Waiting::default()),
        };
        Stream {
            inner: Arc::new(inner),
        }
    }

    /// Sets a position without a batch.
    pub fn set(&self, key: &str, position: Value) {
        self.shared.set(key, position);
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

/// Reads a file of positions; one that is not there has none.
pub fn read(path: &Path) -> io::Result<BTreeMap<String, Value>> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

/// Writes a file of positions.
pub fn write(path: &Path, positions: &BTreeMap<String, Value>) -> io::Result<()> {
    whole_file::replace(path, &serde_json::to_vec(positions)?)
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
}

#[derive(Default)]
struct Waiting {
    /// Token of the batch at the front.
    first: u64,
    /// Ends of batches that are under way, and how far each is.
    batches: VecDeque<(Value, Stage)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    UnderWay,
    /// Only a patient holder is left, and every batch before is as far.
    Ripe,
    Acknowledged,
}

impl Stream {
    /// The handle for the stream's next batch, which ends at `end`.
    pub fn ack(&self, end: Value) -> Ack {
        let mut waiting = self
            .inner
            .waiting
            .lock()
            .expect("no holder of this lock panics");
        let token = waiting.first + waiting.batches.len() as u64;
        waiting.batches.push_back((end, Stage::UnderWay));
        drop(waiting);
        Ack::new(Arc::clone(&self.inner) as Arc<dyn Acknowledge>, token)
    }

    /// Sets the position without a batch.
    pub fn set(&self, position: Value) {
        self.inner.positions.set(&self.inner.key, position);
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

    /// Whether every batch is acknowledged.
    pub fn is_settled(&self) -> bool {
        self.inner
            .waiting
            .lock()
            .expect("no holder of this lock panics")
            .batches
            .is_empty()
    }
}

impl Acknowledge for Inner {
    fn acknowledge(&self, token: u64) {
        let mut waiting = self.waiting.lock().expect("no holder of this lock panics");
        let place = token.checked_sub(waiting.first).map(|place| place as usize);
        if let Some((_, stage)) = place.and_then(|place| waiting.batches.get_mut(place)) {
            *stage = Stage::Acknowledged;
        }
        let mut safe = None;
        while let Some((_, Stage::Acknowledged)) = waiting.batches.front() {
            waiting.first += 1;
            safe = waiting.batches.pop_front().map(|(end, _)| end);
        }
        if let Some(end) = safe {
            // The lock on `waiting` is held on purpose: a later position must not be overtaken by this one.
            self.positions.safe().insert(self.key.clone(), end);
            self.positions.dirty.store(true, Ordering::Release);
        }
    }

    fn follows(&self, token: u64) -> bool {
        let mut waiting = self.waiting.lock().expect("no holder of this lock panics");
        let Some(place) = token.checked_sub(waiting.first).map(|place| place as usize) else {
            return true;
        };
        let mut earlier = waiting.batches.iter().take(place).rev();
        // All before a ripe one are as far, so that the last of them tells.
        let first_open = earlier.find(|(_, stage)| *stage != Stage::Acknowledged);
        let follows = first_open.is_none_or(|(_, stage)| *stage == Stage::Ripe);
        if follows && let Some((_, stage)) = waiting.batches.get_mut(place) {
            *stage = Stage::Ripe;
        }
        follows
    }

    fn ahead(&self, tokens: &BTreeSet<u64>) -> Option<Ahead> {
        let waiting = self.waiting.lock().expect("no holder of this lock panics");
        let mut done = (waiting.first..).zip(&waiting.batches);
        let is_done = |&(token, (_, stage)): &(u64, &(Value, Stage))| {
            *stage == Stage::Acknowledged || tokens.contains(&token)
        };
        let mut end = None;
        while let Some((_, (last, _))) = done.next().filter(is_done) {
            end = Some(last.clone());
        }
        Some(Ahead {
            positions: Positions {
                shared: Arc::clone(&self.positions),
            },
            key: self.key.clone(),
            end: end?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Positions;
    use crate::queue::ack::Others;

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
    fn a_stream_saves_what_was_set_and_not_what_moved() {
        let (positions, folder) = open("set");
        let on_disk = || std::fs::read_to_string(positions.path()).unwrap_or_default();
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
        stream.set(json!(4));
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
}
