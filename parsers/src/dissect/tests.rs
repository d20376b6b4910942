//! Mappings, the lines that they cut, and those that they do not.

use super::{Conversion, Cuts, Dissect, FIELDS_MAX, Fault, Name, Naming, parse_float, parse_int};

/// Names that come from the line stand as they are, those that the event must tell as `<name>`.
fn cut(mapping: &str, line: &[u8]) -> Option<Vec<(String, String)>> {
    let dissect = Dissect::compile(mapping).expect("a good mapping");
    let mut cuts = Cuts::new();
    let found = dissect.parse(line, &mut cuts)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let fields = found.fields().map(|field| {
        let name = match field.name() {
            Name::Fixed(name) => name.to_owned(),
            Name::OfLine(name) => text(&name),
            Name::OfField(name) => format!("<{name}>"),
        };
        let value = field.value();
        let mut written = Vec::new();
        field.write_value(&mut written);
        assert_eq!(written, *value, "written and joined");
        (name, text(&value))
    });
    Some(fields.collect())
}

#[track_caller]
fn check(mapping: &str, line: &str, want: &[(&str, &str)]) {
    let fields = cut(mapping, line.as_bytes()).expect("the line matches");
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(fields, want);
}

#[track_caller]
fn check_none(mapping: &str, line: &str) {
    assert_eq!(cut(mapping, line.as_bytes()), None);
}

#[track_caller]
fn check_error(mapping: &str, want: &str) {
    let error = Dissect::compile(mapping).expect_err("a bad mapping");
    assert_eq!(error.to_string(), want);
}

#[test]
fn fields_end_at_their_delimiters() {
    check(
        "%{a} %{b} %{c}",
        "x y z",
        &[("a", "x"), ("b", "y"), ("c", "z")],
    );
}

#[test]
fn the_last_field_takes_the_rest() {
    check("%{a} %{b}", "x y  z ", &[("a", "x"), ("b", "y  z ")]);
}

#[test]
fn one_field_takes_the_whole_line() {
    check("%{a}", " x y\n", &[("a", " x y\n")]);
}

#[test]
fn empty_skips_have_no_field() {
    check("%{} %{a} %{}", "x y z", &[("a", "y")]);
}

#[test]
fn named_skips_have_no_field() {
    check("%{?no} %{a}", "x y", &[("a", "y")]);
}

#[test]
fn values_may_be_empty() {
    check(
        "%{a},%{b},%{c}",
        "x,,z",
        &[("a", "x"), ("b", ""), ("c", "z")],
    );
    check("%{a},%{b},%{c}", ",,", &[("a", ""), ("b", ""), ("c", "")]);
}

#[test]
fn the_start_must_begin_the_line() {
    check("[%{a}] %{b}", "[x] y", &[("a", "x"), ("b", "y")]);
    check_none("[%{a}] %{b}", " [x] y");
}

#[test]
fn repeats_of_the_start_are_skipped() {
    check("[%{a}]", "[[x]", &[("a", "x")]);
}

#[test]
fn text_behind_the_last_field_ends_it() {
    check("/var/%{a}/log", "/var/x/log", &[("a", "x")]);
    check("/var/%{a}/log", "/var/x/log/more", &[("a", "x")]);
    check_none("/var/%{a}/log", "/var/x/lib");
}

#[test]
fn a_missing_delimiter_is_no_match() {
    check_none("%{a}: %{b}", "x y");
    check_none("%{a} %{b} %{c}", "x y");
    check_none("%{a} - %{b}", "x -y");
}

#[test]
fn an_empty_line_is_no_match() {
    check_none("%{a}", "");
}

#[test]
fn delimiters_may_have_many_bytes() {
    check(
        "%{a} -> %{b}|||%{c}",
        "x - > -> y||z|||w",
        &[("a", "x - >"), ("b", "y||z"), ("c", "w")],
    );
}

#[test]
fn delimiters_may_be_of_any_letters() {
    check("%{a} » %{b}", "é » ü", &[("a", "é"), ("b", "ü")]);
}

#[test]
fn delimiters_may_be_line_breaks() {
    check(
        "%{a}\n%{b}\r\n%{c}",
        "x y\nz\r\nw",
        &[("a", "x y"), ("b", "z"), ("c", "w")],
    );
}

#[test]
fn delimiters_may_be_braces() {
    check(
        "{%{a}}{%{b}}%{c}",
        "{x}{y}",
        &[("a", "x"), ("b", "y"), ("c", "")],
    );
}

#[test]
fn a_percent_sign_alone_is_text() {
    check("%{a}% %{b}", "95% x", &[("a", "95"), ("b", "x")]);
}

#[test]
fn lines_may_be_no_text() {
    let fields = cut("%{a} %{b}", b"\xFF \xFE").expect("it has its delimiter");
    assert_eq!(fields.len(), 2);
}

#[test]
fn padding_is_skipped_only_where_the_arrow_says_so() {
    check("%{a} %{b}", "x   y", &[("a", "x"), ("b", "  y")]);
    check("%{a->} %{b}", "x   y", &[("a", "x"), ("b", "y")]);
    check("%{a->} %{b}", "x y", &[("a", "x"), ("b", "y")]);
}

#[test]
fn padding_may_be_skipped_by_a_field_without_name() {
    check("%{->} %{a}", "   x", &[("a", "x")]);
    check("[%{?->}-%{a}]", "[---x]", &[("a", "x")]);
}

#[test]
fn padding_may_have_many_bytes() {
    check("%{a->}-=%{b}", "x-=-=-=y", &[("a", "x"), ("b", "y")]);
    check("%{a->}-=%{b}", "x-=-=-y", &[("a", "x"), ("b", "-y")]);
}

#[test]
fn padding_at_the_end_leaves_an_empty_field() {
    check("%{a->} %{b}", "x    ", &[("a", "x"), ("b", "")]);
}

#[test]
fn an_arrow_without_a_delimiter_means_nothing() {
    check("%{a} %{b->}", "x y  ", &[("a", "x"), ("b", "y  ")]);
}

#[test]
fn appended_values_are_joined_by_the_delimiter_before_them() {
    check("%{a} %{+a} %{b}", "x y z", &[("a", "x y"), ("b", "z")]);
    check("%{a}-%{+a}:%{+a}", "x-y:z", &[("a", "x-y:z")]);
}

#[test]
fn appended_values_may_lie_apart() {
    check(
        "%{a} %{b} %{+a}",
        "1 2 3 go",
        &[("a", "1 3 go"), ("b", "2")],
    );
}

#[test]
fn values_side_by_side_are_one_slice() {
    let dissect = Dissect::compile("%{a} %{+a} %{b} %{+b->} %{+b}").expect("a good mapping");
    let mut cuts = Cuts::new();
    let found = dissect
        .parse(b"Mar 16 x y  z", &mut cuts)
        .expect("it matches");
    let owned: Vec<bool> = found
        .fields()
        .map(|field| matches!(field.value(), std::borrow::Cow::Owned(_)))
        .collect();
    assert_eq!(owned, [false, true]);
}

#[test]
fn padding_is_joined_once() {
    check("%{a->} %{+a}", "Mar    6", &[("a", "Mar 6")]);
}

#[test]
fn appended_values_without_a_delimiter_are_joined_by_a_blank() {
    check("%{+a/2} %{+a/1}", "x y", &[("a", "y x")]);
    check("%{b}%{+b}", "x", &[("b", " x")]);
}

#[test]
fn orders_sort_appended_values() {
    check(
        "%{+a/2} %{+a/1} %{+a/4} %{+a/3}",
        "1 2 3 go",
        &[("a", "2 1 go 3")],
    );
}

#[test]
fn a_plain_field_comes_before_all_appended_ones() {
    check("%{+a} %{a} %{+a}", "x y z", &[("a", "y x z")]);
}

#[test]
fn an_order_may_have_an_arrow_on_either_side() {
    check(
        "%{+a/2->} %{+a->/1} %{b}",
        "x   y  z",
        &[("b", "z"), ("a", "y x")],
    );
}

#[test]
fn a_field_that_is_only_appended_to_tells_its_joint() {
    let dissect = Dissect::compile("%{a} | %{+a} - %{+b}").expect("a good mapping");
    let joints: Vec<Option<&[u8]>> = dissect
        .targets()
        .iter()
        .map(|target| target.joint())
        .collect();
    assert_eq!(joints, [None, Some(b" - ".as_slice())]);
}

#[test]
fn the_later_of_two_plain_fields_counts() {
    check("%{a} %{a} %{+a}", "x y z", &[("a", "y z")]);
}

#[test]
fn nested_names_are_kept_as_written() {
    check("%{[a][b]} %{+[a][b]}", "x y", &[("[a][b]", "x y")]);
}

#[test]
fn a_skipped_value_names_a_field() {
    check(
        "%{?k}=%{&k}; %{?l}=%{&l}",
        "x=1; y=2",
        &[("x", "1"), ("y", "2")],
    );
}

#[test]
fn a_kept_value_names_a_field() {
    check("%{k}=%{&k}", "x=1", &[("k", "x"), ("x", "1")]);
}

#[test]
fn the_value_may_stand_before_its_name() {
    check("%{&k} is %{?k}", "1 is x", &[("x", "1")]);
}

#[test]
fn a_joined_value_names_a_field() {
    check("%{k}.%{+k}=%{&k}", "a.b=1", &[("k", "a.b"), ("a.b", "1")]);
}

#[test]
fn a_star_names_a_field() {
    check("%{*k}=%{&k}", "x=1", &[("x", "1")]);
}

#[test]
fn a_name_of_the_event_is_left_to_the_caller() {
    check("%{&k}, %{a}", "x, y", &[("a", "y"), ("<k>", "x")]);
}

#[test]
fn an_empty_name_sets_nothing() {
    check("%{?k}=%{&k} %{a}", "=1 x", &[("a", "x")]);
}

#[test]
fn targets_tell_where_their_names_come_from() {
    let dissect = Dissect::compile("%{a} %{?b} %{&b} %{&c}").expect("a good mapping");
    let namings: Vec<_> = dissect
        .targets()
        .iter()
        .map(|target| target.naming())
        .collect();
    assert_eq!(namings, [Naming::Fixed, Naming::OfLine, Naming::OfField]);
}

#[test]
fn fields_tell_their_target() {
    let dissect = Dissect::compile("%{?k}=%{&k},%{a},%{&k}").expect("a good mapping");
    let mut cuts = Cuts::new();
    let found = dissect.parse(b"=1,x,2", &mut cuts).expect("it matches");
    for field in found.fields() {
        assert_eq!(
            field.target().name(),
            dissect.targets()[field.index()].name()
        );
    }
}

#[test]
fn fields_side_by_side_leave_the_first_empty() {
    check("%{a}%{b} %{c}", "x y", &[("a", ""), ("b", "x"), ("c", "y")]);
}

#[test]
fn memory_is_used_again() {
    let mut cuts = Cuts::new();
    let many = Dissect::compile("%{a} %{b} %{c}").expect("a good mapping");
    let few = Dissect::compile("%{a}").expect("a good mapping");
    assert!(many.parse(b"x y z", &mut cuts).is_some());
    let found = few.parse(b"w", &mut cuts).expect("it matches");
    let values: Vec<_> = found.fields().map(|field| field.value()).collect();
    assert_eq!(values, [b"w".as_slice()]);
}

#[test]
fn what_is_missing_is_told() {
    let dissect = Dissect::compile("[%{a}] %{b}: %{c}").expect("a good mapping");
    assert_eq!(dissect.explain(b"[x] y: z"), None);
    assert_eq!(dissect.explain(b""), Some(Fault::EmptyLine));
    assert_eq!(
        dissect.explain(b"x"),
        Some(Fault::OtherStart { start: b"[" })
    );
    let delimiter = b": ";
    assert_eq!(
        dissect.explain(b"[x] y"),
        Some(Fault::NoDelimiter { delimiter, from: 4 })
    );
}

#[test]
fn bad_mappings_are_refused() {
    check_error("", "the mapping has no field: write at least one %{name}");
    check_error(
        "a b",
        "the mapping has no field: write at least one %{name}",
    );
    check_error("%{a} %{b", "column 6: %{ opens a field that no } closes");
    check_error(
        "é %{a %{b}",
        "column 3: %{a %{b}: a field within a field; close the first one with }",
    );
    check_error("%{+}", "column 1: %{+}: a prefix needs a name: %{+name}");
    check_error(
        "%{+->}",
        "column 1: %{+->}: a prefix needs a name: %{+name}",
    );
    check_error("%{&}", "column 1: %{&}: a prefix needs a name: %{&name}");
    check_error(
        "%{+a/b}",
        "column 1: %{+a/b}: behind / stands the order, a number: %{+name/2}",
    );
    check_error(
        "%{+a/99999999999}",
        "column 1: %{+a/99999999999}: behind / stands the order, a number: %{+name/2}",
    );
    let both = "a field is either appended (+) or named by a value (&)";
    check_error("%{+&a}", &format!("column 1: %{{+&a}}: {both}"));
    check_error("%{&+a}", &format!("column 1: %{{&+a}}: {both}"));
    check_error(
        "%{*a} %{b}",
        "column 1: %{*a} names a field and %{&a}, its value, is missing; write %{?a} to skip it",
    );
}

#[test]
fn mappings_have_an_end() {
    let most = "%{a} ".repeat(FIELDS_MAX);
    assert!(Dissect::compile(&most).is_ok());
    check_error(
        &format!("{most}%{{b}}"),
        "column 5001: the mapping has more than 1000 fields",
    );
    check_error(&"x".repeat(65_537), "the mapping has more than 65536 bytes");
}

#[test]
fn long_hostile_lines_end_quickly() {
    let dissect = Dissect::compile("%{a->}ab%{b}aab%{c->}  %{d}").expect("a good mapping");
    for piece in ["a", "ab", "aab", " ", "aab  "] {
        let line = piece.repeat(1_000_000 / piece.len());
        let mut cuts = Cuts::new();
        let matched = dissect.parse(line.as_bytes(), &mut cuts).is_some();
        assert_eq!(matched, piece == "aab  ");
    }
}

#[test]
fn integers_are_whole_texts() {
    for (text, want) in [
        ("42", Conversion::Number(42)),
        ("00000001", Conversion::Number(1)),
        ("-7", Conversion::Number(-7)),
        ("+7", Conversion::Number(7)),
        ("1.9", Conversion::Number(1)),
        ("-1.9", Conversion::Number(-1)),
        (".9", Conversion::Number(0)),
        ("9.", Conversion::Number(9)),
        ("12e2", Conversion::Number(1200)),
        ("1.25E1", Conversion::Number(12)),
        ("125e-2", Conversion::Number(1)),
        ("1e-999999999", Conversion::Number(0)),
        ("0e999999999", Conversion::Number(0)),
        (
            "4394740425750718628",
            Conversion::Number(4_394_740_425_750_718_628),
        ),
        ("-9223372036854775808", Conversion::Number(i64::MIN)),
        ("9223372036854775808", Conversion::OutOfRange),
        ("1e999999999", Conversion::OutOfRange),
        ("", Conversion::NoNumber),
        (" 1", Conversion::NoNumber),
        ("1 ", Conversion::NoNumber),
        ("1_000", Conversion::NoNumber),
        ("1,000", Conversion::NoNumber),
        ("0x1F", Conversion::NoNumber),
        ("1s", Conversion::NoNumber),
        (".", Conversion::NoNumber),
        ("-", Conversion::NoNumber),
        ("1e", Conversion::NoNumber),
        ("1e+", Conversion::NoNumber),
        ("1e99999999999", Conversion::NoNumber),
        ("NaN", Conversion::NoNumber),
    ] {
        assert_eq!(parse_int(text.as_bytes()), want, "{text}");
    }
}

#[test]
fn floats_are_whole_texts() {
    for (text, want) in [
        ("95.43", Conversion::Number(95.43)),
        ("-2", Conversion::Number(-2.0)),
        (".5", Conversion::Number(0.5)),
        ("+5.", Conversion::Number(5.0)),
        ("1e-3", Conversion::Number(0.001)),
        ("1e400", Conversion::OutOfRange),
        ("95.43%", Conversion::NoNumber),
        ("inf", Conversion::NoNumber),
        ("nan", Conversion::NoNumber),
        ("", Conversion::NoNumber),
    ] {
        assert_eq!(parse_float(text.as_bytes()), want, "{text}");
    }
}

#[test]
fn threads_share_what_is_compiled() {
    fn shared<T: Send + Sync>() {}
    shared::<Dissect>();
}
