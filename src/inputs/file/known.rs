//! The positions that an earlier run left, and which of them a file goes on from. A position is given away once.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use crate::inputs::file::identity::{Place, Position};
use crate::inputs::file::sincedb::Entry;
use crate::limits;
use crate::queue::positions::Positions;

/// Positions that no file of this run has claimed yet.
#[derive(Debug, Default)]
pub struct Known {
    positions: Vec<(String, Position)>,
    paths: HashSet<String>,
    /// Positions of Logstash.
    left: Vec<Entry>,
}

/// A file that was found.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub path: &'a Path,
    pub place: Place,
    /// Its first bytes, at most `limits::FINGERPRINT_BYTES`.
    pub head: &'a [u8],
    pub size: u64,
}

impl Known {
    /// Takes up what is kept. Positions from before `expired` (seconds since 1970) are forgotten.
    pub fn new(kept: &Positions, left: Vec<Entry>, expired: i64) -> Self {
        let mut known = Self {
            left,
            ..Self::default()
        };
        for key in kept.keys() {
            let position = kept.safe(&key).and_then(|json| Position::from_json(&json));
            match position {
                Some(position) if expired <= position.time => {
                    known.paths.insert(position.path.clone());
                    known.positions.push((key, position));
                }
                _ => kept.forget(&key),
            }
        }
        known
    }

    /// Whether a file of this path was read before, be it this one or not.
    pub fn has_path(&self, path: &Path) -> bool {
        self.paths.contains(&*path.to_string_lossy())
    }

    /// The position, with its key, that a file goes on from.
    pub fn claim(&mut self, seen: Seen<'_>) -> Option<(String, Position)> {
        let first = |fits: fn(&Position, Seen<'_>) -> bool| {
            self.positions
                .iter()
                .position(|(_, position)| holds(position, seen) && fits(position, seen))
        };
        let place = first(is_same_inode)
            .or_else(|| first(is_replaced_by_copy))
            .or_else(|| first(is_moved_by_copy))?;
        Some(self.positions.swap_remove(place))
    }

    /// Where Logstash stopped in a file that is at least as long.
    pub fn claim_left(&mut self, seen: Seen<'_>) -> Option<u64> {
        let mut left = self.left.iter();
        let place = left.position(|entry| entry.is_at(seen.place) && entry.offset <= seen.size)?;
        Some(self.left.swap_remove(place).offset)
    }

    /// Takes the positions whose path `wanted` lets through and that are left because their files were renamed.
    pub fn take_renamed(&mut self, wanted: impl Fn(&Path) -> bool) -> Vec<(String, Position)> {
        let (taken, left) = std::mem::take(&mut self.positions)
            .into_iter()
            .partition(|(_, position)| wanted(Path::new(&position.path)));
        self.positions = left;
        taken
    }
}

/// Whether the file has what was read at this position.
fn holds(position: &Position, seen: Seen<'_>) -> bool {
    position.offset <= seen.size && position.fingerprint.fits(seen.head)
}

fn is_same_path(position: &Position, seen: Seen<'_>) -> bool {
    position.path == seen.path.to_string_lossy()
}

/// The same inode. A device's number can change when the machine starts; the path then has to speak for it.
fn is_same_inode(position: &Position, seen: Seen<'_>) -> bool {
    position.place.inode == seen.place.inode
        && match (
            position.place.device == seen.place.device,
            is_same_path(position, seen),
        ) {
            (true, true) => true,
            (true, false) | (false, true) => !position.fingerprint.is_empty(),
            (false, false) => false,
        }
}

/// A copy stands in the file's place, as some editors and restored backups leave it.
fn is_replaced_by_copy(position: &Position, seen: Seen<'_>) -> bool {
    position.fingerprint.is_full() && is_same_path(position, seen)
}

/// The file was copied away and then emptied, as `copytruncate` does it: the copy is what was read. A file that is still
/// what it was has no such copy, for then two files merely begin alike.
fn is_moved_by_copy(position: &Position, _: Seen<'_>) -> bool {
    let begins_alike =
        position.fingerprint.is_full() && limits::FINGERPRINT_BYTES as u64 <= position.offset;
    begins_alike && !is_at_home(position)
}

/// Whether the position's path still leads to the inode, and that has not shrunk.
fn is_at_home(position: &Position) -> bool {
    fs::metadata(&position.path).is_ok_and(|metadata| {
        Place::of(&metadata) == position.place && position.offset <= metadata.len()
    })
}
