//! Scanners that an engineer would write by hand for one format each: a line in, spans out. They check what
//! the patterns check (numbers of dates and addresses, the letters of words and paths), but look at the
//! start of the line only.

/// The start and end of a field.
pub type Span = (usize, usize);
/// A field that the line does not have.
pub const NONE: Span = (usize::MAX, usize::MAX);

/// NGINXACCESS: client, requested_at, method, response_code, bytes_sent, response_time.
pub fn nginx_access(line: &[u8], spans: &mut [Span]) -> Option<()> {
    let [client, requested_at, method, tail @ ..] = spans else {
        return None;
    };
    let end = address(line, 0)?;
    *client = (0, end);
    let at = text(line, end, b" [")?;
    let end = http_date(line, at)?;
    *requested_at = (at, end);
    let at = text(line, end, b"] \"")?;
    let end = run(line, at, WORD)?;
    *method = (at, end);
    let end = path(line, text(line, end, b" ")?)?;
    let low = text(line, end, b" HTTP")?;
    // The request may hold quotes; the last one counts that has three numbers behind it.
    let mut high = line.len();
    loop {
        high = low + memchr::memrchr(b'"', line.get(low..high)?)?;
        if nginx_numbers(line, high + 1, tail).is_some() {
            return Some(());
        }
    }
}

fn nginx_numbers(line: &[u8], at: usize, spans: &mut [Span]) -> Option<()> {
    let mut end = at;
    for span in spans {
        let at = text(line, end, b" ")?;
        end = number(line, at)?;
        *span = (at, end);
    }
    Some(())
}

/// COMBINEDAPACHELOG: clientip, ident, auth, timestamp, verb, request, httpversion, rawrequest, response,
/// bytes, referrer, agent.
pub fn combined_log(line: &[u8], spans: &mut [Span]) -> Option<()> {
    let [head @ .., referrer, agent] = spans else {
        return None;
    };
    let end = common_log(line, head)?;
    let at = text(line, end, b" ")?;
    let end = quoted(line, at)?;
    *referrer = (at, end);
    let at = text(line, end, b" ")?;
    let end = quoted(line, at)?;
    *agent = (at, end);
    Some(())
}

/// COMMONAPACHELOG: the same without referrer and agent.
pub fn common_apache(line: &[u8], spans: &mut [Span]) -> Option<()> {
    common_log(line, spans).map(|_| ())
}

fn common_log(line: &[u8], spans: &mut [Span]) -> Option<usize> {
    let [
        clientip,
        ident,
        auth,
        timestamp,
        request @ ..,
        response,
        bytes,
    ] = spans
    else {
        return None;
    };
    let end = address_or_host(line, 0)?;
    *clientip = (0, end);
    let at = text(line, end, b" ")?;
    let end = user(line, at)?;
    *ident = (at, end);
    let at = text(line, end, b" ")?;
    let end = user(line, at)?;
    *auth = (at, end);
    let at = text(line, end, b" [")?;
    let end = http_date(line, at)?;
    *timestamp = (at, end);
    let at = text(line, end, b"] \"")?;
    let end = match request_line(line, at, request) {
        Some(end) => end,
        None => raw_request(line, at, request)?,
    };
    let (end, span) = number_or_hyphen(line, text(line, end, b"\" ")?)?;
    *response = span;
    let (end, span) = number_or_hyphen(line, text(line, end, b" ")?)?;
    *bytes = span;
    Some(end)
}

/// `GET /path HTTP/1.1`, before a quote.
fn request_line(line: &[u8], at: usize, spans: &mut [Span]) -> Option<usize> {
    let [verb, request, version, raw] = spans else {
        return None;
    };
    let end = run(line, at, WORD)?;
    *verb = (at, end);
    let at = text(line, end, b" ")?;
    let end = run(line, at, NOT_SPACE)?;
    *request = (at, end);
    (*version, *raw) = (NONE, NONE);
    if line.get(end) != Some(&b' ') {
        // Without a version the quote was taken along.
        let quote = at + memchr::memrchr(b'"', line.get(at..end)?)?;
        *request = (at, quote);
        return Some(quote);
    }
    let at = text(line, end, b" HTTP/")?;
    let end = number(line, at)?;
    *version = (at, end);
    (line.get(end) == Some(&b'"')).then_some(end)
}

fn raw_request(line: &[u8], at: usize, spans: &mut [Span]) -> Option<usize> {
    let end = at + memchr::memchr(b'"', line.get(at..)?)?;
    let (raw, others) = spans.split_last_mut()?;
    others.fill(NONE);
    *raw = (at, end);
    Some(end)
}

const WORD: u8 = 1;
const USER: u8 = 2;
const PATH: u8 = 4;
const QUERY: u8 = 8;
const HOST: u8 = 16;
const NOT_SPACE: u8 = 32;

/// What a byte may be part of.
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = byte as u8;
        if letter.is_ascii_alphanumeric() {
            kinds[byte] = WORD | USER | PATH | QUERY | HOST;
        }
        if !matches!(letter, b' ' | 9..=13) {
            kinds[byte] |= NOT_SPACE;
        }
        byte += 1;
    }
    kinds[b'_' as usize] |= WORD | USER;
    kinds[b'-' as usize] |= HOST | USER;
    kinds[b'.' as usize] |= HOST | USER;
    let path = b"/$.+!*'(){},~:;=@#%&_-";
    let mut index = 0;
    while index < path.len() {
        kinds[path[index] as usize] |= PATH | QUERY;
        index += 1;
    }
    let query = b"|?<>[]";
    index = 0;
    while index < query.len() {
        kinds[query[index] as usize] |= QUERY;
        index += 1;
    }
    kinds
};

/// One byte or more of a kind.
fn run(line: &[u8], at: usize, kind: u8) -> Option<usize> {
    let rest = line.get(at..)?;
    let length = rest
        .iter()
        .position(|byte| KINDS[usize::from(*byte)] & kind == 0)
        .unwrap_or(rest.len());
    (length != 0).then_some(at + length)
}

fn text(line: &[u8], at: usize, text: &[u8]) -> Option<usize> {
    line.get(at..)?.starts_with(text).then_some(at + text.len())
}

fn user(line: &[u8], at: usize) -> Option<usize> {
    let end = run(line, at, USER)?;
    match line.get(end) {
        Some(b'@') => run(line, end + 1, HOST),
        _ => Some(end),
    }
}

fn path(line: &[u8], at: usize) -> Option<usize> {
    if line.get(at) != Some(&b'/') {
        return None;
    }
    let end = run(line, at, PATH)?;
    match line.get(end) {
        Some(b'?') => run(line, end, QUERY),
        _ => Some(end),
    }
}

fn digits(line: &[u8], at: usize) -> usize {
    let mut end = at;
    while line.get(end).is_some_and(u8::is_ascii_digit) {
        end += 1;
    }
    end
}

fn number(line: &[u8], at: usize) -> Option<usize> {
    let start = at + usize::from(matches!(line.get(at), Some(b'-' | b'+')));
    let whole = digits(line, start);
    if line.get(whole) == Some(&b'.') {
        let end = digits(line, whole + 1);
        if whole + 1 < end {
            return Some(end);
        }
    }
    (start < whole).then_some(whole)
}

fn number_or_hyphen(line: &[u8], at: usize) -> Option<(usize, Span)> {
    if let Some(end) = number(line, at) {
        return Some((end, (at, end)));
    }
    Some((text(line, at, b"-")?, NONE))
}

fn quoted(line: &[u8], at: usize) -> Option<usize> {
    let mut from = text(line, at, b"\"")?;
    loop {
        let found = from + memchr::memchr2(b'"', b'\\', line.get(from..)?)?;
        if line[found] == b'"' {
            return Some(found + 1);
        }
        from = found + 2;
    }
}

fn ipv4(line: &[u8], at: usize) -> Option<usize> {
    let mut from = at;
    for part in 0..4 {
        let end = digits(line, from);
        let value = line.get(from..end)?.iter().fold(0_u32, |value, digit| {
            value.wrapping_mul(10) + u32::from(digit - b'0')
        });
        if end == from || from + 3 < end || 255 < value {
            return None;
        }
        if part == 3 {
            return Some(end);
        }
        from = text(line, end, b".")?;
    }
    None
}

fn ipv6(line: &[u8], at: usize) -> Option<usize> {
    let rest = line.get(at..)?;
    let is_part = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let length = rest.iter().position(|byte| !is_part(byte))?;
    let text = std::str::from_utf8(rest.get(..length)?).ok()?;
    text.parse::<std::net::Ipv6Addr>().ok()?;
    Some(at + length)
}

fn address(line: &[u8], at: usize) -> Option<usize> {
    ipv4(line, at).or_else(|| ipv6(line, at))
}

fn address_or_host(line: &[u8], at: usize) -> Option<usize> {
    if let Some(end) = address(line, at)
        && line.get(end) == Some(&b' ')
    {
        return Some(end);
    }
    let end = run(line, at, HOST)?;
    let name = line.get(at..end)?;
    let is_label =
        |label: &[u8]| label.len() <= 63 && label.first().is_some_and(u8::is_ascii_alphanumeric);
    let name = name.strip_suffix(b".").unwrap_or(name);
    name.split(|byte| *byte == b'.')
        .all(is_label)
        .then_some(end)
}

/// `14/Sep/2015:16:31:02 +0000`, by its places.
fn http_date(line: &[u8], at: usize) -> Option<usize> {
    let text = line.get(at..at + 26)?;
    let pair = |place: usize| match (text[place], text[place + 1]) {
        (b'0'..=b'9', b'0'..=b'9') => (text[place] - b'0') * 10 + text[place + 1] - b'0',
        _ => u8::MAX,
    };
    let is_month = matches!(
        &text[3..6],
        b"Jan"
            | b"Feb"
            | b"Mar"
            | b"Apr"
            | b"May"
            | b"Jun"
            | b"Jul"
            | b"Aug"
            | b"Sep"
            | b"Oct"
            | b"Nov"
            | b"Dec"
    );
    let is_sound = (1..=31).contains(&pair(0))
        && text[2] == b'/'
        && is_month
        && text[6] == b'/'
        && pair(7) <= 99
        && pair(9) <= 99
        && text[11] == b':'
        && pair(12) <= 23
        && text[14] == b':'
        && pair(15) <= 59
        && text[17] == b':'
        && pair(18) <= 60
        && text[20] == b' '
        && matches!(text[21], b'+' | b'-')
        && pair(22) <= 99
        && pair(24) <= 99;
    is_sound.then_some(at + 26)
}
