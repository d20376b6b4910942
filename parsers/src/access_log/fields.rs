//! The fields of an access log's line: the rest of a line in, a field and what follows it out.
//!
//! Each ends at the first byte that can end it, so no field is looked at twice.

use std::time::Duration;

use memchr::{memchr, memchr_iter};
use nom::bytes::complete::{tag, take};
use nom::character::complete::{char, u16 as short_decimal, u64 as decimal};
use nom::combinator::{all_consuming, map, map_opt, opt, value, verify};
use nom::error::{Error, ErrorKind};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser, branch};

use super::{Request, RequestLine};
use crate::near;
use crate::timestamp::{fixed, httpdate};

/// Bytes of `20/Nov/2026:16:46:09 +0000`.
const STAMP_BYTES: usize = 26;

/// A stamp between brackets.
#[derive(Clone, Copy)]
pub(super) struct Stamp<'a> {
    pub(super) text: &'a [u8],
    /// Nanoseconds since 1970.
    pub(super) nanos: i64,
}

fn refuse<T>(input: &[u8]) -> IResult<&[u8], T> {
    Err(nom::Err::Error(Error::new(input, ErrorKind::Verify)))
}

/// What is not blank, and the blank behind it, which is not given out.
#[inline]
pub(super) fn word(input: &[u8]) -> IResult<&[u8], &[u8]> {
    // Words are short: a look at each byte is faster than a search is begun.
    match input.iter().position(|byte| *byte == b' ') {
        Some(end) if 0 < end => cut(input, end),
        _ => refuse(input),
    }
}

/// Who asked. A host with its port is no client, but the server in a line of `vhost_combined`.
#[inline]
pub(super) fn client(input: &[u8]) -> IResult<&[u8], &[u8]> {
    verify(word, |word: &[u8]| host_and_port(word).is_none()).parse(input)
}

/// `www.example.org:443`, `192.0.2.7:80` or `[::1]:80`; without brackets several colons are an address of IPv6.
#[inline]
pub(super) fn host_and_port(word: &[u8]) -> Option<(&[u8], u16)> {
    let (host, port) = word.split_at_checked(near::find_last(b':', word)?)?;
    let is_host = !host.is_empty() && (!host.contains(&b':') || host.ends_with(b"]"));
    let (_, port) = port_behind_colon(port).ok()?;
    is_host.then_some((host, port))
}

fn port_behind_colon(input: &[u8]) -> IResult<&[u8], u16> {
    all_consuming(preceded(char(':'), short_decimal)).parse(input)
}

/// The text before a place, and what follows the byte at that place.
#[inline]
fn cut(input: &[u8], end: usize) -> IResult<&[u8], &[u8]> {
    match (input.get(..end), input.get(end + 1..)) {
        (Some(text), Some(rest)) => Ok((rest, text)),
        _ => refuse(input),
    }
}

/// The user and the stamp behind it. The user may hold blanks and even brackets: it ends where a bracket
/// holds a time.
#[inline]
pub(super) fn closed_user(input: &[u8]) -> IResult<&[u8], (&[u8], Stamp<'_>)> {
    for bracket in memchr_iter(b'[', input) {
        let user = input
            .get(..bracket)
            .and_then(|head| head.strip_suffix(b" "));
        let (Some(user), Some(rest)) = (user, input.get(bracket..)) else {
            continue;
        };
        if let Ok((rest, stamp)) = stamp(rest)
            && !user.is_empty()
        {
            return Ok((rest, (user, stamp)));
        }
    }
    refuse(input)
}

/// `[20/Nov/2026:16:46:09 +0000]`
#[inline]
pub(super) fn stamp(input: &[u8]) -> IResult<&[u8], Stamp<'_>> {
    delimited(char('['), map_opt(take(STAMP_BYTES), stamp_of), char(']')).parse(input)
}

#[inline]
fn stamp_of(text: &[u8]) -> Option<Stamp<'_>> {
    httpdate(text).map(|nanos| Stamp { text, nanos })
}

/// What stands between quotes, still escaped. A quote ends it that is not escaped and that a blank or
/// the line's end follows: servers of old did not escape quotes.
#[inline]
pub(super) fn quoted(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let Some(text) = input.strip_prefix(b"\"") else {
        return refuse(input);
    };
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| memchr(b'"', rest)) {
        let end = from + found;
        if matches!(text.get(end + 1), None | Some(b' ')) && !is_escaped(text, end) {
            return cut(text, end);
        }
        from = end + 1;
    }
    refuse(input)
}

/// Whether an odd number of backslashes stands before a place.
#[inline]
fn is_escaped(text: &[u8], place: usize) -> bool {
    let before = text.get(..place).unwrap_or_default();
    if before.last() != Some(&b'\\') {
        return false;
    }
    let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\');
    backslashes.count() % 2 == 1
}

/// Three digits, or a dash.
#[inline]
pub(super) fn response_code(input: &[u8]) -> IResult<&[u8], Option<u16>> {
    match input {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            Ok((rest, Some(digit(a) * 100 + digit(b) * 10 + digit(c))))
        }
        _ => value(None, char('-')).parse(input),
    }
}

/// A whole number, or a dash.
#[inline]
pub(super) fn bytes_sent(input: &[u8]) -> IResult<&[u8], Option<u64>> {
    branch::alt((map(decimal, Some), value(None, char('-')))).parse(input)
}

/// Seconds with up to nine decimals, or a dash.
#[inline]
pub(super) fn response_time(input: &[u8]) -> IResult<&[u8], Option<Duration>> {
    branch::alt((map(seconds, Some), value(None, char('-')))).parse(input)
}

fn seconds(input: &[u8]) -> IResult<&[u8], Duration> {
    let (rest, (seconds, decimals)) = (decimal, opt(preceded(char('.'), nanos))).parse(input)?;
    Ok((rest, Duration::new(seconds, decimals.unwrap_or(0))))
}

/// The digits behind a decimal point; those beyond nine do not count.
fn nanos(input: &[u8]) -> IResult<&[u8], u32> {
    let (nanos, used) = fixed::fraction(input);
    match input.get(used..) {
        Some(rest) if 0 < used => Ok((rest, nanos)),
        _ => refuse(input),
    }
}

/// The end of what a format says: the line ends here, or a blank follows and something else.
#[inline]
pub(super) fn entry_end(input: &[u8]) -> IResult<&[u8], &[u8]> {
    match input {
        [] => Ok((input, input)),
        [b' ', rest @ ..] => Ok((&[], rest)),
        _ => refuse(input),
    }
}

/// The request with its parts, if it has them.
#[inline]
pub(super) fn request(raw: &[u8]) -> Request<'_> {
    let line = request_line(raw).ok().map(|(_, line)| line);
    Request { raw, line }
}

fn request_line(input: &[u8]) -> IResult<&[u8], RequestLine<'_>> {
    let (rest, method) = word(input)?;
    if !method.iter().all(|byte| is_token(*byte)) {
        return refuse(input);
    }
    let (target, version) = match memchr(b' ', rest) {
        None => (rest, None),
        Some(blank) => {
            let (version, target) = cut(rest, blank)?;
            let (_, version) = preceded(tag("HTTP/"), http_version).parse(version)?;
            (target, Some(version))
        }
    };
    if target.is_empty() {
        return refuse(input);
    }
    let line = RequestLine {
        method,
        target,
        version,
    };
    Ok((&[], line))
}

/// All that is left, if it is a number with at most one point inside.
fn http_version(input: &[u8]) -> IResult<&[u8], &[u8]> {
    match input {
        [b'0'..=b'9'] | [b'0'..=b'9', b'.', b'0'..=b'9'] => Ok((&[], input)),
        _ => refuse(input),
    }
}

/// What a method may consist of (RFC 9110, section 5.6.2).
#[inline]
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
