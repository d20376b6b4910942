//! Files that are open for writing: made with the rights that were asked for, without a link on the way, and able to take
//! back what is not known to be on disk.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;

use crate::durable;
use crate::outputs::file::path::{FAILURES, PathPlan};
use crate::outputs::file::text::Chunk;
use crate::outputs::pipe;

/// Rights of what is made; nothing means the system's.
#[derive(Clone, Copy, Debug)]
pub struct Modes {
    pub folder: Option<u32>,
    pub file: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behavior {
    Append,
    Overwrite,
}

/// Why a file was not opened.
#[derive(Debug)]
pub enum Unopened {
    /// It may be there later, so it is waited for.
    Away(io::Error),
    /// Its path, which is made of fields, leads to something that is no file, or where none can be.
    Confined(io::Error),
}

impl From<io::Error> for Unopened {
    fn from(error: io::Error) -> Self {
        Self::Away(error)
    }
}

impl Unopened {
    /// Of a path below a folder: whether another path could do better is to be seen from the fault.
    fn below(error: Errno) -> Self {
        match error {
            Errno::NOTDIR
            | Errno::ISDIR
            | Errno::LOOP
            | Errno::NAMETOOLONG
            | Errno::INVAL
            | Errno::ILSEQ
            | Errno::NXIO
            | Errno::NODEV => Self::Confined(error.into()),
            other => Self::Away(other.into()),
        }
    }

    pub fn into_error(self) -> io::Error {
        match self {
            Self::Away(error) | Self::Confined(error) => error,
        }
    }
}

/// An open file.
pub struct Open {
    pub file: File,
    /// Folders in which it or those above it were made, until they are synced.
    pub made_in: Vec<File>,
    pub used: Instant,
    pub compared: Instant,
    /// Whether the last line that it had when it was opened has no end.
    is_torn: bool,
    /// What was written since the last sync, to be written again should that fail.
    pub unsynced: Vec<Arc<Chunk>>,
    /// Where that begins, and its length.
    unsynced_from: u64,
    unsynced_bytes: u64,
}

/// A file that was just opened, and the folders that have something new for it.
pub struct Opened {
    pub file: File,
    is_torn: bool,
    pub made_in: Vec<File>,
}

impl Opened {
    fn existing(file: File, made_in: Vec<File>) -> Self {
        Self {
            is_torn: is_torn(&file).unwrap_or(false),
            file,
            made_in,
        }
    }
}

/// Whether a file's last line has no end. Pipes and devices have none.
fn is_torn(file: &File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    let Some(last) = metadata.len().checked_sub(1).filter(|_| metadata.is_file()) else {
        return Ok(false);
    };
    // It is open for writing alone.
    let readable = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let mut byte = [0];
    readable.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}

impl Open {
    pub fn new(opened: Opened, now: Instant) -> Self {
        Self {
            file: opened.file,
            made_in: opened.made_in,
            is_torn: opened.is_torn,
            used: now,
            compared: now,
            unsynced: Vec::new(),
            unsynced_from: 0,
            unsynced_bytes: 0,
        }
    }

    /// Goes on with the file opened anew.
    pub fn reopen(&mut self, opened: Opened) {
        self.file = opened.file;
        self.is_torn = opened.is_torn;
        self.made_in.extend(opened.made_in);
    }

    /// Writes on from where an earlier try ended.
    pub fn write(
        &mut self,
        behavior: Behavior,
        bytes: &mut &[u8],
        begun: &mut bool,
    ) -> io::Result<()> {
        if !*begun && behavior == Behavior::Overwrite {
            self.file.set_len(0)?;
        }
        *begun = true;
        if self.unsynced_bytes == 0 {
            self.unsynced_from = self.length();
        }
        // An agent that was killed while it wrote has left half a line; what is written behind it would be lost with it.
        if self.is_torn && behavior == Behavior::Append && bytes.ends_with(b"\n") {
            self.file.write_all(b"\n")?;
            self.unsynced_bytes += 1;
        }
        self.is_torn = false;
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.unsynced_bytes += written as u64;
                    *bytes = bytes.get(written..).unwrap_or(b"");
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if error.kind() == io::ErrorKind::WouldBlock && pipe::has_room(&self.file)? => {
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Removes what is not known to be on disk and will be written again, if nobody else has written behind it.
    pub fn take_back(&mut self) {
        let ours = self.unsynced_from..=self.unsynced_from + self.unsynced_bytes;
        if 0 < self.unsynced_bytes
            && ours.contains(&self.length())
            && let Err(error) = self.file.set_len(self.unsynced_from)
        {
            tracing::debug!("what was not synced stays, and is there twice: {error}");
        }
        self.unsynced_bytes = 0;
    }

    /// Whether what was written can be removed again: what a pipe took cannot.
    pub fn is_file(&self) -> bool {
        self.file
            .metadata()
            .is_ok_and(|metadata| metadata.is_file())
    }

    /// The same as `take_back` where it will not be written again from here.
    pub fn give_up(&mut self) {
        self.take_back();
        self.unsynced.clear();
    }

    /// All that was written is on disk.
    pub fn is_synced(&mut self) {
        self.made_in.clear();
        self.unsynced.clear();
        self.unsynced_bytes = 0;
    }

    fn length(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }
}

/// Whether the path still names the file that is open.
pub fn is_still_named(file: &File, plan: &PathPlan, path: &[u8]) -> bool {
    let name = match plan {
        PathPlan::Fixed(path) => path.clone(),
        PathPlan::Below { folder, .. } => folder.join(std::ffi::OsStr::from_bytes(path)),
    };
    match (
        file.metadata(),
        fs::symlink_metadata(&name).or_else(|_| fs::metadata(&name)),
    ) {
        (Ok(open), Ok(named)) if named.is_symlink() => fs::metadata(&name)
            .is_ok_and(|target| (target.dev(), target.ino()) == (open.dev(), open.ino())),
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Opens the file of this name, which may be that for failures.
pub fn open_file(plan: &PathPlan, name: &[u8], modes: Modes) -> Result<Opened, Unopened> {
    let is_failures = name == plan.failures();
    match plan {
        PathPlan::Fixed(path) if is_failures => {
            Ok(open_fixed(&path.with_file_name(FAILURES), modes)?)
        }
        PathPlan::Fixed(path) => Ok(open_fixed(path, modes)?),
        // No other file stands for this one.
        PathPlan::Below { folder, .. } if is_failures => {
            Ok(open_below(folder, name, modes).map_err(Unopened::into_error)?)
        }
        PathPlan::Below { folder, .. } => open_below(folder, name, modes),
    }
}

/// Whoever opens a pipe that nobody reads, or writes to a full one, does not wait there: he could not be told to leave.
const AT_ONCE: OFlags = OFlags::NONBLOCK;

fn open_fixed(path: &Path, modes: Modes) -> io::Result<Opened> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    make_folder(folder, modes)?;
    let mut options = File::options();
    options.append(true).mode(modes.file.unwrap_or(0o666));
    options.custom_flags(AT_ONCE.bits() as i32);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Opened {
            file: options.create(true).open(path)?,
            is_torn: false,
            made_in: match File::open(folder) {
                // Nobody can sync a folder that he may not read.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Vec::new(),
                folder => vec![folder?],
            },
        }),
        opened => Ok(Opened::existing(opened?, Vec::new())),
    }
}

fn make_folder(folder: &Path, modes: Modes) -> io::Result<()> {
    durable::make_folder(folder, modes.folder.unwrap_or(0o777))
}

/// Opens a file below a folder, part by part, and follows no link on the way: a path made of fields cannot lead out, even
/// if somebody else may write there. What is no file, such as a pipe, is none to it.
pub fn open_below(folder: &Path, path: &[u8], modes: Modes) -> Result<Opened, Unopened> {
    make_folder(folder, modes)?;
    let at = openat(CWD, folder, INTO, Mode::empty()).map_err(io::Error::from)?;
    let opened = open_in(File::from(at), path, modes).map_err(Unopened::below)?;
    match opened.file.metadata()?.is_file() {
        true => Ok(opened),
        false => Err(Unopened::Confined(io::Error::other("it is no file"))),
    }
}

/// A folder on the way.
const INTO: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

fn open_in(mut at: File, path: &[u8], modes: Modes) -> rustix::io::Result<Opened> {
    let mut made_in = Vec::new();
    let mut parts = path.split(|&byte| byte == b'/');
    let name = parts.next_back().unwrap_or(b"");
    for part in parts {
        let mode = Mode::from_raw_mode(modes.folder.unwrap_or(0o777));
        let made = match mkdirat(&at, part, mode) {
            Err(error) if error != Errno::EXIST => return Err(error),
            made => made.is_ok(),
        };
        let inner = File::from(openat(&at, part, INTO | OFlags::NOFOLLOW, Mode::empty())?);
        let outer = std::mem::replace(&mut at, inner);
        made_in.extend(made.then_some(outer));
    }
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW | AT_ONCE;
    let mode = Mode::from_raw_mode(modes.file.unwrap_or(0o666));
    let file = match openat(&at, name, flags, mode) {
        Err(Errno::NOENT) => {
            let made = openat(&at, name, flags | OFlags::CREATE, mode)?;
            made_in.push(at);
            made
        }
        opened => opened?,
    };
    Ok(Opened::existing(File::from(file), made_in))
}
