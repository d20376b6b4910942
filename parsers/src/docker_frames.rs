//! The stream of the Docker Engine's logs API: a growing buffer in, one record at a time out.
//!
//! Containers without a terminal send frames of an 8-byte header and a payload, those with one send
//! bare lines. Either way `timestamps=1` puts a time before each record, and `details=1` puts
//! [`Details`] between them. The buffer is the caller's; joining partial records is the
//! [`joiner`](crate::joiner)'s. The layout is that of "Attach to a container" in the documentation of the
//! Engine's API.
//!
//! ```
//! use sawlog_parsers::docker_frames::{Decoder, Limits, Mode, Step};
//! use sawlog_parsers::Stream;
//!
//! let mut decoder = Decoder::new(Mode::Multiplexed, Limits { record_bytes_max: 1 << 20 });
//! let buffer = b"\x02\0\0\0\0\0\0\x232026-11-20T16:46:09.929473720Z err\n\x01\0\0";
//! let Step::Record { stream, time, payload, partial, consumed, .. } = decoder.decode(buffer) else {
//!     panic!("a whole frame lies at the head");
//! };
//! assert_eq!((stream, partial), (Stream::Stderr, false));
//! assert_eq!(time, Some(1_795_193_169_929_473_720));
//! assert_eq!(&buffer[payload], b"err");
//! // The second frame has not arrived yet.
//! assert_eq!(decoder.decode(&buffer[consumed..]), Step::NeedMore { consumed: 0 });
//! ```

use std::ops::Range;

use crate::Stream;
use crate::timestamp::fixed;

mod details;
mod terminal;

pub use details::{Details, unescape_detail};

/// Bytes of a frame's header: kind, three zeros, length.
const HEADER_BYTES: usize = 8;

/// Bytes of the daemon's line buffer: a longer line comes in records of this size.
const CHUNK_BYTES: usize = 16_384;

/// Bytes that a time before a record may have, with the blank: nine digits of fraction and an
/// offset.
const TIME_BYTES_MAX: usize = 36;

/// How the answer's body is laid out. From version 1.42 of the API its content type tells:
/// `application/vnd.docker.multiplexed-stream` or `…raw-stream`; before, the container's `Config.Tty`.
///
/// ```
/// use sawlog_parsers::docker_frames::{Decoder, Limits, Mode, Step};
///
/// let text_of = |mode, buffer: &[u8]| match Decoder::new(mode, Limits { record_bytes_max: 100 }).finish(buffer) {
///     Step::Record { payload, .. } => buffer[payload].to_vec(),
///     other => panic!("{other:?}"),
/// };
/// assert_eq!(text_of(Mode::Multiplexed, b"\x01\0\0\0\0\0\0\x06ready\n"), b"ready");
/// assert_eq!(text_of(Mode::Terminal, b"ready\r\n"), b"ready");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Frames with headers.
    Multiplexed,
    /// Bare lines of a terminal.
    Terminal,
}

/// What a decoder may accept.
///
/// ```
/// use sawlog_parsers::docker_frames::{Decoder, Limits, Mode, Step};
///
/// let mut decoder = Decoder::new(Mode::Multiplexed, Limits { record_bytes_max: 4 });
/// let buffer = b"\x01\0\0\0\0\0\0\x06ready\n";
/// let Step::Record { payload, truncated, consumed, .. } = decoder.decode(buffer) else { panic!("a record") };
/// assert_eq!((&buffer[payload], truncated), (&b"read"[..], true));
/// // What is left of the frame is dropped.
/// assert_eq!(decoder.decode(&buffer[consumed..]), Step::NeedMore { consumed: 2 });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a record with its time, 1 MiB by default; what lies beyond is dropped and the record marked.
    pub record_bytes_max: usize,
}

impl Default for Limits {
    /// Sixty-four of the chunks of 16 KiB that the daemon cuts lines into: a terminal's lines come whole.
    fn default() -> Self {
        Self {
            record_bytes_max: 1 << 20,
        }
    }
}

/// Finds the records in an answer's bytes; one for each answer.
///
/// ```
/// use sawlog_parsers::docker_frames::{Decoder, Limits, Mode, Step};
///
/// let mut decoder = Decoder::new(Mode::Terminal, Limits { record_bytes_max: 1 << 20 });
/// let (mut buffer, mut lines) = (b"one\r\ntwo\r\nthr".to_vec(), Vec::new());
/// while let Step::Record { payload, consumed, .. } = decoder.decode(&buffer) {
///     lines.push(buffer[payload].to_vec());
///     buffer.drain(..consumed);
/// }
/// assert_eq!(lines, [b"one", b"two"]);
/// assert_eq!(buffer, b"thr");
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    mode: Mode,
    record_bytes_max: usize,
    rest: Rest,
    searched: usize,
}

/// What is to be dropped before the next record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    Nothing,
    /// Bytes of a frame that was too long.
    Bytes(usize),
    /// A terminal's line that was too long.
    Line,
}

/// What the head of the buffer is.
///
/// ```
/// use sawlog_parsers::docker_frames::{Decoder, Limits, Mode, Step};
///
/// let step = |buffer: &[u8]| Decoder::new(Mode::Multiplexed, Limits { record_bytes_max: 100 }).decode(buffer);
/// assert!(matches!(step(b"\x02\0\0\0\0\0\0\x03up\n"), Step::Record { partial: false, consumed: 11, .. }));
/// assert_eq!(step(b"\x03\0\0\0\0\0\0\x04gone"), Step::DaemonError { payload: 8..12, consumed: 12 });
/// assert_eq!(step(b"\x02\0\0\0\0\0\0\x03u"), Step::NeedMore { consumed: 0 });
/// assert_eq!(step(b"HTTP/1.1"), Step::Invalid);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A record.
    Record {
        /// Which stream the container wrote to; a terminal has one.
        stream: Stream,
        /// Nanoseconds since 1970; for each chunk of a line that of its first.
        time: Option<i64>,
        /// Where in the buffer the text lies, without its time and its line end.
        payload: Range<usize>,
        /// The line goes on in the next record of this stream.
        partial: bool,
        /// The record was longer than the limit, and the rest is dropped.
        truncated: bool,
        /// Bytes to drop from the head of the buffer.
        consumed: usize,
    },
    /// The daemon says that it cannot go on; this is no log line.
    DaemonError {
        /// Where in the buffer the words lie.
        payload: Range<usize>,
        /// Bytes to drop from the head of the buffer.
        consumed: usize,
    },
    /// No record is whole: drop the consumed bytes, then read more.
    NeedMore {
        /// Bytes to drop from the head of the buffer.
        consumed: usize,
    },
    /// No frame begins here: nothing that follows can be understood.
    Invalid,
}

impl Decoder {
    /// A decoder for one answer. The caller's buffer must be able to hold
    /// [`Decoder::buffer_bytes_min`] bytes.
    ///
    /// ```
    /// use sawlog_parsers::docker_frames::{Decoder, Limits, Mode};
    ///
    /// let decoder = Decoder::new(Mode::Multiplexed, Limits { record_bytes_max: 1 << 20 });
    /// let buffer: Vec<u8> = Vec::with_capacity(decoder.buffer_bytes_min());
    /// assert!(1 << 20 < buffer.capacity());
    /// ```
    pub fn new(mode: Mode, limits: Limits) -> Decoder {
        Decoder {
            mode,
            record_bytes_max: limits.record_bytes_max.max(1),
            rest: Rest::Nothing,
            searched: 0,
        }
    }

    /// Bytes that a buffer must hold so that `NeedMore` never meets a full one.
    ///
    /// ```
    /// use sawlog_parsers::docker_frames::{Decoder, Limits, Mode};
    ///
    /// // A header of eight bytes and a time stand before the record.
    /// let decoder = Decoder::new(Mode::Multiplexed, Limits { record_bytes_max: 1 << 20 });
    /// assert!((1 << 20) + 8 < decoder.buffer_bytes_min());
    /// ```
    pub fn buffer_bytes_min(&self) -> usize {
        let record = self.record_bytes_max.max(CHUNK_BYTES + TIME_BYTES_MAX);
        record.saturating_add(HEADER_BYTES + TIME_BYTES_MAX + 1)
    }

    /// Looks at the buffer, which begins where the bytes consumed so far end.
    ///
    /// ```
    /// use sawlog_parsers::docker_frames::{Decoder, Limits, Mode, Step};
    ///
    /// let mut decoder = Decoder::new(Mode::Multiplexed, Limits { record_bytes_max: 100 });
    /// let frame = b"\x01\0\0\0\0\0\0\x07half a ";
    /// // It arrives in two pieces; the buffer still begins with the first.
    /// assert_eq!(decoder.decode(&frame[..10]), Step::NeedMore { consumed: 0 });
    /// let Step::Record { payload, partial, .. } = decoder.decode(frame) else { panic!("the frame is whole") };
    /// assert_eq!((&frame[payload], partial), (&b"half a "[..], true));
    /// ```
    pub fn decode(&mut self, buffer: &[u8]) -> Step {
        let skipped = match self.rest {
            Rest::Nothing => 0,
            Rest::Bytes(left) => {
                let dropped = left.min(buffer.len());
                self.rest = if dropped == left {
                    Rest::Nothing
                } else {
                    Rest::Bytes(left - dropped)
                };
                dropped
            }
            Rest::Line => match memchr::memchr(b'\n', buffer) {
                Some(newline) => {
                    self.rest = Rest::Nothing;
                    newline + 1
                }
                None => buffer.len(),
            },
        };
        let rest = buffer.get(skipped..).unwrap_or_default();
        if rest.is_empty() {
            return Step::NeedMore { consumed: skipped };
        }
        match self.mode {
            Mode::Multiplexed => self.frame(rest, skipped),
            Mode::Terminal => self.terminal(rest, skipped, terminal::More::Follows),
        }
    }

    /// What is left when the answer has ended: a terminal's line without its end. A frame cut short
    /// gives what is there of it, marked truncated.
    ///
    /// ```
    /// use sawlog_parsers::docker_frames::{Decoder, Limits, Mode, Step};
    ///
    /// let mut decoder = Decoder::new(Mode::Terminal, Limits { record_bytes_max: 100 });
    /// assert_eq!(decoder.decode(b"$ "), Step::NeedMore { consumed: 0 });
    /// let Step::Record { payload, partial, .. } = decoder.finish(b"$ ") else { panic!("the prompt is left") };
    /// assert_eq!((payload, partial), (0..2, true));
    /// ```
    pub fn finish(&mut self, buffer: &[u8]) -> Step {
        match self.decode(buffer) {
            Step::NeedMore { consumed } => {
                let rest = buffer.get(consumed..).unwrap_or_default();
                self.searched = 0;
                if rest.is_empty() {
                    return Step::NeedMore { consumed };
                }
                match self.mode {
                    Mode::Terminal => self.terminal(rest, consumed, terminal::More::Ended),
                    Mode::Multiplexed => cut_short(rest, consumed),
                }
            }
            step @ (Step::Record { .. } | Step::DaemonError { .. } | Step::Invalid) => step,
        }
    }

    fn frame(&mut self, rest: &[u8], skipped: usize) -> Step {
        let Some((header, body)) = rest.split_first_chunk::<HEADER_BYTES>() else {
            return Step::NeedMore { consumed: skipped };
        };
        let [kind, 0, 0, 0, length @ ..] = header else {
            return Step::Invalid;
        };
        let length = u32::from_be_bytes(*length) as usize;
        let shown = length.min(self.record_bytes_max);
        if 3 < *kind {
            return Step::Invalid;
        }
        let Some(payload) = body.get(..shown) else {
            return Step::NeedMore { consumed: skipped };
        };
        if shown < length {
            self.rest = Rest::Bytes(length - shown);
        }
        record(*kind, payload, skipped + HEADER_BYTES, shown < length)
    }
}

/// A frame's payload, which begins at a place in the buffer.
fn record(kind: u8, payload: &[u8], begin: usize, truncated: bool) -> Step {
    let end = begin + payload.len();
    let stream = match kind {
        0 => Stream::Stdin,
        1 => Stream::Stdout,
        2 => Stream::Stderr,
        _ => {
            return Step::DaemonError {
                payload: begin..end,
                consumed: end,
            };
        }
    };
    let (time, text_begin) = time_before(payload);
    let newline = usize::from(text_begin < payload.len() && payload.last() == Some(&b'\n'));
    Step::Record {
        stream,
        time,
        payload: begin + text_begin..end - newline,
        // The end of a frame that was too long is not known; the next record is taken for a new
        // line.
        partial: newline == 0 && !truncated,
        truncated,
        consumed: end,
    }
}

/// What there is of the last frame.
fn cut_short(rest: &[u8], skipped: usize) -> Step {
    match rest.split_first_chunk::<HEADER_BYTES>() {
        Some(([kind @ 0..=3, 0, 0, 0, ..], body)) => {
            record(*kind, body, skipped + HEADER_BYTES, true)
        }
        _ => Step::Invalid,
    }
}

/// The time that stands before a record, and where its text begins; without a time it begins at 0.
fn time_before(text: &[u8]) -> (Option<i64>, usize) {
    // What is longer is no time of the daemon's, however much of it has arrived.
    let text = text
        .get(..text.len().min(TIME_BYTES_MAX))
        .unwrap_or_default();
    let time = || {
        let prefix = fixed::iso_prefix(text)?;
        // Without an offset it is a text that begins with a date, not the daemon's time.
        let nanos = prefix.local.real_nanos_at(prefix.offset?)?;
        (text.get(prefix.length) == Some(&b' ')).then_some((Some(nanos), prefix.length + 1))
    };
    time().unwrap_or((None, 0))
}

#[cfg(test)]
mod tests;
