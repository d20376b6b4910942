//! Conditions: every operator, the grouping, the traps, and what is said of mistakes.

use super::{check, clean, filter, load_with, sources};
use crate::lang::{Comparison, Expression, Operand, Reference, Statement};

/// The condition in words, grouped.
fn spelt(expression: &Expression) -> String {
    let pair = |word: &str, left: &Expression, right: &Expression| {
        format!("({} {word} {})", spelt(left), spelt(right))
    };
    match expression {
        Expression::And(left, right) => pair("and", left, right),
        Expression::Or(left, right) => pair("or", left, right),
        Expression::Xor(left, right) => pair("xor", left, right),
        Expression::Nand(left, right) => pair("nand", left, right),
        Expression::Not(inner) => format!("!{}", spelt(inner)),
        Expression::Truthy(reference) => field(reference),
        Expression::Compare {
            left,
            comparison,
            right,
        } => {
            let word = match comparison {
                Comparison::Equal => "==",
                Comparison::NotEqual => "!=",
                Comparison::Less => "<",
                Comparison::LessOrEqual => "<=",
                Comparison::Greater => ">",
                Comparison::GreaterOrEqual => ">=",
            };
            format!("{} {word} {}", operand(left), operand(right))
        }
        Expression::Match {
            subject,
            pattern,
            negated,
        } => {
            let word = if *negated { "!~" } else { "=~" };
            format!("{} {word} /{pattern}/", operand(subject))
        }
        Expression::In {
            needle,
            haystack,
            negated,
        } => {
            let word = if *negated { "not in" } else { "in" };
            format!("{} {word} {}", operand(needle), operand(haystack))
        }
    }
}

fn field(reference: &Reference) -> String {
    reference.parts.join(".")
}

fn operand(operand: &Operand) -> String {
    match operand {
        Operand::Text(text) => format!("'{text}'"),
        Operand::Number(number) => number.clone(),
        Operand::Field(reference) => field(reference),
        Operand::List(items) => {
            let items: Vec<_> = items.iter().map(self::operand).collect();
            format!("[{}]", items.join(", "))
        }
    }
}

fn reading(condition: &str) -> (String, Vec<String>) {
    let sources = sources(&format!("filter {{ if\n{condition} {{ mutate {{ }} }} }}"));
    let (config, _) = load_with(&sources, false);
    let spelling = match config.filters.as_slice() {
        [Statement::If(branches)] => match branches.branches.as_slice() {
            [(condition, _)] => spelt(&condition.expression),
            _ => "nothing".to_owned(),
        },
        _ => "nothing".to_owned(),
    };
    (spelling, super::remarks_on(&sources))
}

/// What a condition means, without remarks.
#[track_caller]
fn means(condition: &str, want: &str) {
    assert_eq!(
        reading(condition),
        (want.to_owned(), Vec::new()),
        "{condition}"
    );
}

/// What a condition means, and the remark on it; it stands on line 2.
#[track_caller]
fn warned(condition: &str, want: &str, remark: &str) {
    assert_eq!(
        reading(condition),
        (want.to_owned(), vec![remark.to_owned()]),
        "{condition}"
    );
}

/// The one remark on a condition.
#[track_caller]
fn refused(condition: &str, remark: &str) {
    assert_eq!(reading(condition).1, [remark], "{condition}");
}

#[test]
fn fields_are_tested_for_truth() {
    means("[a]", "a");
    means("[a][b][0]", "a.b.0");
    means("[@metadata][x y]", "@metadata.x y");
    means("[a.b]", "a.b");
    means("![a]", "!a");
    means("! [a]", "!a");
    means("!([a] or [b])", "!(a or b)");
    means("! ( ! ( [a] ) )", "!!a");
}

#[test]
fn values_are_compared() {
    means("[a] == \"x\"", "a == 'x'");
    means("[a]!='x'", "a != 'x'");
    means("[a] < 5", "a < 5");
    means("[a] <= -5.5", "a <= -5.5");
    means("[a] > [b]", "a > b");
    means("10>=[b]", "10 >= b");
    means("\"x\" == [a]", "'x' == a");
    means("[a] == \"\"", "a == ''");
}

#[test]
fn lists_and_texts_are_searched() {
    means("[a] in [\"x\", \"y\"]", "a in ['x', 'y']");
    means("[a] not in [xx, 5, 'y']", "a not in ['xx', 5, 'y']");
    means("[a] not  in [b]", "a not in b");
    means("\"x\" in [tags]", "'x' in tags");
    means("[a] in \"some text\"", "a in 'some text'");
    means("5 in [a]", "5 in a");
    means("\"a]b\" in [\"a]b\", \",\"]", "'a]b' in ['a]b', ',']");
    means("[a] in [[\"x\"], [\"y\"]]", "a in [['x'], ['y']]");
}

#[test]
fn texts_are_matched() {
    means("[a] =~ /^x\\/y$/", "a =~ /(?m)^x\\/y$/");
    means("[a] !~ \"x\"", "a !~ /(?m)x/");
    means("[a] =~ /(?m)x.y/", "a =~ /(?m)(?s)x.y/");
    means("[a] =~ /{/", "a =~ /(?m)\\{/");
    means("[a]=~/x/", "a =~ /(?m)x/");
}

#[test]
fn operators_group_as_in_logstash() {
    means("[a] and [b] or [c]", "((a and b) or c)");
    means("[a] or [b] and [c]", "(a or (b and c))");
    means("[a] or [b] or [c]", "(a or (b or c))");
    means("[a] and [b] and [c]", "(a and (b and c))");
    means("([a] or [b]) and [c]", "((a or b) and c)");
    means("[a] xor [b]", "(a xor b)");
    means("[a] nand [b]", "(a nand b)");
    means("([a] xor [b]) and [c]", "((a xor b) and c)");
    means("[a]and[b]", "(a and b)");
}

#[test]
fn the_quirk_of_two_ands_before_an_or_is_kept_and_warned_of() {
    warned(
        "[a] and [b] and [c] == \"x  y\" or [d]",
        "(a and ((b and c == 'x  y') or d))",
        "2:31 warning: after two or more `and`s this `or` takes up only the last of them, as in Logstash / it is read as `[a] and (([b] and [c] == \"x  y\") or [d])`; put parentheses: `([a] and [b] and [c] == \"x  y\") or [d]`",
    );
    let (_, remarks) = reading(&format!("{} [z] or [y]", "[a] and ".repeat(9)));
    assert_eq!(
        remarks,
        [
            "2:78 warning: after two or more `and`s this `or` takes up only the last of them, as in Logstash / put parentheses around the `and`s: `([a] and [b] and [c]) or [d]`"
        ]
    );
}

#[test]
fn xor_and_nand_stand_alone() {
    refused(
        "[a] xor [b] and [c]",
        "2:5 error: `xor` cannot stand beside another operator / put it into parentheses: `([a] xor [b]) and [c]`",
    );
    refused(
        "[a] and [b] nand [c]",
        "2:13 error: `nand` cannot stand beside another operator / put it into parentheses: `([a] nand [b]) and [c]`",
    );
}

#[test]
fn a_list_of_one_is_a_list_and_warned_of() {
    warned(
        "[a] in [\"x\"]",
        "a in ['x']",
        "2:8 warning: Logstash reads `[\"x\"]` as the name of a field, so this never holds there; sawlog reads a list of one / write `== \"x\"`, which both read alike",
    );
    warned(
        "[a] not in [200]",
        "a not in [200]",
        "2:12 warning: Logstash reads `[200]` as the name of a field, so this never holds there; sawlog reads a list of one / write `== 200`, which both read alike",
    );
    warned(
        "[a] in []",
        "a in []",
        "2:8 warning: nothing is in an empty list / write the values: `[\"a\", \"b\"]`",
    );
    means("[a] in [200][x]", "a in 200.x");
}

#[test]
fn comparing_with_a_list_is_warned_of() {
    warned(
        "[a] == [\"x\", \"y\"]",
        "a == ['x', 'y']",
        "2:8 warning: Logstash compares with the first element only; sawlog compares with the whole list / to test for any of them write `[field] in [\"x\", \"y\"]`",
    );
}

#[test]
fn what_never_changes_is_warned_of() {
    warned(
        "\"a\" == \"b\"",
        "'a' == 'b'",
        "2:1 warning: two fixed values are compared: the result is always the same / a field is written in brackets: `[field]`",
    );
    warned(
        "[a] == \"%{b}\"",
        "a == '%{b}'",
        "2:8 warning: `%{...}` is not filled in in conditions: this is compared as it stands / write the field: `[b]`",
    );
    warned(
        "[ a ]",
        " a ",
        "2:1 warning: the blanks inside the brackets are part of the field's name / write `[name]` without blanks",
    );
}

#[test]
fn variables_are_put_into_conditions() {
    means("[a] == \"${WORD} ${NONE:x}\"", "a == 'hello x'");
    means("[a] =~ /^${LEVEL}$/", "a =~ /(?m)^er+or$/");
    refused(
        "[a] == \"x ${NONE}\"",
        "2:11 error: the environment variable `NONE` is not set and has no default / set it, or write `${NONE:default}`",
    );
    refused(
        "[a] =~ /${BAD}/",
        "2:8 error: in the regular expression: unclosed group / -",
    );
}

#[test]
fn words_are_no_values() {
    refused(
        "[a] == true",
        "2:8 error: `true` is neither a field nor a value / `if [field]` and `if ![field]` test a boolean; `\"true\"` is the text of that name",
    );
    let reading = reading("message == \"x\"");
    assert_eq!(
        reading.1,
        [
            "2:1 error: `message` is neither a field nor a value / `[message]` is the field, `\"message\"` the text"
        ]
    );
    refused(
        "[a] == null",
        "2:8 error: `null` is neither a field nor a value / `if ![field]` holds where the field is missing or null",
    );
}

#[test]
fn operators_of_other_languages_are_named() {
    for (condition, column, wrong, right) in [
        (
            "[a] && [b]",
            5,
            "`&&` is not an operator here",
            "write `and`",
        ),
        (
            "[a] || [b]",
            5,
            "`||` is not an operator here",
            "write `or`",
        ),
        ("[a] AND [b]", 5, "`AND` is not an operator", "write `and`"),
        ("[a] = 5", 5, "`=` is not a comparison", "write `==`"),
        ("[a] === 5", 5, "`===` is not a comparison", "write `==`"),
        ("[a] <> 5", 5, "`<>` is not a comparison", "write `!=`"),
    ] {
        let want = format!("2:{column} error: {wrong} / {right}");
        assert_eq!(reading(condition).1, [want], "{condition}");
    }
    refused(
        "[a] contains \"x\"",
        "2:5 error: `contains` is not an operator / conditions are joined by `and`, `or`, `nand`, `xor`; the block follows in `{ ... }`",
    );
    refused(
        "not [a]",
        "2:1 error: `not` stands only before `in` / write `![field]` or `!(condition)`",
    );
    refused(
        "[a] not [b]",
        "2:5 error: `in` is missing after `not` / write `[field] not in [\"a\", \"b\"]`, or `!` before a field or parentheses",
    );
}

#[test]
fn only_fields_and_parentheses_are_negated() {
    refused(
        "!\"x\"",
        "2:2 error: only a field or parentheses can follow `!` / write `![field]` or `!(condition)`",
    );
    refused(
        "![a] == \"x\"",
        "2:1 error: a negated field cannot be compared with a value / negate the whole comparison: `!([field] == \"value\")`, or write `!=`",
    );
    refused(
        "([a]) == \"x\"",
        "2:1 error: a condition in parentheses cannot be compared with a value / compare fields and values only: `[field] == \"value\"`",
    );
}

#[test]
fn a_value_alone_is_no_condition() {
    refused(
        "\"a\"",
        "2:1 error: `\"a\"` alone is no condition / test a field: `[a]`, or compare: `[field] == \"a\"`",
    );
    refused(
        "5",
        "2:1 error: `5` alone is no condition / compare it: `[field] == 5`",
    );
    refused(
        "/x/",
        "2:1 error: `/x/` alone is no condition / match a field against it: `[field] =~ /x/`",
    );
    refused(
        "[\"a\", \"b\"]",
        "2:1 error: `[\"a\", \"b\"]` alone is no condition / compare it: `[field] in [\"a\", \"b\"]`",
    );
}

#[test]
fn operands_must_fit_their_operator() {
    refused(
        "[a] == /x/",
        "2:8 error: a regular expression can stand only after `=~` and `!~` / write `[field] =~ /x/`",
    );
    refused(
        "[a] =~ [b]",
        "2:8 error: a regular expression is expected after `=~` and `!~` / write it between slashes: `[field] =~ /^start/`",
    );
    refused(
        "[a] in 5",
        "2:8 error: nothing can be in a number / write `== 5`, or a list: `[5, ...]`",
    );
}

#[test]
fn a_mistake_in_a_regular_expression_is_shown_in_its_place() {
    refused(
        "[a] =~ /x(y/",
        "2:10 error: in the regular expression: unclosed group / -",
    );
    refused(
        "[a] =~ \"x[y\"",
        "2:10 error: in the regular expression: unclosed character class / -",
    );
    refused(
        "[a] =~ /x(?!y)/",
        "2:10 error: in the regular expression: look-ahead is not supported here / look-around, back references and atomic groups are not supported here; split the test in two: `[f] =~ /a/ and [f] !~ /b/`",
    );
}

#[test]
fn field_references_must_be_whole() {
    refused(
        "[[a][b]][c] == 1",
        "2:1 error: a field reference inside another has no place in a condition / write `[a][b][c]`",
    );
    refused(
        "[a][] == 1",
        "2:4 error: this is not a field reference / a field is written `[name]` or `[outer][inner]`",
    );
    refused(
        "[a == 1",
        "2:1 error: this `[` is not closed / a field is written `[name]` or `[outer][inner]`, a list `[\"a\", \"b\"]`",
    );
    refused(
        "[a] [b]",
        "2:5 error: an operator or `{` is expected here / conditions are joined by `and`, `or`, `nand`, `xor`; the block follows in `{ ... }`",
    );
}

#[test]
fn brackets_in_conditions_must_be_closed() {
    refused(
        "([a] or [b]",
        "2:1 error: this `(` is not closed / add the missing `)`",
    );
    refused(
        "[a] in [\"x\", \"y\"",
        "2:8 error: this list is not closed / add the missing `]`",
    );
    let (_, remarks) = reading("[a] in [\"x\" \"y\"]");
    assert_eq!(
        remarks,
        [
            "2:13 error: `,` is missing between two elements of a list / lists are written `[\"a\", \"b\"]`"
        ]
    );
    check(
        "filter { if [a] =~ /x { mutate { } } }",
        &[
            "1:20 error: this regular expression is not closed / add the closing `/`; a slash inside is written `\\/`",
        ],
    );
}

#[test]
fn a_condition_is_needed() {
    refused(
        "",
        "2:2 error: a field or value is expected here / a field is written `[name]`, text in quotes, a regular expression `/.../`",
    );
    refused(
        "[a] ==",
        "2:8 error: a field or value is expected here / a field is written `[name]`, text in quotes, a regular expression `/.../`",
    );
    check(
        "filter { if [a] mutate { } }",
        &[
            "1:17 error: `mutate` is not an operator / conditions are joined by `and`, `or`, `nand`, `xor`; the block follows in `{ ... }`",
        ],
    );
}

#[test]
fn what_is_wrong_in_a_block_is_found_though_its_condition_is_wrong_too() {
    check(
        "filter { if [a] = 1 { mutat { } } else if ! { } else { gork { } } }",
        &[
            "1:17 error: `=` is not a comparison / write `==`",
            "1:23 error: there is no filter \"mutat\" / did you mean `mutate`?",
            "1:45 error: only a field or parentheses can follow `!` / write `![field]` or `!(condition)`",
            "1:56 error: there is no filter \"gork\" / did you mean `grok`?",
        ],
    );
}

#[test]
fn inputs_take_no_conditions() {
    check(
        "input { if [a] { stdin { } } }",
        &[
            "1:9 error: a condition cannot stand around inputs / there is no event yet to look at; put the condition into `filter { ... }`",
        ],
    );
}

#[test]
fn outputs_take_conditions() {
    let config = clean("output { if [a] { stdout { } } else { elasticsearch { } } }");
    assert!(matches!(config.outputs.as_slice(), [Statement::If(_)]));
    assert_eq!(filter("filter { mutate { } }").id, "filter_mutate_1");
}
