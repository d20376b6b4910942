//! Lines that mean harm: ten megabytes without an end, deep nesting, runs that invite a search to begin again at every
//! byte. Each parser must come back, without a panic, without a deep stack, within seconds where work that grows with the
//! square of the line would take days.

#[path = "hostile/budget.rs"]
mod budget;
#[path = "hostile/fields.rs"]
mod fields;
#[path = "hostile/tokens.rs"]
mod tokens;

use std::sync::mpsc;
use std::time::Duration;

use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots, Tier, WorstCase};
use sawlog_parsers::joiner::Joiner;
use sawlog_parsers::lines::Delimiter;
use sawlog_parsers::syslog::{self, Reference};
use sawlog_parsers::{Stream, docker_json};
use sawlog_parsers::{cri, docker_frames, framing, grok, timestamp};

/// Bytes of a hostile line.
const LINE_BYTES: usize = 10_000_000;
/// What a parser may take for it on a slow and busy machine, without optimisation. Ten million bytes at a hundred steps
/// each are done in it, the square of ten million steps would take a day.
const WAIT: Duration = Duration::from_secs(600);
/// The stack that a thread has by default.
const STACK_BYTES: usize = 2 << 20;

const REFERENCE: Reference = Reference {
    year: 2026,
    month: 11,
    utc_offset_seconds: 0,
};

/// Runs the work on a thread of its own and fails, with its name, when it panics or does not come back.
#[track_caller]
fn check(name: &str, work: impl FnOnce() + Send + 'static) {
    let (done, waits) = mpsc::channel();
    let run = move || {
        work();
        done.send(()).expect("the test waits");
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let thread = thread.spawn(run).expect("a thread can be had");
    let ended = waits.recv_timeout(WAIT);
    assert_ne!(
        ended,
        Err(mpsc::RecvTimeoutError::Timeout),
        "{name} is stuck"
    );
    assert!(thread.join().is_ok(), "{name} panicked");
}

/// The piece again and again, up to the size of a hostile line.
fn repeated(piece: &[u8]) -> Vec<u8> {
    piece.repeat(LINE_BYTES / piece.len())
}

/// A head, the piece again and again, a tail.
fn framed(head: &[u8], piece: &[u8], tail: &[u8]) -> Vec<u8> {
    [head, &repeated(piece), tail].concat()
}

/// Lines that match no format as a whole, and begin like many.
fn lines() -> Vec<Vec<u8>> {
    vec![
        repeated(b"a"),
        repeated(b" "),
        repeated(b"0"),
        repeated(b"\0"),
        repeated(b"\xFF"),
        repeated(b"\n"),
        repeated(b"192.0.2.7 "),
        repeated(b"1.2.3.4.5."),
        repeated(b"a:b:"),
        repeated(b"\"a"),
        repeated(b"\\\""),
        repeated("\u{1F980}".as_bytes()),
        framed(
            b"192.0.2.7 - - [20/Nov/2026:18:56:21 +0100] \"GET /",
            b"a",
            b"",
        ),
        framed(b"Nov 20 18:56:21 web-17 ", b"x[", b"]: y"),
    ]
}

/// All hostile lines against one expression, which must be of the tier.
#[track_caller]
fn check_search(expression: &'static str, tier: Tier) {
    check(expression, move || {
        let grok = Grok::compile(expression, &Patterns::legacy(), Options::default());
        let grok = grok.expect("the expression is sound");
        assert_eq!(grok.tier(), tier, "{}", grok.tier_reason());
        let mut slots = Slots::new();
        for line in lines() {
            let outcome = grok.search(&line, &mut slots);
            let spans = (0..grok.captures().len()).filter_map(|index| slots.span(index));
            if outcome == Outcome::Match {
                assert!(spans.into_iter().all(|span| span.end <= line.len()));
            }
        }
    });
}

#[test]
fn scanners_come_back() {
    check_search("%{COMBINEDAPACHELOG}", Tier::Scanner);
    check_search("%{SYSLOGBASE} %{GREEDYDATA:rest}", Tier::Scanner);
    check_search("%{NOTSPACE:a} %{DATA:b}\\[%{NUMBER:c}\\]$", Tier::Scanner);
}

#[test]
fn automata_come_back() {
    check_search("^(?<x>(?:a|b|ab)+)(?: |$)", Tier::Automaton);
}

#[test]
fn backtrackers_come_back() {
    check_search("^(?<x>a|b)(?:a(?=b|c)|b|\\k<x>)*$", Tier::Backtracker);
}

#[test]
fn a_search_that_would_not_end_says_that_its_budget_is_spent() {
    check("nested repetition", || {
        let expression = "^(?<x>a)(?:a|a(?=a)|\\k<x>)+$";
        let grok = Grok::compile(expression, &Patterns::new(), Options::default());
        let grok = grok.expect("the expression is sound");
        let line = framed(b"", b"a", b"!");
        let outcome = grok.search(&line, &mut Slots::new());
        assert_eq!(outcome, Outcome::BudgetSpent);
        let short = b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
        assert_eq!(grok.search(short, &mut Slots::new()), Outcome::BudgetSpent);
    });
}

/// The budget is far too small for the backtracker, so an automaton that gives such a line up would be seen.
#[test]
fn no_byte_of_a_sender_takes_a_line_from_the_automaton() {
    let options = Options {
        steps_max: 100,
        ..Options::default()
    };
    let expression = "^(?<x>(?:a|b|ab)+)(?<y> |$)";
    let grok = Grok::compile(expression, &Patterns::new(), options).expect("it is sound");
    assert_eq!(
        (grok.tier(), grok.worst_case()),
        (Tier::Automaton, WorstCase::Linear)
    );
    let mut slots = Slots::new();
    for tail in [
        &b"!"[..],
        b"\xFF",
        b"\xC3",
        b"\xED\xA0\x80",
        b"!\n",
        b"\xFF\n",
    ] {
        let line = [&b"ab".repeat(1000)[..], tail].concat();
        assert_eq!(grok.search(&line, &mut slots), Outcome::NoMatch);
        let line = [b"\xFF\n\xE2\x82\n", &b"ab".repeat(1000)[..], b" ", tail].concat();
        assert_eq!(grok.search(&line, &mut slots), Outcome::Match);
        assert_eq!(
            (slots.span(0), slots.span(1)),
            (Some(5..2005), Some(2005..2006))
        );
    }
}

#[test]
fn an_explanation_takes_the_budget_twice_at_most() {
    check("explain of many alternatives", || {
        let hard = |end: char| format!("^(?<x>a)(?:a|a(?=a)|\\k<x>)+{end}$");
        let hard: Vec<String> = ('b'..='z').map(hard).collect();
        let options = Options {
            steps_max: 1_000_000,
            ..Options::default()
        };
        let grok = Grok::compile(&hard.join("|"), &Patterns::new(), options);
        let told = grok.expect("it is sound").explain(&b"a".repeat(100));
        assert_eq!(told.outcome, Outcome::BudgetSpent);
        // Each has its share of the second budget.
        assert_eq!(told.alternatives.len(), 25);
    });
}

#[test]
fn an_explanation_comes_back() {
    check("explain", || {
        for expression in ["%{COMBINEDAPACHELOG}", "%{DATA:a} %{GREEDYDATA:b}x$"] {
            let grok = Grok::compile(expression, &Patterns::legacy(), Options::default());
            let grok = grok.expect("the expression is sound");
            for line in [framed(b"192.0.2.7 - ", b"a ", b"!"), repeated(b"\xFF")] {
                assert!(grok.explain(&line).rest.end <= line.len());
            }
        }
    });
}

#[test]
fn numbers_of_any_length_are_read() {
    check("numbers", || {
        let pieces = [
            (&b"9"[..], None, None),
            (b"0", Some(0), Some(0.0)),
            (b"1_", None, None),
            (b"-", Some(0), Some(0.0)),
            (b".", Some(0), Some(0.0)),
            (b"1e", Some(1), Some(10.0)),
        ];
        for (piece, int, float) in pieces {
            let text = repeated(piece);
            assert_eq!(grok::parse_boolean(&text), None);
            assert_eq!(
                (grok::parse_int(&text), grok::parse_float(&text)),
                (int, float)
            );
        }
        let fraction = framed(b"0.", b"3", b"");
        assert!(grok::parse_float(&fraction).is_some_and(|value| value < 0.34));
    });
}

#[test]
fn syslog_comes_back() {
    check("syslog", || {
        let more = [
            framed(
                b"<34>1 2026-11-20T18:56:21Z h p - - ",
                b"[a b=\"c\"]",
                b" x",
            ),
            framed(
                b"<34>1 2026-11-20T18:56:21Z h p - - [a b=\"",
                b"\\\"",
                b"\"] x",
            ),
            framed(
                b"<34>1 2026-11-20T18:56:21Z h p - - [a ",
                b"b=\"c\" ",
                b"] x",
            ),
            framed(b"<34>1 2026-11-20T18:56:21Z ", b"h", b" p - - - x"),
            framed(b"<34>1 - - - - - ", b"[", b""),
            framed(b"<34>Nov 20 18:56:21 h ", b"p", b"[1]: x"),
            framed(b"<34>Nov 20 18:56:21 h p[", b"1", b"]: x"),
            framed(b"<34>", b"<34>", b""),
            framed(b"<34>Nov 20 18:56:21.", b"0", b" h p: x"),
        ];
        for line in lines().into_iter().chain(more) {
            let message = syslog::parse(&line, &REFERENCE);
            assert!(message.message.len() <= line.len());
            let mut text = Vec::new();
            for (_id, _name, value) in message.structured_data {
                syslog::unescape_value(value, &mut text);
            }
            assert!(text.len() <= line.len());
        }
    });
}

#[test]
fn docker_json_comes_back() {
    check("docker_json", || {
        let more = [
            framed(
                b"{\"log\":\"",
                b"\\\\",
                b"\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-20T18:56:21Z\"}",
            ),
            framed(
                b"{\"log\":\"",
                b"\\\"",
                b"\",\"stream\":\"stdout\",\"time\":\"2026-11-20T18:56:21Z\"}",
            ),
            framed(b"{\"log\":\"", b"\\u00e9", b"\"}"),
            framed(b"{\"a\":", b"[", b"]}"),
            framed(b"{\"a\":", b"{\"a\":", b"1}"),
            framed(b"{", b"\"a\":1,", b"\"log\":\"x\"}"),
            framed(
                b"{\"log\":\"x\",\"stream\":\"stdout\",\"attrs\":{",
                b"\"a\":\"b\",",
                b"},\"time\":\"2026-11-20T18:56:21Z\"}",
            ),
        ];
        for line in lines().into_iter().chain(more) {
            let mut text = Vec::new();
            if let Some(record) = docker_json::parse(&line) {
                record.log.write(&mut text);
            }
            docker_json::unescape(&line, &mut text);
            assert!(text.len() <= 4 * line.len());
        }
    });
}

#[test]
fn records_between_delimiters_come_back() {
    check("lines", || {
        // Most of these overlap with themselves, and the text is full of their beginnings.
        let ends = [
            b"a".repeat(500),
            b"ab".repeat(500),
            [b"a".repeat(500), b"b".to_vec()].concat(),
        ];
        for end in [b"\n".to_vec(), b"\n\n".to_vec()].into_iter().chain(ends) {
            let delimiter = Delimiter::new(&end).expect("it is not empty");
            for line in lines().into_iter().chain([repeated(b"ab")]) {
                let whole = delimiter.whole(&line);
                let ended = delimiter
                    .records(&line)
                    .filter(|record| record.end < line.len());
                assert_eq!(
                    ended.last().map_or(0, |record| record.end + end.len()),
                    whole
                );
                assert_eq!(
                    delimiter.lines(&line).count(),
                    delimiter.records(&line).count()
                );
            }
        }
    });
}

#[test]
fn cri_comes_back() {
    check("cri", || {
        let long = framed(b"2026-11-20T18:56:21Z stdout F ", b"x", b"\n");
        let record = cri::parse(&long).expect("it is a line of CRI");
        assert_eq!(
            (record.stream, record.text.len()),
            (Stream::Stdout, LINE_BYTES)
        );
        for line in lines() {
            assert_eq!(cri::parse(&line), None);
        }
    });
}

/// Feeds the bytes to a decoder as a socket does, piece by piece, through a buffer that the decoder says is enough.
/// `step` gives what is used up, or `None` when the stream makes no sense any more, and whether more is wanted.
fn feed(bytes: &[u8], buffer_bytes: usize, mut step: impl FnMut(&[u8]) -> Option<(usize, bool)>) {
    let (mut begin, mut end) = (0, 0);
    while begin < bytes.len() {
        let Some((consumed, wants_more)) = step(&bytes[begin..end]) else {
            return;
        };
        assert!(consumed <= end - begin);
        begin += consumed;
        if !wants_more {
            continue;
        }
        if end == bytes.len() {
            return;
        }
        assert!(
            end - begin < buffer_bytes,
            "a full buffer, and nothing is used up"
        );
        end = bytes.len().min(end + 1000).min(begin + buffer_bytes);
    }
}

#[test]
fn frames_of_syslog_come_back() {
    check("framing", || {
        let more = [
            repeated(b"1 <"),
            repeated(b"9999999 <"),
            repeated(b"3 <a\n"),
            repeated(b"1234567"),
        ];
        for bytes in lines().into_iter().chain(more) {
            let mut decoder = framing::Decoder::new(framing::Limits {
                frame_bytes_max: 8192,
            });
            feed(&bytes, decoder.buffer_bytes_min(), |buffer| {
                match decoder.decode(buffer) {
                    framing::Step::Frame { consumed, .. } => Some((consumed, false)),
                    framing::Step::NeedMore { consumed } => Some((consumed, true)),
                    framing::Step::CountTooLarge { .. } => None,
                }
            });
        }
    });
}

#[test]
fn frames_of_docker_come_back() {
    check("docker_frames", || {
        let more = [
            repeated(b"\x01\0\0\0\0\0\0\0"),
            repeated(b"\x02\0\0\0\xFF\xFF\xFF\xFF"),
            repeated(b"\x01\0\0\0\0\0\0\x01\n"),
        ];
        let lines: Vec<Vec<u8>> = lines().into_iter().chain(more).collect();
        for mode in [
            docker_frames::Mode::Multiplexed,
            docker_frames::Mode::Terminal,
        ] {
            for bytes in &lines {
                let limits = docker_frames::Limits {
                    record_bytes_max: 1 << 20,
                };
                let mut decoder = docker_frames::Decoder::new(mode, limits);
                feed(bytes, decoder.buffer_bytes_min(), |buffer| {
                    match decoder.decode(buffer) {
                        docker_frames::Step::Record { consumed, .. } => Some((consumed, false)),
                        docker_frames::Step::DaemonError { consumed, .. } => {
                            Some((consumed, false))
                        }
                        docker_frames::Step::NeedMore { consumed } => Some((consumed, true)),
                        docker_frames::Step::Invalid => None,
                    }
                });
            }
        }
    });
}

#[test]
fn a_line_of_many_pieces_is_joined_up_to_its_limit() {
    check("joiner", || {
        let mut joiner = Joiner::new(1 << 20);
        let chunk = [b'x'; 10];
        for _ in 0..LINE_BYTES / chunk.len() {
            assert_eq!(joiner.push(&chunk, true, None), None);
        }
        let line = joiner.push(b"", false, None).expect("the line ends");
        assert_eq!((line.bytes.len(), line.truncated), (1 << 20, true));
    });
}

#[test]
fn times_of_any_length_come_back() {
    check("timestamp", || {
        let stamps = [
            framed(b"2026-11-20T18:56:21.", b"1", b"Z"),
            framed(b"20/Nov/2026:18:56:21 +0100", b" ", b""),
            framed(b"Nov ", b" ", b"20 18:56:21"),
            framed(b"@4000000052f88ea3", b"2", b""),
        ];
        for text in lines().iter().chain(&stamps) {
            let found = [
                timestamp::iso8601(text, 0),
                timestamp::httpdate(text),
                timestamp::syslog(text, &REFERENCE),
                timestamp::unix_ms(text),
                timestamp::tai64n(text),
            ];
            let is_plausible = |nanos: &i64| 0 <= *nanos;
            assert!(found.iter().flatten().all(is_plausible));
        }
        assert_eq!(timestamp::unix(&repeated(b"9")), None);
    });
}

#[test]
fn times_by_format_come_back() {
    check("timestamp::Format", || {
        let zone = timestamp::Zone::utc();
        let context = timestamp::Context {
            zone: &zone,
            now_nanos: 1_795_197_381_000_000_000,
        };
        for text in [
            "yyyy-MM-dd HH:mm:ss.SSS ZZZ",
            "MMMM dd yyyy",
            "EEEE d MMM YY",
            "UNIX",
            "ISO8601",
        ] {
            let format = timestamp::Format::compile(text).expect("the format is sound");
            for line in lines() {
                assert_eq!(format.parse(&line, &context), None, "{text}");
            }
        }
    });
}

#[test]
fn formats_of_any_length_are_refused() {
    check("formats", || {
        let is_too_long = |error: Option<sawlog_parsers::Error>| {
            error.is_some_and(|error| error.message().ends_with("bytes; 1024 are allowed"))
        };
        for piece in ["y", "yy ", "'", "''", "x'", "\u{1F980}", "%"] {
            let text = piece.repeat(LINE_BYTES / 10 / piece.len());
            assert!(is_too_long(timestamp::Format::compile(&text).err()));
            for dialect in [timestamp::Dialect::Joda, timestamp::Dialect::Java] {
                let pattern = timestamp::Pattern::compile(&text, dialect);
                assert!(is_too_long(pattern.err()));
            }
        }
    });
}
