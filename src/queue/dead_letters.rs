//! The dead letter queue: what an output can never deliver is kept in a folder of the pipeline, one JSON object a line, in
//! segments whose names sort as they were begun, whatever the clock does. What was written is on disk when `write` returns.
//! Several writers share a folder by a lock, so that old and new outputs of a reload, and `sawlog dlq replay`, do not meet.
//! Sending is not done here.

pub mod folder;
mod known;
pub mod letter;

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, UNIX_EPOCH};

use crate::durable::make_private_folder;
use crate::host;
use crate::limits;
use crate::queue::crash::{self, Point};
use folder::Segment;
use known::Known;

/// What is done with a letter for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoragePolicy {
    /// It is dropped.
    DropNewer,
    /// The oldest segments are.
    DropOlder,
}

/// What is done with a letter that the queue has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// It is known by the agent's own id and not written again: its document was sent again after an agent died.
    Known,
    /// It is written again: the other one is removed by whoever sends letters again.
    Written,
}

/// Where letters are kept, and how many.
#[derive(Clone, Debug)]
pub struct DeadLetterSettings {
    /// The pipeline's own folder. It is made when the first letter is written.
    pub folder: PathBuf,
    pub pipeline: String,
    pub bytes_max: u64,
    pub policy: StoragePolicy,
    /// Segments are removed when nothing was written to them for so long, by the host's clock.
    pub retain: Option<Duration>,
    pub repeated: Repeated,
}

/// The queue of one output.
#[derive(Debug)]
pub struct DeadLetters {
    pub settings: DeadLetterSettings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: Option<Known>,
    /// The segment that is written to.
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// What became of letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub kept: u64,
    /// They were kept before.
    pub repeated: u64,
    /// For want of room: the new ones, or old ones in their place.
    pub dropped: u64,
    /// Old ones that were past their time.
    pub expired: u64,
}

/// Letters could not be written; what became of old ones by then.
#[derive(Debug)]
pub struct Failed {
    pub error: io::Error,
    pub written: Written,
}

impl DeadLetters {
    pub fn new(settings: DeadLetterSettings) -> Self {
        Self {
            settings,
            state: Mutex::default(),
        }
    }

    /// The queue of an output whose documents have ids of the agent's.
    pub fn with_own_ids(settings: DeadLetterSettings, plugin: &str) -> Self {
        let known = match settings.repeated {
            Repeated::Known => Some(Known::of(plugin)),
            Repeated::Written => None,
        };
        Self {
            settings,
            state: Mutex::new(State {
                known,
                current: None,
            }),
        }
    }

    /// Keeps some letters, each a line with its end. They are on disk when this returns; it blocks for that. After a failure
    /// none of them counts as kept or dropped.
    pub fn write(&self, lines: &[u8]) -> Result<Written, Failed> {
        let mut written = Written::default();
        match self.try_to_write(lines, &mut written) {
            Ok(()) => Ok(written),
            Err(error) => Err(Failed { error, written }),
        }
    }

    fn try_to_write(&self, lines: &[u8], written: &mut Written) -> io::Result<()> {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        let State { known, current } = &mut *state;
        let folder = &self.settings.folder;
        make_private_folder(folder)?;
        let _lock = folder::lock(folder)?;
        let strange = match known {
            Some(known) => Cow::Owned(known.strange(folder, lines)?),
            None => Cow::Borrowed(lines),
        };
        let segments = self.expire(written)?;
        let total = segments.iter().map(|segment| segment.bytes).sum();
        let fitting = self.fitting(&strange, total);
        let held = current.as_ref().map(|current| current.path.as_path());
        self.make_room(segments, held, fitting.len() as u64, written)?;
        if !fitting.is_empty() {
            self.append(current, &fitting)?;
            if let Some(known) = known {
                known.add(&fitting);
            }
            written.kept = count(&fitting);
        }
        written.repeated = count(lines) - count(&strange);
        written.dropped += count(&strange) - written.kept;
        Ok(())
    }

    /// Removes what is past its time; gives the rest, oldest first.
    fn expire(&self, written: &mut Written) -> io::Result<Vec<Segment>> {
        let mut segments = folder::segments(&self.settings.folder)?;
        let Some(retain) = self.settings.retain else {
            return Ok(segments);
        };
        let now = Duration::from_nanos(host::now_nanos().unsigned_abs());
        let is_old = |segment: &mut Segment| {
            let age = (UNIX_EPOCH + now).duration_since(segment.modified);
            age.is_ok_and(|age| retain < age)
        };
        for segment in segments.extract_if(.., is_old) {
            written.expired += remove(&segment)?;
        }
        Ok(segments)
    }

    /// Those letters that are to be written, by policy, to a queue of so many bytes. One that is larger than the whole queue
    /// costs no other its place.
    fn fitting(&self, lines: &[u8], total: u64) -> Vec<u8> {
        let bytes_max = self.settings.bytes_max;
        let letters: Vec<&[u8]> = lines
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|letter| letter.len() as u64 <= bytes_max)
            .collect();
        let chosen = match self.settings.policy {
            StoragePolicy::DropNewer => {
                let end = count_fitting(letters.iter(), bytes_max.saturating_sub(total));
                letters.get(..end)
            }
            StoragePolicy::DropOlder => {
                let kept = count_fitting(letters.iter().rev(), bytes_max);
                letters.get(letters.len() - kept..)
            }
        };
        chosen.unwrap_or_default().concat()
    }

    /// By policy, old segments make room for as many bytes as are wanted; the one that is written to when no other is left.
    fn make_room(
        &self,
        mut segments: Vec<Segment>,
        held: Option<&Path>,
        wanted: u64,
        written: &mut Written,
    ) -> io::Result<()> {
        if self.settings.policy == StoragePolicy::DropNewer || wanted == 0 {
            return Ok(());
        }
        let mut total: u64 = segments.iter().map(|segment| segment.bytes).sum();
        // The sort keeps the others in their order.
        segments.sort_by_key(|segment| Some(segment.path.as_path()) == held);
        for segment in segments {
            if total + wanted <= self.settings.bytes_max {
                break;
            }
            written.dropped += remove(&segment)?;
            total -= segment.bytes;
        }
        Ok(())
    }

    /// Writes letters to segments of which none is longer than it has to be: they are dropped one by one. After a failure
    /// none of the letters is there.
    fn append(&self, slot: &mut Option<Current>, lines: &[u8]) -> io::Result<()> {
        let segment_bytes_max = limits::DEAD_LETTER_SEGMENT_BYTES.min(self.settings.bytes_max / 8);
        let mut done = Vec::new();
        for part in parts(lines, segment_bytes_max) {
            let usable = |current: &Current| {
                current.bytes + part.len() as u64 <= segment_bytes_max && current.is_there()
            };
            match self.append_part(slot.take().filter(usable), part) {
                Ok(current) => {
                    done.push((current.path.clone(), current.bytes - part.len() as u64));
                    *slot = Some(current);
                }
                Err(error) => {
                    done.iter()
                        .rev()
                        .for_each(|(path, bytes)| undo(path, *bytes));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// A fault of the disk is fatal for a segment, not for the letters: they go to a new one, once. A new one that fails is
    /// removed.
    fn append_part(&self, current: Option<Current>, lines: &[u8]) -> io::Result<Current> {
        if let Some(current) = current {
            match current.append(lines) {
                Ok(current) => return Ok(current),
                Err(error) => {
                    tracing::warn!(%error, "a segment of dead letters is given up; a new one is begun");
                }
            }
        }
        Current::create(&self.settings.folder)?.append(lines)
    }
}

impl Current {
    fn create(folder: &Path) -> io::Result<Self> {
        let (path, file) = loop {
            let path = folder.join(folder::next_name(folder, host::now_nanos())?);
            let made = OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&path);
            match made {
                Ok(file) => break (path, file),
                // Somebody who does not wait for the lock made one meanwhile.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        let current = Self {
            path,
            file,
            bytes: 0,
        };
        match File::open(folder).and_then(|folder| folder.sync_all()) {
            Ok(()) => Ok(current),
            Err(error) => {
                undo(&current.path, 0);
                Err(error)
            }
        }
    }

    /// Whether nobody removed or renamed the segment.
    fn is_there(&self) -> bool {
        let inode = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let here = std::fs::metadata(&self.path).map(inode);
        let held = self.file.metadata().map(inode);
        matches!((here, held), (Ok(here), Ok(held)) if here == held)
    }

    fn append(mut self, lines: &[u8]) -> io::Result<Self> {
        let written = self.file.write_all(lines).and_then(|()| {
            crash::point(Point::LettersWritten);
            self.file.sync_data()
        });
        if let Err(error) = written {
            undo(&self.path, self.bytes);
            return Err(error);
        }
        crash::point(Point::LettersSynced);
        self.bytes += lines.len() as u64;
        Ok(self)
    }
}

/// Leaves what was written before, and no file without a letter: while a disk is full, each try would leave one.
fn undo(path: &Path, bytes: u64) {
    let undone = match bytes {
        0 => std::fs::remove_file(path),
        bytes => OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|file| file.set_len(bytes)),
    };
    if let Err(error) = undone {
        // Half a line at the end is noticed by whoever reads.
        let path = path.display();
        tracing::warn!(%error, "a write to {path} that failed could not be undone");
    }
}

/// Removes a segment; gives how many letters were in it.
fn remove(segment: &Segment) -> io::Result<u64> {
    let letters = count(&std::fs::read(&segment.path)?);
    std::fs::remove_file(&segment.path)?;
    Ok(letters)
}

fn count(lines: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', lines).count() as u64
}

/// Letters in parts of so many bytes at most, or of one letter that is longer.
fn parts(mut lines: &[u8], bytes_max: u64) -> Vec<&[u8]> {
    let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    while !lines.is_empty() {
        let window = lines.get(..bytes_max).unwrap_or(lines);
        let end = memchr::memrchr(b'\n', window).or_else(|| memchr::memchr(b'\n', lines));
        let (part, rest) = lines.split_at(end.map_or(lines.len(), |newline| newline + 1));
        parts.push(part);
        lines = rest;
    }
    parts
}

/// How many letters fit, in this order.
fn count_fitting<'a>(letters: impl Iterator<Item = &'a &'a [u8]>, mut room: u64) -> usize {
    let fits = |letter: &&&[u8]| match room.checked_sub(letter.len() as u64) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    letters.take_while(fits).count()
}

#[cfg(test)]
mod tests;
