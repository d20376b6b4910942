//! Syslog's stamps: a text that begins with one in, a local time and its offset out.
//!
//! RFC 3164 has `Nov 20 16:45:08`. Devices and daemons write a year before or after the time or at
//! the very beginning, a weekday, a zone, a fraction, one digit of hour or day, no seconds. A year of 0
//! says that the text has none; completing it is the caller's.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while_m_n, take_while1};
use nom::character::complete::one_of;
use nom::combinator::{eof, map_opt, not, opt, peek, verify};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use super::civil::Local;
use super::fixed::{self, Prefix, fraction, month, pair, time_of_day};
use super::zone::ABBREVIATIONS;

/// Years that are taken for one: what 64 bits of nanoseconds reach, from the first that anybody
/// logged in.
const YEARS: std::ops::RangeInclusive<u32> = 1970..=2261;

/// Further words that devices write, and their offsets in hours.
const ZONE_WORDS: [(&[u8], i32); 4] = [(b"Z", 0), (b"CET", 1), (b"CEST", 2), (b"MET", 1)];

/// Seconds east of UTC that a word for a zone means.
pub(crate) fn zone_offset(word: &[u8]) -> Option<i32> {
    let mut words = ABBREVIATIONS.iter().chain(&ZONE_WORDS);
    let (_word, hours) = words.find(|(known, _hours)| *known == word)?;
    Some(hours * 3600)
}

/// The form of RFC 3164, by position, with what may follow it.
#[inline(always)]
pub(crate) fn usual_prefix(text: &[u8]) -> Option<Prefix> {
    let head: &[u8; 15] = text.first_chunk()?;
    let month = month([head[0], head[1], head[2]])?;
    let day = match head[4] {
        b' ' => pair(b'0', head[5]),
        tens => pair(tens, head[5]),
    };
    if head[3] != b' ' || 31 < day || head[6] != b' ' {
        return None;
    }
    let mut local = Local::midnight(0, month, day as u8);
    time_of_day(&mut local, head.last_chunk()?)?;
    with_tail(text, local, head.len())
}

/// What may stand behind the seconds: a fraction, and a year, perhaps with a zone before it.
#[inline(always)]
fn with_tail(text: &[u8], mut local: Local, mut length: usize) -> Option<Prefix> {
    let mut offset = None;
    if let Some([b'.' | b',', digits @ ..]) = text.get(length..) {
        let (nanos, used) = fraction(digits);
        if 0 < used {
            local.nanos = nanos;
            length += 1 + used;
        }
    }
    if let Some(rest @ [b' ', b'A'..=b'Z' | b'1' | b'2', ..]) = text.get(length..)
        && local.year == 0
        && let Some((year, zone_seconds, used)) = year_behind(rest)
    {
        (local.year, offset) = (year, zone_seconds);
        length += used;
    }
    // The year 4 is a leap year: with the real one unknown, 29 February may exist.
    let known = match local.year {
        0 => Local { year: 4, ..local },
        _ => local,
    };
    known.is_real().then_some(Prefix {
        local,
        offset,
        length,
    })
}

/// ` 2026` or ` CET 2026`: the year, the offset, and the bytes taken.
#[inline(never)]
fn year_behind(text: &[u8]) -> Option<(i32, Option<i32>, usize)> {
    let zone = preceded(tag(" "), map_opt(upper_case, zone_offset));
    // An address may begin like a year and a colon.
    let end = peek(alt((tag(" "), tag(": "), eof)));
    let (rest, (zone, year)) = terminated((opt(zone), preceded(tag(" "), year)), end)
        .parse(text)
        .ok()?;
    Some((year, zone, text.len() - rest.len()))
}

/// Every other form.
#[cold]
pub(crate) fn unusual_prefix(text: &[u8]) -> Option<Prefix> {
    let name = take_while_m_n(3, 3, |byte: u8| byte.is_ascii_alphabetic());
    let weekday = verify(name, |name: &[u8]| {
        [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"]
            .iter()
            .any(|day| day.eq_ignore_ascii_case(name))
    });
    let date = alt((year_first, month_first));
    let (rest, (mut local, hour_and_minute)) =
        preceded(opt((weekday, blanks)), (terminated(date, blanks), clock))
            .parse(text)
            .ok()?;
    (local.hour, local.minute, local.second) = hour_and_minute;
    with_tail(text, local, text.len() - rest.len())
}

/// Without an error type: what is no stamp is text.
type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

fn blanks(text: &[u8]) -> Parsed<'_, &[u8]> {
    take_while1(|byte| byte == b' ').parse(text)
}

fn upper_case(text: &[u8]) -> Parsed<'_, &[u8]> {
    take_while1(|byte: u8| byte.is_ascii_uppercase()).parse(text)
}

/// A number of so many digits, and no digit after it.
fn number(least: usize, most: usize) -> impl Fn(&[u8]) -> Parsed<'_, u32> {
    move |text| {
        let is_digit = |byte: u8| byte.is_ascii_digit();
        let (rest, digits) = take_while_m_n(least, most, is_digit).parse(text)?;
        let (rest, ()) = not(one_of("0123456789")).parse(rest)?;
        let value = digits
            .iter()
            .fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0'));
        Ok((rest, value))
    }
}

fn year(text: &[u8]) -> Parsed<'_, i32> {
    verify(number(4, 4), |year| YEARS.contains(year))
        .map(|year| year as i32)
        .parse(text)
}

fn month_name(text: &[u8]) -> Parsed<'_, u8> {
    let name = take_while_m_n(3, 3, |byte: u8| byte.is_ascii_alphabetic());
    map_opt(name, |name: &[u8]| month(*name.first_chunk()?)).parse(text)
}

fn day(text: &[u8]) -> Parsed<'_, u8> {
    verify(number(1, 2), |day| *day <= 31)
        .map(|day| day as u8)
        .parse(text)
}

/// `2026 Nov 20`.
fn year_first(text: &[u8]) -> Parsed<'_, Local> {
    let parts = (
        terminated(year, blanks),
        terminated(month_name, blanks),
        day,
    );
    parts
        .map(|(year, month, day)| Local::midnight(year, month, day))
        .parse(text)
}

/// `Nov 8`, `Nov 20 2026`.
fn month_first(text: &[u8]) -> Parsed<'_, Local> {
    let parts = (
        terminated(month_name, blanks),
        day,
        opt(preceded(blanks, year)),
    );
    let local =
        |(month, day, year): (u8, u8, Option<i32>)| Local::midnight(year.unwrap_or(0), month, day);
    parts.map(local).parse(text)
}

/// `4:44`, `16:46`, `16:46:09`.
fn clock(text: &[u8]) -> Parsed<'_, (u8, u8, u8)> {
    let (rest, hour) = verify(number(1, 2), |hour| *hour <= 23).parse(text)?;
    let (rest, minute) =
        preceded(tag(":"), verify(number(2, 2), |minute| *minute <= 59)).parse(rest)?;
    let second = preceded(tag(":"), verify(number(2, 2), |second| *second <= 60));
    let (rest, second) = opt(second).parse(rest)?;
    // What looks like seconds and is none makes it no time at all.
    let (rest, ()) = not((tag(":"), one_of("0123456789"))).parse(rest)?;
    Ok((rest, (hour as u8, minute as u8, second.unwrap_or(0) as u8)))
}

/// `2026/11/20 16:46:09`.
#[cold]
pub(crate) fn slashed_prefix(text: &[u8]) -> Option<Prefix> {
    let month = number(1, 2).map(|month| month as u8);
    let date = (
        terminated(year, tag("/")),
        terminated(month, tag("/")),
        terminated(day, blanks),
    );
    let (rest, ((year, month, day), (hour, minute, second))) = (date, clock).parse(text).ok()?;
    let local = Local {
        hour,
        minute,
        second,
        ..Local::midnight(year, month, day)
    };
    with_tail(text, local, text.len() - rest.len())
}

/// `2026-11-20T16:46`, with a blank for the `T`, perhaps with an offset: ISO 8601 without seconds.
#[cold]
pub(crate) fn iso_without_seconds(text: &[u8]) -> Option<Prefix> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut local = fixed::iso_date(date)?;
    let (b'T' | b't' | b' ', rest) = rest.split_first()? else {
        return None;
    };
    let (rest, (hour, minute, second)) = clock(rest).ok()?;
    (local.hour, local.minute, local.second) = (hour, minute, second);
    let mut length = text.len() - rest.len();
    let zone = fixed::offset(rest);
    length += zone.map_or(0, |(_seconds, used)| used);
    local.is_real().then_some(Prefix {
        local,
        offset: zone.map(|(seconds, _used)| seconds),
        length,
    })
}
