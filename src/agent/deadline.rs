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

    /// No later than so much from now on.
    pub fn hasten(&self, wait: Duration) {
        let soon = Instant::now() + wait;
        let is_later = |deadline: &Instant| soon < *deadline;
        self.0.send_if_modified(|deadline| {
            let is_new = deadline.as_ref().is_none_or(is_later);
            *deadline = if is_new { Some(soon) } else { *deadline };
            is_new
        });
    }

    /// Returns once it is set.
    pub async fn is_set(&self) {
        // No error: the sender is ours.
        drop(self.0.subscribe().wait_for(Option::is_some).await);
    }

    pub fn has_passed(&self) -> bool {
        self.0.borrow().is_some_and(|at| at <= Instant::now())
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Seconds that somebody waits for what never comes, if the deadline is changed after one.
    async fn waited(deadline: &Deadline, change: impl FnOnce(&Deadline)) -> u64 {
        let start = Instant::now();
        let later = async {
            tokio::time::sleep(SECOND).await;
            change(deadline);
        };
        let (never, ()) = tokio::join!(deadline.within(std::future::pending::<()>()), later);
        assert_eq!(never, None);
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_notices_that_the_deadline_has_moved() {
        let five = || Deadline::within_time(5 * SECOND);
        assert_eq!(waited(&five(), |_| {}).await, 5);
        assert_eq!(waited(&five(), |deadline| deadline.set(SECOND)).await, 5);
        assert_eq!(waited(&five(), |deadline| deadline.hasten(SECOND)).await, 2);
        let later = |deadline: &Deadline| deadline.hasten(9 * SECOND);
        assert_eq!(waited(&five(), later).await, 5);
        assert_eq!(waited(&five(), Deadline::pass).await, 1);
        let unset = Deadline::default();
        assert_eq!(waited(&unset, |deadline| deadline.hasten(SECOND)).await, 2);
    }
}
