//! Rows, and lines that are none.

use super::{COLUMNS_MAX, Csv, Cuts, Fault, Options, Parsed, Unnamed};

fn compile(separator: &str, quote: Option<char>) -> Csv {
    let options = Options {
        separator: separator.to_owned(),
        quote,
        ..Options::default()
    };
    Csv::compile(options).expect("good options")
}

/// Missing columns stand as `None`; what is at fault as its place.
fn cut(csv: &Csv, line: &[u8]) -> Result<Vec<Option<String>>, (Fault, usize)> {
    let mut cuts = Cuts::new();
    match csv.parse(line, &mut cuts) {
        Parsed::Row(row) => {
            let columns = row.columns().map(|column| {
                let text = String::from_utf8_lossy(&column.text()).into_owned();
                (!column.is_missing()).then_some(text)
            });
            Ok(columns.collect())
        }
        Parsed::Whole(malformed) => {
            assert_eq!(malformed.line, line);
            Err((malformed.fault, malformed.at))
        }
    }
}

#[track_caller]
fn check_with(csv: &Csv, line: &str, want: &[Option<&str>]) {
    let columns = cut(csv, line.as_bytes()).expect("a row");
    let columns: Vec<Option<&str>> = columns.iter().map(Option::as_deref).collect();
    assert_eq!(columns, want);
}

#[track_caller]
fn check(line: &str, want: &[&str]) {
    let want: Vec<Option<&str>> = want.iter().copied().map(Some).collect();
    check_with(&compile(",", Some('"')), line, &want);
}

#[track_caller]
fn check_fault(line: &str, fault: Fault, at: usize) {
    assert_eq!(
        cut(&compile(",", Some('"')), line.as_bytes()),
        Err((fault, at))
    );
}

#[track_caller]
fn check_error(separator: &str, quote: Option<char>, want: &str) {
    let options = Options {
        separator: separator.to_owned(),
        quote,
        ..Options::default()
    };
    let error = Csv::compile(options).expect_err("bad options");
    assert_eq!(error.to_string(), want);
}

#[test]
fn columns_stand_between_commas() {
    check("a,b,c", &["a", "b", "c"]);
    check("a", &["a"]);
}

#[test]
fn blanks_belong_to_columns() {
    check(" a , b", &[" a ", " b"]);
    check(" ", &[" "]);
}

#[test]
fn quotes_protect_separators() {
    check("\"a,b\",c", &["a,b", "c"]);
}

#[test]
fn quotes_protect_line_breaks() {
    check("\"a\nb\",\"c\r\nd\"", &["a\nb", "c\r\nd"]);
}

#[test]
fn doubled_quotes_are_one() {
    check(r#""a ""b"" c""#, &["a \"b\" c"]);
    check(r#""""""#, &["\""]);
    check(r#""""a""""#, &["\"a\""]);
}

#[test]
fn only_doubled_quotes_need_memory() {
    let csv = compile(",", Some('"'));
    let mut cuts = Cuts::new();
    let line = br#"a,"b","c""d""#;
    let Parsed::Row(row) = csv.parse(line, &mut cuts) else {
        panic!("a row");
    };
    let owned: Vec<bool> = row
        .columns()
        .map(|column| matches!(column.text(), std::borrow::Cow::Owned(_)))
        .collect();
    assert_eq!(owned, [false, false, true]);
}

#[test]
fn missing_and_empty_differ() {
    let csv = compile(",", Some('"'));
    check_with(
        &csv,
        r#"a,,"",b,"#,
        &[Some("a"), None, Some(""), Some("b"), None],
    );
    check_with(&csv, ",", &[None, None]);
}

#[test]
fn an_empty_line_has_no_columns() {
    check("", &[]);
    check("\n", &[]);
    check("\r\n", &[]);
}

#[test]
fn a_row_ends_at_its_line_break() {
    for line in ["a,b\n", "a,b\r\n", "a,b\r", "a,b\nc,d", "\"a\",\"b\"\r\nc"] {
        check(line, &["a", "b"]);
    }
}

#[test]
fn a_row_tells_its_length() {
    let csv = compile(",", Some('"'));
    for (line, want) in [
        ("a,b", 3),
        ("a,b\n", 4),
        ("a,b\r\nc", 5),
        ("\n", 1),
        ("", 0),
    ] {
        let mut cuts = Cuts::new();
        let Parsed::Row(row) = csv.parse(line.as_bytes(), &mut cuts) else {
            panic!("a row");
        };
        assert_eq!(row.length(), want, "{line:?}");
    }
}

#[test]
fn a_quote_inside_is_a_fault() {
    check_fault(r#"a,b"c"#, Fault::QuoteInside, 3);
    check_fault(r#"a, "b""#, Fault::QuoteInside, 3);
}

#[test]
fn text_behind_a_quote_is_a_fault() {
    check_fault(r#""a"b,c"#, Fault::TextBehindQuote, 3);
    check_fault(r#""a" ,c"#, Fault::TextBehindQuote, 3);
    check_fault(r#"""a"""#, Fault::TextBehindQuote, 2);
}

#[test]
fn an_open_quote_is_a_fault() {
    check_fault(r#"a,"b,c"#, Fault::QuoteOpen, 2);
    check_fault(r#"""""#, Fault::QuoteOpen, 0);
}

#[test]
fn a_fault_tells_its_column() {
    let csv = compile(",", Some('"'));
    let Parsed::Whole(malformed) = csv.parse(b"a,b,c\"", &mut Cuts::new()) else {
        panic!("no row");
    };
    assert_eq!(malformed.column, 2);
}

#[test]
fn separators_may_be_any_text() {
    check_with(
        &compile("\t", Some('"')),
        "a b\tc",
        &[Some("a b"), Some("c")],
    );
    check_with(
        &compile("||", Some('"')),
        "a|b||\"c||d\"||",
        &[Some("a|b"), Some("c||d"), None],
    );
    check_with(&compile(" → ", Some('"')), "a → b", &[Some("a"), Some("b")]);
    check_with(&compile("ab", Some('"')), "aab", &[Some("a"), None]);
}

#[test]
fn quotes_may_be_any_character() {
    check_with(
        &compile(",", Some('\'')),
        "'a,b','it''s',\"",
        &[Some("a,b"), Some("it's"), Some("\"")],
    );
    check_with(
        &compile(",", Some('»')),
        "»a,b»,c",
        &[Some("a,b"), Some("c")],
    );
}

#[test]
fn without_a_quote_none_is_one() {
    check_with(&compile(",", None), "\"a,b\"", &[Some("\"a"), Some("b\"")]);
}

#[test]
fn lines_may_be_no_text() {
    assert_eq!(
        cut(&compile(",", Some('"')), b"\xFF,\xC3").map(|columns| columns.len()),
        Ok(2)
    );
}

#[test]
fn columns_have_given_names_then_generated_ones() {
    let options = Options {
        columns: vec!["user".to_owned(), "host".to_owned()],
        ..Options::default()
    };
    let csv = Csv::compile(options).expect("good options");
    let mut cuts = Cuts::new();
    let Parsed::Row(row) = csv.parse(b"a,b,c", &mut cuts) else {
        panic!("a row");
    };
    let names: Vec<_> = row.named().map(|(name, _)| name).collect();
    assert_eq!(names, ["user", "host", "column3"]);
    assert_eq!(csv.name(63).as_deref(), Some("column64"));
    assert_eq!(csv.name(99).as_deref(), Some("column100"));
}

#[test]
fn columns_without_a_name_may_be_left_out() {
    let options = Options {
        columns: vec!["user".to_owned()],
        unnamed: Unnamed::LeftOut,
        ..Options::default()
    };
    let csv = Csv::compile(options).expect("good options");
    let mut cuts = Cuts::new();
    let Parsed::Row(row) = csv.parse(b"a,b", &mut cuts) else {
        panic!("a row");
    };
    assert_eq!(row.named().count(), 1);
    assert_eq!(row.columns().len(), 2);
}

#[test]
fn a_header_is_known_by_its_names() {
    let options = Options {
        columns: vec!["user".to_owned(), "host".to_owned()],
        ..Options::default()
    };
    let csv = Csv::compile(options).expect("good options");
    for (line, want) in [
        ("user,\"host\"", true),
        ("user,x", false),
        ("user", false),
        ("user,host,", false),
    ] {
        let mut cuts = Cuts::new();
        let Parsed::Row(row) = csv.parse(line.as_bytes(), &mut cuts) else {
            panic!("a row");
        };
        assert_eq!(row.is_header(), want, "{line}");
    }
}

#[test]
fn without_names_no_row_is_a_header() {
    let csv = compile(",", Some('"'));
    let mut cuts = Cuts::new();
    assert!(matches!(csv.parse(b"", &mut cuts), Parsed::Row(row) if !row.is_header()));
}

#[test]
fn a_row_without_text_is_blank() {
    let csv = compile(",", Some('"'));
    for (line, want) in [("", true), (",\"\",", true), (", ,", false)] {
        let mut cuts = Cuts::new();
        let Parsed::Row(row) = csv.parse(line.as_bytes(), &mut cuts) else {
            panic!("a row");
        };
        assert_eq!(row.is_blank(), want, "{line}");
    }
}

#[test]
fn bad_options_are_refused() {
    check_error(
        "",
        None,
        "separator: it is empty; write the text between two columns, such as \",\"",
    );
    check_error(
        "a\n",
        None,
        "separator: it holds a line break, which ends a row",
    );
    check_error(
        ",\"",
        Some('"'),
        "separator: it holds the quote_char; write one that differs from it",
    );
    check_error(
        &"x".repeat(33),
        None,
        "separator: it has more than 32 bytes",
    );
    check_error(
        ",",
        Some('\r'),
        "quote_char: a line break ends a row; write a character such as '\"'",
    );
}

#[test]
fn columns_have_an_end() {
    let csv = compile(",", None);
    let most = ",".repeat(COLUMNS_MAX - 1);
    assert_eq!(
        cut(&csv, most.as_bytes()).map(|columns| columns.len()),
        Ok(COLUMNS_MAX)
    );
    let more = ",".repeat(COLUMNS_MAX);
    assert_eq!(
        cut(&csv, more.as_bytes()),
        Err((Fault::TooManyColumns, COLUMNS_MAX))
    );
}

#[test]
fn long_hostile_lines_end_quickly() {
    let csv = compile("aaaaaaaab", Some('"'));
    let long = "a".repeat(1_000_000);
    assert_eq!(
        cut(&csv, long.as_bytes()).map(|columns| columns.len()),
        Ok(1)
    );
    let quotes = "\"".repeat(1_000_000);
    assert_eq!(
        cut(&csv, quotes.as_bytes()).map(|columns| columns.len()),
        Ok(1)
    );
    let open = format!("\"{}", "\"\"".repeat(500_000));
    assert_eq!(cut(&csv, open.as_bytes()), Err((Fault::QuoteOpen, 0)));
}

#[test]
fn threads_share_what_is_compiled() {
    fn shared<T: Send + Sync>() {}
    shared::<Csv>();
}
