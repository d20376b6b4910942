//! The parts of a packet: bytes in, one typed part and what follows it out.
//!
//! What a part means for those behind it is not known here.

use std::time::Duration;

use nom::bytes::complete::take;
use nom::combinator::all_consuming;
use nom::number::complete::{be_u16, be_u64};
use nom::{IResult, Parser};

use super::{Encrypted, Reason, Signature, Value, Values};

/// Bytes of a part's header, which its length counts too.
const HEADER_BYTES: usize = 4;

/// Bytes of an HMAC-SHA256.
const MAC_BYTES: usize = 32;

/// Bytes of the SHA-1 with which decrypted text begins.
const CHECKSUM_BYTES: usize = 20;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Times of high resolution count in units of 2^-30 seconds.
const UNIT_BITS: u32 = 30;

/// One part.
pub(super) enum Part<'a> {
    Host(&'a [u8]),
    Plugin(&'a [u8]),
    PluginInstance(&'a [u8]),
    TypeName(&'a [u8]),
    TypeInstance(&'a [u8]),
    /// Nanoseconds since 1970.
    Time(i64),
    Interval(Duration),
    Values(Values<'a>),
    Message(&'a [u8]),
    Severity(u64),
    Signature(Signature<'a>),
    Encrypted(Encrypted<'a>),
    Unknown,
}

/// The part at the head of a packet's rest, and what follows it.
pub(super) fn part(rest: &[u8]) -> Result<(&[u8], Part<'_>), Reason> {
    let (body_begin, (kind, length)) = header(rest).map_err(|_| Reason::HeaderCut)?;
    let body_bytes = usize::from(length)
        .checked_sub(HEADER_BYTES)
        .ok_or(Reason::LengthTooSmall)?;
    let (after, body) = bytes(body_begin, body_bytes).map_err(|_| Reason::PartCut)?;
    let part = match kind {
        0x0000 => Part::Host(text(body)?),
        0x0001 => Part::Time(time(
            u128::from(number(body)?) * u128::from(NANOS_PER_SECOND),
        )?),
        0x0002 => Part::Plugin(text(body)?),
        0x0003 => Part::PluginInstance(text(body)?),
        0x0004 => Part::TypeName(text(body)?),
        0x0005 => Part::TypeInstance(text(body)?),
        0x0006 => Part::Values(values(body)?),
        0x0007 => Part::Interval(Duration::from_secs(number(body)?)),
        0x0008 => Part::Time(time(u128::from(nanos_of_units(number(body)?)))?),
        0x0009 => Part::Interval(Duration::from_nanos(nanos_of_units(number(body)?))),
        0x0100 => Part::Message(text(body)?),
        0x0101 => Part::Severity(number(body)?),
        0x0200 => Part::Signature(signature(body, body_begin)?),
        0x0210 => Part::Encrypted(encrypted(body)?),
        _ => Part::Unknown,
    };
    Ok((after, part))
}

/// The value that eight bytes are, by its kind. [`values`] lets no kinds through but these four.
pub(super) fn value(kind: u8, number: [u8; 8]) -> Value {
    match kind {
        0 => Value::Counter(u64::from_be_bytes(number)),
        // Gauges alone are sent with the lowest byte first.
        1 => Value::Gauge(f64::from_le_bytes(number)),
        2 => Value::Derive(i64::from_be_bytes(number)),
        _ => Value::Absolute(u64::from_be_bytes(number)),
    }
}

/// Type and length.
fn header(input: &[u8]) -> IResult<&[u8], (u16, u16)> {
    (be_u16, be_u16).parse(input)
}

fn bytes(input: &[u8], count: usize) -> IResult<&[u8], &[u8]> {
    take(count).parse(input)
}

/// A text of C: it ends with its first NUL, and the body with a NUL.
fn text(body: &[u8]) -> Result<&[u8], Reason> {
    let [head @ .., 0] = body else {
        return Err(Reason::TextWithoutEnd);
    };
    let end = memchr::memchr(0, head).unwrap_or(head.len());
    Ok(head.get(..end).unwrap_or(head))
}

fn number(body: &[u8]) -> Result<u64, Reason> {
    let (_, number) = all_consuming(number_field)
        .parse(body)
        .map_err(|_| Reason::NumberLength)?;
    Ok(number)
}

fn number_field(input: &[u8]) -> IResult<&[u8], u64> {
    be_u64(input)
}

fn time(nanos: u128) -> Result<i64, Reason> {
    i64::try_from(nanos).map_err(|_| Reason::TimeOutOfRange)
}

/// Nanoseconds, rounded to the nearest: a unit is a little less than a nanosecond, so a sender's
/// nanoseconds come out as they went in. The largest count of units gives 2^34 seconds, which fit.
fn nanos_of_units(units: u64) -> u64 {
    let half = 1 << (UNIT_BITS - 1);
    let nanos = (u128::from(units) * u128::from(NANOS_PER_SECOND) + half) >> UNIT_BITS;
    u64::try_from(nanos).expect("2^34 seconds are less than 2^64 nanoseconds")
}

fn values(body: &[u8]) -> Result<Values<'_>, Reason> {
    let (_, (kinds, numbers)) = all_consuming(value_fields)
        .parse(body)
        .map_err(|_| Reason::ValuesLength)?;
    if kinds.iter().any(|kind| 3 < *kind) {
        return Err(Reason::UnknownKind);
    }
    let (numbers, _) = numbers.as_chunks();
    Ok(Values { kinds, numbers })
}

/// The count, so many kinds, and so many numbers.
fn value_fields(input: &[u8]) -> IResult<&[u8], (&[u8], &[u8])> {
    let (input, count) = be_u16(input)?;
    (take(count), take(8 * usize::from(count))).parse(input)
}

/// `body_begin` is the body and all that follows it in the packet.
fn signature<'a>(body: &'a [u8], body_begin: &'a [u8]) -> Result<Signature<'a>, Reason> {
    match (body.split_first_chunk(), body_begin.get(MAC_BYTES..)) {
        (Some((mac, user)), Some(covered)) if !user.is_empty() => {
            Ok(Signature { user, mac, covered })
        }
        _ => Err(Reason::SignatureCut),
    }
}

fn encrypted(body: &[u8]) -> Result<Encrypted<'_>, Reason> {
    let (rest, user) = user(body).map_err(|_| Reason::EncryptedCut)?;
    match rest.split_first_chunk() {
        Some((initialization_vector, payload)) if CHECKSUM_BYTES <= payload.len() => {
            Ok(Encrypted {
                user,
                initialization_vector,
                payload,
            })
        }
        _ => Err(Reason::EncryptedCut),
    }
}

/// A name behind its length.
fn user(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let (input, length) = be_u16(input)?;
    bytes(input, usize::from(length))
}
