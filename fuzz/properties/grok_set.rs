//! What holds for several expressions in one matcher: the first that matches is found, as if each was tried by itself.
//! Up to an empty line each line is an expression, as `grok/input.rs` reads them; the rest is the line.

use std::cell::RefCell;
use std::rc::Rc;

use sawlog_parsers::grok::{GrokSet, Outcome, SetOutcome, Slots, Tier};

use crate::grok::engines::{case, compile_anew, search};

/// More than this show nothing new, but there is more than one word of bits.
const EXPRESSIONS_MAX: usize = 70;

thread_local! {
    /// The last expressions, since many lines come with the same ones.
    static LAST: RefCell<(Vec<u8>, Option<Rc<GrokSet>>)> = const { RefCell::new((Vec::new(), None)) };
}

/// Checks the expressions on the line.
pub fn check(data: &[u8]) {
    let empty_line = data.windows(2).position(|pair| pair == b"\n\n");
    let (expressions, line) = data.split_at(empty_line.unwrap_or(data.len()));
    let line = [b"\x01", line.get(1..).unwrap_or_default()].concat();
    let Some(case) = case(&line) else { return };
    let set = set(expressions);
    let mut slots = Slots::new();
    let outcome = set.search(&case.line, &mut slots);
    let mut one_by_one = Slots::new();
    for (index, grok) in set.groks().iter().enumerate() {
        let found = search(grok, &case.line, &mut one_by_one);
        match found.0 {
            Outcome::NoMatch => continue,
            Outcome::BudgetSpent => assert_eq!(outcome, SetOutcome::BudgetSpent(index)),
            Outcome::Match => {
                assert_eq!(outcome, SetOutcome::Match(index));
                for capture in 0..grok.captures().len() {
                    assert_eq!(slots.span(capture), one_by_one.span(capture));
                }
            }
        }
        return;
    }
    assert_eq!(outcome, SetOutcome::NoMatch);
}

fn set(expressions: &[u8]) -> Rc<GrokSet> {
    let last = LAST.with_borrow(|(last, set)| set.clone().filter(|_| last == expressions));
    if let Some(set) = last {
        return set;
    }
    let lines = expressions.split(|byte| *byte == b'\n');
    let groks = lines
        .filter_map(|line| compile_anew(&case(line)?, Tier::Scanner))
        .take(EXPRESSIONS_MAX)
        .collect();
    let set = Rc::new(GrokSet::new(groks));
    LAST.set((expressions.to_vec(), Some(set.clone())));
    set
}
