//! What an explanation tells of a line that does not match.

use sawlog_parsers::grok::Outcome;

use super::{ACCESS, compile};

#[test]
fn an_explanation_tells_how_far_it_got() {
    let line = br#"10.0.0.1 [14/Sep/2015:16:31:02 +0000] "GET /x HTTP/1.1" 200 - 0.1"#;
    let explanation = compile(ACCESS).unwrap().explain(line);
    assert_eq!(explanation.outcome, Outcome::NoMatch);
    assert_eq!(&line[explanation.rest.clone()], b"- 0.1");
    assert_eq!(explanation.expected, "%{NUMBER:bytes_sent}");
    assert_eq!(explanation.captured.len(), 5);
}

#[test]
fn an_explanation_tells_of_the_attempt_that_matched_most() {
    let explanation = compile("%{WORD:a} %{INT:b} end")
        .unwrap()
        .explain(b"foo 12 enx");
    assert_eq!(explanation.expected, "\" end\"");
    assert_eq!(explanation.captured, [(0, 0..3), (1, 4..6)]);
}

#[test]
fn what_a_run_of_any_text_swallowed_does_not_count_as_matched() {
    let check = |expression: &str, line: &str, place: usize, expected: &str| {
        let told = compile(expression).unwrap().explain(line.as_bytes());
        assert_eq!((told.offset, told.expected.as_str()), (place, expected));
    };
    let path = "\"%{WORD:verb} %{URIPATHPARAM} HTTP.*\" %{INT:status} %{INT:bytes}";
    check(path, "\"GET /cart HTTP/1.1\" 304 x", 25, "%{INT:bytes}");
    check(
        "%{WORD:verb} %{DATA:x} %{INT:n}$",
        "GET abc def",
        8,
        "%{INT:n}",
    );
    check(
        "^%{WORD:a}( %{WORD:b})?( %{INT:c})?$",
        "a b !",
        4,
        "%{INT:c}",
    );
}

#[test]
fn a_capture_that_was_entered_again_is_explained_as_it_was_last_whole() {
    for (expression, line, rest, captured) in [
        ("(?:(?<name>[a-z]+[0-9]) )+!", "a1 b2 cde", 9..9, 3..5),
        (r"^(?:(?<n>\d,))+$", "1,2,3,x", 6..7, 4..6),
        ("^(?<x>a)+b", "aaac", 3..4, 2..3),
    ] {
        let explained = compile(expression).unwrap().explain(line.as_bytes());
        assert_eq!(explained.rest, rest, "{expression}");
        assert_eq!(explained.captured, [(0, captured)], "{expression}");
    }
}

#[track_caller]
fn check_alternatives(expression: &str, line: &str, want: &[(&[usize], usize, &str)]) {
    let explanation = compile(expression).unwrap().explain(line.as_bytes());
    let found: Vec<_> = explanation
        .alternatives
        .iter()
        .map(|one| (&one.branch[..], one.offset, one.expected.as_str()))
        .collect();
    assert_eq!(found, want);
}

#[test]
fn an_explanation_tells_how_far_each_alternative_of_the_expression_got() {
    check_alternatives(
        "^(?:GET %{INT:a} now|PUT %{WORD:b}=%{INT:c}|%{IP:d})$",
        "PUT x=y",
        &[
            (&[0], 0, "\"GET \""),
            (&[1], 6, "%{INT:c}"),
            (&[2], 0, "%{IP:d}"),
        ],
    );
}

#[test]
fn an_explanation_tells_what_else_could_stand_at_the_place_of_failure() {
    check_alternatives(
        "%{WORD:verb} (?:%{INT:n}|%{IP:ip}|-) ",
        "GET x",
        &[
            (&[0], 4, "%{INT:n}"),
            (&[1], 4, "%{IP:ip}"),
            (&[2], 4, "\"-\""),
        ],
    );
    check_alternatives(
        "^%{WORD:verb} %{INT:n}(?: to)?$",
        "GET 1 x",
        &[(&[], 5, "$")],
    );
}

#[test]
fn an_explanation_tells_how_far_each_alternative_of_a_group_got() {
    check_alternatives(
        "^%{WORD:p}: (?:open %{INT:a}|close %{INT:b} by %{IP:c})$",
        "srv: close 7 by me",
        &[(&[0], 5, "\"open \""), (&[1], 16, "%{IP:c}")],
    );
    // A group in an alternative of a group, in one that may be left out, and in a definition.
    check_alternatives(
        "^a(?:b %{INT:x}|c (?:d%{INT:y}|e (?<z>f|g)))$",
        "ac e x",
        &[
            (&[0], 1, "\"b \""),
            (&[1, 0], 3, "\"d\""),
            (&[1, 1, 0], 5, "\"f\""),
            (&[1, 1, 1], 5, "\"g\""),
        ],
    );
    check_alternatives(
        "^x(?: (?:to %{IP:a}|from %{WORD:b}-%{INT:c}))?$",
        "x from y-z",
        &[(&[0], 2, "\"to \""), (&[1], 9, "%{INT:c}")],
    );
    check_alternatives(
        "^%{INT:n} %{SYSLOG5424SD} (?:%{IP:a} x|%{IP:b} y %{INT:c})",
        "1 [a b=\"c\"] 10.0.0.1 y z",
        &[(&[0], 20, "\" x\""), (&[1], 23, "%{INT:c}")],
    );
}

#[test]
fn alternatives_that_were_not_the_trouble_are_not_told() {
    check_alternatives("^(?:a|b) (?:c|d) %{INT:n}$", "a d x", &[]);
    check_alternatives(
        "^(?:a|b) (?:c|d) %{INT:n}$",
        "a x 1",
        &[(&[0], 2, "\"c\""), (&[1], 2, "\"d\"")],
    );
    // The choice is final, and the line got through it.
    check_alternatives("^(?>a|ab)c", "abc", &[]);
    check_alternatives(
        "^(?>%{IP:ip}|%{WORD:w}!)$",
        "bar?",
        &[(&[0], 0, "%{IP:ip}"), (&[1], 3, "\"!\"")],
    );
}

#[test]
fn of_a_text_as_much_counts_as_was_there() {
    let told = compile("^hello world$|^h%{INT:n}$")
        .unwrap()
        .explain(b"hello worle");
    let reached: Vec<_> = told.alternatives.iter().map(|one| one.reached).collect();
    assert_eq!((told.offset, told.reached), (0, 10));
    assert_eq!(
        (&told.expected[..], &reached[..]),
        ("\"hello world\"", &[10, 1][..])
    );
}

#[test]
fn an_alternative_that_costs_much_leaves_steps_to_the_others() {
    let choice = "(?:%{DATA:a} %{DATA:b} x|%{DATA:c} %{DATA:d} y|%{DATA:e} %{DATA:f} z)";
    let grok = compile(&format!("^{choice}(?:1|2|3|4|5|6|7|8)$")).unwrap();
    let told = grok.explain("a b c ".repeat(2000).as_bytes());
    assert_eq!(told.alternatives.len(), 3);
}

#[test]
fn a_piece_that_fails_inside_tells_how_far_it_came() {
    let explanation = compile("at %{TIME:t}").unwrap().explain(b"at 12:61:00");
    assert_eq!((explanation.offset, explanation.reached), (3, 6));
    assert_eq!(explanation.expected, "%{TIME:t}");
}

#[test]
fn alternatives_captured_by_then_are_told() {
    let explanation = compile("^%{WORD:a} %{INT:b}|^%{INT:c} %{INT:d}")
        .unwrap()
        .explain(b"17 x");
    let captured: Vec<_> = explanation
        .alternatives
        .iter()
        .map(|one| one.captured.clone())
        .collect();
    assert_eq!(captured, [[(0, 0..2)], [(2, 0..2)]]);
    assert_eq!(explanation.rest, 3..4);
}

#[test]
fn a_match_has_no_alternatives() {
    check_alternatives("a|b", "b", &[]);
}

#[test]
fn an_expression_without_captures_is_explained_too() {
    let explanation = compile("^%{WORD} %{INT}").unwrap().explain(b"up x");
    assert_eq!(
        (explanation.offset, explanation.expected.as_str()),
        (3, "%{INT}")
    );
}

#[test]
fn of_a_repeated_group_the_alternatives_of_the_round_that_failed_are_told() {
    check_alternatives(
        "^(?:%{INT:a},|%{WORD:b};)+$",
        "1,a;!",
        &[(&[0], 4, "%{INT:a}"), (&[1], 4, "%{WORD:b}"), (&[], 4, "$")],
    );
    let list = "^at %{TIME:t}(?: (?:%{WORD:k}=%{INT:v}|%{WORD:q}=\"%{WORD:s}\"))+ end$";
    check_alternatives(
        list,
        "at 10:20:30 a=1 b=\"c\" d=\"e f=2 end",
        &[(&[0], 24, "%{INT:v}"), (&[1], 26, "\"\\\"\"")],
    );
    let told = compile(list)
        .unwrap()
        .explain(b"at 10:20:30 a=1 b=\"c\" d=\"e f=2 end");
    let second = told.alternatives.iter().find(|one| one.branch == [1]);
    let captured = &second.unwrap().captured;
    // The time, the pair before, and what the round has.
    assert_eq!(
        captured[..4],
        [(0, 3..11), (1, 12..13), (2, 14..15), (3, 22..23)]
    );
    assert_eq!(captured[4], (4, 25..26));
    // Counted rounds are the same.
    check_alternatives(
        "^(?:a%{INT:n}|b(?<w>[a-z])!){2,3}$",
        "a1bc!bd?",
        &[(&[0], 5, "\"a\""), (&[1], 7, "\"!\"")],
    );
}

#[track_caller]
fn check_place(expression: &str, line: &str, (offset, reached): (usize, usize), expected: &str) {
    let told = compile(expression).unwrap().explain(line.as_bytes());
    let found = (told.offset, told.reached, told.expected.as_str());
    assert_eq!(found, (offset, reached, expected));
}

#[test]
fn of_a_run_that_is_too_short_the_byte_that_does_not_fit_is_told() {
    check_place("^a{3}b", "aab", (0, 2), "a{3}");
    check_place(r"^(?<d>\d{4})-", "20-1", (0, 2), r"\d{4}");
    check_place(r"^\d{3} ok", "12 ok", (0, 2), r"\d{3}");
    check_place(r"^\d{3} ok", "12", (0, 2), r"\d{3}");
    check_place(r"^\w{3,5}:", "ab:", (0, 2), r"\w{3,5}");
    check_place(r"^\w{3,5}?:", "ab:", (0, 2), r"\w{3,5}?");
    check_place("^\u{e9}{3}", "\u{e9}\u{e9}x", (0, 4), "\u{e9}{3}");
    check_place("^(?:ab){3}", "ababx", (4, 4), "\"ab\"");
    // A run behind what fails is not what came so far.
    check_place(r"^(?!12)\d{3}", "12", (0, 0), "(?!12)");
    check_place(r"^(?!1)\d{3}", "12", (0, 0), "(?!1)");
    let told = compile(r"^a(?:b|\d{3})$").unwrap().explain(b"a12");
    let reached: Vec<_> = told.alternatives.iter().map(|one| one.reached).collect();
    assert_eq!(reached, [1, 3]);
}

#[test]
fn a_look_is_told_where_it_stands_and_only_if_it_does_not_hold() {
    check_place("^ab(?=cd)c", "abce", (2, 2), "(?=cd)");
    check_place("^ab(?<=xb)c", "abd", (2, 2), "(?<=xb)");
    check_place("^(?!12)x", "1y", (0, 0), "\"x\"");
    check_place("^(?=abc|abd)x", "abd", (0, 0), "\"x\"");
    check_place("^a(?=.*z)b", "axxz", (1, 1), "\"b\"");
    check_place("^%{TIME:t}!", "10:20:30?", (8, 8), "\"!\"");
    // What is captured in a look is kept.
    let told = compile("^(?=(?<w>[a-z]+))a %{INT}")
        .unwrap()
        .explain(b"a x");
    assert_eq!((told.offset, told.captured), (2, vec![(0, 0..1)]));
}

#[test]
fn a_look_without_which_the_line_would_match_is_told() {
    check_place("(?<!x)y", "xy", (1, 1), "(?<!x)");
    check_place("(?<!foo)bar", "a foobar", (5, 5), "(?<!foo)");
    check_place(r"\b(?!bad)[a-z]+ \d", "bad1 bad 2", (5, 5), "(?!bad)");
    check_alternatives(
        "(?:a|(?<!x)(?<z>y))b",
        "xyb",
        &[(&[0], 0, "\"a\""), (&[1], 1, "(?<!x)")],
    );
    // Here it would not.
    check_place("(?<!x)y", "xz", (0, 0), "\"y\"");
    check_place("(?<!foo)bar!", "foobar", (0, 0), "\"bar!\"");
}

#[test]
fn of_several_attempts_the_one_that_is_further_in_the_expression_is_told() {
    let told = compile("%{WORD:a} %{WORD:b} %{INT:c}").unwrap();
    let told = told.explain(b"one two three");
    assert_eq!((told.offset, &told.expected[..]), (8, "%{INT:c}"));
    assert_eq!(told.captured, [(0, 0..3), (1, 4..7)]);
    check_place("%{WORD:a} %{INT:b}!", "x 1 longestword", (3, 3), "\"!\"");
    // Further rounds of a group are no progress in the expression.
    check_place("(?:[a-z]+ )+%{INT:n}!", "a b 1 c d e f g", (5, 5), "\"!\"");
    check_place(
        "(?:[a-z]+ ){1,9}%{INT:n}!",
        "a b 1 c d e f g",
        (5, 5),
        "\"!\"",
    );
    // A text counts by its bytes, what swallows any text does not count.
    let texts = "logged in as %{USER:u}|%{WORD:a}=%{INT:b}";
    check_place(texts, "k=v logged in as ?", (17, 17), "%{USER:u}");
    check_place(texts, "k=v logged in by x", (4, 14), "\"logged in as \"");
    check_place(
        "%{DATA:a}%{DATA:b}%{INT:c}x|%{INT:d} y",
        "5 z",
        (1, 2),
        "\" y\"",
    );
    // As many pieces: the one that has more bytes behind it.
    check_place("%{WORD:a} %{INT:b}", "a b long c", (9, 9), "%{INT:b}");
}

#[test]
fn pieces_are_told_as_they_are_written() {
    for (piece, line) in [
        (r"\s+", "=x"),
        (r"\d{4}", "=12"),
        (r"\S+?", "= "),
        (r"\w{2,}", "=a"),
        (r"\W", "=a"),
        ("[^,]+", "=,"),
        (r"[\w\-.]{3}", "=a."),
        (r"[^\s,]", "=,"),
        (r"[^\[\]]", "=["),
        (r#"[^"]"#, "=\""),
        ("[a-f]{2,3}?", "=a"),
        ("[äöü]", "=u"),
        (r"\.{2}", "=.x"),
        ("[ ]+", "=x"),
        (r"\b", "= "),
        ("(?!bad)", "=bad"),
        ("(?= ok)", "=no"),
        ("(?<!a=|b=)", "a="),
        (r"(?<=a|b\.)", "="),
        (r"(?!\d+ %{WORD:w}(?:x|y)? (?<z>[xy]+))", "=1 a xy"),
        ("(?!%{INT}|(?>ab){2,}$)", "=abab"),
    ] {
        let told = compile(&format!("^a?={piece}"));
        let expected = told.unwrap().explain(line.as_bytes()).expected;
        assert_eq!(expected, piece);
    }
    let long = compile(&format!("^(?={}cd)", "ab|".repeat(50))).unwrap();
    let told = long.explain(b"").expected;
    assert!(told.starts_with("(?=ab|ab|") && told.ends_with("...") && told.len() < 100);
}
