//! What holds for every expression and every pattern file: the first line is an expression, the rest is a file.
//! What begins with the byte 1 or 2 is a recipe of `grok/input.rs`.

use sawlog_parsers::Error;
use sawlog_parsers::grok::{CaptureMode, Grok, Options, Patterns, Tier};

use crate::grok::engines::case;

/// The name under which the file is read.
const FILE: &str = "of-the-fuzzer";

/// Checks that it compiles in the same way for all engines, or that the fault has its place.
pub fn check(data: &[u8]) {
    let Some(case) = case(data) else { return };
    let mut patterns = PATTERNS.with(Clone::clone);
    if let Err(error) = patterns.add_file(FILE, &case.line) {
        assert_eq!(error.file(), Some(FILE));
        assert!(error.line().is_some() && error.column().is_some());
        place_exists(&error, &case.expression, &case.line);
    }
    // Both are tried, whatever the expression.
    let captures = match case.line.len() % 2 {
        0 => CaptureMode::Named,
        _ => CaptureMode::All,
    };
    compiles_alike(&case.expression, &patterns, captures, &case.line);
}

thread_local! {
    static PATTERNS: Patterns = Patterns::legacy();
}

fn compiles_alike(expression: &str, patterns: &Patterns, captures: CaptureMode, file: &[u8]) {
    let compile = |best_tier| {
        let options = Options {
            captures,
            best_tier,
            ..Options::default()
        };
        Grok::compile(expression, patterns, options)
    };
    let backtracker = match compile(Tier::Backtracker) {
        Ok(grok) => grok,
        Err(error) => {
            place_exists(&error, expression, file);
            assert_eq!(compile(Tier::Scanner).err(), Some(error));
            return;
        }
    };
    assert_eq!(backtracker.tier(), Tier::Backtracker);
    let best = compile(Tier::Scanner).expect("it compiles for the backtracker");
    assert_eq!(best.captures(), backtracker.captures());
    assert_eq!(best.warnings(), backtracker.warnings());
    assert!(!best.tier_reason().is_empty());
    for capture in best.captures() {
        assert!(!capture.field.is_empty());
    }
}

/// The place that an error names is there: a column behind the end is the end of the text.
fn place_exists(error: &Error, expression: &str, file: &[u8]) {
    assert!(!error.message().is_empty());
    assert!(error.to_string().contains(error.message()));
    let column = error.column().unwrap_or(1);
    assert_ne!(column, 0);
    match (error.file(), error.line()) {
        (Some(FILE), Some(line)) => {
            let text = file.split(|byte| *byte == b'\n').nth(line - 1);
            let text = text.expect("the line that the error names");
            let width = String::from_utf8_lossy(text).chars().count();
            assert!(column <= width + 1, "{error} in {text:?}");
        }
        // In a published file, which has no fault of its own, or in an inline definition.
        (Some(_), _) => {}
        (None, _) => assert!(column <= expression.chars().count() + 1, "{error}"),
    }
}
