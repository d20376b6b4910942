//! The slow way into a json-file record: keys in any order, blanks anywhere, keys of later daemons.
//!
//! It cuts and does not judge: values of unknown keys are skipped by their brackets and quotes
//! alone.

use super::{Record, Stream, Text, closing_quote, log_text, time_of};

/// Brackets within brackets that are followed; Docker's own attributes have one level.
const DEPTH_MAX: usize = 128;

/// Keys of a record at most, so that a long line of nothing but keys ends.
const KEYS_MAX: usize = 10_000;

pub(super) fn parse(line: &[u8]) -> Option<Record<'_>> {
    let mut rest = blanks(line).strip_prefix(b"{")?;
    let mut log = None;
    let mut stream = None;
    let mut time = None;
    let mut attrs = None;
    for _ in 0..KEYS_MAX {
        rest = blanks(rest);
        if let Some(after) = rest.strip_prefix(b"}") {
            if !blanks(after).is_empty() || (log.is_none() && time.is_none()) {
                return None;
            }
            let (log, partial) = log.unwrap_or((Text::Plain(b""), true));
            let stream = stream.unwrap_or(Stream::Stdout);
            return Some(Record {
                log,
                stream,
                time: time.flatten(),
                attrs,
                partial,
            });
        }
        let (key, after) = string(rest)?;
        let value = blanks(blanks(after).strip_prefix(b":")?);
        rest = match key {
            b"log" => {
                let (text, partial, after) = log_text(value.strip_prefix(b"\"")?)?;
                log = Some((text, partial));
                after
            }
            b"stream" => {
                let (name, after) = string(value)?;
                stream = Some(Stream::named(name)?);
                after
            }
            b"time" => {
                let (text, after) = string(value)?;
                time = Some(time_of(text));
                after
            }
            _ => {
                let (raw, after) = any_value(value)?;
                if key == b"attrs" {
                    attrs = raw.starts_with(b"{").then_some(raw);
                }
                after
            }
        };
        rest = blanks(rest);
        match rest.strip_prefix(b",") {
            Some(after) if blanks(after).starts_with(b"\"") => rest = after,
            Some(_) => return None,
            None if rest.starts_with(b"}") => {}
            None => return None,
        }
    }
    None
}

/// The text if it is one object from end to end.
pub(super) fn object(text: &[u8]) -> Option<&[u8]> {
    let (raw, rest) = any_value(text)?;
    (rest.is_empty() && raw.starts_with(b"{")).then_some(raw)
}

fn blanks(text: &[u8]) -> &[u8] {
    let count = text
        .iter()
        .take_while(|byte| b" \t\r\n".contains(byte))
        .count();
    text.get(count..).unwrap_or_default()
}

/// A quoted text, still escaped, and what follows it.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let end = closing_quote(text)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// A value of any kind, and what follows it.
fn any_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = text;
    let mut depth = 0_usize;
    loop {
        let byte = *rest.first()?;
        match byte {
            b'"' => rest = string(rest)?.1,
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
