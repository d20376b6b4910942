//! Measures works side by side: rows in, a Markdown table of nanoseconds and ratios out.
//!
//! Machines are shared and their clocks wander, so every round runs both sides of every row once, and
//! only ratios within one run count. What is measured is in `decode.rs`.

use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Does one piece of work so many times.
pub type Work = Box<dyn FnMut(u64)>;

/// One piece of work; its argument and its result are hidden from the optimiser.
pub fn work<I: 'static, O>(input: I, run: impl Fn(&I) -> O + 'static) -> Work {
    Box::new(move |times| {
        for _ in 0..times {
            // By reference: a large result is not moved once more for the sake of being measured.
            black_box(&run(black_box(&input)));
        }
    })
}

/// What the ratio of a row must be.
#[derive(Clone, Copy)]
pub enum Requirement {
    /// The other side takes at least so many times as long as ours.
    FasterTimes(f64),
    /// Ours takes at most so many times as long as the other side.
    CostsAtMost(f64),
    /// For information only.
    Free,
}

/// Ours beside another's.
pub struct Row {
    pub name: String,
    /// Bytes of input that one piece of work reads.
    pub bytes: usize,
    pub requirement: Requirement,
    pub ours: Work,
    /// What stands in the table, and its work.
    pub other: Option<(&'static str, Work)>,
}

/// How long one side runs in one round: long beside the clock's grain, short beside a scheduler's slice.
const ROUND: Duration = Duration::from_millis(1);

/// Nanoseconds for one piece of work, one number per round.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn best(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

struct Side {
    work: Work,
    times_per_round: u64,
    times: Times,
}

impl Side {
    fn new(mut work: Work) -> Side {
        let mut times_per_round = 1;
        loop {
            let begin = Instant::now();
            work(times_per_round);
            if ROUND <= begin.elapsed() {
                break;
            }
            times_per_round *= 2;
        }
        Side {
            work,
            times_per_round,
            times: Times::default(),
        }
    }

    fn round(&mut self) {
        let begin = Instant::now();
        (self.work)(self.times_per_round);
        let nanos = begin.elapsed().as_nanos() as f64;
        self.times.0.push(nanos / self.times_per_round as f64);
    }
}

/// What a run came to.
pub struct Report {
    pub table: String,
    /// The rows whose requirement does not hold.
    pub missed: Vec<String>,
}

/// Runs all rows for so many rounds, ours and the other's in turn.
pub fn run(rows: Vec<Row>, rounds: usize) -> Report {
    let mut sides = Vec::new();
    for row in rows {
        let ours = Side::new(row.ours);
        let other = row.other.map(|(name, work)| (name, Side::new(work)));
        sides.push((row.name, row.bytes, row.requirement, ours, other));
    }
    for _ in 0..rounds {
        for (_, _, _, ours, other) in &mut sides {
            ours.round();
            if let Some((_, other)) = other {
                other.round();
            }
        }
    }
    let mut table = String::from(
        "| work | bytes | ns: best | median | beside | ns: best | median | ratio of bests | of medians | required | holds |\n\
         |---|---:|---:|---:|---|---:|---:|---:|---:|---|---|\n",
    );
    let mut missed = Vec::new();
    for (name, bytes, requirement, ours, other) in &sides {
        let (best, median) = (ours.times.best(), ours.times.median());
        write!(table, "| {name} | {bytes} | {best:.1} | {median:.1} | ").expect("memory takes it");
        let Some((beside, other)) = other else {
            table.push_str("– | – | – | – | – | – | – |\n");
            continue;
        };
        let (their_best, their_median) = (other.times.best(), other.times.median());
        let verdict = judge(*requirement, their_best / best, their_median / median);
        writeln!(
            table,
            "{beside} | {their_best:.1} | {their_median:.1} | {} |",
            verdict.shown
        )
        .expect("memory takes it");
        if !verdict.holds {
            missed.push(name.clone());
        }
    }
    Report { table, missed }
}

struct Verdict {
    shown: String,
    holds: bool,
}

/// Both ratios must hold; they are how many times as long the other side takes.
fn judge(requirement: Requirement, bests: f64, medians: f64) -> Verdict {
    let least = bests.min(medians);
    let word = |holds: bool| if holds { "yes" } else { "**no**" };
    match requirement {
        Requirement::Free => Verdict {
            shown: format!("{bests:.1} x faster | {medians:.1} x faster | – | –"),
            holds: true,
        },
        Requirement::FasterTimes(times) => {
            let holds = times <= least;
            Verdict {
                shown: format!(
                    "{bests:.1} x faster | {medians:.1} x faster | ≥ {times} x | {}",
                    word(holds)
                ),
                holds,
            }
        }
        Requirement::CostsAtMost(times) => {
            let holds = 1.0 / least <= times;
            Verdict {
                shown: format!(
                    "{:.2} x its cost | {:.2} x its cost | ≤ {times} x | {}",
                    1.0 / bests,
                    1.0 / medians,
                    word(holds)
                ),
                holds,
            }
        }
    }
}

/// Processor, cores and compiler, as far as the system tells.
pub fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("an unknown processor", |(_, model)| model);
    let is_core = |line: &&str| line.starts_with("processor");
    let cores = cpu.lines().filter(is_core).count();
    let compiler = std::process::Command::new(std::env::var("RUSTC").unwrap_or("rustc".into()))
        .arg("--version")
        .output()
        .map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned())
        .unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!("{model}, {cores} cores, load {load} at the end; {compiler}")
}
