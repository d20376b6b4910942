//! RFC 5424: `1 TIME HOST APP PROCID MSGID STRUCTURED-DATA MESSAGE`, after the priority.
//!
//! More is taken than the RFC allows: times with nine digits or without a zone, and structured data
//! that is missing or broken, which then is part of the message. Cut by hand:
//! every line of any format comes by here, and with nom's combinators a header took longer.

use super::structured_data::StructuredData;
use super::{Format, Message, Reference, without_mark};
use crate::near;
use crate::timestamp::fixed;

/// Fills the message; after `None` it is as it was.
pub(super) fn parse<'a>(
    message: &mut Message<'a>,
    text: &'a [u8],
    reference: &Reference,
) -> Option<()> {
    let rest = match text {
        [b'1'..=b'9', b' ', rest @ ..] | [b'1'..=b'9', b'0'..=b'9', b' ', rest @ ..] => rest,
        _ => return None,
    };
    let (time, rest) = match rest {
        [b'-', b' ', rest @ ..] => (None, rest),
        _ => {
            let (stamp, nanos, rest) = timed(rest, reference)?;
            (Some((stamp, nanos)), rest)
        }
    };
    let (host, rest) = field(rest)?;
    let (program, rest) = field(rest)?;
    let (pid, rest) = field(rest)?;
    let (message_id, rest) = field(rest)?;
    let text = match rest {
        [b'-'] => b"",
        [b'-', b' ', text @ ..] => text,
        _ => match StructuredData::split(rest) {
            Some((structured_data, text)) => {
                message.structured_data = structured_data;
                text.strip_prefix(b" ").unwrap_or(text)
            }
            None => rest,
        },
    };
    if let Some((stamp, nanos)) = time {
        message.timestamp_text = Some(stamp);
        message.timestamp = nanos;
        message.timestamp_is_iso = true;
    }
    (message.host, message.program) = (host, program);
    (message.pid, message.message_id) = (pid, message_id);
    message.message = without_mark(text);
    message.format = Format::Rfc5424;
    Some(())
}

/// The time's text and instant, and what follows its blank.
#[inline(always)]
fn timed<'a>(text: &'a [u8], reference: &Reference) -> Option<(&'a [u8], Option<i64>, &'a [u8])> {
    let prefix = fixed::iso_prefix(text)?;
    let (stamp, rest) = text.split_at_checked(prefix.length)?;
    let offset = prefix.offset.unwrap_or(reference.utc_offset_seconds);
    let nanos = prefix.local.real_nanos_at(offset);
    Some((stamp, nanos, rest.strip_prefix(b" ")?))
}

/// A field up to its blank; `-` is none. The line may end after a field, as if nothing followed.
#[inline(always)]
fn field(text: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (field, rest) = match near::find(*b" ", text).and_then(|at| text.split_at_checked(at)) {
        Some((field, rest)) => (field, rest.get(1..).unwrap_or_default()),
        None => (text, &b""[..]),
    };
    match field {
        b"" => None,
        b"-" => Some((None, rest)),
        _ => Some((Some(field), rest)),
    }
}
