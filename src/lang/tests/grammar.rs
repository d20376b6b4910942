//! Every rule of the grammar, and what is said where it is broken.

use super::{check, clean, filter, load_with, remarks, sources, texts};
use crate::lang::Statement;
use crate::lang::source::Sources;
use crate::plugin::{ArgValue, Setting};

#[test]
fn an_empty_text_is_an_empty_pipeline() {
    for text in [
        "",
        " \r\n\t",
        "# nothing\n# here",
        "input { } filter{}output {\n}",
        "#",
    ] {
        let config = clean(text);
        assert_eq!(
            (
                config.inputs.len(),
                config.filters.len(),
                config.outputs.len()
            ),
            (0, 0, 0)
        );
    }
}

#[test]
fn sections_come_in_any_order_and_number() {
    let config = clean(
        "output { stdout { } } input { stdin { } } filter { mutate { } } input { stdin { } } filter { grok { } }",
    );
    assert_eq!(
        (
            config.inputs.len(),
            config.filters.len(),
            config.outputs.len()
        ),
        (2, 2, 1)
    );
}

#[test]
fn comments_stand_wherever_blanks_do() {
    let text = "# a\ninput # b\n{ # c\n tcp # d\n { # e }\n port # f\n => # g\n 1 # h\n tags => [ # i\n \"x\" # j\n , # k\n 'y' ] # l\n add_field => { # m\n aa # n\n => # o\n 1 # p\n } } }# q";
    let config = clean(text);
    assert_eq!(texts(config.inputs[0].setting("tags")), ["x", "y"]);
}

#[test]
fn names_may_stand_in_quotes() {
    let options = filter("filter { \"mutate\" { 'mode' => \"slow\" } }");
    assert_eq!(options.text("mode"), Some("slow"));
}

#[test]
fn all_value_types_are_read() {
    let options = filter(
        "filter { mutate { rename => { word => true 12 => -3.5 \"quoted key\" => [aa, \"b\", 4., ['c']] 'h' => { x2 => 'y' } } } }",
    );
    let pairs = options.hash("rename");
    let keys: Vec<_> = pairs.iter().map(|(key, _)| key.text.as_str()).collect();
    assert_eq!(keys, ["word", "12", "quoted key", "h"]);
    assert_eq!(pairs[0].1.value, ArgValue::Text("true".to_owned()));
    assert_eq!(pairs[1].1.value, ArgValue::Number("-3.5".to_owned()));
    let ArgValue::List(items) = &pairs[2].1.value else {
        panic!("a list");
    };
    assert_eq!(items[2].value, ArgValue::Number("4.".to_owned()));
    assert!(matches!(&items[3].value, ArgValue::List(inner) if inner.len() == 1));
    assert!(matches!(&pairs[3].1.value, ArgValue::Hash(inner) if inner.len() == 1));
}

#[test]
fn a_leading_zero_makes_a_number_octal() {
    let text = "input { tcp { port => 0644 } }";
    let (config, _) = load_with(&sources(text), false);
    assert_eq!(config.inputs[0].integer("port"), Some(0o644));
    check(
        text,
        &[
            "1:23 notice: a leading zero makes this the octal number 420 / remove the zero for a decimal number",
        ],
    );
    check(
        "input { tcp { port => 09 } }",
        &[
            "1:23 error: `09` is no number: a leading zero makes it octal / remove the zero, or put it in quotes",
        ],
    );
    clean("input { tcp { port => \"09\" rate => 0.5 limit => 0 } }");
}

#[test]
fn a_backslash_keeps_a_quote_from_closing_and_stays() {
    let options = filter(r#"filter { mutate { separator => "a\"b\n\\c" } }"#);
    assert_eq!(options.text("separator"), Some(r#"a\"b\n\\c"#));
    let options = filter("filter { mutate { separator => 'a\"\n\r\nb' } }");
    assert_eq!(options.text("separator"), Some("a\"\n\r\nb"));
}

#[test]
fn escapes_are_replaced_where_the_setting_says_so() {
    let text =
        r#"filter { mutate { separator => "\"\'\\\n\r\t\0\d" rename => { "a\tb" => 'c' } } }"#;
    let (config, diagnostics) = load_with(&sources(text), true);
    assert!(diagnostics.is_empty());
    let Statement::Plugin(options) = &config.filters[0] else {
        panic!("a plugin");
    };
    assert_eq!(options.text("separator"), Some("\"'\\\n\r\t\0\\d"));
    assert_eq!(options.hash("rename")[0].0.text, "a\tb");
}

#[test]
fn carriage_returns_are_blanks() {
    let config =
        clean("filter {\r\n  mutate {\r\n    mode => slow\r\n    kinds => one # x\r\n  }\r\n}\r\n");
    assert_eq!(config.filters.len(), 1);
    check(
        "filter {\r\n  mutat { }\r\n}\r\n",
        &["2:3 error: there is no filter \"mutat\" / did you mean `mutate`?"],
    );
}

#[test]
fn a_byte_order_mark_is_skipped_with_a_notice() {
    check(
        "\u{feff}filter { mutat { } }",
        &[
            "1:1 notice: a byte order mark stands before the text / save the file as UTF-8 without one",
            "1:10 error: there is no filter \"mutat\" / did you mean `mutate`?",
        ],
    );
}

#[test]
fn a_nul_byte_is_refused() {
    check(
        "filter { }\n\0",
        &["2:1 error: a NUL byte / it is no text, or saved as UTF-16; save it as UTF-8"],
    );
}

#[test]
fn texts_are_joined_in_order() {
    let mut all = Sources::default();
    all.push("1.conf", "input { stdin { id => one } }");
    all.push(
        "2.conf",
        "input { stdin { id => two } }\nfilter { mutat { } }",
    );
    let (config, diagnostics) = load_with(&all, false);
    let ids: Vec<_> = config
        .inputs
        .iter()
        .map(|input| input.id.as_str())
        .collect();
    assert_eq!(ids, ["one", "two"]);
    assert_eq!((diagnostics[0].span.source, diagnostics.len()), (1, 1));
}

#[test]
fn a_section_has_one_of_three_names() {
    check(
        "filters { grok { } }\ninput { }",
        &["1:1 error: `filters` is not a section / did you mean `filter`?"],
    );
    check(
        "grok { }",
        &["1:1 error: `grok` is not a section / put it into a section: `filter { grok { ... } }`"],
    );
    check(
        "hello world",
        &[
            "1:1 error: `hello` is not a section / a pipeline has the sections `input`, `filter` and `output`",
        ],
    );
    check(
        "=> 5",
        &[
            "1:1 error: a section is expected here / a pipeline has the sections `input { ... }`, `filter { ... }` and `output { ... }`",
        ],
    );
    check(
        "input\nstdin { }",
        &[
            "2:1 error: `{` is missing after `input` / a section is written `input { ... }`",
            "2:1 error: `stdin` is not a section / put it into a section: `filter { stdin { ... } }`",
        ],
    );
}

#[test]
fn a_brace_too_many_is_found() {
    check(
        "filter { } }\ninput { }",
        &["1:12 error: this `}` closes nothing / remove it, or look for a `}` too many above"],
    );
    check(
        "filter { mutate { } mode => slow }",
        &[
            "1:21 error: the option `mode` stands outside of a plugin / an option belongs between the braces of a plugin; look for a `}` too many above",
        ],
    );
}

#[test]
fn a_brace_too_few_is_found() {
    check(
        "input {",
        &["1:1 error: `input` is not closed before the text ends / add the missing `}`"],
    );
    check(
        "filter { mutate { mode => slow ",
        &["1:10 error: `mutate` is not closed before the text ends / add the missing `}`"],
    );
    check(
        "filter { if [a] { mutate { } }",
        &["1:1 error: `filter` is not closed before the text ends / add the missing `}`"],
    );
    check(
        "filter {\n mutate {\n mode => slow\n grok { }\n}\noutput { }",
        &[
            "4:2 error: `=>` is missing after `grok`, or a `}` before it / close `mutate` of line 2 with a `}` before `grok`",
        ],
    );
    check(
        "filter {\n mutate {\n mode => slow\n if [a] { }\n}\n",
        &[
            "4:2 error: `if` cannot stand inside the plugin `mutate` / close `mutate` of line 2 with a `}` before `if`",
        ],
    );
    check(
        "filter {\n mutate { }\noutput { }",
        &[
            "3:1 error: the section `output` begins inside `filter` / close `filter` of line 1 with a `}` before it",
        ],
    );
    check(
        "filter { mutate {\noutput { stdout { } }",
        &[
            "2:1 error: `=>` is missing after `output`, or a `}` before it / close `mutate` of line 1 with a `}` before `output`",
            "2:1 error: the section `output` begins inside `filter` / close `filter` of line 1 with a `}` before it",
        ],
    );
}

#[test]
fn a_condition_around_an_option_is_refused_once() {
    check(
        "output {\nelasticsearch {\nif [a] == \"x\" { index => \"x\" } else if [b] { index => \"y\" } else { index => \"z\" }\nindx => 1 } }",
        &[
            "3:1 error: a condition cannot stand inside the plugin `elasticsearch` / write the condition around it: `if ... { elasticsearch { ... } } else { elasticsearch { ... } }`",
            "4:1 error: output `elasticsearch` has no option `indx` / did you mean `index`?",
        ],
    );
}

#[test]
fn an_arrow_is_needed() {
    for (wrong, column) in [("=", 3), (":", 2), ("->", 3), ("==", 3)] {
        let blank = if column == 3 { " " } else { "" };
        check(
            &format!("filter {{ mutate {{\nmode{blank}{wrong} slow }} }}"),
            &[&format!(
                "2:{} error: `=>` is missing after `mode` / write `mode => value`",
                column + 3
            )],
        );
    }
    check(
        "filter { mutate { mode slow kinds => one } }",
        &["1:24 error: `=>` is missing after `mode` / write `mode => value`"],
    );
    check(
        "filter { mutate { rename => { aa \"b\" } } }",
        &["1:34 error: `=>` is missing after `aa` / write `aa => value`"],
    );
}

#[test]
fn commas_stand_in_lists_only() {
    check(
        "filter { mutate { mode => slow, kinds => one } }",
        &[
            "1:31 error: a comma between options / options are separated by white space: remove the comma",
        ],
    );
    check(
        "filter { mutate { rename => { aa => 1, bb => 2 } } }",
        &[
            "1:38 error: a comma between the entries of a hash / entries are separated by white space: remove the comma",
        ],
    );
    check(
        "filter { mutate { kinds => [\"one\" \"two\"] } }",
        &[
            "1:35 error: `,` is missing between two elements of a list / lists are written `[\"a\", \"b\"]`; if the list ends here, `]` is missing",
        ],
    );
    check(
        "filter { mutate { kinds => [\"one\", \"two\",] } }",
        &["1:41 error: a comma after the last element / remove it"],
    );
    check(
        "filter { mutate { kinds => [\"one\" mode => slow } }",
        &[
            "1:35 error: `,` is missing between two elements of a list / lists are written `[\"a\", \"b\"]`; if the list ends here, `]` is missing",
        ],
    );
    check(
        "filter { mutate { kinds => [\"one\" } }",
        &["1:28 error: this list is not closed / add the missing `]`"],
    );
}

#[test]
fn options_need_white_space_between_them() {
    check(
        "filter { mutate { mode => \"slow\"kinds => one } }",
        &[
            "1:33 error: two options without white space between them / put each option on a line of its own",
        ],
    );
}

#[test]
fn strings_and_hashes_must_be_closed() {
    check(
        "filter { mutate { mode => \"slow } }",
        &["1:27 error: this string is not closed / add the closing `\"`"],
    );
    check(
        "filter { mutate { separator => 'a\\' } }",
        &[
            "1:32 error: this string is not closed / add the closing `'`; after a backslash it does not close, so no string can end in a backslash",
        ],
    );
    check(
        "filter { mutate { rename => { aa => 1 ",
        &["1:29 error: this hash is not closed / add the missing `}`"],
    );
}

#[test]
fn what_is_not_a_word_needs_quotes() {
    for (value, shown) in [
        ("10.0.0.1", "10.0.0.1"),
        ("example.com", "example.com"),
        ("5m", "5m"),
        ("a", "a"),
        ("drop-old", "drop-old"),
        ("/var/log/x.log", "/var/log/x.log"),
        ("%{host}", "%"),
        ("${WORD}", "${WORD}"),
        ("-", "-"),
    ] {
        check(
            &format!("filter {{ mutate {{ separator => {value} mode => slow }} }}"),
            &[&format!(
                "1:32 error: `{shown}` must stand in quotes / write `\"{shown}\"`"
            )],
        );
    }
}

#[test]
fn a_value_must_not_be_missing() {
    let help = "a value is text in quotes, a number, a word, `[ ... ]` or `{ ... }`";
    check(
        "filter { mutate { mode => } }",
        &[&format!("1:27 error: a value is missing here / {help}")],
    );
    check(
        "filter { mutate { kinds => [, one] } }",
        &[&format!("1:29 error: a value is missing here / {help}")],
    );
}

#[test]
fn a_key_stands_once_in_a_hash() {
    check(
        "filter { mutate { rename => { \"a\" => 1\n'a' => 2 } } }",
        &[
            "2:1 error: the key `a` stands twice in one hash / it stands in line 1 already; give several values as a list: `[\"a\", \"b\"]`",
        ],
    );
}

#[test]
fn a_field_as_a_key_needs_quotes() {
    check(
        "filter { mutate { rename => { [a][b] => \"c\" } mode => slow } }",
        &["1:31 error: the key `[a][b]` must stand in quotes / write `\"[a][b]\" => ...`"],
    );
}

#[test]
fn a_plugin_stands_only_where_a_codec_may() {
    check(
        "filter { mutate { mode => fast { } } }",
        &[
            "1:27 error: the option `mode` of filter `mutate` takes no plugin / write one text in quotes",
        ],
    );
    check(
        "filter { mutate { kinds => [ one { } ] } }",
        &["1:30 error: a plugin cannot be an element of a list / put the name in quotes"],
    );
    check(
        "filter { mutate { rename => { aa => bb { } } } }",
        &[
            "1:37 error: a plugin cannot be a value in a hash / put the name in quotes, or a key and `=>` before `{`",
        ],
    );
}

#[test]
fn else_needs_an_if() {
    check(
        "filter { else { mutat { } } grok { } }",
        &[
            "1:10 error: `else` without an `if` before it / it stands directly after the `}` of an `if` block",
        ],
    );
    check(
        "filter { if [a] { } grok { } else { } }",
        &[
            "1:30 error: `else` without an `if` before it / it stands directly after the `}` of an `if` block",
        ],
    );
    check(
        "filter { if [a] { } elsif [b] { } else { } }",
        &["1:21 error: `elsif` is not a word here / write `else if`"],
    );
}

#[test]
fn conditions_nest() {
    let config = clean(
        "filter { if [a] { if [b] { mutate { } } else { grok { } } } else if [c] { } else{ mutate { } mutate { } } }",
    );
    let [Statement::If(outer)] = config.filters.as_slice() else {
        panic!("one condition");
    };
    assert_eq!((outer.branches.len(), outer.otherwise.len()), (2, 2));
    let [Statement::If(inner)] = outer.branches[0].1.as_slice() else {
        panic!("one condition inside");
    };
    assert_eq!((inner.branches.len(), inner.otherwise.len()), (1, 1));
}

#[test]
fn junk_between_plugins_is_reported_and_passed() {
    check(
        "filter { ; mutate { } grok }",
        &[
            "1:10 error: a plugin or `if` is expected here / a plugin is written `name { option => value }`",
            "1:28 error: `{` is missing after `grok` / a plugin is written `grok { option => value }`",
        ],
    );
    check(
        "filter { mutate { => 5 mode => slow } }",
        &["1:19 error: an option or `}` is expected here / an option is written `name => value`"],
    );
}

#[test]
fn all_mistakes_of_a_text_come_out_of_one_run() {
    let text = "input { tcp { prot => 1 } kafka { } }
filter {
  grok { match = { \"message\" => \"x\" } mach => 1 }
  if [a] = 1 { mutate { mode => quick } }
  mutate { separator => a.b }
  if [a] and { mutat { } }
}
ouput { stdot { } }
output { stdout { codec => jsn } elasticsearch { hosts => { } } }
";
    let places: Vec<_> = remarks(text)
        .into_iter()
        .map(|remark| remark.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        places,
        [
            "1:9", "1:15", "1:27", "3:16", "3:39", "4:10", "4:33", "5:25", "6:14", "6:16", "8:1",
            "8:9", "9:28", "9:59"
        ]
    );
}

#[test]
fn settings_keep_their_places() {
    let options = filter("filter { mutate {\n  mode => slow } }");
    assert_eq!(
        options.setting("mode"),
        Some(&Setting::Text("slow".to_owned()))
    );
    let span = options.span_of("mode");
    assert_eq!((span.start, span.end), (28, 32));
    assert_eq!(options.span_of("separator"), options.span);
}
