//! Timestamps: text in, nanoseconds since 1970 out, and back.
//!
//! Fixed shapes (ISO 8601, HTTP servers' log date, syslog's, Unix seconds) have a function each;
//! [`Format`] reads the formats of Logstash's `date` filter, [`Pattern`] writes those of
//! `%{+YYYY.MM.dd}` and `%{{yyyy-MM-dd}}`. The present time is never asked for: where a text leaves
//! the year out, the caller says what time it is.
//!
//! All times are 64 bits of nanoseconds since 1970 in UTC, which reach from 1678 to 2261; what lies
//! beyond is no time. The fixed shapes read second 60 as the first of the next minute, since devices
//! write leap seconds; a format of a user's own ends at 59, as Joda's do.
//!
//! ```
//! use sawlog_parsers::timestamp::{Context, Format, Zone, iso8601, write_iso8601_nanos};
//!
//! let nanos = iso8601(b"2026-11-20T17:46:09,929+01:00", 0).expect("a time");
//! let mut text = Vec::new();
//! write_iso8601_nanos(nanos, &mut text);
//! assert_eq!(text, b"2026-11-20T16:46:09.929Z");
//!
//! let zone = Zone::named("America/New_York").expect("a zone of the database");
//! let context = Context { zone: &zone, now_nanos: nanos };
//! let format = Format::compile("MMM d yyyy HH:mm:ss,SSS")?;
//! assert_eq!(format.parse(b"Nov 20 2026 11:46:09,929", &context), Some(nanos));
//! # Ok::<(), sawlog_parsers::Error>(())
//! ```

pub(crate) mod bsd;
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

/// A whole text in ISO 8601, which RFC 3339 is a part of: nanoseconds since 1970, `None` for any other
/// text.
///
/// Taken are the extended and the basic form, a `T` or a blank, dates by month, by week and by day of
/// the year, each also shortened; fractions of the last unit after a point or a comma, of which nine
/// digits count; offsets of hours and minutes or of hours alone, `Z`, and a blank before the offset. A
/// time without an offset is taken at `default_offset_seconds` east of UTC.
///
/// ```
/// use sawlog_parsers::timestamp::iso8601;
///
/// let nanos = Some(1_795_193_169_000_000_000);
/// assert_eq!(iso8601(b"2026-11-20T16:46:09Z", 0), nanos);
/// assert_eq!(iso8601(b"20261120T174609+01", 0), nanos);
/// assert_eq!(iso8601(b"2026-W47-5 17:46:09", 3600), nanos);
/// assert_eq!(iso8601(b"2026-324T16:46:09,0Z", 0), nanos);
/// assert_eq!(iso8601(b"2026-11-31T16:46:09Z", 0), None);
/// ```
#[inline]
pub fn iso8601(text: &[u8], default_offset_seconds: i32) -> Option<i64> {
    if let Some(prefix) = fixed::whole_iso_prefix(text) {
        let offset = prefix.offset.unwrap_or(default_offset_seconds);
        return prefix.local.real_nanos_at(offset);
    }
    let (local, offset) = fixed::iso_shortened(text)?;
    local.nanos_at(offset.unwrap_or(default_offset_seconds))
}

/// A whole date of the common log format, `20/Nov/2026:16:46:09 +0000` (Apache's `%t` without its
/// brackets): nanoseconds since 1970, `None` for any other text.
///
/// ```
/// use sawlog_parsers::timestamp::httpdate;
///
/// assert_eq!(httpdate(b"20/Nov/2026:17:46:09 +0100"), Some(1_795_193_169_000_000_000));
/// assert_eq!(httpdate(b"20/Nov/2026:17:46:09"), None);
/// ```
#[inline]
pub fn httpdate(text: &[u8]) -> Option<i64> {
    let (local, offset) = fixed::http(text)?;
    local.nanos_at(offset)
}

/// A whole syslog stamp (RFC 3164, section 4.1.2, and what devices make of it): nanoseconds since 1970,
/// `None` for any other text.
///
/// Taken are `Nov 20 16:45:08`, `Nov  8 …` and `Nov 8 …`; a weekday before; a year before the date,
/// before or after the time; a zone's abbreviation before that year; a fraction; one digit of hour; no
/// seconds. What the text leaves out comes from the reference: December seen in January is of last
/// year, January seen in December of next year.
///
/// ```
/// use sawlog_parsers::syslog::Reference;
/// use sawlog_parsers::timestamp::syslog;
///
/// let reference = Reference { year: 2026, month: 11, utc_offset_seconds: 3600 };
/// let nanos = Some(1_795_193_169_000_000_000);
/// assert_eq!(syslog(b"Nov 20 17:46:09", &reference), nanos);
/// assert_eq!(syslog(b"2026 Nov 20 17:46:09", &reference), nanos);
/// assert_eq!(syslog(b"Fri Nov 20 16:46:09 UTC 2026", &reference), nanos);
/// ```
#[inline]
pub fn syslog(text: &[u8], reference: &Reference) -> Option<i64> {
    match bsd::usual_prefix(text) {
        Some(prefix) if prefix.length == text.len() => {
            complete(prefix.local, prefix.offset, reference)
        }
        _ => unusual_syslog(text, reference),
    }
}

#[cold]
fn unusual_syslog(text: &[u8], reference: &Reference) -> Option<i64> {
    let prefix = bsd::unusual_prefix(text)?;
    if prefix.length != text.len() {
        return None;
    }
    complete(prefix.local, prefix.offset, reference)
}

/// Gives a stamp the year and the offset that it lacks. The day exists, if perhaps only in leap
/// years.
#[inline(always)]
pub(crate) fn complete(
    mut local: Local,
    offset: Option<i32>,
    reference: &Reference,
) -> Option<i64> {
    if local.year == 0 {
        local.year = reference.year_of(local.month);
        clip_leap_day(&mut local);
    }
    local.real_nanos_at(offset.unwrap_or(reference.utc_offset_seconds))
}

/// The 29th of February of a year that was guessed and has none becomes the 28th, as Logstash has
/// it.
#[inline(always)]
fn clip_leap_day(local: &mut Local) {
    if local.month == 2 && local.day == 29 && !civil::is_leap(local.year) {
        local.day = 28;
    }
}

/// Seconds since 1970, whole, with a fraction of which nine digits count, or with an exponent:
/// nanoseconds since 1970, `None` for any other text and for more than 64 bits hold.
///
/// ```
/// use sawlog_parsers::timestamp::unix;
///
/// assert_eq!(unix(b"1795193169"), Some(1_795_193_169_000_000_000));
/// assert_eq!(unix(b"1795193169.929"), Some(1_795_193_169_929_000_000));
/// assert_eq!(unix(b"1.795193169929e9"), Some(1_795_193_169_929_000_000));
/// assert_eq!(unix(b"yesterday"), None);
/// ```
pub fn unix(text: &[u8]) -> Option<i64> {
    epoch::unix(text)
}

/// Whole milliseconds since 1970, perhaps with a sign: nanoseconds since 1970, `None` for any other text and for
/// more than 64 bits hold.
///
/// ```
/// assert_eq!(sawlog_parsers::timestamp::unix_ms(b"1795193169929"), Some(1_795_193_169_929_000_000));
/// ```
pub fn unix_ms(text: &[u8]) -> Option<i64> {
    epoch::unix_ms(text)
}

/// A TAI64N label as `multilog` and `s6-log` write it, 24 hexadecimal digits, usually after an `@`:
/// nanoseconds since 1970, `None` for any other text.
///
/// TAI is taken to be 10 seconds ahead of UTC at all times, as daemontools' `tai64nlocal` and Logstash
/// have it; leap seconds are not counted.
///
/// ```
/// use sawlog_parsers::timestamp::tai64n;
///
/// assert_eq!(tai64n(b"@400000006b00795b3766a4b8"), Some(1_795_193_169_929_473_720));
/// ```
pub fn tai64n(text: &[u8]) -> Option<i64> {
    epoch::tai64n(text)
}

/// Appends `2026-11-20T16:46:09.929Z` for nanoseconds since 1970; what is finer than a millisecond is
/// cut off.
///
/// ```
/// let mut text = Vec::new();
/// sawlog_parsers::timestamp::write_iso8601_millis(1_795_193_169_929_999_999, &mut text);
/// assert_eq!(text, b"2026-11-20T16:46:09.929Z");
/// ```
pub fn write_iso8601_millis(nanos: i64, out: &mut Vec<u8>) {
    let local = Local::of_nanos(nanos);
    write_iso_seconds(&local, out);
    write_fraction(local.nanos / 1_000_000, 3, out);
}

/// Appends `2026-11-20T16:46:09.929Z` for nanoseconds since 1970, with three, six or nine digits of
/// fraction: as few as lose nothing.
///
/// ```
/// use sawlog_parsers::timestamp::write_iso8601_nanos;
///
/// let mut text = Vec::new();
/// write_iso8601_nanos(1_795_193_169_000_000_000, &mut text);
/// assert_eq!(text, b"2026-11-20T16:46:09.000Z");
/// text.clear();
/// write_iso8601_nanos(1_795_193_169_929_473_720, &mut text);
/// assert_eq!(text, b"2026-11-20T16:46:09.929473720Z");
/// ```
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
