//! Records whose documents have their verdicts, on their way from the output's task to the keeper.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::queue::ack::{Ack, Acknowledge};

/// Sequences of delivered records, in any order.
#[derive(Default)]
pub struct Delivered {
    sequences: Mutex<Vec<u64>>,
    more: Notify,
}

impl Delivered {
    /// What a record's documents settle.
    pub fn ack(self: &Arc<Self>, sequence: u64) -> Ack {
        Ack::new(Arc::clone(self) as Arc<dyn Acknowledge>, sequence)
    }

    /// Returns once there are some. Cancelling loses nothing.
    pub async fn any(&self) {
        self.more.notified().await;
    }

    /// Moves them behind those in `into`.
    pub fn take(&self, into: &mut Vec<u64>) {
        into.append(&mut self.sequences());
    }

    fn sequences(&self) -> MutexGuard<'_, Vec<u64>> {
        self.sequences
            .lock()
            .expect("no holder of this lock panics")
    }
}

impl Acknowledge for Delivered {
    fn acknowledge(&self, sequence: u64) {
        self.sequences().push(sequence);
        self.more.notify_one();
    }

    fn stays_on_disk(&self) -> bool {
        true
    }
}
