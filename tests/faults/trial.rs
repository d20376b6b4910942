//! One run of a kind of fault: how many faults it is to strike, at which moments, and what it notes of them.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::agent::Agent;
use super::oracle::Account;
use super::subject::Subject;
use crate::services::Scratch;

/// Says `full` for the campaign.
const MODE: &str = "SAWLOG_FAULTS";

/// The seed of the moments, to run one again; it is printed with a failure.
const SEED: &str = "SAWLOG_FAULTS_SEED";

/// Faults that strike a peer at most: enough to compare, and some of them take it half a minute.
const OF_A_PEER: u32 = 20;

/// How long a peer is struck at most, and how many faults in a row it may fail to recover from: one that delivers no more
/// ends its run in minutes.
const PEER_MAX: Duration = Duration::from_secs(300);
const PEER_LATE_MAX: usize = 2;

/// Where each kind leaves its row of the table.
const ROWS: &str = "target/faults";

/// A kind of fault: its name in the table, how many faults strike in a test and in the campaign, and what happens.
pub struct Kind {
    /// Its place in the table.
    pub place: usize,
    pub name: &'static str,
    pub in_test: u32,
    pub in_campaign: u32,
    pub run: fn(&mut Trial) -> Account,
}

/// How often faults strike.
#[derive(Clone, Copy)]
enum Mode {
    Test,
    Campaign,
}

/// What a run is given and notes.
pub struct Trial {
    /// How many faults are to strike.
    pub faults: u32,
    begun: u32,
    start: Instant,
    random: u64,
    /// From the end of each fault until an event that was written after it was found.
    recoveries: Vec<Option<Duration>>,
}

impl Trial {
    /// The number of the next fault, from 0 on, if one is to strike.
    pub fn next(&mut self) -> Option<u32> {
        let gives_up = is_of_peer() && is_enough(self.start.elapsed(), &self.recoveries);
        if self.faults <= self.begun || gives_up {
            return None;
        }
        self.begun += 1;
        Some(self.begun - 1)
    }

    /// A number from `least` to one less than `end`.
    pub fn random(&mut self, least: u64, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        least + self.random % (end - least)
    }

    /// Notes a fault that ended at `end`, and whether a new event came through after it.
    pub fn note(&mut self, end: Instant, found: Result<(), String>, agent: &Agent) {
        let recovery = found.is_ok().then(|| end.elapsed());
        let number = self.recoveries.len() + 1;
        match found {
            Ok(()) => eprintln!("fault {number}: recovered after {:?}", end.elapsed()),
            Err(state) => eprintln!(
                "fault {number}: {state}; the agent's log:\n{}",
                agent.told()
            ),
        }
        self.recoveries.push(recovery);
    }
}

/// Strikes the faults of a kind, writes its row, and fails if an event has no end or a wrong one.
pub fn check(kind: &Kind) {
    let mode = std::env::var(MODE).unwrap_or_default();
    let mode = if mode == "full" {
        Mode::Campaign
    } else {
        Mode::Test
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("the clock is past 1970").as_nanos() as u64;
    let seed = std::env::var(SEED)
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(now | 1);
    eprintln!("{}: {SEED}={seed}", kind.name);
    let mut trial = Trial {
        faults: match mode {
            Mode::Test => kind.in_test,
            Mode::Campaign if is_of_peer() => kind.in_campaign.min(OF_A_PEER),
            Mode::Campaign => kind.in_campaign,
        },
        begun: 0,
        start: Instant::now(),
        random: seed,
        recoveries: Vec::new(),
    };
    let commit = commit();
    // Should this run end before its row is written, there is none.
    forget_row(kind, mode);
    let account = (kind.run)(&mut trial);
    write_row(kind, mode, &trial, &account);
    write(&row_file(kind, mode).with_extension("commit"), &commit);
    if is_of_peer() {
        // It is measured, not tested.
        eprintln!("{:?}", account.wrong);
        return;
    }
    assert!(
        account.wrong.is_empty(),
        "{}: {:?}",
        kind.name,
        account.wrong
    );
    assert_eq!(
        account.duplicate, 0,
        "{}: events that are there more than once",
        kind.name
    );
    assert_eq!(account.pending, 0, "{}: events that still wait", kind.name);
    let recovered = trial.recoveries.iter().flatten().count();
    assert_eq!(
        recovered as u32, trial.faults,
        "faults that were recovered from"
    );
}

/// Whether a peer was struck for long enough, or recovers no more.
fn is_enough(elapsed: Duration, recoveries: &[Option<Duration>]) -> bool {
    let late = recoveries.iter().rev().take_while(|one| one.is_none());
    PEER_MAX <= elapsed || PEER_LATE_MAX <= late.count()
}

/// Whether a peer is struck for comparison.
pub fn is_of_peer() -> bool {
    Subject::chosen() != Subject::Sawlog
}

/// The row of the table, for `tests/faults/run` to put together.
fn write_row(kind: &Kind, mode: Mode, trial: &Trial, account: &Account) {
    let mut dropped = String::new();
    for (name, count) in &account.dropped {
        write!(dropped, " {count} {name}").expect("a String takes all text");
    }
    let dropped = if dropped.is_empty() {
        "0"
    } else {
        dropped.trim()
    };
    let slowest = trial
        .recoveries
        .iter()
        .flatten()
        .max()
        .copied()
        .unwrap_or_default();
    let never = trial
        .recoveries
        .iter()
        .filter(|recovery| recovery.is_none())
        .count();
    let mut never = match never {
        0 => String::new(),
        count => format!("; {count} not in time"),
    };
    if account.is_late {
        never += "; the rest not in time";
    }
    let row = format!(
        "| {} | {} | {} | {} | {} | {} | {dropped} | {} | **{}** | {:.1} s{never} |\n",
        kind.name,
        trial.recoveries.len(),
        account.offered,
        account.delivered,
        account.duplicate,
        account.dead,
        account.pending,
        account.lost,
        slowest.as_secs_f64(),
    );
    eprint!("{row}");
    write(&row_file(kind, mode), &row);
}

fn write(file: &Path, text: &str) {
    let folder = file.parent().expect("it lies in a folder");
    fs::create_dir_all(folder).expect("target can be written to");
    fs::write(file, text).unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
}

/// What is tried: the short name of the commit, with a `+` if there are changes to it.
fn commit() -> String {
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).args(words);
        let output = output
            .output()
            .ok()
            .filter(|output| output.status.success());
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let name = git(&["rev-parse", "--short", "HEAD"]);
    let changes = git(&["status", "--porcelain"]);
    match (name, changes) {
        (Some(name), Some(changes)) if changes.is_empty() => name + "\n",
        (Some(name), Some(_)) => name + "+\n",
        _ => "unknown\n".to_owned(),
    }
}

fn forget_row(kind: &Kind, mode: Mode) {
    let file = row_file(kind, mode);
    match fs::remove_file(&file) {
        Err(fault) if fault.kind() != ErrorKind::NotFound => panic!("{}: {fault}", file.display()),
        _ => {}
    }
}

fn row_file(kind: &Kind, mode: Mode) -> PathBuf {
    let run = match (Subject::chosen(), mode) {
        (Subject::Sawlog, Mode::Test) => "test",
        (Subject::Sawlog, Mode::Campaign) => "full",
        (Subject::Rsyslog, Mode::Test) => "rsyslog-test",
        (Subject::Rsyslog, Mode::Campaign) => "rsyslog-full",
    };
    let rows = Path::new(env!("CARGO_MANIFEST_DIR")).join(ROWS);
    rows.join(run).join(format!("{:02}.row", kind.place))
}

#[test]
fn a_table_of_rows_of_two_commits_says_so() {
    let rows = Scratch::new("faults-rows");
    let table = || {
        let mut command = Command::new("bash");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/run");
        command.arg(script).arg("--table");
        command.env("SAWLOG_FAULTS_ROWS", &rows.0);
        let output = command.output().expect("bash is there");
        assert!(output.status.success(), "{output:?}");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    };
    let row = |name: &str, commit: &str| {
        write(
            &rows.0.join(format!("test/{name}.row")),
            &format!("| {name} |\n"),
        );
        write(&rows.0.join(format!("test/{name}.commit")), commit);
    };
    row("01", "1234567\n");
    row("02", "1234567\n");
    let (told, warned) = table();
    assert!(told.ends_with("|---|\n| 01 |\n| 02 |\n"), "{told}");
    assert_eq!(warned, "");
    row("02", "1234567+\n");
    let (same, warned) = table();
    assert_eq!(same, told);
    assert!(
        warned.contains("different commits") && warned.contains("1 1234567+"),
        "{warned}"
    );
    assert!(commit().len() >= 8 || commit() == "unknown\n");
}

#[test]
fn a_peer_that_recovers_no_more_is_struck_no_more() {
    let (soon, long) = (Duration::from_secs(1), Duration::from_secs(300));
    let recovered = Some(soon);
    assert!(!is_enough(soon, &[]));
    assert!(!is_enough(soon, &[None, recovered, None]));
    assert!(is_enough(soon, &[recovered, None, None]));
    assert!(is_enough(long, &[recovered]));
}
