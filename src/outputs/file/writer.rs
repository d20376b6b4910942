//! The thread that writes: texts come in, files grow, and when they are on disk the batches are acknowledged. What cannot
//! be written is said once and tried again; nothing is skipped. What nobody else holds goes to the queue on disk meanwhile.

mod waiting;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;

use crate::limits;
use crate::metrics::PluginMetrics;
use crate::outputs::file::opened::{Behavior, Modes, Open, Unopened, is_still_named, open_file};
use crate::outputs::file::overflow::{Outlet, Place};
use crate::outputs::file::path::PathPlan;
use crate::outputs::file::text::{Chunk, Text};
use crate::outputs::file::turn::{Member, Turn};
use crate::outputs::leave::{Leave, Notice};
use crate::outputs::succession::Newer;
use crate::quiet::Quiet;

/// Where texts are written to, and how. A reload changes it for those too that wait already.
#[derive(Clone, Debug)]
pub struct Way {
    pub plan: PathPlan,
    pub modes: Modes,
    pub behavior: Behavior,
    pub recreate: bool,
    /// The same for all ways of an output's name.
    pub turn: Arc<Turn>,
}

impl Way {
    /// The same after one of this name.
    pub fn after(self, before: Option<&Self>) -> Self {
        Self {
            turn: before.map_or(self.turn, |before| Arc::clone(&before.turn)),
            ..self
        }
    }

    /// Whether both lead to one and the same file.
    fn is_one_with(&self, other: &Self) -> bool {
        match (&self.plan, &other.plan) {
            (PathPlan::Fixed(path), PathPlan::Fixed(other)) => path == other,
            _ => false,
        }
    }
}

/// The writing thread's state.
pub struct Writer {
    way: Arc<Way>,
    newer: Newer<Way>,
    /// Among the writers of its name.
    member: Member,
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
    /// The queue on disk, from where it comes.
    OnDisk,
    /// Whoever it was read from: it can be read again.
    Readable,
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
    /// The writer was told to leave, or to leave what comes from the queue on disk.
    Left,
    /// It is written another way from now on.
    NewWay(Arc<Way>),
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
    pub fn new(way: Way, metrics: Arc<PluginMetrics>, outlet: Outlet) -> Self {
        Self {
            member: way.turn.enter(Notice::default()),
            way: Arc::new(way),
            newer: Newer::default(),
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
        self.member = self.way.turn.enter(notice.clone());
        self.notice = notice;
        self
    }

    /// Goes newer ways, once there are some.
    pub fn going(mut self, newer: Newer<Way>) -> Self {
        self.newer = newer;
        self
    }

    /// Writes until all encoders are gone or it is told to leave. Texts that wait together share one sync.
    pub fn run(mut self) {
        let runtime = Handle::current();
        while let Some(first) = runtime.block_on(self.outlet.next(&mut self.notice, &self.way.plan))
        {
            let place = first.place;
            let mut group = vec![first.text];
            while group.len() < limits::TEXTS_WAITING_MAX
                && let Some(text) = self.outlet.try_next(place, &self.way.plan)
            {
                group.push(text);
            }
            self.member.set_work(true);
            let delivered = match place {
                Place::Memory => self.deliver_both(group),
                Place::Disk => self.deliver(group, Held::OnDisk),
            };
            self.member.set_work(self.outlet.has_more());
            match (delivered, self.notice.said()) {
                (Ok(()), _) => {}
                (Err(_), leave) if place == Place::Disk => {
                    // That stays where it is; what is in memory may go on.
                    if !leave.leaves_disk() || leave == Leave::Now {
                        return self.leave(Vec::new());
                    }
                }
                (Err(unwritten), _) => return self.leave(unwritten),
            }
        }
    }

    /// Delivers texts that have waited in memory; those that are movable first.
    fn deliver_both(&mut self, group: Vec<Text>) -> Result<(), Vec<Text>> {
        let is_movable = |text: &Text| self.outlet.keeps(text);
        let (movable, others): (Vec<_>, Vec<_>) = group.into_iter().partition(is_movable);
        let held = match others.iter().any(Text::is_pushed) {
            true => Held::Here,
            false => Held::Readable,
        };
        match self.deliver(movable, Held::Movable) {
            Ok(()) => self.deliver(others, held),
            Err(mut unwritten) => {
                unwritten.extend(others);
                Err(unwritten)
            }
        }
    }

    /// Has texts on disk and tells so; those that are movable maybe on that of the queue. Gives what was not written before
    /// it had to leave.
    fn deliver(&mut self, mut texts: Vec<Text>, held: Held) -> Result<(), Vec<Text>> {
        self.held = held;
        while !texts.is_empty() {
            self.written = 0;
            texts.iter_mut().for_each(|text| text.admit(&self.way.plan));
            let written = match self.begin() {
                Ok(()) => self.write_group(&mut texts),
                waits => waits,
            };
            match written {
                Ok(()) => {
                    for text in texts.drain(..) {
                        self.metrics.events_out.add(text.events());
                        text.settle();
                    }
                    self.member.end();
                }
                Err(fault) => texts = self.retreat(texts, fault)?,
            }
        }
        Ok(())
    }

    /// What comes after a fault. Gives what is to be written yet, as an error if it has to leave.
    fn retreat(&mut self, texts: Vec<Text>, fault: Fault) -> Result<Vec<Text>, Vec<Text>> {
        self.finish_pipes();
        let unwritten = self.unwritten(texts);
        // What nobody else has may well stay where it was written.
        if self.held != Held::Here || !matches!(fault, Fault::Left) {
            self.open.values_mut().for_each(Open::give_up);
        }
        self.member.end();
        match fault {
            Fault::Left => Err(unwritten),
            Fault::NewWay(way) => {
                self.open.clear();
                self.way = way;
                Ok(unwritten)
            }
            Fault::Stuck | Fault::Io(_) | Fault::Confined(_) => self.put_back(unwritten),
        }
    }

    /// What a pipe took cannot be taken back: it is written.
    fn finish_pipes(&mut self) {
        let is_unfinished = |open: &Open| !open.unsynced.is_empty() && !open.is_file();
        let pipes = self.open.iter().filter(|(_, open)| is_unfinished(open));
        let names: Vec<Vec<u8>> = pipes.map(|(name, _)| name.clone()).collect();
        for name in names {
            if let Err(error) = self.sync_one(&name) {
                tracing::debug!("what is written there is written again: {error}");
            }
        }
    }

    /// Takes out what is written, but for what is not known to be on disk.
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
        let (unwritten, written): (Vec<_>, Vec<_>) =
            texts.into_iter().partition(|text| !text.chunks.is_empty());
        written.into_iter().for_each(Text::settle);
        unwritten
    }

    /// Has chunks on disk.
    fn write_group(&mut self, texts: &mut [Text]) -> Result<(), Fault> {
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
        let failures = self.way.plan.failures();
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
    fn write_out(&mut self, chunk: &mut Arc<Chunk>) -> Result<(), Fault> {
        let mut bytes = chunk.text(self.way.behavior);
        let all = bytes.len();
        let mut begun = false;
        loop {
            match self.write_some(chunk, &mut bytes, &mut begun) {
                Err(Fault::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    let taken = all - bytes.len();
                    match self.crowded(taken) {
                        Ok(()) => {}
                        Err(Fault::Left) => return Err(Fault::Left),
                        Err(fault) => {
                            self.cut(chunk, taken);
                            return Err(fault);
                        }
                    }
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

    /// A pipe has taken so much of a chunk, the rest of which goes elsewhere now.
    fn cut(&mut self, chunk: &mut Arc<Chunk>, taken: usize) {
        if 0 < taken && self.way.behavior == Behavior::Append {
            let events = Arc::make_mut(chunk).cut(taken);
            self.metrics.events_out.add(events);
        }
    }

    fn write_some(
        &mut self,
        chunk: &Arc<Chunk>,
        bytes: &mut &[u8],
        begun: &mut bool,
    ) -> Result<(), Fault> {
        let now = Instant::now();
        let behavior = self.way.behavior;
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
            if !is_still_named(&open.file, &self.way.plan, path) {
                if !self.way.recreate {
                    let failures = self.way.plan.failures();
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
            let opened = open_file(&self.way.plan, name, self.way.modes)?;
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
        let opened =
            open_file(&self.way.plan, name, self.way.modes).map_err(Unopened::into_error)?;
        let Some(open) = self.open.get_mut(name) else {
            return Ok(());
        };
        open.reopen(opened);
        for chunk in open.unsynced.clone() {
            let mut bytes = chunk.text(self.way.behavior);
            if let Err(error) = open.write(self.way.behavior, &mut bytes, &mut false) {
                open.take_back();
                return Err(error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
