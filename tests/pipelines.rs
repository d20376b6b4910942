//! The pipelines that are ready to use: `sawlog check` takes each, and its filters make of `NAME.in.ndjson`, events as its
//! input makes them, what `NAME.out.ndjson` says. Lines are compared as in `cases`, and `SAWLOG_BLESS=1` rewrites them too.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cases;
use crate::services::sawlog::{PROGRAM, pipelines};
use crate::services::{Scratch, namespace};

/// In and out of the filters alone.
const INPUT: &str = "input { stdin { codec => json_lines } }\n";
const OUTPUT: &str = "output { stdout { codec => json_lines } }\n";

#[test]
fn every_pipeline_is_accepted_and_its_filters_do_what_its_test_says() {
    // The book's own pipeline names a folder of the machine.
    namespace::inside(Some(&pipelines("patterns")), || {
        let files = files();
        assert!(8 <= files.len(), "only {files:?}");
        let mut report = String::new();
        for file in &files {
            let faults = check(file) + &run_filters(file);
            if !faults.is_empty() {
                write!(report, "\n== {}\n{faults}", file.display()).expect("a String takes it");
            }
        }
        assert!(report.is_empty(), "{report}");
    });
}

/// Every pipeline, in the order of the names.
fn files() -> Vec<PathBuf> {
    let entries = fs::read_dir(pipelines("")).expect("the folder is part of the tree");
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "conf")
    });
    files.sort();
    files
}

/// Asks `sawlog check` about the whole file.
fn check(file: &Path) -> String {
    let mut command = Command::new(PROGRAM);
    command.args(["check", "-f"]).arg(file);
    let outcome = cases::run(&command, Path::new(""));
    match outcome.status {
        Some(0) => String::new(),
        status => format!("`check` ended with {status:?}:\n{}", outcome.stderr),
    }
}

/// Runs the filters over the test's events.
fn run_filters(file: &Path) -> String {
    let [input, wanted] = ["in.ndjson", "out.ndjson"].map(|end| file.with_extension(end));
    if !input.exists() {
        return format!("its test is missing: {}\n", input.display());
    }
    let scratch = Scratch::new("pipeline");
    let text = fs::read_to_string(file).unwrap_or_else(|fault| panic!("{file:?}: {fault}"));
    let pipeline = format!("{INPUT}{}\n{OUTPUT}", filters(&text));
    let pipeline = scratch.write("pipeline.conf", &pipeline);
    let mut command = Command::new(PROGRAM);
    // One worker, so that lines come out in the order in which they went in.
    command.args(["run", "-w", "1", "-f"]).arg(pipeline);
    // What containers this host has is none of the test's business.
    command.env("DOCKER_HOST", "unix:///no/such/docker.sock");
    let outcome = cases::run(&command, &input);
    if outcome.status != Some(0) {
        return format!("it ended with {:?}:\n{}", outcome.status, outcome.stderr);
    }
    if cases::is_blessing() {
        cases::rewrite(&wanted, &outcome.stdout);
    }
    match fs::read_to_string(&wanted) {
        Ok(wanted) => cases::differences(&wanted, &outcome.stdout),
        Err(fault) => format!("{}: {fault}\n", wanted.display()),
    }
}

/// The sections `filter` of a pipeline, whose first and last lines stand at the margin, all others to the right of it.
fn filters(text: &str) -> String {
    let mut filters = String::new();
    let mut inside = false;
    for line in text.lines() {
        inside |= line == "filter {";
        if inside {
            filters += &format!("{line}\n");
        }
        inside &= line != "}";
    }
    filters
}

#[test]
fn only_filters_are_taken_out_of_a_pipeline() {
    let text = "input {\n  stdin { }\n}\n\nfilter {\n  drop {\n  }\n}\noutput {\n}\nfilter {\n}\n";
    assert_eq!(filters(text), "filter {\n  drop {\n  }\n}\nfilter {\n}\n");
}
