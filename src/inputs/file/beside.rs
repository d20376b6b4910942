//! What lies beside a path under the names of `inputs::rotated`, and which of these files is the one of a position.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::inputs::archive;
use crate::inputs::file::discover::is_absence;
use crate::inputs::file::identity::{Fingerprint, Place, Position};
use crate::inputs::file::known::{is_at_home, is_there};
use crate::inputs::file::opened::{self, Looked, Opened};
use crate::inputs::rotated::{Packing, Rotated};
use crate::limits;

/// A file that was at a path once, by its name.
#[derive(Clone, Debug)]
pub struct Predecessor {
    pub path: PathBuf,
    pub place: Place,
    /// Nanoseconds since 1970.
    pub modified: i64,
    born: Option<SystemTime>,
    rotated: Rotated,
}

/// Times are in nanoseconds.
const SECOND: i64 = 1_000_000_000;

/// The kernel stamps files by a clock that ticks; the slowest that is built ticks a hundred times a second.
const STAMP_LAG: Duration = Duration::from_millis(20);

/// The files that were at a path before, the oldest first. Interrupted, if names keep changing.
pub fn list(live: &Path) -> io::Result<Vec<Predecessor>> {
    let mut all = list_once(live)?;
    for _ in 1..limits::FOLDER_LISTINGS_MAX {
        let before = std::mem::replace(&mut all, list_once(live)?);
        let name = |one: &Predecessor| (one.path.clone(), one.place);
        if before.iter().map(name).eq(all.iter().map(name)) {
            all.sort_by_key(|one| (one.modified, Reverse(one.rotated.number)));
            return Ok(all);
        }
    }
    Err(io::ErrorKind::Interrupted.into())
}

/// Where a path leads: rotation renames that, and not a link to it.
pub fn target_of(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

/// In the order of their names. While a file is being packed it is there twice, and only the plain one is whole.
fn list_once(live: &Path) -> io::Result<Vec<Predecessor>> {
    let live = target_of(live);
    let (Some(folder), Some(live)) = (live.parent(), live.file_name()) else {
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Some(rotated) = Rotated::of(entry.file_name().as_bytes(), live.as_bytes()) else {
            continue;
        };
        let path = entry.path();
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => all.push(Predecessor {
                path,
                place: Place::of(&metadata),
                modified: Looked::at(&metadata).modified_at(),
                born: metadata.created().ok(),
                rotated,
            }),
            Ok(_) => {}
            Err(error) if is_absence(&error) => {}
            Err(error) => return Err(error),
        }
    }
    all.sort_by(|one, other| one.path.cmp(&other.path));
    let plain: Vec<PathBuf> = all
        .iter()
        .filter(|one| one.rotated.packing == Packing::Plain)
        .map(|one| one.path.clone())
        .collect();
    all.retain(|one| {
        let is_plain = one.rotated.packing == Packing::Plain;
        is_plain || plain.binary_search(&one.path.with_extension("")).is_err()
    });
    Ok(all)
}

type Way = fn(&Predecessor, &Position) -> bool;

/// The ways in which a file can be the one of a position, the surest first.
const WAYS: [Way; 3] = [
    Predecessor::is_same,
    Predecessor::is_read,
    Predecessor::is_copy,
];

/// Which of the files is the one of a position.
pub fn find(all: &[Predecessor], position: &Position) -> Option<usize> {
    let place = |is_it: &Way| all.iter().position(|one| is_it(one, position));
    WAYS.iter().find_map(place)
}

/// Whether the file of a position lies beside its path under another name.
pub fn is_renamed(position: &Position) -> bool {
    let all = list(Path::new(&position.path));
    all.is_ok_and(|all| all.iter().any(|one| one.is_same(position)))
}

impl Predecessor {
    pub fn is_packed(&self) -> bool {
        self.rotated.packing != Packing::Plain
    }

    /// Whether it was written to after the file of a position was found.
    pub fn is_since(&self, position: &Position) -> bool {
        let found = match position.began {
            0 => position.time.saturating_mul(SECOND),
            began => began,
        };
        let lag = i64::try_from(STAMP_LAG.as_nanos()).unwrap_or(0);
        found.saturating_sub(lag) <= self.modified
    }

    /// Whether it can have been made of the file of a position by its time, which it has of that file or is later. Some
    /// programs keep no parts of seconds.
    fn is_of_time(&self, position: &Position) -> bool {
        let seen = position.modified / SECOND * SECOND;
        self.is_since(position) || (seen != 0 && seen <= self.modified)
    }

    /// Whether it holds what was read at a position, as far as that can be seen without unpacking it.
    fn holds(&self, position: &Position) -> bool {
        self.open().is_ok_and(|opened| match self.is_packed() {
            true => position.fingerprint.fits(&opened.head),
            false => opened.holds(position),
        })
    }

    /// The same inode. Without a fingerprint the times have to tell that its number was not used again.
    pub fn is_same(&self, position: &Position) -> bool {
        self.place.inode == position.place.inode
            && position.is_as_old(self.born)
            && (!position.fingerprint.is_empty() || self.is_since(position))
            && self.holds(position)
    }

    /// All of an archive was read: it is as long, and nothing was written later. Its end would tell as well, but for that
    /// it has to be unpacked.
    pub fn is_read(&self, position: &Position) -> bool {
        self.rotated.packing == Packing::Gzip
            && !position.fingerprint.is_empty()
            && self.modified < (position.time + 1).saturating_mul(SECOND)
            && self.open().is_ok_and(|opened| {
                let is_end = archive::ends_at(&opened.file, position.offset);
                position.fingerprint.fits(&opened.head) && is_end.unwrap_or(false)
            })
    }

    /// Of the bytes in an archive before the offset of a position.
    pub fn last_before(&self, position: &Position) -> io::Result<Fingerprint> {
        let last = archive::before(&self.open()?.file, position.offset, position.last.len())?;
        Ok(Fingerprint::of(&last))
    }

    /// Whether an archive has these bytes. It has to be unpacked.
    pub fn ends_so(&self, position: &Position) -> bool {
        let last = self.last_before(position);
        last.is_ok_and(|last| last == position.last)
    }

    /// What was read is in an archive now; or in a copy, if its file was emptied after that.
    pub fn is_copy(&self, position: &Position) -> bool {
        let is_possible = match self.rotated.packing {
            Packing::Plain => position.is_told_by_bytes() && is_there(position),
            Packing::Gzip => !position.fingerprint.is_empty(),
            Packing::Foreign => false,
        };
        is_possible
            && self.is_of_time(position)
            && self.holds(position)
            && (self.is_packed() || !is_at_home(position))
    }

    /// Opens it; the head of an archive is that of what is in it.
    pub fn open(&self) -> io::Result<Opened> {
        let mut opened = match opened::open(&self.path) {
            Ok(opened) if opened.place == self.place => opened,
            // It has another name by now, or is gone.
            Ok(_) => return Err(io::ErrorKind::Interrupted.into()),
            Err(error) if is_absence(&error) => return Err(io::ErrorKind::Interrupted.into()),
            Err(error) => return Err(error),
        };
        match self.rotated.packing {
            Packing::Plain => {}
            Packing::Gzip => opened.head = archive::head(&opened.file, limits::FINGERPRINT_BYTES)?,
            Packing::Foreign => {
                let words = "it was packed by a program that is not understood here";
                return Err(io::Error::new(io::ErrorKind::InvalidData, words));
            }
        }
        Ok(opened)
    }
}

/// The files of positions, which come in the order of their age.
pub fn match_up(
    all: &[Predecessor],
    positions: &[(String, Position)],
) -> HashMap<usize, (String, Position)> {
    let mut found = HashMap::new();
    let mut place = |(key, position): &(String, Position), is_it: Way| {
        let is_placed = found
            .values()
            .any(|(placed, _): &(String, Position)| placed == key);
        let mut places = (0..all.len()).filter(|place| !found.contains_key(place));
        let here = |place: &usize| all.get(*place).is_some_and(|one| is_it(one, position));
        if !is_placed && let Some(place) = places.find(here) {
            found.insert(place, (key.clone(), position.clone()));
        }
    };
    for is_it in [Predecessor::is_same, Predecessor::is_read] {
        positions.iter().for_each(|one| place(one, is_it));
    }
    // The files of older ones may be gone, and what is there merely begin alike.
    let newest_first = positions.iter().rev();
    newest_first.for_each(|one| place(one, Predecessor::is_copy));
    for (key, position) in positions {
        let is_placed = found.values().any(|(placed, _)| placed == key);
        if !is_placed
            && let Some(place) = became(all, position)
            && !found.contains_key(&place)
        {
            found.insert(place, (key.clone(), position.clone()));
        }
    }
    found
}

/// The archive that a file became of which nothing was read: nothing in it tells, but the order does. Rotation removes the
/// oldest first, so that only with an older one beside it none is missing in between.
fn became(all: &[Predecessor], position: &Position) -> Option<usize> {
    let place = all.iter().position(|one| one.is_since(position))?;
    let is_archive = all.get(place)?.rotated.packing == Packing::Gzip;
    let is_unread = position.fingerprint.is_empty() && position.offset == 0;
    (0 < place && is_archive && is_unread).then_some(place)
}
