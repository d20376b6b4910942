//! What holds for every grok expression and every line: the first line is an expression, the rest is
//! searched.

use std::cell::RefCell;
use std::rc::Rc;

use sawlog_parsers::grok::{Captures, Grok, Options, Outcome, Patterns, Slots};

/// Steps that a search may take here, so that hostile pairs end soon.
const STEPS_MAX: u64 = 20_000;

thread_local! {
    /// Read once; compiling does not change it.
    static PATTERNS: Patterns = Patterns::legacy();
    /// The last expression and its engines, since many lines come with the same one.
    static LAST: RefCell<(String, Option<Rc<Engines>>)> = const { RefCell::new((String::new(), None)) };
}

/// Look-aheads that never fail, and keep an expression off the scanner and off the automaton as well.
const ALWAYS_TRUE: [&str; 2] = ["(?=(?:x+)*)", "(?=(?:(?=x)x+)*)"];

/// An expression, compiled in three ways that must agree.
struct Engines {
    named: Grok,
    /// With each of [`ALWAYS_TRUE`] behind it.
    slower: Vec<Grok>,
    /// With all captures.
    all: Option<Grok>,
}

/// Checks that expressions compile or are refused, and that matches are sound and do not depend on
/// the engine.
pub fn check(data: &[u8]) {
    let newline = data
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(data.len());
    let (expression, line) = data.split_at(newline);
    let line = line.strip_prefix(b"\n").unwrap_or(line);
    let Ok(expression) = std::str::from_utf8(expression) else {
        return;
    };
    let Some(engines) = engines(expression) else {
        return;
    };
    let found = search(&engines.named, line, &mut Slots::new());
    slots_keep_nothing(&engines.named, line, &found);
    for slow in &engines.slower {
        let slowly = search(slow, line, &mut Slots::new());
        if *BUDGET_SPENT != found && *BUDGET_SPENT != slowly {
            assert_eq!(
                slowly,
                found,
                "by {:?} and {:?}",
                slow.tier(),
                engines.named.tier()
            );
        }
    }
    if let Some(all) = &engines.all {
        let found_all = search(all, line, &mut Slots::new());
        if *BUDGET_SPENT != found && *BUDGET_SPENT != found_all {
            assert_eq!(found_all.is_ok(), found.is_ok());
        }
    }
}

/// No verdict, with which every other agrees.
const BUDGET_SPENT: &Result<Spans, Outcome> = &Err(Outcome::BudgetSpent);

fn engines(expression: &str) -> Option<Rc<Engines>> {
    let last = LAST.with_borrow(|(last, engines)| (last == expression).then(|| engines.clone()));
    if let Some(engines) = last {
        return engines;
    }
    let engines = compile(expression, Captures::Named).map(|named| {
        // After a backslash or inside a comment a look-ahead would be something else.
        let same = !expression.ends_with('\\') && !expression.contains('#');
        let longer = ALWAYS_TRUE.iter().filter(|_| same);
        let slower = longer
            .filter_map(|truth| compile(&format!("{expression}{truth}"), Captures::Named))
            .collect();
        Rc::new(Engines {
            named,
            slower,
            all: compile(expression, Captures::All),
        })
    });
    LAST.set((expression.to_owned(), engines.clone()));
    engines
}

fn compile(expression: &str, captures: Captures) -> Option<Grok> {
    let options = Options {
        captures,
        steps_max: STEPS_MAX,
    };
    PATTERNS.with(|patterns| Grok::compile(expression, patterns, options).ok())
}

type Spans = Vec<(String, Option<(usize, usize)>)>;

/// The spans of a match; `Err` says how the search ended otherwise.
fn search(grok: &Grok, line: &[u8], slots: &mut Slots) -> Result<Spans, Outcome> {
    let outcome = grok.search(line, slots);
    if outcome != Outcome::Match {
        return Err(outcome);
    }
    let spans = grok.captures().iter().enumerate().map(|(index, capture)| {
        let span = slots.span(index);
        if let Some(span) = &span {
            assert!(span.start <= span.end && span.end <= line.len());
        }
        (
            capture.field.clone(),
            span.map(|span| (span.start, span.end)),
        )
    });
    let spans = spans.collect();
    assert_eq!(slots.span(grok.captures().len()), None);
    Ok(spans)
}

fn slots_keep_nothing(grok: &Grok, line: &[u8], found: &Result<Spans, Outcome>) {
    let mut used = Slots::new();
    let _earlier = search(
        grok,
        b"GET /a?b=1 10.0.0.1 2026-11-20T16:46:09Z \"x\"",
        &mut used,
    );
    assert_eq!(search(grok, line, &mut used), *found);
}
