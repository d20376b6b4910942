//! Lines that came before: what an answer of the Engine repeats is left out.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use sawlog_parsers::Stream;

use crate::inputs::docker::lines::Line;
use crate::inputs::docker::place::{self, Last};
use crate::limits;

/// Whether a line comes behind the last one that was handed over. Once that one has come again, all that follow are new,
/// whatever their times: the clock may have been set back since.
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
            if last.lines.is_empty() {
                *slot = None;
            }
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
#[derive(Debug)]
pub struct Recent {
    /// Times and hashes, in the order in which they came.
    lines: VecDeque<(i64, u64)>,
    /// The latest time that ever came.
    latest: i64,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            lines: VecDeque::new(),
            latest: i64::MIN,
        }
    }
}

impl Recent {
    /// Whether a line was not seen lately; from now on it was.
    pub fn is_new(&mut self, time: Option<i64>, text: &[u8]) -> bool {
        let Some(time) = time else { return true };
        let hash = foldhash::fast::FixedState::default().hash_one(text);
        // What is later than all before is new; what is not may have been written after someone set the clock back.
        if time <= self.latest && self.lines.contains(&(time, hash)) {
            return false;
        }
        self.latest = self.latest.max(time);
        self.lines.push_back((time, hash));
        if limits::RECENT_LINES_MAX < self.lines.len() {
            self.lines.pop_front();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use sawlog_parsers::Stream;

    use super::{Recent, is_new};
    use crate::inputs::docker::lines::{Line, Record};
    use crate::inputs::docker::place::{self, Last};

    fn line(time: i64) -> Line {
        Line::of(Record {
            stream: Stream::Stdout,
            time: Some(time),
            partial: false,
            truncated: false,
        })
    }

    #[test]
    fn behind_the_last_known_line_all_are_new_though_the_clock_was_set_back() {
        let last = Last {
            time: 100,
            count: 2,
            lines: vec![place::hash(b"b"), place::hash(b"c")],
        };
        let mut catching_up = [Some(last), None];
        let mut check = |time, text: &[u8], want| {
            assert_eq!(is_new(&mut catching_up, &line(time), text), want, "{time}");
        };
        check(90, b"a", false);
        check(100, b"b", false);
        check(100, b"c", false);
        check(70, b"d", true);
        check(60, b"e", true);
    }

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
        // These are known from then on as well.
        assert!(recent.is_new(Some(4), b"c"));
        for (time, text) in [(5, b"a"), (3, b"b"), (4, b"c")] {
            assert!(!recent.is_new(Some(time), text));
        }
    }
}
