//! Operations that look at much of a line at one place, and in vain: what they look at counts, so that a number of steps is
//! a bound of the work. Time is not measured: each search would take far fewer steps than it has, if such an operation were
//! one step like any other, and ends with its budget spent instead.

use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots, Tier};

/// The backtracker alone, with so many steps.
#[track_caller]
fn check(expression: &str, line: &str, steps_max: u64, want: Outcome) {
    let options = Options {
        steps_max,
        best_tier: Tier::Backtracker,
        ..Options::default()
    };
    let grok = Grok::compile(expression, &Patterns::new(), options);
    let grok = grok.expect("the expression is sound");
    let outcome = grok.search(line.as_bytes(), &mut Slots::new());
    let start: String = expression.chars().take(60).collect();
    assert_eq!(outcome, want, "{start} within {steps_max} steps");
}

/// At each of some thousand letters some thousands are looked at: millions, of which sixteen are a step.
const LETTERS: usize = 8000;

#[test]
fn a_back_reference_costs_what_it_compares() {
    let (once, twice) = ("a".repeat(LETTERS), "a".repeat(2 * LETTERS));
    let line = format!("{once}b{twice}");
    let within = |steps, want| check(r"^(?<x>a+b).*?\k<x>", &line, steps, want);
    within(500_000, Outcome::BudgetSpent);
    within(5_000_000, Outcome::NoMatch);
    // A text that differs from the line at its first letter costs nothing more.
    let line = format!("b{once}c{twice}");
    check(r"^(?<x>ba+c).*?\k<x>", &line, 100_000, Outcome::NoMatch);
}

#[test]
fn a_back_reference_costs_the_captures_that_it_asks() {
    let expression = format!(r"^{}(?:\k<x>|a)*$", "(?<x>b)?".repeat(2000));
    let line = "a".repeat(LETTERS);
    check(&expression, &line, 200_000, Outcome::BudgetSpent);
    check(&expression, &line, 5_000_000, Outcome::Match);
}

#[test]
fn a_look_behind_costs_what_it_goes_back() {
    let line = "a".repeat(LETTERS);
    let within = |steps, want| check(r"^(?:a(?<!b.{4000}))*$", &line, steps, want);
    within(200_000, Outcome::BudgetSpent);
    within(5_000_000, Outcome::Match);
}

#[test]
fn a_lazy_run_costs_its_least_number() {
    let line = "a".repeat(LETTERS / 2) + &"c".repeat(LETTERS / 2);
    let expression = "^(?:[ac]{2000,2001}?[ab]d|a)*c";
    check(expression, &line, 200_000, Outcome::BudgetSpent);
    check(expression, &line, 5_000_000, Outcome::Match);
}

#[test]
fn a_text_costs_what_of_it_is_there() {
    let line = "a".repeat(LETTERS);
    let expression = format!("^(?:{}b|a)*$", "a".repeat(4000));
    check(&expression, &line, 200_000, Outcome::BudgetSpent);
    check(&expression, &line, 5_000_000, Outcome::Match);
    // One that differs at its start costs nothing more, however long it is.
    let expression = format!("^(?:ab{}|a)*$", "a".repeat(4000));
    check(&expression, &line, 100_000, Outcome::Match);
}
