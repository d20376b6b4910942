//! The files that a pattern names, sorted: `*`, `?`, `[a-z]`, `{a,b}` and `**`, as `crate::glob` reads them. Names that begin
//! with a dot match only where the pattern has the dot.

use std::fs;
use std::path::{Path, PathBuf};

use crate::glob::{alternatives, is_pattern, name_fits};
use crate::lang::limits;

/// The paths that a pattern names. An error says why the pattern cannot be used.
pub fn paths(pattern: &str) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for alternative in alternatives(pattern.as_bytes())? {
        let alternative = String::from_utf8_lossy(&alternative);
        let (start, parts) = match alternative.strip_prefix('/') {
            Some(rest) => (PathBuf::from("/"), rest),
            None => (PathBuf::new(), &*alternative),
        };
        let mut parts: Vec<&str> = parts.split('/').filter(|part| !part.is_empty()).collect();
        parts.dedup_by(|one, other| *one == "**" && *other == "**");
        descend(start, &parts, &mut found)?;
    }
    found.sort();
    found.dedup();
    Ok(found)
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
    if !is_pattern(part.as_bytes()) {
        return descend(path.join(part), rest, found);
    }
    for name in names_in(&path) {
        if name_fits(part.as_bytes(), name.as_bytes()) {
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
