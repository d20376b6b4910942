//! Whatever the expression and the line: an explanation agrees with the search, and all its places lie in the line.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use proptest::prelude::{ProptestConfig, any, prop};
use proptest::proptest;
use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots};

const PIECES: &[&str] = &[
    "%{INT:n}",
    "%{WORD:w}",
    "%{IP:ip}",
    "|",
    "(?:a|bc|%{INT:m})",
    "(?:x ?)*",
    " ",
    "^",
    "$",
    ".*",
    "(?!a)",
    "(?<=b)c",
    "(?>a|ab)",
    "\u{e9}",
    "[a-f]{2,3}",
    "%{TIME:t}",
    r"(?<q>\w+) \k<q>",
    "(?:^a|b$)",
    "(?:a%{INT:o}|(?<r>b|c(?:d|%{WORD:v} x)))",
    "(?: (?:a|17))?",
    "",
];
const TEXTS: &[&str] = &[
    "17", "a", "bc", " ", "x x", "10.0.0.1", "\n", "\u{e9}", "12:61:00", "12:06:00", "abcdef",
    "::1",
];

fn check(grok: &Grok, line: &[u8]) {
    let told = grok.explain(line);
    let mut slots = Slots::new();
    let outcome = grok.search(line, &mut slots);
    // The budget of an explanation is spent on a slower program.
    if told.outcome != Outcome::BudgetSpent && outcome != Outcome::BudgetSpent {
        assert_eq!(told.outcome, outcome);
    }
    assert!(told.offset <= told.reached && told.reached <= line.len());
    assert_eq!(told.rest, told.offset..line.len());
    assert!(told.alternatives.len() <= 32);
    let all = told
        .alternatives
        .iter()
        .flat_map(|one| &one.captured)
        .chain(&told.captured);
    for (index, range) in all {
        assert!(*index < grok.captures().len());
        assert!(range.start <= range.end && range.end <= line.len());
    }
    let branches = told.alternatives.iter().map(|one| &one.branch[..]);
    let branches: Vec<_> = branches.take_while(|branch| !branch.is_empty()).collect();
    assert!(branches.is_sorted_by(|one, next| one < next && !next.starts_with(one)));
    for one in &told.alternatives {
        assert!(one.offset <= one.reached && one.reached <= line.len());
        assert_ne!(outcome, Outcome::Match);
    }
    if told.outcome == Outcome::Match {
        for (index, range) in told.captured {
            assert_eq!(slots.span(index), Some(range));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_explanation_agrees_with_the_search(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 1..7),
        lines in prop::collection::vec(prop::collection::vec(prop::sample::select(TEXTS), 0..7), 1..6),
        stray in any::<u8>(),
    ) {
        let options = Options { steps_max: 50_000, ..Options::default() };
        let Ok(grok) = Grok::compile(&pieces.concat(), &Patterns::legacy(), options) else {
            return Ok(());
        };
        for line in lines {
            let mut line = line.concat().into_bytes();
            check(&grok, &line);
            line.insert(line.len() / 2, stray);
            check(&grok, &line);
        }
    }
}
