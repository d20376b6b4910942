//! RFC 3164 and what is sent in its name, after the priority:
//!
//! - `Nov 20 16:45:08 host program[pid]: text`, the time also in ISO 8601, with a weekday, a year, a zone, a fraction,
//!   one digit of day or hour, without seconds
//! - `Nov 20 16:45:08 program[pid]: text` without a host: Docker's log driver, the C library
//! - `237: host: *Nov 20 16:45:08.295 CET: %FACILITY-5-NAME: text` of network devices, behind a relay's header too
//! - `Nov 20 16:45:08 Message forwarded from host: …` of AIX; a relay's header before the sender's own
//! - `1 1700000000.123456789 host program text` of Meraki; `2026/11/20 16:45:08 host program: text`
//! - `program[pid]: text` without a time
//!
//! The usual forms are told by a search or two each, by hand, since nom's results cost more to move
//! than these searches; the stamps' rarer forms, in `timestamp/bsd.rs`, are nom's.

mod device;
mod other_times;

use super::tag::{self, Tagged};
use super::{Format, Message, Priority, Reference, without_mark};
use crate::near;
use crate::timestamp::civil::NANOS_PER_SECOND;
use crate::timestamp::{bsd, complete, fixed};
use device::{device, device_text, signed_hours, zone_word};
use other_times::{slashed, unix_timed};

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
    if let Some((stamp, after)) = stamp(body, reference) {
        return timed(message, &stamp, after, reference);
    }
    if device(message, body, reference).is_some() {
        return Some(());
    }
    if priority == Priority::Absent {
        return None;
    }
    (message.host, message.sequence, message.timestamp_text) = (None, None, None);
    unix_timed(message, body)
        .or_else(|| slashed(message, body, reference))
        .or_else(|| untimed(message, body))
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let Some(rest) = text.strip_prefix(b" ") {
        text = rest;
    }
    text
}

/// A time, completed with the reference at once: as an instant it stays in a register.
#[derive(Clone, Copy)]
struct Stamp<'a> {
    text: &'a [u8],
    nanos: Option<i64>,
    /// The offset that it was taken at, its own or the reference's.
    offset_seconds: i32,
    is_iso: bool,
}

impl Stamp<'_> {
    /// The instant if the zone is another.
    fn nanos_at(&self, offset_seconds: i32) -> Option<i64> {
        let later = i64::from(self.offset_seconds) - i64::from(offset_seconds);
        self.nanos?.checked_add(later * NANOS_PER_SECOND)
    }
}

/// The time at the head of a text, and what follows it.
#[inline]
fn stamp<'a>(text: &'a [u8], reference: &Reference) -> Option<(Stamp<'a>, &'a [u8])> {
    if text.first()?.is_ascii_digit() {
        if let Some(prefix) = fixed::iso_prefix(text) {
            return completed(text, prefix, true, reference);
        }
    } else if let Some(prefix) = bsd::usual_prefix(text) {
        return completed(text, prefix, false, reference);
    }
    unusual_stamp(text, reference)
}

#[cold]
fn unusual_stamp<'a>(text: &'a [u8], reference: &Reference) -> Option<(Stamp<'a>, &'a [u8])> {
    match bsd::iso_without_seconds(text) {
        Some(prefix) => completed(text, prefix, true, reference),
        None => completed(text, bsd::unusual_prefix(text)?, false, reference),
    }
}

/// A time that the text begins with, and what follows it.
#[inline(always)]
fn completed<'a>(
    text: &'a [u8],
    prefix: fixed::Prefix,
    is_iso: bool,
    reference: &Reference,
) -> Option<(Stamp<'a>, &'a [u8])> {
    let mut offset = prefix.offset;
    let mut length = prefix.length;
    if !is_iso
        && let Some(zone @ [b'Z' | b'+' | b'-', ..]) = text.get(length..)
        && let Some((seconds, used)) = fixed::offset(zone)
    {
        offset = Some(seconds);
        length += used;
    }
    let (stamp, rest) = text.split_at_checked(length)?;
    let stamp = Stamp {
        text: stamp,
        nanos: complete(prefix.local, offset, reference),
        offset_seconds: offset.unwrap_or(reference.utc_offset_seconds),
        is_iso,
    };
    Some((stamp, rest))
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
    set_time(message, stamp);
    match after {
        [] => {}
        [b':', text @ ..] => device_text(message, text),
        [b' ', content @ ..] => {
            if usual(message, content).is_none() {
                unusual(message, stamp, content, reference);
            }
        }
        _ => return None,
    }
    Some(())
}

/// Any other content after a time and a blank.
fn unusual<'a>(
    message: &mut Message<'a>,
    stamp: &Stamp<'a>,
    content: &'a [u8],
    reference: &Reference,
) {
    if let Some((zone, text)) = zone_word(content)
        && text.starts_with(b"%")
    {
        set_zone(message, stamp, zone);
        return device_text(message, text);
    }
    let content = match zone_before_header(content) {
        Some((zone, header)) => {
            set_zone(message, stamp, zone);
            header
        }
        None => padded(content),
    };
    origin(message, content, reference, Relay::Possible);
}

/// `CET host program:`, and what begins with the host: a zone is one only if both follow it, since
/// a host may be called like one.
fn zone_before_header(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let (zone, header) = tag::word(content);
    bsd::zone_offset(zone)?;
    let (host, after) = tag::word(header?);
    after.and_then(tag::tagged)?;
    let is_name = is_host(host) && !host.ends_with(b":") && !host.contains(&b'[');
    is_name.then_some((zone, header?))
}

/// Host and program, or a program alone, with nothing unusual about them: what nearly every line
/// has, told by one search for each. Everything else goes the long way, which would say the same.
#[inline]
fn usual<'a>(message: &mut Message<'a>, content: &'a [u8]) -> Option<()> {
    let (word, rest) = content.split_at_checked(near::find(tag::ENDS, content)?)?;
    if let Some(text) = rest.strip_prefix(b" ") {
        if !is_host(word) || matches!(word, b"Message" | b"message" | b"last") {
            return None;
        }
        let tagged = tag::usual(text)?;
        if tagged.pid.is_none() && begins_like_a_device(text) {
            return None;
        }
        set_tag(message, &tagged);
        message.host = Some(word);
        return Some(());
    }
    // A word with a colon may be a device's zone; then its text begins with a percent sign.
    let tagged = tag::usual_after(word, rest).filter(|tagged| !tagged.message.starts_with(b"%"))?;
    message.format = Format::DockerEmpty;
    set_tag(message, &tagged);
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
fn set_time<'a>(message: &mut Message<'a>, stamp: &Stamp<'a>) {
    message.timestamp_text = Some(stamp.text);
    message.timestamp_is_iso = stamp.is_iso;
    message.timestamp = stamp.nanos;
}

/// The zone that a word names counts more than what the time was taken at.
fn set_zone(message: &mut Message<'_>, stamp: &Stamp<'_>, zone: &[u8]) {
    if let Some(offset_seconds) = bsd::zone_offset(zone).or_else(|| signed_hours(zone)) {
        message.timestamp = stamp.nanos_at(offset_seconds);
    }
}

/// Whether the text may hold a second header, a relay's being the first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relay {
    Possible,
    Seen,
}

/// Host and program, either of which may be absent.
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
    if relay == Relay::Possible
        && begins_like_a_device(text)
        && let Some(inner) = relayed_device(message, text, reference)
    {
        *message = inner;
        return;
    }
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
    let (stamp, after) = stamp(rest, reference)?;
    let content = after.strip_prefix(b" ")?;
    let priority = priority.value().or(outer.priority);
    let mut inner = Message::bare(priority, b"", Format::Rfc3164);
    set_time(&mut inner, &stamp);
    origin(&mut inner, content, reference, Relay::Seen);
    // Without a program it may as well be a text that begins with a time.
    inner.program?;
    inner.host = inner.host.or(outer.host);
    Some(inner)
}

/// A sequence number or a mark where a program is expected.
#[inline]
fn begins_like_a_device(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'0'..=b'9' | b'*' | b'.' | b':'))
}

/// A network device's whole message after a relay's host.
#[cold]
fn relayed_device<'a>(
    outer: &Message<'a>,
    text: &'a [u8],
    reference: &Reference,
) -> Option<Message<'a>> {
    let mut inner = Message::bare(outer.priority, b"", Format::Cisco);
    device(&mut inner, text, reference)?;
    // Without a time of its own, the relay's is the only one.
    if inner.timestamp.is_none() {
        inner.timestamp = outer.timestamp;
        inner.timestamp_text = outer.timestamp_text;
        inner.timestamp_is_iso = outer.timestamp_is_iso;
    }
    inner.host = inner.host.or(outer.host);
    // A pid makes a program of what may look like the device's name.
    if inner.host.is_some_and(|host| host.contains(&b'[')) {
        return None;
    }
    // Without a facility in the text it may as well be one that begins with a number.
    inner.program.filter(|program| program.starts_with(b"%"))?;
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

#[cfg(test)]
mod tests {
    use super::{Format, Message, Reference, Stamp, set_time, unusual, usual};

    const REFERENCE: Reference = Reference {
        year: 2026,
        month: 11,
        utc_offset_seconds: 0,
    };

    fn blank<'a>(stamp: &Stamp<'a>) -> Message<'a> {
        let mut message = Message::bare(Some(13), b"", Format::Rfc3164);
        set_time(&mut message, stamp);
        message
    }

    #[test]
    fn what_is_usual_is_read_as_by_the_long_way() {
        let stamp = Stamp {
            text: b"Nov 20 16:46:09",
            nanos: Some(0),
            offset_seconds: 0,
            is_iso: false,
        };
        let parts = [
            "a",
            "7",
            " ",
            ": ",
            ":",
            "[",
            "]",
            "[1]: ",
            "CET",
            "last",
            "Message ",
            "*",
            ".",
            "%A-1-B: ",
            "{",
            "\"",
            "Nov 20 16:46:08 ",
            "::",
        ];
        let mut taken = 0;
        for number in 0..parts.len().pow(4) {
            let mut content = String::new();
            let mut left = number;
            for _ in 0..4 {
                content.push_str(parts[left % parts.len()]);
                left /= parts.len();
            }
            let (mut short, mut long) = (blank(&stamp), blank(&stamp));
            if usual(&mut short, content.as_bytes()).is_some() {
                unusual(&mut long, &stamp, content.as_bytes(), &REFERENCE);
                assert_eq!(short, long, "in {content:?}");
                taken += 1;
            }
        }
        assert!(1000 < taken, "only {taken} contents were usual");
    }
}
