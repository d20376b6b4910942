//! What the simulations of all outputs share: the faults that go on, what a run came to, and the runner: seeds are run on all
//! processors, and one that fails says how to run it again.
//! `docs/simulation.md` tells what is simulated.
//!
//! `SAWLOG_SEEDS=1000` runs more seeds, `SAWLOG_SEED=7 SAWLOG_SEEDS=20` one of them so many times.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How many seeds run when nobody says.
const SEEDS: u64 = 200;

/// When simulated worlds begin, since 1970.
pub const EPOCH: Duration = Duration::from_secs(1_700_000_000);

/// How long one seed may take. It takes a tenth of a second; a machine that does much else has been seen to make it one.
const SEED_MAX: Duration = Duration::from_secs(120);

/// What a run came to.
pub trait Outcome: Default + Send {
    fn add(&mut self, other: Self);
}

/// What every run has in its outcome: how long it took, and what went wrong meanwhile.
#[derive(Default)]
pub struct Course {
    pub virtual_time: Duration,
    /// From the end of the trouble until everything had arrived.
    pub slowest_drain: Duration,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Course {
    pub fn add(&mut self, other: Self) {
        self.virtual_time += other.virtual_time;
        self.slowest_drain = self.slowest_drain.max(other.slowest_drain);
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
    }

    /// How many faults there were.
    pub fn total(&self) -> u64 {
        self.faults.values().sum()
    }
}

impl std::fmt::Display for Course {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "virtual hours {:.1}, faults {} {:?}, slowest drain {:.0} s",
            self.virtual_time.as_secs_f64() / 3600.0,
            self.total(),
            self.faults,
            self.slowest_drain.as_secs_f64()
        )
    }
}

/// Faults that are going on, by the places that they strike, and how many of each kind there were.
pub struct Faults<E> {
    is_over: bool,
    counts: BTreeMap<&'static str, u64>,
    /// What is to end, and when.
    ends: Vec<(Duration, E)>,
}

impl<E> Default for Faults<E> {
    fn default() -> Self {
        Self {
            is_over: false,
            counts: BTreeMap::new(),
            ends: Vec::new(),
        }
    }
}

impl<E: PartialEq> Faults<E> {
    pub fn is_on(&self) -> bool {
        !self.is_over
    }

    pub fn count(&mut self, kind: &'static str) {
        *self.counts.entry(kind).or_default() += 1;
    }

    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// Whether something happens that happens once in so many times, as `roll` decides; never when the trouble is over.
    pub fn strikes(&mut self, kind: &'static str, roll: impl FnOnce() -> usize) -> bool {
        let strikes = self.is_on() && roll() == 0;
        if strikes {
            self.count(kind);
        }
        strikes
    }

    pub fn goes_on(&self, end: E) -> bool {
        self.ends.iter().any(|(_, known)| *known == end)
    }

    /// A fault has begun that ends at a time.
    pub fn begin(&mut self, kind: &'static str, until: Duration, end: E) {
        self.count(kind);
        self.ends.push((until, end));
    }

    /// Takes out what is to end by now.
    pub fn take_due(&mut self, now: Duration) -> Vec<E> {
        let all = std::mem::take(&mut self.ends).into_iter();
        let (due, later) = all.partition(|(end, _)| *end <= now);
        self.ends = later;
        Self::places(due)
    }

    /// The trouble is over: takes out what goes on.
    pub fn end(&mut self) -> Vec<E> {
        self.is_over = true;
        Self::places(std::mem::take(&mut self.ends))
    }

    fn places(ends: Vec<(Duration, E)>) -> Vec<E> {
        ends.into_iter().map(|(_, end)| end).collect()
    }
}

/// A path for the real files of one run; what lies there goes with this.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        // A disk in memory where there is one: syncs take most of the time otherwise.
        let memory = PathBuf::from("/dev/shm");
        let folder = match memory.is_dir() {
            true => memory,
            false => std::env::temp_dir(),
        };
        let name = format!("sawlog-simulation-{}-{run}", std::process::id());
        Self(folder.join(name))
    }
}

impl std::ops::Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is not there if nothing was ever written.
        if self.0.exists() {
            std::fs::remove_dir_all(&self.0).expect("the folder is ours");
        }
    }
}

/// The seeds to be run.
pub fn seeds() -> Vec<u64> {
    match number("SAWLOG_SEED") {
        Some(seed) => vec![seed; number("SAWLOG_SEEDS").unwrap_or(1) as usize],
        None => (0..number("SAWLOG_SEEDS").unwrap_or(SEEDS)).collect(),
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("the variable holds a number"))
}

/// Seeds that run now, and since when.
#[derive(Default)]
struct Running(Mutex<HashMap<usize, (u64, Instant)>>);

impl Running {
    fn all(&self) -> MutexGuard<'_, HashMap<usize, (u64, Instant)>> {
        self.0.lock().expect("no holder of this lock panics")
    }

    /// One whose time is over: a task of it never waits, so that virtual time stands still.
    fn stuck(&self) -> Option<u64> {
        let all = self.all();
        let mut late = all.values().filter(|(_, since)| SEED_MAX < since.elapsed());
        late.next().map(|(seed, _)| *seed)
    }
}

/// Ends the process if a seed hangs.
fn watch(running: &Running, all_done: Receiver<()>, again: &impl Fn(u64) -> String) {
    let look = Duration::from_secs(1);
    while let Err(RecvTimeoutError::Timeout) = all_done.recv_timeout(look) {
        if let Some(seed) = running.stuck() {
            // Past the test's captured output, which goes with the process.
            let again = again(seed);
            let text = format!("seed {seed} did not end in {SEED_MAX:?}\n  {again}\n");
            std::io::stderr().write_all(text.as_bytes()).ok();
            std::process::exit(101);
        }
    }
}

/// Runs seeds on all processors; each seed has a thread for itself as long as it runs. The faults tell how the test of this
/// name runs their seed again. One that hangs ends the process, since nothing else can end it.
pub fn run_all<O: Outcome>(
    seeds: &[u64],
    test: &str,
    run: impl Fn(u64) -> Result<O, String> + Sync + std::panic::RefUnwindSafe,
) -> (O, Vec<String>) {
    let next = AtomicUsize::new(0);
    let found = Mutex::new((O::default(), Vec::new()));
    let running = Running::default();
    let again = |seed: u64| {
        format!(
            "again: SAWLOG_SEED={seed} SAWLOG_SEEDS=20 cargo test -p sawlog --bin sawlog {test} -- --nocapture"
        )
    };
    let run_some = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(&seed) = seeds.get(place) else {
                return;
            };
            running.all().insert(place, (seed, Instant::now()));
            let ended = std::panic::catch_unwind(|| run(seed));
            let ended = ended.unwrap_or_else(|_| Err("it panicked, see above".to_owned()));
            running.all().remove(&place);
            let mut found = found.lock().unwrap();
            match ended {
                Ok(outcome) => found.0.add(outcome),
                Err(fault) => found
                    .1
                    .push(format!("seed {seed}: {fault}\n  {}", again(seed))),
            }
        }
    };
    std::thread::scope(|scope| {
        let (done, all_done) = channel::<()>();
        scope.spawn(|| watch(&running, all_done, &again));
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            let done = done.clone();
            let run_some = &run_some;
            scope.spawn(move || {
                run_some();
                drop(done);
            });
        }
        drop(done);
    });
    found.into_inner().unwrap()
}

#[cfg(test)]
mod tests {
    use super::{Outcome, run_all};

    /// How many seeds ran well.
    #[derive(Default)]
    struct Well(u64);

    impl Outcome for Well {
        fn add(&mut self, other: Self) {
            self.0 += other.0;
        }
    }

    #[test]
    fn a_seed_that_fails_says_how_to_run_it_again() {
        let (well, faults) = run_all(&[1, 2, 3, 4], "some_test", |seed| match seed {
            2 => Err("a document is lost".to_owned()),
            3 => panic!("a seed that panics is told too"),
            _ => Ok(Well(1)),
        });
        assert_eq!((well.0, faults.len()), (2, 2), "{faults:?}");
        for (seed, reason) in [(2, "a document is lost"), (3, "it panicked, see above")] {
            let told = faults
                .iter()
                .find(|told| told.starts_with(&format!("seed {seed}: {reason}")));
            let told = told.unwrap_or_else(|| panic!("seed {seed} is not told: {faults:?}"));
            let again = format!("SAWLOG_SEED={seed} SAWLOG_SEEDS=20 cargo test ");
            assert!(
                told.contains(&again) && told.contains(" some_test "),
                "{told}"
            );
        }
    }
}
