//! The dead letter queue: what an output can never deliver is kept in a folder of the pipeline, one JSON object a line, in
//! segments whose names sort by time. What was written is on disk when `write` returns. Several writers share a folder by
//! a lock, so that old and new outputs of a reload, and `sawlog dlq replay`, do not meet. Sending is not done here.

pub mod folder;
pub mod letter;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use crate::durable::make_private_folder;
use crate::limits;
use crate::queue::crash::{self, Point};
use folder::Segment;

/// What is done with a letter for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoragePolicy {
    /// It is dropped.
    DropNewer,
    /// The oldest segments are.
    DropOlder,
}

/// Where letters are kept, and how many.
#[derive(Clone, Debug)]
pub struct DeadLetterSettings {
    /// The pipeline's own folder. It is made when the first letter is written.
    pub folder: PathBuf,
    pub pipeline: String,
    pub bytes_max: u64,
    pub policy: StoragePolicy,
    /// Segments are removed when nothing was written to them for so long.
    pub retain: Option<Duration>,
}

/// The queue of one output.
#[derive(Debug)]
pub struct DeadLetters {
    pub settings: DeadLetterSettings,
    /// The segment that is written to.
    current: Mutex<Option<Current>>,
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
            current: Mutex::new(None),
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
        let mut current = self.current.lock().expect("no holder of this lock panics");
        let folder = &self.settings.folder;
        make_private_folder(folder)?;
        let _lock = folder::lock(folder)?;
        let segments = self.expire(written)?;
        let room = self.make_room(segments, lines.len() as u64, written)?;
        let fitting = whole_lines(lines, room);
        if !fitting.is_empty() {
            self.append(&mut current, fitting)?;
            written.kept = count(fitting);
        }
        let dropped = lines.get(fitting.len()..).unwrap_or_default();
        written.dropped += count(dropped);
        Ok(())
    }

    /// Removes what is past its time; gives the rest, oldest first.
    fn expire(&self, written: &mut Written) -> io::Result<Vec<Segment>> {
        let mut segments = folder::segments(&self.settings.folder)?;
        let Some(retain) = self.settings.retain else {
            return Ok(segments);
        };
        let now = SystemTime::now();
        let is_old = |segment: &mut Segment| {
            let age = now.duration_since(segment.modified);
            age.is_ok_and(|age| retain < age)
        };
        for segment in segments.extract_if(.., is_old) {
            written.expired += remove(&segment)?;
        }
        Ok(segments)
    }

    /// How many bytes may be written; by policy, old segments make room for as many as are wanted.
    fn make_room(
        &self,
        segments: Vec<Segment>,
        wanted: u64,
        written: &mut Written,
    ) -> io::Result<u64> {
        let bytes_max = self.settings.bytes_max;
        let mut total: u64 = segments.iter().map(|segment| segment.bytes).sum();
        if self.settings.policy == StoragePolicy::DropOlder {
            for segment in segments {
                if total + wanted <= bytes_max {
                    break;
                }
                written.dropped += remove(&segment)?;
                total -= segment.bytes;
            }
        }
        Ok(bytes_max.saturating_sub(total))
    }

    /// A fault of the disk is fatal for a segment, not for the letters: they go to a new one, once. A new one that fails is
    /// removed.
    fn append(&self, slot: &mut Option<Current>, lines: &[u8]) -> io::Result<()> {
        let segment_bytes_max = limits::DEAD_LETTER_SEGMENT_BYTES.min(self.settings.bytes_max / 8);
        let usable = |current: &Current| current.bytes < segment_bytes_max && current.is_there();
        if let Some(current) = slot.take().filter(usable) {
            match current.append(lines) {
                Ok(current) => {
                    *slot = Some(current);
                    return Ok(());
                }
                Err(error) => {
                    tracing::warn!(%error, "a segment of dead letters is given up; a new one is begun");
                }
            }
        }
        *slot = Some(Current::create(&self.settings.folder)?.append(lines)?);
        Ok(())
    }
}

impl Current {
    fn create(folder: &std::path::Path) -> io::Result<Self> {
        let (path, file) = loop {
            let path = folder.join(folder::name(crate::host::now_nanos()));
            let made = OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&path);
            match made {
                Ok(file) => break (path, file),
                // Somebody made one in the same nanosecond.
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
                current.give_up();
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

    /// Leaves what was written before, and no file without a letter: while a disk is full, each try would leave one.
    fn give_up(self) {
        let undone = match self.bytes {
            0 => std::fs::remove_file(&self.path),
            bytes => self.file.set_len(bytes),
        };
        if let Err(error) = undone {
            // Half a line at the end is noticed by whoever reads.
            let path = self.path.display();
            tracing::warn!(%error, "a write to {path} that failed could not be undone");
        }
    }

    fn append(mut self, lines: &[u8]) -> io::Result<Self> {
        let written = self.file.write_all(lines).and_then(|()| {
            crash::point(Point::LettersWritten);
            self.file.sync_data()
        });
        if let Err(error) = written {
            self.give_up();
            return Err(error);
        }
        crash::point(Point::LettersSynced);
        self.bytes += lines.len() as u64;
        Ok(self)
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

/// As many whole lines as fit.
fn whole_lines(lines: &[u8], room: u64) -> &[u8] {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let part = lines.get(..room).unwrap_or(lines);
    let end = memchr::memrchr(b'\n', part).map_or(0, |newline| newline + 1);
    part.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
