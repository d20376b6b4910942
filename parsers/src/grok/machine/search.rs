//! Where a match may begin: the places that are tried, and those that are passed over.

use super::{Machine, Verdict};
use crate::grok::class::decode;
use crate::grok::program::Start;

impl Machine<'_> {
    /// Looks for the leftmost match. `spans` must have two entries a capture, all unset.
    pub fn search(&mut self) -> Verdict {
        match self.program.start {
            Start::Text => self.attempt(0),
            Start::Line => self.search_lines(),
            Start::Anywhere => self.search_anywhere(),
        }
    }

    pub(super) fn search_lines(&mut self) -> Verdict {
        let verdict = self.attempt(0);
        if verdict != Verdict::NoMatch {
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
            if self.lacks_required() {
                return Verdict::NoMatch;
            }
            at = decode(self.line, 0).map_or(1, |(_, length)| length);
        } else if self.lacks_required() {
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

    pub(super) fn lacks_required(&self) -> bool {
        self.program
            .required
            .as_ref()
            .is_some_and(|needle| needle.next.find(self.line).is_none())
    }

    /// Whether one of the tokens that a match begins with may be at the place.
    fn can_start(&self, at: usize) -> bool {
        let leads = &self.program.leads;
        leads.is_empty() || leads.iter().any(|token| token.can_start(self.line, at))
    }
}
