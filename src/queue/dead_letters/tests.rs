//! Letters written, counted, dropped by policy and found again, in folders of the tests' own.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::letter::Letter;
use super::{Current, DeadLetterSettings, DeadLetters, Repeated, StoragePolicy, Written, folder};
use crate::event::provenance::IDENTIFIER_BYTES;
use crate::host::clock;

/// A folder that is removed at the end.
struct Rig {
    folder: PathBuf,
}

impl Rig {
    fn new(name: &str) -> Self {
        let name = format!("sawlog-letters-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name).join("main");
        Self { folder }
    }

    fn open(&self, bytes_max: u64, policy: StoragePolicy) -> DeadLetters {
        DeadLetters::new(DeadLetterSettings {
            folder: self.folder.clone(),
            pipeline: "main".to_owned(),
            bytes_max,
            policy,
            retain: None,
            repeated: Repeated::Known,
        })
    }

    /// Everything in the segments, in order.
    fn text(&self) -> String {
        let segments = folder::segments(&self.folder).expect("the folder can be read");
        let read = |segment: folder::Segment| {
            fs::read_to_string(segment.path).expect("the segment can be read")
        };
        segments.into_iter().map(read).collect()
    }

    fn segments(&self) -> usize {
        folder::segments(&self.folder)
            .expect("the folder can be read")
            .len()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(parent) = self.folder.parent() {
            drop(fs::remove_dir_all(parent));
        }
    }
}

fn kept(kept: u64) -> Written {
    Written {
        kept,
        ..Written::default()
    }
}

#[test]
fn nothing_is_made_before_the_first_letter() {
    let rig = Rig::new("none");
    let letters = rig.open(1000, StoragePolicy::DropNewer);
    assert!(!rig.folder.exists());
    assert_eq!(letters.write(b"a\nb\n").expect("it is written"), kept(2));
    assert_eq!(letters.write(b"c\n").expect("it is written"), kept(1));
    assert_eq!((rig.text().as_str(), rig.segments()), ("a\nb\nc\n", 1));
}

#[test]
fn a_full_queue_drops_what_is_new_and_keeps_what_fits() {
    let rig = Rig::new("newer");
    let letters = rig.open(10, StoragePolicy::DropNewer);
    assert_eq!(letters.write(b"aaaa\n").expect("it is written"), kept(1));
    let written = letters.write(b"bb\nccc\ndd\n").expect("it is written");
    let want = Written {
        kept: 1,
        repeated: 0,
        dropped: 2,
        expired: 0,
    };
    assert_eq!(written, want);
    assert_eq!(rig.text(), "aaaa\nbb\n");
}

#[test]
fn or_it_drops_what_is_old() {
    let rig = Rig::new("older");
    let letters = rig.open(16, StoragePolicy::DropOlder);
    for letter in ["aaaa\n", "bbbb\n", "cccc\n"] {
        assert_eq!(
            letters.write(letter.as_bytes()).expect("it is written"),
            kept(1)
        );
    }
    let written = letters.write(b"dddd\neeee\n").expect("it is written");
    let want = Written {
        kept: 2,
        repeated: 0,
        dropped: 2,
        expired: 0,
    };
    assert_eq!(written, want);
    assert_eq!(rig.text(), "cccc\ndddd\neeee\n");
}

fn write(letters: &DeadLetters, lines: &str) -> (u64, u64) {
    let written = letters.write(lines.as_bytes()).expect("it is written");
    (written.kept, written.dropped)
}

#[test]
fn of_one_write_that_is_too_long_the_newest_letters_stay() {
    let rig = Rig::new("newest");
    let letters = rig.open(16, StoragePolicy::DropOlder);
    assert_eq!(write(&letters, "zzzz\n"), (1, 0));
    assert_eq!(write(&letters, "aaaa\nbbbb\ncccc\ndddd\neeee\n"), (3, 3));
    assert_eq!(rig.text(), "cccc\ndddd\neeee\n");
    assert_eq!(write(&letters, "ffff\n"), (1, 1));
    assert_eq!(rig.text(), "dddd\neeee\nffff\n");
}

#[test]
fn a_letter_that_never_fits_costs_no_other() {
    for (policy, name) in [
        (StoragePolicy::DropOlder, "huge-older"),
        (StoragePolicy::DropNewer, "huge-newer"),
    ] {
        let rig = Rig::new(name);
        let letters = rig.open(16, policy);
        let huge = "h".repeat(16) + "\n";
        assert_eq!(write(&letters, "a\nb\n"), (2, 0));
        assert_eq!(write(&letters, &huge), (0, 1));
        assert_eq!(write(&letters, &format!("c\n{huge}d\n")), (2, 1));
        assert_eq!(rig.text(), "a\nb\nc\nd\n", "{policy:?}");
    }
}

#[test]
fn a_long_write_begins_new_segments() {
    let rig = Rig::new("parts");
    let letters = rig.open(80, StoragePolicy::DropOlder);
    assert_eq!(write(&letters, &"aaaa\n".repeat(8)), (8, 0));
    assert_eq!(rig.segments(), 4);
    assert_eq!(write(&letters, &"bbbb\n".repeat(8)), (8, 0));
    assert_eq!(write(&letters, "cccc\n"), (1, 2));
}

#[test]
fn a_segment_takes_no_more_than_an_eighth_of_the_queue() {
    let rig = Rig::new("eighth");
    let letters = rig.open(80, StoragePolicy::DropNewer);
    assert_eq!(write(&letters, "aaaa\n"), (1, 0));
    assert_eq!(write(&letters, "bbbb\n"), (1, 0));
    assert_eq!(rig.segments(), 1);
    assert_eq!(write(&letters, "cccc\n"), (1, 0));
    assert_eq!(write(&letters, "dddd\neeee\n"), (2, 0));
    assert_eq!(rig.segments(), 3);
}

#[test]
fn what_is_past_its_time_is_removed() {
    let rig = Rig::new("age");
    let mut letters = rig.open(1000, StoragePolicy::DropNewer);
    letters.write(b"a\nb\n").expect("it is written");
    let old = std::time::SystemTime::now() - Duration::from_secs(100);
    for segment in folder::segments(&rig.folder).expect("the folder can be read") {
        let file = fs::File::open(segment.path).expect("it is there");
        file.set_modified(old).expect("it is ours");
    }
    letters.settings.retain = Some(Duration::from_secs(200));
    assert_eq!(letters.write(b"c\n").expect("it is written").expired, 0);
    for segment in folder::segments(&rig.folder).expect("the folder can be read") {
        let file = fs::File::open(segment.path).expect("it is there");
        file.set_modified(old).expect("it is ours");
    }
    letters.settings.retain = Some(Duration::from_secs(50));
    assert_eq!(letters.write(b"d\n").expect("it is written").expired, 3);
    assert_eq!(rig.text(), "d\n");
}

/// Within one test, whose thread has a clock of its own.
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn the_older_letters_go_though_the_clock_was_set_back() {
    let rig = Rig::new("back");
    let letters = rig.open(16, StoragePolicy::DropOlder);
    assert_eq!(write(&letters, "aaaa\nbbbb\n"), (2, 0));
    clock::set(-(HOUR.as_nanos() as i64));
    assert_eq!(write(&letters, "cccc\n"), (1, 0));
    assert_eq!(rig.text(), "aaaa\nbbbb\ncccc\n");
    for (letter, want) in [
        ("dddd\n", "bbbb\ncccc\ndddd\n"),
        ("eeee\n", "cccc\ndddd\neeee\n"),
        ("ffff\n", "dddd\neeee\nffff\n"),
    ] {
        assert_eq!(write(&letters, letter), (1, 1));
        assert_eq!(rig.text(), want);
    }
}

#[test]
fn so_do_those_that_are_being_sent_again() {
    let rig = Rig::new("back-taken");
    let letters = rig.open(1000, StoragePolicy::DropOlder);
    assert_eq!(write(&letters, "a\n"), (1, 0));
    let segments = folder::segments(&rig.folder).expect("the folder can be read");
    folder::take(&rig.folder, &segments[0]).expect("it is there");
    clock::set(-(HOUR.as_nanos() as i64));
    assert_eq!(write(&letters, "b\n"), (1, 0));
    assert_eq!((rig.text().as_str(), rig.segments()), ("a\nb\n", 2));
}

#[test]
fn a_segment_that_is_written_to_outlives_those_that_others_began_after_it() {
    let rig = Rig::new("held");
    let letters = rig.open(80, StoragePolicy::DropOlder);
    let others = rig.open(80, StoragePolicy::DropOlder);
    assert_eq!(write(&letters, "a\n"), (1, 0));
    assert_eq!(write(&others, &"bbbbbbbbb\n".repeat(7)), (7, 0));
    assert_eq!(write(&letters, "c\n"), (1, 0));
    assert_eq!(write(&letters, "dddddddd\n"), (1, 1));
    assert!(rig.text().starts_with("a\nc\nbbbb"), "{}", rig.text());
}

#[test]
fn the_age_of_letters_is_by_the_clock_of_the_host() {
    let rig = Rig::new("ahead");
    let mut letters = rig.open(1000, StoragePolicy::DropNewer);
    letters.settings.retain = Some(HOUR);
    assert_eq!(write(&letters, "a\n"), (1, 0));
    clock::set(2 * HOUR.as_nanos() as i64);
    let written = letters.write(b"b\n").expect("it is written");
    assert_eq!((written.kept, written.expired), (1, 1));
    assert_eq!(rig.text(), "b\n");
}

#[test]
fn a_segment_that_was_taken_is_not_written_to() {
    let rig = Rig::new("taken");
    let letters = rig.open(1000, StoragePolicy::DropNewer);
    letters.write(b"a\nb\n").expect("it is written");
    let segment = folder::segments(&rig.folder)
        .expect("the folder can be read")
        .remove(0);
    let taken = folder::take(&rig.folder, &segment).expect("it is there");
    letters.write(b"c\n").expect("it is written");
    assert_eq!(fs::read_to_string(&taken).expect("it is there"), "a\nb\n");
    assert_eq!((rig.text().as_str(), rig.segments()), ("a\nb\nc\n", 2));
    folder::replace(&rig.folder, &taken, b"b\n").expect("the folder is ours");
    assert_eq!(rig.text(), "b\nc\n");
    folder::replace(&rig.folder, &taken, b"").expect("the folder is ours");
    assert_eq!(rig.text(), "c\n");
}

#[test]
fn writers_of_one_folder_do_not_meet() {
    let rig = Rig::new("writers");
    let writers = [0, 1, 2].map(|_| rig.open(1 << 20, StoragePolicy::DropNewer));
    std::thread::scope(|scope| {
        for writer in &writers {
            scope.spawn(|| {
                for _ in 0..50 {
                    writer.write(b"letter\n").expect("it is written");
                }
            });
        }
    });
    assert_eq!(rig.text(), "letter\n".repeat(150));
    assert_eq!(rig.segments(), 3);
}

#[test]
fn one_replay_at_a_time() {
    let rig = Rig::new("replay");
    crate::durable::make_private_folder(&rig.folder).expect("the folder is ours");
    let held = folder::lock_replay(&rig.folder).expect("the folder is ours");
    assert!(held.is_some());
    let second = folder::lock_replay(&rig.folder).expect("the folder is ours");
    assert!(second.is_none());
}

/// A segment with so many bytes that cannot be written to, as on a disk that is full.
fn unwritable(rig: &Rig, text: &str) -> Current {
    crate::durable::make_private_folder(&rig.folder).expect("the folder is ours");
    let path = rig.folder.join(folder::name(1));
    fs::write(&path, text).expect("the folder is ours");
    Current {
        file: fs::File::open(&path).expect("it is there"),
        path,
        bytes: text.len() as u64,
    }
}

#[test]
fn a_write_that_fails_leaves_no_empty_segment() {
    let rig = Rig::new("full-new");
    assert!(unwritable(&rig, "").append(b"a\n").is_err());
    assert_eq!(rig.segments(), 0);
}

#[test]
fn a_segment_that_fails_is_kept_with_what_it_has_and_another_is_begun() {
    let rig = Rig::new("full-old");
    let letters = rig.open(1000, StoragePolicy::DropNewer);
    letters.state.lock().expect("nobody panics").current = Some(unwritable(&rig, "a\n"));
    assert_eq!(letters.write(b"b\n").expect("it is written"), kept(1));
    assert_eq!((rig.text().as_str(), rig.segments()), ("a\nb\n", 2));
}

#[test]
fn letters_that_could_not_be_written_count_as_nothing() {
    let rig = Rig::new("obstructed");
    fs::create_dir_all(rig.folder.parent().expect("it has one")).expect("it is ours");
    fs::write(&rig.folder, "a file").expect("it is ours");
    let letters = rig.open(4, StoragePolicy::DropNewer);
    let failed = letters.write(b"a\nb\nc\n").expect_err("there is no folder");
    assert_eq!(failed.written, Written::default());
    fs::remove_file(&rig.folder).expect("it is ours");
    let written = letters.write(b"a\nb\nc\n").expect("it is written");
    assert_eq!((written.kept, written.dropped), (2, 1));
}

/// A letter of a document.
fn letter(plugin: &str, action: &str) -> Vec<u8> {
    let mut line = Vec::new();
    let letter = Letter {
        plugin,
        kind: "refused_mapping",
        status: Some(400),
        reason: "no",
        action: action.as_bytes(),
        document: b"{}",
        metadata: b"",
    };
    letter.write("main", 0, &mut line);
    line
}

/// The action of a document with an id of the agent's length that ends so.
fn own(end: &str) -> String {
    let id = format!("{end:0>IDENTIFIER_BYTES$}");
    format!(r#"{{"create":{{"_index":"a","_id":"{id}"}}}}"#)
}

#[test]
fn a_letter_that_an_earlier_life_has_kept_is_not_written_again() {
    let rig = Rig::new("known");
    let settings = rig.open(1 << 20, StoragePolicy::DropNewer).settings;
    let life = || DeadLetters::with_own_ids(settings.clone(), "es");
    let [first, second, third] = ["1", "2", "3"].map(|end| letter("es", &own(end)));
    let both = [&*first, &*second].concat();
    assert_eq!(life().write(&both).expect("they are written"), kept(2));
    let again = life();
    // One that waited on disk may be read again as well.
    let all = [&*first, &*third, &*second, &*third].concat();
    let want = Written {
        repeated: 3,
        ..kept(1)
    };
    assert_eq!(again.write(&all).expect("it is written"), want);
    let want = Written {
        repeated: 1,
        ..kept(0)
    };
    assert_eq!(again.write(&third).expect("it is known"), want);
    assert_eq!(rig.text().as_bytes(), [&*both, &*third].concat());
}

#[test]
fn letters_of_other_outputs_ids_of_users_and_torn_letters_are_not_known() {
    let rig = Rig::new("strange");
    let settings = rig.open(1 << 20, StoragePolicy::DropNewer).settings;
    let life = || DeadLetters::with_own_ids(settings.clone(), "es");
    let users = letter("es", r#"{"create":{"_index":"a","_id":"7"}}"#);
    let of_server = letter("es", r#"{"create":{"_index":"a"}}"#);
    let nameless = letter("es", "");
    let of_other = letter("other", &own("1"));
    let whole = letter("es", &own("1"));
    let torn = whole[..whole.len() - 1].to_vec();
    let old = [
        users.clone(),
        of_server.clone(),
        nameless.clone(),
        of_other,
        torn,
    ]
    .concat();
    life().write(&old).expect("they are written");
    let new = [users, of_server, nameless, whole].concat();
    assert_eq!(life().write(&new).expect("they are written"), kept(4));
}

#[test]
fn a_letter_that_is_sent_again_is_written_before_the_old_one_goes() {
    let rig = Rig::new("resent");
    let mut settings = rig.open(1 << 20, StoragePolicy::DropNewer).settings;
    settings.repeated = Repeated::Written;
    let letter = letter("es", &own("1"));
    for _ in 0..2 {
        let letters = DeadLetters::with_own_ids(settings.clone(), "es");
        assert_eq!(letters.write(&letter).expect("it is written"), kept(1));
    }
}
