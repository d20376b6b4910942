//! Tests that a set finds what its expressions find one by one, and that it passes over what it should.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use proptest::prelude::*;

use super::*;
use crate::grok::{Options, Patterns};

fn compile(expressions: &[&str], steps_max: u64) -> Vec<Grok> {
    let patterns = Patterns::legacy();
    let options = Options {
        steps_max,
        ..Options::default()
    };
    expressions
        .iter()
        .map(|expression| Grok::compile(expression, &patterns, options).unwrap())
        .collect()
}

/// What a set must say: the expressions tried one by one; and the spans of the match.
fn one_by_one(groks: &[Grok], line: &[u8], slots: &mut Slots) -> SetOutcome {
    for (index, grok) in groks.iter().enumerate() {
        match grok.search(line, slots) {
            Outcome::Match => return SetOutcome::Match(index),
            Outcome::BudgetSpent => return SetOutcome::BudgetSpent(index),
            Outcome::NoMatch => {}
        }
    }
    SetOutcome::NoMatch
}

#[track_caller]
fn check_agreement(set: &GrokSet, line: &[u8]) -> SetOutcome {
    let (mut slots, mut own) = (Slots::new(), Slots::new());
    let want = one_by_one(set.groks(), line, &mut slots);
    let got = set.search(line, &mut own);
    assert_eq!(got, want, "{:?}", String::from_utf8_lossy(line));
    if let SetOutcome::Match(index) = got {
        for capture in 0..set.groks()[index].captures().len() {
            assert_eq!(own.span(capture), slots.span(capture));
        }
    }
    got
}

#[track_caller]
fn check(expressions: &[&str], line: &str, want: SetOutcome) {
    let set = GrokSet::new(compile(expressions, crate::grok::STEPS_MAX));
    assert_eq!(check_agreement(&set, line.as_bytes()), want);
}

const LOGINS: [&str; 3] = [
    "^login of %{WORD:user}",
    "^log(?:in|out) of %{WORD:user} from %{IP:client}",
    "^%{WORD:verb}",
];

#[test]
fn the_first_that_matches_wins() {
    check(&LOGINS, "login of anna from 10.0.0.1", SetOutcome::Match(0));
    check(
        &LOGINS,
        "logout of anna from 10.0.0.1",
        SetOutcome::Match(1),
    );
    check(&LOGINS, "restart", SetOutcome::Match(2));
    check(&LOGINS, "-", SetOutcome::NoMatch);
}

#[test]
fn an_empty_set_matches_nothing() {
    check(&[], "a", SetOutcome::NoMatch);
}

#[test]
fn an_expression_without_texts_is_tried_on_every_line() {
    let set = GrokSet::new(compile(&LOGINS, 1000));
    assert_eq!(
        [0, 1, 2, 3].map(|index| set.is_filtered(index)),
        [true, true, false, false]
    );
}

#[test]
fn an_expression_with_a_rare_shape_is_passed_over() {
    let set = GrokSet::new(compile(
        &[r"%{WORD:verb}/%{WORD:status}>", r"\[X\d+\]|<X\d+>"],
        1000,
    ));
    assert!(set.is_filtered(0) && set.is_filtered(1));
    for line in [
        "TCP_MISS/200",
        "a <17>",
        "<17]",
        "[17]",
        "/",
        "",
        "/200",
        "a/",
    ] {
        check_agreement(&set, line.as_bytes());
    }
}

#[test]
fn a_line_without_the_needed_shapes_spends_no_budget() {
    let set = GrokSet::new(compile(&[r"(?<a>(?:x+)+)+\k<a>\[\d\]", "^x"], 2000));
    let line = format!("{}[y] 7", "x".repeat(40));
    assert_eq!(check_agreement(&set, line.as_bytes()), SetOutcome::Match(1));
}

#[test]
fn a_text_within_another_one_counts_too() {
    let expressions = [
        "disk full on %{WORD}",
        "disk %{INT}",
        "(?:full on) %{POSINT}",
    ];
    check(&expressions, "disk full on 7", SetOutcome::Match(0));
    check(&expressions, "a disk full on -", SetOutcome::NoMatch);
    check(
        &["xdisk full ony", "full on 7"],
        "disk full on 7",
        SetOutcome::Match(1),
    );
}

/// A backtracker's nightmare: no automaton takes a back reference.
const HARD: &str = r"(?<a>(?:x+)+)+\k<a>failed";

#[test]
fn a_spent_budget_is_told_where_it_is_one_by_one() {
    let set = GrokSet::new(compile(&["^ok$", HARD, "^x"], 2000));
    let line = format!("{}failed", "x".repeat(40));
    check_agreement(&set, format!("{}fail", "x".repeat(40)).as_bytes());
    check_agreement(&set, line.as_bytes());
    check_agreement(&set, b"xx failed");
    let spent = format!("{} failed", "x".repeat(40));
    assert_eq!(
        check_agreement(&set, spent.as_bytes()),
        SetOutcome::BudgetSpent(1)
    );
}

#[test]
fn a_line_without_the_needed_texts_spends_no_budget() {
    let set = GrokSet::new(compile(&[HARD, "^x"], 2000));
    let outcome = check_agreement(&set, "x".repeat(40).as_bytes());
    assert_eq!(outcome, SetOutcome::Match(1));
}

#[test]
fn more_than_a_word_of_bits_is_kept_apart() {
    let expressions: Vec<String> = (0..200)
        .map(|n| format!("^event-{n}: %{{WORD:w}}$"))
        .collect();
    let expressions: Vec<&str> = expressions.iter().map(String::as_str).collect();
    let set = GrokSet::new(compile(&expressions, 10_000));
    for n in [0, 1, 63, 64, 127, 128, 199] {
        let line = format!("event-{n}: x");
        assert_eq!(check_agreement(&set, line.as_bytes()), SetOutcome::Match(n));
    }
    assert_eq!(check_agreement(&set, b"event-200: x"), SetOutcome::NoMatch);
}

/// Pieces of expressions, and of lines that some of them match.
const PIECES: &[&str] = &[
    "error",
    "[Ee]rr",
    "(?:warn|error)",
    " ",
    ": ",
    "%{INT:n}",
    "%{WORD:w}",
    "(?i)fail",
    "(?:abc)?",
    "(?:ab|c)+",
    "^",
    "$",
    ".*",
    "(?!error)",
    "(?>a|ab)",
    "\u{e9}",
    "[a\u{e9}]bc",
    "%{IP:ip}",
    "x{2,3}",
    "(?:abc){2}",
    "refused|closed",
    r"\berror\b",
    r"\d+/\d",
    "[-<\u{e9}]",
    r"(?:\[\d+\]|<\w>)",
    "[^a]{2}",
    "(?:,|, )?",
    r"\z",
    "",
];
const TEXTS: &[&str] = &[
    "error", "Err", "warn", " ", ": ", "17", "word", "FAIL", "abc", "ab", "c", "\n", "\u{e9}",
    "10.0.0.1", "xx", "refused", "closed", "a", "fai", "/", "[7]", "<", ">", ",", "\u{fffd}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_set_finds_what_its_expressions_find(
        expressions in prop::collection::vec(prop::collection::vec(prop::sample::select(PIECES), 1..7), 1..8),
        lines in prop::collection::vec(prop::collection::vec(prop::sample::select(TEXTS), 0..7), 1..8),
        stray in any::<u8>(),
        steps_max in prop::sample::select(vec![3_u64, 20, 200, 100_000]),
    ) {
        let expressions: Vec<String> = expressions.iter().map(|pieces| pieces.concat()).collect();
        let expressions: Vec<&str> = expressions.iter().map(String::as_str).collect();
        let set = GrokSet::new(compile(&expressions, steps_max));
        for line in lines {
            let mut line = line.concat().into_bytes();
            check_agreement(&set, &line);
            line.push(stray);
            check_agreement(&set, &line);
        }
    }
}

/// Lines of the bank's formats; what is cut off or changed in them makes most patterns fail late.
const LINES: &[&str] = &[
    r#"192.0.2.216 - - [20/Nov/2026:18:56:21 +0100] "GET /a.png HTTP/1.1" 200 193066 "http://example.com/" "Mozilla/5.0""#,
    "Nov 20 18:56:21 web-17 sshd[4711]: Accepted publickey for deploy from 10.0.0.7 port 50022 ssh2",
    "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [x@32473 iut=\"3\"] An event",
    "Jan 9, 2013 7:13:13 AM org.apache.catalina.core.StandardServer await INFO: stopped",
    "No matching connection for UDP from outside:10.0.0.1/53 to inside:10.0.0.2/1024",
    "[1427925600] CURRENT SERVICE STATE: web;http;OK;HARD;1;all is well",
    "24-Feb 16:30:05 client 10.0.0.1#42520 (example.com): query: example.com IN A +E (10.0.0.2)",
    "2014-11-03T18:28:32.450-0500 I NETWORK [initandlisten] waiting for connections on port 27017",
    "[2381] 20 Nov 18:56:21.407 * DB saved on disk in 3 ms",
    "1.000000 fe80::1%eth0 2001:db8::17 00:11:22:aa:bb:cc 550e8400-e29b-41d4-a716-446655440000",
];

#[test]
fn a_set_of_the_whole_bank_finds_what_its_patterns_find() {
    let patterns = Patterns::strict();
    let mut names: Vec<&str> = patterns.names().collect();
    // The names in reverse: short basic patterns would match at once.
    names.sort_unstable_by_key(|name| std::cmp::Reverse((name.len(), *name)));
    let compiled = names
        .iter()
        .map(|name| Grok::compile(&format!("%{{{name}}}"), &patterns, Options::default()).unwrap());
    let compiled: Vec<Grok> = compiled.collect();
    let set = GrokSet::new(compiled);
    for line in LINES {
        check_agreement(&set, line.as_bytes());
        for part in [1, 2, 3] {
            let half = line.len() * part / 4;
            check_agreement(&set, line.get(half..).unwrap_or_default().as_bytes());
            check_agreement(&set, line.get(..half).unwrap_or_default().as_bytes());
        }
    }
    for (grok, name) in set.groks().iter().zip(&names) {
        let alone = |line: &str| grok.search(line.as_bytes(), &mut Slots::new()) == Outcome::Match;
        for line in LINES.iter().filter(|line| alone(line)) {
            assert!(!grok.lacks_needed(line.as_bytes()), "{name} on {line}");
            assert!(
                !super::super::shape::lacks(grok.shapes(), line.as_bytes()),
                "{name} on {line}"
            );
        }
    }
}
