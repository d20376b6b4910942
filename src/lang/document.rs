//! A plugin's options as a table for its page of the documentation. The table that configurations are checked against
//! comes in, Markdown goes out.

use crate::lang::section_options;
use crate::plugin::{Kind, Opt, Plugin};

/// A Markdown table of all options of a plugin: its own in the order of its table, then those of its section. Ends with a
/// line end.
pub fn option_table(plugin: &Plugin) -> String {
    let mut table = String::from("| option | type | default | what it does |\n|---|---|---|---|\n");
    for opt in section_options::all(plugin) {
        let row = format!(
            "| `{}` | {} | {} | {} |\n",
            opt.name,
            opt.kind.name(),
            default(opt),
            cell(&description(opt))
        );
        table.push_str(&row);
    }
    table
}

fn default(opt: &Opt) -> String {
    match opt.default {
        _ if opt.required => "required".to_owned(),
        None => "none".to_owned(),
        Some("") => "`\"\"`".to_owned(),
        Some(default) => code(default),
    }
}

/// A text in back quotes, more of them than it holds itself.
fn code(text: &str) -> String {
    let text = cell(text);
    if text.contains('`') || text.trim() != text {
        format!("`` {text} ``")
    } else {
        format!("`{text}`")
    }
}

fn description(opt: &Opt) -> String {
    let mut text = opt.doc.to_owned();
    if !opt.allowed.is_empty() {
        text.push_str(&format!(" One of {}.", quoted(opt.allowed)));
    }
    if !opt.old_names.is_empty() {
        text.push_str(&format!(" Old name: {}.", quoted(opt.old_names)));
    }
    if opt.kind == Kind::Password {
        text.push_str(&format!(
            " As `{}_file` the path of a file that holds it.",
            opt.name
        ));
    }
    if let Some(why) = opt.without_effect {
        text.push_str(&format!(" Accepted without effect: {why}."));
    }
    text
}

fn quoted(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

/// A text that stays in its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::option_table;
    use crate::plugin::{Kind, Opt, Plugin, Section};

    static PLUGIN: Plugin = Plugin {
        section: Section::Codec,
        name: "sample",
        summary: "A sample.",
        options: &[
            Opt::new("source", Kind::Field, "The field to read.").required(),
            Opt::new("separator", Kind::Text, "What stands between.")
                .default("|")
                .old_names(&["sep"]),
            Opt::new("mode", Kind::Text, "How.")
                .default("fast")
                .allowed(&["fast", "slow"]),
            Opt::new("id", Kind::Text, "Its own.").without_effect("it is fast"),
        ],
        absent: &[],
    };

    #[test]
    fn a_table_has_a_row_for_each_option() {
        let table = option_table(&PLUGIN);
        let rows: Vec<_> = table.lines().collect();
        assert_eq!(
            rows[2],
            "| `source` | field | required | The field to read. |"
        );
        assert_eq!(
            rows[3],
            "| `separator` | text | `\\|` | What stands between. Old name: `sep`. |"
        );
        assert_eq!(
            rows[4],
            "| `mode` | text | `fast` | How. One of `fast`, `slow`. |"
        );
        assert_eq!(
            rows[5],
            "| `id` | text | none | Its own. Accepted without effect: it is fast. |"
        );
        assert!(rows[6].starts_with("| `enable_metric` | boolean | `true` |"));
        assert!(rows[7].starts_with("| `ecs_compatibility` |"));
        assert_eq!(rows.len(), 8);
    }
}
