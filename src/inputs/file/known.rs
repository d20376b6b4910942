//! The positions that an earlier run left, and which of them a file goes on from. A position is given away once.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::inputs::file::beside;
use crate::inputs::file::identity::Position;
use crate::inputs::file::opened::{self, Opened};
use crate::inputs::file::sincedb::Entry;
use crate::queue::positions::{Positions, Stream};

/// Positions that no file of this run has claimed yet.
#[derive(Default)]
pub struct Known {
    positions: Vec<(String, Position)>,
    /// Those of which outputs still hold something, as it was found.
    held: HashMap<String, Stream>,
    /// Keys of the files that were last at a path.
    last: HashMap<String, String>,
    /// The same when this run began.
    were_last: HashSet<String>,
    /// Positions of Logstash.
    left: Vec<Entry>,
    /// What other inputs of the agent keep, if this one has nothing of its own.
    others: Vec<Position>,
    has_started: bool,
}

/// The key in the positions that says that the input has run before.
pub const STARTED: &str = "started";

/// Positions that are not the input's own.
#[derive(Debug, Default)]
pub struct Strange {
    /// Those of Logstash.
    pub left: Vec<Entry>,
    /// Those of other inputs.
    pub others: Vec<Position>,
}

/// A file that was found.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub path: &'a Path,
    pub opened: &'a Opened,
    /// What a position in an archive counts is not known before it is unpacked.
    pub is_packed: bool,
}

impl Known {
    /// Takes up what is kept.
    pub fn new(kept: &Positions, Strange { left, others }: Strange) -> Self {
        let mut known = Self {
            left,
            others,
            ..Self::default()
        };
        for key in kept.keys() {
            known.has_started = true;
            if key == STARTED {
                continue;
            }
            match kept
                .reached(&key)
                .and_then(|json| Position::from_json(&json))
            {
                Some(position) => known.positions.push((key, position)),
                None => kept.forget(&key),
            }
        }
        known
            .positions
            .sort_by_key(|(_, position)| (position.began, position.time));
        let of_path = |(key, position): &(String, Position)| (position.path.clone(), key.clone());
        // Of several with one path, the one that began last.
        known.last = known.positions.iter().map(of_path).collect();
        known.were_last = known.last.values().cloned().collect();
        known
    }

    /// Whether the input ran before: then what is there without a position is new.
    pub fn has_started(&self) -> bool {
        self.has_started
    }

    /// From now on what is there without a position is new.
    pub fn note_start(&mut self, kept: &Positions) {
        self.has_started = true;
        if kept.safe(STARTED).is_none() {
            kept.set(STARTED, true.into());
        }
    }

    /// Forgets positions from before `expired` (seconds since 1970) whose files were not found again.
    pub fn forget_gone(&mut self, kept: &Positions, expired: i64) {
        let is_over =
            |(_, position): &mut (String, Position)| position.time < expired && !is_there(position);
        for (key, position) in self.positions.extract_if(.., is_over) {
            if self.last.get(&position.path) == Some(&key) {
                self.last.remove(&position.path);
            }
            kept.forget(&key);
        }
    }

    /// The key of the file that was last at a path.
    pub fn last_at(&self, path: &Path) -> Option<&str> {
        self.last.get(&*path.to_string_lossy()).map(String::as_str)
    }

    /// A file is at a path now.
    pub fn set_last(&mut self, path: &Path, key: &str) {
        let path = path.to_string_lossy().into_owned();
        self.last.insert(path, key.to_owned());
    }

    /// A file is gone for good.
    pub fn drop_last(&mut self, path: &Path, key: &str) {
        if self.last_at(path) == Some(key) {
            self.last.remove(&*path.to_string_lossy());
        }
    }

    /// Whether the file was the last at its path when this run began.
    pub fn was_last(&self, key: &str) -> bool {
        self.were_last.contains(key)
    }

    /// The position, with its key, that a file goes on from.
    pub fn claim(&mut self, seen: Seen<'_>) -> Option<(String, Position)> {
        // Of contents that one file had, the newest is in it.
        let first = |fits: fn(&Position, Seen<'_>) -> bool| {
            self.positions
                .iter()
                .rposition(|(_, position)| holds(position, seen) && fits(position, seen))
        };
        let place = first(is_same_inode)
            .or_else(|| first(is_replaced_by_copy))
            .or_else(|| first(is_moved_by_copy))?;
        Some(self.positions.remove(place))
    }

    /// The stream of a position that was claimed.
    pub fn stream(&mut self, kept: &Positions, key: &str) -> Stream {
        let held = self.held.remove(key);
        held.unwrap_or_else(|| kept.stream(key))
    }

    /// Where Logstash stopped in a file that is at least as long.
    pub fn claim_left(&mut self, seen: Seen<'_>) -> Option<u64> {
        let mut left = self.left.iter();
        let fits = |entry: &Entry| {
            let is_long_enough = seen.is_packed || entry.offset <= seen.opened.size;
            entry.is_at(seen.opened.place) && is_long_enough
        };
        let place = left.position(fits)?;
        Some(self.left.swap_remove(place).offset)
    }

    /// Where another input stands in a file, or stood before it was removed: the one that read it last.
    pub fn of_another(&self, seen: Seen<'_>) -> Option<&Position> {
        let others = self.others.iter();
        let fitting = others.filter(|other| holds(other, seen) && is_same_inode(other, seen));
        fitting.max_by_key(|other| other.time)
    }

    /// The positions of a path that are left, the oldest first.
    pub fn at(&self, path: &Path) -> Vec<(String, Position)> {
        let path = path.to_string_lossy();
        let positions = self.positions.iter();
        let mut found: Vec<(String, Position)> = positions
            .filter(|(_, position)| position.path == *path)
            .cloned()
            .collect();
        found.sort_by_key(|(_, position)| position.began);
        found
    }

    /// The paths that `wanted` lets through of positions that are left.
    pub fn paths(&self, wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let paths = self
            .positions
            .iter()
            .map(|(_, position)| PathBuf::from(&position.path));
        let mut paths: Vec<PathBuf> = paths.filter(|path| wanted(path)).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// Takes a position out that was claimed.
    pub fn remove(&mut self, key: &str) {
        self.positions.retain(|(known, _)| known != key);
    }
}

/// Whether the file has what was read at this position. One that is over has been removed.
fn holds(position: &Position, seen: Seen<'_>) -> bool {
    let has_it = || match seen.is_packed {
        true => position.fingerprint.fits(&seen.opened.head),
        false => seen.opened.holds(position),
    };
    !position.is_over && has_it()
}

fn is_same_path(position: &Position, seen: Seen<'_>) -> bool {
    position.path == seen.path.to_string_lossy()
}

/// The same inode. A device's number can change when the machine starts; the path then has to speak for it. An inode's number
/// is used again: what was made later is another file.
fn is_same_inode(position: &Position, seen: Seen<'_>) -> bool {
    let (place, born) = (seen.opened.place, seen.opened.born);
    let is_known_age = born.is_some() && position.born == born;
    position.place.inode == place.inode
        && position.is_as_old(born)
        && match (
            position.place.device == place.device,
            is_same_path(position, seen),
        ) {
            (true, true) => true,
            (true, false) => !position.fingerprint.is_empty() || is_known_age,
            (false, true) => !position.fingerprint.is_empty(),
            (false, false) => false,
        }
}

/// A copy stands in the file's place, as some editors and restored backups leave it. If the file lies beside its path under
/// another name, what is at the path merely resembles it.
fn is_replaced_by_copy(position: &Position, seen: Seen<'_>) -> bool {
    position.is_sure() && is_same_path(position, seen) && !is_beside(position)
}

fn is_beside(position: &Position) -> bool {
    let beside = beside::list(Path::new(&position.path));
    beside.is_ok_and(|all| beside::find(&all, position).is_some())
}

/// The file was copied away and then emptied, as `copytruncate` does it, or moved to another disk: the copy is what was read.
/// A file that is still what it was has no such copy, for then two files merely resemble each other.
fn is_moved_by_copy(position: &Position, _: Seen<'_>) -> bool {
    position.is_sure() && !is_at_home(position) && !beside::is_renamed(position)
}

/// Whether the position's path still leads to the file.
pub fn is_at_home(position: &Position) -> bool {
    opened::open(Path::new(&position.path))
        .is_ok_and(|opened| opened.place == position.place && opened.holds(position))
}

/// Whether the position's path still leads to the inode. A device's number can change when the machine starts.
pub fn is_there(position: &Position) -> bool {
    fs::metadata(&position.path).is_ok_and(|metadata| metadata.ino() == position.place.inode)
}
