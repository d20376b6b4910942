//! What a diagnostic looks like when it is printed.

use super::{load_with, sources};
use crate::lang::diagnostic::{Diagnostic, render};
use crate::lang::source::{Sources, Span};

#[track_caller]
fn check(text: &str, want: &[&str]) {
    let sources = sources(text);
    let (_, diagnostics) = load_with(&sources, false);
    let printed: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| render(diagnostic, &sources, false))
        .collect();
    assert_eq!(printed, want);
}

#[test]
fn a_diagnostic_has_a_place_an_excerpt_and_help() {
    check(
        "filter {\n  grok { mach => 5 }\n}",
        &["p.conf:2:10: error: filter `grok` has no option `mach`
  |
2 |   grok { mach => 5 }
  |          ^^^^
help: did you mean `match`?"],
    );
}

#[test]
fn a_caret_stands_behind_tabs_and_wide_letters() {
    check(
        "filter {\n\tmutate { separator => \"日本\" mod => fast }\n}",
        &["p.conf:2:29: error: filter `mutate` has no option `mod`
  |
2 |     mutate { separator => \"日本\" mod => fast }
  |                                  ^^^
help: did you mean `mode`?"],
    );
}

#[test]
fn only_the_first_line_of_a_long_place_is_shown() {
    check(
        "filter { grok { target => [\r\n\"a\",\r\n\"b\"] } }",
        &[
            "p.conf:1:27: error: the option `target` takes one field, not `[ \"a\", \"b\"]`
  |
1 | filter { grok { target => [
  |                           ^
help: write a field such as `\"message\"` or `\"[outer][inner]\"`",
        ],
    );
}

#[test]
fn the_end_of_a_text_is_a_place() {
    let sources = sources("filter { if [a]");
    let (_, diagnostics) = load_with(&sources, false);
    let printed = render(&diagnostics[1], &sources, false);
    assert!(
        printed.starts_with("p.conf:1:16: error: `{` is missing after the condition"),
        "{printed}"
    );
}

#[test]
fn a_very_long_line_is_cut_around_the_place() {
    let text = format!(
        "filter {{ mutate {{ separator => \"{0}\" mod => 1 tags => \"{0}\" }} }}",
        "é".repeat(3000)
    );
    let sources = sources(&text);
    let (_, diagnostics) = load_with(&sources, false);
    let printed = render(&diagnostics[0], &sources, false);
    assert!(
        printed.starts_with("p.conf:1:3035: error: filter `mutate` has no option `mod`\n"),
        "{printed}"
    );
    assert!(printed.len() < 1000, "{printed}");
    assert!(
        printed.contains("mod => 1") && printed.contains("^^^"),
        "{printed}"
    );
}

#[test]
fn a_very_long_name_is_cut() {
    let sources = sources(&format!("{} {{ }}", "a".repeat(5000)));
    let (_, diagnostics) = load_with(&sources, false);
    assert!(render(&diagnostics[0], &sources, false).len() < 4000);
}

#[test]
fn secrets_are_not_printed() {
    check(
        "input { tcp { port => 1 token => \"hunter2\" rate => x1 } }",
        &[
            "p.conf:1:52: error: the option `rate` takes a number, not `x1`
  |
1 | input { tcp { port => 1 token => \"***\" rate => x1 } }
  |                                                ^^
help: write a number such as `10` or `0.5`",
        ],
    );
    check(
        "input { tcp { port => 1 token => [\"hunter2\", 'b'] } }",
        &["p.conf:1:34: error: the option `token` takes one text
  |
1 | input { tcp { port => 1 token => *** } }
  |                                  ^^^
help: write one text in quotes"],
    );
}

#[test]
fn secrets_of_unknown_plugins_are_not_printed_either() {
    check(
        "output { kafka { sasl_password => \"hunter2\" } }",
        &[
            "p.conf:1:10: error: output \"kafka\" is a Logstash plugin that sawlog does not have
  |
1 | output { kafka { sasl_password => \"***\" } }
  |          ^^^^^
help: the outputs are `stdout`, `elasticsearch`",
        ],
    );
}

#[test]
fn secrets_are_not_told_in_messages_either() {
    check(
        "input { tcp { port => 1 token => hunter-2 } }",
        &["p.conf:1:34: error: `***` must stand in quotes
  |
1 | input { tcp { port => 1 token => *** } }
  |                                  ^^^
help: write `\"***\"`"],
    );
    check(
        "output { elasticsearch { index => { \"http://u:hunter2@h\" => 1 } } }",
        &["p.conf:1:35: error: the option `index` takes one text, not `{ \"http://u:***@h\" => 1 }`
  |
1 | output { elasticsearch { index => { \"http://u:***@h\" => 1 } } }
  |                                   ^^^^^^^^^^^^^^^^^^^^^^^^^
help: write one text in quotes"],
    );
}

#[test]
fn control_characters_are_written_out() {
    let mut sources = Sources::default();
    sources.push("a\u{1b}b", "x\u{1b}[2J");
    let span = Span {
        source: 0,
        start: 0,
        end: 1,
    };
    let printed = render(
        &Diagnostic::warning(span, "odd \u{7}").help("none\n"),
        &sources,
        false,
    );
    assert!(
        !printed.contains('\u{1b}') && !printed.contains('\u{7}'),
        "{printed:?}"
    );
    assert!(
        printed.starts_with("a\\u{1b}b:1:1: warning: odd \\u{7}\n"),
        "{printed:?}"
    );
    assert!(printed.ends_with("\nhelp: none\\n"), "{printed:?}");
}

#[test]
fn colours_are_for_terminals() {
    let sources = sources("filter { grk { } }");
    let (_, diagnostics) = load_with(&sources, false);
    assert!(render(&diagnostics[0], &sources, true).contains("\u{1b}["));
    assert!(!render(&diagnostics[0], &sources, false).contains("\u{1b}["));
}

#[test]
fn a_place_in_no_text_is_survived() {
    let span = Span {
        source: 7,
        start: 3,
        end: 9,
    };
    let printed = render(
        &Diagnostic::notice(span, "lost"),
        &Sources::default(),
        false,
    );
    assert_eq!(printed, "-:1:1: notice: lost");
}
