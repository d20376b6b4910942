//! Messages whose time nothing else in syslog has: seconds since 1970 behind a version, and a date with slashes.
//!
//! Texts of programs begin with such times too, those of Go's log and of Nginx's errors for instance. So only whole headers
//! are taken.

use super::{completed, is_host, is_name, set_time, tag, usual};
use crate::syslog::{Message, Reference, without_mark};
use crate::timestamp::{bsd, unix};

/// Digits before the point of any second from 2001 to 2286.
const SECONDS_DIGITS: usize = 10;

/// `1 1700000000.123456789 MX84 flows src=192.0.2.7` of Meraki's devices: the time, the host, the kind of event, its text.
pub(super) fn unix_timed<'a>(message: &mut Message<'a>, body: &'a [u8]) -> Option<()> {
    let (time, rest) = tag::word(body.strip_prefix(b"1 ")?);
    let (host, rest) = tag::word(rest?);
    let (program, text) = tag::word(rest?);
    let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let is_time = time.get(SECONDS_DIGITS) == Some(&b'.') && time.iter().all(is_part);
    if !is_time || !is_host(host) || !is_name(program) {
        return None;
    }
    message.timestamp = Some(unix(time)?);
    message.timestamp_text = Some(time);
    (message.host, message.program) = (Some(host), Some(program));
    message.message = without_mark(text.unwrap_or_default());
    Some(())
}

/// `2026/11/20 16:45:08 host program[pid]: text`.
pub(super) fn slashed<'a>(
    message: &mut Message<'a>,
    body: &'a [u8],
    reference: &Reference,
) -> Option<()> {
    let (stamp, after) = completed(body, bsd::slashed_prefix(body)?, false, reference)?;
    usual(message, after.strip_prefix(b" ")?)?;
    message.host?;
    set_time(message, &stamp);
    Some(())
}
