//! Stamps of a fixed shape: ISO 8601 and HTTP servers' log date; text in, a local time and
//! its offset out.
//!
//! Cut by position, not with nom: digits and marks of eight bytes are checked at once. What is read
//! stays in registers only as long as everything is inlined; moved through memory byte by byte, a
//! stamp takes twice as long. Hence the attributes.
//!
//! Not here: syslog's stamps (`bsd.rs`), zones by name and formats that a user writes (`format.rs`).

use super::civil::{Local, days_in_month, first_week};

/// A value no field may have: what an invalid digit turns a number into, so one range check refuses
/// both.
const NOT_DIGITS: u32 = 100_000;

/// A stamp found at the head of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) local: Local,
    /// Seconds east of UTC, where the text says so.
    pub(crate) offset: Option<i32>,
    /// Bytes of the text that the stamp takes.
    pub(crate) length: usize,
}

#[inline]
pub(crate) fn pair(tens: u8, ones: u8) -> u32 {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    if 9 < tens || 9 < ones {
        NOT_DIGITS
    } else {
        u32::from(tens) * 10 + u32::from(ones)
    }
}

/// The month whose English name begins with these three letters, in any case.
#[inline]
pub(crate) fn month(name: [u8; 3]) -> Option<u8> {
    let lower = [name[0] | 0x20, name[1] | 0x20, name[2] | 0x20];
    Some(match &lower {
        b"jan" => 1,
        b"feb" => 2,
        b"mar" => 3,
        b"apr" => 4,
        b"may" => 5,
        b"jun" => 6,
        b"jul" => 7,
        b"aug" => 8,
        b"sep" => 9,
        b"oct" => 10,
        b"nov" => 11,
        b"dec" => 12,
        _ => return None,
    })
}

/// Digits and marks of eight bytes at once: the digits' values, each in its byte, if every byte is
/// what the shape has in its place, a digit where that has `0`.
#[inline(always)]
pub(crate) fn shaped(text: &[u8; 8], shape: &[u8; 8]) -> Option<u64> {
    let digits = u64::from_le_bytes(shape.map(|mark| if mark == b'0' { 0xFF } else { 0 }));
    let low = 0x0F0F_0F0F_0F0F_0F0F & digits;
    // What is as it should be leaves nothing of a mark and 0 to 9 of a digit.
    let values = u64::from_le_bytes(*text) ^ u64::from_le_bytes(*shape);
    let sixes = values.wrapping_add(0x0606_0606_0606_0606 & digits);
    ((values & !low) | (sixes & digits & !low) == 0).then_some(values)
}

/// The number that the digit at a place makes with the next one.
#[inline(always)]
pub(crate) fn pair_at(values: u64, place: u32) -> u8 {
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    (pairs >> (8 * place)) as u8
}

#[inline(always)]
pub(crate) fn time_of_day(local: &mut Local, text: &[u8; 8]) -> Option<()> {
    let values = shaped(text, b"00:00:00")?;
    let (hour, minute, second) = (pair_at(values, 0), pair_at(values, 3), pair_at(values, 6));
    if 23 < hour || 59 < minute || 60 < second {
        return None;
    }
    (local.hour, local.minute, local.second) = (hour, minute, second);
    Some(())
}

/// Nanoseconds of the digits after a decimal point, and how many digits there are; those beyond
/// nine do not count.
#[inline]
pub(crate) fn fraction(digits: &[u8]) -> (u32, usize) {
    const SCALE: [u32; 9] = [
        0,
        100_000_000,
        10_000_000,
        1_000_000,
        100_000,
        10_000,
        1000,
        100,
        10,
    ];
    if let Some(value) = digits.first_chunk().and_then(eight) {
        let rest = digits.get(8..).unwrap_or_default();
        return match rest.first() {
            Some(digit @ b'0'..=b'9') => {
                (value * 10 + u32::from(digit - b'0'), 8 + count_digits(rest))
            }
            _ => (value * 10, 8),
        };
    }
    let mut value = 0;
    let mut used = 0;
    for byte in digits.iter().take(8) {
        let digit = byte.wrapping_sub(b'0');
        if 9 < digit {
            break;
        }
        value = value * 10 + u32::from(digit);
        used += 1;
    }
    (value * SCALE.get(used).copied().unwrap_or(0), used)
}

/// Eight digits at once: neighbours are joined to pairs, pairs to fours, fours to the number.
#[inline]
fn eight(digits: &[u8; 8]) -> Option<u32> {
    let word = u64::from_le_bytes(*digits);
    // A digit has 3 in its upper half, and still has it after 6 was added.
    let upper = 0xF0F0_F0F0_F0F0_F0F0;
    let sixes = word.wrapping_add(0x0606_0606_0606_0606);
    if word & upper != 0x3030_3030_3030_3030 || sixes & upper != 0x3030_3030_3030_3030 {
        return None;
    }
    let ones = word & 0x0F0F_0F0F_0F0F_0F0F;
    let pairs = (ones * 10 + (ones >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    Some(((fours & 0xFFFF) * 10_000 + (fours >> 32)) as u32)
}

pub(crate) fn count_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// `Z`, `+01:00`, `+0100` or `+01` at the head of a text: seconds east of UTC and the bytes taken.
#[inline(always)]
pub(crate) fn offset(text: &[u8]) -> Option<(i32, usize)> {
    let sign = match text.first()? {
        b'Z' | b'z' => return Some((0, 1)),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = pair(*text.get(1)?, *text.get(2)?);
    let (minutes, length) = match text.get(3..) {
        Some([b':', tens, ones, ..]) if tens.is_ascii_digit() => (pair(*tens, *ones), 6),
        Some([tens, ones, ..]) if tens.is_ascii_digit() => (pair(*tens, *ones), 5),
        _ => (0, 3),
    };
    if 23 < hours || 59 < minutes {
        return None;
    }
    Some((sign * (hours * 3600 + minutes * 60) as i32, length))
}

/// `2026-11-20T16:46:09` with `T` or a blank, then perhaps a fraction, then perhaps an offset.
#[inline(always)]
pub(crate) fn iso_prefix(text: &[u8]) -> Option<Prefix> {
    let head: &[u8; 19] = text.first_chunk()?;
    let date = shaped(head.first_chunk()?, b"0000-00-")?;
    let day = pair(head[8], head[9]);
    if 31 < day || !matches!(head[10], b'T' | b' ' | b't') {
        return None;
    }
    let year = i32::from(pair_at(date, 0)) * 100 + i32::from(pair_at(date, 2));
    let mut local = Local::midnight(year, pair_at(date, 5), day as u8);
    time_of_day(&mut local, head.last_chunk()?)?;
    if !local.is_real() {
        return None;
    }
    let mut length = 19;
    if let Some([b'.' | b',', digits @ ..]) = text.get(length..) {
        let (nanos, used) = fraction(digits);
        if 0 < used {
            local.nanos = nanos;
            length += 1 + used;
        }
    }
    let offset = match text.get(length..).and_then(offset) {
        Some((seconds, used)) => {
            length += used;
            Some(seconds)
        }
        None => None,
    };
    Some(Prefix {
        local,
        offset,
        length,
    })
}

/// A whole text in any of ISO 8601's forms, extended or basic: the date alone or shortened, ordinal
/// and week dates, the time shortened to hours or minutes, a fraction of whichever comes last.
pub(crate) fn iso(text: &[u8]) -> Option<(Local, Option<i32>)> {
    match whole_iso_prefix(text) {
        Some(prefix) => Some((prefix.local, prefix.offset)),
        None => iso_shortened(text),
    }
}

/// The usual form, from end to end.
#[inline(always)]
pub(crate) fn whole_iso_prefix(text: &[u8]) -> Option<Prefix> {
    iso_prefix(text).filter(|prefix| prefix.length == text.len())
}

/// The other forms.
#[cold]
pub(crate) fn iso_shortened(text: &[u8]) -> Option<(Local, Option<i32>)> {
    let separator = text
        .iter()
        .position(|byte| matches!(byte, b'T' | b't' | b' '));
    let (date, time) = match separator {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
        None => (text, &b""[..]),
    };
    let mut local = iso_date(date)?;
    let mut rest = time;
    if rest.first().is_some_and(u8::is_ascii_digit) {
        rest = iso_time(&mut local, rest)?;
    }
    if rest.is_empty() {
        return local.is_real().then_some((local, None));
    }
    // Ruby and Go write a blank before the offset, which ISO 8601 has not.
    let zone = match rest {
        b" UTC" | b" GMT" => b"Z",
        [b' ', b'+' | b'-', ..] => rest.get(1..)?,
        _ => rest,
    };
    let (seconds, used) = offset(zone)?;
    (used == zone.len() && local.is_real()).then_some((local, Some(seconds)))
}

pub(crate) fn iso_date(date: &[u8]) -> Option<Local> {
    let (year, rest) = date.split_first_chunk::<4>()?;
    let year = pair(year[0], year[1]) * 100 + pair(year[2], year[3]);
    if 9999 < year {
        return None;
    }
    let year = year as i32;
    let number = |tens: &u8, ones: &u8| Some(pair(*tens, *ones)).filter(|value| *value <= 99);
    match rest {
        [] => Some(Local::midnight(year, 1, 1)),
        [b'-', a, b] => Some(Local::midnight(year, number(a, b)? as u8, 1)),
        [b'-', a, b, b'-', c, d] => Some(Local::midnight(
            year,
            number(a, b)? as u8,
            number(c, d)? as u8,
        )),
        [b'-', b'W', a, b] => week_date(year, number(a, b)?, 1),
        [b'-', a, b, c] => {
            let day = number(a, b)? * 10 + number(&b'0', c)?;
            day_of_year(year, day as u16)
        }
        [b'-', b'W', a, b, b'-', day] => week_date(year, number(a, b)?, number(&b'0', day)?),
        [b'W', a, b] => week_date(year, number(a, b)?, 1),
        [b'W', a, b, day] => week_date(year, number(a, b)?, number(&b'0', day)?),
        [a, b, c] => {
            let day = number(a, b)? * 10 + number(&b'0', c)?;
            day_of_year(year, day as u16)
        }
        [a, b, c, d] => Some(Local::midnight(
            year,
            number(a, b)? as u8,
            number(c, d)? as u8,
        )),
        _ => None,
    }
}

/// The day that has this number in a year; the first of January is 1.
pub(crate) fn day_of_year(year: i32, day: u16) -> Option<Local> {
    let mut left = day;
    for month in 1..=12 {
        let days = u16::from(days_in_month(year, month));
        if 1 <= left && left <= days {
            return Some(Local::midnight(year, month, left as u8));
        }
        left = left.checked_sub(days)?;
    }
    None
}

/// A day by ISO week; Monday is 1.
pub(crate) fn week_date(year: i32, week: u32, weekday: u32) -> Option<Local> {
    if !(1..=53).contains(&week) || !(1..=7).contains(&weekday) {
        return None;
    }
    let begin = first_week(year, 1, 4) + i64::from(week - 1) * 7;
    if first_week(year.checked_add(1)?, 1, 4) <= begin {
        return None;
    }
    let (year, month, day) = super::civil::date_of(begin + i64::from(weekday - 1));
    Some(Local::midnight(year, month, day))
}

/// `16`, `16:46`, `16:46:09`, each with a fraction of its last unit, all with colons or all without;
/// returns what follows.
fn iso_time<'a>(local: &mut Local, time: &'a [u8]) -> Option<&'a [u8]> {
    let is_basic = time.get(2).is_some_and(u8::is_ascii_digit);
    let mut rest = time;
    let mut unit_nanos: u64 = 3600 * 1_000_000_000;
    let mut nanos: u64 = 0;
    for place in 0..3 {
        let value = pair(*rest.first()?, *rest.get(1)?);
        if [23, 59, 60].get(place).is_none_or(|most| *most < value) {
            return None;
        }
        nanos += u64::from(value) * unit_nanos;
        rest = rest.get(2..)?;
        match rest {
            [b'.' | b',', digits @ ..] => {
                let (billionths, used) = fraction(digits);
                if used == 0 {
                    return None;
                }
                nanos += u64::from(billionths) * (unit_nanos / 1_000_000_000);
                rest = digits.get(used..)?;
                break;
            }
            [b':', tail @ ..] if place < 2 && !is_basic => {
                unit_nanos /= 60;
                rest = tail;
            }
            [b'0'..=b'9', ..] if place < 2 && is_basic => unit_nanos /= 60,
            _ => break,
        }
    }
    let seconds = nanos / 1_000_000_000;
    // 23:59:60 and fractions just below the next day stay inside the day.
    (local.hour, local.minute) = ((seconds / 3600).min(23) as u8, (seconds / 60 % 60) as u8);
    local.second = (seconds % 60) as u8;
    if 86_400 <= seconds {
        (local.hour, local.minute, local.second) = (23, 59, 60);
    }
    local.nanos = (nanos % 1_000_000_000) as u32;
    Some(rest)
}

/// `20/Nov/2026:16:46:09 +0000`, the day with one digit or two: the local time and its offset.
#[inline(always)]
pub(crate) fn http(text: &[u8]) -> Option<(Local, i32)> {
    let (day, rest) = match text {
        [ones, b'/', rest @ ..] => (pair(b'0', *ones), rest),
        [tens, ones, b'/', rest @ ..] => (pair(*tens, *ones), rest),
        _ => return None,
    };
    let head: &[u8; 17] = rest.first_chunk()?;
    let month = month([head[0], head[1], head[2]])?;
    let year = pair(head[4], head[5]) * 100 + pair(head[6], head[7]);
    if 31 < day || 9999 < year || head[3] != b'/' || head[8] != b':' {
        return None;
    }
    let mut local = Local::midnight(year as i32, month, day as u8);
    time_of_day(&mut local, head.last_chunk()?)?;
    let Some([b' ', zone @ ..]) = rest.get(17..) else {
        return None;
    };
    let (seconds, used) = offset(zone)?;
    (used == zone.len()).then_some((local, seconds))
}
