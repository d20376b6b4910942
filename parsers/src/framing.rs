//! Frames of syslog over TCP (RFC 6587): a growing buffer in, one message at a time out.
//!
//! Both framings are told apart frame by frame: one to seven digits that do not begin with 0, a
//! blank and a `<` count the octets of a message; anything else ends at its newline, so a line may
//! begin with a year. The buffer is the caller's, and so is reading into it; what a message says is
//! told in [`syslog`](crate::syslog).
//!
//! ```
//! use sawlog_parsers::framing::{Decoder, Limits, Step};
//!
//! let mut decoder = Decoder::new(Limits { frame_bytes_max: 65_536 });
//! let mut buffer = b"11 <13>counted<13>a line\n<13>the beg".to_vec();
//! let mut messages = Vec::new();
//! loop {
//!     match decoder.decode(&buffer) {
//!         Step::Frame { range, consumed, truncated: _ } => {
//!             messages.push(buffer[range].to_vec());
//!             buffer.drain(..consumed);
//!         }
//!         Step::NeedMore { consumed } => {
//!             buffer.drain(..consumed);
//!             break;
//!         }
//!         Step::CountTooLarge { count } => panic!("{count} bytes are announced"),
//!     }
//! }
//! assert_eq!(messages, [&b"<13>counted"[..], b"<13>a line"]);
//! assert_eq!(buffer, b"<13>the beg");
//! ```

use std::ops::Range;

use nom::bytes::streaming::{tag, take_while_m_n};
use nom::combinator::not;
use nom::sequence::delimited;
use nom::{IResult, Parser};

/// Digits of a count at most: seven reach ten megabytes, far beyond any message, and no sum can
/// overflow.
const COUNT_DIGITS_MAX: usize = 7;

/// What a decoder may accept. RFC 5425 asks receivers to take 2048 octets and suggests 8192.
///
/// ```
/// use sawlog_parsers::framing::{Decoder, Limits, Step};
///
/// let mut decoder = Decoder::new(Limits { frame_bytes_max: 8 });
/// let step = decoder.decode(b"<13>disk 93 % full\n");
/// assert_eq!(step, Step::Frame { range: 0..8, consumed: 8, truncated: true });
/// assert_eq!(decoder.decode(b" 93 % full\n"), Step::NeedMore { consumed: 11 });
/// assert_eq!(decoder.decode(b"14 <13>disk full"), Step::CountTooLarge { count: 14 });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a message, 64 KiB by default. A longer line is cut; a longer count ends the connection, since what
    /// follows cannot be told from the message.
    pub frame_bytes_max: usize,
}

impl Default for Limits {
    /// Eight times what RFC 5425 suggests, as a datagram can carry at most.
    fn default() -> Self {
        Self {
            frame_bytes_max: 64 << 10,
        }
    }
}

/// Finds the messages in a connection's bytes; one for each connection.
///
/// ```
/// use sawlog_parsers::framing::{Decoder, Limits, Step};
///
/// let mut decoder = Decoder::new(Limits { frame_bytes_max: 65_536 });
/// let (mut buffer, mut messages) = (b"<13>one\n7 <13>two<13>th".to_vec(), Vec::new());
/// while let Step::Frame { range, consumed, .. } = decoder.decode(&buffer) {
///     messages.push(buffer[range].to_vec());
///     buffer.drain(..consumed);
/// }
/// assert_eq!(messages, [b"<13>one", b"<13>two"]);
/// assert_eq!(buffer, b"<13>th");
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    frame_bytes_max: usize,
    /// Bytes at the head of the buffer that were searched for a newline already.
    searched: usize,
    /// The line was too long and its head was given out: what follows is dropped until a newline.
    discarding: bool,
}

/// What the head of the buffer is.
///
/// ```
/// use sawlog_parsers::framing::{Decoder, Limits, Step};
///
/// let step = |buffer: &[u8]| Decoder::new(Limits { frame_bytes_max: 100 }).decode(buffer);
/// assert_eq!(step(b"7 <13>abc<13>"), Step::Frame { range: 2..9, consumed: 9, truncated: false });
/// assert_eq!(step(b"<13>abc\n"), Step::Frame { range: 0..7, consumed: 8, truncated: false });
/// assert_eq!(step(b"\n7 <13>a"), Step::NeedMore { consumed: 1 });
/// assert_eq!(step(b"700 <13>a"), Step::CountTooLarge { count: 700 });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A message.
    Frame {
        /// Where in the buffer it lies. A counted message may end with the newline that was
        /// counted.
        range: Range<usize>,
        /// Bytes to drop from the head of the buffer.
        consumed: usize,
        /// The message was longer than the limit, and the rest is dropped.
        truncated: bool,
    },
    /// No message is whole: drop the consumed bytes, then read more.
    NeedMore {
        /// Bytes to drop from the head of the buffer.
        consumed: usize,
    },
    /// The count is larger than the limit: nothing after it can be understood.
    CountTooLarge {
        /// What the sender announced.
        count: usize,
    },
}

enum Head {
    Counted { digits: usize, count: usize },
    Line,
    Undecided,
}

impl Decoder {
    /// A decoder for one connection. The caller's buffer must be able to hold
    /// [`Decoder::buffer_bytes_min`] bytes.
    ///
    /// ```
    /// use sawlog_parsers::framing::{Decoder, Limits};
    ///
    /// let decoder = Decoder::new(Limits { frame_bytes_max: 8192 });
    /// let buffer: Vec<u8> = Vec::with_capacity(decoder.buffer_bytes_min());
    /// assert!(8192 < buffer.capacity());
    /// ```
    pub fn new(limits: Limits) -> Decoder {
        Decoder {
            frame_bytes_max: limits.frame_bytes_max.max(1),
            searched: 0,
            discarding: false,
        }
    }

    /// Bytes that a buffer must hold so that `NeedMore` never meets a full one.
    ///
    /// ```
    /// use sawlog_parsers::framing::{Decoder, Limits};
    ///
    /// // A count and its blank stand before the message.
    /// let decoder = Decoder::new(Limits { frame_bytes_max: 8192 });
    /// assert!("8192 ".len() + 8192 <= decoder.buffer_bytes_min());
    /// ```
    pub fn buffer_bytes_min(&self) -> usize {
        self.frame_bytes_max.saturating_add(COUNT_DIGITS_MAX + 2)
    }

    /// Looks at the buffer, which begins where the bytes consumed so far end. Bytes that were looked
    /// at once are not looked at again, however small the pieces are in which they come.
    ///
    /// ```
    /// use sawlog_parsers::framing::{Decoder, Limits, Step};
    ///
    /// let mut decoder = Decoder::new(Limits { frame_bytes_max: 100 });
    /// // The message arrives in two pieces; the buffer still begins with the first.
    /// assert_eq!(decoder.decode(b"<13>web-17 "), Step::NeedMore { consumed: 0 });
    /// let step = decoder.decode(b"<13>web-17 up\n");
    /// assert_eq!(step, Step::Frame { range: 0..13, consumed: 14, truncated: false });
    /// ```
    pub fn decode(&mut self, buffer: &[u8]) -> Step {
        let mut skipped = 0;
        if self.discarding {
            match memchr::memchr(b'\n', buffer) {
                Some(newline) => skipped = newline + 1,
                None => {
                    return Step::NeedMore {
                        consumed: buffer.len(),
                    };
                }
            }
            self.discarding = false;
        }
        // Between messages, line ends and NULs carry nothing: senders that count add newlines,
        // others end with NUL.
        let rest = buffer.get(skipped..).unwrap_or_default();
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b'\n' | b'\r' | 0))
            .count();
        if 0 < blank {
            self.searched = 0;
        }
        skipped += blank;
        let rest = buffer.get(skipped..).unwrap_or_default();
        match head(rest) {
            Head::Counted { count, .. } if self.frame_bytes_max < count => {
                Step::CountTooLarge { count }
            }
            Head::Counted { digits, count } => {
                let begin = skipped + digits + 1;
                let end = begin + count;
                if buffer.len() < end {
                    return Step::NeedMore { consumed: skipped };
                }
                self.searched = 0;
                Step::Frame {
                    range: begin..end,
                    consumed: end,
                    truncated: false,
                }
            }
            Head::Line => self.line(rest, skipped),
            Head::Undecided => Step::NeedMore { consumed: skipped },
        }
    }

    /// What is left when the connection has ended: a last line without its newline, or a counted
    /// message cut short.
    ///
    /// ```
    /// use sawlog_parsers::framing::{Decoder, Limits, Step};
    ///
    /// let decoder = Decoder::new(Limits { frame_bytes_max: 100 });
    /// let step = decoder.clone().finish(b"<13>last words");
    /// assert_eq!(step, Step::Frame { range: 0..14, consumed: 14, truncated: false });
    /// let step = decoder.clone().finish(b"20 <13>last w");
    /// assert_eq!(step, Step::Frame { range: 3..13, consumed: 13, truncated: true });
    /// ```
    pub fn finish(&mut self, buffer: &[u8]) -> Step {
        match self.decode(buffer) {
            Step::NeedMore { consumed } => {
                let rest = buffer.get(consumed..).unwrap_or_default();
                self.searched = 0;
                if rest.is_empty() {
                    return Step::NeedMore { consumed };
                }
                let consumed_all = buffer.len();
                let (range, truncated) = match head(rest) {
                    Head::Counted { digits, .. } => (consumed + digits + 1..consumed_all, true),
                    Head::Line | Head::Undecided => {
                        let length = rest.len().min(self.frame_bytes_max);
                        (consumed..consumed + length, length < rest.len())
                    }
                };
                Step::Frame {
                    range,
                    consumed: consumed_all,
                    truncated,
                }
            }
            step @ (Step::Frame { .. } | Step::CountTooLarge { .. }) => step,
        }
    }

    fn line(&mut self, rest: &[u8], skipped: usize) -> Step {
        let most = self.frame_bytes_max;
        let from = self.searched.min(rest.len());
        let window = rest.get(from..rest.len().min(most + 1)).unwrap_or_default();
        if let Some(at) = memchr::memchr(b'\n', window) {
            let end = skipped + from + at;
            self.searched = 0;
            return Step::Frame {
                range: skipped..end,
                consumed: end + 1,
                truncated: false,
            };
        }
        if most < rest.len() {
            self.searched = 0;
            self.discarding = true;
            let end = skipped + most;
            return Step::Frame {
                range: skipped..end,
                consumed: end,
                truncated: true,
            };
        }
        self.searched = rest.len();
        Step::NeedMore { consumed: skipped }
    }
}

/// Tells which framing begins here; nom's streaming parsers say when bytes are missing to tell.
fn head(rest: &[u8]) -> Head {
    let value = |sum, byte: &u8| sum * 10 + usize::from(byte - b'0');
    match count(rest) {
        Ok((_message, digits)) => Head::Counted {
            digits: digits.len(),
            count: digits.iter().fold(0, value),
        },
        Err(nom::Err::Incomplete(_)) => Head::Undecided,
        Err(_) => Head::Line,
    }
}

/// MSG-LEN of RFC 6587, section 3.4.1, if a blank and the `<` of a priority follow it.
fn count(rest: &[u8]) -> IResult<&[u8], &[u8], ()> {
    let digits = take_while_m_n(1, COUNT_DIGITS_MAX, |byte: u8| byte.is_ascii_digit());
    delimited(not(tag("0")), digits, tag(" <")).parse(rest)
}

#[cfg(test)]
mod tests;
