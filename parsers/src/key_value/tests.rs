//! Lines and their pairs, option by option, and options that are refused.

use super::{DEPTH_MAX, Fields, KeyValue, Options, PAIRS_MAX, Transform, Value, Whitespace};

fn options() -> Options {
    Options::default()
}

fn compile(options: &Options) -> KeyValue {
    KeyValue::compile(options).expect("good options")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn check_with(options: &Options, line: &str, want: &[(&str, &str)]) {
    let kv = compile(options);
    let pairs: Vec<(String, String)> = kv
        .pairs(line.as_bytes())
        .map(|pair| (text(&pair.key), text(&pair.value)))
        .collect();
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(pairs, want);
}

#[track_caller]
fn check(line: &str, want: &[(&str, &str)]) {
    check_with(&options(), line, want);
}

/// Fields as text: lists in brackets, pairs within in braces.
fn told(fields: &Fields<'_>) -> String {
    let tell = |value: &Value<'_>| match value {
        Value::Text(value) => text(value),
        Value::Fields(fields) => format!("{{{}}}", told(fields)),
    };
    let fields = fields.iter().map(|field| {
        let values: Vec<String> = field.values().map(tell).collect();
        let key = text(field.key());
        match values.as_slice() {
            [value] => format!("{key}={value}"),
            _ => format!("{key}=[{}]", values.join(",")),
        }
    });
    fields.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check_fields(options: &Options, line: &str, want: &str) {
    assert_eq!(told(&compile(options).fields(line.as_bytes())), want);
}

#[track_caller]
fn check_error(options: &Options, want: &str) {
    let error = KeyValue::compile(options).expect_err("bad options");
    assert_eq!(error.to_string(), want);
}

fn split(field_split: &str, value_split: &str) -> Options {
    Options {
        field_split: field_split.to_owned(),
        value_split: value_split.to_owned(),
        ..options()
    }
}

fn patterns(field_split: Option<&str>, value_split: Option<&str>) -> Options {
    Options {
        field_split_pattern: field_split.map(str::to_owned),
        value_split_pattern: value_split.map(str::to_owned),
        ..options()
    }
}

fn strict(options: Options) -> Options {
    Options {
        whitespace: Whitespace::Strict,
        allow_empty_values: true,
        ..options
    }
}

#[test]
fn pairs_stand_between_blanks() {
    check(
        "ip=1.2.3.4 error=REFUSED",
        &[("ip", "1.2.3.4"), ("error", "REFUSED")],
    );
}

#[test]
fn text_without_a_value_is_left_out() {
    check(
        "Hey there, from=me text a=b end",
        &[("from", "me"), ("a", "b")],
    );
    check("nothing at all", &[]);
    check("", &[]);
}

#[test]
fn a_value_may_hold_value_separators() {
    check("a=b=c", &[("a", "b=c")]);
}

#[test]
fn a_key_is_not_empty() {
    check("=a b=c", &[("b", "c")]);
    check("==a", &[]);
}

#[test]
fn line_breaks_are_text_unless_they_separate() {
    check("a=b\nc=d e=f", &[("a", "b\nc=d"), ("e", "f")]);
    check_with(
        &split(" \\n", "="),
        "a=b\nc=d e=f",
        &[("a", "b"), ("c", "d"), ("e", "f")],
    );
}

#[test]
fn quotes_enclose_values() {
    check(r#"a="b c" d='e f'"#, &[("a", "b c"), ("d", "e f")]);
    check(r#"a="it's" d='"'"#, &[("a", "it's"), ("d", "\"")]);
}

#[test]
fn brackets_enclose_values() {
    check(
        "a=(b c) d=[e f] g=<h i>",
        &[("a", "b c"), ("d", "e f"), ("g", "h i")],
    );
}

#[test]
fn brackets_may_be_text() {
    let options = Options {
        include_brackets: false,
        ..options()
    };
    check_with(&options, "a=(b c) d=\"e f\"", &[("a", "(b"), ("d", "e f")]);
}

#[test]
fn a_closing_quote_stands_before_a_separator_or_an_end() {
    check(r#"a="b"c d="e""#, &[("a", "\"b\"c"), ("d", "e")]);
    check("a=\"b c\"\nd=e", &[("a", "b c"), ("\nd", "e")]);
    check("a=(b) c) d=e", &[("a", "b"), ("d", "e")]);
}

#[test]
fn an_open_quote_is_text() {
    check("a=\"b c=d", &[("a", "\"b"), ("c", "d")]);
    check("a=(b c=d", &[("a", "(b"), ("c", "d")]);
}

#[test]
fn brackets_do_not_nest() {
    check("a=(b (c) d)", &[("a", "b (c")]);
}

#[test]
fn a_backslash_protects_quotes() {
    check(r#"a="b \" c" d=e"#, &[("a", r#"b \" c"#), ("d", "e")]);
    check(r"a=(b \) c) d=e", &[("a", r"b \) c"), ("d", "e")]);
}

#[test]
fn a_backslash_protects_separators() {
    check(r"a=b\ c d=e", &[("a", r"b\ c"), ("d", "e")]);
    check(r"a\ b=c", &[(r"a\ b", "c")]);
    check(r"a\=b=c", &[(r"a\=b", "c")]);
}

#[test]
fn a_backslash_protects_a_backslash() {
    check(r"a=b\\ c=d", &[("a", r"b\\"), ("c", "d")]);
    check(r#"a="b\\" c="d""#, &[("a", r"b\\"), ("c", "d")]);
}

#[test]
fn a_backslash_gives_way_where_nothing_fits_otherwise() {
    check(r#"a="C:\" b=c"#, &[("a", r"C:\"), ("b", "c")]);
    check(r"a\=b c", &[(r"a\", "b")]);
    check(r#"a="b\\"x" c"#, &[("a", r#"b\\"x"#)]);
}

#[test]
fn the_last_place_to_give_way_counts() {
    check(r#"a="b\" c\" d"#, &[("a", r#"b\" c\"#)]);
    check(r"a\=b\=c d", &[(r"a\=b\", "c")]);
}

#[test]
fn a_backslash_protects_no_line_break() {
    check_with(
        &split("\\n", "="),
        "a=b\\\nc=d",
        &[("a", "b\\"), ("c", "d")],
    );
}

#[test]
fn lenient_blanks_belong_to_the_value_separator() {
    check("a = b c  =  d", &[("a", "b"), ("c", "d")]);
    check("a= b=c", &[("a", "b=c")]);
    check("a x = b", &[("x", "b")]);
}

#[test]
fn lenient_blanks_before_other_fields_belong_to_the_key() {
    check_with(&split(",", "="), "a = b, c=d", &[("a ", "b"), (" c", "d")]);
}

#[test]
fn strict_blanks_are_separators() {
    check_with(&strict(options()), "a= b=c d = e", &[("a", ""), ("b", "c")]);
    check_with(
        &strict(split(",", "=")),
        "a = b,c=d",
        &[("a ", " b"), ("c", "d")],
    );
}

#[test]
fn a_blank_may_separate_values() {
    check_with(&split(",", " "), "a b,c   d", &[("a", "b"), ("c", "d")]);
    check_with(&split(",", ": "), "a : b,c  d", &[("a", "b"), ("c", "d")]);
}

#[test]
fn empty_values_are_left_out_unless_allowed() {
    let allowed = Options {
        allow_empty_values: true,
        ..split("&", "=")
    };
    check_with(&split("&", "="), "a=&b=\"\"&c=d&e=", &[("c", "d")]);
    check_with(
        &allowed,
        "a=&b=\"\"&c=()&e=",
        &[("a", ""), ("b", ""), ("c", ""), ("e", "")],
    );
}

#[test]
fn sets_hold_several_separators() {
    check_with(&split("&?", "="), "/x?a=b&c=d", &[("a", "b"), ("c", "d")]);
    check_with(&split(" ", ":="), "a:b c=d", &[("a", "b"), ("c", "d")]);
}

#[test]
fn sets_are_written_as_in_an_expression() {
    check_with(
        &split(r"\[\]", "="),
        "a=b]c=d[e=f",
        &[("a", "b"), ("c", "d"), ("e", "f")],
    );
    check_with(
        &split(r"\t", "="),
        "a=b c\td=e",
        &[("a", "b c"), ("d", "e")],
    );
    check_with(
        &split(r"\s", "="),
        "a=b\tc=d\re=f",
        &[("a", "b"), ("c", "d"), ("e", "f")],
    );
    check_with(
        &split("w-z", "="),
        "a=bxc=dwe=f",
        &[("a", "b"), ("c", "d"), ("e", "f")],
    );
    check_with(
        &split(",-", "="),
        "a=b-c=d,e=f",
        &[("a", "b"), ("c", "d"), ("e", "f")],
    );
    check_with(&split("é", "→"), "a→bécx→d", &[("a", "b"), ("cx", "d")]);
    check_with(&split("à-ü", "="), "a=béc=d", &[("a", "b"), ("c", "d")]);
}

#[test]
fn fields_may_be_split_at_an_expression() {
    let colons = patterns(Some(":+"), None);
    check_with(
        &colons,
        "k1=v1:k2=v2::k3=v3:::k4=v4",
        &[("k1", "v1"), ("k2", "v2"), ("k3", "v3"), ("k4", "v4")],
    );
    let pluses = patterns(Some(r"\+\+"), None);
    check_with(&pluses, "a=b+c++d=(e++f)", &[("a", "b+c"), ("d", "e++f")]);
}

#[test]
fn values_may_be_split_at_an_expression() {
    let arrows = patterns(None, Some("->|:="));
    check_with(
        &arrows,
        "a->b c:=d e -> f",
        &[("a", "b"), ("c", "d"), ("e", "f")],
    );
}

#[test]
fn both_may_be_split_at_expressions() {
    let both = patterns(Some(", |;"), Some("::"));
    check_with(&both, "a::b c, d :: e;f::", &[("a", "b c"), ("d", "e")]);
}

#[test]
fn an_expression_ends_values_at_lines() {
    check_with(
        &patterns(Some(";"), None),
        "a=b\nc=d;e=f",
        &[("a", "b"), ("c", "d"), ("e", "f")],
    );
    check_with(
        &patterns(None, Some("=")),
        "a=b\nc=d e=f",
        &[("a", "b\nc=d"), ("e", "f")],
    );
}

#[test]
fn backslashes_protect_from_expressions() {
    let pluses = patterns(Some(r"\+\+"), None);
    check_with(&pluses, r"a=b\++c++d=e", &[("a", r"b\++c"), ("d", "e")]);
    check_with(&pluses, r"a\=b++c=d", &[(r"a\", "b"), ("c", "d")]);
}

#[test]
fn expressions_are_ruby_s() {
    check_with(
        &patterns(Some(r"\s+"), None),
        "a=b \t c=d",
        &[("a", "b"), ("c", "d")],
    );
    check_with(
        &patterns(Some(r"[\s,]+"), None),
        "a=b, c=d",
        &[("a", "b"), ("c", "d")],
    );
    check_with(
        &patterns(Some(r"\d\h"), None),
        "a=b1fc=d",
        &[("a", "b"), ("c", "d")],
    );
    check_with(
        &patterns(Some(r"(?<sep>\<|\/)"), None),
        "a=b<c=d/e=f",
        &[("a", "b"), ("c", "d"), ("e", "f")],
    );
    check_with(
        &patterns(Some("(?i:and)"), None),
        "a=b AND c=d",
        &[("a", "b "), (" c", "d")],
    );
    check_with(
        &patterns(Some("[]}]"), None),
        "a=b}c=d]e=f",
        &[("a", "b"), ("c", "d"), ("e", "f")],
    );
}

#[test]
fn trimming_touches_the_ends_alone() {
    let options = Options {
        trim_key: Some("<_".to_owned()),
        trim_value: Some(r",\[\]é".to_owned()),
        ..options()
    };
    check_with(&options, "_<a_b=[[c,d]]é,", &[("a_b", "c,d")]);
    check_with(&options, "_=a b=,", &[("b", "")]);
    check_with(&options, "a=\",b,\n,c,\"", &[("a", "b,\n,c")]);
}

#[test]
fn removing_touches_all_places() {
    let options = Options {
        remove_char_key: Some("_é".to_owned()),
        remove_char_value: Some("0-9".to_owned()),
        ..options()
    };
    check_with(&options, "_a_béc=x1y22z", &[("abc", "xyz")]);
}

#[test]
fn only_changed_texts_need_memory() {
    let kv = compile(&Options {
        trim_value: Some(",".to_owned()),
        remove_char_value: Some("_".to_owned()),
        transform_key: Some(Transform::Lowercase),
        ..options()
    });
    let owned: Vec<[bool; 2]> = kv
        .pairs(b"a=b, C=d_e")
        .map(|pair| [pair.key, pair.value].map(|text| matches!(text, std::borrow::Cow::Owned(_))))
        .collect();
    assert_eq!(owned, [[false, false], [true, true]]);
}

#[test]
fn case_is_changed() {
    let with = |transform| Options {
        transform_key: Some(transform),
        transform_value: Some(transform),
        ..options()
    };
    let line = "aB=Élan éTé=x";
    check_with(
        &with(Transform::Lowercase),
        line,
        &[("ab", "élan"), ("été", "x")],
    );
    check_with(
        &with(Transform::Uppercase),
        line,
        &[("AB", "ÉLAN"), ("ÉTÉ", "X")],
    );
    check_with(
        &with(Transform::Capitalize),
        line,
        &[("Ab", "Élan"), ("Été", "X")],
    );
}

#[test]
fn case_of_other_bytes_is_ascii() {
    let kv = compile(&Options {
        transform_value: Some(Transform::Uppercase),
        ..options()
    });
    let pair = kv.pairs(b"a=b\xFFc").next().expect("a pair");
    assert_eq!(*pair.value, *b"B\xFFC");
}

#[test]
fn keys_get_a_prefix() {
    let options = Options {
        prefix: "arg_".to_owned(),
        ..options()
    };
    check_with(&options, "a=b", &[("arg_a", "b")]);
}

#[test]
fn keys_are_chosen_before_the_prefix_and_after_the_transformation() {
    let options = Options {
        prefix: "x_".to_owned(),
        transform_key: Some(Transform::Lowercase),
        include_keys: vec!["from".to_owned(), "to".to_owned()],
        ..options()
    };
    check_with(
        &options,
        "From=a to=b foo=c",
        &[("x_from", "a"), ("x_to", "b")],
    );
}

#[test]
fn keys_are_excluded() {
    let options = Options {
        include_keys: vec!["a".to_owned(), "b".to_owned()],
        exclude_keys: vec!["b".to_owned()],
        ..options()
    };
    check_with(&options, "a=1 b=2 c=3", &[("a", "1")]);
}

#[test]
fn repeated_keys_are_lists() {
    check_fields(&options(), "a=1 b=2 a=3 a=1", "a=[1,3,1] b=2");
}

#[test]
fn equal_values_may_be_dropped() {
    let options = Options {
        allow_duplicate_values: false,
        ..options()
    };
    check_fields(&options, "a=me a=me b=me a=m", "a=[me,m] b=me");
}

#[test]
fn values_are_looked_into() {
    let options = Options {
        recursive: true,
        transform_key: Some(Transform::Uppercase),
        ..options()
    };
    check_fields(
        &options,
        "a=(b=1 c=[d=2] b=3) e=5",
        "A={B=[1,3] C={D=2}} E=5",
    );
    check_fields(&options, "a=\"b=[c=1 d=2]\"", "A={B={C=1 D=2}}");
}

#[test]
fn changed_values_are_looked_into() {
    let options = Options {
        recursive: true,
        remove_char_value: Some("_".to_owned()),
        ..options()
    };
    check_fields(&options, "a=(b_b=1 c=2)", "a={bb=1 c=2}");
}

#[test]
fn looking_into_values_has_an_end() {
    let options = Options {
        recursive: true,
        ..options()
    };
    let line = "a=".repeat(1000) + "b";
    let told = told(&compile(&options).fields(line.as_bytes()));
    assert_eq!(told.matches('{').count(), DEPTH_MAX);
}

#[test]
fn missing_keys_get_their_default() {
    let options = Options {
        default_keys: vec![
            ("to".to_owned(), "nobody".to_owned()),
            ("a".to_owned(), "b".to_owned()),
        ],
        ..options()
    };
    check_fields(&options, "x=y a=1 a=2", "to=nobody a=[1,2] x=y");
    check_fields(&options, "", "to=nobody a=b");
}

#[test]
fn fields_are_found_by_their_key() {
    let kv = compile(&options());
    let fields = kv.fields(b"a=b");
    assert!(fields.by_key(b"a").is_some() && fields.by_key(b"b").is_none());
    assert!(!fields.is_empty() && !fields.is_cut_short());
}

#[test]
fn memory_is_used_again() {
    let kv = compile(&options());
    let mut fields = kv.fields(b"a=b c=d");
    kv.fields_into(b"e=f", &mut fields);
    assert_eq!(told(&fields), "e=f");
}

#[test]
fn pairs_have_an_end() {
    let kv = compile(&options());
    let most = "a=b ".repeat(PAIRS_MAX);
    assert!(!kv.fields(most.as_bytes()).is_cut_short());
    let more = format!("{most}c=d");
    assert!(kv.fields(more.as_bytes()).is_cut_short());
    assert_eq!(kv.pairs(more.as_bytes()).count(), PAIRS_MAX);
}

/// So many pairs, and a last one whose value has two within.
#[track_caller]
fn check_end_within(pairs: usize, is_cut_short: bool) {
    let kv = compile(&Options {
        recursive: true,
        ..options()
    });
    for last in ["z=(x=1 y=2)", r"z=[w=(x=1) y=2]", "z=\"x=1 y=2\""] {
        let line = "a=b ".repeat(pairs) + last;
        let fields = kv.fields(line.as_bytes());
        assert_eq!(fields.is_cut_short(), is_cut_short, "{pairs} and {last}");
        assert!(fields.by_key(b"z").is_some(), "{pairs} and {last}");
    }
}

#[test]
fn pairs_that_end_within_the_last_value_are_cut_short() {
    check_end_within(PAIRS_MAX - 4, false);
    check_end_within(PAIRS_MAX - 2, true);
    // Nothing is left for the value.
    check_end_within(PAIRS_MAX - 1, true);
}

#[test]
fn bad_sets_are_refused() {
    check_error(
        &split("", "="),
        "column 1: field_split: it is empty; write the characters of the set",
    );
    check_error(
        &split(" ", ""),
        "column 1: value_split: it is empty; write the characters of the set",
    );
    check_error(
        &split("^,", "="),
        r"column 1: field_split: ^ at the beginning turns a set around; write \^ for the character",
    );
    check_error(
        &split(" [", "="),
        r"column 2: field_split: [ opens a set within the set; write \[",
    );
    check_error(
        &split(" ]", "="),
        r"column 2: field_split: ] closes the set; write \]",
    );
    check_error(
        &split("&&", "="),
        "column 1: field_split: && is an intersection; write & once",
    );
    check_error(
        &split("z-a", "="),
        "column 1: field_split: a range runs upwards, as a-z does",
    );
    check_error(
        &split("a-\\s", "="),
        "column 1: field_split: a range ends in a single character",
    );
    check_error(
        &split("\\q", "="),
        r"column 1: field_split: this escape is not known in a set; write \\ for a backslash",
    );
    check_error(
        &split("é\\", "="),
        r"column 2: field_split: a backslash alone; write \\",
    );
    check_error(
        &split(r"\\", "="),
        "field_split: a backslash protects what follows it and separates nothing",
    );
    check_error(
        &split("a-]", "="),
        r"column 1: field_split: ] closes the set; write \]",
    );
    let trim = Options {
        trim_value: Some(String::new()),
        ..options()
    };
    check_error(
        &trim,
        "column 1: trim_value: it is empty; write the characters of the set",
    );
}

#[track_caller]
fn check_refused(pattern: &str, column: Option<usize>, want: &str) {
    let error = KeyValue::compile(&patterns(Some(pattern), None)).expect_err("a bad expression");
    assert_eq!(error.column(), column, "{error}");
    let message = error.message();
    assert!(
        message.starts_with(&format!("field_split_pattern: {want}")),
        "{message}"
    );
}

#[test]
fn expressions_that_take_longer_than_a_line_are_refused() {
    let tail = " is not known here, since time must stay linear; split at a plainer expression";
    check_refused("a(?=b)", Some(2), &format!("look-around{tail}"));
    check_refused("é(?<!b)", Some(2), "look-around");
    check_refused("(?>a)", Some(1), "an atomic group");
    check_refused("a++", Some(3), "possessive repetition");
    check_refused(r"(a)\1", Some(4), "a back reference");
    check_refused(r"a\Z", Some(2), r"one of \G \K \R \X \Z");
}

#[test]
fn faults_of_syntax_are_told_with_their_place() {
    let group = r"( without its ) ; write \( for a parenthesis";
    check_refused("(a", Some(1), group);
    // Some of it is longer in the crate's syntax.
    check_refused(r"é\d\h(a(?m:b)", Some(6), group);
    check_refused("a;)", Some(3), r"unmatched ) ; write \) for a parenthesis");
    check_refused("a[;,", Some(2), r"[ without its ] ; write \[ for a bracket");
    check_refused(
        "a|*b",
        Some(3),
        r"nothing to repeat; write a backslash before the character",
    );
    check_refused("é[z-a]", Some(3), "invalid character class range");
}

/// What the tables of an automaton cannot tell is told without them.
#[test]
fn word_bounds_and_large_expressions_separate_as_well() {
    let words = compile(&patterns(Some(r"\b\+\b"), None));
    let line = "a=1+b=é+ü=3++c=4";
    let values: Vec<_> = words
        .pairs(line.as_bytes())
        .map(|pair| pair.value)
        .collect();
    assert_eq!(values, [b"1".as_slice(), "é".as_bytes(), b"3++c=4"]);
    let large = compile(&patterns(Some("[ab]*a[ab]{18};"), None));
    let line = ["k=x", &"b".repeat(40), "a", &"b".repeat(18), ";l=1"].concat();
    assert_eq!(large.pairs(line.as_bytes()).count(), 2);
}

#[test]
fn bad_expressions_are_refused() {
    check_refused(
        "",
        None,
        "it is empty; leave the option out to split at the set of characters",
    );
    check_refused("a*", None, "it matches empty text, which separates nothing");
    check_refused(&"a".repeat(1025), None, "it has more than 1024 bytes");
    check_refused(
        "((a{100}){100}){100}",
        None,
        "it takes more than 1048576 bytes once its repetitions are written out; shorten them",
    );
}

/// Lines on which a walk that goes back would not end in a lifetime.
fn hostile_lines(bytes: usize) -> Vec<String> {
    let pieces = [
        "a",
        " ",
        "=",
        "\\",
        "\"",
        "a=(",
        "a=\"",
        "a=\\",
        "\\=",
        "a=(\\) ",
        "a=\\\" ",
        "a\\= ",
        "a=\"b\\\"c ",
        "a=<\\>b ",
        " =",
        "a =",
        "::",
        "a=b\n",
        "a\\\\ ",
    ];
    pieces
        .iter()
        .map(|piece| piece.repeat(bytes / piece.len()))
        .collect()
}

#[test]
fn long_hostile_lines_end_quickly() {
    for options in [options(), strict(split(" ,;", ":="))] {
        let kv = compile(&options);
        for line in hostile_lines(1_000_000) {
            assert!(kv.pairs(line.as_bytes()).count() <= PAIRS_MAX);
        }
    }
}

#[test]
fn long_hostile_lines_end_quickly_with_expressions() {
    for options in [
        patterns(Some("::|, "), None),
        patterns(None, Some("=>?")),
        patterns(Some(" +"), Some("=")),
    ] {
        let kv = compile(&options);
        for line in hostile_lines(300_000) {
            assert!(kv.pairs(line.as_bytes()).count() <= PAIRS_MAX);
        }
    }
}

#[test]
fn threads_share_what_is_compiled() {
    fn shared<T: Send + Sync>() {}
    shared::<KeyValue>();
}

/// Keys and values that occur again, in a line with so many pairs that they are looked up by their hashes, are found as in a
/// short one.
#[test]
fn many_pairs_are_gathered_like_few() {
    let kv = |allow_duplicate_values| {
        KeyValue::compile(&Options {
            allow_duplicate_values,
            ..Options::default()
        })
        .unwrap()
    };
    let line: String = (0..4000)
        .map(|number| format!("k{}=v{} ", number % 1300, number % 7))
        .collect();
    for allows in [true, false] {
        let fields = kv(allows).fields(line.as_bytes()).into_owned();
        assert_eq!(fields.iter().len(), 1300);
        for (place, field) in fields.iter().enumerate() {
            assert_eq!(field.key(), format!("k{place}").as_bytes());
            let mut want: Vec<String> = Vec::new();
            for number in (place..4000).step_by(1300) {
                let value = format!("v{}", number % 7);
                if allows || !want.contains(&value) {
                    want.push(value);
                }
            }
            let values = field.values().map(|value| match value {
                Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
                Value::Fields(_) => String::new(),
            });
            assert_eq!(values.collect::<Vec<_>>(), want, "k{place}");
        }
    }
    // Values of one key, each twice.
    let line: String = (0..4000)
        .map(|number| format!("k=v{} ", number / 2))
        .collect();
    let fields = kv(false).fields(line.as_bytes()).into_owned();
    assert_eq!(
        fields.iter().next().map(|field| field.values().count()),
        Some(2000)
    );
}
