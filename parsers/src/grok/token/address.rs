//! Internet addresses and host names.

use super::Scan;
use super::text::{HOST, LOCAL, USER, digits, is_any, run, starts_word};

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
        () if colons < 2 => Scan::Fail,
        () if !closed || line.get(end) == Some(&b'%') => Scan::Unsure,
        // Neither part of the run can be followed by what follows.
        () => is_ipv6(&line[at..end]).then_some(end).into(),
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
                false => is_ipv6(&line[at..end]).then_some(end).into(),
            };
        }
    }
    // Whichever of the two matches the whole run: a shorter match has a letter or point behind it.
    let is_address = matches!(line.get(at), Some(b'0'..=b'9')) && ipv4(line, at) == Some(host_end);
    (is_address || is_hostname(line, at, host_end))
        .then_some(host_end)
        .into()
}

/// HOSTNAME, where no letter, digit, point or hyphen can follow.
pub(super) fn hostname(line: &[u8], at: usize) -> Option<usize> {
    let end = run(line, at, HOST);
    is_hostname(line, at, end).then_some(end)
}

/// HTTPDUSER, where no byte of a name and no `@` can follow: a mail address or a user name.
pub(super) fn httpd_user(line: &[u8], at: usize) -> Option<usize> {
    let end = run(line, at, USER);
    // Only further bytes of a mail address make one of it.
    let may_be_mail = |byte: &u8| *byte == b'@' || is_any(*byte, LOCAL);
    if line.get(end).is_some_and(may_be_mail)
        && let Some(mail) = email_address(line, at)
    {
        return Some(mail);
    }
    (at < end).then_some(end)
}

/// EMAILADDRESS, where no byte of a host name can follow.
fn email_address(line: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    while let Some(byte) = line.get(end)
        && (*byte == b'.' || is_any(*byte, LOCAL))
    {
        end += 1;
    }
    if line.get(end) != Some(&b'@') {
        return None;
    }
    let mut parts = line.get(at..end)?.split(|byte| *byte == b'.');
    let is_sound = (1..=64).contains(&parts.next()?.len())
        && parts.clone().count() <= 63
        && parts.all(|part| (1..=62).contains(&part.len()));
    if is_sound {
        hostname(line, end + 1)
    } else {
        None
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

/// Labels of 1 to 63 letters, digits and hyphens, the first no hyphen, with points between; one may end it.
fn is_hostname(line: &[u8], at: usize, end: usize) -> bool {
    if !starts_word(line, at) {
        return false;
    }
    let Some(name) = line.get(at..end) else {
        return false;
    };
    let labels = name.strip_suffix(b".").unwrap_or(name);
    labels
        .split(|byte| *byte == b'.')
        .all(|label| label.len() <= 63 && label.first().is_some_and(u8::is_ascii_alphanumeric))
}

/// The whole of an address of version 6 without its zone.
fn is_ipv6(text: &[u8]) -> bool {
    let double = text.windows(2).position(|pair| pair == b"::");
    match double {
        None => groups(text, true) == Some(8),
        Some(at) => {
            let (head, tail) = (&text[..at], &text[at + 2..]);
            let head_groups = if head.is_empty() {
                Some(0)
            } else {
                groups(head, false)
            };
            let tail_groups = if tail.is_empty() {
                Some(0)
            } else {
                groups(tail, true)
            };
            // The double colon stands for one group at least.
            matches!((head_groups, tail_groups), (Some(head), Some(tail)) if head + tail <= 7)
        }
    }
}

/// Groups of 1 to 4 hexadecimal digits; an address of version 4 at the end counts as two.
fn groups(text: &[u8], may_end_in_v4: bool) -> Option<usize> {
    let mut count = 0;
    let mut from = 0;
    loop {
        let length = text[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        match text.get(from + length) {
            None if (1..=4).contains(&length) => return Some(count + 1),
            Some(b':') if (1..=4).contains(&length) => from += length + 1,
            Some(b'.') if may_end_in_v4 => {
                let is_v4 =
                    digits(text, from) == from + length && ipv4(text, from) == Some(text.len());
                return is_v4.then_some(count + 2);
            }
            _ => return None,
        }
        count += 1;
    }
}
