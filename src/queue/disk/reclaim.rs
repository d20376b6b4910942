//! Gives the room of removed files back to the file system bit by bit. To free 64 MB at once holds the file system's journal
//! for longer than a sync takes otherwise (40 to 80 ms, measured on ext4 mounted with `discard`), and every sync of the
//! queue waits for it; freed by the megabyte, none does.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use crate::limits;

/// A thread that shrinks removed files; it ends with this.
pub struct Reclaim(SyncSender<File>);

impl Reclaim {
    pub fn start() -> io::Result<Self> {
        let (files, incoming) = sync_channel(limits::QUEUE_RECLAIM_FILES_MAX);
        std::thread::Builder::new()
            .name("queue room".to_owned())
            .spawn(move || shrink_all(&incoming))?;
        Ok(Self(files))
    }

    /// Removes a file. Whoever has locked it reads on in all of it, as if it were still there.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        let file = File::options()
            .write(true)
            .custom_flags(super::no_follow())
            .open(path);
        std::fs::remove_file(path)?;
        // One that cannot be opened was removed like any other, and so is one for which there is no turn.
        if let Ok(file) = file {
            drop(self.0.try_send(file));
        }
        Ok(())
    }
}

fn shrink_all(incoming: &Receiver<File>) {
    while let Ok(file) = incoming.recv() {
        // What is left after an error is freed with the file's end.
        shrink(&file).unwrap_or(());
    }
}

/// Shrinks a file to nothing, resting as long as it works. One that is read, or has another name, is left as it is.
fn shrink(file: &File) -> io::Result<()> {
    let data = file.metadata()?;
    if data.nlink() != 0 || file.try_lock().is_err() {
        return Ok(());
    }
    let mut size = data.len();
    while 0 < size {
        size = size.saturating_sub(limits::QUEUE_RECLAIM_STEP_BYTES);
        let start = Instant::now();
        file.set_len(size)?;
        std::thread::sleep(start.elapsed());
    }
    Ok(())
}
