//! Names of plugins and codecs, and ids.

use super::{check, clean, load_with, remarks_on, sources};
use crate::lang::source::Sources;
use crate::lang::{Config, Statement};

fn ids(config: &Config) -> Vec<&str> {
    let statements = config.filters.iter().chain(&config.outputs);
    let others = statements.filter_map(|statement| match statement {
        Statement::Plugin(options) => Some(options.id.as_str()),
        Statement::If(_) => None,
    });
    config
        .inputs
        .iter()
        .map(|input| input.id.as_str())
        .chain(others)
        .collect()
}

#[test]
fn a_slip_finds_its_plugin() {
    check(
        "filter { grk { } }",
        &["1:10 error: there is no filter \"grk\" / did you mean `grok`?"],
    );
    check(
        "filter { Grok { } }",
        &["1:10 error: there is no filter \"Grok\" / did you mean `grok`?"],
    );
    check(
        "filter { frobnicate { } }",
        &["1:10 error: there is no filter \"frobnicate\" / the filters are `grok`, `mutate`"],
    );
}

#[test]
fn a_plugin_of_logstash_that_is_not_there_is_refused_by_name() {
    check(
        "filter { ruby { code => \"x\" } }",
        &[
            "1:10 error: filter \"ruby\" is a Logstash plugin that sawlog does not have / nearest in purpose: `mutate`",
        ],
    );
    check(
        "input { beats { port => 5044 } kafka { } }",
        &[
            "1:9 error: input \"beats\" is a Logstash plugin that sawlog does not have / nearest in purpose: `tcp`",
            "1:32 error: input \"kafka\" is a Logstash plugin that sawlog does not have / the inputs are `stdin`, `tcp`",
        ],
    );
    check(
        "input { stdin { codec => avro } }",
        &[
            "1:26 error: codec \"avro\" is a Logstash plugin that sawlog does not have / the codecs are `line`, `plain`, `multiline`",
        ],
    );
}

#[test]
fn a_plugin_in_the_wrong_section_is_sent_to_its_own() {
    check(
        "input { grok { } }",
        &["1:9 error: there is no input \"grok\" / `grok` belongs into `filter { ... }`"],
    );
    check(
        "filter { plain { } }",
        &[
            "1:10 error: there is no filter \"plain\" / `plain` is a codec: write it as an option, `codec => plain`",
        ],
    );
    check(
        "output { stdout { codec => mutate } }",
        &["1:28 error: there is no codec \"mutate\" / `mutate` is a filter, not a codec"],
    );
}

#[test]
fn codecs_are_a_name_or_have_options() {
    for codec in [
        "line",
        "\"line\"",
        "line { }",
        "'line' { }",
        "line { format => \"x\" }",
    ] {
        let config = clean(&format!("input {{ tcp {{ port => 1 codec => {codec} }} }}"));
        let found = config.inputs[0]
            .codec("codec")
            .map(|codec| codec.plugin.name);
        assert_eq!(found, Some("line"), "{codec}");
    }
    let config = clean("input { stdin { codec => multiline { pattern => \"^x\" } } }");
    let codec = config.inputs[0].codec("codec").expect("a codec");
    assert_eq!(
        (codec.text("pattern"), codec.integer("max_lines")),
        (Some("^x"), Some(500))
    );
}

#[test]
fn options_of_codecs_are_checked_too() {
    check(
        "input { stdin { codec => multiline { patern => \"x\" max_lines => many } } }",
        &[
            "1:26 error: codec `multiline` needs the option `pattern` / add `pattern => ...`: What to look for.",
            "1:38 error: codec `multiline` has no option `patern` / did you mean `pattern`?",
            "1:65 error: the option `max_lines` takes an integer, not `many` / write digits only, such as `514`",
        ],
    );
    check(
        "input { stdin { codec => multiline } }",
        &[
            "1:26 error: codec `multiline` needs the option `pattern` / add `pattern => ...`: What to look for.",
        ],
    );
    check(
        "input { stdin { codec => [\"line\"] } }",
        &[
            "1:26 error: the option `codec` takes a codec / write a codec's name, or `name { option => value }`",
        ],
    );
}

#[test]
fn a_plugins_own_option_stands_before_the_common_one() {
    let config = clean("input { stdin { } tcp { port => 1 } }");
    let codecs: Vec<_> = config
        .inputs
        .iter()
        .filter_map(|input| input.codec("codec").map(|codec| codec.plugin.name))
        .collect();
    assert_eq!(codecs, ["line", "plain"]);
}

#[test]
fn ids_come_from_section_name_and_order() {
    let config = clean(
        "input { stdin { } tcp { port => 1 } stdin { } } filter { grok { } grok { id => mine } grok { } } output { stdout { } }",
    );
    assert_eq!(
        ids(&config),
        [
            "input_stdin_1",
            "input_tcp_1",
            "input_stdin_2",
            "filter_grok_1",
            "mine",
            "filter_grok_3",
            "output_stdout_1"
        ]
    );
    let config = clean("filter { grok { id => filter_grok_2 } grok { } }");
    assert_eq!(ids(&config), ["filter_grok_2", "filter_grok_3"]);
}

#[test]
fn an_id_is_given_once() {
    check(
        "filter { grok { id => mine }\nmutate { id => mine } }",
        &[
            "2:16 error: the id `mine` is already taken / the plugin in line 1 has it; choose another",
        ],
    );
}

#[test]
fn an_id_in_another_file_is_found_there() {
    let mut all = Sources::default();
    all.push("1.conf", "\nfilter { grok { id => mine } }");
    all.push("2.conf", "filter { grok { id => mine } }");
    let want = "1:23 error: the id `mine` is already taken / the plugin in line 2 of 1.conf has it; choose another";
    assert_eq!(remarks_on(&all), [want]);
}

#[test]
fn secrets_are_remembered() {
    let text =
        "input { tcp { port => 1 token => 'abc' } } output { elasticsearch { password => \"x\" } }";
    let (config, _) = load_with(&sources(text), false);
    let secrets: Vec<_> = config
        .secrets
        .iter()
        .map(|span| {
            text.get(span.start as usize..span.end as usize)
                .expect("a place")
        })
        .collect();
    assert_eq!(secrets, ["'abc'", "\"x\""]);
}
