//! The fuzz targets' properties on the committed corpora, on the stable compiler: each file as it
//! is, each beginning of it, and some hundred variations that are the same at every run.
//! `CORPORA_TIMES=100` runs as many times more.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/properties/access_log.rs"]
mod access_log;
#[path = "../../fuzz/properties/collectd.rs"]
mod collectd;
#[path = "../../fuzz/properties/cri.rs"]
mod cri;
#[path = "../../fuzz/properties/csv.rs"]
mod csv;
#[path = "../../fuzz/properties/dissect.rs"]
mod dissect;
#[path = "../../fuzz/properties/docker_frames.rs"]
mod docker_frames;
#[path = "../../fuzz/properties/docker_json.rs"]
mod docker_json;
#[path = "../../fuzz/properties/explain.rs"]
mod explain;
#[path = "../../fuzz/properties/framing.rs"]
mod framing;
#[path = "../../fuzz/properties/grok.rs"]
mod grok;
#[path = "../../fuzz/properties/grok_automaton.rs"]
mod grok_automaton;
#[path = "../../fuzz/properties/grok_backtracker.rs"]
mod grok_backtracker;
#[path = "../../fuzz/properties/grok_compile.rs"]
mod grok_compile;
#[path = "../../fuzz/properties/grok_scanner.rs"]
mod grok_scanner;
#[path = "../../fuzz/properties/grok_set.rs"]
mod grok_set;
#[path = "../../fuzz/properties/grok_tiers.rs"]
mod grok_tiers;
#[path = "../../fuzz/properties/joiner.rs"]
mod joiner;
#[path = "../../fuzz/properties/key_value.rs"]
mod key_value;
#[path = "../../fuzz/properties/lines.rs"]
mod lines;
#[path = "../../fuzz/properties/syslog.rs"]
mod syslog;
#[path = "../../fuzz/properties/timestamp.rs"]
mod timestamp;
#[path = "../../fuzz/properties/timestamp_format.rs"]
mod timestamp_format;

/// Numbers that look random and are the same at every run (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

/// Bytes that the formats give a meaning.
const MEANINGFUL: &[u8] = b"\0\n\r \"\\[]{}<>:=,.-+'0919TZuPF%*/\xFF\xEF";

/// Changes, removes, repeats or exchanges a few bytes.
fn vary(data: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    for _ in 0..=numbers.next(3) {
        let at = numbers.next(data.len() + 1);
        let meaningful = MEANINGFUL[numbers.next(MEANINGFUL.len())];
        match numbers.next(6) {
            0 => data.insert(at, meaningful),
            1 if at < data.len() => data[at] = meaningful,
            2 if at < data.len() => data[at] = numbers.next(256) as u8,
            3 if at < data.len() => {
                let end = (at + 1 + numbers.next(8)).min(data.len());
                data.drain(at..end);
            }
            4 => {
                let end = (at + numbers.next(24)).min(data.len());
                let part = data[at..end].to_vec();
                data.splice(at..at, part);
            }
            _ => {
                data.truncate(at);
                data.extend_from_slice(&other[numbers.next(other.len() + 1)..]);
            }
        }
    }
}

/// Runs a property over a corpus; `variations` of each file.
#[track_caller]
fn check(corpus: &str, variations: usize, property: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(corpus);
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .expect("the corpus is part of the project")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    paths.sort();
    assert!(5 <= paths.len(), "the corpus {corpus} has lost its files");
    let files: Vec<Vec<u8>> = paths
        .iter()
        .map(|path| fs::read(path).expect("a readable file"))
        .collect();
    let times = std::env::var("CORPORA_TIMES").map_or(1, |times| times.parse().expect("a number"));
    let mut numbers = Numbers(0x5AB1_06C0_FFEE);
    let run = |data: &[u8]| {
        let outcome = std::panic::catch_unwind(|| property(data));
        assert!(outcome.is_ok(), "{corpus}: b\"{}\"", data.escape_ascii());
    };
    for file in &files {
        for end in 0..=file.len() {
            run(&file[..end]);
        }
        for _ in 0..variations * times {
            let mut data = file.clone();
            let other = &files[numbers.next(files.len())];
            vary(&mut data, other, &mut numbers);
            run(&data);
        }
    }
}

#[test]
fn syslog_lines() {
    check("syslog", 500, syslog::check);
}

#[test]
fn syslog_frames() {
    check("framing", 500, framing::check);
}

#[test]
fn docker_records() {
    check("docker_json", 500, docker_json::check);
}

#[test]
fn docker_answers() {
    check("docker_frames", 60, docker_frames::check);
}

#[test]
fn timestamps() {
    check("timestamp", 150, timestamp::check);
}

#[test]
fn timestamp_formats() {
    check("timestamp_format", 100, timestamp_format::check);
}

#[test]
fn grok_expressions_and_pattern_files() {
    check("grok_compile", 2, grok_compile::check);
}

#[test]
fn grok_by_the_scanner() {
    check("grok_scanner", 5, grok_scanner::check);
}

#[test]
fn grok_by_the_automaton() {
    check("grok_automaton", 5, grok_automaton::check);
}

#[test]
fn grok_by_the_backtracker() {
    check("grok_backtracker", 5, grok_backtracker::check);
}

#[test]
fn grok_by_all_engines_at_once() {
    check("grok_tiers", 5, grok_tiers::check);
}

#[test]
fn grok_by_many_expressions() {
    check("grok_set", 5, grok_set::check);
}

#[test]
fn grok_explained() {
    check("explain", 5, explain::check);
}

/// Names that stand between two marks in a text, in order.
fn names_between<'t>(text: &'t str, before: &str, after: &str) -> Vec<&'t str> {
    let parts = text.split(before).skip(1);
    let mut names: Vec<&str> = parts
        .filter_map(|part| Some(part.split_once(after)?.0))
        .collect();
    names.sort_unstable();
    names
}

/// Names in a folder of `fuzz`, without their ending, in order.
fn names_in(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz")
        .join(folder);
    let entries = fs::read_dir(folder).expect("a folder of the project");
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let mut names: Vec<String> = paths
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

#[test]
fn every_target_has_a_corpus_a_test_here_and_a_line_in_the_table() {
    let manifest = include_str!("../../fuzz/Cargo.toml");
    let (_, bins) = manifest.split_once("[[bin]]").expect("targets");
    let targets = names_between(bins, "name = \"", "\"");
    assert_eq!(names_in("fuzz_targets"), targets, "files in fuzz_targets");
    assert_eq!(names_in("corpus"), targets, "folders in corpus");
    let tested = names_between(include_str!("corpora.rs"), "    check(\"", "\", ");
    assert_eq!(tested, targets, "tests in this file");
    let table = names_between(include_str!("../../fuzz/README.md"), "\n| `", "` |");
    for target in targets {
        assert!(
            table.contains(&target),
            "no line of the table in fuzz/README.md for {target}"
        );
    }
}

#[test]
fn corpora_are_small() {
    for target in names_in("corpus") {
        let folder = format!("corpus/{target}");
        assert!(
            names_in(&folder).len() <= 40,
            "{folder} has more than 40 files"
        );
    }
}

#[test]
fn dissections() {
    check("dissect", 300, dissect::check);
}

#[test]
fn csv_rows() {
    check("csv", 500, csv::check);
}

#[test]
fn collectd_packets() {
    check("collectd", 150, collectd::check);
}

#[test]
fn key_value_pairs() {
    check("key_value", 300, key_value::check);
}

#[test]
fn access_log_lines() {
    check("access_log", 300, access_log::check);
}

#[test]
fn cri_lines() {
    check("cri", 300, cri::check);
}

#[test]
fn interleaved_chunks() {
    check("joiner", 150, joiner::check);
}

#[test]
fn records_between_delimiters() {
    check("lines", 500, lines::check);
}
