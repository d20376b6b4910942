//! Timestamps: text in, nanoseconds since 1970 out, and back.
//!
//! Fixed shapes (ISO 8601, HTTP servers' log date, syslog's, Unix seconds) have a function each;
//! [`Format`] reads the formats of Logstash's `date` filter, [`Pattern`] writes those of
//! `%{+YYYY.MM.dd}` and `%{{yyyy-MM-dd}}`. The present time is never asked for: where a text leaves
//! the year out, the caller says what time it is.
//!
//! All times are 64 bits of nanoseconds since 1970 in UTC, which reach from 1678 to 2261.

pub(crate) mod civil;
mod epoch;
pub(crate) mod fixed;
mod format;
mod pattern;
mod tokens;
mod zone;

pub use format::{Context, Format};
pub use pattern::{Dialect, Pattern};
pub use zone::Zone;

use crate::error::Error;
use crate::syslog::Reference;
use civil::Local;

/// ISO 8601 with a `T` or a blank: `2026-11-20T16:46:09.929473720Z`, `2026-11-20 16:46:09,929`,
/// `2026-11-20`.
///
/// A time without an offset is taken at `default_offset_seconds` east of UTC. The fraction keeps
/// nine digits.
#[inline]
pub fn iso8601(text: &[u8], default_offset_seconds: i32) -> Option<i64> {
    let (local, offset) = fixed::iso(text)?;
    local.nanos_at(offset.unwrap_or(default_offset_seconds))
}

/// The date of the common log format: `20/Nov/2026:16:46:09 +0000`.
#[inline]
pub fn httpdate(text: &[u8]) -> Option<i64> {
    let (local, offset) = fixed::http(text)?;
    local.nanos_at(offset)
}

/// A whole syslog stamp: `Nov 20 16:45:08`, `Nov  8 …`, `Nov 8 …`, with a year before or after the
/// time, with a fraction. What the text leaves out comes from the reference.
#[inline]
pub fn syslog(text: &[u8], reference: &Reference) -> Option<i64> {
    let prefix = fixed::syslog_prefix(text)?;
    if prefix.length != text.len() {
        return None;
    }
    complete(prefix.local, prefix.offset, reference)
}

/// Gives a stamp the year and the offset that it lacks.
#[inline]
pub(crate) fn complete(
    mut local: Local,
    offset: Option<i32>,
    reference: &Reference,
) -> Option<i64> {
    if local.year == 0 {
        local.year = reference.year_of(local.month);
        clip_leap_day(&mut local);
    }
    local.nanos_at(offset.unwrap_or(reference.utc_offset_seconds))
}

/// The 29th of February of a year that was guessed and has none becomes the 28th, as Logstash has
/// it.
#[inline]
fn clip_leap_day(local: &mut Local) {
    if local.month == 2 && local.day == 29 && !civil::is_leap(local.year) {
        local.day = 28;
    }
}

/// Seconds since 1970, whole or with up to nine digits of fraction: `1478207457.456`.
pub fn unix(text: &[u8]) -> Option<i64> {
    epoch::unix(text)
}

/// Whole milliseconds since 1970: `1478207457456`.
pub fn unix_ms(text: &[u8]) -> Option<i64> {
    epoch::unix_ms(text)
}

/// A TAI64N label, `@4000000052f88ea32489532c`, with the fixed distance of 10 seconds between TAI
/// and UTC.
pub fn tai64n(text: &[u8]) -> Option<i64> {
    epoch::tai64n(text)
}

/// Writes `2026-11-20T16:46:09.929Z`; what is finer than a millisecond is cut off.
pub fn write_iso8601_millis(nanos: i64, out: &mut Vec<u8>) {
    let local = Local::of_nanos(nanos);
    write_iso_seconds(&local, out);
    write_fraction(local.nanos / 1_000_000, 3, out);
}

/// Writes `2026-11-20T16:46:09.929Z` with three, six or nine digits of fraction: as few as lose
/// nothing.
pub fn write_iso8601_nanos(nanos: i64, out: &mut Vec<u8>) {
    let local = Local::of_nanos(nanos);
    write_iso_seconds(&local, out);
    if local.nanos.is_multiple_of(1_000_000) {
        write_fraction(local.nanos / 1_000_000, 3, out);
    } else if local.nanos.is_multiple_of(1000) {
        write_fraction(local.nanos / 1000, 6, out);
    } else {
        write_fraction(local.nanos, 9, out);
    }
}

fn two(value: u8) -> [u8; 2] {
    [b'0' + value / 10 % 10, b'0' + value % 10]
}

fn write_iso_seconds(local: &Local, out: &mut Vec<u8>) {
    // 64 bits of nanoseconds reach years of four digits only.
    let [a, b] = two((local.year / 100 % 100) as u8);
    let [c, d] = two((local.year % 100) as u8);
    let [e, f] = two(local.month);
    let [g, h] = two(local.day);
    let [i, j] = two(local.hour);
    let [k, l] = two(local.minute);
    let [m, n] = two(local.second);
    out.extend_from_slice(&[
        a, b, c, d, b'-', e, f, b'-', g, h, b'T', i, j, b':', k, l, b':', m, n,
    ]);
}

fn write_fraction(value: u32, digits: usize, out: &mut Vec<u8>) {
    out.push(b'.');
    write_padded(u64::from(value), digits, out);
    out.push(b'Z');
}

/// A number with zeros before it up to a width.
fn write_padded(value: u64, width: usize, out: &mut Vec<u8>) {
    if width == 2 && value < 100 {
        out.extend_from_slice(&two(value as u8));
        return;
    }
    let begin = out.len();
    let mut left = value;
    loop {
        out.push(b'0' + (left % 10) as u8);
        left /= 10;
        if left == 0 {
            break;
        }
    }
    while out.len() - begin < width {
        out.push(b'0');
    }
    if let Some(digits) = out.get_mut(begin..) {
        digits.reverse();
    }
}

#[cfg(test)]
mod tests;
