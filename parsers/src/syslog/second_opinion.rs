//! Asks the crate `syslog_loose` about lines that our own parser does not take.
//!
//! Its known misreadings are refused: a tag taken for a host, a year taken for a host, a message
//! that lost its leading blanks or became structured data. Then the line is kept whole, which loses
//! nothing.

use chrono::FixedOffset;
use syslog_loose::{ProcId, Protocol, Variant};

use super::{Format, Message, Reference};

/// Longer lines are not asked about: a datagram has no more bytes, and the crate's work on a line
/// is not ours to bound.
const LINE_BYTES_MAX: usize = 64 * 1024;

pub(super) fn parse<'a>(line: &'a [u8], reference: &Reference) -> Option<Message<'a>> {
    if LINE_BYTES_MAX < line.len() {
        return None;
    }
    let text = std::str::from_utf8(line).ok()?;
    let zone = FixedOffset::east_opt(reference.utc_offset_seconds)?;
    let year = |(month, ..): syslog_loose::IncompleteDate| {
        reference.year_of(u8::try_from(month).unwrap_or(reference.month))
    };
    let loose =
        syslog_loose::parse_message_with_year_exact_tz(text, year, Some(zone), Variant::Either)
            .ok()?;
    // The crate trims blanks before it looks.
    let (priority, _rest) = super::priority(line.trim_ascii_start());
    let message = Message {
        timestamp: loose.timestamp.and_then(|time| time.timestamp_nanos_opt()),
        timestamp_is_iso: loose.protocol != Protocol::RFC3164,
        host: loose.hostname.map(str::as_bytes),
        program: loose.appname.map(str::as_bytes),
        pid: loose.procid.as_ref().and_then(|pid| pid_text(pid, line)),
        message_id: loose.msgid.map(str::as_bytes),
        message: loose.msg.as_bytes(),
        ..Message::bare(priority.value(), b"", Format::SecondOpinion)
    };
    let misread = !loose.structured_data.is_empty() || is_misread(&message, line);
    (!misread).then_some(message)
}

/// The digits or the name as they stand in the line; the crate gives digits as a number.
fn pid_text<'a>(pid: &ProcId<&'a str>, line: &'a [u8]) -> Option<&'a [u8]> {
    let number = match pid {
        ProcId::Name(name) => return Some(name.as_bytes()),
        ProcId::PID(number) => number.to_string(),
    };
    let at = memchr::memmem::find(line, number.as_bytes())?;
    line.get(at..at + number.len())
}

/// Whether the result shows one of the known faults, or understood nothing worth having.
fn is_misread(message: &Message<'_>, line: &[u8]) -> bool {
    let header = line.strip_suffix(message.message).unwrap_or_default();
    let one_blank = header.ends_with(b" ") && !header.ends_with(b"  ");
    let has_colon = |text: &[u8]| memchr::memchr2(b':', b'[', text).is_some();
    let host = message.host.unwrap_or_default();
    let program = message.program.unwrap_or_default();
    let year_in_header = header
        .split(|byte| *byte == b' ')
        .any(|word| is_digits(word) && word.len() == 4);
    let fields = [
        message.host,
        message.program,
        message.pid,
        message.message_id,
    ];
    message.timestamp.is_none()
        || fields.contains(&Some(b""))
        || !one_blank
        || host.is_empty()
        || is_digits(host)
        || byte_after(host, line) != Some(b' ')
        || has_colon(host)
        || has_colon(program)
        || year_in_header
}

/// The byte that follows a part of the line.
fn byte_after(part: &[u8], line: &[u8]) -> Option<u8> {
    let end = (part.as_ptr_range().end as usize).checked_sub(line.as_ptr() as usize)?;
    line.get(end).copied()
}

fn is_digits(word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_digit)
}
