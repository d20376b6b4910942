//! The folder of a dead letter queue: its segments, and the locks by which those who change it take turns.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What segments are called; others in the folder are left alone.
const ENDING: &str = "ndjson";
/// What is put before the ending of a segment that is being sent again: nobody appends to it any more.
const TAKEN: &str = "replay.ndjson";

/// A file of letters.
#[derive(Clone, Debug)]
pub struct Segment {
    pub path: PathBuf,
    pub bytes: u64,
    pub modified: SystemTime,
}

/// The name of a segment that begins now. It sorts behind all that are there, also those of before the clock was set back.
pub fn next_name(folder: &Path, now: i64) -> io::Result<String> {
    let segments = segments(folder)?;
    let after = |segment: &Segment| number(&segment.path)?.checked_add(1);
    let after = segments.iter().filter_map(after).max();
    Ok(name(after.map_or(now, |after| after.max(now))))
}

/// The name of the segment with this number; they sort by it.
pub fn name(number: i64) -> String {
    format!("{number:020}.{ENDING}")
}

/// The number in a segment's name, before and after it was taken.
fn number(path: &Path) -> Option<i64> {
    let name = path.file_name()?.to_str()?;
    name.split('.').next()?.parse().ok()
}

/// Waits for the turn to change the folder; it ends when the result is dropped.
pub fn lock(folder: &Path) -> io::Result<File> {
    let file = open_lock(folder, "lock")?;
    file.lock()?;
    Ok(file)
}

/// The right to send the folder's letters again. Nothing, if somebody is at it.
pub fn lock_replay(folder: &Path) -> io::Result<Option<File>> {
    let file = open_lock(folder, "replay.lock")?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

fn open_lock(folder: &Path, name: &str) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(folder.join(name))
}

/// All segments, oldest first. A folder that is not there has none.
pub fn segments(folder: &Path) -> io::Result<Vec<Segment>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|ending| ending != ENDING) {
            continue;
        }
        let metadata = match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        segments.push(Segment {
            path,
            bytes: metadata.len(),
            modified: metadata.modified()?,
        });
    }
    segments.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(segments)
}

/// Renames a segment so that nobody appends to it; gives its new path.
pub fn take(folder: &Path, segment: &Segment) -> io::Result<PathBuf> {
    let name = segment.path.to_string_lossy();
    if name.ends_with(TAKEN) {
        return Ok(segment.path.clone());
    }
    let _lock = lock(folder)?;
    let taken = segment.path.with_extension(TAKEN);
    std::fs::rename(&segment.path, &taken)?;
    File::open(folder)?.sync_all()?;
    Ok(taken)
}

/// Puts what is left of a segment in its place, so that a crash leaves the one or the other; nothing left removes it.
pub fn replace(folder: &Path, path: &Path, rest: &[u8]) -> io::Result<()> {
    if rest.is_empty() {
        std::fs::remove_file(path)?;
    } else {
        let temporary = path.with_extension("tmp");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        io::Write::write_all(&mut file, rest)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
    }
    File::open(folder)?.sync_all()
}
