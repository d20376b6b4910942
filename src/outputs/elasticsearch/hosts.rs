//! Which host is asked next: those that answer take turns, one that failed rests. Time is an argument.

use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug, Default)]
struct State {
    in_flight: usize,
    /// Faults in a row.
    failures: u32,
    rests_until: Option<Instant>,
    failing_since: Option<Instant>,
}

/// The hosts of an output, by their places in its list.
#[derive(Debug)]
pub struct Hosts {
    all: Vec<State>,
    next: usize,
}

impl Hosts {
    pub fn new(count: usize) -> Self {
        Self {
            all: (0..count).map(|_| State::default()).collect(),
            next: 0,
        }
    }

    /// The host for the next request, if one may be asked: the least busy, in turn. One that failed is tried with one
    /// request at a time.
    pub fn pick(&mut self, now: Instant) -> Option<usize> {
        let count = self.all.len();
        let turn = |place: usize| (place + count - self.next) % count.max(1);
        let usable = |state: &State| {
            let rested = state.rests_until.is_none_or(|until| until <= now);
            rested && (state.failures == 0 || state.in_flight == 0)
        };
        let (place, _) = self
            .all
            .iter()
            .enumerate()
            .filter(|(_, state)| usable(state))
            .min_by_key(|(place, state)| (0 < state.failures, state.in_flight, turn(*place)))?;
        self.next = (place + 1) % count;
        self.state(place, |state| state.in_flight += 1);
        Some(place)
    }

    /// An answer came. Gives how long the host had failed, if it did.
    pub fn answered(&mut self, place: usize, now: Instant) -> Option<Duration> {
        let mut failed_for = None;
        self.state(place, |state| {
            state.in_flight = state.in_flight.saturating_sub(1);
            failed_for = state.failing_since.take().map(|since| now - since);
            state.failures = 0;
            state.rests_until = None;
        });
        failed_for
    }

    /// The request came to nothing: the host rests. True if it had worked before.
    pub fn failed(&mut self, place: usize, now: Instant, rest: Duration) -> bool {
        let mut is_first = false;
        self.state(place, |state| {
            state.in_flight = state.in_flight.saturating_sub(1);
            is_first = state.failing_since.is_none();
            state.failing_since.get_or_insert(now);
            let rests = state.rests_until.is_some_and(|until| now < until);
            if !rests {
                // Requests that were under way together fail together: that is one fault.
                state.failures = state.failures.saturating_add(1);
                state.rests_until = Some(now + rest);
            }
        });
        is_first
    }

    /// Faults in a row of a host.
    pub fn failures(&self, place: usize) -> u32 {
        self.all.get(place).map_or(0, |state| state.failures)
    }

    /// Whether none of them took the last request that it got.
    pub fn are_away(&self) -> bool {
        self.all.iter().all(|state| 0 < state.failures)
    }

    /// When the first resting host may be asked again.
    pub fn next_rested(&self, now: Instant) -> Option<Instant> {
        let rests = |state: &State| state.rests_until.filter(|until| now < *until);
        self.all.iter().filter_map(rests).min()
    }

    fn state(&mut self, place: usize, change: impl FnOnce(&mut State)) {
        if let Some(state) = self.all.get_mut(place) {
            change(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Hosts;

    const REST: Duration = Duration::from_secs(5);

    #[test]
    fn hosts_take_turns() {
        let now = Instant::now();
        let mut hosts = Hosts::new(3);
        let picked: Vec<_> = (0..4)
            .map(|_| {
                let place = hosts.pick(now).expect("all are well");
                hosts.answered(place, now);
                place
            })
            .collect();
        assert_eq!(picked, [0, 1, 2, 0]);
    }

    #[test]
    fn the_least_busy_host_is_picked() {
        let now = Instant::now();
        let mut hosts = Hosts::new(2);
        let first = hosts.pick(now).expect("all are well");
        let second = hosts.pick(now).expect("all are well");
        hosts.answered(second, now);
        assert_ne!(hosts.pick(now), Some(first));
    }

    #[test]
    fn a_host_that_failed_rests_while_others_work() {
        let now = Instant::now();
        let mut hosts = Hosts::new(2);
        let bad = hosts.pick(now).expect("all are well");
        assert!(hosts.failed(bad, now, REST));
        for _ in 0..3 {
            assert_ne!(hosts.pick(now), Some(bad));
        }
    }

    #[test]
    fn a_rested_host_is_tried_with_one_request() {
        let now = Instant::now();
        let mut hosts = Hosts::new(1);
        assert_eq!(hosts.pick(now), Some(0));
        hosts.failed(0, now, REST);
        assert_eq!(hosts.pick(now), None);
        assert_eq!(hosts.next_rested(now), Some(now + REST));
        let later = now + REST;
        assert_eq!(hosts.pick(later), Some(0));
        assert_eq!(hosts.pick(later), None);
        assert_eq!(hosts.answered(0, later), Some(REST));
        assert_eq!(hosts.failures(0), 0);
    }

    #[test]
    fn requests_that_fail_together_are_one_fault() {
        let now = Instant::now();
        let mut hosts = Hosts::new(1);
        hosts.pick(now);
        hosts.pick(now);
        assert!(hosts.failed(0, now, REST));
        assert!(!hosts.failed(0, now, REST));
        assert_eq!(hosts.failures(0), 1);
    }
}
