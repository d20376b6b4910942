//! What the writer does while it cannot write: it waits, hears what it is told, looks for a newer way, and has others not wait
//! for it as far as they need not.

use std::io;
use std::iter;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Instant;

use rustix::io::Errno;

use crate::limits;
use crate::metrics::DOCUMENTS_LOST;
use crate::outputs::file::path::PathPlan;
use crate::outputs::file::text::Text;
use crate::outputs::file::turn::Before;
use crate::outputs::file::writer::{Fault, Held, Writer};
use crate::outputs::leave::Leave;

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

impl Writer {
    /// Waits until it is its turn to write.
    pub(super) fn begin(&mut self) -> Result<(), Fault> {
        let since = Instant::now();
        loop {
            self.look_for_newer()?;
            if let Some(before) = self.member.try_begin() {
                if before == Before::Another {
                    // It may have left half a line.
                    self.open.clear();
                }
                return Ok(());
            }
            if limits::FILE_OVERFLOW_WAIT <= since.elapsed() {
                self.outlet.set_stuck(true);
                self.stay_in_line()?;
            }
            if !self.notice.sleep(limits::FILE_ROOM_INTERVAL) {
                return Err(Fault::Left);
            }
        }
    }

    /// What is in hand while another writes, or comes first.
    fn stay_in_line(&mut self) -> Result<(), Fault> {
        if self.held == Held::Movable {
            return Err(Fault::Stuck);
        }
        let leave = self.attend();
        let is_hopeless = leave.leaves_when_away() && self.member.is_stuck();
        match self.held == Held::OnDisk && leave.leaves_disk() || is_hopeless {
            true => self.stick(leave),
            false => Ok(()),
        }
    }

    /// A newer way is gone with what is in hand; where it leads to the same file that stays open, and what is begun there goes on.
    pub(super) fn look_for_newer(&mut self) -> Result<(), Fault> {
        match self.newer.take() {
            Some(way) if self.way.is_one_with(&way) => self.way = way,
            Some(way) => return Err(Fault::NewWay(way)),
            None => {}
        }
        Ok(())
    }

    /// Does for others what it owes them while it waits. Gives what it is told.
    fn attend(&mut self) -> Leave {
        let leave = self.notice.heard();
        if leave.leaves_disk() && self.held != Held::OnDisk {
            self.outlet.leave_disk();
        }
        self.outlet.evict(leave);
        leave
    }

    /// What becomes of what is in hand when it cannot be written.
    fn stick(&self, leave: Leave) -> Result<(), Fault> {
        let leaves = match self.held {
            Held::Movable => return Err(Fault::Stuck),
            Held::OnDisk => leave.leaves_disk() || leave.leaves_when_away(),
            Held::Readable => leave.leaves_when_away(),
            Held::Here => leave == Leave::Now,
        };
        match leaves {
            true => Err(Fault::Left),
            false => Ok(()),
        }
    }

    /// Tells of a fault, and waits until it may be tried again, unless others have what is under way or take it. What may go
    /// to the queue on disk goes there at once from now on.
    pub(super) fn failed(&mut self, path: &[u8], error: &io::Error) -> Result<(), Fault> {
        let name = self.name(path);
        let message = format!("cannot write {name:?}: {error}{}", advice(error));
        if self.said.as_ref() != Some(&message) {
            let id = &self.metrics.id;
            tracing::error!("{id}: {message}. It is tried again; what is read waits");
            self.said = Some(message);
        }
        self.set_stuck(true);
        let until = Instant::now() + limits::TEXT_RETRY_WAIT;
        while Instant::now() < until {
            self.look_for_newer()?;
            self.stick(self.notice.said())?;
            self.attend();
            if !self.notice.sleep(limits::FILE_ROOM_INTERVAL) {
                return Err(Fault::Left);
            }
        }
        Ok(())
    }

    /// A pipe is full, after so many bytes of a chunk: it is no fault that its reader is slow. What the pipe took cannot be taken back, so what is in hand goes
    /// nowhere else before the end, but for a newer way.
    pub(super) fn crowded(&mut self, taken: usize) -> Result<(), Fault> {
        self.set_stuck(true);
        self.look_for_newer()?;
        let leave = self.attend();
        match self.held {
            Held::Movable if !leave.leaves_when_away() => Ok(()),
            Held::OnDisk if 0 < taken && !leave.leaves_when_away() => Ok(()),
            _ => self.stick(leave),
        }
    }

    /// Puts texts on the disk of the queue. Gives those for which there is no room before it is time to try to write them
    /// again, or as an error if it has to leave.
    pub(super) fn put_back(&mut self, texts: Vec<Text>) -> Result<Vec<Text>, Vec<Text>> {
        let until = Instant::now() + limits::TEXT_RETRY_WAIT;
        let mut texts = texts.into_iter();
        let mut next = texts.next();
        while let Some(text) = next {
            next = match self.outlet.put_back(text) {
                Ok(()) => texts.next(),
                Err(text) if until <= Instant::now() => {
                    return Ok(iter::once(text).chain(texts).collect());
                }
                Err(text) if self.notice.sleep(limits::FILE_ROOM_INTERVAL) => {
                    // Nothing goes to disk before what is in hand.
                    self.outlet.soak(self.notice.said());
                    Some(text)
                }
                Err(text) => return Err(iter::once(text).chain(texts).collect()),
            };
        }
        Ok(Vec::new())
    }

    /// What nobody else holds goes to the queue on disk, if there is one and it has room in time; else it is counted.
    pub(super) fn leave(mut self, unwritten: Vec<Text>) {
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

    /// What this path means to others.
    pub(super) fn name(&self, path: &[u8]) -> PathBuf {
        match &self.way.plan {
            PathPlan::Fixed(path) => path.clone(),
            PathPlan::Below { folder, .. } => folder.join(std::ffi::OsStr::from_bytes(path)),
        }
    }

    fn set_stuck(&self, is_stuck: bool) {
        self.outlet.set_stuck(is_stuck);
        self.member.set_stuck(is_stuck);
    }

    pub(super) fn recovered(&mut self) {
        self.set_stuck(false);
        if self.said.take().is_some() {
            tracing::info!("{}: writing works again", self.metrics.id);
        }
    }
}
