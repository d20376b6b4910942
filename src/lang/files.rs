//! Configuration files: a path, a folder or a pattern comes in, the texts go out in the order in which Logstash joins them,
//! by name. What the texts say is not looked at, only that they are texts.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::glob::is_pattern;
use crate::lang::source::Sources;
use crate::lang::{glob, limits};
use crate::small_file;

/// Why files could not be read: one line for each, as `FILE:LINE:COLUMN: error: message`, some with a line of help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub problems: Vec<String>,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for Unreadable {}

impl Unreadable {
    fn one(name: &str, message: impl fmt::Display, help: &str) -> Self {
        Self {
            problems: vec![problem(name, (1, 1), message, help)],
        }
    }
}

fn problem(
    name: &str,
    (line, column): (usize, usize),
    message: impl fmt::Display,
    help: &str,
) -> String {
    format!("{name}:{line}:{column}: error: {message}\nhelp: {help}")
}

/// Reads a password or key from a file of its own; a line end behind it is not part of it.
pub fn secret(path: &Path) -> Result<String, String> {
    let bytes = small_file::read(path, limits::SECRET_FILE_BYTES_MAX);
    let bytes = bytes.map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line.is_empty() {
        true => Err("it is empty".to_owned()),
        false => Ok(line.to_owned()),
    }
}

/// Reads one file, all files of a folder, or all that match a pattern. Of a folder, and of a pattern, names that begin
/// with a dot or end in `~` are left out, as Logstash does. All that cannot be read is reported at once.
pub fn load_files(path: &str) -> Result<Sources, Unreadable> {
    let paths = paths(path)?;
    let mut sources = Sources::default();
    let mut problems = Vec::new();
    let mut bytes_left = limits::ALL_BYTES_MAX;
    for path in &paths {
        let name = path.to_string_lossy().into_owned();
        match read(path, &name, bytes_left) {
            Ok(text) => {
                bytes_left -= text.len() as u64;
                sources.push(name, text);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(sources)
    } else {
        Err(Unreadable { problems })
    }
}

/// The files that a path stands for, sorted by name.
fn paths(path: &str) -> Result<Vec<PathBuf>, Unreadable> {
    if path.is_empty() {
        return Err(Unreadable::one(
            "-",
            "no file is named",
            "give a file, a folder or a pattern",
        ));
    }
    // A file may have any name, also one that looks like a pattern.
    let literal = Path::new(path);
    if literal.is_dir() {
        return folder(path);
    }
    if literal.exists() || !is_pattern(path.as_bytes()) {
        return Ok(vec![literal.to_owned()]);
    }
    let found = glob::paths(path)
        .map_err(|message| Unreadable::one(path, message, "make the pattern narrower"))?;
    let files: Vec<_> = found
        .into_iter()
        .filter(|path| path.is_file() && !is_left_behind(path))
        .collect();
    if files.is_empty() {
        let help = "check the pattern; put it in quotes so that the shell leaves it alone";
        return Err(Unreadable::one(path, "no file matches this pattern", help));
    }
    Ok(files)
}

fn folder(path: &str) -> Result<Vec<PathBuf>, Unreadable> {
    let unreadable = |error| {
        let message = format!("this folder cannot be read: {error}");
        Unreadable::one(path, message, "check its permissions")
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.is_file() && !is_left_behind(&file) {
            files.push(file);
        }
        if limits::FILES_MAX < files.len() {
            let message = format!("more than {} files", limits::FILES_MAX);
            return Err(Unreadable::one(path, message, "is it the right folder?"));
        }
    }
    if files.is_empty() {
        return Err(Unreadable::one(
            path,
            "this folder holds no files",
            "is it the right folder?",
        ));
    }
    files.sort();
    Ok(files)
}

/// What editors leave behind and what is hidden.
fn is_left_behind(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name.ends_with('~')
}

/// The text of one file, or what is wrong with it.
fn read(path: &Path, name: &str, bytes_left: u64) -> Result<String, String> {
    let start = (1, 1);
    let unreadable = |error: std::io::Error| {
        let message = format!("this file cannot be read: {error}");
        problem(name, start, message, "check its name and permissions")
    };
    let file = File::open(path).map_err(unreadable)?;
    let limit = limits::FILE_BYTES_MAX.min(bytes_left);
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if limit < bytes.len() as u64 {
        let message = format!(
            "too large: a file may have {} bytes, all files together {}",
            limits::FILE_BYTES_MAX,
            limits::ALL_BYTES_MAX
        );
        return Err(problem(name, start, message, "is it a pipeline?"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let byte = bytes.get(valid).copied().unwrap_or_default();
        let before = String::from_utf8_lossy(bytes.get(..valid).unwrap_or_default()).into_owned();
        let message = format!("the byte 0x{byte:02x} is not UTF-8");
        problem(name, end_of(&before), message, "save the file as UTF-8")
    })?;
    if let Some(at) = text.find('\0') {
        let before = text.get(..at).unwrap_or("");
        let help = "it is no text, or saved as UTF-16; save it as UTF-8";
        return Err(problem(name, end_of(before), "a NUL byte", help));
    }
    Ok(text)
}

/// Line and column behind a text.
fn end_of(text: &str) -> (usize, usize) {
    let line = text.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}
