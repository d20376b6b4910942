//! What the simulations of all outputs share: seeds are run on all processors, and one that fails says how to run it again.
//! `docs/simulation.md` tells what is simulated.
//!
//! `SAWLOG_SEEDS=1000` runs more seeds, `SAWLOG_SEED=7 SAWLOG_SEEDS=20` one of them so many times.

use std::collections::HashMap;
use std::io::Write as _;
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
