//! Records of one container to events: chunks of long lines are joined per stream, escapes are undone, and what was read at
//! once becomes one batch. Both ways of reading end here, so that they give the same documents.

use std::sync::Arc;

use sawlog_parsers::docker_json::{Stream, Text};
use sawlog_parsers::joiner::Joiner;

use crate::docker::container::Container;
use crate::docker::fields::{self, Fields};
use crate::event::{Batch, Name, Names, Value};
use crate::inputs::docker::place::Place;
use crate::queue::ack::Ack;

/// Says that a line was longer than `line_bytes_max`.
pub const TRUNCATED_TAG: &[u8] = b"_docker_line_truncated";
/// Says that a stream ended before its last line did.
pub const UNFINISHED_TAG: &[u8] = b"_docker_line_unfinished";
/// Says that a record could not be read; the event holds it as it was.
pub const DAMAGED_TAG: &[u8] = b"_dockerparsefailure";

/// The fixed parts of all events of a docker input.
#[derive(Clone, Debug)]
pub struct Shape {
    pub fields: Fields,
    pub stream: Name,
    pub host: Name,
    /// `[host][name]` rather than `host`.
    pub host_name: Option<Name>,
    pub host_text: String,
    pub line_bytes_max: usize,
}

/// Where a record comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
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
    /// A terminal's lines end with a carriage return.
    terminal: bool,
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
    /// The time that all chunks of the line have.
    time: Option<i64>,
    /// Where the line's first chunk begins.
    begin: Option<Place>,
    /// A chunk of the line came without its end.
    truncated: bool,
}

/// A line, ready to become an event.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    start: usize,
    end: usize,
    made: bool,
    pub stream: Option<Stream>,
    pub time: Option<i64>,
    truncated: bool,
    unfinished: bool,
    damaged: bool,
}

impl Lines {
    pub fn new(shape: Arc<Shape>, terminal: bool) -> Self {
        let joining = || Joining {
            joiner: Joiner::new(shape.line_bytes_max),
            time: None,
            begin: None,
            truncated: false,
        };
        Self {
            output: joining(),
            error: joining(),
            terminal,
            found: Vec::new(),
            made: Vec::new(),
            scratch: Vec::new(),
            counts: Counts::default(),
            shape,
        }
    }

    pub fn set_terminal(&mut self, terminal: bool) {
        self.terminal = terminal;
    }

    /// Takes a record whose text stands at `range` of the bytes being read; `begin` says where in the files it stands.
    #[inline]
    pub fn push(&mut self, bytes: &[u8], text: Text<'_>, origin: Origin, begin: Option<Place>) {
        let joining = self.joining(origin.stream);
        if joining.joiner.is_open() {
            // Chunks of one line carry one time: another one means that the line before never got its end.
            if joining.time == origin.time {
                return self.join(text, origin, begin);
            }
            self.flush_stream(origin.stream);
        }
        if origin.partial {
            return self.join(text, origin, begin);
        }
        let line = match text {
            Text::Plain(plain) if plain.len() <= self.shape.line_bytes_max && !self.terminal => {
                let start = (plain.as_ptr() as usize).saturating_sub(bytes.as_ptr() as usize);
                Line {
                    start,
                    end: start + plain.len(),
                    made: false,
                    ..Line::of(origin)
                }
            }
            Text::Plain(_) | Text::Escaped(_) => {
                let start = self.made.len();
                text.write(&mut self.made);
                self.finish_made(start, Line::of(origin))
            }
        };
        self.keep(line);
    }

    /// A record that could not be read goes on as it is.
    pub fn push_damaged(&mut self, record: &[u8]) {
        let start = self.made.len();
        self.made.extend_from_slice(record);
        let line = Line {
            start,
            end: start,
            made: true,
            stream: None,
            time: None,
            truncated: false,
            unfinished: false,
            damaged: true,
        };
        let line = self.finish_made(start, line);
        self.keep(line);
    }

    fn joining(&mut self, stream: Stream) -> &mut Joining {
        match stream {
            Stream::Stdin | Stream::Stdout => &mut self.output,
            Stream::Stderr => &mut self.error,
        }
    }

    fn join(&mut self, text: Text<'_>, origin: Origin, begin: Option<Place>) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        text.write(&mut scratch);
        let joining = self.joining(origin.stream);
        if !joining.joiner.is_open() {
            joining.time = origin.time;
            joining.begin = begin;
            joining.truncated = false;
        }
        joining.truncated |= origin.truncated;
        let whole = joining.joiner.push(&scratch, origin.partial, origin.time);
        let joined = whole.map(|line| (line.bytes.to_vec(), line.truncated || joining.truncated));
        self.scratch = scratch;
        if let Some((bytes, truncated)) = joined {
            self.keep_joined(
                &bytes,
                Line {
                    truncated,
                    ..Line::of(origin)
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
            Some(text) if self.terminal && !line.unfinished && !line.damaged => text,
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
        let joining = self.joining(stream);
        let time = joining.time;
        let truncated = joining.truncated;
        let Some(line) = joining.joiner.flush() else {
            return;
        };
        let (bytes, truncated) = (line.bytes.to_vec(), line.truncated || truncated);
        let origin = Origin {
            stream,
            time,
            partial: false,
            truncated,
        };
        self.keep_joined(
            &bytes,
            Line {
                unfinished: true,
                ..Line::of(origin)
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

    /// Makes a batch of all lines found since the last one.
    pub fn take_batch(
        &mut self,
        mut bytes: Vec<u8>,
        container: &Container,
        names: &Arc<Names>,
        ack: Ack,
    ) -> Batch {
        let behind = bytes.len();
        bytes.extend_from_slice(&self.made);
        let mut batch = Batch::new(bytes, Arc::clone(names), now(), ack);
        batch.stream = super::place::hash(container.id.as_bytes());
        batch.reserve_events(self.found.len());
        let writer = Writer::new(&self.shape, container, &mut batch);
        for line in &self.found {
            let shift = if line.made { behind } else { 0 };
            writer.write(&mut batch, line, shift);
        }
        self.found.clear();
        self.made.clear();
        batch
    }
}

impl Line {
    fn of(origin: Origin) -> Self {
        Self {
            start: 0,
            end: 0,
            made: false,
            stream: Some(origin.stream),
            time: origin.time,
            truncated: origin.truncated,
            unfinished: false,
            damaged: false,
        }
    }
}

/// What all events of a batch share.
struct Writer<'a> {
    shape: &'a Shape,
    container: Value,
    host: Value,
    streams: [Value; 3],
    cut: bool,
}

impl<'a> Writer<'a> {
    fn new(shape: &'a Shape, container: &Container, batch: &mut Batch) -> Self {
        let host = batch.value_of(shape.host_text.as_bytes());
        let host = match shape.host_name {
            Some(name) => {
                let mut members = crate::event::value::Chain::EMPTY;
                batch.push_member(&mut members, name, host);
                Value::Map(members)
            }
            None => host,
        };
        Self {
            shape,
            container: shape.fields.value(batch, container),
            host,
            streams: [Stream::Stdin, Stream::Stdout, Stream::Stderr]
                .map(|stream| batch.value_of(stream.as_str().as_bytes())),
            cut: container.cut,
        }
    }

    #[inline]
    fn write(&self, batch: &mut Batch, line: &Line, shift: usize) {
        let event = batch.push_event(line.time.unwrap_or(batch.received));
        let message = Value::Text(batch.text_at(line.start + shift..line.end + shift));
        batch.append_field(event, Name::MESSAGE, message);
        let [stdin, stdout, stderr] = self.streams;
        let stream = match line.stream {
            Some(Stream::Stdin) => Some(stdin),
            Some(Stream::Stdout) => Some(stdout),
            Some(Stream::Stderr) => Some(stderr),
            None => None,
        };
        if let Some(stream) = stream {
            batch.append_field(event, self.shape.stream, stream);
        }
        let container = batch.copy(self.container);
        batch.append_field(event, self.shape.fields.container, container);
        let host = batch.copy(self.host);
        batch.append_field(event, self.shape.host, host);
        let tags = [
            (line.truncated, TRUNCATED_TAG),
            (line.unfinished, UNFINISHED_TAG),
            (line.damaged, DAMAGED_TAG),
            (self.cut, fields::CUT_TAG),
        ];
        for (_, tag) in tags.iter().filter(|(applies, _)| *applies) {
            batch.tag(event, tag);
        }
    }
}

/// Nanoseconds since 1970.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}
