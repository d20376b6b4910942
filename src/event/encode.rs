//! Events to JSON and to text. Values go straight from the batch into the output's bytes; nothing is built in between.
//! Bytes that are not UTF-8 come out as U+FFFD, so that what is written is always valid JSON.

use sawlog_parsers::timestamp;

use crate::event::batch::{Batch, EventId};
use crate::event::names::{LOCAL, Name};
use crate::event::value::{Chain, Text, Value};

impl Batch {
    /// Appends an event as a JSON object, without `@metadata`.
    pub fn write_json(&self, id: EventId, out: &mut Vec<u8>) {
        self.write_json_fields(id, out, |name| name != Name::METADATA);
    }

    /// Appends an event as `write_json` does; its times are copied from `stamp` where they are those of the event before.
    pub fn write_document(&self, id: EventId, stamp: &mut Stamp, out: &mut Vec<u8>) {
        let start = out.len();
        for (name, value) in self.members(self.fields(id)) {
            if name == Name::METADATA {
                continue;
            }
            self.write_json_name(name, out);
            match value {
                Value::Text(span) => self.write_json_text(span, out),
                Value::Time(nanos) => stamp.write(nanos, out),
                other => self.write_json_value(other, out),
            }
        }
        open_with(b'{', start, out);
        out.push(b'}');
    }

    /// Appends the fields that `wanted` lets through as a JSON object.
    pub fn write_json_fields(&self, id: EventId, out: &mut Vec<u8>, wanted: impl Fn(Name) -> bool) {
        let start = out.len();
        for (name, value) in self.members(self.fields(id)) {
            if wanted(name) {
                self.write_json_name(name, out);
                self.write_json_value(value, out);
            }
        }
        open_with(b'{', start, out);
        out.push(b'}');
    }

    /// Appends `,"name":`.
    fn write_json_name(&self, name: Name, out: &mut Vec<u8>) {
        if name.0 & LOCAL == 0 {
            self.names().write_encoded(name, out);
        } else {
            out.push(b',');
            text(self.name_text(name), out);
            out.push(b':');
        }
    }

    /// Appends a text as a JSON string. Most are short: where the batch goes on behind them, a block of fixed length is
    /// tested and copied, and cut off again.
    fn write_json_text(&self, span: Text, out: &mut Vec<u8>) {
        const SHORT: usize = 16;
        let range = span.range();
        let block = (span.len() <= SHORT)
            .then(|| self.bytes.get(range.start..)?.first_chunk::<SHORT>())
            .flatten();
        match block {
            Some(block) if span.len() <= special_in_block(block) => {
                out.push(b'"');
                out.extend_from_slice(block);
                out.truncate(out.len() - SHORT + span.len());
                out.push(b'"');
            }
            _ => text(self.text(span), out),
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
            Value::Text(span) => self.write_json_text(span, out),
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
        if let Some(json) = self.frozen_json(members) {
            out.extend_from_slice(json);
            return;
        }
        let start = out.len();
        for (name, value) in self.members(members) {
            self.write_json_name(name, out);
            self.write_json_value(value, out);
        }
        open_with(b'{', start, out);
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

/// Every member begins with a comma; the first one's becomes the bracket that opens them.
fn open_with(bracket: u8, start: usize, out: &mut Vec<u8>) {
    match out.get_mut(start) {
        Some(comma) => *comma = bracket,
        None => out.push(bracket),
    }
}

/// The text of the last time that was written: events of one batch share their second, and often all of it.
#[derive(Clone, Debug, Default)]
pub struct Stamp {
    nanos: i64,
    /// A JSON string and zeros behind it.
    text: [u8; Self::BYTES_MAX],
    /// Of the string; none before the first use.
    len: usize,
}

impl Stamp {
    /// `"2026-11-20T16:46:09.929473720Z"`.
    const BYTES_MAX: usize = 32;

    /// `"2026-11-20T16:46:09.`, which all times of a second have in common.
    const SECOND_BYTES: usize = 21;

    /// Appends a time as a JSON string.
    pub fn write(&mut self, nanos: i64, out: &mut Vec<u8>) {
        if self.nanos != nanos || self.len == 0 {
            self.turn_to(nanos);
        }
        out.extend_from_slice(&self.text);
        out.truncate(out.len() + self.len - Self::BYTES_MAX);
    }

    fn turn_to(&mut self, nanos: i64) {
        let second = |nanos: i64| nanos.div_euclid(1_000_000_000);
        let below = nanos.rem_euclid(1_000_000_000);
        let same_second = second(self.nanos) == second(nanos) && self.len != 0;
        if same_second {
            let (digits, count) = fraction(below as u32);
            self.keep(Self::SECOND_BYTES, digits.get(..count).unwrap_or_default());
            let end = self.len;
            self.keep(end, b"Z\"");
        } else {
            let mut text = Vec::with_capacity(Self::BYTES_MAX);
            text.push(b'"');
            timestamp::write_iso8601_nanos(nanos, &mut text);
            text.push(b'"');
            self.keep(0, &text);
        }
        self.nanos = nanos;
    }

    /// Puts a text at a place and ends there.
    fn keep(&mut self, place: usize, text: &[u8]) {
        let end = place + text.len();
        if let Some(part) = self.text.get_mut(place..end) {
            part.copy_from_slice(text);
            self.len = end;
        }
    }
}

/// The nine digits of a fraction of a second, and how many of them say all: three, six or nine.
fn fraction(nanos: u32) -> ([u8; 9], usize) {
    let mut digits = [b'0'; 9];
    let mut rest = nanos;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let count = match nanos {
        whole if whole % 1_000_000 == 0 => 3,
        whole if whole % 1000 == 0 => 6,
        _ => 9,
    };
    (digits, count)
}

/// Appends an integer.
pub fn write_integer(integer: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
}

/// Appends a float; JSON has no word for what is not finite.
pub fn write_float(float: f64, out: &mut Vec<u8>) {
    if write_thousandths(float, out) {
        return;
    }
    if float.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(float).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Appends a number of at most three decimals, such as a time in seconds, without the search for its shortest digits. A
/// decimal of so few digits is the only one that its float stands for. False if it is none, or not small.
fn write_thousandths(float: f64, out: &mut Vec<u8>) -> bool {
    let scaled = float * 1000.0;
    let whole = scaled as i64;
    let is_exact = (1..1_000_000_000).contains(&whole) && whole as f64 / 1000.0 == float;
    if !is_exact {
        return false;
    }
    write_integer(whole / 1000, out);
    let digit = |value: i64| b'0' + (value % 10) as u8;
    let fraction = [b'.', digit(whole / 100), digit(whole / 10), digit(whole)];
    let digits = match whole % 1000 {
        thousandths if thousandths % 100 == 0 => 2,
        thousandths if thousandths % 10 == 0 => 3,
        _ => 4,
    };
    out.extend_from_slice(fraction.get(..digits).unwrap_or_default());
    true
}

/// Appends a JSON string.
pub fn text(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    escape(text, out);
    out.push(b'"');
}

/// Whether a byte goes into a JSON string as it is, wherever it stands.
const fn is_plain(byte: u8) -> bool {
    0x20 <= byte && byte < 0x80 && byte != b'"' && byte != b'\\'
}

/// Copies runs of plain bytes at once and writes what is between them with care.
fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let Some(place) = first_special(rest) else {
            out.extend_from_slice(rest);
            return;
        };
        let (plain, special) = rest.split_at(place);
        out.extend_from_slice(plain);
        match escape_one(special, out) {
            Some(behind) => rest = behind,
            None => return,
        }
    }
}

/// Where the first byte stands that is not plain. Blocks are passed over by vector code, which the compiler makes of the
/// test; what is left, and the block with the byte, goes by words.
fn first_special(text: &[u8]) -> Option<usize> {
    let (blocks, _) = text.as_chunks::<32>();
    let is_special = |block: &&[u8; 32]| {
        let fold = |special: u8, &byte: &u8| special | u8::from(!is_plain(byte));
        block.iter().fold(0, fold) != 0
    };
    let mut passed = blocks.iter().take_while(|block| !is_special(block)).count() * 32;
    let (words, rest) = text.get(passed..)?.as_chunks::<8>();
    for word in words {
        if let Some(within) = special_in_word(*word) {
            return Some(passed + within);
        }
        passed += 8;
    }
    let within = rest.iter().position(|&byte| !is_plain(byte))?;
    Some(passed + within)
}

/// The place of the first byte of a block that is not plain; its length if all are.
fn special_in_block(block: &[u8; 16]) -> usize {
    let (words, _) = block.as_chunks::<8>();
    match words {
        [first, second] => special_in_word(*first)
            .or_else(|| special_in_word(*second).map(|place| place + 8))
            .unwrap_or(block.len()),
        _ => 0,
    }
}

/// The test of eight bytes at once: a byte's high bit is set if it is not ASCII, below a blank, a quote or a backslash.
/// The lowest bit found is exact; higher ones may be carried over, which does not matter to the first.
fn special_in_word(bytes: [u8; 8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let word = u64::from_le_bytes(bytes);
    let zero_of = |word: u64| word.wrapping_sub(ONES) & !word;
    let low = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = zero_of(word ^ (ONES * b'"' as u64));
    let backslash = zero_of(word ^ (ONES * b'\\' as u64));
    let special = (word | low | quote | backslash) & HIGH;
    (special != 0).then(|| special.trailing_zeros() as usize / 8)
}

/// Writes the special byte or run at the front and gives what is behind it.
fn escape_one<'a>(special: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
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
    use super::{Stamp, text, write_float};

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
    fn special_bytes_are_found_at_every_place() {
        for len in 0..80 {
            for place in 0..len {
                for byte in [b'"', b'\\', b'\n', 0, 0x1f, 0x80, 0xff] {
                    let mut input = vec![b'!'; len];
                    input[place] = byte;
                    assert_eq!(super::first_special(&input), Some(place), "{byte} in {len}");
                }
            }
            assert_eq!(super::first_special(&vec![b' '; len]), None);
        }
    }

    #[test]
    fn a_time_has_the_same_text_whatever_was_written_before() {
        let second = 1_447_200_000_000_000_000;
        let mut stamp = Stamp::default();
        for nanos in [
            0,
            second,
            second,
            second + 7_000_000,
            second + 7_000_001,
            second + 999_000_000,
        ]
        .into_iter()
        .chain([second + 1_000_000_000, -1, -1_000_000, 0])
        {
            let (mut got, mut want) = (Vec::new(), vec![b'"']);
            stamp.write(nanos, &mut got);
            sawlog_parsers::timestamp::write_iso8601_nanos(nanos, &mut want);
            want.push(b'"');
            assert_eq!(
                String::from_utf8_lossy(&got),
                String::from_utf8_lossy(&want)
            );
        }
    }

    #[test]
    fn floats_are_short() {
        let mut out = Vec::new();
        write_float(1.25, &mut out);
        write_float(f64::NAN, &mut out);
        assert_eq!(out, b"1.25null");
    }

    #[test]
    fn floats_of_few_decimals_are_written_as_all_others_are() {
        let some = (0..200_000).map(|number| f64::from(number) * 0.0005);
        let others = [
            1e6,
            999_999.999,
            1_000_000.001,
            0.1 + 0.2,
            -1.5,
            1e-7,
            12.0,
            5e-324,
        ];
        for float in some.chain(others) {
            let mut out = Vec::new();
            write_float(float, &mut out);
            let want = ryu::Buffer::new().format_finite(float).to_owned();
            assert_eq!(String::from_utf8_lossy(&out), want);
        }
    }

    #[test]
    fn stamps_are_written_as_times_are() {
        let mut stamp = Stamp::default();
        for nanos in [
            0,
            1,
            999_999_999,
            1_000_000,
            1_234_000,
            1_000_000_000,
            1_000_000_500,
            -1,
        ] {
            let (mut got, mut want) = (Vec::new(), vec![b'"']);
            stamp.write(nanos, &mut got);
            sawlog_parsers::timestamp::write_iso8601_nanos(nanos, &mut want);
            want.push(b'"');
            assert_eq!(
                String::from_utf8_lossy(&got),
                String::from_utf8_lossy(&want)
            );
        }
    }
}
