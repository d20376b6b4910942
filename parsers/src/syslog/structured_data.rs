//! RFC 5424's STRUCTURED-DATA (section 6.3): `[id name="value" …][id …]`, checked once, then walked.
//!
//! Values stay escaped, since most hold no escape; [`unescape_value`] is for the others. The grammar
//! is written by hand: with nom's combinators it took half as long again, their results being moved
//! through memory at every parameter.

use memchr::{memchr, memchr2};

use crate::near;

/// Bytes of a value that are walked before the search is handed on.
const VALUE_BYTES_USUAL: usize = 16;

/// The elements of a message, as they stand.
///
/// It iterates over the parameters as (element's id, name, value still escaped). An element without
/// parameters comes once, with an empty name and value.
///
/// ```
/// use sawlog_parsers::syslog::{Reference, parse, unescape_value};
///
/// let reference = Reference { year: 2026, month: 11, utc_offset_seconds: 0 };
/// let line = br#"<165>1 - web app - ID47 [shop@32473 order="3" say="\"hi\""][empty] text"#;
/// let mut data = parse(line, &reference).structured_data;
/// assert_eq!(data.next(), Some((&b"shop@32473"[..], &b"order"[..], &b"3"[..])));
/// let (_id, name, value) = data.next().expect("a second parameter");
/// let mut text = Vec::new();
/// unescape_value(value, &mut text);
/// assert_eq!((name, &text[..]), (&b"say"[..], &br#""hi""#[..]));
/// assert_eq!(data.next(), Some((&b"empty"[..], &b""[..], &b""[..])));
/// assert_eq!(data.next(), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StructuredData<'a> {
    raw: &'a [u8],
    /// The element that `rest` is in, while it iterates.
    id: &'a [u8],
    rest: &'a [u8],
}

impl<'a> StructuredData<'a> {
    /// The text with its brackets; empty if the message has none.
    ///
    /// ```
    /// use sawlog_parsers::syslog::{Reference, parse};
    ///
    /// let reference = Reference { year: 2026, month: 11, utc_offset_seconds: 0 };
    /// let message = parse(b"<30>1 - web-17 shop - - [a@1 b=\"c\"][d@1] ready", &reference);
    /// assert_eq!(message.structured_data.raw(), b"[a@1 b=\"c\"][d@1]");
    /// ```
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Whether the message has none.
    ///
    /// ```
    /// use sawlog_parsers::syslog::{Reference, parse};
    ///
    /// let reference = Reference { year: 2026, month: 11, utc_offset_seconds: 0 };
    /// assert!(parse(b"<30>1 - web-17 shop - - - ready", &reference).structured_data.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Takes the elements off a text's head; `None` if they are not well formed to the end.
    pub(super) fn split(text: &'a [u8]) -> Option<(StructuredData<'a>, &'a [u8])> {
        let mut rest = text;
        while rest.first() == Some(&b'[') {
            let (_id, mut inside) = open(rest)?;
            rest = loop {
                match inside {
                    [b']', after @ ..] => break after,
                    _ => (_, _, inside) = parameter(inside)?,
                }
            };
        }
        if rest.len() == text.len() || !matches!(rest.first(), None | Some(b' ')) {
            return None;
        }
        let raw = text.get(..text.len() - rest.len())?;
        let data = StructuredData {
            raw,
            id: b"",
            rest: raw,
        };
        Some((data, rest))
    }
}

impl<'a> Iterator for StructuredData<'a> {
    type Item = (&'a [u8], &'a [u8], &'a [u8]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if let [b']', after @ ..] = self.rest {
            self.rest = after;
        }
        if self.rest.first() == Some(&b'[') {
            (self.id, self.rest) = open(self.rest)?;
            if self.rest.first() == Some(&b']') {
                return Some((self.id, b"", b""));
            }
        }
        let (name, value, rest) = parameter(self.rest)?;
        self.rest = rest;
        Some((self.id, name, value))
    }
}

/// `[id`, and what follows it.
#[inline(always)]
fn open(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"[")?;
    let (id, rest) = text.split_at_checked(near::find(*b" ]", text)?)?;
    (!id.is_empty()).then_some((id, rest))
}

/// ` name="value"`, and what follows it. More blanks than one are let through, but not before the
/// closing bracket.
#[inline(always)]
fn parameter(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut text = text.strip_prefix(b" ")?;
    if text.starts_with(b" ") {
        text = without_blanks(text);
    }
    let (name, rest) = text.split_at_checked(end_of_name(text)?)?;
    let [b'=', b'"', text @ ..] = rest else {
        return None;
    };
    let end = end_of_value(text)?;
    let (value, rest) = text.split_at_checked(end)?;
    (!name.is_empty()).then_some((name, value, rest.get(1..)?))
}

#[cold]
fn without_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| **byte == b' ').count();
    text.get(blanks..).unwrap_or_default()
}

/// Names are short and the same in every message of a program, so a processor foresees where each
/// ends: byte by byte it does not wait for the place, as it does after a search of words.
#[inline(always)]
fn end_of_name(text: &[u8]) -> Option<usize> {
    let ends = |byte: &u8| matches!(byte, b'=' | b' ' | b'"' | b']');
    text.iter().position(ends)
}

/// The first quote that no backslash protects; short values are walked like names.
#[inline(always)]
fn end_of_value(text: &[u8]) -> Option<usize> {
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\');
    let mut end = 0;
    for byte in text {
        if ends(byte) {
            break;
        }
        end += 1;
        if end == VALUE_BYTES_USUAL {
            return end_of_unusual_value(text);
        }
    }
    match text.get(end) {
        Some(b'"') => Some(end),
        _ => end_of_unusual_value(text),
    }
}

/// The same of a value that is longer or holds escapes.
#[cold]
fn end_of_unusual_value(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        from += memchr2(b'"', b'\\', text.get(from..)?)?;
        if text.get(from) == Some(&b'"') {
            return Some(from);
        }
        // A backslash protects the next byte.
        from += 2;
    }
}

/// Appends a value without its escapes: a backslash protects a quote, a backslash and a closing
/// bracket, and stands for itself before anything else (RFC 5424, section 6.3.3).
///
/// ```
/// let mut text = Vec::new();
/// sawlog_parsers::syslog::unescape_value(br#"say \"hi\" in C:\temp"#, &mut text);
/// assert_eq!(text, br#"say "hi" in C:\temp"#);
/// ```
pub fn unescape_value(value: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    while let Some(at) = memchr(b'\\', rest) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        let after = rest.get(at + 1..).unwrap_or_default();
        rest = match after {
            [byte @ (b'"' | b'\\' | b']'), tail @ ..] => {
                out.push(*byte);
                tail
            }
            _ => {
                out.push(b'\\');
                after
            }
        };
    }
    out.extend_from_slice(rest);
}
