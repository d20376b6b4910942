//! RFC 3164 and what is sent in its name, after the priority:
//!
//! - `Nov 20 16:45:08 host program[pid]: text`, the time also in ISO 8601, with a year, a fraction, one digit of day
//! - `Nov 20 16:45:08 program[pid]: text` without a host: Docker's log driver, the C library
//! - `237: host: *Nov 20 16:45:08.295 CET: %FACILITY-5-NAME: text` of network devices
//! - `Nov 20 16:45:08 Message forwarded from host: …` of AIX; a relay's header before the sender's own
//! - `program[pid]: text` without a time

use super::tag::{self, Tagged};
use super::{Format, Message, Priority, Reference, without_mark};
use crate::timestamp::{complete, fixed};

/// Tokens that end in a colon before a network device's time: a number, a host, another number.
const DEVICE_TOKENS_MAX: usize = 3;

/// Offsets in hours that the zone words of network devices mean everywhere; others mean the reference's.
const ZONE_WORDS: [(&[u8], i32); 14] = [
    (b"UTC", 0),
    (b"GMT", 0),
    (b"Z", 0),
    (b"CET", 1),
    (b"CEST", 2),
    (b"MET", 1),
    (b"EST", -5),
    (b"EDT", -4),
    (b"CST", -6),
    (b"CDT", -5),
    (b"MST", -7),
    (b"MDT", -6),
    (b"PST", -8),
    (b"PDT", -7),
];

pub(super) fn parse<'a>(
    priority: Priority,
    rest: &'a [u8],
    reference: &Reference,
) -> Option<Message<'a>> {
    let body = skip_blanks(rest);
    let message = Message::bare(priority.value(), b"", Format::Rfc3164);
    if let Some((stamp, after)) = stamp(body) {
        return timed(message, stamp, after, reference);
    }
    if let Some(message) = device(message, body, reference) {
        return Some(message);
    }
    if priority == Priority::Absent {
        return None;
    }
    untimed(message, body)
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let Some(rest) = text.strip_prefix(b" ") {
        text = rest;
    }
    text
}

#[derive(Clone, Copy)]
struct Stamp<'a> {
    text: &'a [u8],
    prefix: fixed::Prefix,
    is_iso: bool,
}

impl Stamp<'_> {
    fn nanos(&self, offset: Option<i32>, reference: &Reference) -> Option<i64> {
        complete(self.prefix.local, offset.or(self.prefix.offset), reference)
    }
}

/// The time at the head of a text, and what follows it.
#[inline]
fn stamp(text: &[u8]) -> Option<(Stamp<'_>, &[u8])> {
    let (mut prefix, is_iso) = if text.first()?.is_ascii_digit() {
        (fixed::iso_prefix(text)?, true)
    } else {
        (fixed::syslog_prefix(text)?, false)
    };
    let (stamp, rest) = text.split_at_checked(prefix.length)?;
    if !is_iso
        && matches!(rest.first(), Some(b'Z' | b'+' | b'-'))
        && let Some((seconds, used)) = fixed::offset(rest)
    {
        prefix.offset = Some(seconds);
        let (stamp, rest) = text.split_at_checked(prefix.length + used)?;
        return Some((
            Stamp {
                text: stamp,
                prefix,
                is_iso,
            },
            rest,
        ));
    }
    Some((
        Stamp {
            text: stamp,
            prefix,
            is_iso,
        },
        rest,
    ))
}

/// What follows a time: a colon or a zone word in a device's message, else a blank and the host or the program.
fn timed<'a>(
    mut message: Message<'a>,
    stamp: Stamp<'a>,
    after: &'a [u8],
    reference: &Reference,
) -> Option<Message<'a>> {
    message.timestamp_text = Some(stamp.text);
    message.timestamp_is_iso = stamp.is_iso;
    message.timestamp = stamp.nanos(None, reference);
    match after {
        [] => Some(message),
        [b':', text @ ..] => Some(device_text(message, text)),
        [b' ', content @ ..] => {
            if let Some((zone, text)) = zone_word(content)
                && text.starts_with(b"%")
            {
                message.timestamp = stamp.nanos(offset_of(zone), reference);
                return Some(device_text(message, text));
            }
            Some(origin(message, content, reference, Relay::Possible))
        }
        _ => None,
    }
}

/// Whether the text may hold a second header, a relay's being the first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relay {
    Possible,
    Seen,
}

/// Host and program, either of which may be absent.
#[inline]
fn origin<'a>(
    mut message: Message<'a>,
    content: &'a [u8],
    reference: &Reference,
    relay: Relay,
) -> Message<'a> {
    let (word, rest) = tag::word(content);
    if word.ends_with(b":") || word.contains(&b'[') {
        if !is_address_with_open_end(word)
            && let Some(tagged) = tag::tagged(content).or_else(|| tag::without_colon(content))
        {
            message.format = Format::DockerEmpty;
            return with_tag(message, tagged);
        }
    } else if let Some(message) = phrase(message, word, content) {
        return message;
    }
    let Some(rest) = rest.filter(|_| is_host(word)) else {
        message.message = without_mark(content);
        return message;
    };
    message.host = Some(word);
    let text = rest.strip_prefix(b": ").unwrap_or(rest);
    if let Some(tagged) = tag::tagged(text) {
        return with_tag(message, tagged);
    }
    if relay == Relay::Possible
        && let Some(inner) = relayed(message, text, reference)
    {
        return inner;
    }
    message.message = without_mark(text);
    message
}

#[inline]
fn with_tag<'a>(mut message: Message<'a>, tagged: Tagged<'a>) -> Message<'a> {
    message.program = Some(tagged.program);
    message.pid = tagged.pid;
    message.message = tagged.message;
    message
}

/// Sentences where a host is expected: AIX's forwarding, and the repetition note of a syslogd without a host.
fn phrase<'a>(mut message: Message<'a>, word: &[u8], content: &'a [u8]) -> Option<Message<'a>> {
    match word {
        b"Message" | b"message" => {
            let rest = content
                .get(word.len()..)?
                .strip_prefix(b" forwarded from ")?;
            let (host, text) = tag::word(rest);
            message.host = Some(host.strip_suffix(b":").filter(|host| is_host(host))?);
            let text = text.unwrap_or_default();
            Some(match tag::tagged(text) {
                Some(tagged) => with_tag(message, tagged),
                None => Message {
                    message: without_mark(text),
                    ..message
                },
            })
        }
        b"last" if content.starts_with(b"last message repeated ") => {
            message.message = content;
            Some(message)
        }
        _ => None,
    }
}

/// A whole second header after a relay's host. The relay's own priority counts only if the sender's is absent.
fn relayed<'a>(outer: Message<'a>, text: &'a [u8], reference: &Reference) -> Option<Message<'a>> {
    let (priority, rest) = super::priority(text);
    let (stamp, after) = stamp(rest)?;
    let content = after.strip_prefix(b" ")?;
    let priority = priority.value().or(outer.priority);
    let mut inner = Message::bare(priority, b"", Format::Rfc3164);
    inner.timestamp_text = Some(stamp.text);
    inner.timestamp_is_iso = stamp.is_iso;
    inner.timestamp = stamp.nanos(None, reference);
    let inner = origin(inner, content, reference, Relay::Seen);
    // Without a program it may as well be a text that begins with a time.
    inner.program?;
    Some(Message {
        host: inner.host.or(outer.host),
        ..inner
    })
}

/// Names, addresses, and the forms that relays give them (`host/address`, `user@host`, `fe80::1%eth0`).
#[inline]
fn is_host(word: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:/@%[]".contains(byte);
    let has_text = word.iter().any(u8::is_ascii_alphanumeric);
    has_text && word.iter().all(|byte| is_part(byte) || 0x80 <= *byte) && !word.starts_with(b"%")
}

/// An IPv6 address such as `2001:db8::`, which ends like a program.
fn is_address_with_open_end(word: &[u8]) -> bool {
    word.ends_with(b"::")
        && word
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || *byte == b':')
}

/// `CET: ` after a device's time: the word and what follows it.
fn zone_word(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let (word, rest) = tag::word(content);
    let zone = word.strip_suffix(b":")?;
    (!zone.is_empty() && zone.iter().all(u8::is_ascii_alphanumeric)).then_some((zone, rest?))
}

fn offset_of(zone: &[u8]) -> Option<i32> {
    let (_word, hours) = ZONE_WORDS.iter().find(|(word, _hours)| *word == zone)?;
    Some(hours * 3600)
}

/// A network device's message: sequence numbers and a host before the time, a mark that the clock is not set.
fn device<'a>(
    mut message: Message<'a>,
    body: &'a [u8],
    reference: &Reference,
) -> Option<Message<'a>> {
    let mut rest = body;
    for _ in 0..=DEVICE_TOKENS_MAX {
        let unmarked = rest
            .strip_prefix(b"*")
            .or_else(|| rest.strip_prefix(b"."))
            .unwrap_or(rest);
        if let Some((stamp, after)) = stamp(unmarked) {
            return device_timed(message, stamp, after, reference);
        }
        if rest.starts_with(b"%") && message.sequence.is_some() {
            return Some(device_text(message, rest));
        }
        let (word, after) = tag::word(rest);
        let token = word.strip_suffix(b":")?;
        if !token.is_empty() && token.iter().all(u8::is_ascii_digit) {
            message.sequence = message.sequence.or(Some(token));
        } else if message.host.is_none() && is_host(token) {
            message.host = Some(token);
        } else {
            return None;
        }
        rest = skip_blanks(after?);
    }
    None
}

/// After a device's time: perhaps a zone word, always a colon.
fn device_timed<'a>(
    mut message: Message<'a>,
    stamp: Stamp<'a>,
    after: &'a [u8],
    reference: &Reference,
) -> Option<Message<'a>> {
    let (offset, text) = match after {
        [b':', text @ ..] => (None, text),
        [b' ', content @ ..] => {
            let (zone, text) = zone_word(content)?;
            (offset_of(zone), text)
        }
        _ => return None,
    };
    message.timestamp_text = Some(stamp.text);
    message.timestamp_is_iso = stamp.is_iso;
    message.timestamp = stamp.nanos(offset, reference);
    Some(device_text(message, text))
}

fn device_text<'a>(mut message: Message<'a>, text: &'a [u8]) -> Message<'a> {
    message.format = Format::Cisco;
    let text = text.strip_prefix(b" ").unwrap_or(text);
    if let Some(tagged) = tag::tagged(text) {
        return with_tag(message, tagged);
    }
    message.message = without_mark(text);
    message
}

/// A program without a time. Since any sentence may begin like that, a program without a pid must look like a name.
fn untimed<'a>(mut message: Message<'a>, body: &'a [u8]) -> Option<Message<'a>> {
    message.format = Format::Untimed;
    if let Some(tagged) = tag::tagged(body)
        && (tagged.pid.is_some() || is_name(tagged.program))
    {
        return Some(with_tag(message, tagged));
    }
    let (host, rest) = tag::word(body);
    let tagged = tag::tagged(rest?).filter(|tagged| tagged.pid.is_some() && is_host(host))?;
    message.host = Some(host);
    Some(with_tag(message, tagged))
}

fn is_name(program: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._/%".contains(byte);
    program
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || b"%/".contains(byte))
        && program.iter().all(|byte| is_part(byte))
}
