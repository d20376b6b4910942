//! Until when something is waited for.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// A point in time that may be set later, while somebody already waits for it.
pub struct Deadline(watch::Sender<Option<Instant>>);

impl Default for Deadline {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Deadline {
    /// So much from now on.
    pub fn within_time(wait: Duration) -> Self {
        let deadline = Self::default();
        deadline.set(wait);
        deadline
    }

    /// Sets it, from now on, unless it is set.
    pub fn set(&self, wait: Duration) {
        self.0.send_if_modified(|deadline| {
            let is_new = deadline.is_none();
            deadline.get_or_insert_with(|| Instant::now() + wait);
            is_new
        });
    }

    /// Returns once it is set.
    pub async fn is_set(&self) {
        // No error: the sender is ours.
        drop(self.0.subscribe().wait_for(Option::is_some).await);
    }

    /// It is over, whatever was set.
    pub fn pass(&self) {
        self.0.send_replace(Some(Instant::now()));
    }

    /// Waits for a future, at most until the deadline.
    pub async fn within<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut changes = self.0.subscribe();
        let passed = async {
            loop {
                let set = *changes.borrow_and_update();
                let changed = changes.changed();
                match set {
                    None => drop(changed.await),
                    Some(at) => tokio::select! {
                        () = tokio::time::sleep_until(at) => return,
                        _ = changed => {}
                    },
                }
            }
        };
        tokio::select! {
            biased;
            output = future => Some(output),
            () = passed => None,
        }
    }
}
