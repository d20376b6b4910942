//! What all readers of a docker input share: what to read, how events look, where positions and figures go.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::docker::container::Container;
use crate::docker::engine::Engine;
use crate::event::Batch;
use crate::inputs::Flow;
use crate::inputs::docker::lines::{Counts, Shape};
use crate::inputs::docker::log_files::LogPaths;
use crate::inputs::docker::place::Position;
use crate::inputs::docker::selection::Selection;
use crate::inputs::docker::tail::Tail;
use crate::metrics::{Counter, Gauge, PluginMetrics};
use crate::pipeline::worker::Stopped;
use crate::queue::positions::{Positions, Stream};

/// Where containers are begun that were there before the input's first start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartPosition {
    Beginning,
    End,
}

/// What can be missing; each is said once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Missing {
    /// Docker itself, or the right to it.
    Docker,
    Log,
    Description,
    Watch,
    /// Logs of a driver that sends them elsewhere.
    Driver,
}

/// Shared by the threads and tasks of one docker input.
pub struct Reading {
    pub flow: Flow,
    pub positions: Positions,
    pub shape: Arc<Shape>,
    pub selection: Selection,
    pub start_position: StartPosition,
    /// Also the Engine's cache of logs whose driver sends them elsewhere.
    pub read_cache: bool,
    pub counters: Counters,
    /// None if there is no usable socket.
    pub engine: Option<Engine>,
    /// Wakes the reader of the Engine's logs: there is a container for it.
    pub engine_wanted: Arc<Notify>,
    said: Mutex<HashSet<Missing>>,
}

/// Figures of a docker input besides the usual ones.
pub struct Counters {
    pub containers: Arc<Gauge>,
    pub containers_missed: Arc<Counter>,
    pub lines_truncated: Arc<Counter>,
    pub lines_unfinished: Arc<Counter>,
    pub records_damaged: Arc<Counter>,
    pub rotations_missed: Arc<Counter>,
    pub archives_cut: Arc<Counter>,
    pub files_truncated: Arc<Counter>,
    pub read_errors: Arc<Counter>,
    pub reconnects: Arc<Counter>,
}

impl Counters {
    pub fn of(metrics: &PluginMetrics) -> Self {
        Self {
            containers: metrics.gauge("containers"),
            containers_missed: metrics.counter("containers_missed"),
            lines_truncated: metrics.counter("lines_truncated"),
            lines_unfinished: metrics.counter("lines_unfinished"),
            records_damaged: metrics.counter("records_damaged"),
            rotations_missed: metrics.counter("rotations_missed"),
            archives_cut: metrics.counter("archives_cut"),
            files_truncated: metrics.counter("files_truncated"),
            read_errors: metrics.counter("read_errors"),
            reconnects: metrics.counter("reconnects"),
        }
    }
}

/// The key in the positions that says that the input has run before.
const STARTED: &str = "started";

/// The parts of a reading that its options give.
pub struct Plan {
    pub shape: Shape,
    pub selection: Selection,
    pub start_position: StartPosition,
    pub read_cache: bool,
    pub metrics: Arc<PluginMetrics>,
    pub engine: Option<Engine>,
}

impl Reading {
    pub fn new(plan: Plan, flow: Flow, positions: Positions) -> Self {
        Self {
            flow,
            positions,
            shape: Arc::new(plan.shape),
            selection: plan.selection,
            start_position: plan.start_position,
            read_cache: plan.read_cache,
            counters: Counters::of(&plan.metrics),
            engine: plan.engine,
            engine_wanted: Arc::new(Notify::new()),
            said: Mutex::new(HashSet::new()),
        }
    }

    /// Warns of something missing, the first time.
    pub fn say_once(&self, what: Missing, words: &str) {
        let mut said = self.said.lock().expect("no holder of this lock panics");
        if said.insert(what) {
            tracing::warn!("docker: {}", words.escape_debug());
        } else {
            tracing::debug!("docker: {}", words.escape_debug());
        }
    }

    /// It is there again: should it go missing once more, that is said once more.
    pub fn unsay(&self, what: Missing) {
        self.said
            .lock()
            .expect("no holder of this lock panics")
            .remove(&what);
    }

    /// Where an earlier run stopped reading a container.
    pub fn position(&self, id: &str) -> Option<Position> {
        self.positions
            .reached(id)
            .map(|position| Position::from_json(&position))
    }

    /// What it is read on with, and from where.
    pub fn resume(&self, id: &str) -> (Stream, Option<Position>) {
        let (stream, position) = self.positions.resume(id);
        (
            stream,
            position.map(|position| Position::from_json(&position)),
        )
    }

    /// Whether a container that is found at the start is to be begun at its end.
    pub fn begins_at_end(&self) -> bool {
        self.start_position == StartPosition::End && self.positions.safe(STARTED).is_none()
    }

    /// From now on a container without a position is a new one.
    pub fn note_start(&self) {
        if self.positions.safe(STARTED).is_none() {
            self.positions.set(STARTED, true.into());
        }
    }

    pub fn open_tail(
        &self,
        paths: LogPaths,
        container: Container,
        at_start: bool,
    ) -> io::Result<Tail> {
        let id = container.id.clone();
        let (stream, position) = self.resume(&id);
        let mut tail = Tail::open(
            paths,
            Arc::new(container),
            Arc::clone(&self.shape),
            Arc::clone(&self.flow.names),
            stream,
            position.as_ref(),
        )?;
        if at_start
            && position.is_none()
            && self.begins_at_end()
            && let Some(end) = tail.skip_to_end()?
        {
            self.positions.set(&id, end.to_json());
        }
        Ok(tail)
    }

    /// Asks the Engine for a description that cannot be read; without an answer the id must do.
    pub fn describe_otherwise(&self, id: &str, error: &io::Error) -> Container {
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(engine), Ok(runtime)) = (&self.engine, runtime)
            && let Ok(container) = runtime.block_on(engine.inspect(id))
        {
            return container;
        }
        self.say_once(
            Missing::Description,
            &format!(
                "the name and labels of container {id} cannot be had: config.v2.json: {error}, and the Engine does not \
                 tell either. Events carry the id alone. Run as root, give CAP_DAC_READ_SEARCH, or mount the socket"
            ),
        );
        Container::unknown(id)
    }

    /// A container whose log is not in json-file.
    pub fn leave_to_engine(&self, container: &Container) {
        if self.engine_reads(container) && self.selection.takes(container) {
            self.engine_wanted.notify_one();
        }
    }

    /// Whether the Engine's API is the way to a container's logs, seen from its driver.
    pub fn engine_reads(&self, container: &Container) -> bool {
        match &*container.driver {
            "json-file" | "local" | "journald" | "" => true,
            "none" => false,
            other if self.read_cache => {
                tracing::debug!("container {}: the cache of driver {other}", container.name);
                true
            }
            other => {
                self.say_once(
                    Missing::Driver,
                    &format!(
                        "container {} sends its logs elsewhere (driver {other}), so they are not read here. \
                         `read_cache => true` reads the Engine's cache of them, which may be incomplete",
                        container.name
                    ),
                );
                false
            }
        }
    }

    pub fn send_blocking(&self, batch: Batch) -> Result<(), Stopped> {
        self.flow.batches.send_blocking(batch)
    }

    pub async fn send(&self, batch: Batch) -> Result<(), Stopped> {
        self.flow.batches.send(batch).await
    }

    pub fn count_lines(&self, counts: Counts) {
        self.counters.lines_truncated.add(counts.truncated);
        self.counters.lines_unfinished.add(counts.unfinished);
        self.counters.records_damaged.add(counts.damaged);
    }

    /// Takes over what a tail counted.
    pub fn count(&self, tail: &mut Tail) {
        let (lines, losses) = tail.take_counts();
        self.count_lines(lines);
        if 0 < losses.rotations_missed {
            tracing::warn!(
                "docker: logs of container {} were rotated away before they were read; raise its max-file or max-size",
                tail.container.name.escape_debug()
            );
        }
        if 0 < losses.truncations {
            tracing::warn!(
                "docker: someone cut the log of container {}; it is read from its beginning",
                tail.container.name.escape_debug()
            );
        }
        if 0 < losses.archives_cut {
            tracing::warn!(
                "docker: a compressed log of container {} unpacks to more than ARCHIVE_BYTES_MAX: the rest is not read",
                tail.container.name.escape_debug()
            );
        }
        self.counters.rotations_missed.add(losses.rotations_missed);
        self.counters.archives_cut.add(losses.archives_cut);
        self.counters.files_truncated.add(losses.truncations);
    }
}
