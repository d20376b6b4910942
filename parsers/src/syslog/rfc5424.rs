//! RFC 5424: `1 TIME HOST APP PROCID MSGID STRUCTURED-DATA MESSAGE`, after the priority.
//!
//! More is taken than the RFC allows: times with nine digits or without a zone, and structured data
//! that is missing or broken, which then is part of the message.

use memchr::memchr;

use super::structured_data::StructuredData;
use super::{Format, Message, Reference, without_mark};
use crate::timestamp::fixed;

/// Fills the message; what it holds after `None` is not to be used.
pub(super) fn parse<'a>(
    message: &mut Message<'a>,
    rest: &'a [u8],
    reference: &Reference,
) -> Option<()> {
    let rest = match rest {
        [b'1'..=b'9', b' ', rest @ ..] | [b'1'..=b'9', b'0'..=b'9', b' ', rest @ ..] => rest,
        _ => return None,
    };
    let (time, rest) = field(rest)?;
    let prefix = match time {
        Some(text) => Some(fixed::iso_prefix(text).filter(|prefix| prefix.length == text.len())?),
        None => None,
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
    message.timestamp_text = time;
    message.timestamp_is_iso = time.is_some();
    message.timestamp = prefix.and_then(|prefix| {
        prefix
            .local
            .nanos_at(prefix.offset.unwrap_or(reference.utc_offset_seconds))
    });
    (message.host, message.program) = (host, program);
    (message.pid, message.message_id) = (pid, message_id);
    message.message = without_mark(text);
    message.format = Format::Rfc5424;
    Some(())
}

/// A field up to its blank; `-` is none. The line may end after a field, as if nothing followed.
#[inline]
fn field(text: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (field, rest) = match memchr(b' ', text) {
        Some(blank) => (text.get(..blank)?, text.get(blank + 1..)?),
        None => (text, &b""[..]),
    };
    match field {
        b"" => None,
        b"-" => Some((None, rest)),
        _ => Some((Some(field), rest)),
    }
}
