//! RFC 5424: `1 TIME HOST APP PROCID MSGID STRUCTURED-DATA MESSAGE`, after the priority.
//!
//! More is taken than the RFC allows: times with nine digits or without a zone, and structured data that is missing or
//! broken, which then is part of the message.

use memchr::memchr;

use super::structured_data::StructuredData;
use super::{Format, Message, Reference, without_mark};
use crate::timestamp::fixed;

pub(super) fn parse<'a>(
    priority: Option<u8>,
    rest: &'a [u8],
    reference: &Reference,
) -> Option<Message<'a>> {
    let rest = match rest {
        [b'1'..=b'9', b' ', rest @ ..] | [b'1'..=b'9', b'0'..=b'9', b' ', rest @ ..] => rest,
        _ => return None,
    };
    let mut message = Message::bare(priority, b"", Format::Rfc5424);
    let (time, rest) = field(rest)?;
    if let Some(text) = time {
        let prefix = fixed::iso_prefix(text).filter(|prefix| prefix.length == text.len())?;
        message.timestamp_text = time;
        message.timestamp = prefix
            .local
            .nanos_at(prefix.offset.unwrap_or(reference.utc_offset_seconds));
        message.timestamp_is_iso = true;
    }
    let (host, rest) = field(rest)?;
    let (program, rest) = field(rest)?;
    let (pid, rest) = field(rest)?;
    let (message_id, rest) = field(rest)?;
    (message.host, message.program) = (host, program);
    (message.pid, message.message_id) = (pid, message_id);
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
    message.message = without_mark(text);
    Some(message)
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
