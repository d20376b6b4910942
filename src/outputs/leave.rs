//! What a running output is told of its end: whoever runs it says so, the output looks or waits. An output that hears
//! nothing goes on until all encoders are gone and everything is sent.

use std::future;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// How an output is to end. What comes later here is more urgent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leave {
    /// Once everything is delivered.
    #[default]
    Delivered,
    /// The same, but another output takes its place: what lies on disk, and what came from there, is left to that one. What
    /// waits in memory is delivered, however long that takes.
    Replaced,
    /// The same, and there is an end to what workers still have for it: it takes all of that, so that nobody waits for room.
    Finishing,
    /// The same, but at once when nobody takes anything: what it holds is on disk, or can be read again.
    Safe,
    /// What lies on disk is left there. What waits in memory is delivered while somebody takes it; when nobody does, it is left
    /// as well: it lies on disk too, or nobody wants it.
    Succeeded,
    /// It begins nothing any more, and finishes what is under way.
    Now,
}

impl Leave {
    /// Whether nothing more is to be taken from the disk.
    pub fn leaves_disk(self) -> bool {
        matches!(
            self,
            Self::Replaced | Self::Finishing | Self::Succeeded | Self::Now
        )
    }

    /// Whether it takes more than it has room for.
    pub fn takes_all(self) -> bool {
        self == Self::Finishing
    }

    /// Whether it ends when nobody takes anything.
    pub fn leaves_when_away(self) -> bool {
        matches!(self, Self::Safe | Self::Succeeded | Self::Now)
    }
}

/// An output's ear for it.
#[derive(Clone, Debug)]
pub struct Notice(watch::Receiver<Leave>);

impl Default for Notice {
    /// Nothing will be said.
    fn default() -> Self {
        Self(watch::channel(Leave::default()).1)
    }
}

impl Notice {
    /// A notice, and how it is given.
    pub fn new() -> (watch::Sender<Leave>, Self) {
        let (teller, told) = watch::channel(Leave::default());
        (teller, Self(told))
    }

    /// What was said so far. The next change wakes whoever waits for one.
    pub fn heard(&mut self) -> Leave {
        *self.0.borrow_and_update()
    }

    /// The same, and who waits for a change is still woken.
    pub fn said(&self) -> Leave {
        *self.0.borrow()
    }

    pub fn is_now(&self) -> bool {
        self.said() == Leave::Now
    }

    /// Lets a thread wait before it tries something again. False if it is not to be tried again.
    pub fn sleep(&self, wait: Duration) -> bool {
        /// How late a thread may hear that it has to leave.
        const SLICE: Duration = Duration::from_millis(20);
        let until = Instant::now() + wait;
        while !self.is_now() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(SLICE));
        }
        false
    }

    /// Returns when something else is said.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            future::pending().await
        }
    }
}
