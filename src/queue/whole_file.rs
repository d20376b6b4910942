//! Small files that are written as a whole: a path and bytes come in, and after a crash the old content or the new one is
//! there, never a part.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Replaces a file: a new one is written beside it, synced and renamed over it, and the folder synced. The folder is made
/// if it is not there. Two threads must not replace the same file at once.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}
