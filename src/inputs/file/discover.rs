//! Finds out which file a path leads to: a new one, one that was renamed, one that an earlier run has begun. Decides where
//! reading begins, and when a file that is gone is done with.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::inputs::archive::{self, Archive};
use crate::inputs::file::config::{Config, Mode, OrderBy, StartPosition};
use crate::inputs::file::ending::note_rest;
use crate::inputs::file::follow::Follow;
use crate::inputs::file::identity::{Fingerprint, Place, Position};
use crate::inputs::file::known::Seen;
use crate::inputs::file::opened::{self, Opened};
use crate::inputs::file::tail::{Start, Tail};
use crate::inputs::file::walk::{self, Visitor};
use crate::inputs::file::watch::Watch;
use crate::inputs::origin::{self, Origin};
use crate::limits;

/// What a walk through the folders found.
struct Scan<'a> {
    config: &'a Config,
    watch: &'a mut Option<Watch>,
    found: Vec<PathBuf>,
    faults: Vec<(PathBuf, io::Error)>,
    /// The kernel watches no more folders.
    is_blind: bool,
}

impl Visitor for Scan<'_> {
    fn folder(&mut self, path: &Path) {
        let Some(watch) = self.watch else {
            return;
        };
        match watch.add_folder(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                self.is_blind = true;
                self.faults.push((path.into(), error));
            }
        }
    }

    fn found(&mut self, path: PathBuf) {
        if !self.config.is_excluded(&path) {
            self.found.push(path);
        }
    }

    fn unreadable(&mut self, path: &Path, error: io::Error) {
        self.faults.push((path.into(), error));
    }
}

impl Follow<'_> {
    /// Looks at everything.
    pub(super) fn rescan(&mut self) {
        let mut scan = Scan {
            config: self.config,
            watch: &mut self.watch,
            found: Vec::new(),
            faults: Vec::new(),
            is_blind: false,
        };
        for glob in &self.config.globs {
            walk::walk(glob, &mut scan);
        }
        let Scan {
            mut found,
            faults,
            is_blind,
            ..
        } = scan;
        let is_blind = is_blind || self.watch.is_none();
        let interval = match is_blind {
            true => self.config.poll,
            false => self.config.rescan,
        };
        self.rescan_at = Instant::now() + interval;
        for (path, error) in faults {
            self.say(&path, &error);
        }
        sort(&mut found, self.config);
        for path in &found {
            self.look_at(path);
        }
        let found: HashSet<PathBuf> = found.into_iter().collect();
        for home in self.files.homes() {
            if !found.contains(&home) {
                self.look_at(&home);
            }
        }
        self.is_first_scan = false;
        if !self.has_resumed && self.resume_renamed() {
            self.has_resumed = true;
            self.known.note_start(&self.positions);
            let now = origin::now() / 1_000_000_000;
            let clean_after = i64::try_from(self.config.clean_after.as_secs()).unwrap_or(i64::MAX);
            self.known
                .forget_gone(&self.positions, now.saturating_sub(clean_after));
        }
        self.retire();
    }

    /// Finds out what is at a path now.
    pub(super) fn look_at(&mut self, path: &Path) {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => self.meet(path, &metadata),
            Ok(metadata) => {
                self.lose(path);
                if self.config.wants(path) && !metadata.is_dir() {
                    let error =
                        io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
                    self.say(path, &error);
                }
            }
            Err(error) if is_absence(&error) => {
                self.lose(path);
            }
            Err(error) => self.say(path, &error),
        }
    }

    fn meet(&mut self, path: &Path, metadata: &Metadata) {
        let place = Place::of(metadata);
        let Some(id) = self.files.at_place(place) else {
            let lost = self.lose(path);
            if self.config.wants(path)
                && let Err(error) = self.begin(path, lost)
            {
                self.say(path, &error);
            }
            return;
        };
        let Some(tail) = self.files.tail(id) else {
            return;
        };
        if tail.home.as_deref() == Some(path) {
            if tail.differs_from(metadata) {
                tail.has_grown = true;
                self.enqueue(id);
            }
            return;
        }
        // A second path to a file that is still where it was: a link.
        let leads_here =
            |home: &PathBuf| fs::metadata(home).is_ok_and(|at| Place::of(&at) == place);
        if tail.home.as_ref().is_some_and(leads_here) {
            return;
        }
        self.lose(path);
        self.files.move_home(id, path);
        self.enqueue(id);
    }

    /// The path leads to its file no longer. The file is read on while it is open.
    fn lose(&mut self, path: &Path) -> Option<u64> {
        let id = self.files.leave_home(path)?;
        // What took its place may be reached by a link whose folder is not watched.
        self.rescan_at = self.rescan_at.min(Instant::now() + self.config.poll);
        if let Some(tail) = self.files.tail(id)
            && let Some(file) = tail.file()
            && let Some(watch) = &mut self.watch
        {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            if let Err(error) = watch.add_file(Path::new(&path), id) {
                tracing::debug!(%error, "a renamed file is looked at from time to time only");
            }
        }
        self.enqueue(id);
        Some(id)
    }

    /// Begins to read a file that was not read in this run. It waits for those that were at its path before.
    fn begin(&mut self, path: &Path, lost: Option<u64>) -> io::Result<()> {
        let opened = opened::open(path)?;
        if self.files.at_place(opened.place).is_some() {
            return Ok(());
        }
        let is_archive = archive::is_archive(path);
        match self.config.mode {
            Mode::Tail if is_archive && archive::begins_as_archive(&opened.head) => {
                self.leave_out(path);
                return Ok(());
            }
            Mode::Tail => {}
            Mode::Read { check_archives, .. } => {
                if is_archive && check_archives {
                    Archive::check(opened.file.try_clone()?)?;
                }
                if self.is_ignored(&opened) {
                    return Ok(());
                }
            }
        }
        let is_packed = is_archive && self.config.mode != Mode::Tail;
        let seen = Seen {
            path,
            opened: &opened,
            is_packed,
        };
        let claimed = self.claim(seen);
        let mut before: Vec<u64> = lost.into_iter().collect();
        if claimed.is_none() && self.config.mode == Mode::Tail {
            match self.catch_up(path, Some(opened.place)) {
                Ok(order) if lost.is_some_and(|lost| order.contains(&lost)) => before = order,
                Ok(order) => before.extend(order),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    self.rescan_at = Instant::now() + limits::FILE_NAP;
                    return Ok(());
                }
                Err(error) => self.say(path, &error),
            }
        }
        let start = match claimed {
            Some(start) => start,
            None => self.start_at_first(seen)?,
        };
        let id = self.insert(path, opened, start, is_packed)?;
        self.wait_for(id, before.last().copied());
        Ok(())
    }

    fn insert(
        &mut self,
        path: &Path,
        opened: Opened,
        start: Start,
        is_packed: bool,
    ) -> io::Result<u64> {
        let is_new = start.is_new;
        let head = opened.head.clone();
        let mut tail = Tail::new(path, opened, start, Arc::new(self.origin_of(path)));
        if is_packed {
            tail.unpack()?;
        }
        self.unsay(path);
        if is_new {
            self.note_position(&tail, &head);
        }
        self.known.set_last(path, tail.key());
        if self.is_crowded() {
            tail.close();
        }
        self.watch_linked(path);
        Ok(self.files.insert(tail))
    }

    /// What is there already says which file this is, should it be renamed before anything of it is safe.
    pub(super) fn note_position(&self, tail: &Tail, head: &[u8]) {
        let position = Position {
            fingerprint: Fingerprint::of(head),
            ..tail.position()
        };
        self.positions.set(tail.key(), position.to_json());
    }

    /// What events of a path begin with.
    pub(super) fn origin_of(&self, path: &Path) -> Origin {
        let text = path.as_os_str().as_encoded_bytes();
        self.config.origin.with_text(&self.config.path_field, text)
    }

    /// Says once that archives are not read as lines that grow.
    fn leave_out(&mut self, path: &Path) {
        if !std::mem::replace(&mut self.is_archive_said, true) {
            tracing::info!(
                path = %path.display(),
                "archives are left out in mode `tail`, but for the rest of a log that was packed; mode `read` reads them"
            );
        }
    }

    /// A file that a link leads to may lie in a folder that is not watched.
    fn watch_linked(&mut self, path: &Path) {
        let is_link = path.symlink_metadata().is_ok_and(|at| at.is_symlink());
        if let Some(watch) = &mut self.watch
            && is_link
            && let Err(error) = watch.add_file(path, self.files.next_id())
        {
            tracing::debug!(%error, path = %path.display(), "a linked file is looked at from time to time only");
        }
    }

    /// Where an earlier run stopped.
    fn claim(&mut self, seen: Seen<'_>) -> Option<Start> {
        let (key, position) = self.known.claim(seen)?;
        Some(self.start_at(key, &position))
    }

    /// Where to begin in what no earlier run of the agent has read.
    fn start_at_first(&mut self, seen: Seen<'_>) -> io::Result<Start> {
        let opened = seen.opened;
        let at_end = self.is_first_scan
            && self.config.mode == Mode::Tail
            && self.config.start == StartPosition::End
            && !self.known.has_started();
        let left = self.known.claim_left(seen);
        if left.is_none()
            && at_end
            && let Some(position) = self.known.of_another(seen)
        {
            tracing::info!(
                path = %seen.path.display(), offset = position.offset,
                "another input, with another `path`, has read this file up to here; it is gone on in"
            );
            let skipping = position.skipping;
            return Ok(Start {
                skipping,
                ..self.start_new(opened.place, position.offset)
            });
        }
        let offset = match left {
            Some(offset) => offset,
            None if at_end || self.is_ignored(opened) => last_line_end(opened, self.config)?,
            None => 0,
        };
        Ok(self.start_new(opened.place, offset))
    }

    pub(super) fn start_new(&self, place: Place, offset: u64) -> Start {
        let Place { device, inode } = place;
        let began = origin::now();
        let mut key = format!("{device:x}-{inode:x}-{began:x}");
        if 1 < self.config.number {
            // Another input of this path may have found the file in the same moment.
            key.push_str(&format!("-{}", self.config.number));
        }
        Start {
            offset,
            skipping: false,
            began,
            is_logged: false,
            is_new: true,
            stream: self.positions.stream(&key),
            share: self.unfinished.share(),
            key,
        }
    }

    /// Whether the file was last written to too long ago.
    fn is_ignored(&self, opened: &Opened) -> bool {
        let modified = opened.modified.unwrap_or(SystemTime::UNIX_EPOCH);
        let age = SystemTime::now().duration_since(modified);
        self.config
            .ignore_older
            .is_some_and(|limit| age.is_ok_and(|age| limit < age))
    }

    pub(super) fn start_at(&mut self, key: String, position: &Position) -> Start {
        Start {
            offset: position.offset,
            skipping: position.skipping,
            began: position.began,
            is_logged: position.is_logged,
            is_new: false,
            stream: self.known.stream(&self.positions, &key),
            share: self.unfinished.share(),
            key,
        }
    }

    /// Closes files that do not grow, and lets go of those that are gone and read to their end.
    fn retire(&mut self) {
        let (rescan, close) = (self.config.rescan, self.config.close_older);
        let mut idle = Vec::new();
        for (id, tail) in self.files.all() {
            if !tail.queued && !tail.waits {
                idle.push((id, tail.active.elapsed()));
            }
        }
        for (id, idle) in idle {
            let Some(tail) = self.files.tail(id) else {
                continue;
            };
            let is_rotated = tail.is_rotated(self.config);
            let is_over = close <= idle || (tail.is_unlinked() && rescan <= idle);
            if is_rotated && (is_over || !tail.is_open()) {
                let is_unlinked = tail.is_unlinked();
                // Stopped workers are noticed with the next batch.
                tail.finish(self.flow);
                if let Some(tail) = self.let_go(id)
                    && is_unlinked
                {
                    note_rest(&self.positions, &tail);
                    tail.stream().give_up();
                    self.known.drop_last(&tail.path, tail.key());
                    self.completed.forget(&tail);
                }
            } else if tail.home.is_none() {
                self.enqueue(id);
            } else if close <= idle {
                tail.close();
            }
        }
    }
}

pub fn is_absence(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::NotFound || kind == io::ErrorKind::NotADirectory
}

/// Puts new files into the order in which they are to be read. Equal times are ordered by path.
fn sort(found: &mut Vec<PathBuf>, config: &Config) {
    found.sort_unstable();
    found.dedup();
    if config.order.by == OrderBy::Modified {
        found.sort_by_cached_key(|path| fs::metadata(path).and_then(|at| at.modified()).ok());
    }
    if config.order.descending {
        found.reverse();
    }
}

/// The end of the last whole line, as far back as a line can be long; else the end of the file.
fn last_line_end(opened: &Opened, config: &Config) -> io::Result<u64> {
    let start = opened.size.saturating_sub(limits::READ_BYTES as u64);
    let mut tail = vec![0; usize::try_from(opened.size - start).unwrap_or(0)];
    let count = opened::read_at(&opened.file, &mut tail, start)?;
    let whole = config.origin.codec().cut(tail.get(..count).unwrap_or(b""));
    Ok(match (whole, start) {
        (0, 0) => 0,
        (0, _) => opened.size,
        (whole, _) => start + whole as u64,
    })
}
