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

/// Offsets in hours that the zone words of network devices mean everywhere; others mean the
/// reference's.
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

/// Fills the message; what it holds after `None` is not to be used.
pub(super) fn parse<'a>(
    message: &mut Message<'a>,
    priority: Priority,
    rest: &'a [u8],
    reference: &Reference,
) -> Option<()> {
    let body = skip_blanks(rest);
    message.message = b"";
    message.format = Format::Rfc3164;
    if let Some((stamp, after)) = stamp(body) {
        return timed(message, &stamp, after, reference);
    }
    if device(message, body, reference).is_some() {
        return Some(());
    }
    if priority == Priority::Absent {
        return None;
    }
    (message.host, message.sequence, message.timestamp_text) = (None, None, None);
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

/// What follows a time: a colon or a zone word in a device's message, else a blank and the host or
/// the program.
#[inline]
fn timed<'a>(
    message: &mut Message<'a>,
    stamp: &Stamp<'a>,
    after: &'a [u8],
    reference: &Reference,
) -> Option<()> {
    set_time(message, stamp, None, reference);
    match after {
        [] => {}
        [b':', text @ ..] => device_text(message, text),
        [b' ', content @ ..] => {
            if let Some((zone, text)) = zone_word(content)
                && text.starts_with(b"%")
            {
                set_time(message, stamp, offset_of(zone), reference);
                device_text(message, text);
            } else {
                origin(message, padded(content), reference, Relay::Possible);
            }
        }
        _ => return None,
    }
    Some(())
}

/// What follows a time and a blank. More blanks are the text's, unless a host and a program come
/// after them.
#[inline]
fn padded(content: &[u8]) -> &[u8] {
    if !content.starts_with(b" ") {
        return content;
    }
    let rest = skip_blanks(content);
    let (_host, after) = tag::word(rest);
    let is_header = tag::tagged(rest).is_some_and(|tagged| tagged.pid.is_some())
        || after
            .and_then(tag::tagged)
            .is_some_and(|tagged| tagged.pid.is_some());
    if is_header { rest } else { content }
}

#[inline]
fn set_time<'a>(
    message: &mut Message<'a>,
    stamp: &Stamp<'a>,
    offset: Option<i32>,
    reference: &Reference,
) {
    message.timestamp_text = Some(stamp.text);
    message.timestamp_is_iso = stamp.is_iso;
    message.timestamp = complete(
        stamp.prefix.local,
        offset.or(stamp.prefix.offset),
        reference,
    );
}

/// Whether the text may hold a second header, a relay's being the first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relay {
    Possible,
    Seen,
}

/// Host and program, either of which may be absent.
#[inline]
fn origin<'a>(message: &mut Message<'a>, content: &'a [u8], reference: &Reference, relay: Relay) {
    let (word, rest) = tag::word(content);
    if word.ends_with(b":") || word.contains(&b'[') {
        if !is_address_with_open_end(word)
            && let Some(tagged) = tag::tagged(content).or_else(|| tag::without_colon(content))
        {
            message.format = Format::DockerEmpty;
            return set_tag(message, &tagged);
        }
    } else if phrase(message, word, content).is_some() {
        return;
    }
    let Some(rest) = rest.filter(|_| is_host(word)) else {
        message.message = without_mark(content);
        return;
    };
    message.host = Some(word);
    let text = rest.strip_prefix(b": ").unwrap_or(rest);
    if let Some(tagged) = tag::tagged(text) {
        return set_tag(message, &tagged);
    }
    message.message = without_mark(text);
    if relay == Relay::Possible
        && let Some(inner) = relayed(message, text, reference)
    {
        *message = inner;
    }
}

#[inline]
fn set_tag<'a>(message: &mut Message<'a>, tagged: &Tagged<'a>) {
    message.program = Some(tagged.program);
    message.pid = tagged.pid;
    message.message = tagged.message;
}

/// Sentences where a host is expected: AIX's forwarding, and the repetition note of a syslogd
/// without a host.
fn phrase<'a>(message: &mut Message<'a>, word: &[u8], content: &'a [u8]) -> Option<()> {
    match word {
        b"Message" | b"message" => {
            let rest = content
                .get(word.len()..)?
                .strip_prefix(b" forwarded from ")?;
            let (host, text) = tag::word(rest);
            message.host = Some(host.strip_suffix(b":").filter(|host| is_host(host))?);
            set_text(message, text.unwrap_or_default());
            Some(())
        }
        b"last" if content.starts_with(b"last message repeated ") => {
            message.message = content;
            Some(())
        }
        _ => None,
    }
}

/// A program if there is one, and the text.
fn set_text<'a>(message: &mut Message<'a>, text: &'a [u8]) {
    match tag::tagged(text) {
        Some(tagged) => set_tag(message, &tagged),
        None => message.message = without_mark(text),
    }
}

/// A whole second header after a relay's host. The relay's own priority counts only if the sender's
/// is absent.
fn relayed<'a>(outer: &Message<'a>, text: &'a [u8], reference: &Reference) -> Option<Message<'a>> {
    let (priority, rest) = super::priority(text);
    let (stamp, after) = stamp(rest)?;
    let content = after.strip_prefix(b" ")?;
    let priority = priority.value().or(outer.priority);
    let mut inner = Message::bare(priority, b"", Format::Rfc3164);
    set_time(&mut inner, &stamp, None, reference);
    origin(&mut inner, content, reference, Relay::Seen);
    // Without a program it may as well be a text that begins with a time.
    inner.program?;
    inner.host = inner.host.or(outer.host);
    Some(inner)
}

/// Names, addresses, and the forms that relays give them (`host/address`, `user@host`,
/// `fe80::1%eth0`).
#[inline]
fn is_host(word: &[u8]) -> bool {
    let is_part = |byte: &u8| HOST_BYTES.get(usize::from(*byte)) == Some(&true);
    word.iter().all(is_part)
        && !word.starts_with(b"%")
        && word.iter().any(|byte| byte.is_ascii_alphanumeric())
}

/// Bytes of a host, looked up because every one of every host is.
const HOST_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as u8;
        table[byte] = value.is_ascii_alphanumeric()
            || matches!(
                value,
                b'-' | b'.' | b'_' | b':' | b'/' | b'@' | b'%' | b'[' | b']'
            )
            || 0x80 <= value;
        byte += 1;
    }
    table
};

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

/// A network device's message: sequence numbers and a host before the time, a mark that the clock
/// is not set.
fn device<'a>(message: &mut Message<'a>, body: &'a [u8], reference: &Reference) -> Option<()> {
    let mut rest = body;
    for _ in 0..=DEVICE_TOKENS_MAX {
        let unmarked = rest
            .strip_prefix(b"*")
            .or_else(|| rest.strip_prefix(b"."))
            .unwrap_or(rest);
        if let Some((stamp, after)) = stamp(unmarked) {
            return device_timed(message, &stamp, after, reference);
        }
        if rest.starts_with(b"%") && (message.sequence.or(message.timestamp_text)).is_some() {
            device_text(message, rest);
            return Some(());
        }
        let (word, after) = tag::word(rest);
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

/// After a device's time: perhaps a zone word, always a colon.
fn device_timed<'a>(
    message: &mut Message<'a>,
    stamp: &Stamp<'a>,
    after: &'a [u8],
    reference: &Reference,
) -> Option<()> {
    let (offset, text) = match after {
        [b':', text @ ..] => (None, text),
        [b' ', content @ ..] => {
            let (zone, text) = zone_word(content)?;
            (offset_of(zone), text)
        }
        _ => return None,
    };
    set_time(message, stamp, offset, reference);
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

fn device_text<'a>(message: &mut Message<'a>, text: &'a [u8]) {
    message.format = Format::Cisco;
    set_text(message, text.strip_prefix(b" ").unwrap_or(text));
}

/// A program without a time. Since any sentence may begin like that, a program without a pid must
/// look like a name.
fn untimed<'a>(message: &mut Message<'a>, body: &'a [u8]) -> Option<()> {
    message.format = Format::Untimed;
    if let Some(tagged) = tag::tagged(body)
        && (tagged.pid.is_some() || is_name(tagged.program))
    {
        set_tag(message, &tagged);
        return Some(());
    }
    let (host, rest) = tag::word(body);
    let tagged = tag::tagged(rest?).filter(|tagged| tagged.pid.is_some() && is_host(host))?;
    message.host = Some(host);
    set_tag(message, &tagged);
    Some(())
}

fn is_name(program: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._/%".contains(byte);
    program
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || b"%/".contains(byte))
        && program.iter().all(is_part)
}
