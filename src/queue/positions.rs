//! Positions of inputs that can be read again: where each stream stands, moved only by acknowledgements, kept in one
//! small file per input. A stream's position is the end of its last batch before which every batch is acknowledged.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;

use crate::queue::ack::{Ack, Acknowledge};
use crate::queue::in_order::InOrder;

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
    /// How many of these are on disk. Whoever writes the file holds the lock.
    saved: Mutex<u64>,
}

impl Shared {
    fn set(&self, key: &str, position: Value) {
        self.safe().insert(key.to_owned(), position);
        self.sets.fetch_add(1, Ordering::AcqRel);
        self.dirty.store(true, Ordering::Release);
    }

    fn save(&self, saved: &mut u64) -> io::Result<()> {
        let sets = self.sets.load(Ordering::Acquire);
        if !self.dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let bytes = serde_json::to_vec(&*self.safe())?;
        let written = write_file(&self.path, &bytes);
        match &written {
            Ok(()) => *saved = sets,
            Err(_) => self.dirty.store(true, Ordering::Release),
        }
        written
    }

    fn saved(&self) -> MutexGuard<'_, u64> {
        self.saved.lock().expect("no holder of this lock panics")
    }

    fn safe(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.safe.lock().expect("no holder of this lock panics")
    }
}

impl Positions {
    /// Reads the file of an earlier run, if there is one. A file that is no JSON object is an error, not a fresh start.
    pub fn open(path: &Path) -> io::Result<Self> {
        let safe = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        let shared = Shared {
            path: path.into(),
            safe: Mutex::new(safe),
            dirty: AtomicBool::new(false),
            sets: AtomicU64::new(0),
            saved: Mutex::new(0),
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
            waiting: Mutex::new(InOrder::from(0)),
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
}

/// Replaces a file so that a crash leaves the old one or the new one.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let temporary = path.with_extension("tmp");
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    std::fs::File::open(folder)?.sync_all()
}

/// One stream: a file, a container's output.
#[derive(Clone)]
pub struct Stream {
    inner: Arc<Inner>,
}

struct Inner {
    key: String,
    positions: Arc<Shared>,
    /// Ends of batches that are under way.
    waiting: Mutex<InOrder<Value>>,
}

impl Stream {
    /// The handle for the stream's next batch, which ends at `end`.
    pub fn ack(&self, end: Value) -> Ack {
        let token = self.inner.waiting().push(end);
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
        let is_saved = positions.sets.load(Ordering::Acquire) <= *saved;
        match is_saved || positions.path.as_os_str().is_empty() {
            true => Ok(()),
            false => positions.save(&mut saved),
        }
    }

    /// Whether every batch is acknowledged.
    pub fn is_settled(&self) -> bool {
        self.inner.waiting().is_empty()
    }
}

impl Inner {
    fn waiting(&self) -> MutexGuard<'_, InOrder<Value>> {
        self.waiting.lock().expect("no holder of this lock panics")
    }
}

impl Acknowledge for Inner {
    fn acknowledge(&self, token: u64) {
        let mut waiting = self.waiting();
        if let Some(end) = waiting.done(token) {
            // The lock on `waiting` is held on purpose: a later position must not be overtaken by this one.
            self.positions.safe().insert(self.key.clone(), end);
            self.positions.dirty.store(true, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Positions;

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
    fn positions_outlive_the_process() {
        let (positions, folder) = open("outlive");
        positions.stream("a").ack(json!({"offset": 7})).settle();
        positions.save().expect("the folder can be written");
        let again = Positions::open(positions.path()).expect("the file can be read");
        assert_eq!(again.safe("a"), Some(json!({"offset": 7})));
        std::fs::remove_dir_all(folder).expect("the folder is ours");
    }
}
