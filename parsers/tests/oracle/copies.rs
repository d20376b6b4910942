//! Whose text a definition is: ours and the library's go in by name, the names of those that read alike come out.

use std::collections::{BTreeMap, BTreeSet};

use crate::service::plain;

/// The captures and references of a shorter definition are facts, which leave one way only to write it.
const CHARACTERS_MIN: usize = 60;

/// The definitions of pattern files, by name. The first counts.
pub fn definitions(files: &str) -> BTreeMap<String, String> {
    let mut definitions = BTreeMap::new();
    for line in files.lines().map(str::trim_start) {
        if let (false, Some((name, text))) = (line.starts_with('#'), line.split_once(' ')) {
            let text = text.trim_start().to_owned();
            definitions.entry(name.to_owned()).or_insert(text);
        }
    }
    definitions
}

/// The long definitions of ours that have the text of theirs. Blanks at the end and how fields are written do not count.
pub fn copies(
    ours: &BTreeMap<String, String>,
    theirs: &BTreeMap<String, String>,
) -> BTreeMap<String, usize> {
    let theirs: BTreeSet<String> = theirs.values().map(|text| normalised(text)).collect();
    let ours = ours.iter().map(|(name, text)| (name, normalised(text)));
    ours.filter(|(_, text)| theirs.contains(text))
        .map(|(name, text)| (name.clone(), text.chars().count()))
        .filter(|(_, length)| CHARACTERS_MIN <= *length)
        .collect()
}

/// The text with all fields written as the library writes them: `a.b` for `[a][b]`.
fn normalised(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.trim_end();
    while let Some((start, end)) = first_name(rest) {
        out += &rest[..start];
        out += &plain(&rest[start..end]);
        rest = &rest[end..];
    }
    out + rest
}

/// Where the first reference or named group stands, without its last character.
fn first_name(text: &str) -> Option<(usize, usize)> {
    let marks = [("%{", '}'), ("(?<", '>')];
    let places = marks.into_iter().filter_map(|(mark, last)| {
        let start = text.find(mark)?;
        let length = text[start..].find(last)?;
        Some((start, start + length))
    });
    places.min()
}
