//! File name patterns as shells and Logstash know them: `*`, `?`, `[a-z]`, `{a,b}` and `**`. A pattern comes in, the paths
//! that exist go out, sorted. Names that begin with a dot match only where the pattern has the dot.

use std::fs;
use std::path::{Path, PathBuf};

use crate::lang::limits;

/// Whether a text holds anything that is not taken literally.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// The paths that a pattern names. An error says why the pattern cannot be used.
pub fn paths(pattern: &str) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for alternative in alternatives(pattern)? {
        let (start, parts) = match alternative.strip_prefix('/') {
            Some(rest) => (PathBuf::from("/"), rest.to_owned()),
            None => (PathBuf::new(), alternative),
        };
        let mut parts: Vec<&str> = parts.split('/').filter(|part| !part.is_empty()).collect();
        parts.dedup_by(|one, other| *one == "**" && *other == "**");
        descend(start, &parts, &mut found)?;
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Whether one name fits a pattern without folders. A pattern that cannot be used fits nothing.
pub fn matches(pattern: &str, name: &str) -> bool {
    let fits = |part: &String| expression(part).is_ok_and(|expression| expression.is_match(name));
    alternatives(pattern).is_ok_and(|parts| parts.iter().any(fits))
}

/// The texts that `{a,b}` groups stand for.
fn alternatives(pattern: &str) -> Result<Vec<String>, String> {
    let mut ready = Vec::new();
    let mut waiting = vec![pattern.to_owned()];
    while let Some(text) = waiting.pop() {
        if limits::GLOB_ALTERNATIVES_MAX < ready.len() + waiting.len() {
            return Err(format!("`{pattern}` stands for too many names"));
        }
        match innermost_braces(&text) {
            Some((before, choices, after)) => {
                let choices = choices.split(',');
                waiting.extend(choices.map(|choice| format!("{before}{choice}{after}")));
            }
            None => ready.push(text),
        }
    }
    ready.sort();
    ready.dedup();
    Ok(ready)
}

/// The first `{...}` that holds no other.
fn innermost_braces(text: &str) -> Option<(&str, &str, &str)> {
    let close = text.find('}')?;
    let (head, after) = (text.get(..close)?, text.get(close + 1..)?);
    let (before, choices) = head.rsplit_once('{')?;
    Some((before, choices, after))
}

/// Follows a path part by part.
fn descend(path: PathBuf, parts: &[&str], found: &mut Vec<PathBuf>) -> Result<(), String> {
    if limits::FILES_MAX < found.len() {
        return Err(format!("more than {} files match", limits::FILES_MAX));
    }
    let Some((part, rest)) = parts.split_first() else {
        if path.exists() {
            found.push(path);
        }
        return Ok(());
    };
    if *part == "**" {
        for folder in folders_below(&path, 0) {
            descend(folder, rest, found)?;
        }
        return Ok(());
    }
    if !is_pattern(part) {
        return descend(path.join(part), rest, found);
    }
    let expression = expression(part)?;
    for name in names_in(&path) {
        if (!name.starts_with('.') || part.starts_with('.')) && expression.is_match(&name) {
            descend(path.join(&name), rest, found)?;
        }
    }
    Ok(())
}

/// What lies in a folder, sorted; nothing where it cannot be read.
fn names_in(folder: &Path) -> Vec<String> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// A folder and all folders in it.
fn folders_below(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    if depth < limits::GLOB_DEPTH_MAX {
        for name in names_in(folder) {
            let path = folder.join(&name);
            // A link is not followed: it may lead in a circle.
            let is_folder = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
            if is_folder && !name.starts_with('.') {
                folders.extend(folders_below(&path, depth + 1));
            }
        }
    }
    folders
}

/// One part of a pattern as a regular expression.
fn expression(part: &str) -> Result<regex::Regex, String> {
    let mut text = String::from("(?s)^");
    let mut characters = part.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => text.push_str(".*"),
            '?' => text.push('.'),
            '[' if characters.as_str().contains(']') => {
                text.push('[');
                for (index, inner) in characters.by_ref().enumerate() {
                    match inner {
                        ']' if 0 < index => break,
                        '!' | '^' if index == 0 => text.push('^'),
                        '-' => text.push('-'),
                        other => text.push_str(&regex::escape(&other.to_string())),
                    }
                }
                text.push(']');
            }
            other => text.push_str(&regex::escape(&other.to_string())),
        }
    }
    text.push('$');
    regex::Regex::new(&text).map_err(|_| format!("`{part}` is not a pattern of file names"))
}

#[cfg(test)]
mod tests {
    use super::{alternatives, expression};

    #[track_caller]
    fn check(pattern: &str, name: &str, want: bool) {
        let expression = expression(pattern).expect("a pattern");
        assert_eq!(expression.is_match(name), want, "{pattern} on {name}");
    }

    #[test]
    fn stars_and_sets_match_names() {
        check("*.conf", "a.conf", true);
        check("*.conf", "a.confx", false);
        check("?.conf", "ab.conf", false);
        check("[a-c]1", "b1", true);
        check("[!a-c]1", "b1", false);
        check("a[", "a[", true);
        check("a.b", "axb", false);
    }

    #[test]
    fn braces_multiply() {
        let all = alternatives("x{a,b{c,d}}y").expect("few");
        assert_eq!(all, ["xay", "xbcy", "xbdy"]);
        assert!(alternatives(&"{a,b}".repeat(20)).is_err());
    }
}
