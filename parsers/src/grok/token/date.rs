//! Dates and times. Where the usual form has fixed places, they are looked at directly.

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{take_while_m_n, take_while1};
use nom::character::complete::{char, digit1, one_of, satisfy};
use nom::combinator::{all_consuming, not, opt, peek, verify};
use nom::sequence::{preceded, terminated};

use super::text::{digits, starts_word};
use super::{Parsed, Scan, end_of};
use crate::timestamp::fixed::{pair_at, shaped};

/// MONTH: a whole word out of the list. A word with letters beyond ASCII is left to the other engines.
pub(super) fn month(line: &[u8], at: usize) -> Scan {
    if !starts_word(line, at) {
        return Scan::Fail;
    }
    let rest = line.get(at..).unwrap_or_default();
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || 0x80 <= *byte;
    let length = rest
        .iter()
        .position(|byte| !is_part(byte))
        .unwrap_or(rest.len());
    let word = &rest[..length];
    if !word.is_ascii() {
        return Scan::Unsure;
    }
    (is_month(word) && starts_word(line, at))
        .then_some(at + length)
        .into()
}

/// The names that MONTH lists, English and German, the first letter in either case.
fn is_month(word: &[u8]) -> bool {
    let Some((first, rest)) = word.split_first() else {
        return false;
    };
    match first.to_ascii_lowercase() {
        b'j' => {
            matches!(
                rest,
                b"an" | b"un" | b"ul" | b"une" | b"uly" | b"uni" | b"uli" | b"anuar" | b"anuary"
            )
        }
        b'f' => matches!(rest, b"eb" | b"ebruar" | b"ebruary"),
        b'm' => matches!(
            rest,
            b"ar" | b"ay" | b"ai" | b"a" | b"arch" | b"arz" | b"r" | b"rch" | b"rz"
        ),
        b'a' => matches!(rest, b"pr" | b"ug" | b"pril" | b"ugust"),
        b's' => matches!(rest, b"ep" | b"eptember"),
        b'o' => matches!(
            rest,
            b"ct" | b"kt" | b"t" | b"ctober" | b"ktober" | b"tober"
        ),
        b'n' => matches!(rest, b"ov" | b"ovember"),
        b'd' => matches!(rest, b"ec" | b"ez" | b"ecember" | b"ezember"),
        _ => false,
    }
}

/// One or two digits that are all there are: their value.
fn one_or_two(input: &[u8]) -> Parsed<'_, u8> {
    let value = |digits: &[u8]| {
        digits
            .iter()
            .fold(0, |value, digit| value * 10 + digit - b'0')
    };
    terminated(take_while_m_n(1, 2, is_digit), not(satisfy(is_digit_char)))
        .map(value)
        .parse(input)
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

fn is_digit_char(letter: char) -> bool {
    letter.is_ascii_digit()
}

/// MONTHDAY before a byte that is no digit.
fn month_day(input: &[u8]) -> Parsed<'_, u8> {
    verify(one_or_two, |day| (1..=31).contains(day)).parse(input)
}

/// HOUR before a byte that is no digit.
fn hour(input: &[u8]) -> Parsed<'_, u8> {
    verify(one_or_two, |hour| *hour <= 23).parse(input)
}

/// MINUTE before a byte that is no digit.
fn minute(input: &[u8]) -> Parsed<'_, u8> {
    preceded(
        peek(take_while_m_n(2, 2, is_digit)),
        verify(one_or_two, |minute| *minute <= 59),
    )
    .parse(input)
}

/// SECOND where neither a digit nor a fraction's sign can follow.
fn second(input: &[u8]) -> Parsed<'_, ()> {
    let fraction = preceded(one_of(":.,"), digit1).map(|_| ());
    (
        verify(one_or_two, |second| *second <= 60),
        alt((fraction, not(one_of(":.,")))),
    )
        .map(|_| ())
        .parse(input)
}

/// TIME where neither a digit nor a fraction's sign can follow.
pub(super) fn time(input: &[u8]) -> Parsed<'_, ()> {
    (hour, char(':'), minute, char(':'), second)
        .map(|_| ())
        .parse(input)
}

/// YEAR before a byte that is no digit: two digits or four.
fn year(input: &[u8]) -> Parsed<'_, &[u8]> {
    verify(digit1, |year: &[u8]| matches!(year.len(), 2 | 4)).parse(input)
}

/// HTTPDATE where no digit can follow: `14/Sep/2015:16:31:02 +0000`.
pub(super) fn http_date(line: &[u8], at: usize) -> Scan {
    if let Some(end) = usual_http_date(line, at) {
        return Scan::End(end);
    }
    let Some(end) = end_of(line, at, terminated(month_day, char('/'))) else {
        return Scan::Fail;
    };
    match month(line, end) {
        Scan::End(end) => end_of(line, end, http_date_tail).into(),
        other => other,
    }
}

/// The form that servers write, by its places; any other form, valid or not, is nothing. By hand: it runs for
/// nearly every access log's line.
fn usual_http_date(line: &[u8], at: usize) -> Option<usize> {
    let text: &[u8; 26] = line.get(at..)?.first_chunk()?;
    let pair = |place: usize| pair([text[place], text[place + 1]]);
    shaped(text[6..].first_chunk()?, b"/0000:00")?;
    let clock = shaped(text[12..].first_chunk()?, b"00:00:00")?;
    let is_sound = (1..=31).contains(&pair(0))
        && text[2] == b'/'
        && is_short_month([text[3], text[4], text[5]])
        && pair_at(clock, 0) <= 23
        && pair_at(clock, 3) <= 59
        && pair_at(clock, 6) <= 60
        && matches!(text[20..22], [b' ', b'+' | b'-'])
        && pair(22) <= 99
        && pair(24) <= 99;
    let end = at + text.len();
    (is_sound && !line.get(end).is_some_and(u8::is_ascii_digit)).then_some(end)
}

/// The value of two digits; more than 99 when they are none.
#[inline]
fn pair([first, second]: [u8; 2]) -> u8 {
    let (first, second) = (first.wrapping_sub(b'0'), second.wrapping_sub(b'0'));
    if first < 10 && second < 10 {
        first * 10 + second
    } else {
        u8::MAX
    }
}

#[inline]
fn is_short_month([first, second, third]: [u8; 3]) -> bool {
    const fn code(name: &[u8; 3]) -> u32 {
        u32::from_le_bytes([name[0], name[1], name[2], 0])
    }
    const MONTHS: [u32; 12] = [
        code(b"Jan"),
        code(b"Feb"),
        code(b"Mar"),
        code(b"Apr"),
        code(b"May"),
        code(b"Jun"),
        code(b"Jul"),
        code(b"Aug"),
        code(b"Sep"),
        code(b"Oct"),
        code(b"Nov"),
        code(b"Dec"),
    ];
    // All twelve are compared at once: faster than to branch on letters.
    let name = u32::from_le_bytes([first, second, third, 0]);
    MONTHS
        .iter()
        .fold(false, |found, month| found | (*month == name))
}

fn http_date_tail(input: &[u8]) -> Parsed<'_, ()> {
    let zone = (opt(one_of("+-")), digit1);
    (char('/'), year, char(':'), time, char(' '), zone)
        .map(|_| ())
        .parse(input)
}

/// SYSLOGTIMESTAMP where neither a digit nor a fraction's sign can follow: `Sep  4 16:31:02`.
pub(super) fn syslog_timestamp(line: &[u8], at: usize) -> Scan {
    match month(line, at) {
        Scan::End(end) => end_of(line, end, syslog_timestamp_tail).into(),
        other => other,
    }
}

fn syslog_timestamp_tail(input: &[u8]) -> Parsed<'_, ()> {
    let blanks = take_while1(|byte| byte == b' ');
    (blanks, month_day, char(' '), time)
        .map(|_| ())
        .parse(input)
}

/// TIMESTAMP_ISO8601 where nothing that could belong to it can follow.
pub(super) fn iso8601(line: &[u8], at: usize) -> Scan {
    if let Some(end) = usual_iso8601(line, at) {
        return Scan::End(end);
    }
    let Some(end) = end_of(line, at, iso8601_date) else {
        return Scan::Fail;
    };
    let after_hour = digits(line, end);
    if end + 3 <= after_hour {
        // Without a colon between hour and minute the digits can be parted in several ways.
        return Scan::Unsure;
    }
    if line.get(after_hour) != Some(&b':') {
        return Scan::Fail;
    }
    let after_minute = digits(line, after_hour + 1);
    if after_hour + 3 < after_minute {
        return Scan::Unsure;
    }
    end_of(line, end, iso8601_time).into()
}

/// The form that most programs write, `2026-11-20T18:56:21.123+01:00`, by its places; any other form, valid or not, is
/// nothing.
fn usual_iso8601(line: &[u8], at: usize) -> Option<usize> {
    let rest = line.get(at..)?;
    let year = if rest.get(2) == Some(&b'-') { 2 } else { 4 };
    let (year, rest) = rest.split_at_checked(year)?;
    let text: &[u8; 15] = rest.first_chunk()?;
    let pair = |place: usize| pair([text[place], text[place + 1]]);
    let is_sound = [text[0], text[3], text[9], text[12]] == *b"--::"
        && matches!(text[6], b'T' | b' ')
        && year.iter().all(u8::is_ascii_digit)
        && (1..=12).contains(&pair(1))
        && (1..=31).contains(&pair(4))
        && pair(7) <= 23
        && pair(10) <= 59
        && pair(13) <= 60;
    let end = at + year.len() + text.len();
    let end = match line.get(end) {
        _ if !is_sound => return None,
        Some(b'0'..=b'9') => return None,
        Some(b':' | b'.' | b',') => {
            Some(digits(line, end + 1)).filter(|fraction| end + 1 < *fraction)?
        }
        _ => end,
    };
    match line.get(end) {
        Some(b'Z') => Some(end + 1),
        Some(b'+' | b'-') => usual_zone(line, end),
        _ => Some(end),
    }
}

fn usual_zone(line: &[u8], at: usize) -> Option<usize> {
    let text: &[u8; 6] = line.get(at..)?.first_chunk()?;
    let is_sound =
        text[3] == b':' && pair([text[1], text[2]]) <= 23 && pair([text[4], text[5]]) <= 59;
    let end = at + text.len();
    (is_sound && !line.get(end).is_some_and(u8::is_ascii_digit)).then_some(end)
}

fn iso8601_date(input: &[u8]) -> Parsed<'_, ()> {
    let month = verify(one_or_two, |month| (1..=12).contains(month));
    (year, char('-'), month, char('-'), month_day, one_of("T "))
        .map(|_| ())
        .parse(input)
}

fn iso8601_time(input: &[u8]) -> Parsed<'_, ()> {
    let seconds = alt((preceded(char(':'), second), not(char(':'))));
    (hour, char(':'), minute, seconds, iso8601_zone)
        .map(|_| ())
        .parse(input)
}

/// The zone, if there is one.
fn iso8601_zone(input: &[u8]) -> Parsed<'_, ()> {
    let with_colon = (hour, char(':'), minute).map(|_| ());
    let without = verify(digit1, is_hour_and_minute).map(|_| ());
    alt((
        char('Z').map(|_| ()),
        preceded(one_of("+-"), alt((with_colon, without))),
        not(one_of("Z+-")),
    ))
    .parse(input)
}

fn is_hour_and_minute(text: &[u8]) -> bool {
    let Some(at) = text.len().checked_sub(2) else {
        return false;
    };
    let (hours, minutes) = text.split_at(at);
    all_consuming(hour).parse(hours).is_ok() && all_consuming(minute).parse(minutes).is_ok()
}
