//! Numbers, words, quoted strings and paths.

use crate::grok::class::{decode, decode_back, is_word};

/// BASE10NUM: all the digits that there are, unless a digit, point or sign stands before.
pub(super) fn number(line: &[u8], at: usize) -> Option<usize> {
    if let Some(before) = at.checked_sub(1)
        && matches!(line.get(before), Some(b'0'..=b'9' | b'.' | b'+' | b'-'))
    {
        return None;
    }
    let start = at + usize::from(matches!(line.get(at), Some(b'+' | b'-')));
    let end = digits(line, start);
    if line.get(end) != Some(&b'.') {
        return (start < end).then_some(end);
    }
    let fraction = digits(line, end + 1);
    if end + 1 < fraction {
        Some(fraction)
    } else {
        (start < end).then_some(end)
    }
}

/// INT where no digit can follow.
pub(super) fn int(line: &[u8], at: usize) -> Option<usize> {
    let start = at + usize::from(matches!(line.get(at), Some(b'+' | b'-')));
    let end = digits(line, start);
    (start < end).then_some(end)
}

/// The end of the digits from a place on.
#[inline]
pub(super) fn digits(line: &[u8], at: usize) -> usize {
    let mut end = at;
    while let Some(b'0'..=b'9') = line.get(end) {
        end += 1;
    }
    end
}

/// WORD: a whole run of ASCII word bytes with no word character beside it.
pub(super) fn word(line: &[u8], at: usize) -> Option<usize> {
    if !starts_word(line, at) {
        return None;
    }
    let rest = line.get(at..)?;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = rest
        .iter()
        .position(|byte| !is_part(byte))
        .unwrap_or(rest.len());
    let end = at + length;
    (length != 0 && ends_word(line, end)).then_some(end)
}

/// POSINT and NONNEGINT.
pub(super) fn whole_number(line: &[u8], at: usize, positive: bool) -> Option<usize> {
    if positive && line.get(at) == Some(&b'0') || !starts_word(line, at) {
        return None;
    }
    let end = digits(line, at);
    (at < end && ends_word(line, end)).then_some(end)
}

/// Whether no word character stands before the place.
#[inline]
pub(super) fn starts_word(line: &[u8], at: usize) -> bool {
    match at.checked_sub(1).and_then(|before| line.get(before)) {
        None => true,
        Some(byte) if *byte < 0x80 => !(byte.is_ascii_alphanumeric() || *byte == b'_'),
        Some(_) => !decode_back(line, at).is_some_and(|(code, _)| is_word(code)),
    }
}

/// Whether no word character stands at the place.
#[inline]
fn ends_word(line: &[u8], at: usize) -> bool {
    match line.get(at) {
        None => true,
        Some(byte) if *byte < 0x80 => !(byte.is_ascii_alphanumeric() || *byte == b'_'),
        Some(_) => !decode(line, at).is_some_and(|(code, _)| is_word(code)),
    }
}

/// QUOTEDSTRING: from a quote to its like; a backslash takes the next character along.
pub(super) fn quoted_string(line: &[u8], at: usize) -> Option<usize> {
    let quote = *line.get(at)?;
    let is_escaped = at.checked_sub(1).and_then(|before| line.get(before)) == Some(&b'\\');
    if !matches!(quote, b'"' | b'\'' | b'`') || is_escaped {
        return None;
    }
    let mut from = at + 1;
    loop {
        let found = from + memchr::memchr2(quote, b'\\', line.get(from..)?)?;
        if line.get(found) == Some(&quote) {
            return Some(found + 1);
        }
        // The character behind the backslash may be longer than a byte, but no byte of it is a quote.
        from = found + 2;
    }
}

/// URIPATH, where none of its bytes can follow.
pub(super) fn uri_path(line: &[u8], at: usize) -> Option<usize> {
    if line.get(at) != Some(&b'/') {
        return None;
    }
    Some(run(line, at, PATH))
}

/// URIPATHPARAM, where none of its bytes can follow.
pub(super) fn uri_path_param(line: &[u8], at: usize) -> Option<usize> {
    let end = uri_path(line, at)?;
    match line.get(end) {
        Some(b'?') => Some(run(line, end, PARAM)),
        _ => Some(end),
    }
}

fn run(line: &[u8], at: usize, bit: u8) -> usize {
    let mut end = at;
    while let Some(byte) = line.get(end)
        && URI[usize::from(*byte)] & bit != 0
    {
        end += 1;
    }
    end
}

const PATH: u8 = 1;
const PARAM: u8 = 2;
/// Which bytes a path and a query may hold.
const URI: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let letter = byte as u8;
        if letter.is_ascii_alphanumeric() {
            table[byte] = PATH | PARAM;
        }
        byte += 1;
    }
    let both = b"/$.+!*'(){},~:;=@#%&_-";
    let mut index = 0;
    while index < both.len() {
        table[both[index] as usize] = PATH | PARAM;
        index += 1;
    }
    let param = b"|?<>[]";
    index = 0;
    while index < param.len() {
        table[param[index] as usize] = PARAM;
        index += 1;
    }
    table
};

/// The bytes that must not follow a path.
pub(super) fn path_bytes() -> Vec<(u8, u8)> {
    bytes(PATH)
}

/// The bytes that must not follow a path and query.
pub(super) fn param_bytes() -> Vec<(u8, u8)> {
    bytes(PARAM)
}

fn bytes(bit: u8) -> Vec<(u8, u8)> {
    (0_u8..=127)
        .filter(|byte| URI[usize::from(*byte)] & bit != 0)
        .map(|byte| (byte, byte))
        .collect()
}
