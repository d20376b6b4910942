//! Records of Docker's json-file log driver: one line in, its text, stream and time out.
//!
//! The text stays escaped, so that a record whose text goes into JSON again is never unescaped; [`unescape`] does it for
//! the others. Joining partial records is the joiner's.

use memchr::{memchr2_iter, memrchr};

mod any_order;
mod escapes;

pub use escapes::unescape;

use crate::timestamp::fixed;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The text without its newline.
    pub log: Text<'a>,
    /// Which stream the container wrote to.
    pub stream: Stream,
    /// Nanoseconds since 1970; for each chunk of a line that of its first. `None` if absent or no time.
    pub time: Option<i64>,
    /// The object of labels, environment and tag, as it stands.
    pub attrs: Option<&'a [u8]>,
    /// The text does not end with a newline: the line goes on in the next record of this stream, or its stream ended.
    pub partial: bool,
}

/// A text in JSON, still between its quotes' places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// It holds escapes, see [`unescape`].
    Escaped(&'a [u8]),
    /// It holds none and can be used as it is.
    Plain(&'a [u8]),
}

impl<'a> Text<'a> {
    /// The bytes as they stand in the record.
    pub fn raw(&self) -> &'a [u8] {
        match self {
            Text::Escaped(bytes) | Text::Plain(bytes) => bytes,
        }
    }

    /// Appends the text itself.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Text::Escaped(bytes) => unescape(bytes, out),
            Text::Plain(bytes) => out.extend_from_slice(bytes),
        }
    }
}

/// A container's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// What the API shows of a terminal's input.
    Stdin,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// `stdin`, `stdout` or `stderr`.
    pub fn as_str(self) -> &'static str {
        match self {
            Stream::Stdin => "stdin",
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }

    fn named(name: &[u8]) -> Option<Stream> {
        match name {
            b"stdin" => Some(Stream::Stdin),
            b"stdout" => Some(Stream::Stdout),
            b"stderr" => Some(Stream::Stderr),
            _ => None,
        }
    }
}

/// Cuts a record; `None` if the line is no object with a text or a time.
///
/// The daemon's own order of keys and lack of blanks go a fast way, every other spelling a slow one. NULs before the
/// record are skipped: they are the hole that someone else's truncation left.
pub fn parse(line: &[u8]) -> Option<Record<'_>> {
    let line = trim(line);
    daemon_order(line).or_else(|| any_order::parse(line))
}

fn trim(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let mut line = line.strip_suffix(b"\r").unwrap_or(line);
    while let Some(rest) = line.strip_prefix(&[0]) {
        line = rest;
    }
    line
}

/// `{"log":"…","stream":"…","time":"…"}`, perhaps with `"attrs":{…}` before the time.
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
    Some(Record {
        log,
        stream,
        time: time_of(time),
        attrs,
        partial,
    })
}

/// The text up to its closing quote, whether it lacks the final newline, and what follows the quote.
#[inline]
fn log_text(text: &[u8]) -> Option<(Text<'_>, bool, &[u8])> {
    // An escape takes two bytes, so the byte after a backslash never counts, whatever it is.
    let mut protected = usize::MAX;
    let mut last_escape = None;
    let mut escapes = 0_usize;
    for at in memchr2_iter(b'"', b'\\', text) {
        if at == protected {
            continue;
        }
        if text.get(at) == Some(&b'\\') {
            protected = at + 1;
            last_escape = Some(at);
            escapes += 1;
            continue;
        }
        let (content, rest) = (text.get(..at)?, text.get(at + 1..)?);
        let (content, partial) = strip_newline(content, last_escape);
        let plain = escapes == usize::from(!partial);
        let log = if plain {
            Text::Plain(content)
        } else {
            Text::Escaped(content)
        };
        return Some((log, partial, rest));
    }
    None
}

/// Takes an escaped newline off the end, given where the last escape begins.
fn strip_newline(content: &[u8], last_escape: Option<usize>) -> (&[u8], bool) {
    match last_escape.and_then(|at| content.split_at_checked(at)) {
        Some((head, br"\n")) => (head, false),
        _ => (content, true),
    }
}

fn time_of(text: &[u8]) -> Option<i64> {
    let prefix = fixed::iso_prefix(text)?;
    if prefix.length != text.len() {
        return None;
    }
    prefix.local.nanos_at(prefix.offset.unwrap_or(0))
}

#[cfg(test)]
mod tests;
