//! A message that could come once per event comes once in a while: the first at once, later ones with the number of those
//! that were held back. Time is an argument.

use std::sync::Mutex;
use std::time::Instant;

use crate::limits;

/// Lets one message pass in each `limits::WARNING_INTERVAL`.
#[derive(Debug, Default)]
pub struct Quiet(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    passed: Option<Instant>,
    held_back: u64,
}

impl Quiet {
    /// Whether the message may be said now; then, how many were held back since the last one.
    pub fn pass(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().expect("no holder of this lock panics");
        let silent = |passed| now.saturating_duration_since(passed) < limits::WARNING_INTERVAL;
        if state.passed.is_some_and(silent) {
            state.held_back += 1;
            return None;
        }
        state.passed = Some(now);
        Some(std::mem::take(&mut state.held_back))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::Quiet;
    use crate::limits::WARNING_INTERVAL;

    #[test]
    fn one_message_passes_in_a_while_and_tells_of_the_others() {
        let (quiet, start) = (Quiet::default(), Instant::now());
        assert_eq!(quiet.pass(start), Some(0));
        assert_eq!(quiet.pass(start), None);
        assert_eq!(quiet.pass(start + WARNING_INTERVAL / 2), None);
        assert_eq!(quiet.pass(start + WARNING_INTERVAL), Some(2));
    }
}
