//! What `patterns/DIFFERENCES.md` says of differences: the rows of its tables come in, and a test asks whether one
//! that it found is among them.
//!
//! A row is `| banks | patterns | kinds | ... |`, the patterns between backticks.

use std::collections::BTreeSet;
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

/// The documented differences of one bank.
pub struct Differences {
    /// Pattern and kind.
    rows: BTreeSet<(String, String)>,
}

impl Differences {
    /// Reads the tables.
    pub fn read(bank: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("patterns/DIFFERENCES.md");
        let text = std::fs::read_to_string(path).expect("the differences are documented");
        let mut rows = BTreeSet::new();
        for row in text.lines().filter(|line| line.starts_with("| ")) {
            let cells: Vec<&str> = row.split(" | ").collect();
            let [banks, patterns, kinds, ..] = &cells[..] else {
                continue;
            };
            if !words(banks).any(|word| word == bank) {
                continue;
            }
            // Every second piece lies between backticks.
            for pattern in patterns.split('`').skip(1).step_by(2) {
                rows.extend(words(kinds).map(|kind| (pattern.to_owned(), kind.to_owned())));
            }
        }
        Self { rows }
    }

    /// Whether a difference is there. In the engine itself only those of broken references are.
    pub fn allow(&self, comparison: &str, pattern: &str, kind: Kind) -> bool {
        let kind = match comparison {
            "engine" => "references".to_owned(),
            _ => kind.to_string(),
        };
        self.rows.contains(&(pattern.to_owned(), kind))
    }
}

fn words(cell: &str) -> impl Iterator<Item = &str> {
    cell.split([' ', ',', '|']).filter(|word| !word.is_empty())
}
