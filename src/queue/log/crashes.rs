//! A real process on a real folder dies at every named point, and nothing that it was told to be safe is missing after
//! that. Built with the feature `failpoints` alone: `cargo test --features failpoints --bin sawlog crashes`.
#![cfg(feature = "failpoints")]

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Entry, Limits, Log};
use crate::queue::crash;
use crate::queue::disk::Folder;

const LIMITS: Limits = Limits {
    segment_bytes: 2000,
    bytes_max: 1 << 20,
    record_bytes_max: 10_000,
    free_reserve: 0,
};

/// Where the writer works, if this is the process that is to die.
const FOLDER: &str = "SAWLOG_CRASH_FOLDER";

const RECORDS: u32 = 400;

fn open(path: &Path) -> Log<Folder> {
    Log::open(Folder::open(path).unwrap(), LIMITS).unwrap().0
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("sawlog-crash-{name}-{}", std::process::id()))
}

/// Writes numbered records, three a group, and acknowledges all but the last twenty. Says what it promises when it does: `c`
/// and a number after its commit, `a` and a number before its acknowledgement.
fn write(path: &Path) {
    let mut log = open(path);
    let mut said = std::io::stdout();
    // The name of the test stands on this line.
    writeln!(said).unwrap();
    let mut payload = Vec::new();
    for number in 0..RECORDS {
        let text = format!("{number:050}");
        let entry = Entry {
            documents: 1,
            payload: text.as_bytes(),
            ..Entry::default()
        };
        log.append(entry).unwrap();
        if number % 3 != 2 {
            continue;
        }
        log.commit().unwrap();
        for safe in number - 2..=number {
            writeln!(said, "c {safe}").unwrap();
        }
        while 20 < log.pending().records {
            let record = log.read(&mut payload).unwrap().unwrap();
            writeln!(said, "a {}", parse(&payload)).unwrap();
            said.flush().unwrap();
            log.settle(record.sequence);
        }
        log.save_state().unwrap();
    }
    log.commit().unwrap();
}

fn parse(payload: &[u8]) -> u32 {
    std::str::from_utf8(payload).unwrap().parse().unwrap()
}

fn drain(path: &Path) -> BTreeSet<u32> {
    let mut log = open(path);
    let mut payload = Vec::new();
    let mut found = BTreeSet::new();
    while log.read(&mut payload).unwrap().is_some() {
        assert!(found.insert(parse(&payload)), "twice");
    }
    assert_eq!(log.lost(), super::Lost::default());
    found
}

/// The points that the log itself passes.
fn points() -> impl Iterator<Item = crash::Point> {
    let all = crash::ALL.into_iter();
    all.filter(|point| point.name().starts_with("queue-"))
}

/// Runs the writer until it dies as `action` says, and checks what it left.
#[track_caller]
fn survive(point: crash::Point, action: &str) {
    let folder = scratch(&format!("{}-{}", point.name(), action.len()));
    let own = std::env::current_exe().unwrap();
    let output = Command::new(own)
        .args([
            "--exact",
            "--nocapture",
            "queue::log::crashes::the_writer_comes_to_its_end",
        ])
        .env(FOLDER, &folder)
        .env("FAILPOINTS", format!("{}={action}", point.name()))
        .output()
        .unwrap();
    assert_eq!(
        output.status.signal(),
        Some(9),
        "{point:?} {action} was not reached"
    );
    let said = String::from_utf8(output.stdout).unwrap();
    let numbers = |letter: &str| -> BTreeSet<u32> {
        let lines = said.lines().filter_map(|line| line.strip_prefix(letter));
        lines.map(|number| number.trim().parse().unwrap()).collect()
    };
    let (committed, acknowledged) = (numbers("c "), numbers("a "));
    let found = drain(&folder);
    let owed: BTreeSet<u32> = committed.difference(&acknowledged).copied().collect();
    let missing: Vec<&u32> = owed.difference(&found).collect();
    assert!(missing.is_empty(), "{point:?} {action}: {missing:?}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_writer_comes_to_its_end() {
    crash::arm();
    match std::env::var_os(FOLDER) {
        Some(folder) => write(Path::new(&folder)),
        None => {
            let folder = scratch("none");
            write(&folder);
            let found = drain(&folder);
            assert!(
                found.last() == Some(&(RECORDS - 1)) && found.len() < 30,
                "{found:?}"
            );
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}

#[test]
fn nothing_is_lost_at_any_point_the_first_time() {
    for point in points() {
        survive(point, "return");
    }
}

#[test]
fn nothing_is_lost_at_any_point_later() {
    for point in points() {
        survive(point, "3*off->return");
    }
}
