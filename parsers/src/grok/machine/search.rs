//! Where a match may begin: the places that are tried, and those that are passed over.

use super::{Late, Machine, PLACES_MAX, Verdict};
use crate::grok::class::decode;
use crate::grok::program::{Needle, Start};

/// Steps for the look at a line's end; with more it is not worth it.
const LATE_STEPS_MAX: u64 = 200;
/// After one failure the next line often matches: then the look would be in vain.
const LATE_FAILURES_MIN: u32 = 2;

impl Machine<'_> {
    /// Looks for the leftmost match. `spans` must have two entries a capture, all unset.
    pub fn search(&mut self) -> Verdict {
        let program = std::ptr::from_ref(self.program).addr();
        let late = std::mem::take(&mut self.scratch.late);
        let failures = if late.program == program {
            late.failures
        } else {
            0
        };
        if LATE_FAILURES_MIN <= failures && self.fails_late() {
            self.scratch.late = late;
            return Verdict::NoMatch;
        }
        let verdict = match self.program.start {
            Start::Text => self.attempt(0),
            Start::Line => self.search_lines(),
            Start::Anywhere => self.search_anywhere(),
        };
        if verdict == Verdict::NoMatch
            && let Some(last) = self.program.last_gate
            && self.seen[last.gate] != 0
        {
            let failures = failures.saturating_add(1);
            self.scratch.late = Late { program, failures };
        }
        verdict
    }

    /// Whether the part of the program behind its last gate fails wherever the line has the gate's text: then the
    /// whole fails, whatever comes before.
    fn fails_late(&mut self) -> bool {
        let Some(last) = self.program.last_gate.filter(|_| self.furthest.is_none()) else {
            return false;
        };
        // The steps of this look are not counted, so that the budget is the same with and without it.
        let steps_left = std::mem::replace(&mut self.steps_left, LATE_STEPS_MAX);
        let needle = &self.program.gates[last.gate];
        let mut from = 0;
        let mut fails = true;
        while let Some(found) = self.line.get(from..).and_then(|rest| needle.next(rest)) {
            let place = from + found + needle.len();
            if self.attempt_from(last.address + 1, place) != Verdict::NoMatch {
                fails = false;
                break;
            }
            from += found + 1;
        }
        self.steps_left = steps_left;
        fails
    }

    pub(super) fn search_lines(&mut self) -> Verdict {
        let verdict = self.attempt(0);
        if verdict != Verdict::NoMatch || self.is_in_vain(1) {
            return verdict;
        }
        for newline in memchr::memchr_iter(b'\n', self.line) {
            let verdict = self.attempt(newline + 1);
            if verdict != Verdict::NoMatch {
                return verdict;
            }
        }
        Verdict::NoMatch
    }

    pub(super) fn search_anywhere(&mut self) -> Verdict {
        // Most lines match at once, so the look for the required text waits until one did not.
        let mut at = 0;
        if self.program.first.admits(self.line.first()) {
            let verdict = self.attempt(0);
            if verdict != Verdict::NoMatch {
                return verdict;
            }
            if self.is_in_vain(1) || self.lacks_required() {
                return Verdict::NoMatch;
            }
            at = decode(self.line, 0).map_or(1, |(_, length)| length);
        } else if self.is_in_vain(0) || self.lacks_required() {
            return Verdict::NoMatch;
        }
        match self.program.first.is_ascii() {
            true => self.search_bytes(at),
            false => self.search_characters(at),
        }
    }

    /// A match begins with a byte of ASCII, or at the end: the other bytes may be passed over.
    pub(super) fn search_bytes(&mut self, mut at: usize) -> Verdict {
        let first = &self.program.first;
        while let Some(rest) = self.line.get(at..) {
            let Some(skipped) = rest.iter().position(|byte| first.admits(Some(byte))) else {
                break;
            };
            at += skipped;
            let verdict = match self.can_start(at) {
                true => self.attempt(at),
                false => Verdict::NoMatch,
            };
            if verdict != Verdict::NoMatch {
                return verdict;
            }
            at += 1;
        }
        match at <= self.line.len() && first.admits(None) {
            true => self.attempt(self.line.len()),
            false => Verdict::NoMatch,
        }
    }

    pub(super) fn search_characters(&mut self, mut at: usize) -> Verdict {
        loop {
            if at <= self.line.len() && self.program.first.admits(self.line.get(at)) {
                let verdict = self.attempt(at);
                if verdict != Verdict::NoMatch {
                    return verdict;
                }
            }
            match decode(self.line, at) {
                Some((_, length)) => at += length,
                None => return Verdict::NoMatch,
            }
        }
    }

    /// Whether no match can begin from here on: some gate has no place that has not failed.
    fn is_in_vain(&self, from: usize) -> bool {
        let is_closed = |(gate, needle): (usize, &Needle)| !self.has_open_place(gate, needle, from);
        self.program.gates.iter().enumerate().any(is_closed)
    }

    fn has_open_place(&self, gate: usize, needle: &Needle, mut from: usize) -> bool {
        let seen = usize::from(self.seen[gate]);
        if PLACES_MAX < seen {
            return true;
        }
        let failed = self.scratch.places[gate].get(..seen).unwrap_or_default();
        while let Some(found) = self.line.get(from..).and_then(|rest| needle.next(rest)) {
            if !failed.contains(&(from + found + needle.len())) {
                return true;
            }
            from += found + 1;
        }
        false
    }

    pub(super) fn lacks_required(&self) -> bool {
        self.program
            .required
            .as_ref()
            .is_some_and(|needle| needle.next(self.line).is_none())
    }

    /// Whether one of the tokens that a match begins with may be at the place.
    fn can_start(&self, at: usize) -> bool {
        let leads = &self.program.leads;
        leads.is_empty() || leads.iter().any(|token| token.can_start(self.line, at))
    }
}
