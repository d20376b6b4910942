//! The real folder.

use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Disk, Folder};

/// A path below which a test may do anything.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("sawlog-disk-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the folder is ours");
    }
}

#[test]
fn folders_and_files_are_the_owners_alone() {
    let scratch = Scratch::new("owner");
    let path = scratch.0.join("main").join("one");
    let folder = Folder::open(&path).unwrap();
    folder.create("a").unwrap();
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.clone()), 0o700);
    assert_eq!(mode(path.join("a")), 0o600);
}

#[test]
fn a_folder_has_one_writer_and_any_number_of_viewers() {
    let scratch = Scratch::new("writer");
    let held = Folder::open(&scratch.0).unwrap();
    let error = Folder::open(&scratch.0).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
    let viewer = Folder::view(&scratch.0).unwrap();
    let error = viewer.create("a").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ReadOnlyFilesystem);
    drop(held);
    assert!(Folder::open(&scratch.0).is_ok());
}

#[test]
fn files_are_written_read_renamed_and_listed() {
    let scratch = Scratch::new("files");
    let folder = Folder::open(&scratch.0).unwrap();
    let file = folder.create("a").unwrap();
    folder.write_at(&file, b"hello", 2).unwrap();
    folder.sync(&file).unwrap();
    folder.rename("a", "b").unwrap();
    folder.sync_folder().unwrap();
    assert_eq!(folder.list().unwrap(), [("b".to_owned(), 7)]);
    let mut bytes = [9; 9];
    let file = folder.open("b").unwrap();
    assert_eq!(folder.read_at(&file, &mut bytes, 0).unwrap(), 7);
    assert_eq!(&bytes, b"\0\0hello\x09\x09");
    folder.truncate(&file, 3).unwrap();
    assert_eq!(folder.size(&file).unwrap(), 3);
    folder.remove("b").unwrap();
    assert!(folder.list().unwrap().is_empty());
    assert!(0 < folder.free_bytes().unwrap());
    assert_ne!(folder.random(), folder.random());
}

#[test]
fn a_link_in_the_place_of_a_file_is_refused() {
    let scratch = Scratch::new("link");
    let folder = Folder::open(&scratch.0).unwrap();
    folder.create("target").unwrap();
    std::os::unix::fs::symlink(scratch.0.join("target"), scratch.0.join("a")).unwrap();
    assert!(folder.create("a").is_err());
    assert!(folder.open("a").is_err());
    assert_eq!(folder.list().unwrap(), [("target".to_owned(), 0)]);
}

/// A file with more than is freed at a time.
fn filled(folder: &Folder, name: &str) -> File {
    let file = folder.create(name).unwrap();
    folder.write_at(&file, &[7; 3 << 20], 0).unwrap();
    file
}

#[track_caller]
fn wait_until_empty(folder: &Folder, file: &File) {
    let start = Instant::now();
    while folder.size(file).unwrap() != 0 {
        assert!(start.elapsed().as_secs() < 60, "the file keeps its room");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_room_of_a_removed_file_is_given_back() {
    let scratch = Scratch::new("room");
    let folder = Folder::open(&scratch.0).unwrap();
    let file = filled(&folder, "a");
    folder.remove("a").unwrap();
    assert_eq!(folder.list().unwrap(), []);
    wait_until_empty(&folder, &file);
}

#[test]
fn what_a_viewer_reads_stays_whole_when_it_is_removed() {
    let scratch = Scratch::new("viewed");
    let folder = Folder::open(&scratch.0).unwrap();
    let [_, other] = ["a", "b"].map(|name| filled(&folder, name));
    let viewer = Folder::view(&scratch.0).unwrap();
    let viewed = viewer.open("a").unwrap();
    folder.remove("a").unwrap();
    folder.remove("b").unwrap();
    // They have their turns in order: once the second is gone, the first was left alone.
    wait_until_empty(&folder, &other);
    assert_eq!(viewer.size(&viewed).unwrap(), 3 << 20);
    let error = viewer.open("a").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn what_has_another_name_stays_whole_when_it_is_removed() {
    let scratch = Scratch::new("linked");
    let folder = Folder::open(&scratch.0).unwrap();
    let [_, other] = ["a", "b"].map(|name| filled(&folder, name));
    let kept = scratch.0.join("kept");
    std::fs::hard_link(scratch.0.join("a"), &kept).unwrap();
    folder.remove("a").unwrap();
    folder.remove("b").unwrap();
    wait_until_empty(&folder, &other);
    assert_eq!(std::fs::metadata(kept).unwrap().len(), 3 << 20);
}
