//! A message that could come once per event comes once in a while; what it tells of is counted all the same. Time is an
//! argument.

use std::sync::Mutex;
use std::time::Instant;

use crate::limits;

/// Lets one message pass in each `limits::WARNING_INTERVAL`.
#[derive(Debug, Default)]
pub struct Quiet(Mutex<Option<Instant>>);

impl Quiet {
    /// Whether the message may be said now.
    pub fn passes(&self, now: Instant) -> bool {
        let mut passed = self.0.lock().expect("no holder of this lock panics");
        let silent = |passed| now.saturating_duration_since(passed) < limits::WARNING_INTERVAL;
        let passes = !passed.is_some_and(silent);
        if passes {
            *passed = Some(now);
        }
        passes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::Quiet;
    use crate::limits::WARNING_INTERVAL;

    #[test]
    fn one_message_passes_in_a_while() {
        let (quiet, start) = (Quiet::default(), Instant::now());
        assert!(quiet.passes(start));
        assert!(!quiet.passes(start));
        assert!(!quiet.passes(start + WARNING_INTERVAL / 2));
        assert!(quiet.passes(start + WARNING_INTERVAL));
    }
}
