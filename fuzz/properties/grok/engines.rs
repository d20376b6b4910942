//! Compiling and searching as the grok targets do it: within a small budget, and with the last expressions kept,
//! since many lines come with the same one.

use std::cell::RefCell;
use std::rc::Rc;

use sawlog_parsers::grok::{CaptureMode, Grok, Options, Outcome, Slots, Tier};

use super::input::{Bank, Case, Names, name, read};

/// Steps that a search may take here, so that hostile pairs end soon.
const STEPS_MAX: u64 = 20_000;
/// Steps of the walk, each about as long as one of a search.
const WALK_STEPS_MAX: u64 = 50_000;
const KEPT_MAX: usize = 32;

/// An expression that was asked for, and what it was compiled to.
struct Kept {
    bank: Bank,
    best_tier: Tier,
    expression: String,
    grok: Option<Rc<Grok>>,
}

thread_local! {
    static LEGACY: Names = Names::of(Bank::Legacy);
    static ECS: Names = Names::of(Bank::Ecs);
    static STRICT: Names = Names::of(Bank::Strict);
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

fn with<T>(bank: Bank, ask: impl FnOnce(&Names) -> T) -> T {
    match bank {
        Bank::Legacy => LEGACY.with(ask),
        Bank::Ecs => ECS.with(ask),
        Bank::Strict => STRICT.with(ask),
    }
}

/// Reads an input with the names of the banks.
pub fn case(data: &[u8]) -> Option<Case> {
    read(data, |bank, number| with(bank, |names| name(names, number)))
}

/// Compiles the case's expression; `None` when it is refused.
pub fn compile(case: &Case, best_tier: Tier) -> Option<Rc<Grok>> {
    let is_same = |kept: &Kept| {
        kept.bank == case.bank && kept.best_tier == best_tier && kept.expression == case.expression
    };
    let known = KEPT.with_borrow(|all| {
        let kept = all.iter().find(|kept| is_same(kept));
        kept.map(|kept| kept.grok.clone())
    });
    if let Some(grok) = known {
        return grok;
    }
    let grok = compile_anew(case, best_tier);
    let grok = grok.map(Rc::new);
    KEPT.with_borrow_mut(|all| {
        if all.len() == KEPT_MAX {
            all.clear();
        }
        all.push(Kept {
            bank: case.bank,
            best_tier,
            expression: case.expression.clone(),
            grok: grok.clone(),
        });
    });
    grok
}

/// Compiles the case's expression, whether it was compiled before or not.
pub fn compile_anew(case: &Case, best_tier: Tier) -> Option<Grok> {
    let options = Options {
        // Both are tried, whatever the expression.
        captures: match case.expression.len() % 2 {
            0 => CaptureMode::Named,
            _ => CaptureMode::All,
        },
        steps_max: STEPS_MAX,
        best_tier,
    };
    with(case.bank, |names| {
        Grok::compile(&case.expression, &names.patterns, options).ok()
    })
}

/// How a search ended, and the start and end of each capture that was set, by its index.
pub type Found = (Outcome, Vec<(usize, usize, usize)>);

/// Searches and checks what holds for every answer.
pub fn search(grok: &Grok, line: &[u8], slots: &mut Slots) -> Found {
    found(grok, line, grok.search(line, slots), slots)
}

/// The same by the walk over the expression, which is slow and gives up soon.
pub fn walk(grok: &Grok, line: &[u8], slots: &mut Slots) -> Found {
    found(grok, line, grok.walk(line, WALK_STEPS_MAX, slots), slots)
}

fn found(grok: &Grok, line: &[u8], outcome: Outcome, slots: &Slots) -> Found {
    if outcome != Outcome::Match {
        return (outcome, Vec::new());
    }
    assert_eq!(slots.span(grok.captures().len()), None);
    let spans = (0..grok.captures().len()).filter_map(|index| {
        let span = slots.span(index)?;
        assert!(span.start <= span.end && span.end <= line.len());
        Some((index, span.start, span.end))
    });
    (outcome, spans.collect())
}
