//! Records of the json-file driver, and lines that are none.

use super::{Stream, Text, any_order, daemon_order, parse, split_torn, unescape};

/// Time of the records below.
const TIME: i64 = 1_795_193_169_929_473_720;

#[track_caller]
fn check(line: &[u8], log: Text<'_>, stream: Stream, partial: bool) {
    let record = parse(line).expect("the line is a record");
    assert_eq!(
        (record.log, record.stream, record.partial),
        (log, stream, partial)
    );
    assert_eq!(record.time, Some(TIME));
}

#[test]
fn a_plain_line_needs_no_unescaping() {
    check(
        b"{\"log\":\"hello\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-20T16:46:09.92947372Z\"}\n",
        Text::Plain(b"hello"),
        Stream::Stdout,
        false,
    );
}

#[test]
fn a_line_with_quotes_stays_escaped() {
    check(
        br#"{"log":"say \"hi\" \\\n","stream":"stderr","time":"2026-11-20T16:46:09.92947372Z"}"#,
        Text::Escaped(br#"say \"hi\" \\"#),
        Stream::Stderr,
        false,
    );
}

#[test]
fn a_line_without_newline_is_partial() {
    check(
        br#"{"log":"half","stream":"stdout","time":"2026-11-20T16:46:09.92947372Z"}"#,
        Text::Plain(b"half"),
        Stream::Stdout,
        true,
    );
}

#[test]
fn a_backslash_and_an_n_are_no_newline() {
    check(
        br#"{"log":"C:\\n","stream":"stdout","time":"2026-11-20T16:46:09.92947372Z"}"#,
        Text::Escaped(br"C:\\n"),
        Stream::Stdout,
        true,
    );
}

#[test]
fn an_empty_line_is_a_line() {
    check(
        br#"{"log":"\n","stream":"stdout","time":"2026-11-20T16:46:09.92947372Z"}"#,
        Text::Plain(b""),
        Stream::Stdout,
        false,
    );
}

#[test]
fn a_text_that_imitates_a_record_is_a_text() {
    check(
        br#"{"log":"\",\"stream\":\"stderr\",\"time\":\"x\"}\n","stream":"stdout","time":"2026-11-20T16:46:09.92947372Z"}"#,
        Text::Escaped(br#"\",\"stream\":\"stderr\",\"time\":\"x\"}"#),
        Stream::Stdout,
        false,
    );
}

#[test]
fn attributes_come_as_they_stand() {
    let line = br#"{"log":"a\n","stream":"stdout","attrs":{"app":"web","tag":"j\"1}"},"time":"2026-11-20T16:46:09.92947372Z"}"#;
    let record = daemon_order(line).expect("the daemon's order");
    assert_eq!(record.attrs, Some(&br#"{"app":"web","tag":"j\"1}"}"#[..]));
    assert_eq!(record.time, Some(TIME));
}

#[test]
fn any_order_and_unknown_keys_are_read() {
    let line =
        br#" { "time" : "2026-11-20T16:46:09.92947372Z", "x" : [1, {"log": "no"}, null, -1.5e3],
        "attrs" : {"a":"b"} , "stream":"stderr", "log":"a\tb\n" } "#;
    assert_eq!(daemon_order(line), None);
    check(line, Text::Escaped(br"a\tb"), Stream::Stderr, false);
    assert_eq!(
        parse(line).and_then(|record| record.attrs),
        Some(&br#"{"a":"b"}"#[..])
    );
}

#[test]
fn both_ways_agree() {
    let lines: [&[u8]; 4] = [
        br#"{"log":"hello\n","stream":"stdout","time":"2026-11-20T16:46:09Z"}"#,
        br#"{"log":"\"\\\n","stream":"stderr","attrs":{"a":{"b":"}"}},"time":"2026-11-20T16:46:09Z"}"#,
        br#"{"log":"\\","stream":"stdout","attrs":{},"time":"2026-11-20T16:46:09+01:00"}"#,
        br#"{"log":"","stream":"stdout","time":"2026-11-20T16:46:09.1Z"}"#,
    ];
    for line in lines {
        let record = daemon_order(line);
        assert!(record.is_some());
        assert_eq!(record, any_order::parse(line));
    }
}

#[test]
fn a_missing_text_is_an_empty_partial() {
    check(
        br#"{"stream":"stdout","time":"2026-11-20T16:46:09.92947372Z"}"#,
        Text::Plain(b""),
        Stream::Stdout,
        true,
    );
}

#[test]
fn a_hole_of_nuls_is_skipped() {
    check(
        b"\0\0\0{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-20T16:46:09.92947372Z\"}\n",
        Text::Plain(b"a"),
        Stream::Stdout,
        false,
    );
}

#[test]
fn times_of_any_precision_are_read() {
    let time = |text: &str| {
        let line = format!(r#"{{"log":"a\n","stream":"stdout","time":"{text}"}}"#);
        parse(line.as_bytes()).expect("a record").time
    };
    assert_eq!(
        time("2026-11-20T16:46:09Z"),
        Some(1_795_193_169_000_000_000)
    );
    assert_eq!(
        time("2026-11-20T16:46:09.5Z"),
        Some(1_795_193_169_500_000_000)
    );
    assert_eq!(
        time("2026-11-20T17:46:09.5+01:00"),
        Some(1_795_193_169_500_000_000)
    );
    assert_eq!(time("2026-11-20"), None);
}

#[test]
fn other_lines_are_none() {
    let lines: [&[u8]; 12] = [
        b"",
        b"{}",
        b"hello",
        b"[1]",
        br#"{"log":"a"#,
        br#"{"log":"a\"}"#,
        br#"{"log":1,"time":"x"}"#,
        br#"{"log":"a","stream":"other","time":"x"}"#,
        br#"{"log":"a","x":,"time":"x"}"#,
        br#"{"log":"a","time":"x"} {"#,
        br#"{"log":"a","time":"x",}"#,
        br#"{"log":"a" "time":"x"}"#,
    ];
    for line in lines {
        assert_eq!(parse(line), None, "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn deep_nesting_is_refused() {
    let line = |depth: usize| {
        format!(
            r#"{{"x":{}{},"log":"a","time":"x"}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    assert!(parse(line(128).as_bytes()).is_some());
    assert!(parse(line(129).as_bytes()).is_none());
}

#[track_caller]
fn check_unescaped(escaped: &[u8], want: &str) {
    let mut out = b">".to_vec();
    unescape(escaped, &mut out);
    assert_eq!(String::from_utf8_lossy(&out), format!(">{want}"));
}

#[test]
fn dockers_escapes_unescape() {
    check_unescaped(
        br#"a\"b\\c\n\r\u0009\u003c\u2028"#,
        "a\"b\\c\n\r\t<\u{2028}",
    );
    check_unescaped(br"\b\f\t\/", "\u{8}\u{c}\t/");
}

#[test]
fn surrogates_join_or_are_replaced() {
    check_unescaped(br"\ud83e\udd80!", "\u{1F980}!");
    check_unescaped(br"\ud83e!", "\u{FFFD}!");
    check_unescaped(br"\ud83e\u0041", "\u{FFFD}A");
    check_unescaped(br"\udd80\ud83e", "\u{FFFD}\u{FFFD}");
}

#[test]
fn what_is_no_escape_stays() {
    check_unescaped(br"\x\", r"\x\");
    check_unescaped(br"\u12", r"\u12");
    check_unescaped(br"\u12g4\n", "\\u12g4\n");
}

#[test]
fn a_text_writes_itself() {
    let mut out = Vec::new();
    Text::Plain(br"a").write(&mut out);
    Text::Escaped(br"\n").write(&mut out);
    assert_eq!(out, b"a\n");
    assert_eq!(Text::Escaped(br"\n").raw(), br"\n");
}

#[test]
fn a_record_behind_half_of_one_may_have_attributes_that_begin_as_a_record_does() {
    let record =
        br#"{"log":"next\n","stream":"stdout","attrs":{"log":"v"},"time":"2026-11-20T16:46:09Z"}"#;
    let torn = br#"{"log":"lost "#;
    let line = [&torn[..], record].concat();
    assert_eq!(split_torn(&line), Some((&torn[..], &record[..])));
    assert_eq!(split_torn(record), None);
    assert_eq!(split_torn(&[&torn[..], &record[..60]].concat()), None);
}
