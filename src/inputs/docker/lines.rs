//! Records of one container to events: chunks of long lines are joined per stream, escapes are undone, and what was read at
//! once becomes one batch. Both ways of reading end here, so that they give the same documents.

use std::sync::Arc;

use sawlog_parsers::Stream;
use sawlog_parsers::docker_json::Text;
use sawlog_parsers::joiner::Joiner;

use crate::docker::container::Container;
use crate::docker::fields::Fields;
use crate::event::{Batch, Names, Reference, provenance};
use crate::host;
use crate::inputs::docker::found::Found;
use crate::inputs::docker::place::{Last, Place};
use crate::inputs::origin::Origin;
use crate::inputs::unfinished::{Share, Unfinished};
use crate::limits;
use crate::queue::ack::Ack;

/// Says that a stream ended before its last line did.
pub const UNFINISHED_TAG: &[u8] = b"_docker_line_unfinished";
/// Says that a record could not be read; the event holds it as it was.
pub const DAMAGED_TAG: &[u8] = b"_dockerparsefailure";

/// How a docker input makes events.
pub struct Shape {
    pub origin: Origin,
    pub fields: Fields,
    /// Where the stream's name goes.
    pub stream: Reference,
    pub line_bytes_max: usize,
    /// What all containers hold of lines in pieces.
    pub unfinished: Arc<Unfinished>,
}

/// Which carriage returns before a newline are a terminal's and no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returns {
    /// There is no terminal.
    AreText,
    /// Whole lines come without; only what was joined may have one.
    OfJoinedLines,
    OfEveryLine,
}

/// Where a record comes from.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    pub stream: Stream,
    pub time: Option<i64>,
    /// The line goes on in the stream's next record.
    pub partial: bool,
    /// The end of the record is missing.
    pub truncated: bool,
}

/// Lines that were found since the last batch, and those that are not whole yet.
pub struct Lines {
    shape: Arc<Shape>,
    returns: Returns,
    output: Joining,
    error: Joining,
    found: Vec<Line>,
    /// Texts that do not stand in the bytes that were read.
    made: Vec<u8>,
    scratch: Vec<u8>,
    /// What was cut, unfinished or damaged since this was last asked.
    pub counts: Counts,
}

/// Lines that are not as they were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub truncated: u64,
    pub unfinished: u64,
    pub damaged: u64,
}

struct Joining {
    joiner: Joiner,
    /// What the joiner holds.
    share: Share,
    bytes: usize,
    /// There was no room for a chunk of the line.
    is_cut: bool,
    /// The time that all chunks of the line have.
    time: Option<i64>,
    /// Where the line's first chunk begins.
    begin: Option<Place>,
    /// A chunk of the line came without its end, or was left out.
    truncated: bool,
}

/// A line, ready to become an event.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub start: usize,
    pub end: usize,
    /// The text does not stand in the bytes that were read.
    pub made: bool,
    pub stream: Option<Stream>,
    pub time: Option<i64>,
    /// How many lines of the stream with that time came before.
    ordinal: u64,
    pub truncated: bool,
    pub unfinished: bool,
    pub damaged: bool,
    joined: bool,
}

impl Lines {
    pub fn new(shape: Arc<Shape>, returns: Returns) -> Self {
        let joining = || Joining {
            joiner: Joiner::new(shape.line_bytes_max),
            share: shape.unfinished.share(),
            bytes: 0,
            is_cut: false,
            time: None,
            begin: None,
            truncated: false,
        };
        Self {
            output: joining(),
            error: joining(),
            returns,
            found: Vec::new(),
            made: Vec::new(),
            scratch: Vec::new(),
            counts: Counts::default(),
            shape,
        }
    }

    pub fn set_returns(&mut self, returns: Returns) {
        self.returns = returns;
    }

    /// Takes a record whose text stands at `range` of the bytes being read; `begin` says where in the files it stands.
    #[inline]
    pub fn push(&mut self, bytes: &[u8], text: Text<'_>, record: Record, begin: Option<Place>) {
        let joining = self.joining(record.stream);
        if joining.joiner.is_open() {
            // Chunks of one line carry one time: another one means that the line before never got its end.
            if joining.time == record.time {
                return self.join(text, record, begin);
            }
            self.flush_stream(record.stream);
        }
        if record.partial {
            return self.join(text, record, begin);
        }
        let line = match text {
            Text::Plain(plain)
                if plain.len() <= self.shape.line_bytes_max
                    && self.returns != Returns::OfEveryLine =>
            {
                let start = (plain.as_ptr() as usize).saturating_sub(bytes.as_ptr() as usize);
                Line {
                    start,
                    end: start + plain.len(),
                    made: false,
                    ..Line::of(record)
                }
            }
            Text::Plain(_) | Text::Escaped(_) => {
                let start = self.made.len();
                text.write(&mut self.made);
                self.finish_made(start, Line::of(record))
            }
        };
        self.keep(line);
    }

    /// A record that could not be read goes on as it is.
    pub fn push_damaged(&mut self, text: &[u8]) {
        let start = self.made.len();
        self.made.extend_from_slice(text);
        let line = Line {
            start,
            end: start,
            made: true,
            stream: None,
            time: None,
            ordinal: 0,
            truncated: false,
            unfinished: false,
            damaged: true,
            joined: false,
        };
        let line = self.finish_made(start, line);
        self.keep(line);
    }

    fn strips(&self, line: &Line) -> bool {
        let strips = match self.returns {
            Returns::AreText => false,
            Returns::OfJoinedLines => line.joined,
            Returns::OfEveryLine => true,
        };
        strips && !line.unfinished && !line.damaged
    }

    fn joining(&mut self, stream: Stream) -> &mut Joining {
        match stream {
            Stream::Stdin | Stream::Stdout => &mut self.output,
            Stream::Stderr => &mut self.error,
        }
    }

    fn join(&mut self, text: Text<'_>, record: Record, begin: Option<Place>) {
        let line_bytes_max = self.shape.line_bytes_max;
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        text.write(&mut scratch);
        let joining = self.joining(record.stream);
        if !joining.joiner.is_open() {
            joining.time = record.time;
            joining.begin = begin;
            joining.truncated = false;
        }
        joining.count(record, &mut scratch, line_bytes_max);
        joining.truncated |= record.truncated;
        let whole = joining.joiner.push(&scratch, record.partial, record.time);
        let joined = whole.map(|line| (line.bytes.to_vec(), line.truncated || joining.truncated));
        if joined.is_some() {
            joining.give_back(line_bytes_max);
        }
        self.scratch = scratch;
        if let Some((bytes, truncated)) = joined {
            self.keep_joined(
                &bytes,
                Line {
                    truncated,
                    ..Line::of(record)
                },
            );
        }
    }

    fn keep_joined(&mut self, bytes: &[u8], line: Line) {
        let start = self.made.len();
        self.made.extend_from_slice(bytes);
        let line = self.finish_made(start, line);
        self.keep(line);
    }

    /// Cuts the text that was just made to what a line may have.
    fn finish_made(&mut self, start: usize, line: Line) -> Line {
        let text = self.made.get(start..).unwrap_or_default();
        let text = match text.strip_suffix(b"\r") {
            Some(text) if self.strips(&line) => text,
            _ => text,
        };
        let kept = if text.len() <= self.shape.line_bytes_max {
            text.len()
        } else {
            let mut joiner = Joiner::new(self.shape.line_bytes_max);
            joiner
                .push(text, false, None)
                .map_or(0, |whole| whole.bytes.len())
        };
        let truncated = line.truncated || kept < text.len();
        self.made.truncate(start + kept);
        Line {
            start,
            end: start + kept,
            made: true,
            truncated,
            ..line
        }
    }

    #[inline]
    fn keep(&mut self, line: Line) {
        if line.truncated || line.unfinished || line.damaged {
            self.counts.truncated += u64::from(line.truncated);
            self.counts.unfinished += u64::from(line.unfinished);
            self.counts.damaged += u64::from(line.damaged);
        }
        self.found.push(line);
    }

    /// The streams have ended: what waits for its end will not get one.
    pub fn flush(&mut self) {
        self.flush_stream(Stream::Stdout);
        self.flush_stream(Stream::Stderr);
    }

    fn flush_stream(&mut self, stream: Stream) {
        let line_bytes_max = self.shape.line_bytes_max;
        let joining = self.joining(stream);
        let time = joining.time;
        let truncated = joining.truncated;
        let Some(line) = joining.joiner.flush() else {
            return;
        };
        let (bytes, truncated) = (line.bytes.to_vec(), line.truncated || truncated);
        joining.give_back(line_bytes_max);
        let record = Record {
            stream,
            time,
            partial: false,
            truncated,
        };
        self.keep_joined(
            &bytes,
            Line {
                unfinished: true,
                ..Line::of(record)
            },
        );
    }

    /// Whether some line waits for its end.
    pub fn is_open(&self) -> bool {
        self.output.joiner.is_open() || self.error.joiner.is_open()
    }

    /// Where the unfinished lines of standard output and standard error begin.
    pub fn open_places(&self) -> [Option<Place>; 2] {
        [&self.output, &self.error]
            .map(|joining| joining.begin.filter(|_| joining.joiner.is_open()))
    }

    /// The time of the earliest unfinished line.
    pub fn open_time(&self) -> Option<i64> {
        let open = [&self.output, &self.error]
            .into_iter()
            .filter(|one| one.joiner.is_open());
        open.filter_map(|one| one.time).min()
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The lines found so far, each with its text; `bytes` are those that were read.
    pub fn found<'a>(
        &'a self,
        bytes: &'a [u8],
    ) -> impl DoubleEndedIterator<Item = (Line, &'a [u8])> {
        let text = move |line: &Line| {
            let all = if line.made { &self.made } else { bytes };
            all.get(line.start..line.end).unwrap_or_default()
        };
        self.found.iter().map(move |line| (*line, text(line)))
    }

    /// Forgets the found lines that are not `wanted`.
    pub fn retain(&mut self, bytes: &[u8], mut wanted: impl FnMut(&Line, &[u8]) -> bool) {
        let made = &self.made;
        self.found.retain(|line| {
            let all = if line.made { made } else { bytes };
            wanted(line, all.get(line.start..line.end).unwrap_or_default())
        });
    }

    /// Numbers the lines of each stream that have one time: with it, that is their place in the stream whichever way they
    /// are read.
    fn number(&mut self, last: &[Option<Last>; 2]) {
        let mut numbers = [0, 1].map(|slot: usize| {
            let last = last.get(slot).and_then(Option::as_ref);
            last.map_or((None, 0), |last| (Some(last.time), last.count))
        });
        for line in &mut self.found {
            let slot = super::seen::slot_of(line);
            let Some((time, count)) = numbers.get_mut(slot).filter(|_| line.time.is_some()) else {
                continue;
            };
            if *time != line.time {
                (*time, *count) = (line.time, 0);
            }
            line.ordinal = *count;
            *count += 1;
        }
    }

    /// Numbers the lines, and notes the last one of each stream, for a later run that reads another way.
    pub fn note_last(&mut self, last: &mut [Option<Last>; 2], bytes: &[u8]) {
        self.number(last);
        let slots = last.iter_mut().zip([Stream::Stdout, Stream::Stderr]);
        for (slot, stream) in slots {
            let of_stream = |line: &Line| line.stream == Some(stream);
            let mut newest = self.found(bytes).rev().filter(|(line, _)| of_stream(line));
            let Some((line, text)) = newest.next() else {
                continue;
            };
            let Some(time) = line.time else { continue };
            let count = line.ordinal + 1;
            let mut hashes = vec![super::place::hash(text)];
            for (line, text) in newest.take(limits::LINES_AT_ONE_TIME_MAX) {
                if line.time != Some(time) {
                    break;
                }
                hashes.push(super::place::hash(text));
            }
            if let Some(before) = slot.take().filter(|before| before.time == time) {
                hashes.extend(before.lines);
                hashes.truncate(limits::LINES_AT_ONE_TIME_MAX);
            }
            *slot = Some(Last {
                time,
                count,
                lines: hashes,
            });
        }
    }

    /// Makes a batch of all lines found since the last one; its worker will make events of them.
    pub fn take_batch(
        &mut self,
        mut bytes: Vec<u8>,
        container: &Arc<Container>,
        names: &Arc<Names>,
        ack: Ack,
    ) -> Batch {
        let made_at = bytes.len();
        bytes.append(&mut self.made);
        let mut batch = Batch::new(bytes, Arc::clone(names), host::now_nanos(), ack);
        batch.stream = super::place::hash(container.id.as_bytes());
        let provenance = self.shape.origin.provenance(batch.stream, 0);
        batch.come_from(provenance, 0);
        let room = self.found.len();
        let found = std::mem::replace(&mut self.found, Vec::with_capacity(room));
        batch.decode = Some(Arc::new(Found {
            shape: Arc::clone(&self.shape),
            container: Arc::clone(container),
            lines: found,
            made_at,
        }));
        batch
    }
}

impl Joining {
    /// Counts a chunk. When all containers together hold too much, it and all that follow in its line are left out; but the first
    /// is kept, and so is one that ends the line.
    fn count(&mut self, record: Record, chunk: &mut Vec<u8>, line_bytes_max: usize) {
        let before = self.bytes;
        let bytes = (before + chunk.len()).min(line_bytes_max);
        let is_beyond = record.partial && !self.share.hold(bytes) && 0 < before;
        if self.is_cut || is_beyond {
            self.share.hold(before);
            self.is_cut = true;
            self.truncated |= !chunk.is_empty();
            chunk.clear();
        } else {
            self.bytes = bytes;
        }
    }

    /// The line is done with, and so is the memory of a long one: there are two of these for every container.
    fn give_back(&mut self, line_bytes_max: usize) {
        self.joiner = Joiner::new(line_bytes_max);
        self.share.hold(0);
        self.bytes = 0;
        self.is_cut = false;
    }
}

impl Line {
    pub fn of(record: Record) -> Self {
        Self {
            start: 0,
            end: 0,
            made: false,
            stream: Some(record.stream),
            time: record.time,
            ordinal: 0,
            truncated: record.truncated,
            unfinished: false,
            damaged: false,
            joined: false,
        }
    }

    /// Its place in the logs of the container, as a number; none for what cannot be read.
    pub fn place(&self) -> Option<u64> {
        let stream = match self.stream? {
            Stream::Stdin => 0,
            Stream::Stdout => 1,
            Stream::Stderr => 2,
        };
        let numbered = provenance::mix(self.ordinal.wrapping_mul(3) + stream);
        Some(provenance::mix(self.time?.cast_unsigned() ^ numbered))
    }
}
