//! Events to JSON and to text. Values go straight from the batch into the output's bytes; nothing is built in between.
//! Bytes that are not UTF-8 come out as U+FFFD, so that what is written is always valid JSON.

use sawlog_parsers::timestamp;

use crate::event::batch::{Batch, EventId};
use crate::event::names::{LOCAL, Name};
use crate::event::value::{Chain, Value};

impl Batch {
    /// Appends an event as a JSON object, without `@metadata`.
    pub fn write_json(&self, id: EventId, out: &mut Vec<u8>) {
        self.write_json_fields(id, out, |name| name != Name::METADATA);
    }

    /// Appends the fields that `wanted` lets through as a JSON object.
    pub fn write_json_fields(&self, id: EventId, out: &mut Vec<u8>, wanted: impl Fn(Name) -> bool) {
        out.push(b'{');
        let mut first = true;
        for (name, value) in self.members(self.fields(id)) {
            if wanted(name) {
                self.write_json_member(name, value, &mut first, out);
            }
        }
        out.push(b'}');
    }

    fn write_json_member(&self, name: Name, value: Value, first: &mut bool, out: &mut Vec<u8>) {
        if !std::mem::take(first) {
            out.push(b',');
        }
        self.write_json_name(name, out);
        self.write_json_value(value, out);
    }

    fn write_json_name(&self, name: Name, out: &mut Vec<u8>) {
        if name.0 & LOCAL == 0 {
            out.extend_from_slice(self.names().encoded(name));
        } else {
            text(self.name_text(name), out);
            out.push(b':');
        }
    }

    /// Appends a value as JSON.
    pub fn write_json_value(&self, value: Value, out: &mut Vec<u8>) {
        match value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Boolean(true) => out.extend_from_slice(b"true"),
            Value::Boolean(false) => out.extend_from_slice(b"false"),
            Value::Integer(integer) => write_integer(integer, out),
            Value::Float(float) => write_float(float, out),
            Value::Text(span) => text(self.text(span), out),
            Value::Time(nanos) => {
                out.push(b'"');
                timestamp::write_iso8601_nanos(nanos, out);
                out.push(b'"');
            }
            Value::Map(members) => self.write_json_map(members, out),
            Value::List(items) => self.write_json_list(items, out),
        }
    }

    fn write_json_map(&self, members: Chain, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut first = true;
        for (name, value) in self.members(members) {
            self.write_json_member(name, value, &mut first, out);
        }
        out.push(b'}');
    }

    fn write_json_list(&self, items: Chain, out: &mut Vec<u8>) {
        out.push(b'[');
        for (index, (_, value)) in self.members(items).enumerate() {
            if 0 < index {
                out.push(b',');
            }
            self.write_json_value(value, out);
        }
        out.push(b']');
    }

    /// Appends a value as templates and conditions see it: text as it is, lists joined by commas, maps as JSON.
    pub fn write_text(&self, value: Value, out: &mut Vec<u8>) {
        match value {
            Value::Null => {}
            Value::Text(span) => out.extend_from_slice(self.text(span)),
            Value::Time(nanos) => timestamp::write_iso8601_nanos(nanos, out),
            Value::List(items) => {
                for (index, (_, item)) in self.members(items).enumerate() {
                    if 0 < index {
                        out.push(b',');
                    }
                    self.write_text(item, out);
                }
            }
            Value::Boolean(_) | Value::Integer(_) | Value::Float(_) | Value::Map(_) => {
                self.write_json_value(value, out);
            }
        }
    }
}

/// Appends an integer.
pub fn write_integer(integer: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
}

/// Appends a float; JSON has no word for what is not finite.
pub fn write_float(float: f64, out: &mut Vec<u8>) {
    if float.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(float).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Appends a JSON string.
pub fn text(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    escape(text, out);
    out.push(b'"');
}

const BLOCK: usize = 16;

/// Whether a byte goes into a JSON string as it is, wherever it stands.
fn is_plain(byte: u8) -> bool {
    (0x20..0x80).contains(&byte) && byte != b'"' && byte != b'\\'
}

/// Whole blocks without anything to escape are copied at once; the compiler makes vector code of the test.
fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((block, after)) = rest.split_first_chunk::<BLOCK>() {
        let special = block
            .iter()
            .fold(0u8, |special, &byte| special | u8::from(!is_plain(byte)));
        if special != 0 {
            let Some(behind) = escape_some(rest, out) else {
                return;
            };
            rest = behind;
            continue;
        }
        out.extend_from_slice(block);
        rest = after;
    }
    while !rest.is_empty() {
        let Some(behind) = escape_some(rest, out) else {
            return;
        };
        rest = behind;
    }
}

/// Copies up to the first byte that needs care, writes that one, and gives what is behind it.
fn escape_some<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let Some(place) = text.iter().position(|&byte| !is_plain(byte)) else {
        out.extend_from_slice(text);
        return None;
    };
    let (plain, special) = text.split_at_checked(place)?;
    out.extend_from_slice(plain);
    let (&byte, behind) = special.split_first()?;
    if byte < 0x80 {
        escape_ascii(byte, out);
        return Some(behind);
    }
    let run = special
        .iter()
        .position(|byte| *byte < 0x80)
        .unwrap_or(special.len());
    let (run, behind) = special.split_at_checked(run)?;
    match std::str::from_utf8(run) {
        Ok(_) => out.extend_from_slice(run),
        Err(_) => out.extend_from_slice(String::from_utf8_lossy(run).as_bytes()),
    }
    Some(behind)
}

fn escape_ascii(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        other => {
            let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or(b'0');
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[digit(other >> 4), digit(other & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{text, write_float};

    #[track_caller]
    fn check(input: &[u8]) {
        let mut out = Vec::new();
        text(input, &mut out);
        let want = serde_json::to_string(&String::from_utf8_lossy(input)).expect("text is JSON");
        let got: String = serde_json::from_slice(&out).expect("what is written is valid");
        assert_eq!(got, String::from_utf8_lossy(input), "{want}");
    }

    #[test]
    fn every_byte_comes_back() {
        for byte in 0..=255u8 {
            check(&[byte]);
            check(&[b'a', byte, b'b']);
            check(&[vec![b'x'; 30], vec![byte], vec![b'y'; 30]].concat());
        }
    }

    #[test]
    fn whole_characters_stay_and_broken_ones_are_replaced() {
        check("für 日本 🦀 \u{2028}".as_bytes());
        check(b"cut \xe6\x97");
        check(b"\xff\xfe0123456789abcdef\xc0");
    }

    #[test]
    fn floats_are_short() {
        let mut out = Vec::new();
        write_float(1.25, &mut out);
        write_float(f64::NAN, &mut out);
        assert_eq!(out, b"1.25null");
    }
}
