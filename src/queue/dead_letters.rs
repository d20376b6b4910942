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

use crate::limits;
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

impl DeadLetters {
    pub fn new(settings: DeadLetterSettings) -> Self {
        Self {
            settings,
            current: Mutex::new(None),
        }
    }

    /// Keeps some letters, each a line with its end. They are on disk when this returns; it blocks for that.
    pub fn write(&self, lines: &[u8]) -> io::Result<Written> {
        let mut current = self.current.lock().expect("no holder of this lock panics");
        let folder = &self.settings.folder;
        folder::make(folder)?;
        let _lock = folder::lock(folder)?;
        let mut written = Written::default();
        let segments = self.expire(&mut written)?;
        let room = self.make_room(segments, lines.len() as u64, &mut written)?;
        let fitting = whole_lines(lines, room);
        let dropped = lines.get(fitting.len()..).unwrap_or_default();
        written.dropped += count(dropped);
        if !fitting.is_empty() {
            self.append(&mut current, fitting)?;
            written.kept = count(fitting);
        }
        Ok(written)
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

    /// A fault of the disk is fatal for a segment, not for the letters: they go to a new one, once.
    fn append(&self, slot: &mut Option<Current>, lines: &[u8]) -> io::Result<()> {
        let segment_bytes_max = limits::DEAD_LETTER_SEGMENT_BYTES.min(self.settings.bytes_max / 8);
        let usable = |current: &Current| current.bytes < segment_bytes_max && current.is_there();
        let current = match slot.take().filter(usable) {
            Some(current) => current,
            None => Current::create(&self.settings.folder)?,
        };
        match current.append(lines) {
            Ok(current) => *slot = Some(current),
            Err(error) => {
                tracing::warn!(%error, "a segment of dead letters is given up; a new one is begun");
                *slot = Some(Current::create(&self.settings.folder)?.append(lines)?);
            }
        }
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
        File::open(folder)?.sync_all()?;
        Ok(Self {
            path,
            file,
            bytes: 0,
        })
    }

    /// Whether nobody removed or renamed the segment.
    fn is_there(&self) -> bool {
        let inode = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let here = std::fs::metadata(&self.path).map(inode);
        let held = self.file.metadata().map(inode);
        matches!((here, held), (Ok(here), Ok(held)) if here == held)
    }

    fn append(mut self, lines: &[u8]) -> io::Result<Self> {
        let written = self
            .file
            .write_all(lines)
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a line at the end is noticed by whoever reads, should this fail too.
            self.file.set_len(self.bytes).unwrap_or(());
            return Err(error);
        }
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
