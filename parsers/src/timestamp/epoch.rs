//! Counts since an epoch as text: Unix seconds and milliseconds, TAI64N labels; nanoseconds since
//! 1970 out.

use super::civil::NANOS_PER_SECOND;

/// TAI was 10 seconds ahead of UTC in 1970, and daemontools' labels keep that distance.
const TAI_LEAD_SECONDS: i64 = 10;

/// Digits that a number of seconds may have; 2^63 nanoseconds are ten digits of seconds.
const DIGITS_MAX: usize = 16;

fn whole(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || DIGITS_MAX < digits.len() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        digits
            .iter()
            .fold(0, |sum, byte| sum * 10 + i64::from(byte - b'0')),
    )
}

fn signed(text: &[u8]) -> (i64, &[u8]) {
    match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, text),
    }
}

/// Seconds since 1970, whole or with a fraction, perhaps with an exponent.
pub(crate) fn unix(text: &[u8]) -> Option<i64> {
    if let Some(at) = memchr::memchr2(b'e', b'E', text) {
        return scientific(text.get(..at)?, text.get(at + 1..)?);
    }
    let (sign, rest) = signed(text);
    let point = memchr::memchr(b'.', rest);
    let (seconds, fraction) = match point {
        Some(at) => (rest.get(..at)?, rest.get(at + 1..)?),
        None => (rest, &b""[..]),
    };
    let (nanos, used) = super::fixed::fraction(fraction);
    if used != fraction.len() {
        return None;
    }
    let value = whole(seconds)?
        .checked_mul(NANOS_PER_SECOND)?
        .checked_add(i64::from(nanos))?;
    Some(sign * value)
}

/// Ten times as much and a digit fit into 128 bits.
const VALUE_MAX: i128 = 10_i128.pow(36);

/// `1.478207457456e9`, as programs write that have numbers with a floating point only. What is finer
/// than a nanosecond is cut off.
#[cold]
fn scientific(mantissa: &[u8], exponent: &[u8]) -> Option<i64> {
    let (sign, rest) = signed(mantissa);
    let (exponent_sign, exponent) = signed(exponent);
    // More than two digits name no time of 64 bits.
    let exponent = exponent_sign * whole(exponent).filter(|exponent| *exponent <= 99)?;
    let point = memchr::memchr(b'.', rest).unwrap_or(rest.len());
    let (before, after) = (
        rest.get(..point)?,
        rest.get(point + 1..).unwrap_or_default(),
    );
    if before.is_empty() || DIGITS_MAX < before.len() || 2 * DIGITS_MAX < after.len() {
        return None;
    }
    let mut value = 0_i128;
    let mut exponent = exponent;
    for (place, byte) in before.iter().chain(after).enumerate() {
        let digit = byte.is_ascii_digit().then(|| i128::from(byte - b'0'))?;
        // Behind so many digits all are finer than a nanosecond of a time that 64 bits hold.
        if value < VALUE_MAX {
            value = value * 10 + digit;
            exponent -= i64::from(before.len() <= place);
        }
    }
    let shift = exponent + 9;
    let power = 10_i128.checked_pow(u32::try_from(shift.abs()).ok()?);
    let nanos = match power {
        Some(power) if 0 <= shift => value.checked_mul(power)?,
        Some(power) => value.checked_div(power)?,
        None if shift < 0 || value == 0 => 0,
        None => return None,
    };
    Some(sign * i64::try_from(nanos).ok()?)
}

/// Whole milliseconds since 1970.
pub(crate) fn unix_ms(text: &[u8]) -> Option<i64> {
    let (sign, digits) = signed(text);
    Some(sign * whole(digits)?.checked_mul(1_000_000)?)
}

/// `@4000000052f88ea32489532c`: 16 hexadecimal digits of seconds on TAI, 8 of nanoseconds; the `@`
/// may be absent.
pub(crate) fn tai64n(text: &[u8]) -> Option<i64> {
    let text = text.strip_prefix(b"@").unwrap_or(text);
    if text.len() != 24 {
        return None;
    }
    let (seconds, nanos) = text.split_at_checked(16)?;
    let seconds = hexadecimal(seconds)?.checked_sub(1 << 62)?;
    let nanos = hexadecimal(nanos)?;
    if NANOS_PER_SECOND <= nanos {
        return None;
    }
    seconds
        .checked_sub(TAI_LEAD_SECONDS)?
        .checked_mul(NANOS_PER_SECOND)?
        .checked_add(nanos)
}

fn hexadecimal(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |sum, byte| {
        let digit = char::from(*byte).to_digit(16)?;
        sum.checked_mul(16)?.checked_add(i64::from(digit))
    })
}
