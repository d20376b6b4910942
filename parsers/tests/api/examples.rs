//! Each part of the interface is shown by an example.

use std::path::PathBuf;

use super::source::{Source, items, signature, sources, words};

/// The documentation before a line, outermost first.
fn documentation<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let above = lines.iter().rev().map(|line| line.trim_start());
    above
        .take_while(|line| line.starts_with("///") || line.starts_with("#["))
        .collect()
}

/// What users see and no example shows, each with its place.
///
/// Types, functions and constants have an example of their own, and so have the methods that do something: those that
/// make a value, take something besides it, change it or use it up. One that only tells something of its value, such as
/// `len(&self)`, may do without, provided that an example of the same file calls it. Fields and variants are plain
/// data: they are shown by the example of their type.
fn without_example(source: &Source) -> Vec<String> {
    let lines = source.lines();
    let mut missing = Vec::new();
    let mut note = |line: usize, text: &str| {
        missing.push(format!(
            "{}:{}: {}",
            source.path.display(),
            line + 1,
            text.trim()
        ));
    };
    for item in items(&lines) {
        let header = item.lines[0];
        if !source.is_seen(header) {
            continue;
        }
        if is_shown_alone(header) && !has_example(&lines[..item.line]) {
            note(item.line, header);
        }
        let is_inherent = header.starts_with("impl") && !header.contains(" for ");
        let inner = item.lines.iter().enumerate();
        for (at, line) in inner.filter(|(_, line)| is_inherent && line.starts_with("    pub ")) {
            let method = signature(&item.lines[at..]);
            let above = &lines[..item.line + at];
            let is_told = only_tells(&method) && is_called(&method, &lines);
            if !has_example(above) && !is_told {
                note(item.line + at, line);
            }
        }
    }
    missing
}

fn is_shown_alone(header: &str) -> bool {
    let kinds = [
        "fn ", "struct ", "enum ", "const ", "trait ", "type ", "static ",
    ];
    let kind = header.strip_prefix("pub ").unwrap_or_default();
    kinds.iter().any(|word| kind.starts_with(word))
}

fn has_example(above: &[&str]) -> bool {
    documentation(above).contains(&"/// ```")
}

/// Whether a method takes nothing but its value, and leaves that as it was.
fn only_tells(method: &str) -> bool {
    let arguments = method.split_once('(').map(|(_, arguments)| arguments);
    arguments.is_some_and(|arguments| arguments.starts_with("&self)"))
}

/// Whether an example calls a method.
fn is_called(method: &str, lines: &[&str]) -> bool {
    let head = method.split(['(', '<']).next().unwrap_or_default();
    let name = words(head).last().expect("a method has a name");
    let call = format!(".{name}(");
    let comments = lines.iter().map(|line| line.trim_start());
    let mut documents = comments.filter(|line| line.starts_with("///") || line.starts_with("//!"));
    let mut is_inside = false;
    documents.any(|line| {
        is_inside ^= line.ends_with(" ```");
        is_inside && line.contains(&call)
    })
}

#[test]
fn each_public_item_has_an_example() {
    let missing: Vec<String> = sources().iter().flat_map(without_example).collect();
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

const UNSHOWN: &str = "/// It is no call to write `a.untold()` here.
///
/// ```
/// a.tells();
/// ```
pub struct A;

impl A {
    /// Calls.
    pub fn tells(&self) -> u8 {
        1
    }

    /// Is called nowhere.
    pub fn untold(&self) -> u8 {
        1
    }

    /// Makes.
    pub fn new() -> A {
        A
    }

    /// Changes.
    pub fn change(&mut self) {}

    /// ```
    /// ```
    pub fn takes(
        &self,
        b: u8,
    ) {
    }
}

impl Drop for A {
    fn drop(&mut self) {}
}

/// Alone.
pub fn b() {}
";

#[test]
fn what_has_no_example_is_found_wherever_it_stands() {
    let source = Source {
        path: PathBuf::from("a.rs"),
        text: UNSHOWN.to_owned(),
        names: None,
    };
    let want = [
        "a.rs:15: pub fn untold(&self) -> u8 {",
        "a.rs:20: pub fn new() -> A {",
        "a.rs:25: pub fn change(&mut self) {}",
        "a.rs:41: pub fn b() {}",
    ];
    assert_eq!(without_example(&source), want);
}
