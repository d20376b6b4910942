//! The examples, run on small inputs: each is taken in as a module, so the code that is shown is the code that runs.

#[allow(dead_code, reason = "its `main` is for the command line")]
#[path = "../examples/custom_patterns.rs"]
mod custom_patterns;
#[allow(dead_code, reason = "its `main` is for the command line")]
#[path = "../examples/log_to_json.rs"]
mod log_to_json;
#[allow(dead_code, reason = "its `main` is for the command line")]
#[path = "../examples/tail_syslog.rs"]
mod tail_syslog;

use sawlog_parsers::syslog::Reference;

/// Lines longer than this do not fit a screen and a reader's patience.
const EXAMPLE_LINES_MAX: usize = 90;

const REFERENCE: Reference = Reference {
    year: 2026,
    month: 11,
    utc_offset_seconds: 0,
};

fn text(output: Vec<u8>) -> String {
    String::from_utf8(output).expect("the examples write UTF-8")
}

#[test]
fn a_log_becomes_json_lines_and_no_line_is_lost() {
    let grok =
        log_to_json::compile("^%{IP:client} %{INT:n:int}(?: %{INT:n:int})? %{NUMBER:took:float}$");
    let input =
        b"192.0.2.7 1 2 0.5\n192.0.2.8 3 1e9\nother\n192.0.2.9 99999999999999999999 4 1".as_slice();
    let mut output = Vec::new();
    log_to_json::convert(&grok.expect("it is sound"), input, &mut output).expect("memory takes it");
    let want = [
        r#"{"client":"192.0.2.7","n":1,"took":0.5}"#,
        r#"{"message":"192.0.2.8 3 1e9","tags":["_grokparsefailure"]}"#,
        r#"{"message":"other","tags":["_grokparsefailure"]}"#,
        r#"{"client":"192.0.2.9","n":["99999999999999999999",4],"took":1.0}"#,
    ];
    assert_eq!(text(output).lines().collect::<Vec<_>>(), want);
}

#[test]
fn a_pattern_file_is_used_and_a_line_that_fails_is_explained() {
    let file = b"# Ours.\nORDER A-%{POSINT:order:int}\n";
    let grok = custom_patterns::compile("shop", file, "%{ORDER} in %{NUMBER:took:float} s");
    let mut output = Vec::new();
    let input = b"A-17 in 0.25 s\nA-17 in a second\n".as_slice();
    custom_patterns::show(&grok.expect("it is sound"), input, &mut output)
        .expect("memory takes it");
    let output = text(output);
    let (tier, shown) = output.split_once('\n').expect("the tier comes first");
    assert!(tier.starts_with("Scanner: "), "{tier}");
    let want = "order = 17\ntook = 0.25\n\
        A-17 in a second\n        ^ expected %{NUMBER:took}\n  until there order = 17\n";
    assert_eq!(shown, want);
}

#[test]
fn a_fault_in_a_pattern_file_is_told_with_its_place() {
    let error = custom_patterns::compile("shop", b"\nORDER A-%{POSINTT}\n", "%{ORDER}");
    let error = error.expect_err("a misspelt name");
    // What `main` prints when it returns an error.
    assert_eq!(format!("{error:?}"), error.to_string());
    assert_eq!(
        error.to_string(),
        "shop:2:9: unknown pattern %{POSINTT}; did you mean %{POSINT}? (in the definition of ORDER)"
    );
}

#[test]
fn syslog_is_printed_by_field() {
    let input = b"<34>Nov 20 18:56:21 web-17 sshd[4711]: Accepted publickey\n\
        <14>1 2026-11-20T18:56:22Z web-17 shop - - - second\n\
        not syslog at all";
    let mut output = Vec::new();
    tail_syslog::print_fields(input.as_slice(), &mut output, || REFERENCE)
        .expect("memory takes it");
    let want = [
        "time=2026-11-20T18:56:21.000Z severity=Critical host=web-17 program=sshd pid=4711 text=Accepted publickey",
        "time=2026-11-20T18:56:22.000Z severity=Informational host=web-17 program=shop pid=- text=second",
        "time=- severity=Notice host=- program=- pid=- text=not syslog at all",
    ];
    assert_eq!(text(output).lines().collect::<Vec<_>>(), want);
}

#[test]
fn examples_stay_short() {
    for (name, source) in [
        (
            "custom_patterns",
            include_str!("../examples/custom_patterns.rs"),
        ),
        ("log_to_json", include_str!("../examples/log_to_json.rs")),
        ("tail_syslog", include_str!("../examples/tail_syslog.rs")),
    ] {
        let lines = source.lines().count();
        assert!(lines <= EXAMPLE_LINES_MAX, "{name}: {lines} lines");
    }
}
