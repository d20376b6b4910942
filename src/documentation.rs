//! The documentation's tables, made from the code's own and compared with the files in `docs`. Run the tests with
//! SAWLOG_BLESS=1 to rewrite the files. What stands behind the mark in a page is written by hand.

use std::path::{Path, PathBuf};

use crate::lang::document;
use crate::limits::{self, table::Limit, table::ParserLimit};
use crate::pipeline::compile;
use crate::plugin::{Plugin, Section};
use crate::settings::table;

/// Behind this line a page is written by hand.
const MARK: &str =
    "<!-- Above this line the page is made from the plugin's table of options. -->\n";

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// Compares a file's beginning, up to and with the mark, and rewrites it if asked to.
#[track_caller]
fn check(path: &Path, made: &str) -> Result<(), String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let (head, by_hand) = match text.split_once(MARK) {
        Some((head, by_hand)) => (head, by_hand),
        None => ("", ""),
    };
    if head == made {
        return Ok(());
    }
    if std::env::var_os("SAWLOG_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("it lies in docs")).expect("docs is writable");
        std::fs::write(path, format!("{made}{MARK}{by_hand}")).expect("docs is writable");
        return Ok(());
    }
    Err(format!(
        "{} is behind the code; run the tests with SAWLOG_BLESS=1",
        path.display()
    ))
}

fn page(plugin: &Plugin) -> String {
    let section = section(plugin);
    let mut page = format!("# {} ({section})\n\n{}\n\n", plugin.name, plugin.summary);
    page.push_str(&document::option_table(plugin));
    if !plugin.absent.is_empty() {
        let names: Vec<String> = plugin
            .absent
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        page.push_str(&format!(
            "\nOptions of Logstash's plugin that sawlog does not have, and refuses by name: {}.\n",
            names.join(", ")
        ));
    }
    page.push('\n');
    page
}

fn section(plugin: &Plugin) -> &'static str {
    match plugin.section {
        Section::Input => "input",
        Section::Codec => "codec",
        Section::Filter => "filter",
        Section::Output => "output",
    }
}

fn page_path(plugin: &Plugin) -> PathBuf {
    docs()
        .join("plugins")
        .join(format!("{}-{}.md", section(plugin), plugin.name))
}

#[test]
fn every_plugin_has_its_page_with_every_option() {
    let plugins = compile::plugins();
    assert!(!plugins.is_empty());
    let wrong: Vec<String> = plugins
        .iter()
        .filter_map(|plugin| check(&page_path(plugin), &page(plugin)).err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_page_has_an_example_that_compiles() {
    for plugin in compile::plugins() {
        let text = std::fs::read_to_string(page_path(plugin)).expect("the page is there");
        let examples: Vec<&str> = text
            .split("```logstash\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .collect();
        assert!(
            !examples.is_empty(),
            "the page of {} has no example",
            plugin.name
        );
        for example in examples {
            let problems = compile::problems(example);
            assert!(
                problems.is_empty(),
                "the page of {}: {}",
                plugin.name,
                problems.join("\n")
            );
        }
    }
}

#[test]
fn the_page_of_settings_has_every_setting() {
    let mut made = String::from(
        "# Settings\n\nEach is an argument (`--key VALUE`), a variable of the environment, and a key of `sawlog.yml`.\n\n\
         | key | short | variable | default | meaning |\n|---|---|---|---|---|\n",
    );
    for spec in table::ALL {
        let short = spec
            .short
            .map(|short| format!("`-{short}`"))
            .unwrap_or_default();
        let default = match spec.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let mut doc = spec.doc.to_owned();
        if spec.without_effect.is_some() {
            doc = format!("accepted, without effect: {doc}");
        }
        let variable = table::variable(spec.key);
        made.push_str(&format!(
            "| `{}` | {short} | `{variable}` | {default} | {doc} |\n",
            spec.key
        ));
    }
    made.push('\n');
    assert_eq!(check(&docs().join("settings.md"), &made), Ok(()));
}

#[test]
fn the_page_of_limits_has_every_limit() {
    let mut made = format!(
        "# Limits\n\nEverything has one. This is the whole list of those that are fixed, with the reason for each number; \
         `sawlog check --limits` prints it. {}\n\n\
         | limit | value | why |\n|---|---|---|\n",
        limits::table::OF_OPTIONS
    );
    for Limit { name, value, why } in limits::table::all() {
        made.push_str(&format!("| `{name}` | {value} | {why} |\n"));
    }
    made.push_str("\n## Of the parsers\n\nThese are of the library `sawlog-parsers`, which the agent cuts lines with.\n\n| what | limit | beyond it |\n|---|---|---|\n");
    for ParserLimit {
        what,
        value,
        beyond,
    } in limits::table::of_parsers()
    {
        made.push_str(&format!("| {what} | {value} | {beyond} |\n"));
    }
    made.push('\n');
    assert_eq!(check(&docs().join("limits.md"), &made), Ok(()));
}
