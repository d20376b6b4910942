//! Random and mutated texts: whatever comes in, there is an end without a panic, and every span lies in the text.

use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::strategy::Strategy;
use proptest::{collection, sample};

use super::{load_with, remarks, sources};
use crate::lang::diagnostic::render;
use crate::lang::limits;

/// A pipeline with everything in it.
const EVERYTHING: &str = r#"# comment
input {
  stdin { codec => multiline { pattern => "^\s" max_lines => 3 } tags => ["a", 'b'] }
  tcp { port => "${PORT:514}" token => 'x' limit => "3 kib" add_field => { "a" => 1 b2 => [1, 2.5, -3.] } }
}
filter {
  if [a][b] == "x" and ([c] =~ /^\d+\/{2}(?m:.)$/ or !([d] !~ "y")) {
    grok { match => { "message" => "%{X:y}" } match => { z2 => "w" } }
  } else if "a" in [tags] and "b" not in [tags] and [n] >= 5 or ![e] {
    mutate { rename => { "[a][b]" => "%{{YYYY}}" } }
  } elsif [x] xor [y] { } else { "grok" { } }
}
output { elasticsearch { hosts => ["http://u:p@h:1 http://i"] password => "${SECRET}" } stdout { codec => line } }
"#;

const PIECES: &[&str] = &[
    "input", "filter", "output", "if", "else", "elsif", "and", "or", "xor", "nand", "not", "in",
    "{", "}", "[", "]", "(", ")", "=>", "==", "=~", "!~", "!", "/", "\"", "'", "\\", "#", "\n",
    " ", ",", "grok", "tcp", "port", "codec", "match", "12", "-", "1.", "${", "}", "%{", "[a]",
    "[[a]", "\"x\"", "/a(/", "é", "\u{feff}", "\0", "\r\n", "$",
];

/// Loads and prints everything.
fn survive(text: &str) {
    let sources = sources(text);
    for support_escapes in [false, true] {
        let (_, diagnostics) = load_with(&sources, support_escapes);
        assert!(diagnostics.len() <= limits::DIAGNOSTICS_MAX + 1);
        for diagnostic in &diagnostics {
            let span = diagnostic.span;
            assert!(
                span.start <= span.end && span.end as usize <= text.len(),
                "{diagnostic:?} in {text:?}"
            );
            assert!(!diagnostic.message.is_empty());
            let printed = render(diagnostic, &sources, false);
            assert!(printed.starts_with("p.conf:"));
        }
    }
}

/// A text with some of its characters taken out, doubled or replaced.
fn mutated(text: &str, changes: &[(usize, u8, char)]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for &(place, change, other) in changes {
        if characters.is_empty() {
            break;
        }
        let place = place % characters.len();
        match change % 4 {
            0 => {
                characters.remove(place);
            }
            1 => characters.insert(place, other),
            2 => characters[place] = other,
            _ => characters.truncate(place),
        }
    }
    characters.into_iter().collect()
}

fn character() -> impl Strategy<Value = char> {
    sample::select(
        "{}[]()\"'/\\#=>!~,$%:.-_ \n\r\ta1é\u{0}\u{feff}"
            .chars()
            .collect::<Vec<_>>(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        survive(&text);
    }

    #[test]
    fn any_order_of_words_is_survived(pieces in collection::vec(sample::select(PIECES), 0..60)) {
        survive(&pieces.concat());
        survive(&pieces.join(" "));
    }

    #[test]
    fn a_damaged_pipeline_is_survived(
        changes in collection::vec((any::<usize>(), any::<u8>(), character()), 1..6)
    ) {
        survive(&mutated(EVERYTHING, &changes));
    }
}

#[test]
fn the_pipeline_that_is_damaged_reads_well() {
    let errors: Vec<_> = remarks(EVERYTHING)
        .into_iter()
        .filter(|remark| remark.contains(" error: "))
        .collect();
    assert_eq!(
        errors,
        ["11:5 error: `elsif` is not a word here / write `else if`"]
    );
}

#[test]
fn every_prefix_of_a_pipeline_is_survived() {
    for (end, _) in EVERYTHING.char_indices() {
        survive(EVERYTHING.get(..end).expect("a boundary"));
    }
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for (opening, wrapped) in [
        ("[", "filter { grok { overwrite => "),
        ("{ aa => ", "filter { grok { match => "),
        ("(", "filter { if "),
        ("!(", "filter { if "),
        ("if [a] { ", "filter { "),
        ("if [a] { } else { ", "filter { "),
        ("line { codec => ", "input { stdin { codec => "),
        ("[[\"a\"],", "filter { if [a] in "),
        ("{", ""),
        ("[", "filter { if [a] == "),
    ] {
        let text = format!("{wrapped}{}", opening.repeat(100_000));
        survive(&text);
    }
    let deep = |levels| {
        let (opened, closed) = ("[".repeat(levels), "]".repeat(levels));
        remarks(&format!(
            "filter {{ grok {{ target => {opened}\"a\"{closed} }} }}"
        ))
    };
    assert_eq!(deep(98), Vec::<String>::new());
    let want = "1:125 error: nested more than 100 levels deep / take the parts apart";
    assert_eq!(deep(200), [want]);
}

#[test]
fn a_long_condition_is_refused_and_not_followed() {
    let text = format!("filter {{ if {} [a] {{ }} }}", "[a] or ".repeat(2000));
    let remark = remarks(&text).into_iter().next().expect("a remark");
    assert!(remark.contains("more than 1000 parts"), "{remark}");
    super::clean(&format!(
        "filter {{ if {} [a] {{ }} }}",
        "[a] or ".repeat(999)
    ));
}

#[test]
fn parentheses_do_not_make_a_condition_longer() {
    let text = format!(
        "filter {{ if {}[a]{} {{ }} }}",
        format!("({}", "[a] or ".repeat(90)).repeat(90),
        ")".repeat(90)
    );
    let remark = remarks(&text).into_iter().next().expect("a remark");
    assert!(remark.contains("more than 1000 parts"), "{remark}");
}

#[test]
fn a_flood_of_plugins_is_refused() {
    let text = format!(
        "filter {{ {} }}",
        "mutate { }\n".repeat(limits::PLUGINS_MAX + 2)
    );
    let want = "10001:1 error: more than 10000 plugins / what follows here was not looked at";
    assert_eq!(remarks(&text), [want]);
}

#[test]
fn a_flood_of_notices_is_refused_too() {
    let text = format!(
        "input {{ tcp {{ port => 1 {} }} }}",
        "ssl_enable => true\n".repeat(limits::MISTAKES_MAX + 2)
    );
    let first = remarks(&text).into_iter().next().expect("a remark");
    assert_eq!(
        first,
        "2002:1 error: more than 2000 remarks / what follows here was not looked at"
    );
}

#[test]
fn a_flood_of_mistakes_is_cut_off() {
    let text = format!("filter {{ {} }}", "grk { }\n".repeat(5000));
    let remarks = remarks(&text);
    assert_eq!(remarks.len(), limits::DIAGNOSTICS_MAX + 1);
    assert!(
        remarks
            .last()
            .is_some_and(|last| last.contains("1502 more remarks are not shown"))
    );
}
