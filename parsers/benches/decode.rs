//! Syslog, Docker's formats and timestamps beside what else does the same work, in one run:
//! `cargo bench -p sawlog-parsers --bench decode`, with `-- --out FILE` to keep the table.
//!
//! It prints a table and whether each requirement holds: syslog at least three times as fast as
//! `syslog_loose`, a json-file record at most twice a bare scan for the same quotes and backslashes.
//! Before anything is timed, both sides of a row must have come to the same result. Grok is elsewhere.

use std::hint::black_box;
use std::process::ExitCode;

use memchr::memchr2_iter;
use sawlog_parsers::syslog::{self, Message, Reference};
use sawlog_parsers::timestamp::{self, Context, Format, Pattern, Zone};
use sawlog_parsers::{cri, docker_frames, docker_json};
use syslog_loose::Variant;

#[path = "decode/measure.rs"]
mod measure;

use measure::{Requirement, Row, work};

/// Rounds of a real run; each takes about two milliseconds a row.
const ROUNDS: usize = 101;

const NOVEMBER: Reference = Reference {
    year: 2026,
    month: 11,
    utc_offset_seconds: 0,
};

/// 2026-11-20T16:46:09Z.
const NOW_NANOS: i64 = 1_795_193_169_000_000_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --all-targets` runs this too, without the word: then it is enough that it runs.
    let rounds = match arguments.iter().any(|argument| argument == "--bench") {
        true => ROUNDS,
        false => 1,
    };
    let mut rows = Vec::new();
    rows.extend(rfc3164_rows());
    rows.extend(rfc5424_rows());
    rows.extend(json_rows());
    rows.extend(docker_rows());
    rows.extend(time_rows());
    // As with the standard harness, a bare word chooses the rows whose name holds it.
    let word = arguments.get(1).filter(|word| !word.starts_with("--"));
    rows.retain(|row| word.is_none_or(|word| row.name.contains(word.as_str())));
    if rows.is_empty() {
        eprintln!("no row has a name with that word");
        return ExitCode::FAILURE;
    }
    let report = measure::run(rows, rounds);
    let text = format!(
        "{}. Nanoseconds for one line, {rounds} rounds in turn.\n\n{}",
        measure::machine(),
        report.table
    );
    println!("{text}");
    let out = arguments.iter().position(|argument| argument == "--out");
    if let Some(path) = out.and_then(|at| arguments.get(at + 1)) {
        std::fs::write(path, &text).expect("the file of --out can be written");
    }
    if report.missed.is_empty() {
        println!("Every requirement holds.");
        return ExitCode::SUCCESS;
    }
    println!(
        "Requirements that do not hold: {}",
        report.missed.join("; ")
    );
    // One round is no measurement.
    match rounds {
        1 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The crate's usual call; the variant is told, which spares it a try.
fn loose(line: &str, variant: Variant) -> syslog_loose::Message<&str> {
    let zone = chrono::FixedOffset::east_opt(0);
    syslog_loose::parse_message_with_year_exact_tz(line, |_| NOVEMBER.year, zone, variant)
        .expect("a line that the crate understands")
}

/// Both understand the line, and alike.
#[track_caller]
fn assert_same(ours: &Message<'_>, theirs: &syslog_loose::Message<&str>) {
    let time = theirs.timestamp.and_then(|time| time.timestamp_nanos_opt());
    assert_eq!(ours.timestamp, time);
    assert_eq!(ours.host, theirs.hostname.map(str::as_bytes));
    assert_eq!(ours.program, theirs.appname.map(str::as_bytes));
    assert_eq!(ours.message, theirs.msg.as_bytes());
}

fn rfc3164_rows() -> Vec<Row> {
    let lines = [
        (
            "RFC 3164, sshd",
            "<38>Nov 20 16:46:09 web-07 sshd[2201]: Accepted publickey for deploy from 10.20.30.40 port 51422 ssh2",
        ),
        (
            "RFC 3164, no pid",
            "<4>Nov  2 06:46:09 web-07 kernel: eth0: link is not ready, waiting for carrier",
        ),
        (
            "RFC 3164, Docker with host",
            "<30>Nov 20 16:46:09 vm 541af639d1c4[25336]: 10.0.0.9 - - \"GET /index.html HTTP/1.1\" 200 612",
        ),
        (
            "RFC 3164, Docker without host",
            "<30>Nov 20 16:44:52 71ecc687f4f8[25336]: 10.0.0.9 - - \"GET /index.html HTTP/1.1\" 200 612",
        ),
        (
            "RFC 3164, ISO 8601 stamp",
            "<38>2026-11-20T16:46:09.123456+01:00 web-07 sshd[2201]: Accepted publickey for deploy",
        ),
        (
            "RFC 3164, no priority",
            "Nov 20 16:46:09 web-07 CRON[881]: (root) CMD (run-parts /etc/cron.hourly)",
        ),
    ];
    let row = |(name, line): (&str, &'static str)| {
        assert_same(
            &syslog::parse(line.as_bytes(), &NOVEMBER),
            &loose(line, Variant::RFC3164),
        );
        Row {
            name: name.to_owned(),
            bytes: line.len(),
            requirement: Requirement::FasterTimes(3.0),
            ours: work(line.as_bytes(), |line| syslog::parse(line, &NOVEMBER)),
            other: Some((
                "syslog_loose",
                work(line, |line| loose(line, Variant::RFC3164)),
            )),
        }
    };
    lines.into_iter().map(row).collect()
}

fn rfc5424_rows() -> Vec<Row> {
    let lines = [
        (
            "RFC 5424, no structured data",
            "<165>1 2026-11-20T16:46:09.003Z web-07.example.com evntslog 8710 ID47 - An application event log entry",
        ),
        (
            "RFC 5424, Docker",
            "<30>1 2026-11-20T16:45:04.214837Z vm f119ed761f9c 25336 f119ed761f9c - 10.0.0.9 GET /index.html 200",
        ),
        (
            "RFC 5424, structured data, walked",
            "<165>1 2026-11-20T16:46:09.003Z web-07.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" \
             eventSource=\"Application\" eventID=\"1011\"][examplePriority@32473 class=\"high\"] An entry",
        ),
    ];
    let row = |(name, line): (&str, &'static str)| {
        let ours = syslog::parse(line.as_bytes(), &NOVEMBER);
        let theirs = loose(line, Variant::RFC5424);
        assert_same(&ours, &theirs);
        let flat = theirs.structured_data.iter().flat_map(|element| {
            let params = element.params.iter();
            params.map(|(name, value)| (element.id.as_bytes(), name.as_bytes(), value.as_bytes()))
        });
        assert!(ours.structured_data.eq(flat));
        Row {
            name: name.to_owned(),
            bytes: line.len(),
            requirement: Requirement::FasterTimes(3.0),
            ours: work(line.as_bytes(), |line| {
                let message = syslog::parse(line, &NOVEMBER);
                black_box(&message);
                message.structured_data.count()
            }),
            other: Some((
                "syslog_loose",
                work(line, |line| loose(line, Variant::RFC5424)),
            )),
        }
    };
    lines.into_iter().map(row).collect()
}

/// A record as the daemon writes it, around a text that is escaped already.
fn record(log: &str) -> Vec<u8> {
    format!(r#"{{"log":"{log}","stream":"stdout","time":"2026-11-20T16:46:09.929473720Z"}}"#)
        .into_bytes()
}

/// The bare scan that no parser of a record can do without: where quotes and backslashes stand.
fn scan(record: &[u8]) -> usize {
    memchr2_iter(b'"', b'\\', record).fold(0, |sum, at| sum ^ at)
}

/// What the scan finds must be what the parser found: a text between its quotes.
fn assert_cut(record: &[u8], partial: bool) {
    let parsed = docker_json::parse(record).expect("a record");
    assert_eq!(
        (parsed.partial, parsed.stream.as_str()),
        (partial, "stdout")
    );
    let judged: serde_json::Value = serde_json::from_slice(record).expect("an object");
    let mut text = Vec::new();
    parsed.log.write(&mut text);
    if !partial {
        text.push(b'\n');
    }
    assert_eq!(judged["log"].as_str().map(str::as_bytes), Some(&text[..]));
    assert_eq!(parsed.time, Some(NOW_NANOS + 929_473_720));
    let begin = r#"{"log":""#.len();
    let mut protected = None;
    let closing = memchr2_iter(b'"', b'\\', record).find(|at| {
        let is_protected = protected == Some(*at);
        protected = (record[*at] == b'\\' && !is_protected).then_some(at + 1);
        begin <= *at && record[*at] == b'"' && !is_protected
    });
    let end = if partial { 0 } else { r"\n".len() };
    assert_eq!(closing, Some(begin + parsed.log.raw().len() + end));
}

fn json_rows() -> Vec<Row> {
    let plain = "10.20.30.40 - - [20/Nov/2026:16:46:09 +0000] GET /static/app.css HTTP/1.1 200 5316 0.003 upstream";
    let escapes = r#"{\"level\":\"info\",\"logger\":\"http\",\"msg\":\"request done\",\"method\":\"GET\",\"path\":\"/api/v1/orders?limit=50\u0026page=2\",\"status\":200,\"duration_ms\":12.5,\"remote\":\"10.20.30.40\",\"trace\":\"4bf92f3577b34da6a3ce929d0e0e4736\"}"#;
    let lines = [
        (
            "json-file, plain line",
            record(&format!(r"{plain}\n")),
            false,
        ),
        (
            "json-file, line with escapes",
            record(&format!(r"{escapes}\n")),
            false,
        ),
        (
            "json-file, 16 KiB partial",
            record(&"0123456789abcdef".repeat(1024)),
            true,
        ),
        (
            "json-file, 16 KiB partial with escapes",
            record(&format!("{escapes} ").repeat(65)),
            true,
        ),
    ];
    let mut rows: Vec<Row> = lines
        .into_iter()
        .map(|(name, line, partial)| {
            assert_cut(&line, partial);
            let other = line.clone();
            Row {
                name: name.to_owned(),
                bytes: line.len(),
                requirement: Requirement::CostsAtMost(2.0),
                ours: work(line, |line| {
                    docker_json::parse(line).expect("a record").time
                }),
                other: Some(("memchr2", work(other, |line| scan(line)))),
            }
        })
        .collect();
    rows.push(unescape_row(escapes));
    rows
}

fn unescape_row(escapes: &'static str) -> Row {
    let unescape = |text: &str| {
        let mut out = Vec::with_capacity(text.len());
        docker_json::unescape(text.as_bytes(), &mut out);
        out
    };
    let quoted = format!("\"{escapes}\"");
    let judged: String = serde_json::from_str(&quoted).expect("a string");
    assert_eq!(unescape(escapes), judged.as_bytes());
    Row {
        name: "unescape".to_owned(),
        bytes: escapes.len(),
        requirement: Requirement::Free,
        ours: work(escapes, move |text| unescape(text)),
        other: Some((
            "serde_json",
            work(quoted, |text| serde_json::from_str::<String>(text).is_ok()),
        )),
    }
}

/// Records found in an answer of the logs API.
fn frames(answer: &[u8]) -> (usize, i64) {
    let limits = docker_frames::Limits {
        record_bytes_max: 1 << 20,
    };
    let mut decoder = docker_frames::Decoder::new(docker_frames::Mode::Multiplexed, limits);
    let (mut rest, mut count, mut times) = (answer, 0, 0);
    while let docker_frames::Step::Record { time, consumed, .. } = decoder.decode(rest) {
        rest = &rest[consumed..];
        count += 1;
        times ^= time.unwrap_or_default();
    }
    (count, times)
}

fn docker_rows() -> Vec<Row> {
    let text =
        "2026-11-20T16:46:09.929473720Z 10.20.30.40 - - GET /static/app.css HTTP/1.1 200 5316\n";
    let mut answer = vec![1, 0, 0, 0];
    answer.extend_from_slice(&(text.len() as u32).to_be_bytes());
    answer.extend_from_slice(text.as_bytes());
    assert_eq!(frames(&answer.repeat(2)), (2, 0));
    let line = "2026-11-20T16:46:09.929473720Z stdout F 10.20.30.40 - - GET /static/app.css HTTP/1.1 200 5316";
    assert!(cri::parse(line.as_bytes()).is_some());
    let free = |name: &str, bytes, ours| Row {
        name: name.to_owned(),
        bytes,
        requirement: Requirement::Free,
        ours,
        other: None,
    };
    vec![
        free(
            "frame of the logs API",
            answer.len(),
            work(answer, |answer| frames(answer)),
        ),
        free(
            "CRI line",
            line.len(),
            work(line.as_bytes(), |line| cri::parse(line)),
        ),
    ]
}

/// Reads a stamp in two ways, which must agree.
fn stamp(
    name: &str,
    text: &'static str,
    ours: impl Fn(&[u8]) -> Option<i64> + 'static,
    beside: &'static str,
    theirs: impl Fn(&str) -> Option<i64> + 'static,
) -> Row {
    assert_eq!(ours(text.as_bytes()), theirs(text), "{name}");
    assert!(theirs(text).is_some(), "{name}");
    Row {
        name: name.to_owned(),
        bytes: text.len(),
        requirement: Requirement::Free,
        ours: work(text.as_bytes(), move |text| ours(text)),
        other: Some((beside, work(text, move |text| theirs(text)))),
    }
}

fn jiff_nanos(text: &str, format: &str) -> Option<i64> {
    let time = jiff::Timestamp::strptime(format, text).ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

fn time_rows() -> Vec<Row> {
    let mut rows = iso_and_http_rows();
    rows.extend(format_rows());
    rows
}

fn iso_and_http_rows() -> Vec<Row> {
    let iso = "2026-11-20T16:46:09.929473720Z";
    let http = "20/Nov/2026:16:46:09 +0000";
    let ours = |text: &[u8]| timestamp::iso8601(text, 0);
    let nanos = |time: chrono::DateTime<chrono::FixedOffset>| time.timestamp_nanos_opt();
    vec![
        stamp("ISO 8601", iso, ours, "jiff", |text| {
            let time: jiff::Timestamp = text.parse().ok()?;
            i64::try_from(time.as_nanosecond()).ok()
        }),
        stamp("ISO 8601", iso, ours, "chrono", move |text| {
            nanos(chrono::DateTime::parse_from_rfc3339(text).ok()?)
        }),
        stamp("HTTPDATE", http, timestamp::httpdate, "jiff", |text| {
            jiff_nanos(text, "%d/%b/%Y:%H:%M:%S %z")
        }),
        stamp(
            "HTTPDATE",
            http,
            timestamp::httpdate,
            "chrono",
            move |text| nanos(chrono::DateTime::parse_from_str(text, "%d/%b/%Y:%H:%M:%S %z").ok()?),
        ),
    ]
}

/// The year is no part of the stamp, so jiff is given it.
fn jiff_syslog_nanos(text: &str) -> Option<i64> {
    let format = "%b %e %H:%M:%S";
    let mut time = jiff::fmt::strtime::BrokenDownTime::parse(format, text).ok()?;
    time.set_year(Some(2026)).ok()?;
    let time = time.to_datetime().ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    i64::try_from(time.timestamp().as_nanosecond()).ok()
}

fn format_rows() -> Vec<Row> {
    let joda = Format::compile("yyyy-MM-dd HH:mm:ss,SSS Z").expect("a format");
    let read = move |text: &[u8]| {
        let zone = Zone::utc();
        let context = Context {
            zone: &zone,
            now_nanos: NOW_NANOS,
        };
        joda.parse(text, &context)
    };
    let written = "2026-11-20 16:46:09,929 +0100";
    let syslog = |text: &[u8]| timestamp::syslog(text, &NOVEMBER);
    let index = Pattern::compile("YYYY.MM.dd", timestamp::Dialect::Joda).expect("a pattern");
    vec![
        stamp(
            "syslog stamp",
            "Nov 20 16:46:09",
            syslog,
            "jiff",
            jiff_syslog_nanos,
        ),
        stamp("compiled Joda format", written, read, "jiff", |text| {
            jiff_nanos(text, "%Y-%m-%d %H:%M:%S,%f %z")
        }),
        Row {
            name: "index date written, YYYY.MM.dd".to_owned(),
            bytes: 10,
            requirement: Requirement::Free,
            ours: work(index, |index| {
                let mut out = Vec::with_capacity(16);
                index.write(NOW_NANOS, &mut out);
                out
            }),
            other: None,
        },
    ]
}
