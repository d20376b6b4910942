//! `sawlog queue` as a user runs it: what it prints, what it refuses, and its exit codes.

use std::fs;

use super::running::{Agent, Ended, Start, WAIT_MAX};
use crate::services::{Scratch, free_port, wait_until};

/// A segment in which nothing can be read.
const SEGMENT: &str = "data/queue/main/out/00000000000000000001.seg";

fn run_on_garbage(arguments: &[&str]) -> Ended {
    let start = Start::new(&[&["queue"], arguments].concat());
    start.file(SEGMENT, "garbage").run(b"")
}

#[test]
fn without_queues_the_list_is_empty() {
    let start = Start::new(&["queue", "ls"]).file("data/x", "");
    let ended = start.run(b"");
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.starts_with("QUEUE"), "{}", ended.stdout);
    assert_eq!(ended.stdout.lines().count(), 1);
}

#[test]
fn a_folder_that_is_not_there_is_an_error_with_its_path() {
    for command in ["ls", "verify", "export"] {
        for option in ["--path.queue", "--path.data"] {
            let start = Start::new(&["queue", command, option, "/no/such\u{1b}/folder"]);
            let ended = start.file("data/x", "").run(b"");
            assert_eq!(ended.status, Some(1), "{}", ended.stderr);
            let told = "there is no folder /no/such\\u{1b}/folder";
            assert!(ended.stderr.contains(told), "{}", ended.stderr);
        }
    }
}

#[test]
fn a_name_that_no_queue_has_is_wrong_usage() {
    for name in ["main/none", "../..", "none\u{1b}[2J"] {
        let start = Start::new(&["queue", "export", name]).file("data/x", "");
        let ended = start.run(b"");
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

/// A data folder whose queue `main/es` has a document for a server that is away.
struct Waiting {
    folder: Scratch,
    /// The agent that has it.
    agent: Agent,
}

impl Waiting {
    fn new() -> Self {
        let folder = Scratch::new("waiting");
        let agent = start(&folder, &away(), &[]).spawn();
        let state = folder.0.join("data/queue/main/es/state");
        wait_until(WAIT_MAX, "a state that knows of the document", || {
            let state = fs::read(&state).unwrap_or_default();
            // The documents before the end of what is committed, in either slot.
            let documents = [56, 4096 + 56].map(|place| state.get(place).copied());
            match documents.contains(&Some(1)) {
                true => Ok(()),
                false => Err(agent.stderr()),
            }
        });
        Self { folder, agent }
    }

    fn kill(self) -> Scratch {
        drop(self.agent);
        self.folder
    }
}

fn start(folder: &Scratch, pipeline: &str, more: &[&str]) -> Start {
    let data = folder.0.join("data").display().to_string();
    let arguments = ["run", "-e", pipeline, "--path.data", &data];
    Start::new(&[&arguments, more].concat()).env("SAWLOG_QUEUE_TYPE", "persisted")
}

/// A pipeline with an event for a server that is away.
fn away() -> String {
    let port = free_port();
    format!(
        "input {{ generator {{ count => 1 }} }} \
         output {{ elasticsearch {{ id => \"es\" hosts => \"127.0.0.1:{port}\" }} }}"
    )
}

#[test]
fn what_waits_in_a_queue_of_a_pipeline_that_is_gone_is_told_unless_another_agent_has_it() {
    let waiting = Waiting::new();
    let told = |folder: &Scratch| {
        let pipeline = "input { generator { count => 1 } } output { null { } }";
        let ended = start(folder, pipeline, &["--pipeline.id", "renamed"]).run(b"");
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        ended.stderr
    };
    let before = told(&waiting.folder);
    assert!(!before.contains("wait in"), "{before}");
    let folder = waiting.kill();
    let after = told(&folder);
    let queue = folder.0.join("data/queue/main/es");
    let want = format!("1 documents wait in {} and are not sent", queue.display());
    assert!(after.contains(&want), "{after}");
}

#[test]
fn what_is_damaged_while_the_output_is_away_is_told_with_its_number() {
    let folder = Waiting::new().kill();
    let segment = folder.0.join("data/queue/main/es/00000000000000000001.seg");
    let mut bytes = fs::read(&segment).expect("it is there");
    // A length that reaches beyond the file.
    bytes[40..44].fill(0xff);
    fs::write(&segment, bytes).expect("it is ours");
    let agent = start(&folder, &away(), &[]).spawn();
    wait_until(WAIT_MAX, "word of the loss", || {
        let told = agent.stderr();
        match told.contains("cannot be read any more and are lost: 1, since the start: 1;") {
            true => Ok(()),
            false => Err(told),
        }
    });
}

#[test]
fn a_queue_that_may_be_larger_than_its_file_system_is_warned_of() {
    let run = |command: &str, kind: &str, bytes: &str| {
        let pipeline = "input { generator { count => 1 } } output { elasticsearch { } }";
        let arguments = [command, "-e", pipeline, "--queue.max_bytes", bytes];
        Start::new(&arguments).env("SAWLOG_QUEUE_TYPE", kind)
    };
    let check = |kind: &str, bytes: &str| {
        let ended = run("check", kind, bytes).run(b"");
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        ended.stderr
    };
    let told = check("persisted", "9000000tb");
    let want = "pipeline main: queue.max_bytes is 9437184000000 MiB, and the whole file system of ";
    assert!(told.starts_with(&format!("warning: {want}")), "{told}");
    assert_eq!(check("persisted", "8mb"), "");
    assert_eq!(check("memory", "9000000tb"), "");
    let agent = run("run", "persisted", "9000000tb").spawn();
    wait_until(WAIT_MAX, "the warning", || {
        let told = agent.stderr();
        match told.contains(want) {
            true => Ok(()),
            false => Err(told),
        }
    });
}
