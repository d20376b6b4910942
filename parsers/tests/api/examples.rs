//! Each part of the interface is shown by an example.

use std::path::PathBuf;

use super::source::{Source, items, sources};

/// The documentation before a line, outermost first.
fn documentation<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let above = lines.iter().rev().map(|line| line.trim_start());
    above
        .take_while(|line| line.starts_with("///") || line.starts_with("#["))
        .collect()
}

/// What users see and has no example of its own, each with its place. Fields and variants are plain data: they are shown by
/// the example of their type.
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
            if !has_example(&lines[..item.line + at]) {
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

#[test]
fn each_public_item_has_an_example() {
    let missing: Vec<String> = sources().iter().flat_map(without_example).collect();
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

const UNSHOWN: &str = "/// Is shown.
///
/// ```
/// a.untold();
/// ```
pub struct A;

impl A {
    /// Has an example.
    ///
    /// ```
    /// a.tells();
    /// ```
    pub fn tells(&self) -> u8 {
        1
    }

    /// Is called by the example of its type.
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
        "a.rs:19: pub fn untold(&self) -> u8 {",
        "a.rs:24: pub fn new() -> A {",
        "a.rs:29: pub fn change(&mut self) {}",
        "a.rs:45: pub fn b() {}",
    ];
    assert_eq!(without_example(&source), want);
}
