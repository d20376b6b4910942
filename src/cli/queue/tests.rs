//! The subcommands on queues in a folder of the test's own.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use super::{Output, age, command, drop_queue, each, export, list, verify};
use crate::printable::Reader;
use crate::queue::disk::Folder;
use crate::queue::folders;
use crate::queue::log::{Entry, Limits, Log};
use crate::queue::payload;

const LIMITS: Limits = Limits {
    segment_bytes: 1000,
    bytes_max: 100_000,
    record_bytes_max: 10_000,
    free_reserve: 0,
};

/// A data folder that is gone after the test.
struct Data(PathBuf);

impl Data {
    fn new(name: &str) -> Self {
        let name = format!("sawlog-queue-{name}-{}", std::process::id());
        let data = Self(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&data.0).unwrap();
        data
    }

    /// A queue with this many documents, one a record, held by an agent.
    fn queue(&self, output: &str, documents: u32) -> Log<Folder> {
        let path = folders::folder(&folders::folder(&self.0, "main"), output);
        let (mut log, _) = Log::open(Folder::open(&path).unwrap(), LIMITS).unwrap();
        put(&mut log, 0..documents);
        log
    }

    /// Runs a subcommand; what it printed, and whether all was well.
    fn run(&self, arguments: &[&str]) -> (String, bool) {
        let all = ["queue"].iter().chain(arguments).copied();
        let matches = command().try_get_matches_from(all).unwrap();
        let (name, matches) = matches.subcommand().unwrap();
        let mut output = Output {
            reader: Reader::Program,
            to: Vec::new(),
        };
        let code = match name {
            "ls" => list(&self.0, &mut output.to),
            "verify" => each(&self.0, matches, |queue| verify(queue, &mut output.to)),
            "export" => each(&self.0, matches, |queue| export(queue, &mut output)),
            _ => drop_queue(&self.0, matches),
        };
        let well = code.is_ok_and(|code| code == ExitCode::SUCCESS);
        (String::from_utf8(output.to).unwrap(), well)
    }
}

/// Commits numbered documents, one a record, as one group.
fn put(log: &mut Log<Folder>, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let mut record = Vec::new();
        let body = format!("{{\"create\":{{}}}}\n{{\"n\":{number},\"esc\":\"\u{9b}\"}}\n");
        payload::encode(&[0], body.as_bytes(), &mut record);
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        let entry = Entry {
            documents: 1,
            written: now.as_millis() as u64 - 300_000,
            payload: &record,
            ..Entry::default()
        };
        log.append(entry).unwrap();
    }
    log.commit().unwrap();
}

impl Drop for Data {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the folder is ours");
    }
}

#[test]
fn queues_are_listed_beside_the_agent_that_has_them() {
    let data = Data::new("ls");
    let _first = data.queue("first", 3);
    let _second = data.queue("second", 0);
    let (text, well) = data.run(&["ls"]);
    assert!(well);
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows[1][..3], ["main/first", "3", "3"]);
    assert_eq!(rows[1][4..], ["5m", "1", "3", "0"]);
    assert_eq!(rows[2], ["main/second", "0", "0", "0", "-", "-", "-", "0"]);
}

#[test]
fn no_queue_is_no_error() {
    let data = Data::new("none");
    let (text, well) = data.run(&["ls"]);
    assert!(well && text.starts_with("QUEUE"), "{text}");
    let (said, is_well) = data.run(&["verify"]);
    assert!(said.is_empty() && is_well, "{said}");
}

#[test]
fn documents_are_exported_as_they_are() {
    let data = Data::new("export");
    let _held = data.queue("out", 2);
    let line =
        |number: u32| format!("{{\"create\":{{}}}}\n{{\"n\":{number},\"esc\":\"\u{9b}\"}}\n");
    let want = line(0) + &line(1);
    assert_eq!(data.run(&["export", "main/out"]), (want.clone(), true));
    assert_eq!(data.run(&["export"]), (want, true));
}

/// Where documents go while the agent delivers all that it has and removes the files.
struct Meanwhile<'a> {
    agent: &'a mut Log<Folder>,
    documents: usize,
}

impl std::io::Write for Meanwhile<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.documents += 1;
        let mut record = Vec::new();
        while let Some(read) = self.agent.read(&mut record)? {
            self.agent.acknowledge(read.sequence);
        }
        self.agent.save_state()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_an_agent_delivers_meanwhile_is_no_damage_to_an_export() {
    let data = Data::new("meanwhile");
    let mut log = data.queue("out", 20);
    put(&mut log, 20..40);
    put(&mut log, 40..60);
    let queue = folders::all(&data.0).unwrap().remove(0);
    let mut output = Output {
        reader: Reader::Program,
        to: Meanwhile {
            agent: &mut log,
            documents: 0,
        },
    };
    assert!(export(&queue, &mut output).unwrap());
    // The file that was open, and the last one, which stays.
    assert_eq!(output.to.documents, 40);
}

#[test]
fn an_export_that_lacks_a_file_fails() {
    let data = Data::new("lacking");
    let mut log = data.queue("out", 20);
    put(&mut log, 20..40);
    put(&mut log, 40..60);
    let folder = folders::folder(&folders::folder(&data.0, "main"), "out");
    std::fs::remove_file(folder.join("00000000000000000021.seg")).unwrap();
    let (text, well) = data.run(&["export", "main/out"]);
    assert_eq!((text.lines().count(), well), (80, false));
}

#[test]
fn a_terminal_gets_no_control_characters() {
    let data = Data::new("terminal");
    let _held = data.queue("out", 1);
    let mut output = Output {
        reader: Reader::Terminal,
        to: Vec::new(),
    };
    let queue = folders::all(&data.0).unwrap().remove(0);
    assert!(export(&queue, &mut output).unwrap());
    let text = String::from_utf8(output.to).unwrap();
    assert_eq!(text, "{\"create\":{}}\n{\"n\":0,\"esc\":\"\\u{9b}\"}\n");
}

#[test]
fn a_damaged_queue_fails_the_check_by_name() {
    let data = Data::new("verify");
    drop(data.queue("good", 3));
    drop(data.queue("spoilt", 3));
    let path = folders::folder(&folders::folder(&data.0, "main"), "spoilt")
        .join("00000000000000000001.seg");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (text, well) = data.run(&["verify"]);
    assert!(!well);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "main/good: OK, records: 3");
    assert!(
        lines[1].starts_with("main/spoilt: records 1 to 1 cannot be read"),
        "{text}"
    );
    assert_eq!(lines[2], "main/spoilt: 00000000000000000001.seg is damaged");
    assert!(data.run(&["verify", "main/good"]).1);
    assert!(!data.run(&["export", "main/spoilt"]).1);
}

#[test]
fn a_queue_is_removed_only_when_no_agent_has_it() {
    let data = Data::new("drop");
    let held = data.queue("out", 1);
    let path = folders::folder(&folders::folder(&data.0, "main"), "out");
    assert!(!data.run(&["drop", "main/out", "--yes"]).1);
    assert!(path.exists());
    drop(held);
    assert!(data.run(&["drop", "main/out", "--yes"]).1);
    assert!(!path.exists());
}

#[test]
fn a_queue_that_is_not_there_is_not_made() {
    let data = Data::new("absent");
    for arguments in [
        ["export", "main/out"],
        ["verify", "../../etc"],
        ["drop", "main/out"],
    ] {
        assert!(!data.run(&arguments).1);
    }
    assert!(!data.0.join("queue").exists());
}

#[test]
fn an_age_has_one_unit() {
    let ago = |seconds: u64| {
        let time = SystemTime::now() - Duration::from_secs(seconds);
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        age(since.as_millis() as u64)
    };
    assert_eq!(ago(600), "10m");
    assert_eq!(ago(3 * 3600), "3h");
    assert_eq!(ago(5 * 86_400), "5d");
    assert_eq!(age(0), "-");
}
