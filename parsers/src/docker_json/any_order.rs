//! The slow way into a json-file record: keys in any order, blanks anywhere, keys of later daemons.
//!
//! It cuts and does not judge: values of unknown keys are skipped by their brackets and quotes
//! alone.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while};
use nom::combinator::{all_consuming, peek};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use super::{Record, Stream, Text, closing_quote, log_text, time_of};

/// Brackets within brackets that are followed; Docker's own attributes have one level.
const DEPTH_MAX: usize = 128;

/// Keys of a record at most, so that a long line of nothing but keys ends.
const KEYS_MAX: usize = 10_000;

pub(super) fn parse(line: &[u8]) -> Option<Record<'_>> {
    let (mut rest, _open) = (blanks, tag("{"), blanks).parse(line).ok()?;
    let mut members = Members::default();
    for _ in 0..KEYS_MAX {
        if end(rest).is_ok() {
            return members.record();
        }
        let (value, key) = key(rest).ok()?;
        rest = members.read(key, value)?;
        (rest, _) = separator(rest).ok()?;
    }
    None
}

/// What was read of an object so far; of a key that comes twice, the last counts.
#[derive(Default)]
struct Members<'a> {
    log: Option<(Text<'a>, bool)>,
    stream: Option<Stream>,
    /// A text that is no time counts as one that is there.
    time: Option<Option<i64>>,
    attrs: Option<&'a [u8]>,
}

impl<'a> Members<'a> {
    /// Reads the value of a key; returns what follows it.
    fn read(&mut self, key: &[u8], value: &'a [u8]) -> Option<&'a [u8]> {
        Some(match key {
            b"log" => {
                let (text, partial, rest) = log_text(value.strip_prefix(b"\"")?)?;
                self.log = Some((text, partial));
                rest
            }
            b"stream" => {
                let (rest, name) = string(value).ok()?;
                self.stream = Some(Stream::named(name)?);
                rest
            }
            b"time" => {
                let (rest, text) = string(value).ok()?;
                self.time = Some(time_of(text));
                rest
            }
            _ => {
                let (raw, rest) = any_value(value)?;
                if key == b"attrs" {
                    self.attrs = raw.starts_with(b"{").then_some(raw);
                }
                rest
            }
        })
    }

    fn record(self) -> Option<Record<'a>> {
        if self.log.is_none() && self.time.is_none() {
            return None;
        }
        let (log, partial) = self.log.unwrap_or((Text::Plain(b""), true));
        Some(Record {
            log,
            stream: self.stream.unwrap_or(Stream::Stdout),
            time: self.time.flatten(),
            attrs: self.attrs,
            partial,
        })
    }
}

/// The text if it is one object from end to end.
pub(super) fn object(text: &[u8]) -> Option<&[u8]> {
    let (raw, rest) = any_value(text)?;
    (rest.is_empty() && raw.starts_with(b"{")).then_some(raw)
}

/// Without an error type: what is no object is no record.
type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

fn blanks(text: &[u8]) -> Parsed<'_, &[u8]> {
    take_while(|byte| b" \t\r\n".contains(&byte)).parse(text)
}

/// The object's end, and nothing after it.
fn end(text: &[u8]) -> Parsed<'_, (&[u8], &[u8])> {
    all_consuming((tag("}"), blanks)).parse(text)
}

/// A key, its colon and the blanks up to the value.
fn key(text: &[u8]) -> Parsed<'_, &[u8]> {
    terminated(string, (blanks, tag(":"), blanks)).parse(text)
}

/// A comma before another key, or nothing before the end.
fn separator(text: &[u8]) -> Parsed<'_, &[u8]> {
    let comma = terminated(tag(","), (blanks, peek(tag("\""))));
    preceded(blanks, alt((comma, peek(tag("}"))))).parse(text)
}

/// A quoted text, still escaped.
fn string(text: &[u8]) -> Parsed<'_, &[u8]> {
    let cut = || {
        let text = text.strip_prefix(b"\"")?;
        let end = closing_quote(text)?;
        Some((text.get(end + 1..)?, text.get(..end)?))
    };
    cut().ok_or(nom::Err::Error(()))
}

/// A value of any kind, and what follows it: a loop that counts brackets, so that they take no stack.
fn any_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = text;
    let mut depth = 0_usize;
    loop {
        let byte = *rest.first()?;
        match byte {
            b'"' => (rest, _) = string(rest).ok()?,
            b'{' | b'[' => {
                depth += 1;
                rest = rest.get(1..)?;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                rest = rest.get(1..)?;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if 0 < depth => rest = rest.get(1..)?,
            _ => {
                let is_bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                let used = rest.iter().take_while(|byte| is_bare(byte)).count();
                if used == 0 {
                    return None;
                }
                rest = rest.get(used..)?;
            }
        }
        if DEPTH_MAX < depth {
            return None;
        }
        if depth == 0 {
            return Some((text.get(..text.len() - rest.len())?, rest));
        }
    }
}
