//! Where a match may begin: the places that are tried, and those that are passed over.

use super::{Frame, Known, Machine, PLACES_MAX, Verdict};
use crate::grok::class::decode;
use crate::grok::program::{Needle, Start, Tail};

/// Steps for the look at a line's end; with more it is not worth it.
const TAIL_STEPS_MAX: u64 = 200;

impl Machine<'_> {
    /// Looks for the leftmost match. `spans` must have two entries a capture, all unset.
    pub fn search(&mut self) -> Verdict {
        if self.may_look_back() && self.fails_late() {
            return Verdict::NoMatch;
        }
        match self.program.start {
            Start::Text => self.attempt(0),
            Start::Line => self.search_lines(),
            Start::Anywhere => self.search_anywhere(),
        }
    }

    /// Whether to look at the tail first costs nothing where the line matches: its gate would be looked for from the end of
    /// the line as well, and what is known of the tail by then is not looked at again.
    fn may_look_back(&self) -> bool {
        let is_sought = |tail: Tail| tail.search.is_some();
        self.program.tail.is_some_and(is_sought) && self.program.first.admits(self.line.first())
    }

    /// Whether the tail of the program fails wherever the line has its gate's text: then the whole fails, whatever comes
    /// before. A place where it does not is noted as known.
    fn fails_late(&mut self) -> bool {
        if let Some(fails) = self.fails_late {
            return fails;
        }
        let Some(tail) = self.program.tail.filter(|_| self.notes.is_none()) else {
            return false;
        };
        // Whatever fails while the tail is looked at is no cause to look again.
        self.fails_late = Some(false);
        // The steps of this look are not counted, so that the budget is the same with and without it.
        let steps_left = std::mem::replace(&mut self.steps_left, TAIL_STEPS_MAX);
        let floor = std::mem::replace(&mut self.floor, self.scratch.stack.len());
        let fails = self.fails_from_all(tail);
        self.scratch.stack.truncate(self.floor);
        (self.floor, self.steps_left) = (floor, steps_left);
        self.fails_late = Some(fails);
        fails
    }

    /// Whether the tail has just failed for good, and fails everywhere else: then no other way leads to a match.
    #[inline]
    pub(super) fn fails_behind(&mut self) -> bool {
        let Some(tail) = self.program.tail else {
            return false;
        };
        // A way that is left open within the tail is gone first.
        let is_before = |frame: &Frame| frame.address().is_some_and(|pc| pc < tail.address);
        tail.address <= self.pc
            && self.scratch.stack.last().is_some_and(is_before)
            && self.fails_late()
    }

    /// From the last place to the first, up to one from where the tail does not fail.
    fn fails_from_all(&mut self, tail: Tail) -> bool {
        let needle = &self.program.gates[usize::from(tail.gate)];
        let mut found = needle.last(self.line);
        while let Some(at) = found {
            let place = at + needle.len();
            if !self.fails_from(tail, place) {
                return false;
            }
            // The next text may overlap with this one.
            let before = self.line.get(..place - 1);
            found = before.and_then(|line| needle.last_far(line));
        }
        true
    }

    fn fails_from(&mut self, tail: Tail, place: usize) -> bool {
        let seen = self.seen;
        if !self.is_new_at(usize::from(tail.gate), place) {
            return true;
        }
        let verdict = self.attempt_from(tail.address, place, tail.bound);
        if verdict == Verdict::NoMatch {
            return true;
        }
        // The gates on the way were not passed in vain.
        self.seen = seen;
        if verdict == Verdict::Match {
            self.known = Some(Known {
                gate: tail.gate,
                place,
                end: self.at,
            });
        }
        false
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
            if self.is_in_vain(1) || self.lacks_required() || self.fails_late() {
                return Verdict::NoMatch;
            }
            at = decode(self.line, 0).map_or(1, |(_, length)| length);
        } else if self.is_in_vain(0) || self.lacks_required() || self.fails_late() {
            return Verdict::NoMatch;
        }
        match self.program.first.is_ascii() {
            true => self.search_bytes(at),
            false => self.search_characters(at),
        }
    }

    /// A match begins with a byte of ASCII, or at the end: the other bytes may be passed over.
    pub(super) fn search_bytes(&mut self, mut at: usize) -> Verdict {
        let mut sign_at = 0;
        while let Some(start) = self.next_start(at, &mut sign_at) {
            let verdict = match self.can_start(start) {
                true => self.attempt(start),
                false => Verdict::NoMatch,
            };
            if verdict != Verdict::NoMatch {
                return verdict;
            }
            at = start + 1;
        }
        match at <= self.line.len() && self.program.first.admits(None) {
            true => self.attempt(self.line.len()),
            false => Verdict::NoMatch,
        }
    }

    /// The next place with a byte that a match begins with, and near the sign of the token that it begins with, if there is
    /// one: then `sign_at` is where the sign was seen last.
    fn next_start(&self, mut at: usize, sign_at: &mut usize) -> Option<usize> {
        let first = &self.program.first;
        if let Some(sign) = self.program.sign {
            if *sign_at < at + sign.nearest {
                let rest = self.line.get(at + sign.nearest..)?;
                *sign_at = at + sign.nearest + memchr::memchr(sign.byte, rest)?;
            }
            at = at.max(sign_at.saturating_sub(sign.furthest));
        }
        let rest = self.line.get(at..)?;
        let skipped = rest.iter().position(|byte| first.admits(Some(byte)))?;
        Some(at + skipped)
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
