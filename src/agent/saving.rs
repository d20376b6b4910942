//! Positions go to disk while a pipeline runs, and at its end. What cannot be written is counted, and tried again.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::limits;
use crate::metrics::Metrics;
use crate::queue::positions::Positions;
use crate::quiet::Quiet;

/// Saves positions while the pipeline runs. What cannot be written is counted, and told once in a while.
pub async fn save_sometimes(positions: Arc<Mutex<Vec<Positions>>>, metrics: Arc<Metrics>) {
    let mut ticks = tokio::time::interval(limits::POSITIONS_SAVE_INTERVAL);
    let quiet = Quiet::default();
    loop {
        ticks.tick().await;
        let positions = Arc::clone(&positions);
        match tokio::task::spawn_blocking(move || save(&positions)).await {
            Ok(failures) => {
                count(&failures, &metrics);
                if !failures.is_empty() && quiet.passes(Instant::now()) {
                    tell(&failures);
                }
            }
            Err(fault) => tracing::error!("saving positions ended by a fault: {fault}"),
        }
    }
}

/// Writes all positions that moved for the last time.
pub fn save_at_last(positions: &Mutex<Vec<Positions>>, metrics: &Metrics) {
    let failures = save(positions);
    count(&failures, metrics);
    tell(&failures);
}

/// A file of positions that could not be written, and why.
type Failure = (Positions, io::Error);

/// Writes all positions that moved.
fn save(positions: &Mutex<Vec<Positions>>) -> Vec<Failure> {
    let all = positions
        .lock()
        .expect("no holder of this lock panics")
        .clone();
    let failure = |one: Positions| one.save().err().map(|error| (one, error));
    all.into_iter().filter_map(failure).collect()
}

fn count(failures: &[Failure], metrics: &Metrics) {
    metrics.position_saves_failed.add(failures.len() as u64);
}

fn tell(failures: &[Failure]) {
    for (one, error) in failures {
        let path = one.path().display();
        tracing::warn!("cannot save positions in {path}: {error}; a restart would read again");
    }
}
