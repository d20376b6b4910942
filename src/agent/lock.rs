//! One agent a data folder: a lock on a file in it, held as long as the agent runs.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::durable::{make_private_folder, sync_folders};

/// Folders in folders of a data folder at most: the queues of an output.
const DEPTH: usize = 3;

/// The held lock.
pub struct Lock(File);

/// Makes the folder if it is not there and locks it. An error says what to do.
pub fn take(folder: &Path) -> Result<Lock, String> {
    let wrong = |error: std::io::Error| {
        let folder = folder.display();
        format!("cannot use the data folder {folder}: {error}; name another with --path.data")
    };
    make_private_folder(folder).map_err(wrong)?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(folder.join("lock"))
        .map_err(wrong)?;
    match file.try_lock() {
        Ok(()) => {
            if let Err(error) = sync_folders(folder, DEPTH) {
                let folder = folder.display();
                tracing::warn!(
                    "folders in {folder} cannot be synced: {error}; a loss of power may take new ones"
                );
            }
            Ok(Lock(file))
        }
        Err(std::fs::TryLockError::WouldBlock) => Err(format!(
            "another sawlog uses the data folder {}; stop it, or name another with --path.data",
            folder.display()
        )),
        Err(std::fs::TryLockError::Error(error)) => Err(wrong(error)),
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!("the data folder stays locked until the process ends: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::take;

    #[test]
    fn a_folder_has_one_agent() {
        let folder = std::env::temp_dir().join(format!("sawlog-lock-{}", std::process::id()));
        let held = take(&folder).expect("nobody holds it");
        let error = take(&folder).err().expect("it is held");
        assert!(error.contains("another sawlog"), "{error}");
        drop(held);
        assert!(take(&folder).is_ok());
        std::fs::remove_dir_all(folder).expect("the folder is ours");
    }
}
