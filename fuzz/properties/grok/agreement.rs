//! One expression and line by one engine and by the plain program, which presumes nothing and which `explain` runs:
//! both find the same.

use sawlog_parsers::grok::{Grok, Outcome, Slots, Tier};

use super::engines::{Found, case, compile, search};

/// A line that leaves something behind in the slots.
const EARLIER: &[u8] = b"GET /a?b=1 10.0.0.1 2026-11-20T16:46:09Z \"x\"";

/// Checks an input by one engine; expressions that it cannot take are passed over.
pub fn check(data: &[u8], tier: Tier) {
    let Some(case) = case(data) else { return };
    let Some(grok) = compile(&case, tier) else {
        return;
    };
    if grok.tier() != tier {
        return;
    }
    for line in variations(&case.line) {
        agrees(&grok, &line, &case.expression);
    }
}

/// The line, and some near to it, since compiling takes longer than searching.
pub fn variations(line: &[u8]) -> Vec<Vec<u8>> {
    let (middle, end) = (line.len() / 2, line.len().saturating_sub(1));
    let (front, back) = line.split_at(middle);
    vec![
        line.to_vec(),
        line[..end].to_vec(),
        line[line.len().min(1)..].to_vec(),
        [b"x ", line].concat(),
        [line, b"\n"].concat(),
        [front, b"\xFF", back].concat(),
        [front, back.get(1..).unwrap_or_default()].concat(),
        [line, b" ", line].concat(),
    ]
}

fn agrees(grok: &Grok, line: &[u8], expression: &str) {
    let found = search(grok, line, &mut Slots::new());
    let mut used = Slots::new();
    let _earlier = search(grok, EARLIER, &mut used);
    assert_eq!(search(grok, line, &mut used), found, "with used slots");
    let plain = plainly(grok, line);
    if found.0 != Outcome::BudgetSpent && plain.0 != Outcome::BudgetSpent {
        assert_eq!(
            found,
            plain,
            "{:?} and the plain program: {expression:?} on b\"{}\"",
            grok.tier(),
            line.escape_ascii()
        );
    }
}

fn plainly(grok: &Grok, line: &[u8]) -> Found {
    let explained = grok.explain(line);
    let spans = match explained.outcome {
        Outcome::Match => explained
            .captured
            .into_iter()
            .map(|(index, span)| (index, span.start, span.end))
            .collect(),
        Outcome::NoMatch | Outcome::BudgetSpent => Vec::new(),
    };
    (explained.outcome, spans)
}
