//! Pipelines that a reload has replaced and that are not done yet: they end in the background.

use std::sync::Arc;

use tokio::task::{JoinError, JoinHandle};

use crate::agent::deadline::Deadline;
use crate::agent::rest::Rest;

/// What a pipeline that was replaced still has in hand, and until when.
pub struct Behind {
    task: JoinHandle<Rest>,
    deadline: Arc<Deadline>,
}

impl Behind {
    pub fn new(task: JoinHandle<Rest>, deadline: Arc<Deadline>) -> Self {
        Self { task, deadline }
    }

    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Has it end by a deadline; what is left then is given up.
    pub async fn end(mut self, deadline: Arc<Deadline>) -> Rest {
        let finished = deadline.within(&mut self.task).await;
        let rest = match finished {
            Some(rest) => rest,
            None => {
                self.deadline.pass();
                self.task.await
            }
        };
        ended(rest).unwrap_or(Rest::FAULT)
    }
}

/// What became of a pipeline that was ended.
pub fn ended<T>(ended: Result<T, JoinError>) -> Option<T> {
    if let Err(error) = &ended {
        tracing::error!("a pipeline was not ended for a fault: {error}");
    }
    ended.ok()
}
