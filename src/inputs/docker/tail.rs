//! One container's json-file logs, read from a position over rotations to the end. Bytes come in as they are in the files,
//! batches with their acknowledgement go out. Nothing here waits or watches: whoever knows that there is news calls `read`.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use sawlog_parsers::lines::Delimiter;
use sawlog_parsers::{Stream, docker_json};

use crate::docker::container::Container;
use crate::event::{Batch, Names};
use crate::inputs::docker::lines::{Counts, Lines, Record, Returns, Shape};
use crate::inputs::docker::log_files::{LogFile, LogPaths};
use crate::inputs::docker::place::{Last, Place, Position};
use crate::limits;
use crate::queue::positions;

/// What ends a record of a json-file log. A carriage return is none of the daemon's.
static NEWLINE: Delimiter = Delimiter::newline();

/// What reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// That many bytes were read, and there may be more.
    Read(usize),
    /// Everything there is has been read.
    Idle,
}

/// What happened to the files behind our back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// The file that was being read is gone, and files that followed it may be too.
    pub rotations_missed: u64,
    /// The live file was cut by someone else.
    pub truncations: u64,
    /// A compressed file holds more than may be read of it.
    pub archives_cut: u64,
}

/// How far a stream was handed over by an earlier run.
#[derive(Clone, Copy, Debug)]
struct Done {
    /// Device and inode of the file, which is open.
    node: (u64, u64),
    place: Place,
}

/// The time of the last line that an earlier run handed over.
#[derive(Clone, Copy, Debug)]
struct DoneTime {
    time: i64,
    /// A record with that time came.
    is_reached: bool,
}

/// The reader of one container's files.
pub struct Tail {
    paths: LogPaths,
    pub container: Arc<Container>,
    names: Arc<Names>,
    stream: positions::Stream,
    lines: Lines,
    current: Option<LogFile>,
    /// Files that follow the current one, as far as they are known.
    later: VecDeque<LogFile>,
    /// The beginning of a record whose end is not there yet.
    carry: Vec<u8>,
    /// The rest of the record is not wanted: its beginning was too long.
    skipping_record: bool,
    /// Records of a stream up to here were handed over by an earlier run.
    done: [Option<Done>; 2],
    /// Or, where that run read through the Engine, all lines up to the last ones with these times.
    done_times: [Option<DoneTime>; 2],
    last: [Option<Last>; 2],
    pub losses: Losses,
}

impl Tail {
    /// Finds the place where an earlier run stopped; without one, begins with the oldest file.
    pub fn open(
        paths: LogPaths,
        container: Arc<Container>,
        shape: Arc<Shape>,
        names: Arc<Names>,
        stream: positions::Stream,
        position: Option<&Position>,
    ) -> io::Result<Self> {
        let mut tail = Self {
            paths,
            lines: Lines::new(shape, returns_of(&container)),
            container,
            names,
            stream,
            current: None,
            later: VecDeque::new(),
            carry: Vec::new(),
            skipping_record: false,
            done: [None; 2],
            done_times: [None; 2],
            last: [None, None],
            losses: Losses::default(),
        };
        tail.later = tail.paths.open_all()?.into();
        if let Some(position) = position {
            tail.resume(position)?;
        }
        tail.current = tail.later.pop_front();
        Ok(tail)
    }

    /// Drops the files before the position and goes to it.
    fn resume(&mut self, position: &Position) -> io::Result<()> {
        self.last.clone_from(&position.last);
        let Some(at) = position.at else {
            self.done_times = [0, 1].map(|stream: usize| {
                position
                    .last
                    .get(stream)
                    .and_then(Option::as_ref)
                    .map(|last| DoneTime {
                        time: last.time,
                        is_reached: false,
                    })
            });
            return Ok(());
        };
        let thresholds = position.open.map(|open| open.unwrap_or(at));
        let found = thresholds.map(|place| self.find(&place));
        let mut first: Option<(usize, u64)> = None;
        for ((place, index), done) in thresholds.iter().zip(found).zip(&mut self.done) {
            let Some(index) = index else { continue };
            let Some(file) = self.later.get_mut(index) else {
                continue;
            };
            file.set_first(place.file.first);
            *done = Some(Done {
                node: file.node(),
                place: *place,
            });
            let here = (index, place.offset);
            first = Some(first.map_or(here, |first| first.min(here)));
        }
        let Some((index, offset)) = first else {
            // None of the files is known: they are all newer, unless some were taken away in between.
            self.losses.rotations_missed += u64::from(1 < self.later.len());
            return Ok(());
        };
        self.later.drain(..index);
        if let Some(file) = self.later.front_mut()
            && !file.skip_to(offset)?
        {
            self.losses.truncations += 1;
            self.done = [None; 2];
            file.restart()?;
        }
        Ok(())
    }

    fn find(&self, place: &Place) -> Option<usize> {
        self.later.iter().position(|file| file.is(&place.file))
    }

    /// Puts the position at the end of what is there, and hands nothing over.
    pub fn skip_to_end(&mut self) -> io::Result<Option<Position>> {
        if let Some(live) = self.later.pop_back() {
            self.current = Some(live);
        }
        self.later.clear();
        let Some(live) = &mut self.current else {
            return Ok(None);
        };
        let head = live.head(limits::DOCKER_RECORD_BYTES_MAX)?;
        live.set_first(super::place::first_time(&head));
        let mut scratch = Vec::new();
        while 0 < live.read(&mut scratch, limits::READ_BYTES)? {
            scratch.drain(..NEWLINE.whole(&scratch));
        }
        let offset = live.offset() - scratch.len() as u64;
        let at = Place {
            file: live.identity(),
            offset,
        };
        self.carry = scratch;
        Ok(Some(Position {
            at: Some(at),
            ..Position::default()
        }))
    }

    /// Reads once and hands over what was found.
    pub fn read<E>(
        &mut self,
        send: impl FnOnce(Batch) -> Result<(), E>,
    ) -> Result<io::Result<Progress>, E> {
        let mut bytes =
            Vec::with_capacity(self.carry.len() + limits::READ_BYTES + limits::READ_SPARE_BYTES);
        bytes.append(&mut self.carry);
        let read = match self.fill(&mut bytes) {
            Ok(read) => read,
            Err(error) => {
                self.carry = bytes;
                return Ok(Err(error));
            }
        };
        if read == 0 {
            self.carry = bytes;
            return Ok(Ok(Progress::Idle));
        }
        self.cut(&mut bytes);
        self.hand_over(bytes, send)?;
        Ok(Ok(Progress::Read(read)))
    }

    /// Reads on, in the next file where one ends.
    fn fill(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        loop {
            let Some(current) = &mut self.current else {
                self.current = LogFile::open(self.paths.live())?;
                if self.current.is_none() {
                    return Ok(0);
                }
                continue;
            };
            let count = current.read(bytes, limits::READ_BYTES)?;
            if 0 < count {
                return Ok(count);
            }
            if let Some(next) = self.later.pop_front() {
                // It was rotated before that last read, so nothing more comes.
                self.leave_file(bytes, next);
                continue;
            }
            if current.was_cut() {
                self.losses.truncations += 1;
                bytes.clear();
                current.restart()?;
                continue;
            }
            // Between our last read and the rename something may have been written: the file is read once more.
            if !self.was_rotated()? || !self.discover()? {
                return Ok(0);
            }
        }
    }

    /// Whether another file has the live one's name. While there is none of that name the daemon is about to make it.
    fn was_rotated(&self) -> io::Result<bool> {
        let Some(current) = &self.current else {
            return Ok(false);
        };
        let live = LogPaths::node_at(self.paths.live())?;
        Ok(live.is_some_and(|live| live != current.node()))
    }

    /// Opens the files that follow those known so far, before they are taken away. True if there is one.
    pub fn discover(&mut self) -> io::Result<bool> {
        let waiting = self.later.len();
        let Some(newest) = self.later.back_mut().or(self.current.as_mut()) else {
            return Ok(false);
        };
        let node = newest.node();
        if limits::OPEN_ROTATED_FILES_MAX <= waiting
            || LogPaths::node_at(self.paths.live())? == Some(node)
        {
            return Ok(0 < waiting);
        }
        if let Some(live) = self.paths.successor(node)? {
            self.later.push_back(live);
            return Ok(true);
        }
        let identity = newest.identity();
        let mut all = self.paths.open_all()?;
        let same = |file: &LogFile| file.node() == node || file.is(&identity);
        match all.iter().rposition(same) {
            Some(index) => drop(all.drain(..=index)),
            None => self.losses.rotations_missed += u64::from(1 < all.len()),
        }
        self.later.extend(all);
        Ok(!self.later.is_empty())
    }

    /// Goes on with the next file. A record without its end will not get one.
    fn leave_file(&mut self, bytes: &mut Vec<u8>, next: LogFile) {
        let rest = std::mem::take(bytes);
        self.end_record(&rest);
        if let Some(left) = self.current.take() {
            self.losses.archives_cut += u64::from(left.is_beyond_limit());
            for done in &mut self.done {
                *done = done.filter(|done| done.node != left.node());
            }
        }
        self.current = Some(next);
    }

    fn end_record(&mut self, rest: &[u8]) {
        let rest = trim_nuls(rest);
        if !rest.is_empty() && !std::mem::take(&mut self.skipping_record) {
            self.lines.push_damaged(rest);
        }
    }

    /// Cuts what was read into records; the last one stays for the next read unless it is whole.
    fn cut(&mut self, bytes: &mut Vec<u8>) {
        let Some(current) = &mut self.current else {
            return;
        };
        let begin = current.offset() - bytes.len() as u64;
        let identity = current.identity();
        let whole = NEWLINE.whole(bytes);
        let rest = bytes.get(whole..).unwrap_or_default();
        // A hole of NULs that someone else's truncation left is as long as the file was.
        self.carry.extend_from_slice(trim_nuls(rest));
        bytes.truncate(whole);
        for record in NEWLINE.records(bytes) {
            let place = Place {
                file: identity,
                offset: begin + record.start as u64,
            };
            self.record(bytes, bytes.get(record).unwrap_or_default(), place);
        }
        if limits::DOCKER_RECORD_BYTES_MAX < self.carry.len() {
            let carry = std::mem::take(&mut self.carry);
            if !std::mem::replace(&mut self.skipping_record, true) {
                self.lines.push_damaged(&carry);
            }
        }
    }

    #[inline]
    fn record(&mut self, bytes: &[u8], record: &[u8], place: Place) {
        if std::mem::take(&mut self.skipping_record) {
            return;
        }
        let Some(parsed) = docker_json::parse(record) else {
            return self.damaged(bytes, trim_nuls(record), place);
        };
        if place.offset == 0
            && let Some(current) = &mut self.current
        {
            current.set_first(parsed.time);
        }
        if self.is_done(parsed.stream, parsed.time, place.offset) {
            return;
        }
        let origin = Record {
            stream: parsed.stream,
            time: parsed.time,
            partial: parsed.partial,
            truncated: false,
        };
        let begin = parsed.partial.then_some(place);
        self.lines.push(bytes, parsed.log, origin, begin);
    }

    /// A record that does not parse. A daemon that died while it wrote leaves half a record, and the next one begins in the
    /// middle of the line.
    #[cold]
    fn damaged(&mut self, bytes: &[u8], record: &[u8], place: Place) {
        let Some((torn, rest)) = docker_json::split_torn(record) else {
            if !record.is_empty() {
                self.lines.push_damaged(record);
            }
            return;
        };
        self.lines.push_damaged(torn);
        self.record(
            bytes,
            rest,
            Place {
                offset: place.offset + torn.len() as u64,
                ..place
            },
        );
    }

    /// Whether an earlier run handed over a record at that place of the current file.
    #[inline]
    fn is_done(&mut self, stream: Stream, time: Option<i64>, offset: u64) -> bool {
        let slot = match stream {
            Stream::Stdin | Stream::Stdout => 0,
            Stream::Stderr => 1,
        };
        if let (Some(done), Some(time)) = (self.done_times.get_mut(slot), time)
            && let Some(last) = done
        {
            last.is_reached |= time == last.time;
            if time == last.time || (time < last.time && !last.is_reached) {
                return true;
            }
            // All that follow are new, whatever their times: the clock may have been set back since.
            *done = None;
        }
        if self.done.iter().all(Option::is_none) {
            return false;
        }
        let node = self.current.as_ref().map(LogFile::node);
        for done in &mut self.done {
            // Whichever stream's record lies there: one that says nothing more must not hold the place back.
            *done = done.filter(|done| Some(done.node) != node || offset < done.place.offset);
        }
        self.done.get(slot).is_some_and(Option::is_some)
    }

    /// Where everything before has been handed over, but for lines that are not whole.
    fn position(&mut self) -> Position {
        let carried = self.carry.len() as u64;
        let at = self.current.as_mut().map(|current| Place {
            file: current.identity(),
            offset: current.offset() - carried,
        });
        let mut open = self.lines.open_places();
        for (open, done) in open.iter_mut().zip(self.done) {
            // What is not yet reached again from an earlier run is done up to there.
            *open = open.or(done.map(|done| done.place));
        }
        Position {
            at,
            open,
            last: self.last.clone(),
            open_time: self.lines.open_time(),
        }
    }

    fn hand_over<E>(
        &mut self,
        bytes: Vec<u8>,
        send: impl FnOnce(Batch) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.lines.is_empty() {
            return Ok(());
        }
        self.lines.note_last(&mut self.last, &bytes);
        let position = self.position().to_json();
        let ack = self.stream.ack(position);
        let batch = self
            .lines
            .take_batch(bytes, &self.container, &self.names, ack);
        send(batch)
    }

    /// The container has ended: lines that wait for their end are handed over as they are.
    pub fn flush<E>(&mut self, send: impl FnOnce(Batch) -> Result<(), E>) -> Result<(), E> {
        self.lines.flush();
        self.hand_over(Vec::new(), send)
    }

    /// The container is gone for good, and so are its files.
    pub fn finish<E>(&mut self, send: impl FnOnce(Batch) -> Result<(), E>) -> Result<(), E> {
        let rest = std::mem::take(&mut self.carry);
        self.end_record(&rest);
        self.flush(send)
    }

    /// Whether some line waits for its end.
    pub fn is_open(&self) -> bool {
        self.lines.is_open()
    }

    /// Takes a changed description: a new name, say.
    pub fn describe(&mut self, container: Arc<Container>) {
        self.lines.set_returns(returns_of(&container));
        self.container = container;
    }

    pub fn take_counts(&mut self) -> (Counts, Losses) {
        (
            std::mem::take(&mut self.lines.counts),
            std::mem::take(&mut self.losses),
        )
    }

    pub fn stream(&self) -> &positions::Stream {
        &self.stream
    }
}

fn returns_of(container: &Container) -> Returns {
    if container.terminal {
        Returns::OfEveryLine
    } else {
        Returns::AreText
    }
}

fn trim_nuls(bytes: &[u8]) -> &[u8] {
    let begin = bytes
        .iter()
        .position(|&byte| byte != 0)
        .unwrap_or(bytes.len());
    bytes.get(begin..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
