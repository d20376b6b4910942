//! What the simulations of all outputs share: seeds are run on all processors, and one that fails says how to run it again.
//! `docs/simulation.md` tells what is simulated.
//!
//! `SAWLOG_SEEDS=1000` runs more seeds, `SAWLOG_SEED=7 SAWLOG_SEEDS=20` one of them so many times.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many seeds run when nobody says.
const SEEDS: u64 = 200;

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

/// Runs seeds on all processors; each seed has a thread for itself as long as it runs. The faults tell how the test of this
/// name runs their seed again.
pub fn run_all<O: Outcome>(
    seeds: &[u64],
    test: &str,
    run: impl Fn(u64) -> Result<O, String> + Sync + std::panic::RefUnwindSafe,
) -> (O, Vec<String>) {
    let next = AtomicUsize::new(0);
    let found = Mutex::new((O::default(), Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&seed) = seeds.get(place) else {
                        return;
                    };
                    let ended = std::panic::catch_unwind(|| run(seed));
                    let ended = ended.unwrap_or_else(|_| Err("it panicked, see above".to_owned()));
                    let mut found = found.lock().unwrap();
                    match ended {
                        Ok(outcome) => found.0.add(outcome),
                        Err(fault) => found.1.push(format!(
                            "seed {seed}: {fault}\n  again: SAWLOG_SEED={seed} SAWLOG_SEEDS=20 cargo test -p sawlog --bin \
                             sawlog {test} -- --nocapture"
                        )),
                    }
                }
            });
        }
    });
    found.into_inner().unwrap()
}
