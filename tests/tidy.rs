//! The rules of the source tree, as tests: each reads the files and names every line that breaks its rule.
//!
//! Not here: what the compiler and clippy hold already. Comments may name what code may not.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A file longer than this asks two questions; tests at its end are not counted.
const FILE_LINES_MAX: usize = 500;

/// From the signature to the closing brace.
const FUNCTION_LINES_MAX: usize = 60;

/// Folders that are made, not written.
const MADE: [&str; 5] = ["target", ".git", "artifacts", "corpus", "out"];

/// What the kinds of plugin may not know: only the agent wires them.
const APART: [(&str, &[&str]); 3] = [
    ("src/inputs", &["crate::outputs", "crate::filters"]),
    ("src/outputs", &["crate::inputs", "crate::filters"]),
    ("src/filters", &["crate::inputs", "crate::outputs"]),
];

/// Where bytes of others come in, and what would cut them there by hand.
const TAKING_IN: [&str; 3] = ["src/inputs", "src/codecs", "src/docker"];
const CUTTING: [&str; 3] = ["memchr", "memmem", "nom::"];

/// What a library without IO and clock does not name.
const WORLD: [&str; 8] = [
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "SystemTime",
    "Instant::now",
    "tokio::",
    "tracing::",
];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "common", "helpers", "prelude", "types"];

/// Verbs and nouns that say nothing of what is done; `get_mut` beside `get` is the language's own pair.
const EMPTY_VERBS: [&str; 3] = ["get_", "handle_", "process_"];
const EMPTY_NOUNS: [&str; 3] = ["Manager", "Handler", "Helper"];

/// How the name of a limit ends.
const LIMITS: [&str; 5] = ["_MAX", "_BYTES", "_WAIT", "_INTERVAL", "_AGAIN"];

/// Where limits are; `sawlog check --limits` and the documentation print them from there.
const OF_LIMITS: [&str; 3] = [
    "src/limits.rs",
    "src/limits/graphite.rs",
    "src/lang/limits.rs",
];

/// Constants called like limits that are none, by file, and why.
const NO_LIMITS: [(&str, &[&str]); 14] = [
    // What a format has.
    ("src/event/encode.rs", &["BYTES_MAX", "SECOND_BYTES"]),
    ("src/event/provenance.rs", &["IDENTIFIER_BYTES"]),
    ("src/outputs/elasticsearch/answer.rs", &["HEAD_BYTES"]),
    ("src/outputs/graphite/points.rs", &["WHOLE_MAX"]),
    (
        "src/queue/log/format.rs",
        &["SEGMENT_HEADER_BYTES", "RECORD_HEADER_BYTES", "SLOT_BYTES"],
    ),
    ("src/queue/log/scan.rs", &["FRONT_BYTES"]),
    // How much of it a message shows.
    (
        "src/cli/grok/explain.rs",
        &[
            "BEFORE_MAX",
            "BEHIND_MAX",
            "TEXT_MAX",
            "ALTERNATIVES_MAX",
            "BRIEF_CAPTURES_MAX",
            "BRIEF_TEXT_MAX",
        ],
    ),
    ("src/lang/check.rs", &["SHOWN_MAX"]),
    ("src/lang/check/condition.rs", &["SPELT_MAX"]),
    ("src/lang/check/options.rs", &["LISTED_MAX"]),
    ("src/lang/nearest.rs", &["LENGTH_MAX"]),
    ("src/lang/parse/value.rs", &["SHOWN_MAX"]),
    (
        "src/lang/variables.rs",
        &["REPORTED_MAX", "SHOWN_BYTES_MAX"],
    ),
    // Nobody notices how often.
    ("src/agent/running.rs", &["LOOK_INTERVAL"]),
];

/// What stands in front of a module of tests.
const OF_TESTS: &str = "#[cfg(test)]";

/// A text file of the tree.
struct Source {
    /// From the root of the tree.
    path: String,
    text: String,
    /// Whether the file is a module of tests as a whole.
    tests: bool,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The lines outside of tests, numbered from 1: a module of tests stands at the end of its file.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let opened = self
            .test_modules()
            .find(|(_, declaration)| declaration.ends_with('{'));
        let end = opened.map_or(usize::MAX, |(index, _)| index);
        let end = if self.tests { 0 } else { end };
        (1..).zip(self.text.lines().take(end))
    }

    /// Where each module of tests is declared, and its declaration, `mod name;` or `mod name {`.
    fn test_modules(&self) -> impl Iterator<Item = (usize, &str)> {
        let marked = self
            .text
            .lines()
            .enumerate()
            .filter(|(_, line)| *line == OF_TESTS);
        marked.filter_map(|(index, _)| {
            let mut rest = self.text.lines().skip(index);
            let declaration = rest.find(|line| !line.starts_with("#["))?;
            let declaration = declaration.trim_start_matches("pub ");
            declaration
                .starts_with("mod ")
                .then_some((index, declaration))
        })
    }

    /// The modules of tests that lie in files of their own below this one.
    fn tests(&self) -> Vec<PathBuf> {
        let names = self
            .test_modules()
            .filter_map(|(_, declaration)| declaration.strip_prefix("mod ")?.strip_suffix(';'));
        let path = Path::new(&self.path);
        let is_root = ["lib.rs", "main.rs"]
            .iter()
            .any(|root| path.ends_with(root));
        let folder = if is_root {
            path.with_file_name("")
        } else {
            path.with_extension("")
        };
        names
            .map(|name| folder.join(name).with_extension("rs"))
            .collect()
    }

    /// The same without comments and attributes.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines().filter(|(_, line)| {
            let line = line.trim_start();
            !line.starts_with("//") && !line.starts_with("#[")
        })
    }

    /// Names a line for the report.
    fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

/// Every file that is text, below the root of the tree.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if MADE.contains(&&*name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // What is not UTF-8 is data, as the bytes of a capture are.
            if let Ok(text) = fs::read_to_string(&path) {
                let path = path
                    .strip_prefix(root)
                    .expect("it was found below the root");
                let path = path.to_string_lossy().into_owned();
                sources.push(Source {
                    path,
                    text,
                    tests: false,
                });
            }
        }
    }
    let tests: HashSet<PathBuf> = sources.iter().flat_map(Source::tests).collect();
    for source in &mut sources {
        let mut above = Path::new(&source.path).ancestors();
        source.tests = above.any(|path| tests.contains(&path.with_extension("rs")));
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|fault| panic!("{folder:?}: {fault}"));
    // A link may lead out of the tree, or round in a circle.
    let real = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()));
    real.map(|entry| entry.path()).collect()
}

/// Fails with every breach that `rule` finds.
#[track_caller]
fn check(files: impl Fn(&Source) -> bool, rule: impl Fn(&Source) -> Vec<String>) {
    let sources: Vec<Source> = sources().into_iter().filter(files).collect();
    assert!(!sources.is_empty(), "the rule looks at no file at all");
    let breaches: Vec<String> = sources.iter().flat_map(rule).collect();
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

/// Lines of code that contain one of these words.
fn lines_with(source: &Source, words: &[&str]) -> Vec<String> {
    let mut breaches = Vec::new();
    for (number, line) in source.code() {
        for word in words.iter().filter(|word| line.contains(**word)) {
            breaches.push(source.at(number, &format!("names {word}")));
        }
    }
    breaches
}

#[test]
fn each_rust_file_says_at_its_head_what_it_is() {
    check(Source::is_rust, |source| {
        match source.text.starts_with("//! ") {
            true => Vec::new(),
            false => vec![source.at(1, "does not open with //!")],
        }
    });
}

#[test]
fn no_file_is_too_long() {
    check(Source::is_rust, |source| match source.lines().count() {
        lines if lines <= FILE_LINES_MAX => Vec::new(),
        lines => vec![source.at(lines, &format!("{lines} lines, at most {FILE_LINES_MAX}"))],
    });
}

#[test]
fn no_function_is_too_long() {
    check(Source::is_rust, |source| {
        let long = functions(&source.text)
            .into_iter()
            .filter(|(_, size)| FUNCTION_LINES_MAX < *size);
        long.map(|(line, size)| source.at(line, &format!("a function of {size} lines")))
            .collect()
    });
}

/// Where each function with a body of its own lines begins, and how many lines it has. rustfmt puts the closing brace of
/// a function at the start of a line, below the first letter of its signature.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| opens_function(line))
    {
        let indent = line.len() - line.trim_start().len();
        let size = lines.iter().skip(index).position(|line| {
            let rest = line.get(indent..).unwrap_or_default();
            line.trim_start() == rest
                && (rest == "}" || rest.ends_with(';') || rest.ends_with("{}"))
        });
        found.extend(size.map(|size| (index + 1, size + 1)));
    }
    found
}

fn opens_function(line: &str) -> bool {
    let mut rest = line.trim_start();
    for word in ["pub ", "pub(crate) ", "pub(super) ", "const ", "async "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    rest.starts_with("fn ") && !rest.ends_with('}') && !rest.ends_with(';')
}

#[test]
fn no_module_lies_in_a_file_called_mod_or_has_an_empty_name() {
    check(Source::is_rust, |source| {
        let path = Path::new(&source.path);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        match stem == "mod" || EMPTY_NAMES.contains(&&*stem) {
            true => vec![source.at(1, &format!("a module called {stem}"))],
            false => Vec::new(),
        }
    });
}

#[test]
fn the_parsers_know_nothing_of_the_world() {
    let parsers = |source: &Source| source.is_rust() && source.path.starts_with("parsers/src/");
    check(parsers, |source| lines_with(source, &WORLD));
}

#[test]
fn what_others_send_is_cut_by_the_parsers_alone() {
    for folder in TAKING_IN {
        let inside = |source: &Source| source.is_rust() && source.path.starts_with(folder);
        check(inside, |source| lines_with(source, &CUTTING));
    }
}

#[test]
fn inputs_filters_and_outputs_do_not_know_each_other() {
    for (folder, others) in APART {
        let file = format!("{folder}.rs");
        let inside = format!("{folder}/");
        let own = |source: &Source| source.path == file || source.path.starts_with(&inside);
        check(own, |source| lines_with(source, others));
    }
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not break its own rule.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!("),
        concat!("unimplemented", "!"),
        concat!("#[ig", "nore"),
    ];
    check(
        |_| true,
        |source| {
            let mut breaches = Vec::new();
            for (number, line) in (1..).zip(source.text.lines()) {
                for word in words.iter().filter(|word| line.contains(**word)) {
                    breaches.push(source.at(number, &format!("says {word}")));
                }
            }
            breaches
        },
    );
}

#[test]
fn no_path_of_one_machine_is_named() {
    let folders = ["work", "farm", "root", "home"].map(|folder| format!("/{folder}/"));
    let files = |source: &Source| !source.path.ends_with("Cargo.lock");
    check(files, |source| {
        let mut breaches = Vec::new();
        for (number, line) in (1..).zip(source.text.lines()) {
            for folder in folders.iter().filter(|folder| names_folder(line, folder)) {
                breaches.push(source.at(number, &format!("names {folder}")));
            }
        }
        breaches
    });
}

/// Whether a line names a folder from the root: nothing of a longer path stands in front of it.
fn names_folder(line: &str, folder: &str) -> bool {
    let inside = |letter: char| letter.is_ascii_alphanumeric() || "_.-}$\"".contains(letter);
    let found = line.match_indices(folder);
    let mut fronts = found.map(|(at, _)| line.get(..at).and_then(|front| front.chars().last()));
    fronts.any(|front| front.is_none_or(|letter| !inside(letter)))
}

#[test]
fn imports_name_what_they_import() {
    check(Source::is_rust, |source| {
        let globs = source
            .code()
            .filter(|(_, line)| line.trim_start().starts_with("use ") && line.ends_with("::*;"));
        globs
            .map(|(number, line)| source.at(number, line))
            .collect()
    });
}

#[test]
fn names_say_what_is_done() {
    check(Source::is_rust, |source| {
        let mut breaches = Vec::new();
        for (number, line) in source.code() {
            let function = name_after(line, &["fn "]);
            let kind = name_after(line, &["struct ", "enum ", "trait "]);
            let empty_verb = EMPTY_VERBS.iter().any(|verb| function.starts_with(verb));
            let empty_noun = EMPTY_NOUNS.iter().any(|noun| kind.ends_with(noun));
            if empty_noun || (empty_verb && function != "get_mut") {
                breaches.push(source.at(number, line.trim()));
            }
        }
        breaches
    });
}

#[test]
fn limits_are_where_they_are_printed_from() {
    let sources =
        |source: &Source| source.path.starts_with("src/") && !OF_LIMITS.contains(&&*source.path);
    check(sources, |source| {
        let mut breaches = Vec::new();
        for (number, line) in source.code() {
            let name = name_after(line, &["const "]);
            let is_taken = line.contains("= limits::");
            if names_limit(name) && !is_taken && !is_no_limit(&source.path, name) {
                breaches.push(source.at(number, &format!("{name} belongs to {}", OF_LIMITS[0])));
            }
        }
        breaches
    });
}

fn names_limit(name: &str) -> bool {
    let alone = |ending: &&str| name == ending.trim_start_matches('_');
    let behind = |ending: &&str| name.ends_with(ending);
    LIMITS.iter().any(|ending| alone(ending) || behind(ending))
}

fn is_no_limit(path: &str, name: &str) -> bool {
    let known = |(file, names): &(&str, &[&str])| *file == path && names.contains(&name);
    NO_LIMITS.iter().any(known)
}

/// The name that a line of code gives to what one of these words begins; empty if it begins none.
fn name_after<'a>(line: &'a str, words: &[&str]) -> &'a str {
    let rest = words
        .iter()
        .find_map(|word| line.split_once(word))
        .map(|(_, rest)| rest);
    let end = |letter: char| !letter.is_alphanumeric() && letter != '_';
    rest.and_then(|rest| rest.split(end).next())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Source, functions, is_no_limit, names_folder, names_limit};

    fn source(text: &str) -> Source {
        Source {
            path: String::from("src/a.rs"),
            text: text.to_string(),
            tests: false,
        }
    }

    #[test]
    fn lines_end_where_the_tests_begin() {
        let text =
            "//! A.\n#[cfg(test)]\nmod b;\nfn c() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n}\n";
        assert_eq!(source(text).lines().count(), 4);
    }

    #[test]
    fn tests_in_a_file_of_their_own_are_known_by_their_declaration() {
        let text = "#[cfg(test)]\nmod b;\nmod c;\n";
        assert_eq!(source(text).tests(), [PathBuf::from("src/a/b.rs")]);
    }

    #[test]
    fn the_lines_of_a_function_are_counted_to_its_brace() {
        let text = "impl A {\n    pub fn a(\n        b: u8,\n    ) -> u8 {\n        b\n    }\n\n    fn c() {}\n}\n";
        assert_eq!(functions(text), [(2, 5)]);
    }

    #[test]
    fn a_signature_without_a_body_is_no_function_of_many_lines() {
        let text = "trait A {\n    fn a(\n        b: u8,\n    ) -> u8;\n    fn c(&self);\n}\n";
        assert_eq!(functions(text), [(2, 3)]);
    }

    #[test]
    fn a_limit_is_known_by_how_its_name_ends() {
        for name in [
            "LINE_BYTES_MAX",
            "BIND_AGAIN",
            "WAIT",
            "A_WAIT",
            "LOOK_INTERVAL",
        ] {
            assert!(names_limit(name), "{name}");
        }
        for name in ["MAXIMUM", "WAITING", "NAP", ""] {
            assert!(!names_limit(name), "{name}");
        }
        assert!(is_no_limit("src/queue/log/scan.rs", "FRONT_BYTES"));
        assert!(!is_no_limit("src/queue/log/tail.rs", "FRONT_BYTES"));
    }

    #[test]
    fn a_folder_counts_only_at_the_root() {
        let folder = concat!("/ro", "ot/");
        assert!(names_folder(concat!("cd /ro", "ot/x"), folder));
        assert!(!names_folder(concat!("$T/ro", "ot/x"), folder));
    }
}
