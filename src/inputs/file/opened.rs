//! A file that was just opened, and what it was like then. Which file it is is not known yet.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::OFlags;

use crate::inputs::file::identity::{Place, Position};
use crate::inputs::file::last::Last;
use crate::limits;

/// A file that was just opened, before it is known where to begin.
#[derive(Debug)]
pub struct Opened {
    pub file: File,
    pub place: Place,
    pub size: u64,
    pub modified: Option<SystemTime>,
    /// When the file was made, where the file system tells.
    pub born: Option<SystemTime>,
    pub head: Vec<u8>,
    pub looked: Looked,
}

impl Opened {
    /// Whether the file has what was read at a position.
    pub fn holds(&self, position: &Position) -> bool {
        let last = || Last::before(&self.file, position.offset, position.last.len());
        position.offset <= self.size
            && position.fingerprint.fits(&self.head)
            && position.last == last().fingerprint(position.offset)
    }
}

/// What the file was like when it was last looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    pub size: u64,
    pub modified: (i64, i64),
    pub links: u64,
}

impl Looked {
    pub fn at(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            links: metadata.nlink(),
        }
    }

    /// When it was last written to, in nanoseconds since 1970.
    pub fn modified_at(&self) -> i64 {
        let (seconds, nanoseconds) = self.modified;
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(nanoseconds)
    }
}

/// Opens a regular file; anything else is an error, and is not waited for.
pub fn open(path: &Path) -> io::Result<Opened> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no regular file",
        ));
    }
    let mut head = vec![0; limits::FINGERPRINT_BYTES];
    let count = read_at(&file, &mut head, 0)?;
    head.truncate(count);
    Ok(Opened {
        place: Place::of(&metadata),
        size: metadata.len(),
        modified: metadata.modified().ok(),
        born: metadata.created().ok(),
        looked: Looked::at(&metadata),
        file,
        head,
    })
}

/// Reads at an offset, however often it is interrupted.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
