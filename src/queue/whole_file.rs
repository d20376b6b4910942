//! Small files that are written as a whole: a path and bytes come in, and after a crash the old content or the new one is
//! there, never a part.

use std::io;
use std::path::Path;

use crate::queue::crash::{self, Point};
use crate::queue::disk::{Disk, Folder};

/// Replaces a file, durably. The folder is made if it is not there. Two threads must not replace the same file at once.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (folder, name) = place(path)?;
    replace_in(&folder, name, bytes)
}

/// The folder that a file lies in, and its name there.
pub fn place(path: &Path) -> io::Result<(Folder, &str)> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or(io::ErrorKind::InvalidFilename)?;
    Ok((Folder::share(path.parent().unwrap_or(Path::new(""))), name))
}

/// Replaces a file in a folder, durably.
pub fn replace_in<D: Disk>(folder: &D, name: &str, bytes: &[u8]) -> io::Result<()> {
    prepare(folder, name, bytes)?.put()
}

/// Has a file that is there outlive a loss of power: a process that was killed may have given it its name and not synced the
/// folder.
pub fn make_durable(path: &Path) -> io::Result<()> {
    let (folder, name) = place(path)?;
    make_durable_in(&folder, name)
}

/// The same in a folder.
pub fn make_durable_in<D: Disk>(folder: &D, name: &str) -> io::Result<()> {
    match folder.open(name) {
        Ok(_) => folder.sync_folder(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The whole content of a file.
pub fn read_in<D: Disk>(folder: &D, name: &str) -> io::Result<Vec<u8>> {
    let file = folder.open(name)?;
    let size = usize::try_from(folder.size(&file)?).map_err(io::Error::other)?;
    let mut bytes = vec![0; size];
    let read = folder.read_at(&file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// A new file beside the old one, on disk already.
pub struct Prepared<'a, D> {
    folder: &'a D,
    temporary: String,
    name: &'a str,
}

/// Writes a new file beside the old one and syncs it.
pub fn prepare<'a, D: Disk>(
    folder: &'a D,
    name: &'a str,
    bytes: &[u8],
) -> io::Result<Prepared<'a, D>> {
    // The whole name before it: others are replaced at the same time.
    let temporary = format!("{name}.tmp");
    let file = folder.create(&temporary)?;
    folder.write_at(&file, bytes, 0)?;
    crash::point(Point::FileWritten);
    folder.sync(&file)?;
    crash::point(Point::FileSynced);
    Ok(Prepared {
        folder,
        temporary,
        name,
    })
}

impl<D: Disk> Prepared<'_, D> {
    /// Renames it over the old one and syncs the folder.
    pub fn put(self) -> io::Result<()> {
        self.folder.rename(&self.temporary, self.name)?;
        crash::point(Point::FileRenamed);
        self.folder.sync_folder()
    }
}

#[cfg(test)]
mod tests {
    use super::{prepare, replace_in};
    use crate::queue::disk::model::{Dice, Model};

    const NAME: &str = "positions.json";

    #[test]
    fn what_was_replaced_is_safe_from_a_machine_that_dies() {
        for seed in 0..200 {
            let disk = Model::default();
            for text in ["old", "a new one, which is longer"] {
                replace_in(&disk, NAME, text.as_bytes()).expect("there is room");
                disk.crash(&mut Dice(seed));
                assert_eq!(disk.bytes(NAME), text.as_bytes());
            }
        }
    }

    #[test]
    fn a_machine_that_dies_meanwhile_leaves_the_old_file_or_the_new_one() {
        let texts = ["old".as_bytes(), &[b'n'; 1000]];
        let mut found = [0, 0];
        for seed in 0..500 {
            for operations in 0..5 {
                let disk = Model::default();
                replace_in(&disk, NAME, texts[0]).expect("there is room");
                disk.die_after(operations);
                assert!(replace_in(&disk, NAME, texts[1]).is_err());
                disk.crash(&mut Dice(seed));
                let left = disk.bytes(NAME);
                let which = texts.iter().position(|text| *text == left);
                found[which.expect("it is one of them")] += 1;
            }
        }
        assert!(found.iter().all(|count| 0 < *count), "{found:?}");
    }

    #[test]
    fn files_whose_names_differ_in_their_ending_do_not_mix() {
        let disk = Model::default();
        let first = prepare(&disk, "positions.1", b"first").expect("there is room");
        let second = prepare(&disk, "positions.2", b"second").expect("there is room");
        first.put().expect("it was prepared");
        second.put().expect("it was prepared");
        assert_eq!(disk.bytes("positions.1"), b"first");
        assert_eq!(disk.bytes("positions.2"), b"second");
    }

    #[test]
    fn a_full_disk_and_a_failing_sync_leave_the_old_file() {
        let disk = Model::default();
        replace_in(&disk, NAME, b"old").expect("there is room");
        disk.fill(Some(2));
        assert!(replace_in(&disk, NAME, b"new").is_err());
        disk.fill(None);
        disk.fail_syncs(1);
        assert!(replace_in(&disk, NAME, b"new").is_err());
        assert_eq!(disk.bytes(NAME), b"old");
        replace_in(&disk, NAME, b"new").expect("all is well again");
        assert_eq!(disk.bytes(NAME), b"new");
    }
}
