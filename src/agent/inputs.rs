//! The running inputs of a pipeline, and the positions that they have.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

use crate::agent::deadline::Deadline;
use crate::queue::positions::Positions;

/// The positions in use of a pipeline.
pub type InUse = Arc<Mutex<Vec<Positions>>>;

/// Inputs that are stopped together.
pub struct Inputs {
    pub tasks: Vec<JoinHandle<()>>,
    pub stop: watch::Sender<bool>,
}

impl Inputs {
    /// None yet, and where those to come hear that they have to stop.
    pub fn none() -> (Self, watch::Receiver<bool>) {
        let (stop, stopped) = watch::channel(false);
        let tasks = Vec::new();
        (Self { tasks, stop }, stopped)
    }

    /// Tells them to stop and waits for them. Gives those that wait for an output longer than that.
    pub async fn stop(&mut self, deadline: &Deadline) -> Vec<JoinHandle<()>> {
        self.stop.send_replace(true);
        let mut stuck = Vec::new();
        while let Some(mut input) = self.tasks.pop() {
            match deadline.within(&mut input).await {
                Some(ended) => report(ended, "an input"),
                None => stuck.push(input),
            }
        }
        stuck
    }
}

/// Adds the positions that earlier pipelines have, those of one file once.
pub fn take_up(own: &Mutex<Vec<Positions>>, earlier: &[InUse]) {
    for of_pipeline in earlier {
        let of_pipeline = all_in(of_pipeline).clone();
        let mut own = all_in(own);
        for one in of_pipeline {
            if !own.iter().any(|known| known.path() == one.path()) {
                own.push(one);
            }
        }
    }
}

fn all_in(positions: &Mutex<Vec<Positions>>) -> MutexGuard<'_, Vec<Positions>> {
    positions.lock().expect("no holder of this lock panics")
}

/// Says that a task ended by a fault, if it did.
pub fn report(ended: Result<(), JoinError>, what: &str) {
    if let Err(error) = ended {
        tracing::error!("{what} ended by a fault: {error}");
    }
}
