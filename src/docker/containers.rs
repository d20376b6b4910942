//! All containers of the host by id and by name, for events that came another way than from their logs. A thread keeps the
//! index; whoever asks waits for a short time at most.

mod index;
mod keeper;

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::docker::container::Container;
use crate::docker::engine::Engine;
use crate::limits;
use index::Index;

/// Where descriptions come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// None if there is no usable socket.
    pub engine: Option<Engine>,
    /// Folders that may be Docker's; empty if files are not to be read.
    pub data_roots: Vec<PathBuf>,
}

/// A handle on the index; clones share it. The thread starts with the first question and ends after the last handle.
#[derive(Clone)]
pub struct Containers {
    shared: Arc<Shared>,
    asks: mpsc::Sender<String>,
    wait: Duration,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    start: Mutex<Option<(Source, mpsc::Receiver<String>)>>,
}

struct State {
    index: Index,
    reach: Reach,
    /// Questions that may still be asked in this second.
    asks_left: u32,
    second: Option<Instant>,
}

/// Whether Docker can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// It is being asked for the first time.
    Unknown,
    Up,
    Away,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// Changes the index and tells who waits.
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }
}

impl State {
    /// Whether one more question may be asked: programs' names are chosen by who sends events.
    fn may_ask(&mut self) -> bool {
        let now = Instant::now();
        if self
            .second
            .is_none_or(|second| Duration::from_secs(1) <= now - second)
        {
            self.second = Some(now);
            self.asks_left = limits::DOCKER_ASKS_PER_SECOND_MAX;
        }
        let may = 0 < self.asks_left;
        self.asks_left = self.asks_left.saturating_sub(1);
        may
    }
}

impl Containers {
    /// Opens nothing yet. `wait` is how long one question may take.
    pub fn new(source: Source, wait: Duration) -> Self {
        let (asks, receiver) = mpsc::channel(limits::DOCKER_ASKS_WAITING_MAX);
        let state = State {
            index: Index::default(),
            reach: Reach::Unknown,
            asks_left: 0,
            second: None,
        };
        let shared = Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            start: Mutex::new(Some((source, receiver))),
        };
        Self {
            shared: Arc::new(shared),
            asks,
            wait,
        }
    }

    /// The container that a program's name stands for: a full or short id, or a name, behind the last slash.
    pub fn find(&self, program: &str) -> Option<Arc<Container>> {
        let key = program.rsplit('/').next().filter(|key| !key.is_empty())?;
        if limits::CONTAINER_NAME_BYTES_MAX < key.len() {
            return None;
        }
        self.start();
        let mut state = self.shared.state();
        if let Some(found) = state.index.find(key) {
            return Some(found);
        }
        if state.reach == Reach::Unknown {
            let unknown = |state: &mut State| state.reach == Reach::Unknown;
            let waited = self.shared.changed.wait_timeout_while(
                state,
                limits::DOCKER_FIRST_LIST_WAIT,
                unknown,
            );
            state = waited.expect("no holder of this lock panics").0;
            if state.reach == Reach::Unknown {
                // Nobody waits a second time.
                state.reach = Reach::Away;
            }
            if let Some(found) = state.index.find(key) {
                return Some(found);
            }
        }
        if state.reach != Reach::Up || state.index.is_missing(key) || !state.may_ask() {
            return None;
        }
        if self.asks.try_send(key.to_owned()).is_err() {
            return None;
        }
        let open =
            |state: &mut State| state.index.find(key).is_none() && !state.index.is_missing(key);
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, self.wait, open);
        waited
            .expect("no holder of this lock panics")
            .0
            .index
            .find(key)
    }

    fn start(&self) {
        let mut start = self
            .shared
            .start
            .lock()
            .expect("no holder of this lock panics");
        let Some((source, asks)) = start.take() else {
            return;
        };
        if let Err(error) = keeper::spawn(Arc::downgrade(&self.shared), source, asks) {
            tracing::warn!("docker: no thread for containers' descriptions: {error}");
            self.shared.change(|state| state.reach = Reach::Away);
        }
    }

    /// An index that nobody keeps.
    #[cfg(test)]
    pub fn fixed(containers: Vec<Container>) -> Self {
        let all = Self::new(
            Source {
                engine: None,
                data_roots: Vec::new(),
            },
            Duration::ZERO,
        );
        drop(all.shared.start.lock().expect("nobody panics").take());
        all.shared.change(|state| {
            containers
                .into_iter()
                .for_each(|container| state.index.put(container));
            state.reach = Reach::Away;
        });
        all
    }
}
