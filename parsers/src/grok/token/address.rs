//! Internet addresses and host names.

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{take_while_m_n, take_while1};
use nom::character::complete::char;
use nom::combinator::{all_consuming, opt, verify};
use nom::multi::many0_count;
use nom::sequence::{preceded, terminated};

use super::text::{HOST, LOCAL, USER, is_any, run, starts_word};
use super::{Parsed, Scan};

/// Bytes that may be looked at in vain behind a name, free of charge.
const FAR: usize = 256;

/// IPV4: four numbers up to 255, with no digit before or behind.
#[inline]
pub(super) fn ipv4(line: &[u8], at: usize) -> Option<usize> {
    if at
        .checked_sub(1)
        .and_then(|before| line.get(before))
        .is_some_and(u8::is_ascii_digit)
    {
        return None;
    }
    let mut end = octet(line, at)?;
    for _ in 0..3 {
        if line.get(end) != Some(&b'.') {
            return None;
        }
        end = octet(line, end + 1)?;
    }
    Some(end)
}

/// The end of a whole run of digits that is no more than 255.
#[inline]
fn octet(line: &[u8], at: usize) -> Option<usize> {
    let digit = |place: usize| {
        line.get(place)
            .map(|byte| byte.wrapping_sub(b'0'))
            .filter(|digit| *digit < 10)
    };
    let first = u16::from(digit(at)?);
    let Some(second) = digit(at + 1) else {
        return Some(at + 1);
    };
    let Some(third) = digit(at + 2) else {
        return Some(at + 2);
    };
    let value = first * 100 + u16::from(second) * 10 + u16::from(third);
    (value <= 255 && digit(at + 3).is_none()).then_some(at + 3)
}

/// Whether an address may begin here: hexadecimal digits before a colon, or digits before a point.
pub(super) fn ip_can_start(line: &[u8], at: usize) -> bool {
    let rest = line.get(at..).unwrap_or_default();
    let length = rest
        .iter()
        .take(5)
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    match rest.get(length) {
        Some(b':') => true,
        Some(b'.') => {
            let before = at.checked_sub(1).and_then(|before| line.get(before));
            !before.is_some_and(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// IP: version 6 first, then version 4.
#[inline]
pub(super) fn ip(line: &[u8], at: usize, closed: bool) -> Scan {
    // With a point behind the first number it is no address of version 6.
    match ipv4(line, at) {
        Some(end) => Scan::End(end),
        None => ip_with_colons(line, at, closed),
    }
}

fn ip_with_colons(line: &[u8], at: usize, closed: bool) -> Scan {
    let (end, colons) = colon_run(line, at);
    match () {
        // An address of version 6 has two colons at least.
        () if colons < 2 => Scan::FailAt(end),
        () if !closed || line.get(end) == Some(&b'%') => Scan::Unsure,
        // Neither part of the run can be followed by what follows.
        () => whole(is_ipv6(&line[at..end]), end),
    }
}

/// IPORHOST, where no letter, digit, point or hyphen can follow.
#[inline]
pub(super) fn ip_or_host(line: &[u8], at: usize, colon: bool) -> Scan {
    // Nearly all lines have an address of version 4 here.
    if let Some(end) = ipv4(line, at)
        && line
            .get(end)
            .is_none_or(|byte| !is_any(*byte, HOST) && *byte != b':')
    {
        return Scan::End(end);
    }
    host_or_ip(line, at, colon)
}

fn host_or_ip(line: &[u8], at: usize, colon: bool) -> Scan {
    let host_end = run(line, at, HOST);
    if line.get(host_end) == Some(&b':') {
        let (end, colons) = colon_run(line, at);
        if 2 <= colons {
            return match colon || line.get(end) == Some(&b'%') {
                true => Scan::Unsure,
                false => whole(is_ipv6(&line[at..end]), end),
            };
        }
    }
    // Whichever of the two matches the whole run: a shorter match has a letter or point behind it.
    let is_address = matches!(line.get(at), Some(b'0'..=b'9')) && ipv4(line, at) == Some(host_end);
    whole(is_address || is_hostname(line, at, host_end), host_end)
}

/// A run that was read to its end and is sound or not.
fn whole(is_sound: bool, end: usize) -> Scan {
    match is_sound {
        true => Scan::End(end),
        false => Scan::FailAt(end),
    }
}

/// HOSTNAME, where no letter, digit, point or hyphen can follow.
pub(super) fn hostname(line: &[u8], at: usize) -> Scan {
    let end = run(line, at, HOST);
    whole(is_hostname(line, at, end), end)
}

/// HTTPDUSER, where no byte of a name and no `@` can follow: a mail address or a user name.
pub(super) fn httpd_user(line: &[u8], at: usize) -> Scan {
    let end = run(line, at, USER);
    // Only further bytes of a mail address make one of it.
    let may_be_mail = |byte: &u8| *byte == b'@' || is_any(*byte, LOCAL);
    if line.get(end).is_some_and(may_be_mail) {
        match email_address(line, at) {
            Scan::Fail => {}
            Scan::FailAt(far) if at == end => return Scan::FailAt(far),
            // A name ends here, but the way to know was long.
            Scan::FailAt(far) if end + FAR < far => return Scan::Unsure,
            Scan::FailAt(_) => {}
            known => return known,
        }
    }
    whole(at < end, end)
}

/// EMAILADDRESS, where no byte of a host name can follow.
fn email_address(line: &[u8], at: usize) -> Scan {
    let mut end = at;
    while let Some(byte) = line.get(end)
        && (*byte == b'.' || is_any(*byte, LOCAL))
    {
        end += 1;
    }
    let name = line.get(at..end).unwrap_or_default();
    let mut parts = name.split(|byte| *byte == b'.');
    let is_sound = line.get(end) == Some(&b'@')
        && parts
            .next()
            .is_some_and(|part| (1..=64).contains(&part.len()))
        && parts.clone().count() <= 63
        && parts.all(|part| (1..=62).contains(&part.len()));
    match is_sound {
        true => hostname(line, end + 1),
        false => Scan::FailAt(end),
    }
}

/// The run of hexadecimal digits, colons and points; and its colons.
fn colon_run(line: &[u8], at: usize) -> (usize, usize) {
    let mut colons = 0;
    let mut end = at;
    while let Some(byte) = line.get(end) {
        match byte {
            b':' => colons += 1,
            b'.' => {}
            _ if byte.is_ascii_hexdigit() => {}
            _ => break,
        }
        end += 1;
    }
    (end, colons)
}

/// Whether the whole run is a name: labels of 1 to 63 letters, digits and hyphens, the first no hyphen, with points
/// between; one may end it.
fn is_hostname(line: &[u8], at: usize, end: usize) -> bool {
    let name = line.get(at..end).unwrap_or_default();
    starts_word(line, at) && all_consuming(labels).parse(name).is_ok()
}

fn labels(input: &[u8]) -> Parsed<'_, ()> {
    let further = many0_count(preceded(char('.'), label));
    (label, further, opt(char('.'))).map(|_| ()).parse(input)
}

fn label(input: &[u8]) -> Parsed<'_, &[u8]> {
    let is_part = |byte| byte != b'.' && is_any(byte, HOST);
    let is_sound = |label: &[u8]| label.len() <= 63 && !label.starts_with(b"-");
    verify(take_while1(is_part), is_sound).parse(input)
}

/// The whole of an address of version 6 without its zone.
fn is_ipv6(text: &[u8]) -> bool {
    let Some(double) = text.windows(2).position(|pair| pair == b"::") else {
        return groups(text) == Some(8);
    };
    let count = |part: &[u8], groups: fn(&[u8]) -> Option<usize>| match part {
        [] => Some(0),
        part => groups(part),
    };
    let head = count(&text[..double], plain_groups);
    let tail = count(&text[double + 2..], groups);
    // The double colon stands for one group at least.
    matches!((head, tail), (Some(head), Some(tail)) if head + tail <= 7)
}

/// Groups alone.
fn plain_groups(text: &[u8]) -> Option<usize> {
    let mut parser = all_consuming((many0_count(terminated(group, char(':'))), group));
    let (_, (count, _)) = parser.parse(text).ok()?;
    Some(count + 1)
}

/// Groups, and an address of version 4 at the end, which counts as two.
fn groups(text: &[u8]) -> Option<usize> {
    let last = alt((
        all_consuming(version_4).map(|()| 2),
        all_consuming(group).map(|_| 1),
    ));
    let mut parser = (many0_count(terminated(group, char(':'))), last);
    let (_, (count, last)) = parser.parse(text).ok()?;
    Some(count + last)
}

/// 1 to 4 hexadecimal digits.
fn group(input: &[u8]) -> Parsed<'_, &[u8]> {
    take_while_m_n(1, 4, |byte: u8| byte.is_ascii_hexdigit()).parse(input)
}

fn version_4(input: &[u8]) -> Parsed<'_, ()> {
    match ipv4(input, 0) {
        Some(end) => Ok((input.get(end..).unwrap_or_default(), ())),
        None => Err(nom::Err::Error(())),
    }
}
