//! The acknowledgement: a counted handle that a batch and every block of documents made from it carry. When the last
//! holder has settled, the input hears that its batch is safe; when one was lost on the way, it never does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Who wants to hear of a batch's end.
pub trait Acknowledge: Send + Sync {
    /// Every output has its verdict on the batch: what it was read from need not be read again.
    fn acknowledge(&self, token: u64);
}

/// A share in a batch. Dropping it unsettled means that the batch is not safe.
#[derive(Clone, Default)]
pub struct Ack {
    share: Option<Arc<Share>>,
    /// See `pushed`.
    is_pushed: bool,
}

struct Share {
    listener: Arc<dyn Acknowledge>,
    token: u64,
    abandoned: AtomicBool,
}

impl Drop for Share {
    fn drop(&mut self) {
        if !self.abandoned.load(Ordering::Acquire) {
            self.listener.acknowledge(self.token);
        }
    }
}

impl Ack {
    /// A handle that tells `listener` of `token` once all its clones are settled.
    pub fn new(listener: Arc<dyn Acknowledge>, token: u64) -> Self {
        Self {
            share: Some(Arc::new(Share {
                listener,
                token,
                abandoned: AtomicBool::new(false),
            })),
            is_pushed: false,
        }
    }

    /// Nobody listens: what belongs to this process alone, like its stdin.
    pub fn none() -> Self {
        Self::default()
    }

    /// Nobody listens, and whoever sent it will not send it again: where there is a queue on disk it waits there.
    pub fn pushed() -> Self {
        Self {
            share: None,
            is_pushed: true,
        }
    }

    /// Whether what it stands for cannot be had again.
    pub fn is_pushed(&self) -> bool {
        self.is_pushed
    }

    /// This holder is done: what it held is delivered, or lost by a decision that was counted.
    pub fn settle(mut self) {
        self.share.take();
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if let Some(share) = self.share.take() {
            share.abandoned.store(true, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{Ack, Acknowledge};

    #[derive(Default)]
    struct Heard(Mutex<Vec<u64>>);

    impl Acknowledge for Heard {
        fn acknowledge(&self, token: u64) {
            self.0.lock().expect("no holder panics").push(token);
        }
    }

    #[test]
    fn the_last_holder_to_settle_acknowledges() {
        let heard = Arc::new(Heard::default());
        let ack = Ack::new(heard.clone(), 7);
        let other = ack.clone();
        ack.settle();
        assert!(heard.0.lock().expect("no holder panics").is_empty());
        other.settle();
        assert_eq!(*heard.0.lock().expect("no holder panics"), [7]);
    }

    #[test]
    fn a_holder_that_is_lost_keeps_the_batch_unacknowledged() {
        let heard = Arc::new(Heard::default());
        let ack = Ack::new(heard.clone(), 7);
        drop(ack.clone());
        ack.settle();
        assert!(heard.0.lock().expect("no holder panics").is_empty());
    }
}
