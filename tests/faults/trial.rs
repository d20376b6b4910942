//! One run of a kind of fault: how many faults it is to strike, at which moments, and what it notes of them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::oracle::Account;

/// Says `full` for the campaign.
const MODE: &str = "SAWLOG_FAULTS";

/// The seed of the moments, to run one again; it is printed with a failure.
const SEED: &str = "SAWLOG_FAULTS_SEED";

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

/// What a run is given and notes.
pub struct Trial {
    /// How many faults are to strike.
    pub faults: u32,
    random: u64,
    /// From the end of each fault until an event that was written after it was found.
    recoveries: Vec<Duration>,
}

impl Trial {
    /// A number from `least` to one less than `end`.
    pub fn random(&mut self, least: u64, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        least + self.random % (end - least)
    }

    /// Counts a fault that ended at `end` and from which all has recovered now.
    pub fn recovered_since(&mut self, end: Instant) {
        self.recoveries.push(end.elapsed());
    }
}

/// Strikes the faults of a kind, writes its row, and fails if an event has no end or a wrong one.
pub fn check(kind: &Kind) {
    let is_campaign = std::env::var(MODE).is_ok_and(|mode| mode == "full");
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("the clock is past 1970").as_nanos() as u64;
    let seed = std::env::var(SEED)
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(now | 1);
    eprintln!("{}: {SEED}={seed}", kind.name);
    let mut trial = Trial {
        faults: if is_campaign {
            kind.in_campaign
        } else {
            kind.in_test
        },
        random: seed,
        recoveries: Vec::new(),
    };
    let account = (kind.run)(&mut trial);
    write_row(kind, &trial, &account);
    assert!(
        account.wrong.is_empty(),
        "{}: {:?}",
        kind.name,
        account.wrong
    );
    assert_eq!(
        trial.recoveries.len() as u32,
        trial.faults,
        "faults that were recovered from"
    );
}

/// The row of the table, for `tests/faults/run` to put together.
fn write_row(kind: &Kind, trial: &Trial, account: &Account) {
    let mut dropped = String::new();
    for (name, count) in &account.dropped {
        write!(dropped, " {count} {name}").expect("a String takes all text");
    }
    let dropped = if dropped.is_empty() {
        "0"
    } else {
        dropped.trim()
    };
    let slowest = trial.recoveries.iter().max().copied().unwrap_or_default();
    let row = format!(
        "| {} | {} | {} | {} | {} | {} | {dropped} | {} | **{}** | {:.1} s |\n",
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
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(ROWS);
    fs::create_dir_all(&folder).expect("target can be written to");
    let file = folder.join(format!("{:02}.row", kind.place));
    fs::write(&file, row).unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
}
