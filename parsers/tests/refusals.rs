//! What is refused: expressions, definitions and pattern files that are wrong, each with the words that a user reads.
//! Lines of logs are never refused; `hostile.rs` tests those.

#[path = "refusals/syntax.rs"]
mod syntax;

use sawlog_parsers::Error;
use sawlog_parsers::grok::{CaptureMode, Grok, Kind, Options, Patterns};

fn compile(expression: &str, patterns: &Patterns) -> Result<Grok, Error> {
    Grok::compile(expression, patterns, Options::default())
}

fn refusal(expression: &str, patterns: &Patterns) -> Error {
    let compiled = compile(expression, patterns);
    compiled.expect_err("the expression is refused")
}

/// An expression with the built-in patterns, and the error's text.
#[track_caller]
fn check(expression: &str, want: &str) {
    let error = refusal(expression, &Patterns::legacy());
    assert_eq!(error.to_string(), want, "{expression:.40}");
}

/// A pattern file named `f` that can be read, an expression, and the error's text.
#[track_caller]
fn check_file(file: &str, expression: &str, want: &str) {
    let mut patterns = Patterns::legacy();
    let read = patterns.add_file("f", file.as_bytes());
    read.expect("the file can be read");
    assert_eq!(refusal(expression, &patterns).to_string(), want);
}

/// A pattern file named `f` that cannot be read, and the error's text.
#[track_caller]
fn check_unreadable(file: &[u8], want: &str) {
    let error = Patterns::new().add_file("f", file);
    let error = error.expect_err("the file is refused");
    assert_eq!(error.to_string(), want);
    assert_eq!(error.file(), Some("f"));
}

fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

#[test]
fn an_unknown_set_is_told_with_the_nearest_name() {
    check(
        "a[[:alhpa:]]",
        "column 2: unknown class [:alhpa:]; did you mean [:alpha:]?",
    );
    check(
        "[[:^dgit:]]",
        "column 1: unknown class [:dgit:]; did you mean [:digit:]?",
    );
    check(
        "[[:letter:]]",
        "column 1: unknown class [:letter:]; known are alnum, alpha, ascii, blank, cntrl, digit, graph, lower, \
         print, punct, space, upper, word, xdigit",
    );
    check(
        r"\p{Uppercse_Letter}",
        r"column 1: unknown property \p{Uppercse_Letter}; did you mean \p{Uppercase_Letter}?",
    );
    check(
        r"a[\P{^Cyrilic}]",
        r"column 2: unknown property \p{Cyrilic}; did you mean \p{Cyrillic}?",
    );
    check(
        r"\p{ALHPA}",
        r"column 1: unknown property \p{ALHPA}; did you mean \p{alpha}?",
    );
    check(
        r"\p{Runes}",
        r"column 1: unknown property \p{Runes}; known are Unicode's general categories, properties and scripts, such as L, Letter, Alphabetic, Han, and the names of [:alpha:] and its like",
    );
}

#[test]
fn an_unknown_pattern_is_told_with_the_nearest_name() {
    check(
        "%{NUMBR:x}",
        "column 1: unknown pattern %{NUMBR}; did you mean %{NUMBER}?",
    );
    check(
        "a %{COMBINDAPACHELOG}",
        "column 3: unknown pattern %{COMBINDAPACHELOG}; did you mean %{COMBINEDAPACHELOG}?",
    );
    check(
        "%{ip:client}",
        "column 1: unknown pattern %{ip}; did you mean %{IP}?",
    );
}

#[test]
fn a_name_that_is_like_no_other_gets_no_advice() {
    check(
        "%{QXZJWVKQXZJW}",
        "column 1: unknown pattern %{QXZJWVKQXZJW}",
    );
}

#[test]
fn columns_count_characters_and_not_bytes() {
    check(
        "Größe: %{NUMBR}",
        "column 8: unknown pattern %{NUMBR}; did you mean %{NUMBER}?",
    );
}

#[test]
fn a_fault_in_a_file_has_file_line_and_column() {
    check_file(
        "# ours\n\nORDER  A-%{POSINTT:order}\n",
        "%{ORDER}",
        "f:3:10: unknown pattern %{POSINTT}; did you mean %{POSINT}? (in the definition of ORDER)",
    );
    check_file(
        "  ORDER\tx(y\r\n",
        "%{ORDER}",
        "f:1:10: ( without its ) ; write \\( for a parenthesis (in the definition of ORDER)",
    );
}

#[test]
fn the_innermost_definition_is_the_one_to_mend() {
    check_file(
        "OUTER %{INNER}!\nINNER a[b\n",
        "- %{OUTER}",
        "f:2:8: [ without its ] ; write \\[ for a bracket (in the definition of INNER)",
    );
}

#[test]
fn the_parts_of_an_error_can_be_asked_for() {
    let mut patterns = Patterns::legacy();
    let file = b"A b\nORDER x%{POSINTT}\n";
    patterns
        .add_file("orders", file)
        .expect("the file can be read");
    let error = refusal("%{ORDER}", &patterns);
    assert_eq!(error.file(), Some("orders"));
    assert_eq!((error.line(), error.column()), (Some(2), Some(8)));
    assert_eq!(error.definition(), Some("ORDER"));
    assert_eq!(
        error.message(),
        "unknown pattern %{POSINTT}; did you mean %{POSINT}?"
    );
}

#[test]
fn a_fault_in_a_definition_without_a_file_names_the_definition() {
    let mut patterns = Patterns::legacy();
    let defined = patterns.define("ORDER", "A-%{POSINTT:order}");
    defined.expect("it is read when it is used");
    let error = refusal("%{ORDER}", &patterns);
    assert_eq!(
        error.to_string(),
        "unknown pattern %{POSINTT}; did you mean %{POSINT}? (in the definition of ORDER, column 3)"
    );
    check(
        "a %{ORDER=(x}",
        "( without its ) ; write \\( for a parenthesis (in the definition of ORDER, column 1)",
    );
}

#[test]
fn a_definition_that_refers_to_itself_is_told_with_its_circle() {
    check_file(
        "A x%{A}\n",
        "%{A}",
        "f:1:4: pattern A refers to itself: A -> A (in the definition of A)",
    );
    check_file(
        "A %{B}\nB %{C}\nC c|%{A}\n",
        "%{A}",
        "f:3:5: pattern A refers to itself: A -> B -> C -> A (in the definition of C)",
    );
    check_file(
        "A %{B}\nB %{B}\n",
        "%{A}",
        "f:2:3: pattern B refers to itself: B -> B (in the definition of B)",
    );
}

#[test]
fn a_file_in_latin_1_is_refused_where_it_is_no_utf_8() {
    check_unreadable(
        b"A b\nSIZE Gr\xF6\xDFe\n",
        "f:2:8: the byte 0xF6 is not UTF-8; save the pattern file as UTF-8",
    );
}

#[test]
fn a_comment_in_latin_1_harms_nobody() {
    let mut patterns = Patterns::new();
    let read = patterns.add_file("f", b"# J\xFCrgen\nA b\n");
    read.expect("comments mean nothing");
    assert!(compile("%{A}", &patterns).is_ok());
}

#[test]
fn a_file_in_utf_16_is_known_for_it() {
    let want = "f:1:1: the file looks like UTF-16; save the pattern file as UTF-8";
    check_unreadable(&utf16("\u{FEFF}ORDER x\n", u16::to_le_bytes), want);
    check_unreadable(&utf16("\u{FEFF}ORDER x\n", u16::to_be_bytes), want);
}

#[test]
fn a_file_in_utf_16_without_a_mark_is_known_too() {
    check_unreadable(
        &utf16("ORDER x\n", u16::to_le_bytes),
        "f:1:2: the file looks like UTF-16; save the pattern file as UTF-8",
    );
    check_unreadable(
        &utf16("ORDER x\n", u16::to_be_bytes),
        "f:1:1: the file looks like UTF-16; save the pattern file as UTF-8",
    );
}

#[test]
fn a_mark_of_utf_8_and_line_ends_of_windows_are_no_part_of_a_pattern() {
    let mut patterns = Patterns::new();
    let read = patterns.add_file("f", b"\xEF\xBB\xBFA b\r\nB c\r\n");
    read.expect("it is UTF-8");
    assert!(compile("^%{A}%{B}$", &patterns).is_ok());
}

#[test]
fn what_is_not_quite_a_reference_is_warned_of() {
    for (expression, part) in [
        (
            "%{IP:client %{NUMBER:bytes:int} x",
            "` %{NUMBER:bytes:int` in the reference to IP",
        ),
        ("%{IP client}", "` client` in the reference to IP"),
        ("%{INT:a", "`%{INT:a` is no reference"),
        ("%{ INT:a}", "`%{ INT:a}` is no reference"),
    ] {
        let grok = Grok::compile(expression, &Patterns::legacy(), Options::default());
        let grok = grok.expect("Logstash takes it as well");
        assert_eq!(
            grok.warnings().len(),
            1,
            "{expression}: {:?}",
            grok.warnings()
        );
        assert!(
            grok.warnings()[0].contains(part),
            "{expression}: {:?}",
            grok.warnings()
        );
    }
}

#[test]
fn an_unknown_type_is_kept_as_text_with_a_warning() {
    let grok = compile(
        "%{WORD:x:integer} (?<y:inet>a)%{INT:z:}",
        &Patterns::legacy(),
    );
    let grok = grok.expect("an unknown type is no error");
    let kinds: Vec<Kind> = grok.captures().iter().map(|capture| capture.kind).collect();
    assert_eq!(kinds, [Kind::Text; 3]);
    assert_eq!(
        grok.warnings(),
        [
            "field x: unknown type integer, kept as text; known are int, float, long, double, boolean",
            "field y: unknown type inet, kept as text; known are int, float, long, double, boolean",
            "field z: no type behind the colon, kept as text; known are int, float, long, double, boolean",
        ]
    );
}

#[test]
fn what_is_no_reference_stands_for_itself() {
    for expression in ["%{", "%{}", "%{ X}", "%{é}", "%"] {
        assert!(
            compile(expression, &Patterns::new()).is_ok(),
            "{expression}"
        );
    }
}

#[test]
fn what_is_nested_too_deep_is_refused_and_never_overflows_the_stack() {
    check(
        &"(".repeat(60_000),
        "column 121: groups and patterns are nested deeper than 120",
    );
    check(
        &"[".repeat(60_000),
        "column 121: groups and patterns are nested deeper than 120",
    );
    check(
        &"(?i)".repeat(16_000),
        "column 485: groups and patterns are nested deeper than 120",
    );
    check(
        &format!("a{}", "*".repeat(60_000)),
        "column 152: groups and repetitions are nested deeper than 150",
    );
}

#[test]
fn the_deepest_that_is_taken_fits_a_usual_stack() {
    let nested = |open: &str, times: usize, close: &str| {
        format!("{}a{}", open.repeat(times), close.repeat(times))
    };
    for (open, times, close) in [
        ("(?<x>", 118, ")"),
        ("(?:", 118, ")?"),
        ("", 148, "*"),
        ("(?>b|", 37, ")*+"),
        ("(?<x>b|", 37, "\\k<x>)*"),
        ("(?!b|", 37, "c)*"),
        ("[", 118, "]"),
        ("(?i)", 118, ""),
    ] {
        let grok = compile(&nested(open, times, close), &Patterns::new());
        let grok = grok.expect("it is not too deep");
        assert!(grok.explain(b"aaab").offset <= 4, "{open}");
    }
}

#[test]
fn definitions_nested_too_deep_are_refused() {
    let file: String = (0..500)
        .map(|index| format!("P{index} x%{{P{}}}\n", index + 1))
        .collect();
    check_file(
        &file,
        "%{P0}",
        "f:120:7: groups and patterns are nested deeper than 120 (in the definition of P119)",
    );
}

#[test]
fn definitions_that_multiply_are_refused_before_they_fill_the_memory() {
    let file: String = (0..100)
        .map(|index| format!("P{index} %{{P{0}}}%{{P{0}}}\n", index + 1))
        .collect();
    let mut patterns = Patterns::new();
    patterns
        .add_file("f", file.as_bytes())
        .expect("the file can be read");
    let error = refusal("%{P70}", &patterns);
    assert!(error.to_string().contains("unknown pattern"), "{error}");
    patterns
        .define("P100", "x")
        .expect("one letter is not too long");
    let error = refusal("%{P70}", &patterns).to_string();
    assert!(error.contains("10000 references"), "{error}");
    patterns
        .define("BIG", &"x".repeat(60_000))
        .expect("it is not too long");
    let error = refusal(&"%{BIG}".repeat(100), &patterns).to_string();
    assert_eq!(
        error,
        "column 25: the expression has more than 262144 bytes with all the patterns it refers to"
    );
}

#[test]
fn a_type_is_a_warning_in_every_mode_of_capturing() {
    let options = Options {
        captures: CaptureMode::All,
        ..Options::default()
    };
    let grok = Grok::compile("%{WORD} %{WORD:x:ip}", &Patterns::legacy(), options);
    assert_eq!(grok.expect("it is sound").warnings().len(), 1);
}
