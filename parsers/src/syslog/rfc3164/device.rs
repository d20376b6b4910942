//! Messages of network devices: `237: host: *Nov 20 16:45:08.295 CET: %FACILITY-5-NAME: text` and its relatives.

use super::{Stamp, is_host, set_text, set_time, set_zone, skip_blanks, stamp, tag};
use crate::syslog::{Format, Message, Reference};

/// Tokens that end in a colon before a network device's time: a number, a host, another number.
const DEVICE_TOKENS_MAX: usize = 3;

/// `CET: ` or `GMT+1:` after a device's time, a word of its administrator: that and what follows it.
pub(super) fn zone_word(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let (word, _) = tag::word(content);
    let (zone, _) = word.split_at_checked(memchr::memchr(b':', word)?)?;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-');
    let text = content.get(zone.len() + 1..)?;
    let text = match text {
        [b' ', text @ ..] => text,
        [b'%', ..] => text,
        _ => return None,
    };
    (!zone.is_empty() && zone.iter().all(is_part)).then_some((zone, text))
}

/// Seconds east of UTC of `-03`, `GMT+1` and `UTC+2`.
pub(super) fn signed_hours(zone: &[u8]) -> Option<i32> {
    let sign = zone.iter().position(|byte| matches!(byte, b'+' | b'-'))?;
    let (name, hours) = zone.split_at_checked(sign)?;
    let (sign, digits) = hours.split_first()?;
    let is_known = matches!(name, b"" | b"GMT" | b"UTC");
    let is_short = (1..=2).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let value = |sum, digit: &u8| sum * 10 + i32::from(digit - b'0');
    let hours = (is_known && is_short).then(|| digits.iter().fold(0, value))?;
    let seconds = 3600 * if *sign == b'-' { -hours } else { hours };
    (hours <= 14).then_some(seconds)
}

/// A network device's message: sequence numbers and a host before the time, a mark that the clock
/// is not set.
pub(super) fn device<'a>(
    message: &mut Message<'a>,
    body: &'a [u8],
    reference: &Reference,
) -> Option<()> {
    let mut rest = body;
    for _ in 0..=DEVICE_TOKENS_MAX {
        // Some put a colon where a sequence number could stand.
        rest = rest.strip_prefix(b":").map_or(rest, skip_blanks);
        let unmarked = rest
            .strip_prefix(b"*")
            .or_else(|| rest.strip_prefix(b"."))
            .unwrap_or(rest);
        if let Some((stamp, after)) = stamp(unmarked, reference) {
            return device_timed(message, &stamp, after);
        }
        if rest.starts_with(b"%") && (message.sequence.or(message.timestamp_text)).is_some() {
            device_text(message, rest);
            return Some(());
        }
        let (word, after) = tag::word(rest);
        if let Some((node, unmarked)) = node(word, rest)
            && let Some((stamp, after)) = stamp(unmarked, reference)
        {
            message.host = message.host.or(Some(node));
            // Where the node shows no zone, the blank before it stands all the same.
            let after = match after {
                [b' ', text @ ..] if text.starts_with(b": ") => text,
                _ => after,
            };
            return device_timed(message, &stamp, after);
        }
        let token = word.strip_suffix(b":")?;
        if !token.is_empty() && token.iter().all(u8::is_ascii_digit) {
            message.sequence = message.sequence.or(Some(token));
        } else if is_uptime(token) && after.is_some_and(|after| after.starts_with(b"%")) {
            // The device never had the time; how long it has been running says nothing about when.
            message.timestamp_text = Some(token);
        } else if message.host.is_none() && is_host(token) {
            message.host = Some(token);
        } else {
            return None;
        }
        rest = skip_blanks(after?);
    }
    None
}

/// `RP/0/RP0/CPU0:` right before the time: the node of a router that has several, and what follows.
fn node<'a>(word: &'a [u8], text: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let colon = memchr::memrchr(b':', word)?;
    let (node, rest) = text.split_at_checked(colon)?;
    let time = rest.get(1..)?;
    (node.contains(&b'/') && is_host(node)).then_some((node, time))
}

/// After a device's time: perhaps a zone word, always a colon.
fn device_timed<'a>(message: &mut Message<'a>, stamp: &Stamp<'a>, after: &'a [u8]) -> Option<()> {
    let (zone, text) = match after {
        [b':', text @ ..] => (&b""[..], text),
        [b' ', content @ ..] => zone_word(content)?,
        _ => return None,
    };
    set_time(message, stamp);
    set_zone(message, stamp, zone);
    device_text(message, text);
    Some(())
}

/// `00:01:02`, `00:01:02.345`, `1d03h` or `2w5d`.
fn is_uptime(token: &[u8]) -> bool {
    let clock = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b':' | b'.');
    let span = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'y' | b'w' | b'd' | b'h');
    let is_clock = token.contains(&b':') && token.iter().all(clock);
    let is_span = matches!(token.last(), Some(b'w' | b'd' | b'h')) && token.iter().all(span);
    token.first().is_some_and(u8::is_ascii_digit) && (is_clock || is_span)
}

pub(super) fn device_text<'a>(message: &mut Message<'a>, text: &'a [u8]) {
    message.format = Format::Cisco;
    set_text(message, text.strip_prefix(b" ").unwrap_or(text));
}
