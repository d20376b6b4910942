//! What holds for every explanation: it agrees with the search, and all that it tells lies inside the line.

use std::ops::Range;

use sawlog_parsers::grok::{Explanation, Grok, Outcome, Slots, Tier};

use crate::grok::engines::{case, compile, search};

/// Checks an expression and a line, as `grok/input.rs` reads them.
pub fn check(data: &[u8]) {
    let Some(case) = case(data) else { return };
    let Some(grok) = compile(&case, Tier::Scanner) else {
        return;
    };
    let explained = grok.explain(&case.line);
    parts_lie_inside(&explained, &grok, &case.line);
    assert_eq!(grok.explain(&case.line), explained, "explained twice");
    let (outcome, spans) = search(&grok, &case.line, &mut Slots::new());
    let is_decided = outcome != Outcome::BudgetSpent && explained.outcome != Outcome::BudgetSpent;
    if is_decided {
        assert_eq!(explained.outcome, outcome, "{case:?}");
    }
    if is_decided && outcome == Outcome::Match {
        let told = explained.captured.into_iter();
        let told: Vec<_> = told
            .map(|(index, span)| (index, span.start, span.end))
            .collect();
        assert_eq!(told, spans, "{case:?}");
        assert!(explained.expected.is_empty() && explained.alternatives.is_empty());
    }
}

fn parts_lie_inside(explained: &Explanation, grok: &Grok, line: &[u8]) {
    assert_eq!(explained.rest, explained.offset..line.len());
    assert!(explained.offset <= line.len());
    assert!(explained.offset <= explained.reached && explained.reached <= line.len());
    captures_lie_inside(&explained.captured, grok, line);
    // Alternatives of choices come first, each once and in the order of the expression; none holds another.
    let branches: Vec<_> = explained
        .alternatives
        .iter()
        .map(|one| &one.branch[..])
        .collect();
    assert!(branches.is_sorted_by_key(|branch| branch.is_empty()));
    for pair in branches.windows(2).filter(|pair| !pair[1].is_empty()) {
        assert!(pair[0] < pair[1] && !pair[1].starts_with(pair[0]));
    }
    for alternative in &explained.alternatives {
        assert!(alternative.offset <= alternative.reached && alternative.reached <= line.len());
        captures_lie_inside(&alternative.captured, grok, line);
    }
}

fn captures_lie_inside(captured: &[(usize, Range<usize>)], grok: &Grok, line: &[u8]) {
    let mut before = None;
    for (index, span) in captured {
        assert!(before < Some(*index) && *index < grok.captures().len());
        before = Some(*index);
        assert!(span.start <= span.end && span.end <= line.len());
    }
}
