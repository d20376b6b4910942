//! Folders that outlive a crash of the machine: each is made, and synced in the one that it lies in.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Makes a folder and those above it that are not there, with these rights.
pub fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    make(path, mode, &mut |folder| File::open(folder)?.sync_all())
}

/// The same for the agent's own files: for its user alone.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    make_folder(path, 0o700)
}

/// Syncs a folder, the one it lies in, and those below it down to a depth: a process that was killed may have made some of
/// them and synced none.
pub fn sync_folders(path: &Path, depth: usize) -> io::Result<()> {
    let parent = File::open(parent_of(path)).and_then(|parent| parent.sync_all());
    if let Err(error) = parent {
        // Whoever made the folder for us may keep the one above for himself.
        tracing::debug!(
            "the folder above {} cannot be synced: {error}",
            path.display()
        );
    }
    sync_below(path, depth)
}

fn sync_below(path: &Path, depth: usize) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    let entries = match depth {
        0 => return Ok(()),
        _ => std::fs::read_dir(path)?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_below(&entry.path(), depth - 1)?;
        }
    }
    Ok(())
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn make(path: &Path, mode: u32, sync: &mut dyn FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = parent_of(path);
    make(parent, mode, sync)?;
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync(parent)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::make;

    #[test]
    fn each_new_folder_is_synced_in_the_one_it_lies_in() {
        let base = std::env::temp_dir().join(format!("sawlog-durable-{}", std::process::id()));
        std::fs::create_dir_all(&base).expect("the temporary folder is writable");
        let path = base.join("queue/main");
        let mut synced = Vec::new();
        let mut note = |folder: &std::path::Path| {
            synced.push(folder.to_path_buf());
            Ok(())
        };
        make(&path, 0o700, &mut note).expect("there is room");
        make(&path, 0o700, &mut note).expect("it is there");
        let is_made = path.is_dir();
        std::fs::remove_dir_all(&base).expect("the folder is ours");
        assert!(is_made);
        assert_eq!(synced, [base.clone(), base.join("queue")] as [PathBuf; 2]);
    }

    #[test]
    fn a_folder_that_cannot_be_synced_is_an_error() {
        let base = std::env::temp_dir().join(format!("sawlog-durable-no-{}", std::process::id()));
        let made = make(&base, 0o700, &mut |_| {
            Err(std::io::ErrorKind::StorageFull.into())
        });
        std::fs::remove_dir(&base).expect("the folder is ours");
        let error = made.expect_err("it is not safe");
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
}
