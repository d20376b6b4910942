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
    let found = search(&grok, &case.line, &mut Slots::new());
    let mut used = Slots::new();
    let _earlier = search(&grok, EARLIER, &mut used);
    assert_eq!(
        search(&grok, &case.line, &mut used),
        found,
        "with used slots"
    );
    let plain = plainly(&grok, &case.line);
    if found.0 != Outcome::BudgetSpent && plain.0 != Outcome::BudgetSpent {
        assert_eq!(found, plain, "{tier:?} and the plain program: {case:?}");
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
