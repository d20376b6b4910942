//! The expression language: characters by their code, comments, flags and case.

use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots, Tier};

use super::check;

#[test]
fn characters_by_their_code() {
    check(r"^(?<x>\u{41})$", "A", "x=A");
    check(r"^(?<x>\u{ 1f980 })$", "🦀", "x=🦀");
    check(r"^(?<x>\u0041\x41\x{e9})$", "AAé", "x=AAé");
    check(r"^(?<x>\xC3\xA9[\xe2\x82\xac]\x)$", "é€\0", "x=é€\0");
    check(r"^(?<x>[\u{41}-\u{43}]+)$", "ABC", "x=ABC");
    check(r"^\u{41}$", &"u".repeat(41), "null");
    check(r"^(?<x>\101\012\0)$", "A\n\0", "x=A\n\0");
    check(r"^(?<x>[\1\101\7]+)$", "\u{1}A\u{7}", "x=\u{1}A\u{7}");
}

#[test]
fn control_characters_by_their_letter() {
    check(
        r"^(?<x>\cA\ca\C-a\c[\c?)$",
        "\u{1}\u{1}\u{1}\u{1B}\u{7F}",
        "x=\u{1}\u{1}\u{1}\u{1B}\u{7F}",
    );
    check(
        r"^(?<x>[\cA-\cC]+)$",
        "\u{1}\u{2}\u{3}",
        "x=\u{1}\u{2}\u{3}",
    );
    check(r"^\cA$", "cA", "null");
}

#[test]
fn a_back_reference_may_stand_between_quotes() {
    check(r"(?<q>[ab])\k'q'", "abb", "q=b");
}

#[test]
fn a_comment_may_hold_an_escaped_parenthesis() {
    check(r"^a(?#x\)y)b$", "ab", "");
    check(r"^(?<x>a(?#letters)+)$", "aa", "x=aa");
}

#[test]
fn blanks_may_stand_before_a_repetition_where_they_mean_nothing() {
    check("(?x) ^ (?<x> \\d + ) # digits\n $", "17", "x=17");
}

/// The line matches the expression in all engines that can be asked.
#[track_caller]
fn check_tiers(expression: &str, line: &str, want: bool) {
    for best_tier in [Tier::Scanner, Tier::Automaton, Tier::Backtracker] {
        let options = Options {
            best_tier,
            ..Options::default()
        };
        let grok = Grok::compile(expression, &Patterns::legacy(), options).unwrap();
        let outcome = grok.search(line.as_bytes(), &mut Slots::new());
        assert_eq!(
            outcome == Outcome::Match,
            want,
            "{expression} {line} {best_tier:?}"
        );
    }
}

#[test]
fn all_forms_of_a_letter_are_one_where_case_is_ignored() {
    for forms in ["kK\u{212A}", "sS\u{17F}", "σΣς", "éÉ"] {
        for (one, other) in forms
            .chars()
            .flat_map(|one| forms.chars().map(move |other| (one, other)))
        {
            let line = format!("-{other}-");
            check_tiers(&format!("^-(?i){one}-$"), &line, true);
            check_tiers(&format!("(?i:-{one}-)"), &line, true);
            check_tiers(&format!("^-(?i)[{one}]-$"), &line, true);
            check_tiers(&format!("^-(?i)[^{one}]-$"), &line, false);
            check_tiers(&format!("^-{one}-$"), &line, one == other);
        }
    }
    check_tiers("^(?i)[a-z]+$", "\u{17F}\u{212A}Z", true);
    check_tiers("^(?i)[A-Z]+$", "\u{17F}\u{212A}z", true);
}

#[test]
fn named_sets_keep_to_their_side_of_ascii_where_case_is_ignored() {
    for set in [r"\W", r"[\W]", r"[^\w]"] {
        check_tiers(&format!("^(?i){set}$"), "k", false);
        check_tiers(&format!("^(?i){set}$"), "\u{212A}", true);
    }
    for set in [r"\w", r"[\w]", r"[^\W]"] {
        check_tiers(&format!("^(?i){set}$"), "K", true);
        check_tiers(&format!("^(?i){set}$"), "\u{212A}", false);
    }
}

#[test]
fn a_letter_is_never_two_where_case_is_ignored() {
    check_tiers("^(?i)ß$", "ẞ", true);
    check_tiers("^(?i)ß$", "ss", false);
    check_tiers("^(?i)ss$", "ß", false);
    check_tiers("^(?i)fi$", "ﬁ", false);
}

#[test]
fn flags_reach_into_the_definitions_that_are_referred_to() {
    for (expression, line) in [
        ("(?i)%{MONTH:m}", "x JAN y"),
        ("(?i:%{WORD} %{TTY:t})", "x /DEV/tty1"),
        ("^(?i)%{SYSLOGTIMESTAMP:t} x", "NOV 20 18:56:21 x"),
        ("(?i)%{HTTPDATE:t}", "20/NOV/2026:18:56:21 +0100"),
        ("(?i:%{A=a%{B=b}c})", "ABC"),
    ] {
        check_tiers(expression, line, true);
        check_tiers(&expression.replacen("(?i", "(?-i", 1), line, false);
    }
    check_tiers("(?-m:a%{DATA}b)", "a\nb", false);
    check_tiers("(?x) ^ %{A=a b} $", "ab", true);
}
