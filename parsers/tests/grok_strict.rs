//! The strict bank: what its patterns take of a line, and what they leave that the ECS bank takes.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::BTreeSet;

use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots, Tier};

/// The text that a pattern takes of a line, if it matches.
#[track_caller]
fn check(name: &str, line: &str, want: Option<&str>) {
    let grok = Grok::compile(
        &format!("%{{{name}:it}}"),
        &Patterns::strict(),
        Options::default(),
    )
    .unwrap();
    let at = grok
        .captures()
        .iter()
        .position(|capture| capture.field == "it")
        .unwrap();
    let mut slots = Slots::new();
    let found = match grok.search(line.as_bytes(), &mut slots) {
        Outcome::Match => line.get(slots.span(at).unwrap()),
        Outcome::NoMatch => None,
        Outcome::BudgetSpent => panic!("{name} on {line}: the budget is spent"),
    };
    assert_eq!(found, want, "{name} on {line}");
}

/// A field of a line.
#[track_caller]
fn check_field(expression: &str, line: &str, field: &str, want: Option<&str>) {
    let grok = Grok::compile(expression, &Patterns::strict(), Options::default()).unwrap();
    let mut slots = Slots::new();
    assert_eq!(
        grok.search(line.as_bytes(), &mut slots),
        Outcome::Match,
        "{expression} on {line}"
    );
    let places = grok.captures().iter().enumerate();
    let found = places
        .filter(|(_, capture)| capture.field == field)
        .find_map(|(index, _)| slots.span(index))
        .and_then(|span| line.get(span));
    assert_eq!(found, want, "{field} of {line}");
}

#[test]
fn every_name_of_the_ecs_bank_is_there_and_compiles() {
    let (ecs, strict) = (Patterns::ecs_v1(), Patterns::strict());
    let names: BTreeSet<&str> = strict.names().collect();
    for name in ecs.names() {
        assert!(names.contains(name), "{name} is missing");
    }
    for name in names {
        let grok = Grok::compile(&format!("%{{{name}}}"), &strict, Options::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(grok.warnings().is_empty(), "{name}: {:?}", grok.warnings());
    }
}

#[test]
fn nearly_all_of_it_is_scanned() {
    let strict = Patterns::strict();
    let is_slow = |name: &&str| {
        let grok = Grok::compile(&format!("%{{{name}}}"), &strict, Options::default()).unwrap();
        grok.tier() != Tier::Scanner
    };
    let slow: Vec<&str> = strict.names().filter(is_slow).collect();
    assert!(slow.len() * 100 <= strict.names().count(), "{slow:?}");
}

#[test]
fn what_a_pattern_captures_has_the_same_fields_as_in_the_ecs_bank() {
    let (ecs, strict) = (Patterns::ecs_v1(), Patterns::strict());
    let fields = |name: &str, patterns: &Patterns| -> BTreeSet<String> {
        let grok = Grok::compile(&format!("%{{{name}}}"), patterns, Options::default()).unwrap();
        grok.captures()
            .iter()
            .map(|capture| format!("{} {:?}", capture.field, capture.kind))
            .collect()
    };
    for name in ecs.names() {
        assert_eq!(fields(name, &strict), fields(name, &ecs), "{name}");
    }
}

#[test]
fn a_zone_ends_where_its_name_ends() {
    check("IP", "from fe80::1%eth0 port 22", Some("fe80::1%eth0"));
    check("IP", "fe80::1%eth0: unreachable", Some("fe80::1%eth0"));
    check("IP", "fe80::7%12.", Some("fe80::7%12"));
    check("IP", "[fe80::1%br-1a2b]:443", Some("fe80::1%br-1a2b"));
    check(
        "IP",
        "fe80::1%this-name-is-far-too-long-for-one",
        Some("fe80::1"),
    );
    check("IP", "::1% of all", Some("::1"));
}

#[test]
fn addresses_of_version_4_within_version_6_are_taken_whole() {
    check("IP", "::ffff:192.0.2.33 ok", Some("::ffff:192.0.2.33"));
    check("IP", "64:ff9b::192.0.2.33", Some("64:ff9b::192.0.2.33"));
    check(
        "IP",
        "0:0:0:0:0:ffff:192.0.2.33",
        Some("0:0:0:0:0:ffff:192.0.2.33"),
    );
    check("IP", "::192.0.2.33", Some("::192.0.2.33"));
}

#[test]
fn an_address_of_version_6_is_no_part_of_something_else() {
    check("IPV6", "std::string", None);
    check("IPV6", "Foo::Bar::baz", None);
    check("IPV6", "1:2:3:4:5:6:7:8:9", None);
    check("IPV6", "12:34:56", None);
    check("IPV6", "2001:db8::17: timeout", Some("2001:db8::17"));
    check("IPV6", "::", Some("::"));
}

#[test]
fn an_address_of_version_4_is_whole() {
    check("IPV4", "version 1.2.3.4.5", None);
    check("IPV4", "256.1.1.1", None);
    check("IPV4", "10.0.0.1.", Some("10.0.0.1"));
    check("IPV4", "010.0.0.1", None);
    check("IPV4", "x=10.20.30.40:80", Some("10.20.30.40"));
}

#[test]
fn numbers_are_whole() {
    check("NUMBER", "took 1.5e-05 s", Some("1.5e-05"));
    check("NUMBER", "took 12.", Some("12"));
    check("NUMBER", "12ms", Some("12"));
    check("NUMBER", "release 1.2.3", None);
    check("NUMBER", "-.5", Some("-.5"));
}

#[test]
fn times_have_no_digit_beside_them() {
    check("TIME", "at 12:34:56", Some("12:34:56"));
    check("TIME", "123:45:06", None);
    check("TIME", "12:34:5", None);
    check("TIME", "12:34:567", None);
    check("TIME", "24:00:01", None);
    check("TIME", "12:34:56.789012", Some("12:34:56.789012"));
    check("TIME", "12:34:56,789 x", Some("12:34:56,789"));
}

#[test]
fn iso_8601_has_its_variants_and_its_ranges() {
    for whole in [
        "2026-11-20T18:56:21Z",
        "2026-11-20t18:56:21z",
        "2026-11-20T18:56:21.123456789+01:00",
        "2026-11-20 18:56:21,123",
        "2026-11-20T18:56+0100",
        "2026-11-20T18:56:21-03",
        "20261120T185621Z",
        "20261120T185621.5+0200",
    ] {
        check("TIMESTAMP_ISO8601", &format!("at {whole} up"), Some(whole));
    }
    check("TIMESTAMP_ISO8601", "2026-13-20T18:56:21Z", None);
    check("TIMESTAMP_ISO8601", "2026-11-32T18:56:21Z", None);
    check("TIMESTAMP_ISO8601", "2026-11-20T25:56:21Z", None);
    check("TIMESTAMP_ISO8601", "12026-11-20T18:56:21Z", None);
}

#[test]
fn the_web_servers_date_has_its_ranges() {
    let whole = "14/Sep/2015:16:31:02 +0000";
    check("HTTPDATE", &format!("[{whole}]"), Some(whole));
    check("HTTPDATE", "32/Sep/2015:16:31:02 +0000", None);
    check("HTTPDATE", "14/Sem/2015:16:31:02 +0000", None);
    check("HTTPDATE", "14/Sep/2015:24:31:02 +0000", None);
    check("HTTPDATE", "14/Sep/2015:16:31:02 +1500", None);
    check("HTTPDATE", "14/Sep/2015:16:31:02 +00000", None);
}

#[test]
fn host_names_end_with_no_hyphen() {
    check(
        "HOSTNAME",
        "web-17.example.com up",
        Some("web-17.example.com"),
    );
    check("HOSTNAME", "web-", None);
    check("HOSTNAME", "web-.example", Some("example"));
    check("HOSTNAME", "web.-example", Some("web"));
    check("HOSTNAME", "_web-17", Some("17"));
    check("HOSTNAME", "web._tcp", Some("web"));
    check("HOSTNAME", "a--b.c-d.", Some("a--b.c-d."));
    let label = "a".repeat(63);
    check(
        "HOSTNAME",
        &format!("{label}.{label}"),
        Some(&format!("{label}.{label}")),
    );
    check("HOSTNAME", &format!("{label}a"), None);
    check("HOSTNAME", &format!("web.{label}a"), Some("web"));
}

#[test]
fn levels_are_whole_words_in_any_case() {
    check("LOGLEVEL", "Informed WARNING", Some("WARNING"));
    check("LOGLEVEL", "wArN", Some("wArN"));
    check("LOGLEVEL", "errors", None);
}

const RFC5424: &str = concat!(
    r#"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "#,
    r#"[exampleSDID@32473 iut="3" eventSource="Appl\]ication \"x\""][b@1] "#,
    "\u{FEFF}An application event"
);

#[test]
fn lines_of_rfc_5424_are_taken_apart() {
    let field = |name, want| check_field("^%{SYSLOG5424LINE}$", RFC5424, name, want);
    field("[log][syslog][priority]", Some("165"));
    field("[system][syslog][version]", Some("1"));
    field("timestamp", Some("2003-10-11T22:14:15.003Z"));
    field("[host][hostname]", Some("mymachine.example.com"));
    field("[process][name]", Some("evntslog"));
    field("[process][pid]", None);
    field("[event][code]", Some("ID47"));
    field("message", Some("An application event"));
    let data = r#"[exampleSDID@32473 iut="3" eventSource="Appl\]ication \"x\""][b@1]"#;
    field("[system][syslog][structured_data]", Some(data));
}

#[test]
fn a_line_of_rfc_5424_may_lack_all_that_can_be_absent() {
    check(
        "SYSLOG5424LINE",
        "<0>1 - - - - - -",
        Some("<0>1 - - - - - -"),
    );
    check("SYSLOG5424LINE", "<192>1 - - - - - -", None);
    check("SYSLOG5424LINE", "<1>01 - - - - - -", None);
}

#[test]
fn a_quoted_field_ends_at_its_quote() {
    let line = r#"10.0.0.1 - - [14/Sep/2015:16:31:02 +0000] "GET /a HTTP/1.1" 200 17 "-" "say \"hi\" 1.0" "more""#;
    check_field(
        "%{COMBINEDAPACHELOG}",
        line,
        "[user_agent][original]",
        Some(r#"say \"hi\" 1.0"#),
    );
    check_field("%{COMBINEDAPACHELOG}", line, "[url][original]", Some("/a"));
    let broken = r#"10.0.0.1 - - [14/Sep/2015:16:31:02 +0000] "\x16\x03" x" 400 0"#;
    let grok = Grok::compile(
        "^%{COMMONAPACHELOG}$",
        &Patterns::strict(),
        Options::default(),
    )
    .unwrap();
    assert_eq!(
        grok.search(broken.as_bytes(), &mut Slots::new()),
        Outcome::NoMatch
    );
}

#[test]
fn fields_between_semicolons_hold_none() {
    let line = "[1427925600] CURRENT SERVICE STATE: web;http;OK;HARD;1;a; b";
    check_field("^%{NAGIOSLOGLINE}$", line, "[host][hostname]", Some("web"));
    check_field("^%{NAGIOSLOGLINE}$", line, "message", Some("a; b"));
}
