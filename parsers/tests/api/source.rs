//! The library's sources as a user sees them: files in, the public items with their lines out.
//!
//! It reads lines as rustfmt leaves them: an item begins at the left margin, a method four blanks to the right.

use std::fs;
use std::path::{Path, PathBuf};

/// Crates whose types a user would have to take along.
const FOREIGN: [&str; 10] = [
    "nom",
    "regex",
    "serde_json",
    "chrono",
    "jiff",
    "syslog_loose",
    "memchr",
    "aho_corasick",
    "regex_syntax",
    "regex_automata",
];

/// A source file that users see: that of a public module, or one of which such a module passes items on.
pub struct Source {
    pub path: PathBuf,
    pub text: String,
    /// The items that are passed on; `None` for a public module, of which all are seen.
    pub names: Option<Vec<String>>,
}

/// Something at the left margin: its first line's number and its lines, without the documentation above it.
pub struct Item<'s> {
    pub line: usize,
    pub lines: &'s [&'s str],
}

/// The library's file and those of all that it shows.
pub fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = vec![read(root.join("lib.rs"), None)];
    let mut seen = 0;
    while let Some(source) = sources.get(seen) {
        let folder = match source.path.ends_with("src/lib.rs") {
            true => root.clone(),
            false => source.path.with_extension(""),
        };
        let more = source.shown_modules();
        let more = more
            .into_iter()
            .map(|(module, names)| read(folder.join(module).with_extension("rs"), names));
        sources.extend(more.collect::<Vec<_>>());
        seen += 1;
    }
    sources
}

fn read(path: PathBuf, names: Option<Vec<String>>) -> Source {
    let text = fs::read_to_string(&path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Source { path, text, names }
}

impl Source {
    /// The modules that are public, `pub mod name;`, and those of which items are passed on, `pub use self::name::A;`.
    fn shown_modules(&self) -> Vec<(String, Option<Vec<String>>)> {
        let mut modules = Vec::new();
        for statement in self.text.split(';') {
            let statement = statement
                .lines()
                .skip_while(|line| !line.starts_with("pub "));
            let statement = statement.collect::<Vec<_>>().join(" ");
            if let Some(name) = statement.strip_prefix("pub mod ") {
                modules.push((name.to_owned(), None));
            } else if let Some(path) = statement.strip_prefix("pub use ") {
                let mut parts = words(path.strip_prefix("self::").unwrap_or(path));
                let module = parts.next().expect("an import names a module").to_owned();
                modules.push((module, Some(parts.map(str::to_owned).collect())));
            }
        }
        modules
    }

    /// The lines outside of tests.
    pub fn lines(&self) -> Vec<&str> {
        let all = self.text.lines();
        all.take_while(|line| *line != "mod tests {").collect()
    }

    /// Whether users see an item by its first line: it is public, or implements what may be.
    pub fn is_seen(&self, header: &str) -> bool {
        let names = self.names.as_deref();
        let is_named = || {
            names
                .is_none_or(|names| words(header).any(|word| names.iter().any(|name| name == word)))
        };
        let is_public = header.starts_with("pub ") || header.starts_with("impl");
        is_public && !header.starts_with("pub use") && !header.starts_with("pub mod") && is_named()
    }

    /// The words that stand for something foreign in this file: the crates, and what is imported from them.
    pub fn foreign_words(&self) -> Vec<&str> {
        let code = self.text.split("\nmod tests {").next().unwrap_or_default();
        let statements = code.split("\nuse ").skip(1);
        let imports = statements.filter_map(|statement| statement.split(';').next());
        let is_foreign = |import: &&str| {
            words(import)
                .next()
                .is_some_and(|name| FOREIGN.contains(&name))
        };
        let foreign = imports.filter(is_foreign);
        foreign.flat_map(imported).chain(FOREIGN).collect()
    }
}

/// What stands at the left margin, each with what is indented below it.
pub fn items<'s>(lines: &'s [&'s str]) -> Vec<Item<'s>> {
    let starts_item = |line: &str| line.starts_with(|letter: char| letter.is_ascii_lowercase());
    let starts = (0..lines.len()).filter(|at| starts_item(lines[*at]));
    starts
        .map(|line| {
            let rest = &lines[line..];
            let end = rest
                .iter()
                .skip(1)
                .position(|line| starts_item(line) || line.starts_with("//"));
            Item {
                line,
                lines: &rest[..end.map_or(rest.len(), |end| end + 1)],
            }
        })
        .collect()
}

impl Item<'_> {
    /// Every text of it that can name a type which users meet: signatures, public fields, an enum's variants.
    pub fn signatures(&self) -> Vec<String> {
        let mut found = vec![signature(self.lines)];
        let is_enum = self.lines[0].starts_with("pub enum");
        for (at, line) in self.lines.iter().enumerate().skip(1) {
            let line = line.trim_start();
            let is_code = !line.starts_with("//") && !line.starts_with('#');
            if line.starts_with("pub ") || line.starts_with("type ") {
                found.push(signature(&self.lines[at..]));
            } else if is_enum && is_code {
                found.push(line.to_owned());
            }
        }
        found
    }
}

/// The types that an import brings in, under the names that they have here; functions and modules are no types.
fn imported(import: &str) -> impl Iterator<Item = &str> {
    let parts = import.split(['{', '}', ',']);
    let names = parts.filter_map(|part| words(part).last());
    names.filter(|name| name.starts_with(char::is_uppercase))
}

/// An item up to its body, a field up to its comma.
fn signature(lines: &[&str]) -> String {
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        text.push_str(line.trim());
        text.push(' ');
        if line.ends_with(['{', ';', '}']) || index == 0 && line.ends_with(',') {
            break;
        }
    }
    text
}

pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
}
