//! Options against their table: every kind, defaults, repeated options, and what is said of mistakes.

use std::time::Duration;

use super::{PLUGINS, check, check_tcp, clean, filter, tcp, texts};
use crate::plugin::{Arg, ArgValue, Options, Setting};

/// A hash in words.
fn pairs(options: &Options, name: &str) -> String {
    let pairs: Vec<_> = options
        .hash(name)
        .iter()
        .map(|(key, value)| format!("{}={}", key.text, spelt(value)))
        .collect();
    pairs.join(" ")
}

fn spelt(arg: &Arg) -> String {
    match &arg.value {
        ArgValue::Text(text) | ArgValue::Number(text) => text.clone(),
        ArgValue::List(items) => format!("{:?}", items.iter().map(spelt).collect::<Vec<_>>()),
        ArgValue::Hash(pairs) => format!("{} pairs", pairs.len()),
    }
}

#[test]
fn tables_are_without_faults() {
    for plugin in PLUGINS {
        assert_eq!(
            crate::lang::check::table_faults(plugin),
            Vec::<String>::new()
        );
    }
}

#[test]
fn defaults_are_filled_in() {
    let options = tcp("");
    assert_eq!(options.text("host"), Some("0.0.0.0"));
    assert_eq!(
        options.setting("ssl_enabled"),
        Some(&Setting::Boolean(false))
    );
    assert_eq!(options.bytes("limit"), Some(10 << 20));
    assert_eq!(options.duration("idle"), Some(Duration::from_secs(300)));
    assert_eq!(
        options.codec("codec").map(|codec| codec.plugin.name),
        Some("plain")
    );
    assert_eq!(
        options.setting("enable_metric"),
        Some(&Setting::Boolean(true))
    );
    assert_eq!(options.setting("token"), None);
    assert_eq!(options.setting("tags"), None);
    let options = filter("filter { grok { } }");
    assert_eq!(
        texts(options.setting("tag_on_failure")),
        ["_grokparsefailure"]
    );
    assert_eq!(options.setting("match"), Some(&Setting::Hash(Vec::new())));
    assert_eq!(
        options.setting("overwrite"),
        Some(&Setting::List(Vec::new()))
    );
    assert_eq!(filter("filter { mutate { } }").text("separator"), Some(" "));
}

#[test]
fn booleans_may_stand_in_quotes() {
    assert!(tcp("ssl_enabled => true").boolean("ssl_enabled"));
    assert!(tcp("ssl_enabled => \"true\"").boolean("ssl_enabled"));
    assert!(!tcp("ssl_enabled => 'false'").boolean("ssl_enabled"));
    for wrong in ["True", "\"yes\"", "1", "[]", "{ }"] {
        check_tcp(
            &format!("ssl_enabled => {wrong}"),
            &[&format!(
                "2:16 error: the option `ssl_enabled` takes `true` or `false`, not `{wrong}` / write `true` or `false`, in lower case"
            )],
        );
    }
}

#[test]
fn integers_may_stand_in_quotes() {
    for (written, want) in [
        ("514", 514),
        ("\"514\"", 514),
        ("-1", -1),
        ("5.", 5),
        ("5.0", 5),
        ("[7]", 7),
    ] {
        let config = clean(&format!("input {{ tcp {{ port => {written} }} }}"));
        assert_eq!(config.inputs[0].integer("port"), Some(want), "{written}");
    }
    for wrong in [
        "5.5",
        "\"x\"",
        "\"\"",
        "99999999999999999999",
        "[1, 2]",
        "\"0x10\"",
        "\"1e3\"",
    ] {
        check(
            &format!("input {{ tcp {{ port => {wrong} }} }}"),
            &[&format!(
                "1:23 error: the option `port` takes an integer, not `{wrong}` / write digits only, such as `514`"
            )],
        );
    }
}

#[test]
fn numbers_have_fractions() {
    assert_eq!(tcp("rate => 0.5").number("rate"), Some(0.5));
    assert_eq!(tcp("rate => \"-3\"").number("rate"), Some(-3.0));
    check_tcp(
        "rate => \"inf\"",
        &[
            "2:9 error: the option `rate` takes a number, not `\"inf\"` / write a number such as `10` or `0.5`",
        ],
    );
}

#[test]
fn sizes_and_times_have_units() {
    assert_eq!(tcp("limit => 100").bytes("limit"), Some(100));
    assert_eq!(tcp("limit => \"2 kib\"").bytes("limit"), Some(2048));
    assert_eq!(
        tcp("idle => 1.5").duration("idle"),
        Some(Duration::from_millis(1500))
    );
    assert_eq!(
        tcp("idle => \"1 hour\"").duration("idle"),
        Some(Duration::from_secs(3600))
    );
    check_tcp(
        "limit => \"10 apples\"",
        &[
            "2:10 error: the option `limit` takes a size, not `\"10 apples\"` / write bytes as an integer, or with a unit: `\"10 MiB\"`, `\"500 kb\"`",
        ],
    );
    check_tcp(
        "idle => \"soon\" limit => -1",
        &[
            "2:9 error: the option `idle` takes a span of time, not `\"soon\"` / write seconds as a number, or with a unit: `\"5 m\"`, `\"1 hour\"`, `\"500 ms\"`",
            "2:25 error: the option `limit` takes a size, not `-1` / write bytes as an integer, or with a unit: `\"10 MiB\"`, `\"500 kb\"`",
        ],
    );
}

#[test]
fn a_text_is_one_value() {
    assert_eq!(tcp("host => word").text("host"), Some("word"));
    assert_eq!(tcp("host => 5").text("host"), Some("5"));
    assert_eq!(tcp("host => [\"one\"]").text("host"), Some("one"));
    assert_eq!(tcp("host => [[\"one\"]]").text("host"), Some("one"));
    check_tcp(
        "host => [\"one\", \"two\"]",
        &[
            "2:9 error: the option `host` takes one text, not `[\"one\", \"two\"]` / write one text in quotes",
        ],
    );
    check_tcp(
        "host => { }",
        &["2:9 error: the option `host` takes one text, not `{ }` / write one text in quotes"],
    );
    check_tcp(
        "certificate => []",
        &[
            "2:16 error: the option `certificate` takes one path, not `[]` / write one path in quotes",
        ],
    );
}

#[test]
fn a_field_is_a_reference() {
    for target in ["message", "[message]", "[a][b]", "[@metadata][x]", "[a]%{b"] {
        let options = filter(&format!("filter {{ grok {{ target => \"{target}\" }} }}"));
        assert_eq!(options.text("target"), Some(target));
    }
    check(
        "filter { grok { target => \"a[b]\" } }",
        &[
            "1:27 error: `a[b]` is not a field reference; write `name`, `[name]` or `[outer][inner]` / -",
        ],
    );
}

#[test]
fn a_text_is_a_list_of_one() {
    assert_eq!(texts(tcp("tags => one").setting("tags")), ["one"]);
    assert_eq!(
        texts(tcp("tags => [one, 2, '3']").setting("tags")),
        ["one", "2", "3"]
    );
    assert_eq!(
        texts(tcp("tags => []").setting("tags")),
        Vec::<String>::new()
    );
    check_tcp(
        "tags => [\"a\", [\"b\"]]",
        &[
            "2:15 error: the option `tags` takes a list of texts, not `[\"b\"]` / write a list such as `[\"a\", \"b\"]`",
        ],
    );
    check_tcp(
        "tags => { aa => 1 }",
        &[
            "2:9 error: the option `tags` takes a list of texts, not `{ aa => 1 }` / write a list such as `[\"a\", \"b\"]`",
        ],
    );
}

#[test]
fn words_of_a_list_know_their_places() {
    let options = filter("filter { grok { overwrite => [\"a\", \"b\"] } }");
    let starts: Vec<_> = options
        .list("overwrite")
        .iter()
        .map(|word| word.span.start)
        .collect();
    assert_eq!(starts, [30, 35]);
}

#[test]
fn a_hash_may_be_a_list_of_keys_and_values() {
    let options = filter(
        "filter { grok { match => [\"a\", \"b\", \"c\", [\"d\"], \"a\", \"e\", \"a\", \"f\"] } }",
    );
    assert_eq!(pairs(&options, "match"), r#"a=["b", "e", "f"] c=["d"]"#);
    check(
        "filter { grok { match => [\"a\", \"b\", \"c\"] } }",
        &[
            "1:26 error: the list for `match` has a key without a value / write a hash: `{ \"key\" => \"value\" }`",
        ],
    );
    check(
        "filter { grok { match => [[\"a\"], \"b\"] } }",
        &[
            "1:27 error: the option `match` takes a hash, not `[\"a\"]` / write a hash: `{ \"key\" => \"value\" }`",
        ],
    );
    check(
        "filter { grok { match => \"a\" } }",
        &[
            "1:26 error: the option `match` takes a hash, not `\"a\"` / write a hash: `{ \"key\" => \"value\" }`",
        ],
    );
}

#[test]
fn addresses_are_split_at_blanks() {
    let config = clean("output { elasticsearch { hosts => [\"http://a:1 http://b:2\", \"c\"] } }");
    let crate::lang::Statement::Plugin(options) = &config.outputs[0] else {
        panic!("a plugin");
    };
    assert_eq!(
        texts(options.setting("hosts")),
        ["http://a:1", "http://b:2", "c"]
    );
}

#[test]
fn an_option_given_twice_is_merged() {
    let options = filter(
        "filter { grok { match => { \"a\" => \"1\" } match => { \"b\" => \"2\" \"a\" => [\"3\", \"4\"] } overwrite => [\"x\"] overwrite => \"y\" overwrite => [\"z\"] } }",
    );
    assert_eq!(pairs(&options, "match"), r#"a=["1", "3", "4"] b=2"#);
    assert_eq!(texts(options.setting("overwrite")), ["x", "y", "z"]);
    let options = filter(
        "filter { grok { overwrite => \"x\" overwrite => \"y\" target => \"t\" target => \"t\" } }",
    );
    assert_eq!(texts(options.setting("overwrite")), ["x", "y"]);
    assert_eq!(options.text("target"), Some("t"));
}

#[test]
fn an_option_that_takes_one_value_is_given_once() {
    check_tcp(
        "host => \"a\"\nhost => \"b\"",
        &[
            "3:1 error: the option `host` is given twice / it takes one value and stands in line 2 already: remove one",
        ],
    );
    check(
        "filter { grok {\nmatch => { \"a\" => \"b\" }\nmatch => [\"c\", \"d\"] } }",
        &[
            "3:1 error: the option `match` is given twice / it stands in line 2 already, as a value of another form: write both as one",
        ],
    );
    check(
        "input { stdin {\ncodec => line\ncodec => line } }",
        &[
            "3:1 error: the option `codec` is given twice / it takes one value and stands in line 2 already: remove one",
        ],
    );
}

#[test]
fn a_required_option_must_be_there() {
    check(
        "input { tcp { } }",
        &["1:9 error: input `tcp` needs the option `port` / add `port => ...`: Where to listen."],
    );
    check(
        "input { tcp { port => ; } }",
        &["1:23 error: `;` must stand in quotes / write `\";\"`"],
    );
}

#[test]
fn only_allowed_values_are_taken() {
    assert_eq!(
        filter("filter { mutate { mode => slow } }").text("mode"),
        Some("slow")
    );
    check(
        "filter { mutate { mode => \"slwo\" } }",
        &[
            "1:27 error: `\"slwo\"` is no value for the option `mode` / did you mean `slow`? it takes one of `fast`, `slow`",
        ],
    );
    check(
        "filter { mutate { kinds => [\"one\", \"three\"] } }",
        &[
            "1:36 error: `\"three\"` is no value for the option `kinds` / it takes one of `one`, `two`",
        ],
    );
    check(
        "filter { mutate { ecs_compatibility => v7 } }",
        &[
            "1:40 error: `v7` is no value for the option `ecs_compatibility` / did you mean `v1`? it takes one of `disabled`, `v1`, `v8`",
        ],
    );
}

#[test]
fn old_names_are_taken_with_a_notice() {
    check_tcp(
        "ssl_enable => true",
        &["2:1 notice: `ssl_enable` is the old name of `ssl_enabled` / write `ssl_enabled`"],
    );
}

#[test]
fn what_has_no_effect_is_said() {
    check_tcp(
        "dns_reverse_lookup_enabled => false",
        &[
            "2:1 notice: `dns_reverse_lookup_enabled` is accepted without effect / addresses are never looked up",
        ],
    );
}

#[test]
fn unknown_options_are_refused() {
    check(
        "filter { grok { mach => { \"a\" => \"b\" } } }",
        &["1:17 error: filter `grok` has no option `mach` / did you mean `match`?"],
    );
    check(
        "filter { grok { volume => 11 } }",
        &[
            "1:17 error: filter `grok` has no option `volume` / its options are `match`, `overwrite`, `tag_on_failure`, `target`",
        ],
    );
    check(
        "input { stdin { codec => plain { volume => 11 } } }",
        &[
            "1:34 error: codec `plain` has no option `volume` / codec `plain` has no options of its own: remove it",
        ],
    );
}

#[test]
fn options_of_logstash_that_are_not_there_are_refused_by_name() {
    check(
        "filter { grok { named_captures_only => true } }",
        &[
            "1:17 error: option `named_captures_only` of Logstash's `grok` filter is not supported by sawlog / remove it; sawlog refuses what it would otherwise ignore",
        ],
    );
    check(
        "output { elasticsearch { codec => plain } }",
        &[
            "1:26 error: option `codec` of Logstash's `elasticsearch` output is not supported by sawlog / remove it; sawlog refuses what it would otherwise ignore",
        ],
    );
}

#[test]
fn common_options_are_known_everywhere() {
    tcp(
        "id => xx enable_metric => false type => 't' tags => ['a'] add_field => { aa => 1 } codec => plain ecs_compatibility => v8",
    );
    filter(
        "filter { mutate { id => xx enable_metric => true add_field => { aa => 1 } remove_field => a2 add_tag => t2 remove_tag => ['t'] periodic_flush => false ecs_compatibility => disabled } }",
    );
    clean(
        "output { stdout { id => xx codec => line { id => yy enable_metric => true ecs_compatibility => v1 } enable_metric => true ecs_compatibility => v1 } }",
    );
    check(
        "filter { mutate { codec => plain } }",
        &[
            "1:19 error: filter `mutate` has no option `codec` / its options are `rename`, `mode`, `kinds`, `separator`",
        ],
    );
}

#[test]
fn variables_are_put_into_values_and_not_into_keys() {
    let config = clean(
        "input { tcp { port => \"${PORT}\" host => \"${NONE:a b}\" tags => [\"${WORD}!\", \"${NONE:}\"] } }",
    );
    let options = &config.inputs[0];
    assert_eq!(options.integer("port"), Some(514));
    assert_eq!(options.text("host"), Some("a b"));
    assert_eq!(texts(options.setting("tags")), ["hello!", ""]);
    check(
        "filter { mutate { rename => { \"${WORD}\" => \"${WORD}\" } } }",
        &[
            "1:31 warning: variables are not put into the keys of a hash / the key stays as it is; put the variable into a value",
        ],
    );
}

#[test]
fn a_missing_variable_is_named() {
    check_tcp(
        "host => \"x-${NONE}-${ALSO}\"",
        &[
            "2:12 error: the environment variable `NONE` is not set and has no default / set it, or write `${NONE:default}`",
            "2:20 error: the environment variable `ALSO` is not set and has no default / set it, or write `${ALSO:default}`",
        ],
    );
    check_tcp(
        "host => \"${a-b}\"",
        &[
            "2:10 warning: this is not a variable and stays as it is / a variable is written `${NAME}` or `${NAME:default}`, of letters, digits, `_` and `.`",
        ],
    );
}

#[test]
fn the_value_of_a_variable_is_not_shown() {
    check_tcp(
        "rate => \"${SECRET}\"",
        &[
            "2:9 error: the option `rate` takes a number, not `\"${SECRET}\"` / write a number such as `10` or `0.5`",
        ],
    );
}

#[test]
fn a_variable_may_hold_a_list() {
    let config = clean("output { elasticsearch { hosts => \"${HOSTS}\" index => \"${HOSTS}\" } }");
    let crate::lang::Statement::Plugin(options) = &config.outputs[0] else {
        panic!("a plugin");
    };
    assert_eq!(
        texts(options.setting("hosts")),
        ["http://a:9200", "http://b:9200"]
    );
    assert_eq!(
        options.text("index"),
        Some("[http://a:9200, \"http://b:9200\"]")
    );
}

#[test]
fn the_year_of_the_week_is_warned_of() {
    let want = |column: usize, format: &str| {
        let right = format.replace('Y', "y");
        format!(
            "1:{column} warning: `Y` in `%{{{{{format}}}}}` is the year of the week, which is another year for some days around New Year / write `%{{{{{right}}}}}`"
        )
    };
    check(
        "output { elasticsearch { index => \"x-%{{YYYY.MM.dd}}\" } }",
        &[&want(35, "YYYY.MM.dd")],
    );
    check(
        "filter { mutate { add_field => { \"%{{Y}}\" => [\"%{{'Y'yyyy}}\", \"%{{YY}}\"] } } }",
        &[&want(34, "Y"), &want(63, "YY")],
    );
    clean("output { elasticsearch { index => \"%{+YYYY.MM.dd}%{{yyyy}}%{{YYYY\" } }");
}
