//! Pipelines that a reload has replaced and that are not done yet: they end in the background.

use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

use crate::agent::inputs::InUse;
use crate::agent::outputs::Handle;
use crate::agent::rest::Rest;

/// A pipeline on its way out.
pub struct Behind {
    /// Which pipeline it was.
    pub pipeline: usize,
    pub task: JoinHandle<Rest>,
    pub stage: Stages,
    pub outputs: Vec<Handle>,
    pub positions: InUse,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Its sockets are read.
    Receiving,
    /// Files and containers are still read.
    Reading,
    /// Everything it has read is with its outputs.
    Delivering,
}

/// Tells how far a pipeline is. It has ended when there is nobody any more to say more.
#[derive(Clone)]
pub struct Stages(watch::Receiver<Stage>);

impl Stages {
    pub fn new() -> (watch::Sender<Stage>, Self) {
        let (teller, stages) = watch::channel(Stage::Receiving);
        (teller, Self(stages))
    }

    /// Returns once the pipeline is as far, or has ended.
    pub async fn reach(&mut self, stage: Stage) {
        // An error says that it has ended.
        drop(self.0.wait_for(|present| stage <= *present).await);
    }

    pub async fn end(&mut self) {
        while self.0.changed().await.is_ok() {}
    }

    /// Whether it is as far, or has ended.
    pub fn is_at(&self, stage: Stage) -> bool {
        stage <= *self.0.borrow() || self.has_ended()
    }

    /// Whether files and containers are still read.
    pub fn is_reading(&self) -> bool {
        *self.0.borrow() == Stage::Reading && !self.has_ended()
    }

    pub fn has_ended(&self) -> bool {
        self.0.has_changed().is_err()
    }
}

impl Behind {
    /// What is left of it once the agent's deadline has passed, which is its own too.
    pub async fn end(self) -> Rest {
        ended(self.task.await).unwrap_or(Rest::FAULT)
    }
}

/// What became of a pipeline that was ended.
pub fn ended<T>(ended: Result<T, JoinError>) -> Option<T> {
    if let Err(error) = &ended {
        tracing::error!("a pipeline was not ended for a fault: {error}");
    }
    ended.ok()
}
