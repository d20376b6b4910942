//! Records of Docker's json-file log driver: one line in, its text, stream and time out.
//!
//! A line is one JSON object as the daemon's driver writes it (Docker's documentation, "JSON File logging driver"):
//! `{"log":"hello\n","stream":"stdout","attrs":{…},"time":"2026-11-20T16:46:09.92947372Z"}`. The text
//! stays escaped, so that a record whose text goes into JSON again is never unescaped; [`unescape`]
//! does it for the others. Joining partial records is the [`joiner`](crate::joiner)'s.
//!
//! ```
//! use sawlog_parsers::Stream;
//! use sawlog_parsers::docker_json::{Text, parse};
//!
//! let line = br#"{"log":"say \"hi\"\n","stream":"stdout","time":"2026-11-20T16:46:09.92947372Z"}"#;
//! let record = parse(line).expect("a record");
//! assert_eq!((record.stream, record.partial), (Stream::Stdout, false));
//! assert_eq!(record.time, Some(1_795_193_169_929_473_720));
//! assert_eq!(record.log, Text::Escaped(br#"say \"hi\""#));
//! let mut text = Vec::new();
//! record.log.write(&mut text);
//! assert_eq!(text, br#"say "hi""#);
//! ```

use memchr::{memchr, memchr_iter, memmem, memrchr};

mod any_order;
mod escapes;

pub use escapes::unescape;

use crate::Stream;
use crate::timestamp::fixed;

/// One record.
///
/// ```
/// use sawlog_parsers::Stream;
/// use sawlog_parsers::docker_json::{Text, parse};
///
/// let line = br#"{"log":"half a","stream":"stderr","attrs":{"tag":"shop"},"time":"2026-11-20T16:46:09Z"}"#;
/// let record = parse(line).expect("a record");
/// assert_eq!((record.log, record.partial), (Text::Plain(b"half a"), true));
/// assert_eq!((record.stream, record.attrs), (Stream::Stderr, Some(&br#"{"tag":"shop"}"#[..])));
/// assert_eq!(record.time, Some(1_795_193_169_000_000_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record<'a> {
    /// The text without its newline.
    pub log: Text<'a>,
    /// Which stream the container wrote to.
    pub stream: Stream,
    /// Nanoseconds since 1970; for each chunk of a line that of its first. `None` if absent or no
    /// time.
    pub time: Option<i64>,
    /// The object of labels, environment and tag, as it stands: from its brace to the one that closes it. Whether what is
    /// between them is JSON is not looked at.
    pub attrs: Option<&'a [u8]>,
    /// The text does not end with a newline: the line goes on in the next record of this stream, or
    /// its stream ended.
    pub partial: bool,
}

/// A text in JSON, still between its quotes' places.
///
/// ```
/// use sawlog_parsers::docker_json::{Text, parse};
///
/// let plain = parse(br#"{"log":"ready\n","stream":"stdout","time":"2026-11-20T16:46:09Z"}"#).expect("a record");
/// assert_eq!(plain.log, Text::Plain(b"ready"));
/// let escaped = parse(br#"{"log":"\tready\n","stream":"stdout","time":"2026-11-20T16:46:09Z"}"#).expect("a record");
/// assert_eq!(escaped.log, Text::Escaped(br"\tready"));
/// assert_eq!(escaped.log.raw(), br"\tready");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// It holds escapes, see [`unescape`].
    Escaped(&'a [u8]),
    /// It holds none and can be used as it is.
    Plain(&'a [u8]),
}

impl<'a> Text<'a> {
    /// The bytes as they stand in the record.
    ///
    /// ```
    /// use sawlog_parsers::docker_json::Text;
    ///
    /// assert_eq!(Text::Escaped(br"4\tm").raw(), br"4\tm");
    /// ```
    pub fn raw(&self) -> &'a [u8] {
        match self {
            Text::Escaped(bytes) | Text::Plain(bytes) => bytes,
        }
    }

    /// Appends the text itself.
    ///
    /// ```
    /// use sawlog_parsers::docker_json::Text;
    ///
    /// let mut out = b"log: ".to_vec();
    /// Text::Escaped(br"4\t\u00e4").write(&mut out);
    /// Text::Plain(b" m").write(&mut out);
    /// assert_eq!(out, "log: 4\t\u{e4} m".as_bytes());
    /// ```
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Text::Escaped(bytes) => unescape(bytes, out),
            Text::Plain(bytes) => out.extend_from_slice(bytes),
        }
    }
}

/// Cuts a record; `None` if the line is no object with a text or a time.
///
/// The daemon's own order of keys and lack of blanks go a fast way, every other spelling a slow
/// one. NULs before the record are skipped: they are the hole that someone else's truncation left.
///
/// ```
/// use sawlog_parsers::docker_json::parse;
///
/// assert!(parse(br#" { "time" : "2026-11-20T16:46:09Z", "log" : "x\n" } "#).is_some());
/// assert!(parse(b"plain text").is_none());
/// ```
pub fn parse(line: &[u8]) -> Option<Record<'_>> {
    let line = trim(line);
    daemon_order(line).or_else(|| any_order::parse(line))
}

/// Cuts a line into half a record and the record that begins behind it, as a daemon leaves them that died while it wrote and
/// then went on in the middle of the line. `None` if the line does not end with a record of the daemon's, or begins with it.
///
/// ```
/// use sawlog_parsers::docker_json::{parse, split_torn};
///
/// let line = br#"{"log":"lost wo{"log":"next\n","stream":"stdout","time":"2026-11-20T16:46:09Z"}"#;
/// let (torn, record) = split_torn(line).expect("a record behind half of one");
/// assert_eq!(torn, br#"{"log":"lost wo"#);
/// assert_eq!(parse(record).expect("it is whole").log.raw(), b"next");
/// assert_eq!(split_torn(torn), None);
/// assert_eq!(split_torn(record), None);
/// ```
#[cold]
pub fn split_torn(line: &[u8]) -> Option<(&[u8], &[u8])> {
    // The last may be the attributes of the record, of which one can be called so; no more than one is.
    let last = memmem::rfind(line, BEGIN)?;
    let before = line.get(..last).and_then(|line| memmem::rfind(line, BEGIN));
    let begins = [Some(last), before].into_iter().flatten();
    let cut = |begin| line.split_at_checked(begin);
    begins
        .filter(|begin| 0 < *begin)
        .filter_map(cut)
        .find(|(_, record)| parse(record).is_some())
}

/// How the daemon begins a record.
const BEGIN: &[u8] = br#"{"log":""#;

fn trim(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let mut line = line.strip_suffix(b"\r").unwrap_or(line);
    while let Some(rest) = line.strip_prefix(&[0]) {
        line = rest;
    }
    line
}

/// `{"log":"…","stream":"…","time":"…"}`, perhaps with `"attrs":{…}` before the time. By hand, from both
/// ends: it costs less than a bare scan for quotes and backslashes.
#[inline]
fn daemon_order(line: &[u8]) -> Option<Record<'_>> {
    let rest = line.strip_prefix(br#"{"log":""#)?;
    let (log, partial, rest) = log_text(rest)?;
    let rest = rest.strip_prefix(br#","stream":"std"#)?;
    let (stream, rest) = match rest {
        [b'o', b'u', b't', b'"', b',', rest @ ..] => (Stream::Stdout, rest),
        [b'e', b'r', b'r', b'"', b',', rest @ ..] => (Stream::Stderr, rest),
        _ => return None,
    };
    // The time is the last key and its value holds no quote, so it is found from the end.
    let head = rest.strip_suffix(br#""}"#)?;
    let (before, time) = head.split_at_checked(memrchr(b'"', head)? + 1)?;
    let between = before.strip_suffix(br#""time":""#)?;
    let attrs = match between {
        [] => None,
        _ => Some(any_order::object(
            between.strip_prefix(br#""attrs":"#)?.strip_suffix(b",")?,
        )?),
    };
    // A quote may end what is no time in the middle of an escape: then the slow way must look.
    let time = Some(time_of(time)?);
    Some(Record {
        log,
        stream,
        time,
        attrs,
        partial,
    })
}

/// The text up to its closing quote, whether it lacks the final newline, and what follows the
/// quote.
#[inline]
fn log_text(text: &[u8]) -> Option<(Text<'_>, bool, &[u8])> {
    let end = closing_quote(text)?;
    let (content, rest) = (text.get(..end)?, text.get(end + 1..)?);
    let (content, partial) = match content.strip_suffix(br"\n") {
        // A backslash that is itself protected begins no newline.
        Some(head) if !ends_protecting(head) => (head, false),
        _ => (content, true),
    };
    let log = match memchr(b'\\', content) {
        Some(_) => Text::Escaped(content),
        None => Text::Plain(content),
    };
    Some((log, partial, rest))
}

/// The first quote that no backslash protects.
#[inline]
fn closing_quote(text: &[u8]) -> Option<usize> {
    // Only the backslashes since the last quote are counted, so the work stays linear.
    memchr_iter(b'"', text).find(|at| !text.get(..*at).is_some_and(ends_protecting))
}

/// Whether the byte after this text is protected: an odd number of backslashes ends it.
#[inline]
fn ends_protecting(text: &[u8]) -> bool {
    text.ends_with(b"\\") && text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

fn time_of(text: &[u8]) -> Option<i64> {
    let prefix = fixed::iso_prefix(text)?;
    if prefix.length != text.len() {
        return None;
    }
    prefix.local.real_nanos_at(prefix.offset.unwrap_or(0))
}

#[cfg(test)]
mod tests;
