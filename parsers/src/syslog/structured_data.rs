//! RFC 5424's STRUCTURED-DATA: `[id name="value" …][id …]`, checked once, then walked.
//!
//! Values stay escaped, since most hold no escape; [`unescape_value`] is for the others.

use memchr::{memchr, memchr2};

/// The elements of a message, as they stand.
///
/// It iterates over the parameters as (element's id, name, value still escaped). An element without
/// parameters comes once, with an empty name and value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StructuredData<'a> {
    raw: &'a [u8],
    /// The element that `rest` is in, while it iterates.
    id: &'a [u8],
    rest: &'a [u8],
}

impl<'a> StructuredData<'a> {
    /// The text with its brackets; empty if the message has none.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Whether the message has none.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Takes the elements off a text's head; `None` if they are not well formed to the end.
    pub(super) fn split(text: &'a [u8]) -> Option<(StructuredData<'a>, &'a [u8])> {
        let mut rest = text;
        while rest.first() == Some(&b'[') {
            let (_id, mut inside) = open(rest)?;
            loop {
                if let Some(after) = inside.strip_prefix(b"]") {
                    rest = after;
                    break;
                }
                let (_name, _value, after) = parameter(inside)?;
                inside = after;
            }
        }
        if rest.len() == text.len() || !matches!(rest.first(), None | Some(b' ')) {
            return None;
        }
        let raw = text.get(..text.len() - rest.len())?;
        Some((
            StructuredData {
                raw,
                id: b"",
                rest: raw,
            },
            rest,
        ))
    }
}

impl<'a> Iterator for StructuredData<'a> {
    type Item = (&'a [u8], &'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(after) = self.rest.strip_prefix(b"]") {
            self.rest = after;
        }
        if self.rest.first() == Some(&b'[') {
            (self.id, self.rest) = open(self.rest)?;
            if self.rest.first() == Some(&b']') {
                return Some((self.id, b"", b""));
            }
        }
        let (name, value, after) = parameter(self.rest)?;
        self.rest = after;
        Some((self.id, name, value))
    }
}

/// `[id`, and what follows it.
fn open(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"[")?;
    let end = memchr2(b' ', b']', text)?;
    let (id, rest) = text.split_at_checked(end)?;
    (!id.is_empty()).then_some((id, rest))
}

/// ` name="value"`, and what follows it. More blanks than one are let through, also before the
/// closing bracket.
fn parameter(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blanks = text.iter().take_while(|byte| **byte == b' ').count();
    let text = text.get(blanks..)?;
    let equals = memchr(b'=', text)?;
    let name = text.get(..equals)?;
    let value = text.get(equals + 1..)?.strip_prefix(b"\"")?;
    if blanks == 0 || name.is_empty() || memchr2(b' ', b'"', name).is_some() {
        return None;
    }
    let mut from = 0;
    loop {
        let at = from + memchr2(b'"', b'\\', value.get(from..)?)?;
        if value.get(at) == Some(&b'"') {
            return Some((name, value.get(..at)?, value.get(at + 1..)?));
        }
        from = at + 2;
    }
}

/// Appends a value without its escapes: a backslash protects a quote, a backslash and a closing
/// bracket, and stands for itself before anything else (RFC 5424, section 6.3.3).
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
