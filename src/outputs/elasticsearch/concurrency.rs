//! How many requests may be under way at once: one more after each round that went well and no slower than usual, half as
//! many when the server has too much to do. Time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// Where it begins, if the most that is allowed is not less: the usual most.
const FIRST: usize = 4;

/// A request is slow when it takes longer than the usual one by this factor, and by `SLACK`.
const SLOW: u32 = 2;
const SLACK: Duration = Duration::from_millis(50);

/// How much of the usual time each request counts: that is about the last sixteen.
const WEIGHT: u32 = 16;

/// The present limit.
#[derive(Debug)]
pub struct Concurrency {
    limit: f64,
    max: usize,
    usual: Option<Duration>,
    halved: Option<Instant>,
}

impl Concurrency {
    pub fn new(max: usize) -> Self {
        Self {
            limit: max.clamp(1, FIRST) as f64,
            max: max.max(1),
            usual: None,
            halved: None,
        }
    }

    /// How many requests may be under way.
    pub fn limit(&self) -> usize {
        (self.limit as usize).clamp(1, self.max)
    }

    /// A request went well. `busy` says how many were under way with it: a limit that is not reached says nothing.
    pub fn answered(&mut self, took: Duration, busy: usize) {
        let usual = self.usual.unwrap_or(took);
        let is_slow = usual * SLOW + SLACK < took;
        self.usual = Some((usual * (WEIGHT - 1) + took) / WEIGHT);
        if !is_slow && self.limit() <= busy {
            self.limit = (self.limit + 1.0 / self.limit).min(self.max as f64);
        }
    }

    /// The server had too much to do, or did not answer in time. Requests that were under way together count once.
    pub fn overloaded(&mut self, started: Instant, now: Instant) {
        if self.halved.is_none_or(|halved| halved <= started) {
            self.limit = (self.limit / 2.0).max(1.0);
            self.halved = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Concurrency;

    const USUAL: Duration = Duration::from_millis(100);

    /// As many good requests as there may be at once.
    fn round(concurrency: &mut Concurrency, took: Duration) {
        for _ in 0..concurrency.limit() {
            concurrency.answered(took, concurrency.limit());
        }
    }

    #[test]
    fn it_begins_with_few_and_grows_by_one_a_round_up_to_the_most() {
        let mut concurrency = Concurrency::new(8);
        assert_eq!(concurrency.limit(), 4);
        for _ in 0..3 {
            round(&mut concurrency, USUAL);
        }
        assert!((6..=7).contains(&concurrency.limit()), "{concurrency:?}");
        for _ in 0..20 {
            round(&mut concurrency, USUAL);
        }
        assert_eq!(concurrency.limit(), 8);
        assert_eq!(Concurrency::new(2).limit(), 2);
    }

    #[test]
    fn it_does_not_grow_while_requests_are_slower_than_usual() {
        let mut concurrency = Concurrency::new(64);
        round(&mut concurrency, USUAL);
        let before = concurrency.limit();
        for _ in 0..3 {
            concurrency.answered(USUAL * 10, 64);
        }
        assert_eq!(concurrency.limit(), before);
    }

    #[test]
    fn it_does_not_grow_while_the_limit_is_not_reached() {
        let mut concurrency = Concurrency::new(64);
        for _ in 0..100 {
            concurrency.answered(USUAL, 1);
        }
        assert_eq!(concurrency.limit(), 4);
    }

    #[test]
    fn an_overload_halves_it_once_for_all_requests_that_met_it() {
        let start = Instant::now();
        let second = |number| start + Duration::from_secs(number);
        let mut concurrency = Concurrency::new(4);
        for _ in 0..4 {
            concurrency.overloaded(start, second(1));
        }
        assert_eq!(concurrency.limit(), 2);
        concurrency.overloaded(second(2), second(3));
        concurrency.overloaded(second(4), second(5));
        assert_eq!(concurrency.limit(), 1);
        for _ in 0..20 {
            round(&mut concurrency, USUAL);
        }
        assert_eq!(concurrency.limit(), 4);
    }
}
