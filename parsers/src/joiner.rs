//! Joins the pieces of long lines: chunks of one stream in, whole lines out, borrowed.
//!
//! Docker and Kubernetes' container runtimes cut long lines into chunks and mix the streams of
//! a container in one file (Docker's documentation, "JSON File logging driver", at 16 KiB; Kubernetes' "CRI logging
//! format", whose tag `P` marks a part), so chunks of different streams must not meet. A [`Joiner`] serves one
//! stream; [`Joiners`] serve any number, told apart by a key of the caller's, within limits. When
//! a stream has ended, the caller knows; there is no clock here.
//!
//! ```
//! use sawlog_parsers::cri;
//! use sawlog_parsers::joiner::{Joiners, Limits};
//!
//! let mut joiners = Joiners::new(Limits { line_bytes_max: 1 << 20, open_lines_max: 1000, bytes_max: 16 << 20 });
//! let log = b"2026-11-20T16:46:09.1Z stdout P one li
//! 2026-11-20T16:46:09.2Z stderr F another
//! 2026-11-20T16:46:09.3Z stdout F ne";
//! let mut lines = Vec::new();
//! for record in log.split(|byte| *byte == b'\n').filter_map(cri::parse) {
//!     let key = ("container 1", record.stream);
//!     let pushed = joiners.push(&key, record.text, record.partial, Some(record.time));
//!     lines.extend(pushed.line.map(|line| String::from_utf8_lossy(line.bytes).into_owned()));
//! }
//! assert_eq!(lines, ["another", "one line"]);
//! ```

mod keyed;

pub use self::keyed::{Joiners, Limits, Pushed, Unfinished};

/// Memory that a joiner keeps between two lines; a longer line's buffer is given back, since there
/// is one joiner for every stream of every container. Four of Docker's chunks of 16 KiB fit.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// Collects the chunks of a line until its end, for one stream.
///
/// ```
/// use sawlog_parsers::joiner::Joiner;
///
/// let mut joiner = Joiner::new(1 << 20);
/// assert_eq!(joiner.push(b"one ", true, Some(1)), None);
/// let line = joiner.push(b"line", false, Some(2)).expect("this chunk ends the line");
/// assert_eq!((line.bytes, line.time), (&b"one line"[..], Some(1)));
/// ```
#[derive(Debug)]
pub struct Joiner {
    bytes_max: usize,
    buffer: Vec<u8>,
    time: Option<i64>,
    state: State,
    truncated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No chunk is waiting; the buffer may still hold the line that was given out last.
    Idle,
    /// Chunks of a line without its end are in the buffer.
    Open,
}

/// A whole line.
///
/// ```
/// use sawlog_parsers::joiner::{Joiner, Line};
///
/// let mut joiner = Joiner::new(8);
/// assert_eq!(joiner.push(b"too long ", true, Some(7)), None);
/// let line = joiner.push(b"a line", false, Some(9)).expect("its end has come");
/// assert_eq!((line.bytes, line.time), (&b"too long"[..], Some(7)));
/// assert!(line.truncated && !line.unfinished);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line<'a> {
    /// The text without its line end.
    pub bytes: &'a [u8],
    /// The time of the first chunk, which is when the line began: nanoseconds since 1970, or
    /// whatever the caller counts in.
    pub time: Option<i64>,
    /// The line was longer than the cap, and what lies beyond is gone.
    pub truncated: bool,
    /// The stream ended before the line did.
    pub unfinished: bool,
}

impl Joiner {
    /// A joiner whose lines have at most `bytes_max` bytes.
    ///
    /// ```
    /// use sawlog_parsers::joiner::Joiner;
    ///
    /// let mut joiner = Joiner::new(4);
    /// let line = joiner.push(b"ready", false, None).expect("a line of one chunk");
    /// assert_eq!((line.bytes, line.truncated), (&b"read"[..], true));
    /// ```
    pub fn new(bytes_max: usize) -> Joiner {
        Joiner {
            bytes_max,
            buffer: Vec::new(),
            time: None,
            state: State::Idle,
            truncated: false,
        }
    }

    /// Takes a chunk; gives the line that it ends, if it ends one: `partial` says that the line goes on. Of the
    /// chunks' times the first is the line's. A line of one chunk is not copied.
    ///
    /// ```
    /// use sawlog_parsers::joiner::Joiner;
    ///
    /// let mut joiner = Joiner::new(1 << 20);
    /// assert_eq!(joiner.push(b"a stack of ", true, Some(1)), None);
    /// assert!(joiner.is_open());
    /// assert_eq!(joiner.push(b"many ", true, Some(2)), None);
    /// let line = joiner.push(b"calls", false, Some(3)).expect("the end of the line");
    /// assert_eq!((line.bytes, line.time), (&b"a stack of many calls"[..], Some(1)));
    /// ```
    pub fn push<'a>(
        &'a mut self,
        chunk: &'a [u8],
        partial: bool,
        time: Option<i64>,
    ) -> Option<Line<'a>> {
        if self.state == State::Idle {
            self.forget();
            if !partial {
                let bytes = cut(chunk, self.bytes_max);
                let truncated = bytes.len() < chunk.len();
                return Some(Line {
                    bytes,
                    time,
                    truncated,
                    unfinished: false,
                });
            }
            self.time = time;
            self.state = State::Open;
        }
        self.append(chunk);
        if partial {
            return None;
        }
        Some(self.close(false))
    }

    /// Gives the line whose end never came, when the stream has ended.
    ///
    /// ```
    /// use sawlog_parsers::joiner::Joiner;
    ///
    /// let mut joiner = Joiner::new(3);
    /// assert_eq!(joiner.push(b"cut off", true, None), None);
    /// let line = joiner.flush().expect("a chunk waits");
    /// assert_eq!((line.bytes, line.truncated, line.unfinished), (&b"cut"[..], true, true));
    /// assert_eq!(joiner.flush(), None);
    /// ```
    pub fn flush(&mut self) -> Option<Line<'_>> {
        match self.state {
            State::Idle => None,
            State::Open => Some(self.close(true)),
        }
    }

    /// Bytes that wait for the end of their line.
    fn open_bytes(&self) -> usize {
        match self.state {
            State::Idle => 0,
            State::Open => self.buffer.len(),
        }
    }

    /// Whether chunks wait for the end of their line.
    ///
    /// ```
    /// use sawlog_parsers::joiner::Joiner;
    ///
    /// let mut joiner = Joiner::new(100);
    /// joiner.push(b"half a li", true, None);
    /// assert!(joiner.is_open());
    /// joiner.push(b"ne", false, None);
    /// assert!(!joiner.is_open());
    /// ```
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    fn append(&mut self, chunk: &[u8]) {
        if self.truncated {
            return;
        }
        let room = self.bytes_max.saturating_sub(self.buffer.len());
        match chunk.split_at_checked(room) {
            Some((head, [next, ..])) => {
                self.buffer.extend_from_slice(head);
                self.buffer.truncate(whole_length(&self.buffer, *next));
                self.truncated = true;
            }
            _ => self.buffer.extend_from_slice(chunk),
        }
    }

    fn close(&mut self, unfinished: bool) -> Line<'_> {
        self.state = State::Idle;
        self.line(unfinished)
    }

    fn line(&self, unfinished: bool) -> Line<'_> {
        Line {
            bytes: &self.buffer,
            time: self.time,
            truncated: self.truncated,
            unfinished,
        }
    }

    fn forget(&mut self) {
        self.truncated = false;
        self.time = None;
        if KEPT_BYTES_MAX < self.buffer.capacity() {
            self.buffer = Vec::new();
        } else {
            self.buffer.clear();
        }
    }
}

/// The head of a text, not ending inside a UTF-8 character.
fn cut(text: &[u8], bytes_max: usize) -> &[u8] {
    match text.split_at_checked(bytes_max) {
        Some((head, [next, ..])) => head.get(..whole_length(head, *next)).unwrap_or(head),
        _ => text,
    }
}

/// How much of a text to keep so that it does not end inside a UTF-8 character; `next` is the byte behind it.
fn whole_length(text: &[u8], next: u8) -> usize {
    let continues = |byte: &&u8| **byte & 0xC0 == 0x80;
    if !continues(&&next) {
        return text.len();
    }
    let inside = text.iter().rev().take(3).take_while(continues).count();
    let before = text.len().saturating_sub(inside + 1);
    match text.get(before) {
        Some(0xC0..) => before,
        // It is no text.
        _ => text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_line_passes_without_a_copy() {
        let mut joiner = Joiner::new(100);
        let chunk = b"hello".to_vec();
        let line = joiner
            .push(&chunk, false, Some(1))
            .expect("the line is whole");
        assert_eq!(line.bytes.as_ptr(), chunk.as_ptr());
        assert_eq!(
            (line.time, line.truncated, line.unfinished),
            (Some(1), false, false)
        );
    }

    #[test]
    fn chunks_join_under_the_time_of_the_first() {
        let mut joiner = Joiner::new(100);
        assert_eq!(joiner.push(b"ab", true, Some(1)), None);
        assert_eq!(joiner.push(b"cd", true, Some(2)), None);
        let line = joiner
            .push(b"e", false, Some(3))
            .expect("the last chunk ends the line");
        assert_eq!((line.bytes, line.time), (&b"abcde"[..], Some(1)));
        let next = joiner
            .push(b"next", false, Some(4))
            .expect("a line of its own");
        assert_eq!((next.bytes, next.time), (&b"next"[..], Some(4)));
    }

    #[test]
    fn a_line_over_the_cap_is_cut_and_marked() {
        let mut joiner = Joiner::new(3);
        assert_eq!(joiner.push(b"ab", true, None), None);
        assert_eq!(joiner.push(b"cd", true, None), None);
        let line = joiner.push(b"e", false, None).expect("the line ends");
        assert_eq!((line.bytes, line.truncated), (&b"abc"[..], true));
        let next = joiner
            .push(b"xyz", false, None)
            .expect("the mark is not inherited");
        assert_eq!((next.bytes, next.truncated), (&b"xyz"[..], false));
        let next = joiner
            .push(b"wxyz", false, None)
            .expect("a single chunk is cut too");
        assert_eq!((next.bytes, next.truncated), (&b"wxy"[..], true));
    }

    #[test]
    fn the_cut_leaves_no_half_character() {
        assert_eq!(cut("aé".as_bytes(), 2), b"a");
        assert_eq!(cut("a\u{1F980}b".as_bytes(), 4), b"a");
        assert_eq!(cut("a\u{1F980}b".as_bytes(), 5), "a\u{1F980}".as_bytes());
        assert_eq!(cut(b"ab", 2), b"ab");
        // What is no text loses nothing.
        assert_eq!(cut(&[0x80; 10], 5), [0x80; 5]);
        let mut joiner = Joiner::new(3);
        assert_eq!(joiner.push(b"a\xF0", true, None), None);
        let line = joiner.push(b"\x9F\xA6\x80b", false, None);
        let line = line.expect("it is whole");
        assert_eq!((line.bytes, line.truncated), (&b"a"[..], true));
    }

    #[test]
    fn a_flush_gives_the_rest_with_a_mark_once() {
        let mut joiner = Joiner::new(100);
        assert_eq!(joiner.flush(), None);
        assert_eq!(joiner.push(b"ab", true, Some(1)), None);
        assert!(joiner.is_open());
        let line = joiner.flush().expect("a chunk waits");
        assert_eq!(
            (line.bytes, line.time, line.unfinished),
            (&b"ab"[..], Some(1), true)
        );
        assert_eq!(joiner.flush(), None);
    }

    #[test]
    fn a_long_line_leaves_no_memory_behind() {
        let mut joiner = Joiner::new(1 << 20);
        let chunk = vec![b'x'; 200_000];
        assert_eq!(joiner.push(&chunk, true, None), None);
        assert!(joiner.push(b"", false, None).is_some());
        assert!(joiner.push(b"y", false, None).is_some());
        assert_eq!(joiner.buffer.capacity(), 0);
    }
}
