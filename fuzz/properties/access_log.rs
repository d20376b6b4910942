//! What holds for every line of an access log.

use sawlog_parsers::access_log::{
    Common, Request, combined, common, nginx_timed, unescape, vhost_combined,
};
use sawlog_parsers::timestamp;

/// Checks the bytes as a line of each format, and as what a client sent to a server that writes such lines.
pub fn check(data: &[u8]) {
    if let Some(entry) = common(data) {
        a_common_line_is_the_sum_of_its_fields(data, &entry);
    }
    if let Some(entry) = combined(data) {
        assert_eq!(common(data), Some(entry.common));
        let quoted = [entry.referrer, entry.user_agent].map(|field| field.unwrap_or(b"-"));
        let [referrer, agent] = quoted;
        let fields = [b"\"", referrer, b"\" \"", agent, b"\""].concat();
        check_rest(entry.common.rest, &fields, entry.rest);
    }
    a_virtual_host_stands_before_a_combined_line(data);
    a_timed_line_is_the_sum_of_its_fields(data);
    what_clients_send_comes_back(data);
}

fn a_virtual_host_stands_before_a_combined_line(line: &[u8]) {
    let Some(entry) = vhost_combined(line) else {
        return;
    };
    assert_eq!(combined(line), None);
    let digits = behind(line, &[entry.virtual_host, b":"]);
    let (port, rest) = first_word(digits);
    assert_eq!(port.parse(), Ok(entry.port));
    let rest = rest.strip_prefix(b" ").expect("a blank behind the port");
    assert_eq!(combined(rest), Some(entry.combined));
}

/// What follows some fields is the rest, behind a blank.
#[track_caller]
fn check_rest(line: &[u8], fields: &[u8], rest: &[u8]) {
    let behind = line
        .strip_prefix(fields)
        .expect("the fields stand at the beginning");
    assert!(behind == rest && rest.is_empty() || behind.strip_prefix(b" ") == Some(rest));
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// What follows the fields, which stand at the beginning.
fn behind<'l>(line: &'l [u8], fields: &[&[u8]]) -> &'l [u8] {
    without_end(line)
        .strip_prefix(&fields.concat()[..])
        .expect("the fields stand at the beginning")
}

fn a_common_line_is_the_sum_of_its_fields(line: &[u8], entry: &Common<'_>) {
    let (ident, user) = (entry.ident.unwrap_or(b"-"), entry.user.unwrap_or(b"-"));
    assert!(!entry.client.contains(&b' ') && !ident.contains(&b' '));
    assert_eq!(
        timestamp::httpdate(entry.requested_at_text),
        Some(entry.requested_at)
    );
    check_request(&entry.request);
    let numbers = behind(
        line,
        &[
            entry.client,
            b" ",
            ident,
            b" ",
            user,
            b" [",
            entry.requested_at_text,
            b"] \"",
            entry.request.raw,
            b"\" ",
        ],
    );
    let numbers = check_numbers(numbers, entry.response_code, entry.bytes_sent);
    check_rest(numbers, b"", entry.rest);
}

/// Takes a code and a count of bytes off a text and gives what follows.
fn check_numbers(text: &[u8], code: Option<u16>, bytes: Option<u64>) -> &[u8] {
    let (word, text) = first_word(text);
    assert_eq!(word.parse().ok(), code, "{word}");
    assert_eq!(code.is_some(), word.len() == 3);
    let text = text
        .strip_prefix(b" ")
        .expect("a blank between the numbers");
    let (word, text) = first_word(text);
    assert_eq!(word.parse().ok(), bytes, "{word}");
    assert!(bytes.is_some() || word == "-");
    text
}

fn first_word(text: &[u8]) -> (&str, &[u8]) {
    let end = text
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(text.len());
    let word = std::str::from_utf8(&text[..end]).expect("numbers are digits");
    (word, &text[end..])
}

fn check_request(request: &Request<'_>) {
    let Some(line) = request.line else { return };
    assert!(!line.method.is_empty() && !line.target.is_empty());
    assert!(!line.target.contains(&b' '));
    let version = line.version.map(|version| [b" HTTP/", version].concat());
    let whole = [line.method, b" ", line.target, &version.unwrap_or_default()].concat();
    assert_eq!(request.raw, whole);
}

fn a_timed_line_is_the_sum_of_its_fields(line: &[u8]) {
    let Some(entry) = nginx_timed(line) else {
        return;
    };
    assert_eq!(
        timestamp::httpdate(entry.requested_at_text),
        Some(entry.requested_at)
    );
    check_request(&entry.request);
    let numbers = behind(
        line,
        &[
            entry.client,
            b" [",
            entry.requested_at_text,
            b"] \"",
            entry.request.raw,
            b"\" ",
        ],
    );
    let text = check_numbers(numbers, entry.response_code, entry.bytes_sent);
    let (word, rest) = first_word(text.strip_prefix(b" ").expect("a blank before the time"));
    match entry.response_time {
        None => assert_eq!(word, "-"),
        Some(time) => {
            let seconds: f64 = word.parse().expect("a number");
            let error = (time.as_secs_f64() - seconds).abs();
            assert!(error <= seconds * 1e-12 + 1e-9, "{word} is not {time:?}");
        }
    }
    check_rest(rest, b"", entry.rest);
}

/// As Nginx does it: whatever is no printable ASCII, quotes and backslashes.
fn escaped_by_nginx(text: &[u8]) -> Vec<u8> {
    let escape = |byte: &u8| match byte {
        b'"' | b'\\' | ..0x20 | 0x7F.. => format!("\\x{byte:02X}").into_bytes(),
        _ => vec![*byte],
    };
    text.iter().flat_map(escape).collect()
}

/// As Apache does it.
fn escaped_by_apache(text: &[u8]) -> Vec<u8> {
    let escape = |byte: &u8| match byte {
        b'"' | b'\\' => vec![b'\\', *byte],
        0x08 => br"\b".to_vec(),
        b'\n' => br"\n".to_vec(),
        b'\r' => br"\r".to_vec(),
        b'\t' => br"\t".to_vec(),
        0x0B => br"\v".to_vec(),
        ..0x20 | 0x7F.. => format!("\\x{byte:02x}").into_bytes(),
        _ => vec![*byte],
    };
    text.iter().flat_map(escape).collect()
}

fn what_clients_send_comes_back(data: &[u8]) {
    let (request, agent) = data.split_at(data.len() / 2);
    for escape in [escaped_by_nginx, escaped_by_apache] {
        let (request_escaped, agent_escaped) = (escape(request), escape(agent));
        let line = [
            b"::1 - a b [20/Nov/2026:16:46:09 +0100] \"",
            &request_escaped[..],
            b"\" 200 17 \"",
            &agent_escaped,
            b"\" \"",
            &agent_escaped,
            b"\"",
        ]
        .concat();
        let entry = combined(&line).expect("servers write such lines");
        assert_eq!(entry.common.user, Some(&b"a b"[..]));
        assert_eq!(entry.common.request.raw, request_escaped);
        assert_eq!(entry.rest, b"");
        let mut sent = Vec::new();
        unescape(entry.common.request.raw, &mut sent);
        assert_eq!(sent, request);
        for field in [entry.referrer, entry.user_agent] {
            sent.clear();
            unescape(field.unwrap_or(b"-"), &mut sent);
            assert_eq!(sent, agent);
        }
    }
}
