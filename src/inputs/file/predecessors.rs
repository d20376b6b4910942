//! What was at a path before: files that were renamed or packed while nobody looked, because the reading was held up or no agent
//! ran. They lie beside the path. A path comes in; the files that are still to be read are begun, the oldest first, and each
//! waits for the one before.

use std::cmp::Ordering;
use std::fs;
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::inputs::file::beside::{Predecessor, find, list, match_up, target_of};
use crate::inputs::file::config::Mode;
use crate::inputs::file::discover::is_absence;
use crate::inputs::file::follow::Follow;
use crate::inputs::file::identity::{Place, Position};
use crate::inputs::file::opened;
use crate::inputs::file::tail::{Start, Tail};
use crate::limits;

impl Follow<'_> {
    /// Begins what was at a path after the file that was last known there and before what is there now, and goes on in files
    /// that an earlier run had begun. Gives all files of the path that are still read, in their order. Interrupted, if names
    /// changed meanwhile.
    pub(super) fn catch_up(&mut self, path: &Path, now: Option<Place>) -> io::Result<Vec<u64>> {
        let Some((last_key, last)) = self.last_at(path) else {
            return Ok(Vec::new());
        };
        let mut all = list(path)?;
        if let Some(here) = all.iter().position(|one| Some(one.place) == now) {
            all.truncate(here);
        }
        let here = self.files.at_home(path).and_then(|id| self.files.tail(id));
        let is_replaced = here.is_none_or(|tail| tail.key() != last_key);
        let anchor = find(&all, &last);
        let mut found = match_up(&all, &self.known.at(path));
        let mut order: Vec<u64> = Vec::new();
        for (place, one) in all.iter().enumerate() {
            if let Some(id) = self.files.at_place(one.place) {
                order.extend(self.still_read(id, path, one));
                continue;
            }
            let begun = match found.remove(&place) {
                Some((key, position)) => self.go_on(path, one, key, &position),
                None if is_replaced
                    && self.is_missed(
                        path,
                        one,
                        anchor.map(|anchor| place.cmp(&anchor)),
                        &last,
                    ) =>
                {
                    self.begin_predecessor(path, one).map(Some)
                }
                None => continue,
            };
            match begun {
                Ok(Some(id)) => {
                    self.note_last(path, id);
                    self.wait_for(id, order.last().copied());
                    order.push(id);
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(error) => {
                    self.missed.add(1);
                    self.say(&one.path, &error);
                }
            }
        }
        Ok(order)
    }

    /// A file that was at a path is the last one known there, if none is at it and none was found after it.
    fn note_last(&mut self, path: &Path, id: u64) {
        let last = self.last_at(path).map_or(0, |(_, last)| last.began);
        if self.files.at_home(path).is_none()
            && let Some(tail) = self.files.tail(id)
            && last < tail.position().began
        {
            self.known.set_last(path, tail.key());
        }
    }

    /// The position of the file that was last known at a path, with its key.
    fn last_at(&mut self, path: &Path) -> Option<(String, Position)> {
        let key = self.known.last_at(path)?.to_owned();
        let reached = self.positions.reached(&key)?;
        let reached = Position::from_json(&reached)?;
        // What the open file holds may be more, and tells better which file it is.
        let tail = self
            .files
            .at_place(reached.place)
            .and_then(|id| self.files.tail(id));
        let position = tail
            .filter(|tail| tail.key() == key)
            .map_or(reached, |tail| tail.position_to_find());
        Some((key, position))
    }

    /// A file that is open, or was closed in its turn and is found again here.
    fn still_read(&mut self, id: u64, path: &Path, one: &Predecessor) -> Option<u64> {
        let tail = self.files.tail(id).filter(|tail| tail.path == path)?;
        if !tail.is_open() {
            self.files.move_home(id, &one.path);
        }
        self.enqueue(id);
        Some(id)
    }

    /// Whether nobody has read a file that was at a path after the last one that is known there. `order` says where it
    /// lies from that one, if it is found.
    fn is_missed(
        &self,
        path: &Path,
        one: &Predecessor,
        order: Option<Ordering>,
        last: &Position,
    ) -> bool {
        let is_after = match (order, one.is_packed()) {
            (Some(Ordering::Greater), _) => true,
            (Some(Ordering::Equal), _) => false,
            // Of an archive it is not known that nobody has read it.
            (Some(Ordering::Less), true) => false,
            // The last one was still written to after it was renamed.
            (Some(Ordering::Less), false) => {
                let has_its_inode = |position: &Position| position.place.inode == one.place.inode;
                last.began < one.modified && !self.has_position(has_its_inode)
            }
            (None, true) => one.is_since(last) && !self.is_open_too(path, one),
            (None, false) => one.is_since(last),
        };
        is_after && !self.has_read(path, one)
    }

    /// Whether a file that was at a path was begun, in this run or before, and is not one that is still to be gone on in.
    fn has_read(&self, path: &Path, one: &Predecessor) -> bool {
        let text = path.to_string_lossy();
        let is_it =
            |known: &Position| one.is_same(known) || (one.is_read(known) && one.ends_so(known));
        self.has_position(|known| known.path == text && is_it(known))
    }

    /// Whether a file was read whose position is like this.
    fn has_position(&self, is_it: impl Fn(&Position) -> bool) -> bool {
        let mut positions = self
            .positions
            .keys()
            .into_iter()
            .filter_map(|key| Position::from_json(&self.positions.reached(&key)?));
        positions.any(|position| is_it(&position))
    }

    /// Whether an archive holds what is read from an open file, whose name is gone.
    fn is_open_too(&self, path: &Path, one: &Predecessor) -> bool {
        let mut of_path = self.files.all().filter(|(_, tail)| tail.path == path);
        of_path.any(|(_, tail)| one.is_copy(&tail.position_to_find()))
    }

    /// Goes on in a file that an earlier run had begun; nothing, if it had read all of it.
    fn go_on(
        &mut self,
        path: &Path,
        one: &Predecessor,
        key: String,
        position: &Position,
    ) -> io::Result<Option<u64>> {
        if one.is_packed() {
            if one.is_read(position) {
                self.known.remove(&key);
                return Ok(None);
            }
            if one.last_before(position)? != position.last {
                // It merely begins alike.
                let text = path.to_string_lossy();
                let is_read = |known: &Position| known.path == text && one.is_read(known);
                return match self.has_position(is_read) {
                    true => Ok(None),
                    false => self.begin_predecessor(path, one).map(Some),
                };
            }
        }
        let start = self.start_at(key.clone(), position);
        let id = self.insert_predecessor(path, one, start)?;
        self.known.remove(&key);
        Ok(Some(id))
    }

    fn begin_predecessor(&mut self, path: &Path, one: &Predecessor) -> io::Result<u64> {
        let start = self.start_new(one.place, 0);
        let id = self.insert_predecessor(path, one, start)?;
        tracing::info!(path = %one.path.display(), "the file was renamed before it was seen; it is read now");
        Ok(id)
    }

    fn insert_predecessor(
        &mut self,
        path: &Path,
        one: &Predecessor,
        start: Start,
    ) -> io::Result<u64> {
        let opened = one.open()?;
        let is_new = start.is_new;
        let head = opened.head.clone();
        let origin = self.origin_of(path);
        let mut tail = Tail::new(path, opened, start, Arc::new(origin));
        tail.home = Some(one.path.clone());
        if one.is_packed() {
            tail.unpack()?;
            tail.know_head(head.clone());
        }
        if is_new {
            self.note_position(&tail, &head);
        }
        if self.is_crowded() {
            tail.close();
        }
        Ok(self.files.insert(tail))
    }

    /// Has a new file wait until another is read to its end, and then read.
    pub(super) fn wait_for(&mut self, id: u64, before: Option<u64>) {
        let waits = before.and_then(|before| self.files.tail(before));
        if let Some(before) = waits {
            before.followers.push(id);
            if let Some(tail) = self.files.tail(id) {
                tail.waits = true;
            }
        }
        self.enqueue(id);
    }

    /// Finds a closed file again that its path leads to no longer. True if it can be read on.
    pub(super) fn relocate(&mut self, id: u64) -> bool {
        match self.new_home(id) {
            Ok(is_found) => is_found,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                // It is looked for again in its next turn.
                self.enqueue(id);
                true
            }
            Err(error) => {
                tracing::debug!(%error, "a renamed file was looked for in vain");
                false
            }
        }
    }

    fn new_home(&mut self, id: u64) -> io::Result<bool> {
        let Some(tail) = self.files.tail(id) else {
            return Ok(false);
        };
        let (position, path, home) = (tail.position(), tail.path.clone(), tail.home.clone());
        if let Some(found) =
            with_inode(&path, position.place)?.filter(|found| Some(found) != home.as_ref())
        {
            self.files.move_home(id, &found);
            self.enqueue(id);
            return Ok(true);
        }
        let all = list(&path)?;
        let Some(one) = find(&all, &position).and_then(|place| all.get(place)) else {
            return Ok(false);
        };
        if !one.is_packed() {
            return Ok(false);
        }
        let opened = one.open()?;
        let Some(mut tail) = self.take_out(id) else {
            return Ok(false);
        };
        tail.move_into_archive(opened)?;
        tail.home = Some(one.path.clone());
        let id = self.files.insert(tail);
        self.enqueue(id);
        Ok(true)
    }

    /// Reads the rest of files that an earlier run had begun and that were renamed since, and what followed them. False if
    /// names changed meanwhile: then it is to be done again.
    pub(super) fn resume_renamed(&mut self) -> bool {
        let mut is_done = true;
        let config = self.config;
        for path in self.known.paths(|path| config.wants(path)) {
            match self.catch_up(&path, None) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    self.rescan_at = Instant::now() + limits::FILE_NAP;
                    is_done = false;
                    continue;
                }
                Err(error) if is_absence(&error) => {}
                Err(error) => self.say(&path, &error),
            }
            for (key, position) in self.known.at(&path) {
                self.resume(key, &position);
            }
        }
        is_done
    }

    /// Reads the rest of a file that has another name than rotation gives.
    fn resume(&mut self, key: String, position: &Position) {
        let path = Path::new(&position.path);
        let found = match position.fingerprint.is_empty() {
            true => Ok(None),
            false => with_inode(path, position.place),
        };
        let opened = found.and_then(|found| {
            let Some(found) = found else {
                return Ok(None);
            };
            let opened = opened::open(&found)?;
            let is_same = opened.place.inode == position.place.inode
                && position.is_as_old(opened.born)
                && opened.holds(position)
                && self.files.at_place(opened.place).is_none();
            Ok(is_same.then_some((found, opened)))
        });
        match opened {
            Ok(Some((found, opened))) => {
                let start = self.start_at(key.clone(), position);
                let origin = self.origin_of(path);
                let mut tail = Tail::new(path, opened, start, Arc::new(origin));
                tail.home = Some(found);
                self.known.remove(&key);
                let id = self.files.insert(tail);
                self.enqueue(id);
            }
            Ok(None) => self.miss(&key, position),
            Err(error) if is_absence(&error) => self.miss(&key, position),
            Err(error) => self.say(path, &error),
        }
    }

    /// An earlier run's file is gone. Tells it once, if there was more in it than was read, or if nobody knows.
    fn miss(&mut self, key: &str, position: &Position) {
        let path = Path::new(&position.path);
        let is_followed = self.config.mode == Mode::Tail;
        let may_have_grown = is_followed && self.known.was_last(key);
        let is_known = position.is_over || position.is_told || position.is_logged;
        if !is_known && (may_have_grown || position.is_short()) {
            self.missed.add(1);
            let is_replaced = self.files.at_home(path).is_some();
            tell_missed(position, is_replaced);
            self.positions.note(key, |position| {
                let told = Position {
                    is_told: true,
                    ..Position::from_json(position)?
                };
                Some(told.to_json())
            });
        }
        // Emptied, or its inode is another file's now: it cannot come back.
        if self.files.at_place(position.place).is_some() && self.known.last_at(path) != Some(key) {
            self.known.remove(key);
            self.positions.forget(key);
        }
    }
}

fn tell_missed(position: &Position, is_replaced: bool) {
    let path = &position.path;
    match position.fingerprint.is_empty() && position.offset == 0 {
        // It may be one of the archives that are read now, which nobody can tell.
        true => tracing::warn!(
            %path,
            "the file that was here was empty and is gone; if it was written to since and is in no archive beside it, that \
             is not read"
        ),
        false => {
            let rest = match is_replaced {
                true => ", and what is here now is read from its beginning",
                false => "",
            };
            tracing::warn!(
                %path, offset = position.offset,
                "the file that was here is gone; what was written to it behind the offset is not read{rest}"
            );
        }
    }
}

/// The path in the same folder that leads to an inode.
fn with_inode(path: &Path, place: Place) -> io::Result<Option<PathBuf>> {
    let path = target_of(path);
    let Some(folder) = path.parent() else {
        return Ok(None);
    };
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.ino() == place.inode {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}
