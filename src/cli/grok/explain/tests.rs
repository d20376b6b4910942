//! Tests of what a person reads.

use sawlog_parsers::grok::{Options, Patterns};

use super::*;

#[track_caller]
fn check(expressions: &[&str], line: &[u8], want: &str) {
    let groks: Vec<Grok> = expressions
        .iter()
        .map(|expression| {
            Grok::compile(expression, &Patterns::legacy(), Options::default()).unwrap()
        })
        .collect();
    assert_eq!(explained(&groks, line), want);
}

#[test]
fn carets_stand_below_what_does_not_fit() {
    check(
        &["%{IP:client} %{INT:status} %{INT:bytes}$"],
        b"10.0.0.1 200 -",
        "  10.0.0.1 200 -\n               ^ expected %{INT:bytes}\n  until there: client = 10.0.0.1\n  \
         until there: status = 200\n  rest: -\n",
    );
}

#[test]
fn a_piece_that_fits_at_first_is_underlined_up_to_what_does_not() {
    check(
        &["^at %{TIME:t}"],
        b"at 12:61:00",
        "  at 12:61:00\n     ^^^^ expected %{TIME:t}\n  rest: 12:61:00\n",
    );
}

#[test]
fn carets_of_a_counted_run_end_at_the_byte_that_does_not_fit() {
    check(
        &[r"^(?<d>\d{4})-"],
        b"20-1",
        "  20-1\n  ^^^ expected \\d{4}\n  rest: 20-1\n",
    );
    check(
        &[r"^\d{4}"],
        b"20",
        "  20\n  ^^ expected \\d{4}\n  rest: 20\n",
    );
}

#[test]
fn an_early_attempt_with_short_words_is_told() {
    check(
        &["%{WORD:a} %{WORD:b} %{INT:c}"],
        b"one two three",
        "  one two three\n          ^ expected %{INT:c}\n  until there: a = one\n  until there: b = two\n  rest: three\n",
    );
}

#[test]
fn choices_at_the_place_are_told_in_one_line() {
    check(
        &["^(?:GET|PUT) "],
        b"POST /",
        "  POST /\n  ^^ expected \"PUT\" or \"GET\"\n  rest: POST /\n",
    );
}

#[test]
fn each_alternative_of_a_group_has_its_carets() {
    check(
        &["^%{WORD:p}: (?:open %{INT:a}|now (?:drop|close %{INT:b} by %{IP:c})|(?:now|at) end)$"],
        b"srv: now close 7 by me",
        "  srv: now close 7 by me\n       ^ alternative 1: expected \"open \"; until there: p = srv\n           ^ alternative \
         2.1: expected \"drop\"; until there: p = srv\n                      ^ alternative 2.2: expected %{IP:c}; until \
         there: p = srv, b = 7\n          ^^ alternative 3: expected \" end\"; until there: p = srv\n  rest: me\n",
    );
}

#[test]
fn each_alternative_of_the_expression_has_its_carets() {
    check(
        &["^a %{INT:n}$|^a b %{INT:m}$"],
        b"a b c",
        "  a b c\n    ^ alternative 1: expected %{INT:n}\n      ^ alternative 2: expected %{INT:m}\n  rest: c\n",
    );
}

#[test]
fn each_alternative_tells_what_it_had_captured() {
    check(
        &["^%{WORD:a} %{INT:n}$|^%{WORD:b} %{WORD:c} %{INT:m}$|^%{INT:d}$"],
        b"up for x",
        "  up for x\n     ^ alternative 1: expected %{INT:n}; until there: a = up\n         ^ alternative 2: expected \
         %{INT:m}; until there: b = up, c = for\n  ^ alternative 3: expected %{INT:d}\n  rest: x\n",
    );
    // Briefly: five letters of each, and a long one.
    let five = "^(?<a>.)(?<b>.)(?<c>.)(?<d>.)(?<e>.)x";
    check(
        &[format!("{five}|^(?<f>\\w+)-").as_str()],
        &[b'w'; 40],
        &format!(
            "  {0}\n       ^ alternative 1: expected \"x\"; until there: a = w, b = w, c = w, d = w and 1 more\n  \
             {1}^ alternative 2: expected \"-\"; until there: f = {2}...\n  nothing is left of the line\n",
            "w".repeat(40),
            " ".repeat(40),
            "w".repeat(24),
        ),
    );
}

#[test]
fn each_pattern_is_explained() {
    check(
        &["^a", "^%{INT}"],
        b"b",
        "  pattern 1 of 2:\n  b\n  ^ expected \"a\"\n  rest: b\n  pattern 2 of 2:\n  b\n  ^ expected %{INT}\n  rest: b\n",
    );
}

#[test]
fn a_line_that_ends_too_early_says_so() {
    check(
        &["^%{WORD:a} %{INT:b}"],
        b"up ",
        "  up \n     ^ expected %{INT:b}\n  until there: a = up\n  nothing is left of the line\n",
    );
}

#[test]
fn what_cannot_be_printed_is_written_out() {
    check(
        &["^.{4}x"],
        b"\x1b[\xFF\ty",
        "  \\u{1b}[\\xFF\\ty\n               ^ expected \"x\"\n  rest: y\n",
    );
}

#[test]
fn characters_of_several_bytes_take_one_column() {
    check(
        &["^\u{e9}\u{e9}x"],
        "\u{e9}\u{e9}y".as_bytes(),
        "  \u{e9}\u{e9}y\n  ^^^ expected \"\u{e9}\u{e9}x\"\n  rest: \u{e9}\u{e9}y\n",
    );
    check(
        &["^..%{INT}"],
        "\u{e9}\u{e9}y".as_bytes(),
        "  \u{e9}\u{e9}y\n    ^ expected %{INT}\n  rest: y\n",
    );
}

#[test]
fn of_a_long_line_the_part_around_the_place_is_shown() {
    let line = format!("{}!{}", "a".repeat(300), "b".repeat(300));
    let want = format!(
        "  ...{}!{}...\n  {}^ expected %{{INT:n}}\n  until there: w = {}...\n  rest: !{}...\n",
        "a".repeat(80),
        "b".repeat(59),
        " ".repeat(83),
        "a".repeat(100),
        "b".repeat(99)
    );
    check(&["^%{WORD:w}%{INT:n}"], line.as_bytes(), &want);
}

#[test]
fn a_spent_budget_is_told() {
    let options = Options {
        steps_max: 50,
        ..Options::default()
    };
    let grok = Grok::compile(r"(?<a>(?:x+)+)+\k<a>!", &Patterns::legacy(), options).unwrap();
    let text = explained(&[grok], &[b'x'; 40]);
    assert!(
        text.starts_with("  gave up after 50 steps; furthest until then:\n  xxxx"),
        "{text}"
    );
}
