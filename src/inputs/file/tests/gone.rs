//! Logs that were emptied, removed, packed or renamed before everything of them was safe, and what is told of those that are
//! gone.

use std::collections::HashSet;
use std::fs::{self, File};
use std::time::Duration;

use super::{BEGINNING, Rig, check_in_order, copy_and_empty, held_up, message, numbered};

#[test]
fn what_an_emptied_log_held_and_nobody_acknowledged_is_read_from_its_copy() {
    for (is_packed, acknowledged) in [(false, 0), (false, 1), (true, 0), (true, 1)] {
        let rig = Rig::new(&format!("emptied-{is_packed}-{acknowledged}"));
        rig.write("a.log", "");
        let mut running = rig.start("a.log", BEGINNING);
        running.wait_for_files(1);
        rig.append("a.log", "zero\n");
        running.acknowledges = acknowledged == 1;
        running.check(&["zero"]);
        running.acknowledges = false;
        rig.append("a.log", "one\n");
        running.check(&["one"]);
        copy_and_empty(&rig);
        running.wait_until_truncated();
        rig.append("a.log", "two\n");
        running.check(&["two"]);
        let first = running.identifiers.clone();
        running.stop();
        if is_packed {
            rig.pack("a.log.1");
        }
        let mut running = rig.start("a.log", "");
        let want = ["one", "two", "zero"];
        let mut got: Vec<String> = running.next(3 - acknowledged).iter().map(message).collect();
        got.sort();
        assert_eq!(got, want[..3 - acknowledged]);
        let first: HashSet<[u8; 20]> = first.into_iter().collect();
        assert!(running.identifiers.iter().all(|one| first.contains(one)));
        assert_eq!(running.counter("rotations_missed"), 0);
        running.stop();
        // Everything is known now.
        rig.append("a.log", "three\n");
        let mut running = rig.start("a.log", "");
        running.check(&["three"]);
        running.stop();
    }
}

#[test]
fn what_an_emptied_log_held_and_nobody_acknowledged_is_told_where_no_copy_is() {
    let rig = Rig::new("emptied-told");
    rig.write("a.log", "one\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one"]);
    running.acknowledges = false;
    rig.append("a.log", "two\n");
    running.check(&["two"]);
    rig.write("a.log", "");
    running.wait_until_truncated();
    running.stop();
    rig.append("a.log", "three\n");
    for (missed, line) in [(1, "three"), (0, "four")] {
        let mut running = rig.start("a.log", "");
        running.check(&[line]);
        assert_eq!(running.counter("rotations_missed"), missed);
        running.stop();
        rig.append("a.log", "four\n");
    }
}

#[test]
fn a_log_emptied_again_while_no_agent_ran_is_read_from_its_copy() {
    let rig = Rig::new("emptied-twice");
    rig.write("a.log", "");
    let mut running = rig.start("a.log", BEGINNING);
    running.wait_for_files(1);
    running.acknowledges = false;
    rig.append("a.log", "one\n");
    running.check(&["one"]);
    running.stop();
    copy_and_empty(&rig);
    let mut running = rig.start("a.log", "");
    running.check(&["one"]);
    rig.append("a.log", "two\n");
    running.check(&["two"]);
    running.stop();
}

#[test]
fn the_unended_line_of_a_renamed_log_that_is_gone_is_told() {
    let rig = Rig::new("unended-gone");
    rig.write("a.log", "one\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one"]);
    rig.append("a.log", "no end");
    rig.rotate("a.log");
    rig.write("a.log", "two\n");
    running.check(&["two"]);
    running.stop();
    fs::remove_file(rig.path("a.log.1")).expect("it is there");
    let running = rig.start("a.log", "");
    running.wait_until("the loss being told", |running| {
        running.counter("rotations_missed") == 1
    });
    running.stop();
}

#[test]
fn a_log_that_is_gone_and_has_no_successor_is_told_once() {
    let rig = Rig::new("missed-alone");
    rig.write("a.log", "one\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one"]);
    running.stop();
    fs::remove_file(rig.path("a.log")).expect("it is there");
    for missed in [1, 0] {
        let running = rig.start("a.log", "");
        running.wait_until("the start", |running| {
            running.counter("rotations_missed") == missed
        });
        running.stop();
    }
    rig.write("a.log", "two\n");
    let mut running = rig.start("a.log", "");
    running.check(&["two"]);
    assert_eq!(running.counter("rotations_missed"), 0);
    running.stop();
}

#[test]
fn what_was_written_to_a_closed_file_that_went_is_told() {
    let rig = Rig::new("closed-gone");
    rig.write("a.log", "one\n");
    rig.write("b.log", "one\n");
    let options = format!("{BEGINNING} max_open_files => 1 discover_interval => 1");
    let mut running = rig.start("?.log", &options);
    running.check(&["one", "one"]);
    held_up(&rig, &mut running);
    rig.append("b.log", "two\n");
    fs::remove_file(rig.path("b.log")).expect("it is there");
    rig.write("b.log", "three\n");
    check_in_order(&mut running, &["three"]);
    running.wait_until("a missed file", |running| {
        running.counter("rotations_missed") == 1
    });
}

#[test]
fn files_that_were_rotated_when_no_log_was_there_are_read_once() {
    for is_packed in [false, true] {
        let rig = Rig::new(&format!("no-live-{is_packed}"));
        rig.write("a.log", "one\n");
        let mut running = rig.start("a.log", BEGINNING);
        running.check(&["one"]);
        running.stop();
        for text in ["", "two\n", "three\n"] {
            if !text.is_empty() {
                rig.write("a.log", text);
            }
            rig.rotate("a.log");
            if is_packed {
                rig.pack("a.log.1");
            }
        }
        // What is read to its end is let go at the next look at everything.
        let options = "stat_interval => 0.01 discover_interval => 1 close_older => 0";
        let mut running = rig.start("a.log", options);
        running.check(&["two", "three"]);
        running.wait_until("all files being closed", |running| {
            let names =
                (1..4).flat_map(|number| ["", ".gz"].map(|end| format!("a.log.{number}{end}")));
            let mut paths = names.map(|name| rig.path(&name));
            paths.all(|path| running.open_files(&path) == 0)
        });
        rig.write("a.log", "four\n");
        running.check(&["four"]);
        running.stop();
        rig.append("a.log", "five\n");
        let mut running = rig.start("a.log", "");
        running.check(&["five"]);
        running.stop();
    }
}

#[test]
fn the_rest_of_a_log_that_was_packed_is_read_though_it_was_found_late() {
    for acknowledged in [0, 1] {
        let rig = Rig::new(&format!("packed-late-{acknowledged}"));
        let lines = numbered("line", 50).join("\n");
        rig.write("a.log", &format!("{lines}\nno end"));
        let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
        let old = File::options().append(true).open(rig.path("a.log"));
        old.and_then(|old| old.set_modified(long_ago))
            .expect("it is ours");
        let mut running = rig.start("a.log", BEGINNING);
        running.acknowledges = acknowledged == 1;
        running.next(50);
        rig.rotate("a.log");
        rig.write("a.log", "new\n");
        running.acknowledges = true;
        running.check(&["new"]);
        running.stop();
        rig.pack("a.log.1");
        rig.append("a.log", "newer\n");
        let mut running = rig.start("a.log", "");
        let count = match acknowledged {
            0 => 52,
            _ => 2,
        };
        let got: Vec<String> = running.next(count).iter().map(message).collect();
        assert!(got.contains(&"no end".to_owned()), "{got:?}");
        assert_eq!(running.counter("rotations_missed"), 0);
        running.stop();
    }
}

#[test]
fn what_a_removed_log_held_and_nobody_acknowledged_is_told_to_be_lost() {
    let rig = Rig::new("removed-unsafe");
    rig.write("a.log", "one\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one"]);
    rig.append("a.log", "two\n");
    let batch = running.runtime.block_on(running.batches.recv());
    let batch = batch.expect("the input runs");
    assert!(batch.ack.comes_again());
    rig.write("b.tmp", "three\n");
    rig.rename("b.tmp", "a.log");
    running.check(&["three"]);
    running.wait_until("the old file being gone", |_| !batch.ack.comes_again());
    running.stop();
    assert!(!batch.ack.comes_again());
    drop(batch);
    let running = rig.start("a.log", "");
    running.wait_until("the loss being told", |running| {
        running.counter("rotations_missed") == 1
    });
    running.stop();
}

#[test]
fn another_path_goes_on_where_the_one_before_stood() {
    let rig = Rig::new("path-changed");
    rig.write("a.log", "one\n");
    rig.write("b.log", "old\n");
    let mut running = rig.start("a.log", BEGINNING);
    running.check(&["one"]);
    running.stop();
    rig.append("a.log", "two\n");
    let mut running = rig.start("?.log", "");
    running.check(&["two"]);
    rig.append("b.log", "three\n");
    running.check(&["three"]);
    running.stop();
}
