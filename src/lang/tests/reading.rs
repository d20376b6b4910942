//! Files, folders and patterns on a disk.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::lang::files::load_files;
use crate::lang::limits;

/// A folder of its own, gone at the end of the test.
struct Folder(PathBuf);

static FOLDERS: AtomicUsize = AtomicUsize::new(0);

impl Folder {
    fn with(files: &[(&str, &[u8])]) -> Self {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("sawlog-reading-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        for (name, bytes) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a new folder");
            fs::write(path, bytes).expect("a new file");
        }
        Self(folder)
    }

    fn path(&self, below: &str) -> String {
        self.0
            .join(below)
            .to_str()
            .expect("a path in UTF-8")
            .to_owned()
    }

    /// The texts that a path stands for.
    #[track_caller]
    fn check(&self, below: &str, want: &[&str]) {
        let sources = load_files(&self.path(below)).expect("files");
        let texts: Vec<_> = sources
            .all
            .iter()
            .map(|source| source.text.as_str())
            .collect();
        assert_eq!(texts, want, "{below}");
    }

    /// Why a path is refused, its folder taken out.
    #[track_caller]
    fn check_refused(&self, below: &str, want: &[&str]) {
        let refusal = load_files(&self.path(below)).expect_err("no files");
        let start = format!("{}/", self.0.to_str().expect("a path in UTF-8"));
        let problems: Vec<_> = refusal
            .problems
            .iter()
            .map(|problem| problem.replace(&start, ""))
            .collect();
        assert_eq!(problems, want, "{below}");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("its own folder can be removed");
    }
}

fn some() -> Folder {
    Folder::with(&[
        ("20.conf", b"two"),
        ("10.conf", b"one"),
        ("30.txt", b"three"),
        (".hidden.conf", b"hidden"),
        ("10.conf~", b"old"),
        ("sub/10.conf", b"inner"),
        ("sub/deep/x.conf", b"innermost"),
        ("odd[1].conf", b"odd"),
    ])
}

#[test]
fn a_file_is_read_under_the_name_it_was_given() {
    let folder = some();
    folder.check("10.conf", &["one"]);
    folder.check("odd[1].conf", &["odd"]);
    let path = folder.path("10.conf");
    assert_eq!(load_files(&path).expect("a file").all[0].name, path);
}

#[test]
fn a_folder_gives_all_its_files_by_name() {
    let folder = some();
    folder.check("", &["one", "two", "three", "odd"]);
    folder.check("sub", &["inner"]);
}

#[test]
fn a_pattern_gives_what_matches_by_name() {
    let folder = some();
    folder.check("*.conf", &["one", "two", "odd"]);
    folder.check("[12]0.conf", &["one", "two"]);
    folder.check("{30.txt,10.conf}", &["one", "three"]);
    folder.check("*/*.conf", &["inner"]);
    folder.check("**/1?.conf", &["one", "inner"]);
    folder.check("**/*.conf", &["one", "two", "odd", "inner", "innermost"]);
}

#[test]
fn what_is_not_there_is_said() {
    let folder = some();
    folder.check_refused(
        "none.conf",
        &["none.conf:1:1: error: this file cannot be read: No such file or directory (os error 2)\nhelp: check its name and permissions"],
    );
    folder.check_refused(
        "*.none",
        &["*.none:1:1: error: no file matches this pattern\nhelp: check the pattern; put it in quotes so that the shell leaves it alone"],
    );
    assert!(load_files("").is_err());
    let empty = Folder::with(&[("sub/x", b"")]);
    empty.check_refused(
        "",
        &[":1:1: error: this folder holds no files\nhelp: is it the right folder?"],
    );
}

#[test]
fn all_that_is_no_text_is_reported_at_once() {
    let folder = Folder::with(&[
        ("1", b"input { }\n# caf\xe9\n"),
        ("2", b"a\0b"),
        ("3", b"fine"),
        ("4", &vec![b' '; limits::FILE_BYTES_MAX as usize + 1]),
    ]);
    folder.check_refused(
        "[1-4]",
        &[
            "1:2:6: error: the byte 0xe9 is not UTF-8\nhelp: save the file as UTF-8",
            "2:1:2: error: a NUL byte\nhelp: it is no text, or saved as UTF-16; save it as UTF-8",
            "4:1:1: error: too large: a file may have 4194304 bytes, all files together 33554432\nhelp: is it a pipeline?",
        ],
    );
}

#[test]
fn a_file_at_the_limit_is_read() {
    let bytes = vec![b' '; limits::FILE_BYTES_MAX as usize];
    let folder = Folder::with(&[("1", &bytes)]);
    let sources = load_files(&folder.path("1")).expect("a file");
    assert_eq!(sources.all[0].text.len(), bytes.len());
}
