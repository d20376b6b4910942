//! Finds the files that fit a pattern, and the folders in which such files could appear. The file system is read here;
//! nothing is opened and nothing remembered.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::glob::{Glob, Part, name_fits};

/// What a walk comes upon.
pub trait Visitor {
    /// A folder whose listing decides which files there are.
    fn folder(&mut self, path: &Path);

    /// A path that fits; it need not be a file.
    fn found(&mut self, path: PathBuf);

    /// A folder that cannot be listed.
    fn unreadable(&mut self, path: &Path, error: io::Error);
}

/// Walks through everything that fits a pattern.
pub fn walk(glob: &Glob, visitor: &mut impl Visitor) {
    descend(Path::new("/"), glob.parts(), visitor);
}

fn descend(folder: &Path, parts: &[Part], visitor: &mut impl Visitor) {
    let Some((part, left)) = parts.split_first() else {
        return;
    };
    match part {
        Part::Name(name) => {
            let path = folder.join(OsStr::from_bytes(name));
            match (left.is_empty(), path.symlink_metadata().is_ok()) {
                (true, exists) => {
                    visitor.folder(folder);
                    if exists {
                        visitor.found(path);
                    }
                }
                (false, true) => descend(&path, left, visitor),
                // The folder may still be made.
                (false, false) => visitor.folder(folder),
            }
        }
        Part::Pattern(pattern) => {
            for entry in list(folder, visitor) {
                if !name_fits(pattern, entry.file_name().as_bytes()) {
                    continue;
                }
                if left.is_empty() {
                    visitor.found(entry.path());
                } else if entry.path().is_dir() {
                    descend(&entry.path(), left, visitor);
                }
            }
        }
        Part::Folders => {
            descend(folder, left, visitor);
            for entry in list(folder, visitor) {
                // A link is not followed here, for it could lead in a circle.
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_folder && !entry.file_name().as_bytes().starts_with(b".") {
                    descend(&entry.path(), parts, visitor);
                }
            }
        }
    }
}

/// The entries of a folder, which is watched from before it is listed.
fn list(folder: &Path, visitor: &mut impl Visitor) -> Vec<std::fs::DirEntry> {
    visitor.folder(folder);
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect);
    entries.unwrap_or_else(|error: io::Error| {
        if error.kind() != io::ErrorKind::NotFound {
            visitor.unreadable(folder, error);
        }
        Vec::new()
    })
}
