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
#[path = "../../fuzz/properties/docker_frames.rs"]
mod docker_frames;
#[path = "../../fuzz/properties/docker_json.rs"]
mod docker_json;
#[path = "../../fuzz/properties/framing.rs"]
mod framing;
#[path = "../../fuzz/properties/grok.rs"]
mod grok;
#[path = "../../fuzz/properties/joiner.rs"]
mod joiner;
#[path = "../../fuzz/properties/syslog.rs"]
mod syslog;
#[path = "../../fuzz/properties/timestamp.rs"]
mod timestamp;

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
fn grok_expressions() {
    check("grok", 5, grok::check);
}

#[test]
fn collectd_packets() {
    check("collectd", 150, collectd::check);
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
