//! `sawlog queue` as a user runs it: what it prints, what it refuses, and its exit codes.

use super::running::{Ended, Start};

/// A segment in which nothing can be read.
const SEGMENT: &str = "data/queue/main/out/00000000000000000001.seg";

fn run(arguments: &[&str]) -> Ended {
    Start::new(&[&["queue"], arguments].concat()).run(b"")
}

fn run_on_garbage(arguments: &[&str]) -> Ended {
    let start = Start::new(&[&["queue"], arguments].concat());
    start.file(SEGMENT, "garbage").run(b"")
}

#[test]
fn without_queues_the_list_is_empty() {
    let ended = run(&["ls"]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.starts_with("QUEUE"), "{}", ended.stdout);
    assert_eq!(ended.stdout.lines().count(), 1);
    assert!(
        ended.stderr.contains("there is no folder"),
        "{}",
        ended.stderr
    );
    let start = Start::new(&["queue", "ls"]).file("data/x", "");
    let ended = start.run(b"");
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_folder_of_queues_that_is_not_there_is_told() {
    let start = Start::new(&["queue", "ls", "--path.queue", "/no/such/folder"]);
    let ended = start.file("data/x", "").run(b"");
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let told = "there is no folder /no/such/folder";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}

#[test]
fn a_name_that_no_queue_has_is_wrong_usage() {
    for name in ["main/none", "../..", "none\u{1b}[2J"] {
        let ended = run(&["export", name]);
        assert_eq!(ended.status, Some(2));
        assert!(
            ended.stderr.contains("there is no queue"),
            "{}",
            ended.stderr
        );
        assert!(!ended.stderr.contains('\u{1b}'), "{}", ended.stderr);
    }
}

#[test]
fn a_queue_that_is_garbage_is_told_and_no_trouble() {
    let ended = run_on_garbage(&["verify"]);
    assert_eq!(ended.status, Some(1), "{}", ended.stderr);
    let want = "main/out: segments in which nothing can be read: 1\n";
    assert!(ended.stdout.ends_with(want), "{}", ended.stdout);
    let ended = run_on_garbage(&["ls"]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("main/out"), "{}", ended.stdout);
}

#[test]
fn a_queue_is_removed_only_by_those_who_say_so() {
    let ended = run_on_garbage(&["drop", "main/out"]);
    assert_eq!(ended.status, Some(2));
    assert!(ended.stderr.contains("without --yes"), "{}", ended.stderr);
    let ended = run_on_garbage(&["drop", "main/out", "--yes"]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.starts_with("Removed main/out "),
        "{}",
        ended.stdout
    );
}
