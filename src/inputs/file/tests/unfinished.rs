//! Long lines without an end in many files: what finds no room in memory is put back, and comes as a whole when it has its
//! end, as if it had been kept.

use std::fs;
use std::time::{Duration, Instant};

use super::{BEGINNING, DEADLINE, Rig, Running};
use crate::limits;

/// A part of a line, so long that only sixteen find room.
const LENGTH: usize = (1 << 20) - 1000;

const FILES: usize = limits::FILE_UNFINISHED_BYTES_MAX / LENGTH + 4;

fn name(number: usize) -> String {
    format!("{number}.log")
}

/// Files of one line with an end and a long one without, all of which were read.
fn begin(rig: &Rig, options: &str, delimiter: &str) -> Running {
    let part = "x".repeat(LENGTH);
    for number in 0..FILES {
        rig.write(&name(number), &format!("first{delimiter}{number} {part}"));
    }
    let mut running = rig.start("*.log", &format!("{BEGINNING} {options}"));
    running.check(&["first"; FILES]);
    running
}

/// The next lines are those of some files, with this behind the long part.
#[track_caller]
fn check(running: &mut Running, numbers: std::ops::Range<usize>, end: &str) {
    let mut got: Vec<usize> = Vec::new();
    for event in running.next(numbers.len()) {
        assert_eq!(event.get("tags"), None);
        let message = super::message(&event);
        let (number, rest) = message.split_once(' ').expect("it has a number");
        assert_eq!(rest.trim_start_matches('x'), end);
        assert_eq!(rest.len(), LENGTH + end.len());
        got.push(number.parse().expect("it is a number"));
    }
    got.sort_unstable();
    assert_eq!(got, numbers.collect::<Vec<usize>>());
}

#[test]
fn long_lines_of_many_files_come_as_a_whole() {
    let rig = Rig::new("unfinished");
    let mut running = begin(&rig, "", "\n");
    for more in [" more", " and more\n"] {
        for number in 0..FILES {
            rig.append(&name(number), more);
        }
    }
    check(&mut running, 0..FILES, " more and more");
    for number in 0..FILES {
        rig.append(
            &name(number),
            &format!("{number} {}.\n", "x".repeat(LENGTH)),
        );
    }
    check(&mut running, 0..FILES, ".");
    running.stop();
}

#[test]
fn a_delimiter_that_comes_in_two_parts_is_found() {
    let rig = Rig::new("unfinished-parts");
    let mut running = begin(&rig, "delimiter => '<end>'", "<end>");
    for more in ["<en", "d>"] {
        for number in 0..FILES {
            rig.append(&name(number), more);
        }
    }
    check(&mut running, 0..FILES, "");
    running.stop();
}

#[test]
fn one_that_becomes_too_long_is_cut() {
    let rig = Rig::new("unfinished-long");
    let mut running = begin(&rig, "", "\n");
    let more = "x".repeat(2000);
    for number in 0..FILES {
        rig.append(&name(number), &more);
    }
    for event in running.next(FILES) {
        assert_eq!(event["tags"], serde_json::json!(["_linetruncated"]));
    }
    for number in 0..FILES {
        rig.append(&name(number), "\nnext\n");
    }
    running.check(&["next"; FILES]);
    running.stop();
}

#[test]
fn a_file_that_is_removed_gives_its_last_line() {
    let rig = Rig::new("unfinished-removed");
    let mut running = begin(&rig, "", "\n");
    for number in 0..FILES {
        fs::remove_file(rig.path(&name(number))).expect("it is there");
    }
    running.stop.send(true).expect("the input listens");
    check(&mut running, 0..FILES, "");
    running.stop();
}

#[test]
fn a_file_that_is_emptied_begins_anew() {
    let rig = Rig::new("unfinished-emptied");
    let mut running = begin(&rig, "", "\n");
    for number in 0..FILES {
        rig.write(&name(number), "");
    }
    let deadline = Instant::now() + DEADLINE;
    while running.counter("truncations") < FILES as u64 {
        assert!(Instant::now() < deadline, "not all are seen to be emptied");
        running.take_batch(Duration::from_millis(10));
    }
    for number in 0..FILES {
        rig.append(&name(number), "anew\n");
    }
    // What was held of those that found room is a line; what was put back is gone with its file.
    let (mut held, mut anew) = (0, 0);
    while anew < FILES {
        match super::message(&running.next(1).remove(0)).as_str() {
            "anew" => anew += 1,
            _ => held += 1,
        }
    }
    assert!(held < FILES);
    running.stop();
}

#[test]
fn a_restart_reads_them_from_their_beginning() {
    let rig = Rig::new("unfinished-restart");
    begin(&rig, "", "\n").stop();
    for number in 0..FILES {
        rig.append(&name(number), "\n");
    }
    let mut running = rig.start("*.log", BEGINNING);
    check(&mut running, 0..FILES, "");
    running.stop();
}
