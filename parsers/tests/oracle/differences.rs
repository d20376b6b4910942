//! What `patterns/DIFFERENCES.md` says of differences: the rows of its tables come in, and a test asks whether one
//! that it found is among them.
//!
//! A row is `| banks | patterns | kinds | line | theirs | ours |`, patterns and line between backticks.

use std::fmt;
use std::path::Path;

/// How two answers to one line differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    OnlyTheirs,
    OnlyOurs,
    /// Both match, but not the same part of the line.
    Extent,
    /// Both match the same part, and capture otherwise.
    Captures,
    /// The library cannot compile its own definition.
    Broken,
    /// One bank alone has the name.
    Missing,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Kind::OnlyTheirs => "theirs",
            Kind::OnlyOurs => "ours",
            Kind::Extent => "extent",
            Kind::Captures => "captures",
            Kind::Broken => "broken",
            Kind::Missing => "missing",
        })
    }
}

/// One row of a table.
pub struct Row {
    pub banks: Vec<String>,
    pub patterns: Vec<String>,
    pub kinds: Vec<String>,
    /// An example, which must differ in one of these ways.
    pub line: Option<String>,
}

/// Reads all rows.
pub fn rows() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("patterns/DIFFERENCES.md");
    let text = std::fs::read_to_string(path).expect("the differences are documented");
    let tables = text.lines().filter(|line| line.starts_with("| "));
    tables.filter_map(row).collect()
}

fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
    let [banks, patterns, kinds, line, ..] = &cells[..] else {
        return None;
    };
    let words = |cell: &str| -> Vec<String> {
        let words = cell.split([' ', ',', '`']).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    let line = line
        .trim()
        .strip_prefix('`')
        .and_then(|line| line.strip_suffix('`'));
    Some(Row {
        banks: words(banks),
        patterns: words(patterns),
        kinds: words(kinds),
        line: line.map(|line| line.replace("\\t", "\t").replace("\\n", "\n")),
    })
}

/// Whether a difference is documented. In the engine itself only those of broken references may be.
pub fn is_documented(
    rows: &[Row],
    bank: &str,
    comparison: &str,
    pattern: &str,
    kind: Kind,
) -> bool {
    let kind = match comparison {
        "engine" => "references".to_owned(),
        _ => kind.to_string(),
    };
    let has = |list: &[String], word: &str| list.iter().any(|known| known == word);
    rows.iter()
        .any(|row| has(&row.banks, bank) && has(&row.patterns, pattern) && has(&row.kinds, &kind))
}
