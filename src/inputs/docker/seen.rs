//! Lines that came before: what an answer of the Engine repeats is left out.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use sawlog_parsers::docker_json::Stream;

use crate::inputs::docker::lines::Line;
use crate::inputs::docker::place::{self, Last};
use crate::limits;

/// Whether a line comes behind the last one that was handed over.
pub fn is_new(catching_up: &mut [Option<Last>; 2], line: &Line, text: &[u8]) -> bool {
    let slot = catching_up.get_mut(slot_of(line));
    let (Some(slot), Some(time)) = (slot, line.time) else {
        return true;
    };
    let Some(last) = slot else { return true };
    if time < last.time {
        return false;
    }
    if last.time < time {
        *slot = None;
        return true;
    }
    let hash = place::hash(text);
    match last.lines.iter().position(|&known| known == hash) {
        Some(index) => {
            last.lines.remove(index);
            false
        }
        None => true,
    }
}

/// Standard output's place among the streams, or standard error's.
pub fn slot_of(line: &Line) -> usize {
    match line.stream {
        Some(Stream::Stderr) => 1,
        Some(Stream::Stdin | Stream::Stdout) | None => 0,
    }
}

/// The lines of a stream that were handed over lately. After a rotation an Engine of version 20 sends the newest file again
/// from its beginning, within one answer.
#[derive(Debug, Default)]
pub struct Recent {
    /// Times and hashes, in the order of the times.
    lines: VecDeque<(i64, u64)>,
}

impl Recent {
    /// Whether a line was not seen lately; from now on it was.
    pub fn is_new(&mut self, time: Option<i64>, text: &[u8]) -> bool {
        let Some(time) = time else { return true };
        let hash = foldhash::fast::FixedState::default().hash_one(text);
        let newest = self.lines.back().map_or(i64::MIN, |newest| newest.0);
        if time <= newest {
            let begin = self.lines.partition_point(|line| line.0 < time);
            let mut same = self
                .lines
                .iter()
                .skip(begin)
                .take_while(|line| line.0 == time);
            if same.any(|line| line.1 == hash) {
                return false;
            }
        }
        // What is older than the newest line and unknown was written after someone set the clock back.
        if newest <= time {
            self.lines.push_back((time, hash));
            if limits::RECENT_LINES_MAX < self.lines.len() {
                self.lines.pop_front();
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;

    #[test]
    fn what_is_sent_again_is_known() {
        let mut recent = Recent::default();
        assert!(recent.is_new(Some(1), b"a"));
        assert!(recent.is_new(Some(2), b"b"));
        assert!(recent.is_new(Some(2), b"c"));
        for (time, text) in [(1, b"a"), (2, b"b"), (2, b"c")] {
            assert!(!recent.is_new(Some(time), text));
        }
        assert!(recent.is_new(Some(3), b"a"));
    }

    #[test]
    fn lines_after_the_clock_was_set_back_are_new() {
        let mut recent = Recent::default();
        assert!(recent.is_new(Some(5), b"a"));
        assert!(recent.is_new(Some(3), b"b"));
        assert!(recent.is_new(None, b"a"));
    }
}
