//! The promises of the library's front page that no type holds: what a public signature may name, that each part of the
//! interface has its example and its place on the page, that threads share what is compiled, and that a line costs no
//! allocation once the memory of a thread is warm.

#[path = "api/examples.rs"]
mod examples;
#[path = "api/source.rs"]
mod source;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use sawlog_parsers::grok::{
    Capture, Explanation, Grok, GrokSet, Kind, Options, Outcome, Patterns, SetOutcome, Slots, Tier,
};
use sawlog_parsers::syslog::{self, Format, Reference};
use sawlog_parsers::{Error, access_log, key_value, timestamp};
use sawlog_parsers::{csv, dissect, docker_json, lines};

use self::source::{Item, Source, items, sources, words};

#[test]
fn no_signature_names_a_type_of_another_crate() {
    let mut looked_at = 0;
    for source in sources() {
        let (foreign, lines) = (source.foreign_words(), source.lines());
        let items = items(&lines);
        let seen = items.iter().filter(|item| source.is_seen(item.lines[0]));
        for signature in seen.flat_map(Item::signatures) {
            let named = words(&signature).find(|word| foreign.contains(word));
            assert_eq!(named, None, "{}: {signature}", source.path.display());
            looked_at += 1;
        }
    }
    assert!(300 < looked_at, "only {looked_at} signatures were found");
}

const SAMPLE: &str = "//! A.

use nom::{
    IResult,
    Parser as _,
    error::Error as Failure,
};
use std::fmt;

pub fn a(
    b: u8,
) -> IResult<u8> {
    c()
}

/// D.
pub enum D {
    /// E.
    E(Failure),
}

pub struct F {
    pub g: IResult<u8>,
    h: IResult<u8>,
}

impl From<Failure> for F {
    type Output = Failure;
}
";

#[test]
fn what_is_foreign_is_found_wherever_it_stands() {
    let source = Source {
        path: PathBuf::new(),
        text: SAMPLE.to_owned(),
        names: None,
    };
    let foreign = source.foreign_words();
    assert_eq!(foreign[..2], ["IResult", "Failure"]);
    let lines = source.lines();
    let seen = items(&lines);
    let seen = seen.iter().filter(|item| source.is_seen(item.lines[0]));
    let signatures: Vec<String> = seen.flat_map(Item::signatures).collect();
    let named = signatures
        .iter()
        .filter(|text| words(text).any(|word| foreign.contains(&word)));
    let want = [
        "pub fn a( b: u8, ) -> IResult<u8> { ",
        "E(Failure),",
        "pub g: IResult<u8>, ",
        "impl From<Failure> for F { ",
        "type Output = Failure; ",
    ];
    assert_eq!(named.collect::<Vec<_>>(), want);
}

#[test]
fn each_module_has_a_row_on_the_front_page() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"));
    let page = page.expect("the library has a file");
    for module in page
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
    {
        let row = format!("//! | [`{module}`] |");
        assert!(page.contains(&row), "no row begins with {row}");
    }
}

#[test]
fn the_numbers_of_the_limits_are_those_of_the_constants() {
    use sawlog_parsers::{csv, dissect, grok, key_value};
    let page = include_str!("../src/lib.rs");
    for (name, written, number) in [
        ("grok::STEPS_MAX", "5,000,000", grok::STEPS_MAX),
        ("key_value::PAIRS_MAX", "4,096", key_value::PAIRS_MAX as u64),
        (
            "key_value::DEPTH_MAX",
            "16 deep",
            key_value::DEPTH_MAX as u64,
        ),
        (
            "key_value::PATTERN_BYTES_MAX",
            "1 KiB",
            key_value::PATTERN_BYTES_MAX as u64,
        ),
        (
            "key_value::SEPARATOR_BYTES_MAX",
            "128 bytes",
            key_value::SEPARATOR_BYTES_MAX as u64,
        ),
        (
            "dissect::MAPPING_BYTES_MAX",
            "64 KiB",
            dissect::MAPPING_BYTES_MAX as u64,
        ),
        (
            "dissect::FIELDS_MAX",
            "1,000 fields",
            dissect::FIELDS_MAX as u64,
        ),
        ("csv::COLUMNS_MAX", "10,000", csv::COLUMNS_MAX as u64),
        (
            "csv::SEPARATOR_BYTES_MAX",
            "32 bytes",
            csv::SEPARATOR_BYTES_MAX as u64,
        ),
    ] {
        let row = format!("{written} ([`{name}`])");
        assert!(page.contains(&row), "no {row} on the front page");
        let digits: String = written.chars().filter(char::is_ascii_digit).collect();
        let unit = if written.ends_with("KiB") { 1024 } else { 1 };
        assert_eq!(digits.parse(), Ok(number / unit), "{name}");
    }
}

#[test]
fn threads_share_what_is_compiled_and_hand_over_what_is_not() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<Error>();
    is_shared::<Grok>();
    is_shared::<GrokSet>();
    is_shared::<Patterns>();
    is_shared::<Options>();
    is_shared::<(Capture, Explanation, Kind, Outcome, Tier)>();
    is_shared::<Slots>();
    is_shared::<(dissect::Dissect, dissect::Cuts)>();
    is_shared::<(csv::Csv, csv::Cuts, key_value::KeyValue)>();
    is_shared::<timestamp::Format>();
    is_shared::<timestamp::Pattern>();
    is_shared::<sawlog_parsers::lines::Delimiter>();
    is_shared::<sawlog_parsers::framing::Decoder>();
    is_shared::<sawlog_parsers::docker_frames::Decoder>();
    is_shared::<sawlog_parsers::joiner::Joiner>();
}

/// The allocations of a second round over the lines, after one that warmed the memory.
#[track_caller]
fn check_no_allocation(mut round: impl FnMut()) {
    round();
    let counted = allocation_counter::measure(round);
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
}

/// Searches lines that match and lines that do not, as the flags say; the expression must be of the tier.
#[track_caller]
fn check_search(expression: &str, tier: Tier, lines: &[(&[u8], bool)]) {
    let grok = Grok::compile(expression, &Patterns::legacy(), Options::default());
    let grok = grok.expect("the expression is sound");
    assert_eq!(grok.tier(), tier, "{}", grok.tier_reason());
    let mut slots = Slots::new();
    check_no_allocation(|| {
        for (line, want) in lines {
            let outcome = grok.search(line, &mut slots);
            assert_ne!(outcome, Outcome::BudgetSpent);
            assert_eq!(outcome == Outcome::Match, *want);
            assert!(!want || slots.span(0).is_some());
        }
    });
}

const ACCESS: &[u8] = br#"192.0.2.7 - jane [20/Nov/2026:18:56:21 +0100] "GET /shop?page=2 HTTP/1.1" 200 5120 "https://example.org/" "Browser/1.0 (X11)""#;

#[test]
fn a_counter_that_counts_nothing_would_be_seen() {
    let counted = allocation_counter::measure(|| drop(vec![0_u8; 100]));
    assert_eq!(counted.bytes_total, 100);
}

#[test]
fn the_scanner_allocates_nothing() {
    let cut = &ACCESS[..ACCESS.len() - 30];
    let syslog: &[u8] = b"Nov 20 18:56:21 web-17 x: y";
    let neither: [(&[u8], bool); 2] = [(b"", false), (b"\xFF\xFE", false)];
    let access = [
        &neither[..],
        &[(ACCESS, true), (cut, false), (syslog, false)],
    ]
    .concat();
    check_search("%{COMBINEDAPACHELOG}", Tier::Scanner, &access);
    let base = [&neither[..], &[(ACCESS, false), (syslog, true)]].concat();
    check_search("%{SYSLOGBASE} %{GREEDYDATA:rest}", Tier::Scanner, &base);
}

#[test]
fn the_automaton_allocates_nothing() {
    let lines: [(&[u8], bool); 4] = [
        (b"ab ba aab", true),
        (b"ccc", false),
        (b"", false),
        (b"\xFF\nab \xE2\x82", true),
    ];
    check_search("^(?<x>(?:a|b|ab)+)(?: |$)", Tier::Automaton, &lines);
    let lines: [(&[u8], bool); 4] = [
        (b"ab ba aab", true),
        ("ab größe".as_bytes(), true),
        ("größe aß".as_bytes(), false),
        (b"\xFF\nab \xE2\x82", true),
    ];
    check_search("\\b(?<x>(?:a|b|ab)+)\\b", Tier::Automaton, &lines);
}

/// Threads in step, so that they search with the same expression at the same time, round after round.
#[track_caller]
fn check_threads(search: impl Fn(&mut Slots) + Sync) {
    const THREADS: usize = 8;
    let barrier = Barrier::new(THREADS);
    let run = || {
        let mut slots = Slots::new();
        search(&mut slots);
        let rounds = || {
            for _ in 0..200 {
                barrier.wait();
                (0..20).for_each(|_| search(&mut slots));
            }
        };
        allocation_counter::measure(rounds).count_total
    };
    let counts = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(run)).collect();
        let counts = threads.into_iter().map(|thread| thread.join());
        counts.collect::<Result<Vec<u64>, _>>()
    });
    assert_eq!(counts.expect("no thread panics"), [0; THREADS]);
}

#[test]
fn threads_at_the_same_time_allocate_nothing() {
    let compile = |text| Grok::compile(text, &Patterns::legacy(), Options::default());
    let automaton = compile("^(?<x>(?:a|b|ab)+)(?: |$)").expect("it is sound");
    assert_eq!(automaton.tier(), Tier::Automaton);
    check_threads(|slots| {
        for (line, want) in [
            (&b"ab ba"[..], Outcome::Match),
            (b"abc\xFF", Outcome::NoMatch),
        ] {
            assert_eq!(automaton.search(line, slots), want);
        }
    });
    let kv = key_value::Options {
        field_split_pattern: Some("[&;]+".to_owned()),
        ..key_value::Options::default()
    };
    let kv = key_value::KeyValue::compile(&kv).expect("it is sound");
    check_threads(|_| assert_eq!(kv.pairs("a=1&;b=\u{E9};c=3".as_bytes()).count(), 3));
}

#[test]
fn the_backtracker_allocates_nothing() {
    let lines: [(&[u8], bool); 3] = [(b"ababba", true), (b"abcabc", false), (b"", false)];
    check_search(
        "^(?<x>a|b)(?:a(?=b|c)|b|\\k<x>)*$",
        Tier::Backtracker,
        &lines,
    );
}

const REFERENCE: Reference = Reference {
    year: 2026,
    month: 11,
    utc_offset_seconds: 3600,
};

#[test]
fn a_set_of_expressions_allocates_nothing() {
    let expressions = ["login of %{WORD:user}", "%{COMBINEDAPACHELOG}", "%{IP:a}"];
    let patterns = Patterns::legacy();
    let groks = expressions.map(|text| Grok::compile(text, &patterns, Options::default()));
    let groks: Result<Vec<Grok>, Error> = groks.into_iter().collect();
    let set = GrokSet::new(groks.expect("the expressions are sound"));
    let mut slots = Slots::new();
    check_no_allocation(|| {
        assert_eq!(set.search(ACCESS, &mut slots), SetOutcome::Match(1));
        assert_eq!(set.search(b"nothing", &mut slots), SetOutcome::NoMatch);
    });
}

#[test]
fn syslog_allocates_nothing() {
    let lines: [(&str, Format); 14] = [
        (
            "<165>1 2026-11-20T18:56:21.003Z web-17 shop 4711 ID47 [a@1 b=\"c\"] ready",
            Format::Rfc5424,
        ),
        (
            "<34>Nov 20 18:56:21 web-17 sshd[4711]: Accepted publickey for deploy",
            Format::Rfc3164,
        ),
        ("<13>Nov 2 18:56:21 web-17 shop: ready", Format::Rfc3164),
        (
            "<13>Nov 20 18:56:21 web-17 a text without a tag",
            Format::Rfc3164,
        ),
        (
            "<13>Nov 20 18:56:21 web-17 last message repeated 3 times",
            Format::Rfc3164,
        ),
        ("<29>Nov 20 18:56:21 shop[4711]: ready", Format::DockerEmpty),
        (
            "<189>47: *Nov 20 18:56:21.003: %SYS-5-CONFIG_I: Configured",
            Format::Cisco,
        ),
        (
            "<189>47: sw-3: Nov 20 18:56:21: %LINK-3-UPDOWN: up",
            Format::Cisco,
        ),
        (
            "<166>Nov 20 2026 18:56:21: %ASA-6-302013: Built",
            Format::Cisco,
        ),
        (
            "<187>RP/0/RSP0/CPU0:Nov 20 18:56:21.123 : ifmgr[257]: up",
            Format::Cisco,
        ),
        (
            "<134>1 1700000000.123456789 MX84 flows src=192.0.2.7",
            Format::Rfc3164,
        ),
        (
            "<13>2026/11/20 18:56:21 web-17 shop: ready",
            Format::Rfc3164,
        ),
        ("<30>shop[4711]: ready", Format::Untimed),
        ("<30>web-17 shop[4711]: ready", Format::Untimed),
    ];
    check_no_allocation(|| {
        for (line, format) in lines {
            let message = syslog::parse(line.as_bytes(), &REFERENCE);
            assert_eq!(message.format, format, "{line}");
        }
    });
}

#[test]
fn records_between_delimiters_allocate_nothing() {
    let several = lines::Delimiter::new(b"||").expect("it is not empty");
    check_no_allocation(|| {
        let newline = lines::Delimiter::newline();
        for (delimiter, text) in [(&newline, &b"a\r\n\nb\nc"[..]), (&several, b"a|||b||||c")] {
            assert_eq!(delimiter.whole(text), text.len() - 1);
            assert_eq!(delimiter.lines(text).count(), 4);
        }
    });
}

#[test]
fn docker_json_allocates_nothing() {
    let lines: [&[u8]; 3] = [
        br#"{"log":"ready\n","stream":"stdout","time":"2026-11-20T17:56:21.123456789Z"}"#,
        br#"{"log":"\u001b[32mgreen\t\"quoted\"","stream":"stderr","attrs":{"tag":"web"},"time":"2026-11-20T17:56:21Z"}"#,
        br#" { "time" : "2026-11-20T17:56:21Z", "stream" : "stdout", "log" : "another order\n" } "#,
    ];
    check_no_allocation(|| {
        for line in lines {
            assert!(docker_json::parse(line).is_some());
        }
    });
}

#[test]
fn dissect_and_csv_allocate_nothing() {
    let dissect = dissect::Dissect::compile("%{time} %{+time} %{host} %{program}[%{pid}]: %{text}");
    let dissect = dissect.expect("the mapping is sound");
    let csv = csv::Csv::compile(csv::Options::default()).expect("the usual options");
    let (mut dissected, mut columns) = (dissect::Cuts::new(), csv::Cuts::new());
    check_no_allocation(|| {
        let line = b"Mar 16 web-17 postfix[1713]: connect";
        assert!(dissect.parse(line, &mut dissected).is_some());
        assert!(dissect.parse(b"another line", &mut dissected).is_none());
        let row = csv.parse(b"root,\"no, no\",,17", &mut columns);
        assert!(matches!(row, csv::Parsed::Row(_)));
    });
}

#[test]
fn access_logs_and_pairs_allocate_nothing() {
    let kv = key_value::KeyValue::compile(&key_value::Options::default());
    let kv = kv.expect("the usual options");
    let line = b"user=root src=\"192.0.2.7\" and more=1";
    let mut fields = key_value::Fields::default();
    check_no_allocation(|| {
        assert!(access_log::combined(ACCESS).is_some());
        assert_eq!(kv.pairs(line).count(), 3);
        kv.fields_into(line, &mut fields);
        assert_eq!(fields.iter().len(), 3);
    });
}

#[test]
fn pairs_split_at_borders_of_words_allocate_nothing() {
    let compile = |pattern: &str| {
        key_value::KeyValue::compile(&key_value::Options {
            field_split_pattern: Some(pattern.to_owned()),
            ..key_value::Options::default()
        })
        .expect("the expression is sound")
    };
    // The tables cannot tell whether a word ends beside a letter beyond ASCII; the memory of the other engine serves both.
    let (short, long) = (compile(r" +\b"), compile(r"(?: +|;{1,40})\b"));
    check_no_allocation(|| {
        for kv in [&short, &long] {
            let pairs = kv.pairs("stadt=Köln straße=Öffnung  österreich=Wien".as_bytes());
            assert_eq!(pairs.count(), 3);
        }
    });
}

#[test]
fn timestamps_allocate_nothing() {
    check_no_allocation(|| {
        assert!(timestamp::iso8601(b"2026-11-20T18:56:21.123+01:00", 0).is_some());
        assert!(timestamp::httpdate(b"20/Nov/2026:18:56:21 +0100").is_some());
        for stamp in [
            "Nov 20 18:56:21",
            "Nov 2 18:56:21",
            "Nov 20 2026 18:56:21",
            "Fri Nov 20 18:56:21 CET 2026",
        ] {
            assert!(timestamp::syslog(stamp.as_bytes(), &REFERENCE).is_some());
        }
        assert!(timestamp::syslog(b"Hello, world", &REFERENCE).is_none());
    });
}

#[test]
fn timestamps_with_the_name_of_a_zone_allocate_nothing() {
    let format = timestamp::Format::compile("yyyy-MM-dd HH:mm:ss ZZZ");
    let format = format.expect("the format is sound");
    let context = timestamp::Context {
        zone: &timestamp::Zone::utc(),
        now_nanos: 0,
    };
    check_no_allocation(|| {
        let read = |text: &[u8]| format.parse(text, &context);
        assert!(read(b"2026-11-20 18:56:21 Europe/Berlin").is_some());
        assert!(read(b"2026-11-20 18:56:21 america/argentina/ushuaia").is_some());
        assert!(read(b"2026-11-20 18:56:21 Europe/Nowhere").is_none());
    });
}
