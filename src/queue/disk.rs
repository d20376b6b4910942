//! One folder of files, as the log and the positions need it: a trait, so that a test can lose, tear and spoil what was written, and the
//! real folder behind it.

#[cfg(test)]
pub mod model;
mod reclaim;
#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::durable::make_private_folder;
use crate::limits;
use reclaim::Reclaim;

/// A flat folder. Names are file names, never paths.
pub trait Disk {
    type File;

    /// What messages call the folder.
    fn label(&self) -> String;
    /// A new, empty file; one of the same name is emptied.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    fn open(&self, name: &str) -> io::Result<Self::File>;
    fn size(&self, file: &Self::File) -> io::Result<u64>;
    /// Reads until `into` is full or the file ends; returns the bytes read.
    fn read_at(&self, file: &Self::File, into: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes`, or fails with any part of them written.
    fn write_at(&self, file: &Self::File, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn truncate(&self, file: &Self::File, size: u64) -> io::Result<()>;
    /// Makes the file's bytes and size safe. After an error nothing is known of what was written since the last time.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    /// Makes the folder's names safe.
    fn sync_folder(&self) -> io::Result<()>;
    /// An existing file called `to` is replaced.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// A second name for a file; an existing file of that name is an error.
    fn link(&self, file: &str, name: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Names and sizes of all plain files, in no order.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;
    /// What the file system has left for us.
    fn free_bytes(&self) -> io::Result<u64>;
    /// A number that no other queue has.
    fn random(&self) -> u64;
}

/// The lock's name in a queue's folder.
const LOCK: &str = "lock";

/// A real folder.
pub struct Folder {
    path: PathBuf,
    access: Access,
}

enum Access {
    /// Nobody else writes as long as the lock is held.
    Locked {
        #[expect(dead_code, reason = "its end gives the lock back")]
        lock: File,
        reclaim: Reclaim,
    },
    /// Others write other files. Files are written by their creation alone.
    Shared,
    View,
}

impl Folder {
    /// Opens a folder for reading and writing and makes it if need be. The error is `ResourceBusy` if another process has it.
    pub fn open(path: &Path) -> io::Result<Self> {
        make_private_folder(path)?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(no_follow())
            .open(&lock_path)
            .map_err(|error| named(lock_path.display(), &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.into(),
                access: Access::Locked {
                    lock,
                    reclaim: Reclaim::start()?,
                },
            }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                format!("another process uses the queue {}", path.display()),
            )),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// A folder in which others write too, each its own files. It is made with its first file.
    pub fn share(path: &Path) -> Self {
        let path = match path.as_os_str().is_empty() {
            true => Path::new("."),
            false => path,
        };
        Self {
            path: path.into(),
            access: Access::Shared,
        }
    }

    /// Opens a folder for reading alone, also beside an agent that writes to it.
    pub fn view(path: &Path) -> io::Result<Self> {
        std::fs::read_dir(path)?;
        Ok(Self {
            path: path.into(),
            access: Access::View,
        })
    }

    fn writable(&self) -> io::Result<()> {
        match self.access {
            Access::Locked { .. } | Access::Shared => Ok(()),
            Access::View => Err(io::Error::new(
                io::ErrorKind::ReadOnlyFilesystem,
                "the queue was opened for reading alone",
            )),
        }
    }
}

/// Whether somebody writes in this folder, be it another process or this one.
pub fn is_held(path: &Path) -> bool {
    let lock = File::open(path.join(LOCK));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// An error with the file's name.
pub fn named(file: impl Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{file}: {error}"))
}

/// The flag that refuses a link in the place of a file: what is written to never lies elsewhere.
fn no_follow() -> i32 {
    // The kernel's flags fit its own type, a C int.
    rustix::fs::OFlags::NOFOLLOW.bits() as i32
}

impl Disk for Folder {
    type File = File;

    fn label(&self) -> String {
        self.path.display().to_string()
    }

    fn create(&self, name: &str) -> io::Result<File> {
        self.writable()?;
        if matches!(self.access, Access::Shared) {
            make_private_folder(&self.path)?;
        }
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(no_follow())
            .open(self.path.join(name))
    }

    fn open(&self, name: &str) -> io::Result<File> {
        let (is_viewed, is_written, flags) = match self.access {
            Access::Locked { .. } => (false, true, no_follow()),
            Access::View => (true, false, no_follow()),
            // What is read alone may lie elsewhere.
            Access::Shared => (false, false, 0),
        };
        let file = OpenOptions::new()
            .read(true)
            .write(is_written)
            .custom_flags(flags)
            .open(self.path.join(name))?;
        // The writer beside may remove what is looked at: locked while it has its name, it keeps its content until it is closed.
        let is_gone = || -> io::Result<bool> {
            let is_shrunk = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
            Ok(is_shrunk || file.metadata()?.nlink() == 0)
        };
        if is_viewed && is_gone()? {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(file)
    }

    fn size(&self, file: &File) -> io::Result<u64> {
        Ok(file.metadata()?.len())
    }

    fn read_at(&self, file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut read = 0;
        while let Some(rest) = into.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn truncate(&self, file: &File, size: u64) -> io::Result<()> {
        file.set_len(size)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.writable()?;
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn link(&self, file: &str, name: &str) -> io::Result<()> {
        self.writable()?;
        std::fs::hard_link(self.path.join(file), self.path.join(name))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.writable()?;
        let path = self.path.join(name);
        // Where room is short it is needed now.
        let has_room = || {
            self.free_bytes()
                .is_ok_and(|free| limits::QUEUE_FREE_RESERVE_BYTES * 2 < free)
        };
        match &self.access {
            Access::Locked { reclaim, .. } if has_room() => reclaim.remove(&path),
            _ => std::fs::remove_file(path),
        }
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            let data = match entry.metadata() {
                Ok(data) => data,
                // Removed by the agent while we look.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            // A name that is no text is none of ours.
            if let Ok(name) = entry.file_name().into_string()
                && data.is_file()
                && name != LOCK
            {
                files.push((name, data.len()));
            }
        }
        Ok(files)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let system = rustix::fs::statvfs(&self.path)?;
        Ok(system.f_bavail.saturating_mul(system.f_frsize))
    }

    fn random(&self) -> u64 {
        use std::hash::{BuildHasher, Hasher};
        // The standard library seeds its hashers from the system's random numbers.
        std::hash::RandomState::new().build_hasher().finish()
    }
}
