//! One expression and line by every engine that can take it, and by a walk over the expression that shares no code with
//! them: all find the same.

use std::rc::Rc;

use sawlog_parsers::grok::{Grok, Outcome, Slots, Tier};

use super::agreement::variations;
use super::engines::{Found, case, compile, search, walk};

const TIERS: [Tier; 3] = [Tier::Scanner, Tier::Automaton, Tier::Backtracker];

/// Checks an input by all engines at once.
pub fn check(data: &[u8]) {
    let Some(case) = case(data) else { return };
    let engines: Vec<Rc<Grok>> = TIERS
        .into_iter()
        .filter_map(|tier| compile(&case, tier).filter(|grok| grok.tier() == tier))
        .collect();
    // The backtracker takes every expression that is one.
    let Some(any) = engines.last() else { return };
    assert_eq!(any.tier(), Tier::Backtracker, "{:?}", case.expression);
    let mut slots = Slots::new();
    for line in variations(&case.line) {
        let mut found = vec![("the walk", walk(any, &line, &mut slots))];
        for grok in &engines {
            found.push((name(grok.tier()), search(grok, &line, &mut slots)));
        }
        agree(&found, &case.expression, &line);
    }
}

fn name(tier: Tier) -> &'static str {
    match tier {
        Tier::Scanner => "the scanner",
        Tier::Automaton => "the automaton",
        Tier::Backtracker => "the backtracker",
    }
}

/// All that have not given up say the same.
fn agree(found: &[(&str, Found)], expression: &str, line: &[u8]) {
    let mut sure = found
        .iter()
        .filter(|(_, (outcome, _))| *outcome != Outcome::BudgetSpent);
    let Some((first, want)) = sure.next() else {
        return;
    };
    for (name, got) in sure {
        let line = line.escape_ascii();
        assert_eq!(
            got, want,
            "{name} and {first}: {expression:?} on b\"{line}\""
        );
    }
}
