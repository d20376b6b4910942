//! Lines as servers write them, and lines as clients provoke them.

use std::ops::Range;

use super::*;
use crate::grok::{Grok, Options, Outcome, Patterns, Slots};

const COMMON: &str =
    r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326"#;
const COMBINED: &str = concat!(
    r#"192.0.2.216 - - [20/Nov/2026:18:56:21 +0100] "GET /catalogue/images/oak-bench-a.png HTTP/1.1" "#,
    r#"200 193066 "http://example.com/catalogue/" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1)""#
);
const TIMED: &str =
    r#"2001:db8::17 [14/Sep/2015:16:31:03 +0000] "POST /login HTTP/2.0" 502 173 1.250"#;

/// A line of the common format with a request of one's own.
fn asking(request: &str) -> String {
    format!(r#"::1 - - [10/Oct/2000:13:55:36 -0700] "{request}" 400 0"#)
}

#[track_caller]
fn check_request(request: &str, want: Option<(&str, &str, Option<&str>)>) {
    let line = asking(request);
    let entry = common(line.as_bytes()).expect("the line is well-formed");
    assert_eq!(
        entry.request.raw.escape_ascii().to_string(),
        request.escape_default().to_string()
    );
    let parts = entry
        .request
        .line
        .map(|line| (line.method, line.target, line.version));
    let want = want.map(|(method, target, version)| {
        (
            method.as_bytes(),
            target.as_bytes(),
            version.map(str::as_bytes),
        )
    });
    assert_eq!(parts, want);
}

#[track_caller]
fn check_user(line: &str, ident: Option<&str>, user: Option<&str>) {
    let entry = common(line.as_bytes()).expect("the line is well-formed");
    assert_eq!(entry.ident, ident.map(str::as_bytes));
    assert_eq!(entry.user, user.map(str::as_bytes));
}

#[track_caller]
fn check_numbers(numbers: &str, want: Option<(Option<u16>, Option<u64>)>) {
    let line = format!(r#"h - - [10/Oct/2000:13:55:36 -0700] "GET /" {numbers}"#);
    let entry = common(line.as_bytes());
    assert_eq!(
        entry.map(|entry| (entry.response_code, entry.bytes_sent)),
        want
    );
}

#[track_caller]
fn check_response_time(text: &str, want: Option<Option<Duration>>) {
    let line = format!(r#"h [10/Oct/2000:13:55:36 -0700] "GET /" 200 1 {text}"#);
    let entry = nginx_timed(line.as_bytes());
    assert_eq!(entry.map(|entry| entry.response_time), want);
}

#[track_caller]
fn check_quoted(fields: &str, want: Option<(Option<&str>, Option<&str>, &str)>) {
    let line = format!("{COMMON} {fields}");
    let entry = combined(line.as_bytes());
    let fields = entry.map(|entry| (entry.referrer, entry.user_agent, entry.rest));
    let want = want.map(|(referrer, agent, rest)| {
        (
            referrer.map(str::as_bytes),
            agent.map(str::as_bytes),
            rest.as_bytes(),
        )
    });
    assert_eq!(fields, want);
}

#[track_caller]
fn check_refused(line: &str) {
    assert_eq!(common(line.as_bytes()), None);
    assert_eq!(combined(line.as_bytes()), None);
    assert_eq!(nginx_timed(line.as_bytes()), None);
    assert_eq!(vhost_combined(line.as_bytes()), None);
}

#[test]
fn a_common_line_has_typed_fields() {
    let want = Common {
        client: b"127.0.0.1",
        ident: None,
        user: Some(b"frank"),
        requested_at: 971_211_336_000_000_000,
        requested_at_text: b"10/Oct/2000:13:55:36 -0700",
        request: Request {
            raw: b"GET /apache_pb.gif HTTP/1.0",
            line: Some(RequestLine {
                method: b"GET",
                target: b"/apache_pb.gif",
                version: Some(b"1.0"),
            }),
        },
        response_code: Some(200),
        bytes_sent: Some(2326),
        rest: b"",
    };
    assert_eq!(common(COMMON.as_bytes()), Some(want));
}

#[test]
fn a_combined_line_has_referrer_and_agent() {
    let entry = combined(COMBINED.as_bytes()).expect("well-formed");
    assert_eq!(entry.common.client, b"192.0.2.216");
    assert_eq!(
        (entry.common.response_code, entry.common.bytes_sent),
        (Some(200), Some(193_066))
    );
    assert_eq!(entry.referrer, Some(&b"http://example.com/catalogue/"[..]));
    assert_eq!(
        entry.user_agent,
        Some(&b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1)"[..])
    );
    assert_eq!(entry.rest, b"");
}

#[test]
fn a_timed_line_has_its_time() {
    let entry = nginx_timed(TIMED.as_bytes()).expect("well-formed");
    assert_eq!(entry.client, b"2001:db8::17");
    assert_eq!(entry.requested_at, 1_442_248_263_000_000_000);
    assert_eq!(entry.requested_at_text, b"14/Sep/2015:16:31:03 +0000");
    let request = entry.request.line.expect("a request line");
    assert_eq!(
        (request.method, request.target),
        (&b"POST"[..], &b"/login"[..])
    );
    assert_eq!(request.version, Some(&b"2.0"[..]));
    assert_eq!(
        (entry.response_code, entry.bytes_sent),
        (Some(502), Some(173))
    );
    assert_eq!(entry.response_time, Some(Duration::from_millis(1250)));
    assert_eq!(entry.rest, b"");
}

#[test]
fn a_combined_line_is_a_common_one_with_more() {
    let whole = combined(COMBINED.as_bytes()).expect("well-formed");
    assert_eq!(common(COMBINED.as_bytes()), Some(whole.common));
    assert!(whole.common.rest.starts_with(br#""http://"#));
    assert_eq!(combined(COMMON.as_bytes()), None);
}

#[test]
fn line_ends_are_no_part_of_a_line() {
    for line in [COMMON, COMBINED] {
        for end in ["\n", "\r\n", "\r"] {
            let ended = format!("{line}{end}");
            assert_eq!(common(ended.as_bytes()), common(line.as_bytes()));
            assert_eq!(combined(ended.as_bytes()), combined(line.as_bytes()));
        }
    }
    let ended = format!("{TIMED}\r\n");
    assert_eq!(nginx_timed(ended.as_bytes()), nginx_timed(TIMED.as_bytes()));
}

#[test]
fn clients_may_be_anything_without_blanks() {
    for client in [
        "::1",
        "fe80::1%eth0",
        "::ffff:10.0.0.7",
        "web-17.example.com",
        "unix:",
        "-",
        "\u{e9}",
    ] {
        let line = COMMON.replace("127.0.0.1", client);
        let entry = common(line.as_bytes()).expect("well-formed");
        assert_eq!(entry.client, client.as_bytes());
    }
}

#[test]
fn a_line_of_vhost_combined_begins_with_the_server() {
    for (server, host, port) in [
        ("www.example.org:443", "www.example.org", 443),
        ("192.0.2.7:80", "192.0.2.7", 80),
        ("[2001:db8::17]:8080", "[2001:db8::17]", 8080),
        ("localhost:0", "localhost", 0),
    ] {
        let line = format!("{server} {COMBINED}\r\n");
        let entry = vhost_combined(line.as_bytes()).expect("well-formed");
        assert_eq!((entry.virtual_host, entry.port), (host.as_bytes(), port));
        assert_eq!(Some(entry.combined), combined(COMBINED.as_bytes()));
        assert_eq!(combined(line.as_bytes()), None);
        assert_eq!(common(line.as_bytes()), None);
    }
}

#[test]
fn what_has_no_port_is_no_server() {
    for server in [
        "",
        "-",
        "www.example.org",
        "www.example.org:",
        ":443",
        "a:+443",
        "a:443x",
        "a:65536",
        "2001:db8::17",
    ] {
        let line = format!("{server} {COMBINED}");
        assert_eq!(vhost_combined(line.as_bytes()), None, "{server}");
    }
    assert_eq!(vhost_combined(format!("a:80 {COMMON}").as_bytes()), None);
    assert_eq!(vhost_combined(COMBINED.as_bytes()), None);
}

#[test]
fn dashes_are_nothing() {
    check_user(r#"h - - [10/Oct/2000:13:55:36 -0700] "-" - -"#, None, None);
    check_numbers("- -", Some((None, None)));
}

#[test]
fn ident_and_user_are_told_apart() {
    check_user(
        r#"h id me [10/Oct/2000:13:55:36 -0700] "" 200 1"#,
        Some("id"),
        Some("me"),
    );
}

#[test]
fn a_user_may_have_blanks() {
    check_user(
        r#"h - John A. Smith [10/Oct/2000:13:55:36 -0700] "" 200 1"#,
        None,
        Some("John A. Smith"),
    );
    check_user(
        r#"h - a  [10/Oct/2000:13:55:36 -0700] "" 200 1"#,
        None,
        Some("a "),
    );
}

#[test]
fn a_user_may_have_brackets_and_quotes() {
    check_user(
        r#"h - a [b] "c" [10/Oct/2000:13:55:36 -0700] "" 200 1"#,
        None,
        Some(r#"a [b] "c""#),
    );
    check_user(
        r#"h - [ [10/Oct/2000:13:55:36 -0700] "" 200 1"#,
        None,
        Some("["),
    );
}

#[test]
fn an_empty_user_is_quoted_by_apache() {
    check_user(
        r#"h - "" [10/Oct/2000:13:55:36 -0700] "" 200 1"#,
        None,
        Some(r#""""#),
    );
}

#[test]
fn request_lines_have_parts() {
    check_request("GET / HTTP/1.1", Some(("GET", "/", Some("1.1"))));
    check_request("PRI * HTTP/2.0", Some(("PRI", "*", Some("2.0"))));
    check_request("GET / HTTP/3", Some(("GET", "/", Some("3"))));
    check_request("M-SEARCH * HTTP/1.1", Some(("M-SEARCH", "*", Some("1.1"))));
    check_request(
        "CONNECT a.example:443 HTTP/1.1",
        Some(("CONNECT", "a.example:443", Some("1.1"))),
    );
    check_request(
        "get http://h/?a=b|c HTTP/1.0",
        Some(("get", "http://h/?a=b|c", Some("1.0"))),
    );
}

#[test]
fn requests_of_http_0_9_have_no_version() {
    check_request("GET /", Some(("GET", "/", None)));
}

#[test]
fn what_is_no_request_line_is_kept_whole() {
    check_request("", None);
    check_request("-", None);
    check_request("GET", None);
    check_request("GET ", None);
    check_request(" / HTTP/1.1", None);
    check_request("GET  HTTP/1.1", None);
    check_request("GET /a b HTTP/1.1", None);
    check_request("GET / HTTP/1.1 ", None);
    check_request("GET / HTTPS/1.1", None);
    check_request("GET / HTTP/", None);
    check_request("GET / HTTP/1.", None);
    check_request("GET / HTTP/11", None);
    check_request("(GET) / HTTP/1.1", None);
}

#[test]
fn tls_on_a_port_without_is_kept_whole() {
    let request = r"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03 \x8A";
    let line = asking(request);
    let entry = common(line.as_bytes()).expect("well-formed");
    assert_eq!(entry.request.raw, request.as_bytes());
    assert_eq!(entry.request.line, None);
}

#[test]
fn escaped_quotes_end_no_request() {
    let line = asking(r#"GET /a\"b HTTP/1.1"#);
    let entry = common(line.as_bytes()).expect("well-formed");
    let request = entry.request.line.expect("a request line");
    assert_eq!(request.target, br#"/a\"b"#);
    let line = asking(r"GET /a\x22 HTTP/1.1");
    let entry = common(line.as_bytes()).expect("well-formed");
    assert_eq!(
        entry.request.line.map(|line| line.target),
        Some(&br"/a\x22"[..])
    );
}

#[test]
fn quotes_that_nobody_escaped_end_no_request() {
    let line = asking(r#"GET /"a"b HTTP/1.1"#);
    let entry = common(line.as_bytes()).expect("well-formed");
    assert_eq!(
        entry.request.line.map(|line| line.target),
        Some(&br#"/"a"b"#[..])
    );
}

#[test]
fn referrer_and_agent_may_be_escaped_or_empty() {
    check_quoted(r#""-" "-""#, Some((None, None, "")));
    check_quoted(r#""" """#, Some((Some(""), Some(""), "")));
    check_quoted(r#""a\"b" "c\\""#, Some((Some(r#"a\"b"#), Some(r"c\\"), "")));
    check_quoted(
        r#""a\\\" b" "\"""#,
        Some((Some(r#"a\\\" b"#), Some(r#"\""#), "")),
    );
    check_quoted(r#""\x22" "x""#, Some((Some(r"\x22"), Some("x"), "")));
}

#[test]
fn what_follows_the_agent_is_the_rest() {
    check_quoted(
        r#""-" "x" "10.0.0.1" 0.5"#,
        Some((None, Some("x"), r#""10.0.0.1" 0.5"#)),
    );
    check_quoted(r#""-" "x" "#, Some((None, Some("x"), "")));
}

#[test]
fn quotes_without_end_are_refused() {
    check_quoted(r#""-" "x"#, None);
    check_quoted(r#""-" "x\""#, None);
    check_quoted(r#""-" x"#, None);
    check_quoted(r#""-""#, None);
    check_quoted(r#""-" "x"y"#, None);
}

#[test]
fn numbers_are_typed() {
    check_numbers("200 0", Some((Some(200), Some(0))));
    check_numbers("000 17", Some((Some(0), Some(17))));
    check_numbers(
        "999 18446744073709551615",
        Some((Some(999), Some(u64::MAX))),
    );
    check_numbers("- 1", Some((None, Some(1))));
    check_numbers("204 -", Some((Some(204), None)));
}

#[test]
fn other_numbers_are_refused() {
    check_numbers("20 0", None);
    check_numbers("2000 0", None);
    check_numbers("+20 0", None);
    check_numbers("200 -1", None);
    check_numbers("200 +1", None);
    check_numbers("200 1k", None);
    check_numbers("200 18446744073709551616", None);
    check_numbers("200", None);
    check_numbers("200 ", None);
}

#[test]
fn response_times_are_exact() {
    check_response_time("0.000", Some(Some(Duration::ZERO)));
    check_response_time("0.003", Some(Some(Duration::from_millis(3))));
    check_response_time("12", Some(Some(Duration::from_secs(12))));
    check_response_time("1.123456789", Some(Some(Duration::new(1, 123_456_789))));
    check_response_time("1.1234567891", Some(Some(Duration::new(1, 123_456_789))));
    check_response_time("-", Some(None));
}

#[test]
fn other_response_times_are_refused() {
    check_response_time("", None);
    check_response_time(".5", None);
    check_response_time("1.", None);
    check_response_time("-1", None);
    check_response_time("1.5s", None);
    check_response_time("18446744073709551616.0", None);
}

#[test]
fn times_that_do_not_exist_are_refused() {
    check_refused(&COMMON.replace("10/Oct", "31/Feb"));
    check_refused(&COMMON.replace("13:55", "25:55"));
    check_refused(&COMMON.replace("2000", "1500"));
    check_refused(&COMMON.replace(" -0700", ""));
    check_refused(&COMMON.replace("10/Oct", "1/Oct"));
}

#[test]
fn other_lines_are_refused() {
    check_refused("");
    check_refused(" ");
    check_refused("- - -");
    check_refused("Nov 20 16:45:08 web-17 sshd[4711]: Accepted publickey");
    check_refused(" 127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200 1");
    check_refused(r#"h  - [10/Oct/2000:13:55:36 -0700] "GET /" 200 1"#);
    check_refused(r#"h - -[10/Oct/2000:13:55:36 -0700] "GET /" 200 1"#);
    check_refused(r#"h - - [10/Oct/2000:13:55:36 -0700]"GET /" 200 1"#);
}

#[test]
fn no_beginning_of_a_line_panics() {
    for line in [COMMON, COMBINED, TIMED] {
        for end in 0..line.len() {
            let head = &line.as_bytes()[..end];
            assert_eq!(combined(head), None);
            let cut_number = common(head).is_none_or(|entry| entry.response_code == Some(200));
            assert!(cut_number);
            assert!(nginx_timed(head).is_none_or(|entry| entry.bytes_sent == Some(173)));
        }
    }
}

fn grok(expression: &str) -> Grok {
    Grok::compile(expression, &Patterns::legacy(), Options::default()).expect("a good expression")
}

/// The places of grok's captures in a line, by field; a field that was not captured has none.
#[track_caller]
fn grok_spans(grok: &Grok, line: &str) -> Vec<(String, Range<usize>)> {
    let mut slots = Slots::new();
    assert_eq!(
        grok.search(line.as_bytes(), &mut slots),
        Outcome::Match,
        "{line}"
    );
    let fields = grok.captures().iter().enumerate();
    let spans =
        fields.filter_map(|(index, capture)| Some((capture.field.clone(), slots.span(index)?)));
    spans.collect()
}

/// Where in the line a field lies.
fn place(line: &str, field: &[u8]) -> Range<usize> {
    let begin = field.as_ptr() as usize - line.as_ptr() as usize;
    begin..begin + field.len()
}

/// Each field that was captured lies where the parser's lies, or is the dash or number that it means.
#[track_caller]
fn check_field(line: &str, spans: &[(String, Range<usize>)], name: &str, field: Option<&[u8]>) {
    let span = spans
        .iter()
        .find(|(field, _)| field == name)
        .map(|(_, span)| span.clone());
    match field {
        Some(field) => assert_eq!(span, Some(place(line, field)), "{name} of {line}"),
        None => assert!(
            span.is_none_or(|span| &line[span] == "-"),
            "{name} of {line}"
        ),
    }
}

#[track_caller]
fn check_number(line: &str, spans: &[(String, Range<usize>)], name: &str, number: Option<u64>) {
    let span = spans.iter().find(|(field, _)| field == name);
    let text = span.map(|(_, span)| &line[span.clone()]);
    assert_eq!(
        text.map(|text| text.parse().expect("a number")),
        number,
        "{name} of {line}"
    );
}

#[track_caller]
fn check_common_agrees(line: &str, spans: &[(String, Range<usize>)], entry: &Common<'_>) {
    check_field(line, spans, "clientip", Some(entry.client));
    check_field(line, spans, "ident", entry.ident);
    check_field(line, spans, "auth", entry.user);
    check_field(line, spans, "timestamp", Some(entry.requested_at_text));
    let request = entry.request.line;
    check_field(line, spans, "verb", request.map(|request| request.method));
    check_field(
        line,
        spans,
        "request",
        request.map(|request| request.target),
    );
    check_field(
        line,
        spans,
        "httpversion",
        request.and_then(|request| request.version),
    );
    if request.is_none() {
        check_field(line, spans, "rawrequest", Some(entry.request.raw));
    }
    check_number(line, spans, "response", entry.response_code.map(u64::from));
    check_number(line, spans, "bytes", entry.bytes_sent);
}

/// A field with the quotes around it, which grok captures too.
#[track_caller]
fn check_quoted_agrees(
    line: &str,
    spans: &[(String, Range<usize>)],
    name: &str,
    field: Option<&[u8]>,
) {
    let span = spans
        .iter()
        .find(|(field, _)| field == name)
        .map(|(_, span)| span.clone());
    let span = span.expect("the field is captured");
    match field {
        Some(field) => assert_eq!(
            span.start + 1..span.end - 1,
            place(line, field),
            "{name} of {line}"
        ),
        None => assert_eq!(&line[span], "\"-\"", "{name} of {line}"),
    }
}

const CLIENTS: &[&str] = &["10.0.0.7", "2001:db8::17", "::1", "web-17.example.com"];
const USERS: &[&str] = &["- -", "- alice", "id bob.b", "- a@example.com"];
const TIMES: &[&str] = &["20/Nov/2026:16:46:09 +0000", "01/Jan/1999:00:00:00 -1130"];
const REQUESTS: &[&str] = &[
    "GET / HTTP/1.1",
    "POST /a/b.php?c=d&e=%20#f HTTP/2.0",
    "GET /old",
    "-",
    "",
    r"\x16\x03\x01\x00",
    "GET /with blank HTTP/1.1",
    r#"GET /\"quoted\" HTTP/1.1"#,
];
const NUMBERS: &[&str] = &["200 17", "304 -", "- 0", "500 9007199254740993"];
const AGENTS: &[&str] = &[
    r#""-" "-""#,
    r#""http://h/?a=b" "Mozilla/5.0 (X11; \"odd\" one)""#,
    r#""a\\" "b 'c'""#,
];

/// Every combination of the fields above.
fn lines() -> impl Iterator<Item = (String, &'static str)> {
    let heads = CLIENTS
        .iter()
        .flat_map(|client| USERS.iter().map(move |users| (client, users)));
    let middles = heads.flat_map(|head| TIMES.iter().map(move |time| (head, time)));
    let requests = middles.flat_map(|middle| REQUESTS.iter().map(move |request| (middle, request)));
    let numbers =
        requests.flat_map(|request| NUMBERS.iter().map(move |numbers| (request, numbers)));
    let all = numbers.flat_map(|numbers| AGENTS.iter().map(move |agent| (numbers, agent)));
    all.map(|(((((client, users), time), request), numbers), agent)| {
        (
            format!("{client} {users} [{time}] \"{request}\" {numbers}"),
            *agent,
        )
    })
}

#[test]
fn grok_finds_the_same_in_common_lines() {
    let grok = grok("^%{COMMONAPACHELOG}$");
    for (line, _) in lines().step_by(7) {
        let spans = grok_spans(&grok, &line);
        let entry = common(line.as_bytes()).expect("well-formed");
        check_common_agrees(&line, &spans, &entry);
    }
}

#[test]
fn grok_finds_the_same_in_combined_lines() {
    let grok = grok("^%{COMBINEDAPACHELOG}$");
    for (line, agent) in lines().step_by(7) {
        let line = format!("{line} {agent}");
        let spans = grok_spans(&grok, &line);
        let entry = combined(line.as_bytes()).expect("well-formed");
        check_common_agrees(&line, &spans, &entry.common);
        check_quoted_agrees(&line, &spans, "referrer", entry.referrer);
        check_quoted_agrees(&line, &spans, "agent", entry.user_agent);
    }
}

#[test]
fn grok_finds_the_same_in_timed_lines() {
    const EXPRESSION: &str = concat!(
        r#"^%{IP:client} \[%{HTTPDATE:requested_at}\] "%{WORD:method} %{NOTSPACE:path} HTTP/%{NUMBER:version}" "#,
        r"%{NUMBER:response_code} %{NUMBER:bytes_sent} %{NUMBER:response_time}$"
    );
    let grok = grok(EXPRESSION);
    for line in [
        TIMED,
        r#"172.16.132.216 [14/Sep/2015:16:31:02 +0000] "GET /cart?item=7&n=2 HTTP/1.1" 304 0 0.002"#,
    ] {
        let spans = grok_spans(&grok, line);
        let entry = nginx_timed(line.as_bytes()).expect("well-formed");
        let request = entry.request.line.expect("a request line");
        check_field(line, &spans, "client", Some(entry.client));
        check_field(line, &spans, "requested_at", Some(entry.requested_at_text));
        check_field(line, &spans, "method", Some(request.method));
        check_field(line, &spans, "path", Some(request.target));
        check_field(line, &spans, "version", request.version);
        check_number(
            line,
            &spans,
            "response_code",
            entry.response_code.map(u64::from),
        );
        check_number(line, &spans, "bytes_sent", entry.bytes_sent);
        let (_, span) = spans.last().expect("the last field");
        let seconds: f64 = line[span.clone()].parse().expect("a number");
        assert_eq!(
            entry.response_time.map(|time| time.as_secs_f64()),
            Some(seconds)
        );
    }
}
