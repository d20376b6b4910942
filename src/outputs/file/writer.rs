//! The thread that writes: texts come in, files grow, and when they are on disk the batches are acknowledged. What cannot
//! be written is said once and tried again; nothing is skipped. What nobody else holds goes to the queue on disk meanwhile.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::iter;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rustix::io::Errno;
use tokio::runtime::Handle;

use crate::limits;
use crate::metrics::{DOCUMENTS_LOST, PluginMetrics};
use crate::outputs::file::opened::{Behavior, Modes, Open, Unopened, is_still_named, open_file};
use crate::outputs::file::overflow::{Outlet, Place};
use crate::outputs::file::path::PathPlan;
use crate::outputs::file::text::{Chunk, Text};
use crate::outputs::leave::{Leave, Notice};
use crate::quiet::Quiet;

/// Where texts are written to, and how. A reload changes it for those too that wait already.
pub struct Way {}

/// The writing thread's state.
pub struct Writer {
    plan: PathPlan,
    modes: Modes,
    behavior: Behavior,
    recreate: bool,
    metrics: Arc<PluginMetrics>,
    outlet: Outlet,
    notice: Notice,
    open: HashMap<Vec<u8>, Open>,
    /// Of the texts under way.
    held: Held,
    /// How many of their chunks are written.
    written: usize,
    /// The last fault that was said, until a write succeeds.
    said: Option<String>,
    /// Of paths that lead to no file.
    confined: Quiet,
    sync_data: SyncFile,
    /// For folders.
    sync_all: SyncFile,
}

/// `File::sync_data` or `File::sync_all`, but for tests.
type SyncFile = Box<dyn FnMut(&File) -> io::Result<()> + Send>;

/// Who else has what the writer has in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// Nobody, but there is a queue on disk that takes it.
    Movable,
    /// It can be read again, or comes from the queue on disk.
    Elsewhere,
    /// Nobody, and nobody would take it.
    Here,
}

/// Why something was not written.
#[derive(Debug)]
enum Fault {
    Io(io::Error),
    /// See `Unopened::Confined`.
    Confined(io::Error),
    /// It is not waited for, since others can take it.
    Stuck,
    /// The writer was told to leave.
    Left,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Unopened> for Fault {
    fn from(unopened: Unopened) -> Self {
        match unopened {
            Unopened::Away(error) => Self::Io(error),
            Unopened::Confined(error) => Self::Confined(error),
        }
    }
}

/// What to do about a fault, if that is not plain.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            " (are its rights as they should be? If its folder was made anew since the agent started, landlock keeps the \
             agent out of it: restart the agent)"
        }
        _ if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => " (does nobody read it?)",
        _ => "",
    }
}

impl Chunk {
    /// What of it is written.
    fn text(&self, behavior: Behavior) -> &[u8] {
        match behavior {
            Behavior::Append => &self.bytes,
            Behavior::Overwrite => self.newest(),
        }
    }
}

impl Writer {
    pub fn new(
        plan: PathPlan,
        modes: Modes,
        behavior: Behavior,
        recreate: bool,
        metrics: Arc<PluginMetrics>,
        outlet: Outlet,
    ) -> Self {
        Self {
            plan,
            modes,
            behavior,
            recreate,
            metrics,
            outlet,
            notice: Notice::default(),
            open: HashMap::new(),
            held: Held::Here,
            written: 0,
            said: None,
            confined: Quiet::default(),
            sync_data: Box::new(File::sync_data),
            sync_all: Box::new(File::sync_all),
        }
    }

    /// Ends as it is told.
    pub fn told_by(mut self, notice: Notice) -> Self {
        self.notice = notice;
        self
    }

    /// Writes until all encoders are gone or it is told to leave. Texts that wait together share one sync.
    pub fn run(mut self) {
        let runtime = Handle::current();
        while let Some(first) = runtime.block_on(self.outlet.next(&mut self.notice, &self.plan)) {
            let place = first.place;
            let mut group = vec![first.text];
            while group.len() < limits::TEXTS_WAITING_MAX
                && let Some(text) = self.outlet.try_next(place, &self.plan)
            {
                group.push(text);
            }
            let is_movable = |text: &Text| place == Place::Memory && self.outlet.keeps(text);
            let (movable, others): (Vec<_>, Vec<_>) = group.into_iter().partition(is_movable);
            let held = match place == Place::Memory && others.iter().any(Text::is_pushed) {
                true => Held::Here,
                false => Held::Elsewhere,
            };
            let delivered = match self.deliver(movable, Held::Movable) {
                Ok(()) => self.deliver(others, held),
                // The others are read again.
                left => left,
            };
            if let Err(unwritten) = delivered {
                return match place {
                    Place::Memory => self.leave(unwritten),
                    // That stays where it is.
                    Place::Disk => self.leave(Vec::new()),
                };
            }
        }
    }

    /// Has texts on disk and tells so; those that are movable maybe on that of the queue. Gives what was not written before
    /// it had to leave.
    fn deliver(&mut self, mut texts: Vec<Text>, held: Held) -> Result<(), Vec<Text>> {
        self.held = held;
        while !texts.is_empty() {
            match self.write_group(&mut texts) {
                Ok(()) => {
                    for text in texts.drain(..) {
                        self.metrics.events_out.add(text.events());
                        text.settle();
                    }
                }
                Err(Fault::Left) => return Err(self.unwritten(texts)),
                Err(Fault::Stuck | Fault::Io(_) | Fault::Confined(_)) => {
                    let unwritten = self.unwritten(texts);
                    texts = self.put_back(unwritten)?;
                }
            }
        }
        Ok(())
    }

    /// Puts texts on the disk of the queue. Gives those for which there is no room before it is time to try to write them
    /// again, or as an error if it has to leave.
    fn put_back(&self, texts: Vec<Text>) -> Result<Vec<Text>, Vec<Text>> {
        let until = Instant::now() + limits::TEXT_RETRY_WAIT;
        let mut texts = texts.into_iter();
        let mut next = texts.next();
        while let Some(text) = next {
            next = match self.outlet.put_back(text) {
                Ok(()) => texts.next(),
                Err(text) if until <= Instant::now() => {
                    return Ok(iter::once(text).chain(texts).collect());
                }
                Err(text) if self.notice.sleep(limits::FILE_ROOM_INTERVAL) => Some(text),
                Err(text) => return Err(iter::once(text).chain(texts).collect()),
            };
        }
        Ok(Vec::new())
    }

    /// Takes out what is on disk, and takes back what may be there and will be written again.
    fn unwritten(&mut self, mut texts: Vec<Text>) -> Vec<Text> {
        let mut place = 0;
        for text in &mut texts {
            let before = text.events();
            text.chunks.retain(|chunk| {
                place += 1;
                let is_in =
                    |open: &Open| open.unsynced.iter().any(|other| Arc::ptr_eq(other, chunk));
                self.written < place || self.open.values().any(is_in)
            });
            self.metrics.events_out.add(before - text.events());
        }
        if self.held != Held::Here {
            self.open.values_mut().for_each(Open::give_up);
        }
        let (unwritten, written): (Vec<_>, Vec<_>) =
            texts.into_iter().partition(|text| !text.chunks.is_empty());
        written.into_iter().for_each(Text::settle);
        unwritten
    }

    /// What nobody else holds goes to the queue on disk, if there is one and it has room in time; else it is counted.
    fn leave(mut self, unwritten: Vec<Text>) {
        let until = Instant::now() + limits::OUTPUT_END_WAIT / 2;
        let lost = self.metrics.counter(DOCUMENTS_LOST);
        let waiting = iter::from_fn(|| self.outlet.take_last());
        let all: Vec<_> = unwritten.into_iter().chain(waiting).collect();
        for mut text in all {
            while let Err(back) = self.outlet.put_back(text) {
                text = back;
                if !self.outlet.keeps(&text) || until <= Instant::now() {
                    lost.add(text.alone_here());
                    break;
                }
                std::thread::sleep(limits::FILE_ROOM_INTERVAL);
            }
        }
    }

    /// Has chunks on disk.
    fn write_group(&mut self, texts: &mut [Text]) -> Result<(), Fault> {
        self.written = 0;
        for chunk in texts.iter_mut().flat_map(|text| &mut text.chunks) {
            if self.notice.is_now() {
                return Err(Fault::Left);
            }
            match self.write_out(chunk) {
                Err(Fault::Confined(error)) => {
                    self.confine(chunk, &error);
                    self.write_out(chunk)?;
                }
                written => written?,
            }
            self.written += 1;
        }
        self.sync()
    }

    /// Has a chunk go to the file for failures, wherever it waits from now on.
    fn confine(&mut self, chunk: &mut Arc<Chunk>, error: &io::Error) {
        let failures = self.plan.failures();
        let events = chunk.events();
        self.metrics.counter("confinement_failed").add(events);
        if self.confined.passes(Instant::now()) {
            let (id, name) = (&self.metrics.id, self.name(&chunk.path));
            let beside = self.name(&failures);
            tracing::warn!(
                "{id}: no file can be at {name:?}: {error}. Its events go to {beside:?}"
            );
        }
        Arc::make_mut(chunk).path = failures;
    }

    /// Writes a chunk, however long that takes.
    fn write_out(&mut self, chunk: &Arc<Chunk>) -> Result<(), Fault> {
        let mut bytes = chunk.text(self.behavior);
        let mut begun = false;
        loop {
            match self.write_some(chunk, &mut bytes, &mut begun) {
                Err(Fault::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.crowded()?;
                }
                Err(Fault::Io(error)) => self.failed(&chunk.path, &error)?,
                Ok(()) => {
                    self.recovered();
                    return Ok(());
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    fn write_some(
        &mut self,
        chunk: &Arc<Chunk>,
        bytes: &mut &[u8],
        begun: &mut bool,
    ) -> Result<(), Fault> {
        let now = Instant::now();
        let behavior = self.behavior;
        let open = self.file(&chunk.path, now)?;
        open.used = now;
        open.write(behavior, bytes, begun)?;
        open.unsynced.push(Arc::clone(chunk));
        Ok(())
    }

    /// The open file for a path.
    fn file(&mut self, path: &[u8], now: Instant) -> Result<&mut Open, Fault> {
        if let Some(open) = self.open.get_mut(path)
            && limits::FILE_IDENTITY_INTERVAL <= now - open.compared
        {
            open.compared = now;
            if !is_still_named(&open.file, &self.plan, path) {
                if !self.recreate {
                    let failures = self.plan.failures();
                    return self.opened(&failures, now);
                }
                self.sync()?;
                self.open.remove(path);
            }
        }
        if !self.open.contains_key(path) {
            self.close_least_used()?;
        }
        self.opened(path, now)
    }

    /// The file of this name, opened now if it is not open.
    fn opened(&mut self, name: &[u8], now: Instant) -> Result<&mut Open, Fault> {
        if !self.open.contains_key(name) {
            let opened = open_file(&self.plan, name, self.modes)?;
            self.open.insert(name.to_vec(), Open::new(opened, now));
        }
        let open = self.open.get_mut(name);
        open.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
    }

    fn close_least_used(&mut self) -> Result<(), Fault> {
        if self.open.len() < limits::FILES_OPEN_MAX {
            return Ok(());
        }
        self.sync()?;
        let oldest = self.open.iter().min_by_key(|(_, open)| open.used);
        if let Some(path) = oldest.map(|(path, _)| path.clone()) {
            self.open.remove(&path);
        }
        Ok(())
    }

    /// Has everything on disk that was written, however long that takes.
    fn sync(&mut self) -> Result<(), Fault> {
        let is_unsynced = |open: &Open| !open.unsynced.is_empty();
        let unsynced = self.open.iter().filter(|(_, open)| is_unsynced(open));
        let names: Vec<Vec<u8>> = unsynced.map(|(name, _)| name.clone()).collect();
        for name in names {
            let mut synced = self.sync_one(&name);
            while let Err(error) = synced {
                self.metrics.counter("sync_failed").add(1);
                self.failed(&name, &error)?;
                synced = self.write_again(&name).and_then(|()| self.sync_one(&name));
            }
            self.recovered();
        }
        Ok(())
    }

    /// Syncs a file, and its name if that is new. Pipes and terminals have no disk. After a fault the kernel may have forgotten what was written and call
    /// the next sync a success: it is removed, and has to be written again.
    fn sync_one(&mut self, name: &[u8]) -> io::Result<()> {
        let Some(open) = self.open.get_mut(name) else {
            return Ok(());
        };
        let folders = open.made_in.iter().map(|folder| (self.sync_all)(folder));
        let synced = folders
            .collect::<io::Result<()>>()
            .and_then(|()| (self.sync_data)(&open.file));
        match synced {
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => {
                open.take_back();
                return Err(error);
            }
            Ok(()) | Err(_) => {}
        }
        open.is_synced();
        Ok(())
    }

    /// Opens a file anew and writes once more what could not be synced.
    fn write_again(&mut self, name: &[u8]) -> io::Result<()> {
        let opened = open_file(&self.plan, name, self.modes).map_err(Unopened::into_error)?;
        let Some(open) = self.open.get_mut(name) else {
            return Ok(());
        };
        open.reopen(opened);
        for chunk in open.unsynced.clone() {
            let mut bytes = chunk.text(self.behavior);
            if let Err(error) = open.write(self.behavior, &mut bytes, &mut false) {
                open.take_back();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Tells of a fault, and waits until it may be tried again, unless others have what is under way or take it. What may go
    /// to the queue on disk goes there at once from now on.
    fn failed(&mut self, path: &[u8], error: &io::Error) -> Result<(), Fault> {
        let name = self.name(path);
        let message = format!("cannot write {name:?}: {error}{}", advice(error));
        if self.said.as_ref() != Some(&message) {
            let id = &self.metrics.id;
            tracing::error!("{id}: {message}. It is tried again; what is read waits");
            self.said = Some(message);
        }
        self.outlet.set_stuck(true);
        match self.held {
            Held::Movable => return Err(Fault::Stuck),
            Held::Elsewhere if self.notice.heard().leaves_when_away() => return Err(Fault::Left),
            Held::Elsewhere | Held::Here => {}
        }
        let until = Instant::now() + limits::TEXT_RETRY_WAIT;
        while Instant::now() < until {
            self.outlet.evict();
            if !self.notice.sleep(limits::FILE_ROOM_INTERVAL) {
                return Err(Fault::Left);
            }
        }
        Ok(())
    }

    /// A pipe is full: it is no fault that its reader is slow. What the pipe took cannot be taken back, so what is in hand goes
    /// nowhere else before the end.
    fn crowded(&mut self) -> Result<(), Fault> {
        self.outlet.set_stuck(true);
        self.outlet.evict();
        let leave = self.notice.heard();
        match self.held {
            Held::Movable if leave.leaves_when_away() => Err(Fault::Stuck),
            Held::Elsewhere if leave.leaves_when_away() => Err(Fault::Left),
            _ if leave == Leave::Now => Err(Fault::Left),
            Held::Movable | Held::Elsewhere | Held::Here => Ok(()),
        }
    }

    /// What this path means to others.
    fn name(&self, path: &[u8]) -> PathBuf {
        match &self.plan {
            PathPlan::Fixed(path) => path.clone(),
            PathPlan::Below { folder, .. } => folder.join(std::ffi::OsStr::from_bytes(path)),
        }
    }

    fn recovered(&mut self) {
        self.outlet.set_stuck(false);
        if self.said.take().is_some() {
            tracing::info!("{}: writing works again", self.metrics.id);
        }
    }
}

#[cfg(test)]
mod tests;
