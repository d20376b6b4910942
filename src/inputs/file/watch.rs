//! The kernel's word on which folders and files changed, by inotify. Watched folders come in, changes go out; what a change
//! means is decided elsewhere. Where the kernel gives no word (a limit, a network file system) files are looked at from
//! time to time.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use crate::limits;

/// Something that the kernel noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A file was written to.
    Written(PathBuf),
    /// A path came, went, or leads to something else now.
    Entry(PathBuf),
    /// A file that is watched by itself was written to, moved or removed.
    File(u64),
    /// Folders came, went or moved, or changes were missed: everything has to be looked at.
    All,
}

/// The watched folders and files.
#[derive(Debug)]
pub struct Watch {
    inotify: OwnedFd,
    watched: HashMap<i32, Watched>,
    folders: HashMap<PathBuf, i32>,
}

#[derive(Debug)]
enum Watched {
    Folder(PathBuf),
    File(u64),
}

impl Watch {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?,
            watched: HashMap::new(),
            folders: HashMap::new(),
        })
    }

    /// Readable when there are changes.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// Watches a folder for all that happens in it, unless it is watched already.
    pub fn add_folder(&mut self, path: &Path) -> io::Result<()> {
        if self.folders.contains_key(path) {
            return Ok(());
        }
        let flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        let number = inotify::add_watch(&self.inotify, path, flags)?;
        self.folders.insert(path.into(), number);
        self.watched.insert(number, Watched::Folder(path.into()));
        Ok(())
    }

    /// Watches a file by itself: one that a link leads to, for its own folder may not be watched.
    pub fn add_file(&mut self, path: &Path, id: u64) -> io::Result<()> {
        let flags = WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF;
        let number = inotify::add_watch(&self.inotify, path, flags)?;
        self.watched.insert(number, Watched::File(id));
        Ok(())
    }

    /// Watches a file by itself no longer, if it did.
    pub fn remove_file(&mut self, id: u64) {
        let is_it = |watched: &Watched| matches!(watched, Watched::File(known) if *known == id);
        let number = self.watched.iter().find(|(_, watched)| is_it(watched));
        if let Some(number) = number.map(|(number, _)| *number) {
            self.watched.remove(&number);
            // It fails if the file is gone, and its watch with it.
            inotify::remove_watch(&self.inotify, number).unwrap_or(());
        }
    }

    /// Appends the changes that there are, each once; waits for none.
    pub fn changes(&mut self, changes: &mut Vec<Change>) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); limits::WATCH_READ_BYTES];
        let mut gone = Vec::new();
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let flags = event.events();
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                changes.push(Change::All);
                continue;
            }
            let change = match self.watched.get(&event.wd()) {
                None => continue,
                Some(Watched::File(id)) => Change::File(*id),
                Some(Watched::Folder(folder)) => match event.file_name() {
                    Some(name) => entry_change(folder, OsStr::from_bytes(name.to_bytes()), flags),
                    None => Change::All,
                },
            };
            let lost = ReadFlags::IGNORED | ReadFlags::MOVE_SELF;
            if flags.intersects(lost) {
                gone.push((event.wd(), flags));
            }
            if changes.last() != Some(&change) {
                changes.push(change);
            }
        }
        gone.into_iter()
            .for_each(|(number, flags)| self.forget(number, flags));
        Ok(())
    }

    /// A folder that moved has another path now; one that is gone may come again.
    fn forget(&mut self, number: i32, flags: ReadFlags) {
        if let Some(Watched::File(_)) = self.watched.get(&number)
            && !flags.contains(ReadFlags::IGNORED)
        {
            return;
        }
        if let Some(Watched::Folder(path)) = self.watched.remove(&number) {
            self.folders.remove(&path);
            if !flags.contains(ReadFlags::IGNORED) {
                // It fails if the kernel was faster, and then there is nothing left to do.
                inotify::remove_watch(&self.inotify, number).unwrap_or(());
            }
        }
    }
}

fn entry_change(folder: &Path, name: &OsStr, flags: ReadFlags) -> Change {
    let shallow = ReadFlags::MODIFY | ReadFlags::ATTRIB;
    if flags.contains(ReadFlags::ISDIR) && !flags.intersects(shallow) {
        return Change::All;
    }
    let path = folder.join(name);
    match flags.contains(ReadFlags::MODIFY) {
        true => Change::Written(path),
        false => Change::Entry(path),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{Change, Watch};

    fn folder(name: &str) -> PathBuf {
        let name = format!("sawlog-watch-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).expect("the folder for temporary files is writable");
        folder
    }

    #[track_caller]
    fn check(watch: &mut Watch, want: &[Change]) {
        let mut changes = Vec::new();
        watch.changes(&mut changes).expect("inotify can be read");
        assert_eq!(changes, want);
    }

    #[test]
    fn files_and_folders_are_told_apart() {
        let folder = folder("kinds");
        let mut watch = Watch::new().expect("there is an inotify instance left");
        watch.add_folder(&folder).expect("the folder is there");
        check(&mut watch, &[]);
        let (one, two) = (folder.join("one"), folder.join("two"));
        fs::write(&one, "text").expect("the folder is writable");
        check(
            &mut watch,
            &[Change::Entry(one.clone()), Change::Written(one.clone())],
        );
        fs::rename(&one, &two).expect("the folder is writable");
        check(&mut watch, &[Change::Entry(one), Change::Entry(two)]);
        fs::create_dir(folder.join("inner")).expect("the folder is writable");
        check(&mut watch, &[Change::All]);
        fs::remove_dir_all(folder).expect("the folder is ours");
    }

    #[test]
    fn a_folder_that_went_and_came_again_is_watched_again() {
        let folder = folder("again");
        let mut watch = Watch::new().expect("there is an inotify instance left");
        watch.add_folder(&folder).expect("the folder is there");
        fs::remove_dir(&folder).expect("the folder is ours");
        check(&mut watch, &[Change::All]);
        fs::create_dir(&folder).expect("the parent is writable");
        watch.add_folder(&folder).expect("the folder is there");
        fs::write(folder.join("x"), "").expect("the folder is writable");
        check(&mut watch, &[Change::Entry(folder.join("x"))]);
        fs::remove_dir_all(folder).expect("the folder is ours");
    }
}
