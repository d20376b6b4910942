//! Numbers, words, quoted strings and paths.

use nom::Parser;
use nom::character::complete::{digit1, one_of};
use nom::combinator::opt;
use nom::sequence::preceded;

use super::{Parsed, Scan};
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
pub(super) fn int(input: &[u8]) -> Parsed<'_, &[u8]> {
    preceded(opt(one_of("+-")), digit1).parse(input)
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
    let end = run(line, at, WORD);
    (at < end && ends_word(line, end)).then_some(end)
}

/// POSINT: no zero leads.
pub(super) fn positive(line: &[u8], at: usize) -> Option<usize> {
    match line.get(at) {
        Some(b'0') => None,
        _ => whole_number(line, at),
    }
}

/// NONNEGINT.
pub(super) fn whole_number(line: &[u8], at: usize) -> Option<usize> {
    if !starts_word(line, at) {
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
        Some(byte) if *byte < 0x80 => !is_any(*byte, WORD),
        Some(_) => !decode_back(line, at).is_some_and(|(code, _)| is_word(code)),
    }
}

/// Whether no word character stands at the place.
#[inline]
fn ends_word(line: &[u8], at: usize) -> bool {
    match line.get(at) {
        None => true,
        Some(byte) if *byte < 0x80 => !is_any(*byte, WORD),
        Some(_) => !decode(line, at).is_some_and(|(code, _)| is_word(code)),
    }
}

/// QUOTEDSTRING: from a quote to its like; a backslash takes the next character along.
pub(super) fn quoted_string(line: &[u8], at: usize) -> Scan {
    let is_escaped = at.checked_sub(1).and_then(|before| line.get(before)) == Some(&b'\\');
    let quote = match line.get(at) {
        Some(quote @ (b'"' | b'\'' | b'`')) if !is_escaped => *quote,
        _ => return Scan::Fail,
    };
    let mut from = at + 1;
    while let Some(rest) = line.get(from..)
        && let Some(found) = memchr::memchr2(quote, b'\\', rest)
    {
        if rest.get(found) == Some(&quote) {
            return Scan::End(from + found + 1);
        }
        // The character behind the backslash may be longer than a byte, but no byte of it is a quote.
        from += found + 2;
    }
    Scan::FailAt(line.len())
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

/// The end of the bytes of a kind from a place on.
#[inline]
pub(super) fn run(line: &[u8], at: usize, kind: u8) -> usize {
    let mut end = at;
    // Four at once: nearly all lines have long paths.
    while let Some([first, second, third, fourth]) = line.get(end..).and_then(<[u8]>::first_chunk)
        && KINDS[usize::from(*first)]
            & KINDS[usize::from(*second)]
            & KINDS[usize::from(*third)]
            & KINDS[usize::from(*fourth)]
            & kind
            != 0
    {
        end += 4;
    }
    while let Some(byte) = line.get(end)
        && is_any(*byte, kind)
    {
        end += 1;
    }
    end
}

/// Whether a byte is of one of the kinds.
#[inline]
pub(super) fn is_any(byte: u8, kinds: u8) -> bool {
    KINDS[usize::from(byte)] & kinds != 0
}

/// An ASCII letter, digit or underscore.
pub(super) const WORD: u8 = 1;
/// What a host name is made of: letters, digits, points and hyphens.
pub(super) const HOST: u8 = 2;
/// What a user name is made of: the same and underscores.
pub(super) const USER: u8 = 4;
/// What stands before the `@` of a mail address, the points apart.
pub(super) const LOCAL: u8 = 8;
/// What a path may hold.
const PATH: u8 = 16;
/// What a path's parameters may hold.
const PARAM: u8 = 32;

/// The kinds of each byte.
const KINDS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphanumeric() {
            table[byte] = WORD | HOST | USER | LOCAL | PATH | PARAM;
        }
        byte += 1;
    }
    let table = add(table, b"_", WORD | USER | LOCAL);
    let table = add(table, b"-", HOST | USER | LOCAL);
    let table = add(table, b".", HOST | USER);
    let table = add(table, b"!#$%&'*+/=?^`{|}~", LOCAL);
    let table = add(table, b"/$.+!*'(){},~:;=@#%&_-", PATH | PARAM);
    add(table, b"|?<>[]", PARAM)
};

const fn add(mut table: [u8; 256], bytes: &[u8], kinds: u8) -> [u8; 256] {
    let mut index = 0;
    while index < bytes.len() {
        table[bytes[index] as usize] |= kinds;
        index += 1;
    }
    table
}

/// The bytes that must not follow a path.
pub(super) fn path_bytes() -> Vec<(u8, u8)> {
    bytes(PATH)
}

/// The bytes that must not follow a path and query.
pub(super) fn param_bytes() -> Vec<(u8, u8)> {
    bytes(PARAM)
}

fn bytes(kind: u8) -> Vec<(u8, u8)> {
    (0_u8..=127)
        .filter(|byte| is_any(*byte, kind))
        .map(|byte| (byte, byte))
        .collect()
}
