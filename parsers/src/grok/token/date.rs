//! Dates and times. Where the usual form has fixed places, they are looked at directly.

use super::Scan;
use super::text::{digits, starts_word};

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

/// The value of one or two digits that are all there are, and their end.
#[inline]
fn one_or_two(line: &[u8], at: usize) -> Option<(u8, usize)> {
    let digit = |place: usize| {
        line.get(place)
            .map(|byte| byte.wrapping_sub(b'0'))
            .filter(|digit| *digit < 10)
    };
    let first = digit(at)?;
    match (digit(at + 1), digit(at + 2)) {
        (None, _) => Some((first, at + 1)),
        (Some(second), None) => Some((first * 10 + second, at + 2)),
        (Some(_), Some(_)) => None,
    }
}

/// Takes a byte.
#[inline]
fn byte(line: &[u8], at: usize, wanted: u8) -> Option<usize> {
    (line.get(at) == Some(&wanted)).then_some(at + 1)
}

/// MONTHDAY before a byte that is no digit.
#[inline]
fn month_day(line: &[u8], at: usize) -> Option<usize> {
    one_or_two(line, at)
        .filter(|(day, _)| (1..=31).contains(day))
        .map(|(_, end)| end)
}

/// HOUR before a byte that is no digit.
#[inline]
fn hour(line: &[u8], at: usize) -> Option<usize> {
    one_or_two(line, at)
        .filter(|(hour, _)| *hour <= 23)
        .map(|(_, end)| end)
}

/// MINUTE before a byte that is no digit.
#[inline]
fn minute(line: &[u8], at: usize) -> Option<usize> {
    one_or_two(line, at)
        .filter(|(minute, end)| *minute <= 59 && *end == at + 2)
        .map(|(_, end)| end)
}

/// SECOND where neither a digit nor a fraction's sign can follow.
#[inline]
fn second(line: &[u8], at: usize) -> Option<usize> {
    let (_, end) = one_or_two(line, at).filter(|(second, _)| *second <= 60)?;
    match line.get(end) {
        Some(b':' | b'.' | b',') => {
            let fraction = digits(line, end + 1);
            (end + 1 < fraction).then_some(fraction)
        }
        _ => Some(end),
    }
}

/// TIME where neither a digit nor a fraction's sign can follow.
pub(super) fn time(line: &[u8], at: usize) -> Option<usize> {
    let end = byte(line, hour(line, at)?, b':')?;
    let end = byte(line, minute(line, end)?, b':')?;
    second(line, end)
}

/// YEAR before a byte that is no digit: two digits or four.
#[inline]
fn year(line: &[u8], at: usize) -> Option<usize> {
    let end = digits(line, at);
    matches!(end - at, 2 | 4).then_some(end)
}

/// HTTPDATE where no digit can follow: `14/Sep/2015:16:31:02 +0000`.
pub(super) fn http_date(line: &[u8], at: usize) -> Scan {
    if let Some(end) = usual_http_date(line, at) {
        return Scan::End(end);
    }
    let Some(end) = month_day(line, at).and_then(|end| byte(line, end, b'/')) else {
        return Scan::Fail;
    };
    match month(line, end) {
        Scan::End(end) => http_date_tail(line, end).into(),
        other => other,
    }
}

/// The form that servers write, by its places; any other form, valid or not, is nothing.
fn usual_http_date(line: &[u8], at: usize) -> Option<usize> {
    let text: &[u8; 26] = line.get(at..)?.first_chunk()?;
    let signs = [text[2], text[6], text[11], text[14], text[17], text[20]];
    if signs != *b"//::: "
        || !matches!(text[21], b'+' | b'-')
        || !is_short_month([text[3], text[4], text[5]])
    {
        return None;
    }
    let pair = |place: usize| pair([text[place], text[place + 1]]);
    let is_sound = (1..=31).contains(&pair(0))
        && pair(7) <= 99
        && pair(9) <= 99
        && pair(12) <= 23
        && pair(15) <= 59
        && pair(18) <= 60
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

fn http_date_tail(line: &[u8], at: usize) -> Option<usize> {
    let end = year(line, byte(line, at, b'/')?)?;
    let end = byte(line, time(line, byte(line, end, b':')?)?, b' ')?;
    let start = end + usize::from(matches!(line.get(end), Some(b'+' | b'-')));
    let end = digits(line, start);
    (start < end).then_some(end)
}

/// SYSLOGTIMESTAMP where neither a digit nor a fraction's sign can follow: `Sep  4 16:31:02`.
pub(super) fn syslog_timestamp(line: &[u8], at: usize) -> Scan {
    match month(line, at) {
        Scan::End(end) => syslog_timestamp_tail(line, end).into(),
        other => other,
    }
}

fn syslog_timestamp_tail(line: &[u8], at: usize) -> Option<usize> {
    let mut end = byte(line, at, b' ')?;
    while line.get(end) == Some(&b' ') {
        end += 1;
    }
    time(line, byte(line, month_day(line, end)?, b' ')?)
}

/// TIMESTAMP_ISO8601 where nothing that could belong to it can follow.
pub(super) fn iso8601(line: &[u8], at: usize) -> Scan {
    let Some(end) = iso8601_date(line, at) else {
        return Scan::Fail;
    };
    let after_hour = digits(line, end);
    if line.get(after_hour) != Some(&b':') {
        // Without a colon the digits can be parted in several ways.
        return if end + 3 <= after_hour {
            Scan::Unsure
        } else {
            Scan::Fail
        };
    }
    let Some(end) = hour(line, end) else {
        return Scan::Fail;
    };
    let after_minute = digits(line, end + 1);
    if after_minute != end + 3 {
        return if end + 3 < after_minute {
            Scan::Unsure
        } else {
            Scan::Fail
        };
    }
    let Some(end) = minute(line, end + 1) else {
        return Scan::Fail;
    };
    let end = match line.get(end) {
        Some(b':') => second(line, end + 1),
        _ => Some(end),
    };
    end.and_then(|end| iso8601_zone(line, end)).into()
}

fn iso8601_date(line: &[u8], at: usize) -> Option<usize> {
    let end = byte(line, year(line, at)?, b'-')?;
    let (_, end) = one_or_two(line, end).filter(|(month, _)| (1..=12).contains(month))?;
    let end = month_day(line, byte(line, end, b'-')?)?;
    matches!(line.get(end), Some(b'T' | b' ')).then_some(end + 1)
}

/// The zone, or the place itself when there is none.
fn iso8601_zone(line: &[u8], at: usize) -> Option<usize> {
    match line.get(at) {
        Some(b'Z') => Some(at + 1),
        Some(b'+' | b'-') => {
            let start = at + 1;
            let end = digits(line, start);
            let minutes = if line.get(end) == Some(&b':') {
                end + 1
            } else {
                end.checked_sub(2)?
            };
            let hours = if minutes == end + 1 { end } else { minutes };
            let hour_text = line.get(start..hours)?;
            hour(hour_text, 0).filter(|end| *end == hour_text.len())?;
            minute(line, minutes)
        }
        _ => Some(at),
    }
}
