//! The log files of one container: the live one, its predecessors `.1`, `.2` ..., perhaps compressed. They are opened so
//! that a rotation on the way is seen twice rather than missed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use sawlog_parsers::lines::Delimiter;

use crate::inputs::archive;
use crate::inputs::docker::place::Identity;
use crate::inputs::rotated::Rotated;
use crate::limits;

/// One open log file.
pub struct LogFile {
    content: Content,
    /// Device and inode: identity only while the file is open.
    node: (u64, u64),
    /// Uncompressed bytes read so far, and the most that are.
    offset: u64,
    bytes_max: u64,
    /// To be told behind the bytes that came before it.
    fault: Option<io::Error>,
    identity: Identity,
}

enum Content {
    Plain(File),
    Compressed(Box<MultiGzDecoder<File>>),
}

impl LogFile {
    /// Opens a regular file; `None` if there is none of that name.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(flags.bits().cast_signed());
        let file = match options.open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let compressed = path.extension().is_some_and(|extension| extension == "gz");
        let mut opened = Self {
            content: if compressed {
                Content::Compressed(Box::new(MultiGzDecoder::new(file)))
            } else {
                Content::Plain(file)
            },
            node: (metadata.dev(), metadata.ino()),
            offset: 0,
            bytes_max: limits::ARCHIVE_BYTES_MAX,
            fault: None,
            identity: Identity::of(b"", None),
        };
        opened.learn();
        Ok(Some(opened))
    }

    pub fn node(&self) -> (u64, u64) {
        self.node
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads less of it.
    #[cfg(test)]
    pub fn limit(&mut self, bytes_max: u64) {
        self.bytes_max = bytes_max;
    }

    /// Whether it unpacks to more than is read of it.
    pub fn is_beyond_limit(&self) -> bool {
        matches!(self.content, Content::Compressed(_)) && self.bytes_max <= self.offset
    }

    /// What is known of the file's beginning; looked at again while it is short.
    pub fn identity(&mut self) -> Identity {
        if self.identity.is_short() || self.identity.first.is_none() {
            self.learn();
        }
        self.identity
    }

    fn learn(&mut self) {
        if let Ok(head) = self.head(limits::FINGERPRINT_BYTES) {
            let first = self
                .identity
                .first
                .or_else(|| super::place::first_time(&head));
            self.identity = Identity::of(&head, first);
        }
    }

    /// Takes the time of the first record, which the reader found.
    pub fn set_first(&mut self, first: Option<i64>) {
        self.identity.first = self.identity.first.or(first);
    }

    /// The first bytes, at most so many; the place of reading stays.
    pub fn head(&self, bytes_max: usize) -> io::Result<Vec<u8>> {
        match &self.content {
            Content::Plain(file) => {
                let mut head = vec![0; bytes_max];
                let mut length = 0;
                while let Some(room) = head.get_mut(length..).filter(|room| !room.is_empty()) {
                    match file.read_at(room, length as u64) {
                        Ok(0) => break,
                        Ok(count) => length += count,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                head.truncate(length);
                Ok(head)
            }
            Content::Compressed(decoder) => archive::head(decoder.get_ref(), bytes_max),
        }
    }

    /// Whether this is the file that an earlier run knew by `identity`.
    pub fn is(&self, identity: &Identity) -> bool {
        let Ok(head) = self.head(limits::FINGERPRINT_BYTES) else {
            return false;
        };
        if !identity.matches(&head) {
            return false;
        }
        // Only where the first record is longer is more read, for its time.
        identity.first.is_none()
            || Delimiter::newline().first_end(&head).is_some()
            || self
                .head(limits::DOCKER_RECORD_BYTES_MAX)
                .is_ok_and(|head| identity.matches(&head))
    }

    /// Appends what comes next, at most so many bytes; 0 at the end.
    pub fn read(&mut self, out: &mut Vec<u8>, bytes_max: usize) -> io::Result<usize> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let before = out.len();
        let read = match &mut self.content {
            Content::Plain(file) => read_once(file, out, bytes_max),
            Content::Compressed(decoder) => {
                let left = self.bytes_max.saturating_sub(self.offset);
                decoder.take(left.min(bytes_max as u64)).read_to_end(out)
            }
        };
        let count = out.len() - before;
        self.offset += count as u64;
        match read {
            // What came before the fault counts. A wrong checksum is told once, and is followed by an end.
            Err(error) if 0 < count => {
                self.fault = Some(error);
                Ok(count)
            }
            Err(error) => Err(error),
            Ok(_) => Ok(count),
        }
    }

    /// Goes to an offset ahead. False if the file ends before it.
    pub fn skip_to(&mut self, offset: u64) -> io::Result<bool> {
        match &mut self.content {
            Content::Plain(file) => {
                if file.metadata()?.len() < offset {
                    return Ok(false);
                }
                self.offset = file.seek(SeekFrom::Start(offset))?;
            }
            Content::Compressed(decoder) => {
                let ahead = offset.saturating_sub(self.offset);
                let skipped = io::copy(&mut decoder.take(ahead), &mut io::sink())?;
                self.offset += skipped;
            }
        }
        Ok(self.offset == offset)
    }

    /// Whether the file is shorter than what was read of it: someone else cut it.
    pub fn was_cut(&self) -> bool {
        match &self.content {
            Content::Plain(file) => file.metadata().is_ok_and(|now| now.len() < self.offset),
            Content::Compressed(_) => false,
        }
    }

    /// Begins again at the front of a file that was cut.
    pub fn restart(&mut self) -> io::Result<()> {
        self.identity = Identity::of(b"", None);
        self.skip_to(0).map(|_| ())
    }
}

/// The paths of one container's log files.
#[derive(Clone, Debug)]
pub struct LogPaths {
    folder: PathBuf,
    live: PathBuf,
}

impl LogPaths {
    pub fn new(folder: PathBuf, id: &str) -> Self {
        let live = folder.join(format!("{id}-json.log"));
        Self { folder, live }
    }

    pub fn live(&self) -> &Path {
        &self.live
    }

    fn numbered(&self, number: u32, ending: &str) -> PathBuf {
        let mut name = self.live.clone().into_os_string();
        name.push(format!(".{number}{ending}"));
        name.into()
    }

    /// Device and inode of what is at a path now.
    pub fn node_at(path: &Path) -> io::Result<Option<(u64, u64)>> {
        match std::fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some((metadata.dev(), metadata.ino()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The live file, if `.1` is still the file with that node now that it is open: then nothing lies between the two.
    pub fn successor(&self, node: (u64, u64)) -> io::Result<Option<LogFile>> {
        let Some(live) = LogFile::open(&self.live)? else {
            return Ok(None);
        };
        let before = Self::node_at(&self.numbered(1, ""))?;
        Ok((before == Some(node) && live.node() != node).then_some(live))
    }

    /// All files, the oldest first. The newest is opened first: a rotation meanwhile shows a file twice, and it is taken
    /// once, but hides none.
    pub fn open_all(&self) -> io::Result<Vec<LogFile>> {
        let mut all: Vec<LogFile> = Vec::new();
        let mut add = |file: Option<LogFile>| {
            if let Some(file) = file
                && all.iter().all(|known| known.node() != file.node())
            {
                all.push(file);
            }
        };
        let oldest = self.oldest()?;
        add(LogFile::open(&self.live)?);
        for number in 1..=oldest.saturating_add(1) {
            match LogFile::open(&self.numbered(number, ""))? {
                Some(plain) => add(Some(plain)),
                None => add(LogFile::open(&self.numbered(number, ".gz"))?),
            }
        }
        all.reverse();
        Ok(all)
    }

    /// The highest number that a file of the container has.
    fn oldest(&self) -> io::Result<u32> {
        let live = self.live.file_name().unwrap_or_default();
        let mut oldest = 0;
        for entry in std::fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let rotated = Rotated::of(name.as_bytes(), live.as_bytes());
            if let Some(number) = rotated.and_then(|rotated| rotated.number) {
                oldest = oldest.max(number);
            }
        }
        if limits::ROTATED_FILES_MAX < oldest {
            tracing::warn!(
                "{} has a rotated file with the number {oldest}; those above {} are not read",
                self.folder.display(),
                limits::ROTATED_FILES_MAX
            );
            oldest = limits::ROTATED_FILES_MAX;
        }
        Ok(oldest)
    }
}

/// One call of the system for all that fits: a page cache gives it at once.
fn read_once(file: &mut File, out: &mut Vec<u8>, bytes_max: usize) -> io::Result<usize> {
    let before = out.len();
    out.resize(before + bytes_max, 0);
    let read = file.read(out.get_mut(before..).unwrap_or_default());
    out.truncate(before + read.as_ref().copied().unwrap_or(0));
    read
}
