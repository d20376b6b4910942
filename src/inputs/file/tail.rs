//! One file that is being read: where it stands, and what was read and not yet handed over. Bytes of the file go out as
//! batches of whole lines, each with the position behind it. Which files there are and when they are read is decided
//! elsewhere.

mod put_back;
mod standing;

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::event::batch::Decode;
use crate::event::{Batch, Provenance};
use crate::inputs::Flow;
use crate::inputs::archive::Archive;
use crate::inputs::cutter::Cutter;
use crate::inputs::file::config::Config;
use crate::inputs::file::identity::{self, Place};
use crate::inputs::file::last::Last;
use crate::inputs::file::opened::{Looked, Opened, open, read_at};
use crate::inputs::origin::{self, Origin};
use crate::inputs::unfinished::Share;
use crate::limits;
use crate::pipeline::worker::Stopped;
use crate::queue::positions::Stream;

/// A file being read.
pub struct Tail {
    /// The path in the events: the one under which the file was found first.
    pub path: PathBuf,
    /// The path that leads to it now; nothing, if it was removed, or moved to where nobody looks.
    pub home: Option<PathBuf>,
    pub place: Place,
    /// When it was made, where the file system tells.
    pub born: Option<SystemTime>,
    /// Its first bytes, as many as were seen and at most `limits::FINGERPRINT_BYTES`.
    head: Vec<u8>,
    /// The end of what was handed over.
    last: Last,
    source: Source,
    cutter: Cutter,
    /// Up to where the file was read; the cutter's share included.
    offset: u64,
    /// The record that begins at `offset` was put back, and has no end up to here.
    searched: u64,
    /// What the cutter holds, counted with that of all files.
    share: Share,
    seen: Looked,
    /// Where it ends for good, if that is known.
    pub end: Option<u64>,
    /// Nothing but NUL bytes was read since the beginning: the hole that a writer leaves in a file emptied under it.
    in_hole: bool,
    origin: Arc<Origin>,
    key: String,
    stream: Stream,
    /// Of the key.
    number: u64,
    /// Its batches go one way, so that they keep their order.
    way: u64,
    /// When its content began: with the key it says which content an offset means.
    began: i64,
    /// Whether `began` may not be on disk yet.
    is_beginning: bool,
    /// The file is an archive of gzip; offsets count unpacked bytes.
    is_packed: bool,
    /// When it was last found grown.
    pub active: Instant,
    /// Its turn to be read will come.
    pub queued: bool,
    /// A file that was at its path before is not read to its end yet.
    pub waits: bool,
    /// Files that wait for this one.
    pub followers: Vec<u64>,
    /// What is at the end of its path was read to its end, and is not to be followed.
    pub completed: bool,
    /// Its path was logged then.
    pub is_logged: bool,
    /// It was written to since it was read to its end, as far as was told.
    pub has_grown: bool,
}

/// Where the bytes come from.
enum Source {
    Closed,
    Plain(File),
    Archive(Box<Archive>),
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There may be more.
    More,
    AtEnd,
    /// The file was emptied, or written anew from its beginning: it starts over.
    Truncated,
    /// The path leads to another file now.
    Replaced,
    /// The agent is stopping.
    Stopped,
}

/// Where to begin in a file.
pub struct Start {
    pub offset: u64,
    pub skipping: bool,
    pub began: i64,
    /// Its path was logged when it was read.
    pub is_logged: bool,
    /// Its position may not be on disk yet.
    pub is_new: bool,
    /// The key of its position.
    pub key: String,
    pub stream: Stream,
    pub share: Share,
}

impl Tail {
    pub fn new(path: &Path, opened: Opened, start: Start, origin: Arc<Origin>) -> Self {
        let mut head = opened.head;
        head.truncate(usize::try_from(start.offset).unwrap_or(usize::MAX));
        Self {
            path: path.into(),
            home: Some(path.into()),
            place: opened.place,
            born: opened.born,
            head,
            last: Last::before(&opened.file, start.offset, limits::FINGERPRINT_BYTES),
            source: Source::Plain(opened.file),
            cutter: match start.skipping {
                true => Cutter::skipping(),
                false => Cutter::default(),
            },
            offset: start.offset,
            searched: 0,
            share: start.share,
            // The size is asked for again before the first read.
            seen: Looked {
                size: start.offset,
                ..opened.looked
            },
            end: None,
            in_hole: start.offset == 0,
            origin,
            number: identity::hash(start.key.as_bytes()),
            way: identity::hash(start.key.as_bytes()),
            began: start.began,
            is_beginning: start.is_new,
            stream: start.stream,
            key: start.key,
            is_packed: false,
            active: Instant::now(),
            queued: false,
            waits: false,
            followers: Vec::new(),
            completed: false,
            is_logged: start.is_logged,
            has_grown: false,
        }
    }

    /// Reads the file as an archive of gzip from now on.
    pub fn unpack(&mut self) -> io::Result<()> {
        if let Source::Plain(file) = &self.source {
            self.seen = Looked::at(&file.metadata()?);
            let archive = Archive::open(file.try_clone()?, self.offset)?;
            // What was found before the offset is packed.
            self.last = Last::default();
            self.searched = 0;
            self.source = Source::Archive(Box::new(archive));
            self.is_packed = true;
        }
        Ok(())
    }

    /// Goes on in the archive that the file became, at the same place.
    pub fn move_into_archive(&mut self, opened: Opened) -> io::Result<()> {
        self.place = opened.place;
        self.born = opened.born;
        self.head = opened.head;
        self.source = Source::Plain(opened.file);
        self.unpack()
    }

    /// What an archive begins with is known before it is read.
    pub fn know_head(&mut self, head: Vec<u8>) {
        self.head = head;
    }

    pub fn is_packed(&self) -> bool {
        self.is_packed
    }

    /// The key of its position.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The open file, if it is open and no archive.
    pub fn file(&self) -> Option<&File> {
        match &self.source {
            Source::Plain(file) => Some(file),
            Source::Closed | Source::Archive(_) => None,
        }
    }

    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// What it was like when it was last looked at.
    pub fn seen(&self) -> Looked {
        self.seen
    }

    /// Bytes of the file that were read, and its size as far as it is known.
    pub fn progress(&self) -> (u64, u64) {
        (self.reached(), self.seen.size.max(self.reached()))
    }

    pub fn is_open(&self) -> bool {
        !matches!(self.source, Source::Closed)
    }

    /// Whether no path leads to the file any more: it lives only because it is open.
    pub fn is_unlinked(&self) -> bool {
        self.seen.links == 0
    }

    /// Whether it was renamed to what is not looked for, or removed.
    pub fn is_rotated(&self, config: &Config) -> bool {
        self.home.as_ref().is_none_or(|home| !config.wants(home))
    }

    /// Whether a look at the path says that there is something to read, or that the file is not what it was.
    pub fn differs_from(&self, metadata: &Metadata) -> bool {
        let looked = Looked::at(metadata);
        match self.is_packed {
            true => looked != self.seen,
            false => looked.size != self.reached() || looked.modified != self.seen.modified,
        }
    }

    /// Gives the file back. It is opened again when there is something to read.
    pub fn close(&mut self) {
        self.source = Source::Closed;
    }

    /// Reads some of the file and hands over the whole lines of it.
    pub fn step(&mut self, flow: &Flow) -> io::Result<Step> {
        if let Source::Closed = self.source
            && !self.reopen()?
        {
            return Ok(Step::Replaced);
        }
        if let Source::Archive(_) = self.source {
            return self.step_in_archive(flow);
        }
        if self.seen.size <= self.reached()
            && let Some(step) = self.look()?
        {
            return Ok(step);
        }
        if self.offset < self.searched {
            return self.search();
        }
        let there = usize::try_from(self.seen.size - self.offset).unwrap_or(usize::MAX);
        let mut room = self.cutter.room(there.min(limits::READ_BYTES));
        let buffer = room.bytes.get_mut(room.start..).unwrap_or_default();
        let read = match &self.source {
            Source::Plain(file) => read_at(file, buffer, self.offset),
            Source::Closed | Source::Archive(_) => Ok(0),
        };
        let mut count = *read.as_ref().unwrap_or(&0);
        self.see_head(
            room.bytes
                .get(room.start..room.start + count)
                .unwrap_or(b""),
        );
        self.offset += count as u64;
        if self.in_hole {
            count = self.skip_hole(&mut room.bytes, room.start, count);
        }
        let whole = self.cutter.cut(room, count, &self.origin.codec().framing);
        if read? == 0 {
            // Emptied since it was looked at; the next look says so.
            self.seen.size = self.offset;
        }
        Ok(self.done(whole, flow))
    }

    fn step_in_archive(&mut self, flow: &Flow) -> io::Result<Step> {
        let Source::Archive(archive) = &mut self.source else {
            return Ok(Step::AtEnd);
        };
        let mut room = self.cutter.room(limits::READ_BYTES);
        let read = archive.read(room.bytes.get_mut(room.start..).unwrap_or_default());
        let count = *read.as_ref().unwrap_or(&0);
        self.offset += count as u64;
        let whole = self.cutter.cut(room, count, &self.origin.codec().framing);
        match read? {
            0 => Ok(Step::AtEnd),
            _ => Ok(self.done(whole, flow)),
        }
    }

    fn done(&mut self, whole: Vec<u8>, flow: &Flow) -> Step {
        let begin = self.begin_of(&whole);
        match self.hand_over(whole, begin, flow) {
            Ok(()) => Step::More,
            Err(Stopped) => Step::Stopped,
        }
    }

    /// Looks whether the file has grown. Nothing means that it has.
    fn look(&mut self) -> io::Result<Option<Step>> {
        let Source::Plain(file) = &self.source else {
            return Ok(Some(Step::AtEnd));
        };
        let looked = Looked::at(&file.metadata()?);
        if looked.links == 0 {
            // The next run, and the next configuration, cannot open it any more.
            self.stream.give_up();
        }
        let is_written = looked.modified != self.seen.modified;
        if looked.size < self.reached() || (is_written && !self.is_itself()?) {
            self.searched = 0;
            return Ok(Some(Step::Truncated));
        }
        self.seen = looked;
        if looked.size == self.reached() {
            return Ok(Some(Step::AtEnd));
        }
        self.active = Instant::now();
        Ok(None)
    }

    /// Whether the file still has what was read of it: it can have been emptied and have outgrown its old size.
    fn is_itself(&self) -> io::Result<bool> {
        let Source::Plain(file) = &self.source else {
            return Ok(true);
        };
        let mut now = [0; limits::FINGERPRINT_BYTES];
        let now = now.get_mut(..self.head.len()).unwrap_or_default();
        let count = read_at(file, now, 0)?;
        Ok(now.get(..count) == Some(&*self.head) && self.last.is_in(file))
    }

    /// Opens a closed file again. False if its path leads to another file now, or to none.
    fn reopen(&mut self) -> io::Result<bool> {
        let path = self.home.as_ref().unwrap_or(&self.path);
        let opened = match open(path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let begins_alike = self.is_packed || opened.head.starts_with(&self.head);
        if opened.place != self.place || opened.born != self.born || !begins_alike {
            return Ok(false);
        }
        self.source = Source::Plain(opened.file);
        // Whether it is still the same is looked at first.
        self.seen.size = self.seen.size.min(self.offset);
        if self.is_packed {
            self.unpack()?;
        }
        Ok(true)
    }

    /// Takes what is new of the file's beginning from what was read at `offset`.
    fn see_head(&mut self, read: &[u8]) {
        let missing = limits::FINGERPRINT_BYTES - self.head.len();
        let known = (self.head.len() as u64).checked_sub(self.offset);
        if let Some(known) = known.filter(|_| 0 < missing) {
            let new = usize::try_from(known).ok().and_then(|at| read.get(at..));
            let new = new.unwrap_or_default();
            self.head
                .extend_from_slice(new.get(..missing).unwrap_or(new));
        }
    }

    /// Takes the NUL bytes at the front out of what was read; gives how much is left.
    fn skip_hole(&mut self, bytes: &mut Vec<u8>, start: usize, count: usize) -> usize {
        let read = bytes.get(start..start + count).unwrap_or(b"");
        let hole = read.iter().take_while(|byte| **byte == 0).count();
        self.in_hole = hole == count;
        bytes.drain(start..start + hole);
        count - hole
    }

    /// Starts over in a file that was emptied, with a position of its own for what is in it now.
    pub fn restart(&mut self, start: Start) {
        self.number = identity::hash(start.key.as_bytes());
        self.key = start.key;
        self.stream = start.stream;
        self.began = start.began;
        self.is_beginning = start.is_new;
        (self.completed, self.is_logged) = (false, start.is_logged);
        self.cutter = Cutter::default();
        (self.searched, self.share) = (0, start.share);
        self.last = Last::default();
        self.head.clear();
        self.offset = start.offset;
        self.in_hole = true;
        self.seen.size = start.offset;
    }

    /// The file is at its end for good: what is behind the last delimiter becomes a line.
    pub fn finish(&mut self, flow: &Flow) -> Step {
        let rest = match self.offset < self.searched {
            true => self.take_again().unwrap_or_else(|error| {
                tracing::warn!(path = %self.path.display(), %error, "the last line cannot be read again");
                Vec::new()
            }),
            false => self.cutter.rest(),
        };
        self.done(rest, flow)
    }

    /// Where the piece stands that was cut just now.
    fn begin_of(&self, piece: &[u8]) -> (Provenance, u64) {
        let stream = self.number ^ self.began.cast_unsigned().rotate_left(32);
        let provenance = self
            .origin
            .provenance(stream, self.began.div_euclid(1_000_000));
        let behind = self.cutter.behind() + piece.len();
        (provenance, self.offset - behind as u64)
    }

    fn hand_over(
        &mut self,
        bytes: Vec<u8>,
        (provenance, offset): (Provenance, u64),
        flow: &Flow,
    ) -> Result<(), Stopped> {
        if bytes.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.is_beginning) {
            self.save_beginning(offset);
        }
        self.last.push(&bytes, offset);
        let ack = self.stream.ack(self.position().to_json());
        let mut batch = Batch::new(bytes, Arc::clone(&flow.names), origin::now(), ack);
        batch.stream = self.way;
        batch.come_from(provenance, offset);
        batch.decode = Some(Arc::clone(&self.origin) as Arc<dyn Decode>);
        flow.batches.send_blocking(batch)
    }
}
