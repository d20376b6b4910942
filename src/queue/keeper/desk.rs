//! Where others lay down what they want of the keeper of a queue.

use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::{Notify, mpsc};

use crate::queue::block::{Block, Spares};

/// A pipeline that uses the queue.
pub struct Using {
    /// To the output's task; none once the encoders are gone and that has everything.
    pub forward: Option<mpsc::Sender<Block>>,
    /// Ends when the encoders are gone.
    pub encoders: mpsc::Receiver<Infallible>,
    /// Ends when the output's task is gone.
    pub taker: mpsc::Receiver<Infallible>,
    /// Where emptied buffers go.
    pub spares: Spares,
}

/// Where wishes are laid down for the keeper.
#[derive(Default)]
pub struct Desk {
    wishes: Mutex<Wishes>,
    called: Notify,
}

#[derive(Default)]
struct Wishes {
    /// The pipeline that uses the queue next; a later one takes an earlier one's place.
    next: Option<Using>,
    /// Nobody makes room any more: what finds none is refused.
    is_last_call: bool,
    /// Nothing more is taken in.
    is_closed: bool,
}

impl Desk {
    pub fn put(&self, using: Using) {
        self.wishes().next = Some(using);
        self.called.notify_one();
    }

    /// The agent ends: who waits for room waits no longer.
    pub fn call_last(&self) {
        self.wishes().is_last_call = true;
        self.called.notify_one();
    }

    /// Nothing more is taken in, whoever still could put something in: a worker that does not come to its end.
    pub fn close(&self) {
        self.wishes().is_closed = true;
        self.called.notify_one();
    }

    /// Returns once something was laid down.
    pub async fn called(&self) {
        self.called.notified().await;
    }

    /// The pipeline that uses the queue next, if there is a new one.
    pub fn next(&self) -> Option<Using> {
        self.wishes().next.take()
    }

    pub fn is_last_call(&self) -> bool {
        self.wishes().is_last_call
    }

    pub fn is_closed(&self) -> bool {
        self.wishes().is_closed
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().expect("no holder of this lock panics")
    }
}
