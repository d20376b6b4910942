//! The thread of the input: it waits for changes, reads the files that have some, in turn, and looks at everything from
//! time to time. Which file is which is found out in `discover`.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::inputs::Flow;
use crate::inputs::file::completed::Completed;
use crate::inputs::file::config::{Config, Mode};
use crate::inputs::file::files::Files;
use crate::inputs::file::known::{Known, Strange};
use crate::inputs::file::progress::{Progress, Reached};
use crate::inputs::file::tail::{Step, Tail};
use crate::inputs::file::watch::{Change, Watch};
use crate::inputs::stop_signal::{StopSignal, Woken};
use crate::inputs::unfinished::Unfinished;
use crate::limits;
use crate::metrics::{Counter, Gauge};
use crate::queue::positions::Positions;

/// Everything that the thread knows.
pub struct Follow<'a> {
    pub(super) config: &'a Config,
    pub(super) flow: &'a Flow,
    stop: &'a StopSignal,
    pub(super) positions: Positions,
    pub(super) known: Known,
    pub(super) watch: Option<Watch>,
    pub(super) files: Files,
    /// What all files hold of lines without an end.
    pub(super) unfinished: Arc<Unfinished>,
    queue: VecDeque<u64>,
    pub(super) completed: Completed,
    /// Paths of which it was said what is wrong with them.
    said: HashSet<PathBuf>,
    /// Files that are there now were there at the start.
    pub(super) is_first_scan: bool,
    /// What earlier runs had begun is gone on in.
    pub(super) has_resumed: bool,
    pub(super) rescan_at: Instant,
    woken: Instant,
    /// No more files can be open: each is closed after its turn.
    is_crowded: bool,
    progress: Progress,
    /// It was said that archives are left out.
    pub(super) is_archive_said: bool,
    pub(super) truncations: Arc<Counter>,
    /// Files that were gone, or could not be read, before they were read to their end.
    pub(super) missed: Arc<Counter>,
    /// Paths that were said to be unreadable.
    read_errors: Arc<Counter>,
    open: Arc<Gauge>,
}

/// Whether the thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Going {
    On,
    /// The agent is stopping, or everything is read that was to be.
    Over,
}

impl<'a> Follow<'a> {
    pub fn new(
        config: &'a Config,
        flow: &'a Flow,
        stop: &'a StopSignal,
        positions: Positions,
        strange: Strange,
    ) -> Self {
        let watch = Watch::new().map_err(|error| {
            tracing::warn!(%error, "the kernel cannot tell of changed files; they are looked at instead");
        });
        let metrics = config.origin.metrics();
        Self {
            config,
            flow,
            stop,
            known: Known::new(&positions, strange),
            completed: Completed::new(positions.clone()),
            positions,
            watch: watch.ok(),
            files: Files::default(),
            unfinished: Unfinished::new(limits::FILE_UNFINISHED_BYTES_MAX),
            queue: VecDeque::new(),
            said: HashSet::new(),
            is_first_scan: true,
            has_resumed: false,
            rescan_at: Instant::now(),
            woken: Instant::now(),
            is_crowded: false,
            progress: Progress::new(),
            is_archive_said: false,
            truncations: metrics.counter("truncations"),
            missed: metrics.counter("rotations_missed"),
            read_errors: metrics.counter("read_errors"),
            open: metrics.gauge("files"),
        }
    }

    /// Runs until the agent stops, or until everything is read if that was wanted.
    pub fn run(mut self) -> io::Result<()> {
        loop {
            if self.rescan_at <= Instant::now() {
                self.rescan();
            }
            if self.read_turn() == Going::Over {
                return Ok(());
            }
            self.settle();
            if self.has_read_all() {
                return Ok(());
            }
            let timeout = self.timeout();
            let descriptor = self.watch.as_ref().map(Watch::descriptor);
            match self.stop.wait(descriptor, Some(timeout))? {
                Woken::Stop => break,
                Woken::Readable if self.nap()? == Going::Over => break,
                Woken::Readable => self.take_changes(),
                Woken::TimedOut => {}
            }
        }
        self.leave();
        Ok(())
    }

    /// Does what is to be done with completed files. One that grew meanwhile is read on.
    fn settle(&mut self) {
        for id in self.completed.settle(&mut self.files) {
            if let Some(tail) = self.files.tail(id) {
                tail.completed = false;
            }
            self.enqueue(id);
        }
    }

    fn has_read_all(&self) -> bool {
        let may_exit = matches!(self.config.mode, Mode::Read { exit: true, .. });
        may_exit && !self.is_first_scan && self.queue.is_empty() && self.completed.is_empty()
    }

    fn timeout(&self) -> Duration {
        if !self.queue.is_empty() {
            return Duration::ZERO;
        }
        let rescan = self.rescan_at.saturating_duration_since(Instant::now());
        match self.completed.is_empty() {
            true => rescan,
            false => rescan.min(limits::FILE_COMPLETION_INTERVAL),
        }
    }

    /// Lets changes gather if the last ones came only just now and nothing else is to be done.
    fn nap(&mut self) -> io::Result<Going> {
        let since = self.woken.elapsed();
        let woken = match self.queue.is_empty() && since < limits::FILE_NAP {
            true => self.stop.wait(None, Some(limits::FILE_NAP - since))?,
            false => Woken::TimedOut,
        };
        self.woken = Instant::now();
        Ok(match woken {
            Woken::Stop => Going::Over,
            Woken::Readable | Woken::TimedOut => Going::On,
        })
    }

    fn take_changes(&mut self) {
        let mut changes = Vec::new();
        if let Some(watch) = &mut self.watch
            && let Err(error) = watch.changes(&mut changes)
        {
            tracing::warn!(%error, "the kernel tells of no changes any more; files are looked at instead");
            self.watch = None;
            changes.push(Change::All);
        }
        for change in changes {
            match change {
                Change::Written(path) => match self.files.at_home(&path) {
                    Some(id) => {
                        if let Some(tail) = self.files.tail(id) {
                            tail.has_grown = true;
                        }
                        self.enqueue(id);
                    }
                    None if self.config.wants(&path) => self.look_at(&path),
                    None => {}
                },
                Change::Entry(path) => self.look_at(&path),
                Change::File(id) => {
                    if let Some(home) = self.files.tail(id).and_then(|tail| tail.home.clone()) {
                        self.look_at(&home);
                    }
                    self.enqueue(id);
                }
                Change::All => self.rescan_at = Instant::now(),
            }
        }
    }

    /// The file's turn to be read will come.
    pub(super) fn enqueue(&mut self, id: u64) {
        if let Some(tail) = self.files.tail(id)
            && !tail.waits
            && !std::mem::replace(&mut tail.queued, true)
        {
            self.queue.push_back(id);
        }
    }

    /// Ends with a file. If it is closed and was written to, that was not read.
    pub(super) fn let_go(&mut self, id: u64) -> Option<Tail> {
        self.release(id);
        let tail = self.take_out(id)?;
        if tail.has_grown && !tail.is_open() {
            self.missed.add(1);
            tracing::warn!(
                path = %tail.path.display(), offset = tail.progress().0,
                "the file was closed and is gone; what was written to it behind the offset is not read"
            );
        }
        Some(tail)
    }

    /// Takes a file out whose followers still have to wait.
    pub(super) fn take_out(&mut self, id: u64) -> Option<Tail> {
        if let Some(watch) = &mut self.watch {
            watch.remove_file(id);
        }
        self.files.remove(id)
    }

    /// The file is at its end: those that waited for it are read.
    fn release(&mut self, id: u64) {
        let followers = self
            .files
            .tail(id)
            .map(|tail| std::mem::take(&mut tail.followers));
        for id in followers.unwrap_or_default() {
            if let Some(tail) = self.files.tail(id) {
                tail.waits = false;
            }
            self.enqueue(id);
        }
    }

    /// Reads the file whose turn it is.
    fn read_turn(&mut self) -> Going {
        let Some(id) = self.queue.pop_front() else {
            self.progress.idle();
            return Going::On;
        };
        let mut step = Ok(Step::More);
        for taken in 1.. {
            let Some(tail) = self.files.tail(id) else {
                return Going::On;
            };
            step = tail.step(self.flow);
            let is_over = !matches!(step, Ok(Step::More)) || self.flow.is_stopping();
            if is_over || (limits::FILE_TURN_READS <= taken && !tail.is_pressed()) {
                break;
            }
        }
        self.show_progress();
        let going = self.end_turn(id, step);
        if let Some(tail) = self.files.tail(id) {
            tail.end_turn();
        }
        going
    }

    pub(super) fn end_turn(&mut self, id: u64, step: io::Result<Step>) -> Going {
        let is_crowded = self.is_crowded();
        let Some(tail) = self.files.tail(id) else {
            return Going::On;
        };
        let path = tail.home.as_ref().unwrap_or(&tail.path).clone();
        match step {
            Ok(Step::More) => {
                if is_crowded && tail.home.is_some() {
                    tail.close();
                }
                match self.config.mode {
                    Mode::Tail => self.queue.push_back(id),
                    // One file after the other, in the order that was asked for.
                    Mode::Read { .. } => self.queue.push_front(id),
                }
            }
            Ok(Step::AtEnd) => {
                (tail.queued, tail.has_grown) = (false, false);
                if is_crowded && tail.home.is_some() {
                    tail.close();
                }
                return self.at_end(id);
            }
            Ok(Step::Truncated) => return self.emptied(id, &path),
            Ok(Step::Replaced) => {
                tail.queued = false;
                let home = tail.home.clone();
                let is_found = self.relocate(id);
                match home {
                    Some(home) => {
                        if !is_found {
                            self.let_go(id);
                        }
                        self.look_at(&home);
                    }
                    // It may have been renamed, and the news of its new path still be under way.
                    None if !is_found => self.release(id),
                    None => {}
                }
            }
            Ok(Step::Stopped) => return Going::Over,
            Err(error) => {
                tail.queued = false;
                tail.close();
                let is_gone = tail.home.is_none();
                self.release(id);
                self.say(&path, &error);
                if is_gone {
                    self.let_go(id);
                }
            }
        }
        Going::On
    }

    /// A file was read to its end. In mode `read`, and for an archive, that was it.
    fn at_end(&mut self, id: u64) -> Going {
        self.release(id);
        let Some(tail) = self.files.tail(id) else {
            return Going::On;
        };
        let Mode::Read { delete, log, .. } = &self.config.mode else {
            if !tail.is_packed() {
                return Going::On;
            }
            let done = tail.finish(self.flow);
            self.let_go(id);
            return going(done);
        };
        let done = tail.finish(self.flow);
        tail.close();
        if !std::mem::replace(&mut tail.completed, true) {
            let log = log.clone().filter(|_| !tail.is_logged);
            self.completed.add(id, tail, *delete, log);
        }
        going(done)
    }

    fn show_progress(&mut self) {
        let (files, queue) = (&self.files, &self.queue);
        self.progress.busy(|| {
            let (read, size) = files
                .all()
                .map(|(_, tail)| tail.progress())
                .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            Reached {
                files: files.len(),
                files_waiting: queue.len(),
                read,
                size,
            }
        });
        self.open.set(self.files.len() as u64);
    }

    /// Whether more files are read than can be open.
    pub(super) fn is_crowded(&self) -> bool {
        self.is_crowded || self.config.open_max < self.files.len()
    }

    /// Says once what is wrong with a path. The next rescan tries again.
    pub(super) fn say(&mut self, path: &Path, error: &io::Error) {
        if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) {
            self.is_crowded = true;
            self.rescan_at = self.rescan_at.min(Instant::now() + limits::CROWDED_WAIT);
        }
        if self.said.insert(path.into()) {
            self.read_errors.add(1);
            tracing::warn!(path = %path.display(), %error, "cannot be read; it is tried again from time to time");
        }
    }

    /// All is well with a path.
    pub(super) fn unsay(&mut self, path: &Path) {
        self.said.remove(path);
    }
}

pub(super) fn going(done: Step) -> Going {
    match done {
        Step::Stopped => Going::Over,
        Step::More | Step::AtEnd | Step::Truncated | Step::Replaced => Going::On,
    }
}
